"""Refines drawn mouths by a small network that learned one actor.

A U-Net (Ronneberger et al., 2015) tells from the drawn mouth, log-encoded, and from where its lips
are to be, what is missing to how this actor's mouth looks, and a matte of where to believe it.
Untrained it tells nothing. It has no normalisation that looks beyond a pixel's surroundings, so
that tiles of a large mouth give what the whole would.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch.nn import functional

from dubwright.model import Box
from dubwright.picture.raster import Grid
from dubwright.picture.refinement import PLANES, DrawnMouth, DrawnPair, MouthWindow, Scores
from dubwright.picture.torch_likeness import Likeness
from dubwright.picture.torch_nlpd import pyramid_distance, texture_distance

__all__ = ["TorchRefiner", "Training", "scored"]

Tensor = torch.Tensor
Image = NDArray[np.float32]

WIDTHS: Final = (32, 48, 64)
SHUFFLE: Final = 2
# Pixels along a window that the network halves evenly.
UNIT: Final = SHUFFLE * 2 ** (len(WIDTHS) - 1)
TILE, TILE_MARGIN = 512, 96
# A network's answers are this large at most, as parts of the encoding's range.
MOST_CHANGE: Final = 0.25
CROP: Final = 160
PAIRS_PER_STEP: Final = 4
LEARNING_RATE: Final = 5e-4
# A matte that is wholly shut would never learn to open again.
SHUT: Final = 3.0
AVERAGED: Final = 0.02
LIGHTER: Final = 0.08
APART_WEIGHT, SEEN_WEIGHT, TEXTURE_WEIGHT, STEADY_WEIGHT = 3.0, 0.05, 0.3, 0.5
LIKENESS_WEIGHT: Final = 0.05


class TorchRefiner:
    """Made with the weights of a network."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self._device = _device()
        self._network = _Network()
        self._network.load_state_dict(weights)
        self._network.eval().to(self._device)

    @classmethod
    def load(cls, path: Path) -> TorchRefiner:
        return cls(load_file(path))

    def refined(self, mouth: DrawnMouth) -> Grid:
        picture = mouth.picture
        seen = torch.as_tensor(picture, dtype=torch.float32).to(self._device)
        change = self.change(seen, mouth.window) * mouth.strength
        return picture + (change if isinstance(picture, Tensor) else change.cpu().numpy())

    def change(self, picture: Tensor, window: MouthWindow) -> Tensor:
        """What a window's picture [height, width, 3] lacks, of its size."""
        given = [picture.permute(2, 0, 1), torch.from_numpy(window.planes()).to(self._device)]
        half = self._device.type == "cuda"
        with torch.no_grad(), torch.autocast(self._device.type, torch.float16, enabled=half):
            told = self._tiled(torch.cat(given)[None])[0].float()
        where = torch.from_numpy(window.reach() * np.float32(window.openness())).to(self._device)
        return told.permute(1, 2, 0) * where[..., None]

    def _tiled(self, given: Tensor) -> Tensor:
        height, width = given.shape[-2:]
        if max(height, width) <= TILE + 2 * TILE_MARGIN:
            return self._network(given)
        whole = torch.zeros_like(given[:, :3])
        for box in _tiles(width, height):
            rows, columns = box.slices
            y0, x0 = max(0, box.y0 - TILE_MARGIN), max(0, box.x0 - TILE_MARGIN)
            # What is halved must be halved where the whole is.
            y0, x0 = y0 // UNIT * UNIT, x0 // UNIT * UNIT
            part = given[..., y0 : box.y1 + TILE_MARGIN, x0 : box.x1 + TILE_MARGIN]
            told = self._network(part)
            whole[..., rows, columns] = told[
                ..., box.y0 - y0 : box.y1 - y0, box.x0 - x0 : box.x1 - x0
            ]
        return whole


