"""How far one actor's mouth moves, measured on the plate and steadied by what is usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.model import FaceTrack

__all__ = ["MouthRange", "measure_range"]

# Reach below and above rest while speaking, in inter-ocular distances, per curve: rounded by eye
# from the 5th, 50th and 95th percentiles of four real speakers.
USUAL_BELOW: Final = np.array([0.0, 0.05, 0.015, 0.02])
USUAL_ABOVE: Final = np.array([0.18, 0.06, 0.020, 0.08])
CONFIDENT_FRAMES: Final = 60
RESTING_SHARE: Final = 25


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

    @classmethod
    def typical(cls) -> MouthRange:
        """A mouth that nobody has measured."""
        rest = np.array([0.0, 0.55, 0.15, 1.25])
        return cls(_four(rest), _four(rest - USUAL_BELOW), _four(rest + USUAL_ABOVE))


def measure_range(tracks: list[FaceTrack]) -> MouthRange | None:
    """The range of one actor over all tracks of the same face; None where it is never seen."""
    seen = []
    for track in tracks:
        motion = in_head_frame(track.landmarks, track.template)
        seen.append(mouth_curves(motion.positions)[track.usable])
    curves = np.concatenate(seen) if seen else np.zeros((0, 4))
    if not len(curves):
        return None
    rest = _rest(curves)
    low, high = np.percentile(curves, (5, 95), axis=0)
    trust = len(curves) / (len(curves) + CONFIDENT_FRAMES)
    below = trust * np.maximum(rest - low, 0) + (1 - trust) * USUAL_BELOW
    above = trust * np.maximum(high - rest, 0) + (1 - trust) * USUAL_ABOVE
    return MouthRange(_four(rest), _four(rest - below), _four(rest + above))


def _rest(curves: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """The usual closed mouth: the median over the quarter of frames that are most closed."""
    closed = curves[curves[:, 0] <= np.percentile(curves[:, 0], RESTING_SHARE)]
    rest: NDArray[np.floating[Any]] = np.median(closed, axis=0)
    return rest


def _four(values: NDArray[np.floating[Any]]) -> tuple[float, float, float, float]:
    a, b, c, d = (round(float(v), 5) for v in values)
    return a, b, c, d
