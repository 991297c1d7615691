"""Lip shapes: how an actor's face changes with the curves, and where a plate's points go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.face.head_frame import HeadMotion, mouth_curves
from dubwright.face.landmarks import LOWER_INNER_LIP, MESH_POINTS, UPPER_INNER_LIP

__all__ = ["CurveToShape", "carried_points", "carry_weights", "lip_gaps", "smoothstep"]

Array = NDArray[np.floating[Any]]

NEWTON_STEPS: Final = 3
RIDGE: Final = 0.02
# The lower face follows the new mouth, wholly from the lips on; the nose's wings do a little, the
# cheeks' sides and all above do not.
LATERAL_START_IOD, LATERAL_END_IOD = 0.35, 0.85
NOSE_BASE, LIP_TOP = 2, 0
NOSE_IOD: Final = 0.08
# Of the pairs of inner lip points, those that the aperture is measured between.
MIDDLE_PAIRS: Final = (3, 4, 5)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below low, 1 above high, smooth between (Perlin's cubic)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    smooth: Array = t * t * (3 - 2 * t)
    return smooth


def carry_weights(positions: Array) -> Array:
    """How much each mesh point of an actor follows the new mouth, from 0 to 1, [468].

    Args:
        positions: of the actor's frames in the head frame, [frames, 478, 3].
    """
    usual = np.nanmedian(positions[:, :MESH_POINTS], axis=0)
    height, side = usual[:, 1], np.abs(usual[:, 0])
    below = smoothstep(usual[NOSE_BASE, 1] - NOSE_IOD, usual[LIP_TOP, 1], height)
    return below * (1 - smoothstep(LATERAL_START_IOD, LATERAL_END_IOD, side))


@dataclass(frozen=True, slots=True, eq=False)
class CurveToShape:
    """A linear map from changes of the curves to changes of the face, [4, 478, 3]."""

    gain: Array

    @classmethod
    def learned(cls, positions: Array, curves: NDArray[np.float32]) -> CurveToShape:
        """Ridge regression over an actor's frames, positions [frames, 478, 3]."""
        centred = curves.astype(np.float64) - curves.mean(axis=0)
        spread = centred.std(axis=0) + 1e-6
        scaled = centred / spread
        change = (positions - positions.mean(axis=0)).reshape(len(positions), -1)
        normal = scaled.T @ scaled + RIDGE * len(scaled) * np.eye(scaled.shape[1])
        gain = np.linalg.solve(normal, scaled.T @ change) / spread[:, None]
        return cls(gain.reshape(-1, *positions.shape[1:]))

    def towards(self, shape: Array, target: NDArray[np.float32]) -> Array:
        """The shape [478, 3] changed until its curves are the target's, by Newton's method.

        Lips meet and do not pass through each other, however hard they are pressed.
        """
        met = np.minimum(lip_gaps(shape), 0)
        for _ in range(NEWTON_STEPS):
            curves = mouth_curves(shape[None])[0]
            # A curve is a distance: where lips have crossed, it would lead them further apart.
            curves[0] *= np.sign(lip_gaps(shape)[list(MIDDLE_PAIRS)].mean())
            shape = shape + np.tensordot(target - curves, self.gain, 1)
        return _parted(shape, met)


def lip_gaps(shape: Array) -> Array:
    """How far each point of the lower inner lip is below its upper one, [pairs]; < 0 crossed."""
    gaps: Array = shape[list(LOWER_INNER_LIP), 1] - shape[list(UPPER_INNER_LIP), 1]
    return gaps


def _parted(shape: Array, least: Array) -> Array:
    """The shape with each pair of inner lip points at least so far apart, both moved alike."""
    short = np.maximum(least - lip_gaps(shape), 0) / 2
    parted = shape.copy()
    parted[list(UPPER_INNER_LIP), 1] -= short
    parted[list(LOWER_INNER_LIP), 1] += short
    return parted


def carried_points(
    motion: HeadMotion, frame: int, shape: Array, points: Array, weights: Array
) -> Array:
    """A plate's picture points [468, 2] in square pixels, moved to a head-frame shape.

    `weights` say how much each follows; see carry_weights.
    """
    own = motion.positions[frame]
    change = (shape[:MESH_POINTS] - own[:MESH_POINTS]) * weights[:, None]
    moved: Array = points[:MESH_POINTS] + motion.to_picture(frame, change)[:, :2]
    return moved