class Training:
    """A network while it learns; what it does next depends on its seed and its steps alone.

    Args:
        seed: of all that is left to chance.
        likeness: judges whether a mouth looks like this actor's, if there is something that can.
    """

    def __init__(self, seed: int = 1, likeness: Likeness | None = None) -> None:
        self._device = _device()
        self._seed = seed
        self._likeness = likeness
        self.steps = 0
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._network = _Network().to(self._device)
        self._optimiser = torch.optim.AdamW(self._network.parameters(), LEARNING_RATE)
        self._average = self._copied()

    @property
    def weights(self) -> dict[str, Tensor]:
        """Those of the last steps, averaged (Polyak and Juditsky, 1992): they waver less."""
        return {name: tensor.cpu().contiguous() for name, tensor in self._average.items()}

    def save(self, folder: Path) -> None:
        """Keep it so that it can go on from here."""
        save_file(self.weights, folder / "network.safetensors")
        now = {name: tensor.cpu().contiguous() for name, tensor in self._copied().items()}
        save_file(now, folder / "now.safetensors")
        moments = {
            f"{number}.{name}": value.detach().cpu().contiguous()
            for number, state in self._optimiser.state_dict()["state"].items()
            for name, value in state.items()
        }
        save_file(moments, folder / "optimiser.safetensors")
        told = {"seed": self._seed, "steps": self.steps}
        (folder / "training.json").write_text(json.dumps(told), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, likeness: Likeness | None = None) -> Training:
        told = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        training = cls(told["seed"], likeness)
        training.steps = told["steps"]
        training._network.load_state_dict(load_file(folder / "now.safetensors"))
        average = load_file(folder / "network.safetensors")
        training._average = {name: each.to(training._device) for name, each in average.items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in load_file(folder / "optimiser.safetensors").items():
            number, _, own = name.partition(".")
            moments.setdefault(int(number), {})[own] = value
        state = training._optimiser.state_dict()
        training._optimiser.load_state_dict(state | {"state": moments})
        return training

    def learn(self, runs: Sequence[Sequence[DrawnPair]]) -> float:
        """One step: neighbouring frames from some of the runs. Gives the loss.

        Args:
            runs: pairs of frames that follow each other.
        """
        chance = np.random.default_rng((self._seed, self.steps))
        batch = [pair for _ in range(PAIRS_PER_STEP // 2) for pair in _neighbours(runs, chance)]
        drawn, true, planes, reach, where = (
            torch.from_numpy(np.stack(column)).to(self._device)
            for column in zip(*batch, strict=True)
        )
        self._network.train()
        found = drawn + self._network(torch.cat([drawn, planes], dim=1)) * where
        wrong = found - true
        apart = (wrong.abs() * reach).sum() / (3 * reach.sum()).clamp(min=1)
        changes = (wrong[1::2] - wrong[::2]).abs() * reach[::2]
        unsteady = changes.sum() / (3 * reach[::2].sum()).clamp(min=1)
        seen = pyramid_distance(found, true, reach).mean()
        texture = texture_distance(found, true, reach).mean()
        loss = (
            APART_WEIGHT * apart
            + SEEN_WEIGHT * seen
            + TEXTURE_WEIGHT * texture
            + STEADY_WEIGHT * unsteady
        )
        if self._likeness is not None:
            loss = loss + LIKENESS_WEIGHT * self._likeness.apart(found, true)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimiser.step()
        self.steps += 1
        # At first what is averaged must not be what nothing has been learned by.
        share = max(AVERAGED, 1 / self.steps)
        for name, tensor in self._network.state_dict().items():
            self._average[name].lerp_(tensor, share)
        return float(loss.detach())

    def _copied(self) -> dict[str, Tensor]:
        state = self._network.state_dict()
        return {name: tensor.detach().clone() for name, tensor in state.items()}


def scored(refiner: TorchRefiner | None, runs: Sequence[Sequence[DrawnPair]]) -> Scores:
    """How far mouths are from the true ones: as a refiner makes them, or as they were drawn."""
    device = _device()
    seen, apart, unsteady, detail = [], [], [], []
    for run in runs:
        before: Tensor | None = None
        for pair in run:
            found, true = (
                torch.from_numpy(image.astype(np.float32)).to(device)
                for image in (pair.drawn, pair.true)
            )
            if refiner is not None:
                found = found + refiner.change(found, pair.window)
            found, true = (picture.permute(2, 0, 1)[None] for picture in (found, true))
            reach = torch.from_numpy(pair.window.reach()).to(device)[None, None]
            wrong = (found - true) * reach
            seen.append(float(pyramid_distance(found, true, reach)))
            apart.append(float(wrong.abs().sum() / (3 * reach.sum())))
            detail.append(float(_detail(found, reach) / _detail(true, reach).clamp(min=1e-9)))
            if before is not None and before.shape == wrong.shape:
                unsteady.append(float((wrong - before).abs().sum() / (3 * reach.sum())))
            before = wrong
    return Scores(
        seen=float(np.mean(seen)),
        apart=float(np.mean(apart)),
        unsteady=float(np.mean(unsteady)) if unsteady else 0.0,
        sharpness=float(np.median(detail)),
    )


class _Network(torch.nn.Module):
    """Tells what a picture lacks, [batch, 3, height, width], of the same size."""

    def __init__(self) -> None:
        super().__init__()
        given = (3 + PLANES) * SHUFFLE**2
        self.first = torch.nn.Conv2d(given, WIDTHS[0], 3, padding=1)
        self.down = torch.nn.ModuleList([_Block(wide, wider) for wide, wider in pairwise(WIDTHS)])
        self.middle = _Block(WIDTHS[-1], WIDTHS[-1])
        self.up = torch.nn.ModuleList(
            [_Block(wider + wide, wide) for wide, wider in pairwise(WIDTHS)]
        )
        self.last = torch.nn.Conv2d(WIDTHS[0], 4, 3, padding=1)
        for parameter in self.last.parameters():
            torch.nn.init.zeros_(parameter)

    def forward(self, given: Tensor) -> Tensor:
        height, width = given.shape[-2:]
        padded = functional.pad(given, (0, -width % UNIT, 0, -height % UNIT), mode="replicate")
        now = functional.gelu(self.first(functional.pixel_unshuffle(padded, SHUFFLE)))
        kept = []
        for block in self.down:
            kept.append(now)
            now = block(functional.avg_pool2d(now, 2))
        now = self.middle(now)
        for block, beside in zip(reversed(self.up), reversed(kept), strict=True):
            larger = functional.interpolate(now, scale_factor=2.0, mode="nearest")
            now = block(torch.cat([larger, beside], dim=1))
        told = self.last(now)
        matte = torch.sigmoid(SHUT * torch.tanh(told[:, 3:]))
        change = MOST_CHANGE * torch.tanh(told[:, :3]) * matte
        # The finest detail stays that of the drawn mouth, which is a real picture's.
        whole = functional.interpolate(
            change, scale_factor=float(SHUFFLE), mode="bilinear", align_corners=False
        )
        return whole[..., :height, :width]


class _Block(torch.nn.Module):
    def __init__(self, given: int, told: int) -> None:
        super().__init__()
        self.one = torch.nn.Conv2d(given, told, 3, padding=1)
        self.two = torch.nn.Conv2d(told, told, 3, padding=1)

    def forward(self, given: Tensor) -> Tensor:
        told: Tensor = functional.gelu(self.two(functional.gelu(self.one(given))))
        return told


def _neighbours(
    runs: Sequence[Sequence[DrawnPair]], chance: np.random.Generator
) -> Iterator[tuple[Image, Image, Image, Image, Image]]:
    """Two neighbouring frames of a run, cut alike and lit alike.

    Of each what is drawn, the true picture, its planes, its reach, and where it may be changed.
    """
    # A face that is far away is not learned from where there are nearer ones.
    sides = [min(min(pair.drawn.shape[:2]) for pair in run) for run in runs]
    side = min(CROP, max(sides))
    lengths = np.array(
        [(len(run) - 1) * (own >= side) for run, own in zip(runs, sides, strict=True)]
    )
    run = runs[int(chance.choice(len(runs), p=lengths / lengths.sum()))]
    first = int(chance.integers(len(run) - 1))
    height, width, _ = np.minimum(run[first].drawn.shape, run[first + 1].drawn.shape)
    down, right = (_start(int(length), side, chance) for length in (height, width))
    lighter = np.float32(chance.uniform(-LIGHTER, LIGHTER))
    for whole in (run[first], run[first + 1]):
        x, y = whole.window.box.x0 + right, whole.window.box.y0 + down
        pair = whole.part(Box(x, y, x + side, y + side))
        drawn, true = (each.astype(np.float32) + lighter for each in (pair.drawn, pair.true))
        reach = pair.window.reach()[None]
        yield (
            drawn.transpose(2, 0, 1),
            true.transpose(2, 0, 1),
            pair.window.planes(),
            reach,
            reach * np.float32(pair.window.openness()),
        )


def _start(length: int, side: int, chance: np.random.Generator) -> int:
    """Where a cut of a window starts so that the window's middle, the mouth's, is well inside."""
    first, last = round(length / 2 - 0.8 * side), round(length / 2 - 0.2 * side)
    return int(chance.integers(max(0, first), min(length - side, last) + 1))


def _tiles(width: int, height: int) -> Iterator[Box]:
    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            yield Box(x, y, min(x + TILE, width), min(y + TILE, height))


def _detail(picture: Tensor, reach: Tensor) -> Tensor:
    """The energy of a picture's finest details where a refiner reaches."""
    grey = picture.mean(dim=1, keepdim=True)
    kernel = grey.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    edges = functional.conv2d(functional.pad(grey, (1, 1, 1, 1), mode="replicate"), kernel)
    return (edges**2 * reach).sum() / reach.sum()


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
