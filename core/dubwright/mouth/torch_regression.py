"""Mouth curves from what a speech encoder hears, by small networks that one actor's footage trains.

They are given what is heard around a frame and the curves that are predicted without it, and tell
what these lack: stacked generalisation (Wolpert, 1992). Untrained they tell nothing, and training
stops where it helps no more on frames that they have not learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch.nn import functional

from dubwright.mouth.regression import APART, AROUND_S, BLOCKS, CURVE_WEIGHTS, SEEDS, Lesson

__all__ = ["MouthRegression", "trained_without"]

Array = NDArray[np.floating[Any]]
Tensor = torch.Tensor

BOTTLENECK, HIDDEN, DROPOUT = 16, 48, 0.3
RATE, DECAY = 2e-3, 0.1
STEPS, TRIED_EVERY, PATIENCE = 600, 10, 120


class MouthRegression:
    """Networks whose answers are averaged; their weights by name."""

    def __init__(self, networks: Sequence[dict[str, Tensor]]) -> None:
        self.networks = tuple(networks)

    def lacking(self, heard: Array, predicted: Array) -> Array:
        """What curves lack that were predicted without it, [frames, 4]."""
        given = _tensor(heard), _tensor(predicted)
        told = np.zeros(predicted.shape)
        for weights in self.networks:
            network = _Network(heard.shape[2])
            network.load_state_dict(weights)
            network.eval().to(given[0].device)
            with torch.no_grad():
                told += network(*given).cpu().numpy()
        return np.asarray(told / len(self.networks))

    def save(self, path: Path) -> None:
        tensors = {
            f"{number}.{name}": tensor.contiguous()
            for number, weights in enumerate(self.networks)
            for name, tensor in weights.items()
        }
        save_file(tensors, path)

    @classmethod
    def load(cls, path: Path) -> MouthRegression:
        networks: dict[int, dict[str, Tensor]] = {}
        for name, tensor in load_file(path).items():
            number, _, own = name.partition(".")
            networks.setdefault(int(number), {})[own] = tensor
        return cls([networks[number] for number in sorted(networks)])

    @classmethod
    def together(cls, parts: Sequence[MouthRegression]) -> MouthRegression:
        return cls([network for part in parts for network in part.networks])


def trained_without(lesson: Lesson, block: int, step: Callable[[], None]) -> MouthRegression:
    """Networks that learned from all blocks but this one. The same each time.

    Args:
        lesson: of dubwright.mouth.regression.LEAST_FRAMES at least.
        block: that they may be judged by.
        step: called after each network.
    """
    networks = []
    for seed in range(SEEDS):
        networks.append(_trained(lesson, block, seed))
        step()
    return MouthRegression(networks)


class _Network(torch.nn.Module):
    """Tells in inter-ocular distances what curves lack, and is told them so."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.heard = torch.nn.Linear(values, BOTTLENECK)
        self.hidden = torch.nn.Linear(BOTTLENECK * len(AROUND_S) + len(CURVE_WEIGHTS), HIDDEN)
        self.told = torch.nn.Linear(HIDDEN, len(CURVE_WEIGHTS))
        self.register_buffer("centre", torch.zeros(len(CURVE_WEIGHTS)))
        self.register_buffer("spread", torch.ones(len(CURVE_WEIGHTS)))
        torch.nn.init.zeros_(self.told.weight)
        torch.nn.init.zeros_(self.told.bias)

    def scaled_to(self, curves: Tensor) -> None:
        self.centre = curves.mean(dim=0)
        self.spread = curves.std(dim=0).clamp(min=1e-6)

    def forward(self, heard: Tensor, predicted: Tensor) -> Tensor:
        moments = self._dropped(functional.gelu(self.heard(heard))).flatten(1)
        scaled = (predicted - self.centre) / self.spread
        hidden = functional.gelu(self.hidden(torch.cat([moments, scaled], dim=1)))
        told: Tensor = self.told(self._dropped(hidden)) * self.spread
        return told

    def _dropped(self, values: Tensor) -> Tensor:
        return functional.dropout(values, DROPOUT, self.training)


def _trained(lesson: Lesson, block: int, seed: int) -> dict[str, Tensor]:
    heard, predicted, curves = map(_tensor, (lesson.heard, lesson.predicted, lesson.curves))
    stop = (block + 1) % BLOCKS
    near = np.convolve(lesson.blocks == block, np.ones(2 * APART + 1), "same") > 0
    stopping = (lesson.blocks == stop) & ~near
    others = (lesson.blocks != stop) & ~near
    learns, tried = (torch.from_numpy(each).to(heard.device) for each in (others, stopping))
    weights = _tensor(np.array(CURVE_WEIGHTS))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = _Network(heard.shape[2]).to(heard.device)
        network.scaled_to(curves[learns])
        optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)

        def missed(which: Tensor) -> Tensor:
            told = predicted[which] + network(heard[which], predicted[which])
            apart = (told - curves[which]) / network.spread
            return torch.as_tensor((apart**2 * weights).mean())

        best, least, at = _copied(network), float("inf"), 0
        for number in range(STEPS):
            if number % TRIED_EVERY == 0:
                network.eval()
                with torch.no_grad():
                    now = float(missed(tried))
                if now < least:
                    best, least, at = _copied(network), now, number
                elif number - at > PATIENCE:
                    break
                network.train()
            optimiser.zero_grad()
            missed(learns).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return best


def _copied(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def _tensor(values: Array) -> Tensor:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)
