"""Laying a warped library mouth into a plate so that no seam shows.

All pictures are log-encoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.landmarks import SKIN_RING_FAR, SKIN_RING_NEAR
from dubwright.model import Box

__all__ = ["MouthMatte", "blended", "mouth_matte", "tone_matched"]

Image = NDArray[np.float32]

INSET_IOD: Final = 0.05
FEATHER_IOD: Final = 0.035
TONE_SIGMA_IOD: Final = 0.22
TONE_SHRINK: Final = 4
MAX_TONE_SHIFT: Final = 0.12
LEVELS: Final = 4
SUBPIXEL_BITS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class MouthMatte:
    """Where the library's mouth shows.

    Attributes:
        mouth: float32 [height, width], 1 where the library shows, feathered.
        skin: bool [height, width], the skin around the lips, which both pictures share.
    """

    mouth: Image
    skin: NDArray[np.bool_]


def mouth_matte(points: NDArray[np.floating[Any]], box: Box, interocular: float) -> MouthMatte:
    """The matte for target points [points, 2] in the frame's pixels, over a box."""
    far = _filled(points[list(SKIN_RING_FAR)], box)
    near = _filled(points[list(SKIN_RING_NEAR)], box)
    size = int(INSET_IOD * interocular) * 2 + 1
    inset = cv2.erode(far, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    solid = np.maximum(inset, near).astype(np.float32)
    feathered = cv2.GaussianBlur(solid, (0, 0), FEATHER_IOD * interocular)
    return MouthMatte(feathered, (far > 0) & (near == 0))


def tone_matched(mouth: Image, plate: Image, skin: NDArray[np.bool_], interocular: float) -> Image:
    """The library's mouth under the plate's light.

    In log, a change of light is a shift: its low frequencies are measured on the skin that both
    show, by normalised convolution (Knutsson and Westin, 1993).
    """
    height, width = skin.shape
    small = (max(1, width // TONE_SHRINK), max(1, height // TONE_SHRINK))
    weight = cv2.resize(skin.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    difference = cv2.resize(plate - mouth, small, interpolation=cv2.INTER_AREA)
    sigma = TONE_SIGMA_IOD * interocular / TONE_SHRINK
    known = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None] + 1e-3
    shift = cv2.GaussianBlur(difference * weight[..., None], (0, 0), sigma) / known
    shift = np.clip(shift, -MAX_TONE_SHIFT, MAX_TONE_SHIFT)
    return mouth + cv2.resize(shift, (width, height), interpolation=cv2.INTER_LINEAR)


def blended(mouth: Image, plate: Image, matte: Image) -> Image:
    """Multiband blending (Burt and Adelson, 1983)."""
    mouths, plates, mattes = [mouth], [plate], [matte]
    for _ in range(LEVELS):
        mouths.append(cv2.pyrDown(mouths[-1]))
        plates.append(cv2.pyrDown(plates[-1]))
        mattes.append(cv2.pyrDown(mattes[-1]))
    mixed = _mix(mouths[-1], plates[-1], mattes[-1])
    for level in range(LEVELS - 1, -1, -1):
        size = (mouths[level].shape[1], mouths[level].shape[0])
        fine_mouth = mouths[level] - cv2.pyrUp(mouths[level + 1], dstsize=size)
        fine_plate = plates[level] - cv2.pyrUp(plates[level + 1], dstsize=size)
        mixed = cv2.pyrUp(mixed, dstsize=size) + _mix(fine_mouth, fine_plate, mattes[level])
    return mixed


def _mix(a: Image, b: Image, matte: Image) -> Image:
    share = matte[..., None]
    mixed: Image = a * share + b * (1 - share)
    return mixed


def _filled(outline: NDArray[np.floating[Any]], box: Box) -> NDArray[np.uint8]:
    mask = np.zeros((box.height, box.width), np.uint8)
    points = np.round((outline - (box.x0, box.y0)) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [points], 1, cv2.LINE_8, SUBPIXEL_BITS)
    return mask
