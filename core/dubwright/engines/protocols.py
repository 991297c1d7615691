"""The steps that an engine can do. Each protocol speaks in the model's types only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dubwright.engines.card import EngineCard
from dubwright.model import FaceTrack, MouthCurves, Patch, Phone

__all__ = [
    "Aligner",
    "FaceTracker",
    "MouthPredictor",
    "MouthRange",
    "MouthRenderer",
    "MouthSource",
    "RenderedMouth",
    "Speech",
    "Synthesizer",
]


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """Synthesised speech: mono float32 samples between -1 and 1, and their phones."""

    samples: NDArray[np.float32]
    sample_rate: int
    phones: tuple[Phone, ...]


@dataclass(frozen=True, slots=True)
class MouthRange:
    """What one actor's mouth does, in inter-ocular distances, per curve of CURVE_NAMES.

    Attributes:
        rest: the closed mouth in silence.
        low, high: the 5th and 95th percentile while the actor speaks.
    """

    rest: tuple[float, float, float, float]
    low: tuple[float, float, float, float]
    high: tuple[float, float, float, float]


class Synthesizer(Protocol):
    card: EngineCard

    def languages(self) -> dict[str, str]:
        """Language tags that the engine speaks, with their names."""

    def speak(self, text: str, language: str, speed: float) -> Speech:
        """Say `text` at `speed` times the engine's natural pace."""


class Aligner(Protocol):
    card: EngineCard

    def align(
        self, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
    ) -> tuple[Phone, ...]:
        """The phones of a recording whose words are known. Mono float32 samples."""


class FaceTracker(Protocol):
    card: EngineCard

    def follow(self, frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        """Landmarks [478, 3] of the largest face, per frame; NaN where there is none.

        Frames are uint8 [height, width, 3], sRGB, square pixels.
        """


class MouthPredictor(Protocol):
    card: EngineCard

    def predict(
        self,
        phones: Sequence[Phone],
        sample_rate: int,
        start: Fraction,
        frames: int,
        rate: Fraction,
        mouth: MouthRange,
    ) -> MouthCurves:
        """Curves for `frames` frames; the first sample sounds `start` seconds into frame 0."""


class MouthSource(Protocol):
    """Footage of one actor that a renderer draws on."""

    @property
    def track(self) -> FaceTrack: ...

    def crop(self, index: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
        """The face, float32 [h, w, 3] scene-linear, and its corner (x, y) in the frame."""

    def frame(self, index: int) -> NDArray[np.float32]:
        """The whole frame, float32 [height, width, 3], scene-linear."""


@dataclass(frozen=True, slots=True, eq=False)
class RenderedMouth:
    """A frame's patch, or the reason why there is none."""

    patch: Patch | None
    reason: str


class MouthRenderer(Protocol):
    card: EngineCard

    def render(
        self,
        plate: MouthSource,
        library: Sequence[MouthSource],
        curves: MouthCurves,
        first_frame: int,
        only: range,
    ) -> Iterator[RenderedMouth]:
        """Draw the frames `only` of the span that starts at the plate's `first_frame`."""
