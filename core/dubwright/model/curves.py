"""Mouth curves: what the mouth does, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["CURVE_NAMES", "MouthCurves"]

CURVE_NAMES = ("aperture", "width", "protrusion", "jaw")


@dataclass(frozen=True, slots=True, eq=False)
class MouthCurves:
    """Four curves of one mouth, in inter-ocular distances, in the head frame.

    Attributes:
        rate: Frames a second.
        values: float32 [frames, 4] in the order of CURVE_NAMES; frame n holds the value at the
            middle of its exposure, (n + 1/2) / rate. Aperture is the gap between the inner lips,
            width the distance of the mouth's corners, protrusion how far the lips stand before
            the corners, jaw the chin's distance below the eyes.
        visemes: how much each viseme shapes the mouth in each frame, float32
            [frames, visemes] in the order of dubwright.mouth.articulation.CLASSES; rows of 0 where
            it is not known what is said; None if it never is.
    """

    rate: Fraction
    values: NDArray[np.float32]
    visemes: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(CURVE_NAMES):
            raise ValueError(f"mouth curves are [frames, {len(CURVE_NAMES)}]")
        if self.visemes is not None and len(self.visemes) != len(self.values):
            raise ValueError("visemes are told of every frame of the curves, or of none")

    def __len__(self) -> int:
        return len(self.values)

    def named(self, name: str) -> NDArray[np.float32]:
        """One curve by its name, float32 [frames]."""
        curve: NDArray[np.float32] = self.values[:, CURVE_NAMES.index(name)]
        return curve
