"""What a network learns of one actor's mouth, and how it is judged: numbers only, no network.

Frames are parted into blocks that follow each other. Each block is judged by networks that saw
neither it nor, but to stop in time, the block after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import Encoding
from dubwright.speech.features import interpolated

__all__ = [
    "APART",
    "BLOCKS",
    "CURVE_WEIGHTS",
    "LEAST_FRAMES",
    "MOST_FRAMES",
    "SEEDS",
    "Judged",
    "Lesson",
    "block_of_frames",
    "heard_around",
    "judged",
]

Array = NDArray[np.floating[Any]]

BLOCKS: Final = 4
# Networks of each block, which begin in other ways.
SEEDS: Final = 3
# What is heard from so long before a frame to so long after it tells what its mouth does.
AROUND_S: Final = np.linspace(-0.16, 0.16, 9)
CURVE_WEIGHTS: Final = (2.0, 0.5, 0.5, 1.0)
LEAST_SPREAD: Final = 1e-3
# Of fewer frames nothing is learned.
LEAST_FRAMES: Final = 96
# Of more, as many are learned from, of the whole.
MOST_FRAMES: Final = 3000
# Frames so near to a block are not learned from by those who judge it.
APART: Final = 4
# How much of what the curves miss must be gone before networks are believed to help.
LEAST_GAIN: Final = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Frames in which an actor speaks on the plate, in the order of their lines.

    Attributes:
        heard: see heard_around, [frames, moments, values].
        predicted: the curves that are predicted by what was learned from other blocks, [frames, 4].
        curves: what the mouth did, [frames, 4].
        blocks: the block that each frame is of, [frames].
    """

    heard: Array
    predicted: Array
    curves: Array
    blocks: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """How well curves are predicted of frames that nothing was learned from.

    Attributes:
        frames: so many.
        without, by: r of the aperture without the networks and by them; 0 where they are too few.
        gain: which part of what the curves missed is gone by them, of all four.
    """

    frames: int
    without: float
    by: float
    gain: float

    @property
    def helps(self) -> bool:
        return self.gain >= LEAST_GAIN and self.by >= self.without


def block_of_frames(frames: int) -> NDArray[np.int64]:
    """The block of each of so many frames, [frames]."""
    return np.arange(frames) * BLOCKS // max(frames, 1)


def heard_around(encoding: Encoding, times: Array) -> NDArray[np.float32]:
    """What is heard around each time, in seconds from the first sample, [times, moments, values].

    By the recording's own mean and spread: another voice or microphone is then less another.
    """
    values = encoding.values.astype(np.float64)
    centre, spread = values.mean(axis=0), np.maximum(values.std(axis=0), LEAST_SPREAD)
    place = (times[:, None] + AROUND_S - float(encoding.first)) * float(encoding.rate)
    return ((interpolated(values, place) - centre) / spread).astype(np.float32)


def judged(curves: Array, predicted: Array, told: Array) -> Judged:
    """Whether curves are better by networks that had not seen their blocks.

    Args:
        curves: what the mouth did, [frames, 4].
        predicted: without networks, [frames, 4].
        told: by them, as they would be drawn, [frames, 4].
    """
    if len(told) < LEAST_FRAMES:
        return Judged(len(told), 0.0, 0.0, 0.0)
    without, by = _missed(predicted, curves), _missed(told, curves)
    return Judged(
        frames=len(told),
        without=_agreement(predicted, curves),
        by=_agreement(told, curves),
        gain=1 - by / without if without else 0.0,
    )


def _missed(told: Array, curves: Array) -> float:
    spread = np.maximum(curves.std(axis=0), 1e-6)
    return float(((((told - curves) / spread) ** 2) @ CURVE_WEIGHTS).mean())


def _agreement(told: Array, curves: Array) -> float:
    if min(told[:, 0].std(), curves[:, 0].std()) < 1e-9:
        return 0.0
    return float(np.corrcoef(told[:, 0], curves[:, 0])[0, 1])
