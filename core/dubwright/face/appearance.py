"""What is seen of a face in each frame, at one size, whatever the plate's.

These small pictures decide what landmarks cannot: whether something covers the mouth, whether the
face is blurred, and whether two shots show the same person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.head_frame import similarity
from dubwright.face.landmarks import (
    LIPS_OUTER,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE_BASE,
    OUTER_EYE_LEFT,
    OUTER_EYE_RIGHT,
)

__all__ = ["LOOK_SIZE", "Appearance", "alike", "appearance_of", "mouth_look"]

Array = NDArray[np.floating[Any]]

LOOK_WIDTH, LOOK_HEIGHT = 24, 16
LOOK_SIZE: Final = LOOK_WIDTH * LOOK_HEIGHT
LOOK_MARGIN: Final = 0.15
# Where the outer corners of the eyes and the nose's base come to lie.
SKIN_WIDTH, SKIN_HEIGHT = 24, 20
SKIN_ANCHORS: Final = ((4.5, -7.0), (19.5, -7.0), (12.0, 2.0))
FACE_SIDE: Final = 64
FACE_ANCHORS: Final = ((12.0, 18.0), (52.0, 18.0), (32.0, 44.0))
ANCHORS: Final = (OUTER_EYE_RIGHT, OUTER_EYE_LEFT, NOSE_BASE)
CONTRAST_LIMIT, CONTRAST_TILES = 2.0, (4, 4)
GRADIENTS: Final = cv2.HOGDescriptor(
    (FACE_SIDE, FACE_SIDE), (16, 16), (8, 8), (8, 8), 9
)  # Dalal and Triggs, 2005, with their parameters


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """A face in every frame of a shot; NaN where it was not found.

    Attributes:
        looks: of the mouth, [frames, values]; see mouth_look.
        skin: of the lower face, log-encoded, float16 [frames, 20, 24, 3].
        detail: variance of the Laplacian over the face, [frames].
        likeness: what tells this face from others, [values]; see alike.
    """

    looks: NDArray[np.float32]
    skin: NDArray[np.float16]
    detail: NDArray[np.float32]
    likeness: NDArray[np.float32]


def appearance_of(
    pictures: Iterable[NDArray[np.float32] | None],
    landmarks: NDArray[np.float32],
    pixel_aspect: float = 1.0,
) -> Appearance:
    """Look at a face in every frame.

    Args:
        pictures: the face in each frame, log-encoded [height, width, 3]; None where there is none.
        landmarks: in these pictures' pixels, [frames, points, 2].
        pixel_aspect: of the pictures.
    """
    frames = len(landmarks)
    looks = np.full((frames, LOOK_SIZE), np.nan, np.float32)
    skin = np.full((frames, SKIN_HEIGHT, SKIN_WIDTH, 3), np.nan, np.float16)
    detail = np.full(frames, np.nan, np.float32)
    faces = []
    for frame, picture in enumerate(pictures):
        if picture is None:
            continue
        points = landmarks[frame].astype(np.float64)
        grey = picture.mean(axis=2)
        looks[frame] = mouth_look(grey, points)
        anchors = points[list(ANCHORS)] * (pixel_aspect, 1.0)
        charts = [
            _chart(anchors, places) @ np.diag([pixel_aspect, 1.0, 1.0])
            for places in (SKIN_ANCHORS, FACE_ANCHORS)
        ]
        skin[frame] = _sampled(picture, charts[0], (SKIN_WIDTH, SKIN_HEIGHT))
        detail[frame] = cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 0.6), cv2.CV_32F).var()
        faces.append(_gradients(_sampled(grey, charts[1], (FACE_SIDE, FACE_SIDE))))
    likeness = np.mean(faces, axis=0) if faces else np.zeros(GRADIENTS.getDescriptorSize())
    return Appearance(looks, skin, detail, np.asarray(likeness, np.float32))


def alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """How alike two faces are, up to 1, by the cosine of their likenesses.

    The directions of edges over the eyes, the nose and the cheeks (Dalal and Triggs, 2005). It
    tells people of one film apart, not one person among thousands.
    """
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))


def mouth_look(grey: NDArray[np.float32], points: Array) -> NDArray[np.float32]:
    """The mouth at 24 by 16 pixels, between the corners and the lips' edges, whatever its light.

    Args:
        grey: log-encoded [height, width].
        points: landmarks in its pixels, [points, 2].

    Returns:
        Values of mean 0 whose squares add up to 1.
    """
    right, left = points[[MOUTH_RIGHT, MOUTH_LEFT]]
    across = (left - right) / np.linalg.norm(left - right)
    turn = np.array([across, (-across[1], across[0])])
    lips = points[list(LIPS_OUTER)] @ turn.T
    low, high = lips.min(axis=0), lips.max(axis=0)
    margin = LOOK_MARGIN * (high - low)
    scale = (LOOK_WIDTH, LOOK_HEIGHT) / (high - low + 2 * margin)
    chart = np.hstack([turn * scale[:, None], (-(low - margin) * scale)[:, None]])
    small = _sampled(grey, chart, (LOOK_WIDTH, LOOK_HEIGHT)).ravel()
    small = small - small.mean()
    look: NDArray[np.float32] = small / (np.linalg.norm(small) + 1e-6)
    return look


def _chart(anchors: Array, places: tuple[tuple[float, float], ...]) -> Array:
    """The similarity, [2, 3], that lays eyes and nose on their places."""
    scale, rotation, translation = similarity(anchors[None], np.array(places))
    return np.hstack([scale[0] * rotation[0], translation[0][:, None]])


def _sampled(
    picture: NDArray[np.float32], chart: Array, size: tuple[int, int]
) -> NDArray[np.float32]:
    scale = float(np.linalg.norm(chart[1, :2]))
    # Averaged over what one small pixel covers before it is sampled there.
    smooth = cv2.GaussianBlur(picture, (0, 0), max(0.5, 0.5 / scale))
    small = cv2.warpAffine(smooth, chart, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(small, np.float32)


def _gradients(face: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = np.percentile(face, (1, 99))
    grey = np.clip((face - low) / (high - low + 1e-6) * 255, 0, 255).astype(np.uint8)
    even = cv2.createCLAHE(CONTRAST_LIMIT, CONTRAST_TILES).apply(grey)
    return np.asarray(GRADIENTS.compute(even), np.float32).ravel()
