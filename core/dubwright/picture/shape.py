"""Lip shapes: how an actor's face changes with the curves, and where a plate's points go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.face.head_frame import HeadMotion, mouth_curves
from dubwright.face.landmarks import MESH_POINTS

__all__ = ["CurveToShape", "carried_points", "smoothstep"]

Array = NDArray[np.floating[Any]]

NEWTON_STEPS: Final = 3
RIDGE: Final = 0.02
# The lower face follows the new mouth; the nose, the cheeks' sides and all above do not.
FOLLOWS_BELOW_IOD, FOLLOWS_WHOLLY_IOD = 0.38, 0.62
LATERAL_START_IOD, LATERAL_END_IOD = 0.45, 0.72
LATERAL_HOLD: Final = 0.85


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below low, 1 above high, smooth between (Perlin's cubic)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    smooth: Array = t * t * (3 - 2 * t)
    return smooth


def _carry_weights(positions: Array) -> Array:
    """How much each mesh point follows the new mouth, from a face in the head frame, [468]."""
    height, side = positions[:MESH_POINTS, 1], np.abs(positions[:MESH_POINTS, 0])
    falloff = 1 - LATERAL_HOLD * smoothstep(LATERAL_START_IOD, LATERAL_END_IOD, side)
    return smoothstep(FOLLOWS_BELOW_IOD, FOLLOWS_WHOLLY_IOD, height) * falloff


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
        """The shape [478, 3] changed until its curves are the target's, by Newton's method."""
        for _ in range(NEWTON_STEPS):
            missing = target - mouth_curves(shape[None])[0]
            shape = shape + np.tensordot(missing, self.gain, 1)
        return shape


def carried_points(motion: HeadMotion, frame: int, shape: Array, points: Array) -> Array:
    """A plate's picture points [468, 2] in square pixels, moved to a head-frame shape."""
    own = motion.positions[frame]
    change = (shape[:MESH_POINTS] - own[:MESH_POINTS]) * _carry_weights(own)[:, None]
    moved: Array = points[:MESH_POINTS] + motion.to_picture(frame, change)[:, :2]
    return moved
