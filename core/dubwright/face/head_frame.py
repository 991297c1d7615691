"""The head frame: face coordinates with the head's motion taken out.

Each frame's rigid landmarks are laid on a template of this face by the least-squares similarity
(Umeyama, 1991). Coordinates are then in inter-ocular distances (between the outer corners of the
eyes): x to the right of the picture, y down, z away from the camera, origin between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.face.landmarks import (
    INNER_LIP_PAIRS,
    JAW,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE_BASE,
    OUTER_EYE_LEFT,
    OUTER_EYE_RIGHT,
    RIGID,
)

__all__ = ["HeadMotion", "head_template", "in_head_frame", "mouth_curves", "similarity"]

Array = NDArray[np.floating[Any]]

TEMPLATE_ROUNDS: Final = 4
TEMPLATE_FRAMES: Final = 60
LIPS_MIDDLE: Final = (0, 17, 13, 14)
BROW_MIDDLE: Final = 9


@dataclass(frozen=True, slots=True, eq=False)
class HeadMotion:
    """A track in the head frame. NaN where no face was found.

    Attributes:
        positions: float64 [frames, 478, 3], in the head frame.
        scale: float64 [frames], inter-ocular distances per pixel.
        rotation: float64 [frames, 3, 3]; head = scale * rotation @ picture + translation.
        translation: float64 [frames, 3].
        residual: float64 [frames], how far the rigid points lie from the template (RMS).
    """

    positions: Array
    scale: Array
    rotation: Array
    translation: Array
    residual: Array

    @property
    def yaw_degrees(self) -> Array:
        """How far the head is turned, to the right of the picture positive."""
        return np.degrees(np.arctan2(self.rotation[:, 2, 0], self.rotation[:, 2, 2]))

    @property
    def pitch_degrees(self) -> Array:
        return np.degrees(np.arcsin(np.clip(-self.rotation[:, 2, 1], -1, 1)))

    def to_picture(self, frame: int, displacement: Array) -> Array:
        """Displacements [points, 3] of the head frame as displacements in pixels."""
        moved: Array = displacement @ self.rotation[frame] / self.scale[frame]
        return moved

    def in_picture(self, frame: int, positions: Array) -> Array:
        """Places [points, 3] of the head frame as places in pixels."""
        return self.to_picture(frame, positions - self.translation[frame])


def head_template(landmarks: NDArray[np.float32]) -> Array:
    """This face's rigid points at rest in the head frame, float64 [rigid points, 3].

    Generalised Procrustes analysis (Gower, 1975) over frames spread through the track.
    """
    rigid = landmarks[np.isfinite(landmarks[:, 0, 0])][:, RIGID].astype(np.float64)
    spread = rigid[:: max(1, len(rigid) // TEMPLATE_FRAMES)]
    shape: Array = rigid[len(rigid) // 2]
    for _ in range(TEMPLATE_ROUNDS):
        scale, rotation, translation = similarity(spread, shape)
        laid = scale[:, None, None] * spread @ rotation.transpose(0, 2, 1) + translation[:, None]
        shape = np.median(laid, axis=0)
    right, left = (shape[RIGID.index(i)] for i in (OUTER_EYE_RIGHT, OUTER_EYE_LEFT))
    distance = np.linalg.norm(left - right)
    x = (left - right) / distance
    upward = shape[RIGID.index(BROW_MIDDLE)] - shape[RIGID.index(NOSE_BASE)]
    y = -(upward - (upward @ x) * x)
    y /= np.linalg.norm(y)
    axes = np.stack([x, y, np.cross(x, y)])
    template: Array = (shape - (left + right) / 2) @ axes.T / distance
    return template


def in_head_frame(landmarks: NDArray[np.float32], template: Array) -> HeadMotion:
    """Lay every frame of a track on the template."""
    points = landmarks.astype(np.float64)
    frames = len(points)
    found = np.isfinite(points[:, 0, 0])
    motion = HeadMotion(
        np.full(points.shape, np.nan),
        np.full(frames, np.nan),
        np.full((frames, 3, 3), np.nan),
        np.full((frames, 3), np.nan),
        np.full(frames, np.nan),
    )
    if not found.any():
        return motion
    scale, rotation, translation = similarity(points[found][:, RIGID], template)
    laid = scale[:, None, None] * points[found] @ rotation.transpose(0, 2, 1)
    laid += translation[:, None]
    motion.positions[found] = laid
    motion.scale[found], motion.rotation[found] = scale, rotation
    motion.translation[found] = translation
    error = ((laid[:, RIGID] - template) ** 2).sum(axis=2)
    motion.residual[found] = np.sqrt(error.mean(axis=1))
    return motion


def mouth_curves(positions: Array) -> NDArray[np.float32]:
    """The four mouth curves of positions [frames, 478, 3]; see dubwright.model.MouthCurves."""
    gaps = [
        np.linalg.norm(positions[:, upper] - positions[:, lower], axis=1)
        for upper, lower in INNER_LIP_PAIRS
    ]
    width = np.linalg.norm(positions[:, MOUTH_RIGHT] - positions[:, MOUTH_LEFT], axis=1)
    corners = positions[:, [MOUTH_RIGHT, MOUTH_LEFT], 2].mean(axis=1)
    protrusion = corners - positions[:, LIPS_MIDDLE, 2].mean(axis=1)
    jaw = positions[:, JAW, 1].mean(axis=1)
    return np.stack([np.mean(gaps, axis=0), width, protrusion, jaw], axis=1).astype(np.float32)


def similarity(points: Array, target: Array) -> tuple[Array, Array, Array]:
    """Scale [n], rotation [n, d, d] and translation [n, d] that lay points [n, p, d] on a target.

    The target is one, [p, d], or one for each, [n, p, d], of 2 or 3 dimensions; laid = scale *
    rotation @ point + translation (Umeyama, 1991).
    """
    centre, target_centre = points.mean(axis=1), target.mean(axis=-2)
    centred, target_centred = points - centre[:, None], target - target_centre[..., None, :]
    u, singular, vt = np.linalg.svd(centred.transpose(0, 2, 1) @ target_centred)
    v, ut = vt.transpose(0, 2, 1), u.transpose(0, 2, 1)
    signs = np.ones(singular.shape)
    signs[:, -1] = np.sign(np.linalg.det(v @ ut))
    rotation = (v * signs[:, None]) @ ut
    scale = (singular * signs).sum(axis=1) / (centred**2).sum(axis=(1, 2))
    translation = target_centre - scale[:, None] * (rotation @ centre[..., None])[..., 0]
    return scale, rotation, translation
