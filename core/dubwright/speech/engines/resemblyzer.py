"""Resemblyzer's voice prints: its package carries the weights.

The network is Wan et al.'s (2018, Generalized end-to-end loss for speaker verification), as
Resemblyzer trained it. Its package would import webrtcvad and librosa, which only prepare sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import get_window

from dubwright.engines import EngineCard, EngineKind
from dubwright.errors import DubwrightError

__all__ = ["ResemblyzerDiarizer"]

RATE: Final = 16000
WINDOW, HOP, MELS = 400, 160, 40
FRAMES: Final = 160
VALUES: Final = 256
LAYERS: Final = 3
# Frames between one part of a range and the next: 1.3 parts a second, as the authors do.
STEP: Final = 77
LEAST_LEVEL: Final = 10 ** (-30 / 20)


class ResemblyzerDiarizer:
    card = EngineCard(
        name="resemblyzer",
        kind=EngineKind.DIARIZER,
        version=1,
        licence="Apache-2.0, and so are the weights in its package",
        commercial_use=True,
        packages=("resemblyzer", "torch", "transformers"),
        limits="Learned from people who read: whispers, shouts and songs sound like others.",
    )
    # In four recordings of real people, cut into parts of up to three seconds, prints of one voice
    # agree by .73 in the middle and those of two voices by .44, by .60 at most.
    same_voice = 0.64

    def prints(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        ranges: Sequence[tuple[int, int]],
    ) -> NDArray[np.float32]:
        parts, owners = [], []
        for index, (start, end) in enumerate(ranges):
            for part in _parts(samples[start:end], sample_rate):
                parts.append(part)
                owners.append(index)
        if not parts:
            return np.zeros((0, VALUES), np.float32)
        found = _embedded(np.array(parts))
        means = np.zeros((len(ranges), VALUES), np.float32)
        np.add.at(means, owners, found)
        normed: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return normed


def _parts(samples: NDArray[np.float32], sample_rate: int) -> list[NDArray[np.float32]]:
    """Mel energies of 1.6 s each, [160, 40]; what is shorter is filled up with silence."""
    speech = soxr.resample(samples, sample_rate, RATE)
    level = float(np.sqrt(np.mean(speech**2))) if len(speech) else 0.0
    if 0 < level < LEAST_LEVEL:
        speech = speech * (LEAST_LEVEL / level)
    frames = 1 + len(speech) // HOP
    count = max(1, 1 + (frames - FRAMES + STEP // 4) // STEP)
    needed = ((count - 1) * STEP + FRAMES - 1) * HOP
    padded = np.pad(speech, (WINDOW // 2, max(0, needed - len(speech)) + WINDOW // 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * get_window("hann", WINDOW), axis=1)) ** 2
    mels = (power @ _filters()).astype(np.float32)
    return [mels[n * STEP : n * STEP + FRAMES] for n in range(count)]


def _embedded(parts: NDArray[np.float32]) -> NDArray[np.float32]:
    import torch

    lstm, linear = _network()
    with torch.no_grad():
        _, (hidden, _) = lstm(torch.from_numpy(parts))
        raw = torch.relu(linear(hidden[-1]))
        found: NDArray[np.float32] = (raw / raw.norm(dim=1, keepdim=True)).numpy()
    return found


@lru_cache(maxsize=1)
def _filters() -> NDArray[np.float32]:
    from transformers.audio_utils import mel_filter_bank

    filters: NDArray[np.float32] = mel_filter_bank(
        WINDOW // 2 + 1, MELS, 0, RATE / 2, RATE, norm="slaney", mel_scale="slaney"
    ).astype(np.float32)
    return filters


@lru_cache(maxsize=1)
def _network() -> tuple[Any, Any]:
    if missing := ResemblyzerDiarizer.card.missing_packages:
        raise DubwrightError(
            "Voices cannot be told apart",
            where="the engine resemblyzer",
            why=f"not installed: {', '.join(missing)}",
            repair="pip install 'dubwright[neural]' and pip install --no-deps resemblyzer",
        )
    import torch

    spec = find_spec("resemblyzer")
    assert spec is not None and spec.submodule_search_locations
    weights = Path(spec.submodule_search_locations[0]) / "pretrained.pt"
    state = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
    lstm = torch.nn.LSTM(MELS, VALUES, LAYERS, batch_first=True)
    linear = torch.nn.Linear(VALUES, VALUES)
    for name, module in (("lstm.", lstm), ("linear.", linear)):
        theirs = {k.removeprefix(name): v for k, v in state.items() if k.startswith(name)}
        module.load_state_dict(theirs)
    return lstm, linear
