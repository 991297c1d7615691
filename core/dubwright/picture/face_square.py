"""A face of a plate as networks are shown it: upright, in a square, in sRGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.engines import Framing, PlateView
from dubwright.face.head_frame import HeadMotion
from dubwright.media.colour import encode_log
from dubwright.model import Box

__all__ = ["FaceLight", "FaceSquares", "after", "framed", "in_frame", "inverse", "placement"]

Array = NDArray[np.floating[Any]]
Image = NDArray[np.float32]

# Where the middle of a face lies below the eyes: there the placement turns with the head.
MIDDLE: Final = 0.5
# Frames by which a face's light is judged, and what most of it is brought to.
LIGHT_FRAMES: Final = 5
LIGHT_PERCENTILE: Final = 90
LIGHT_TARGET: Final = 0.6


class FaceSquares:
    """The squares of a plate that show its face."""

    def __init__(self, plate: PlateView, motion: HeadMotion) -> None:
        self._plate = plate
        self._motion = motion

    def placement(self, frame: int, framing: Framing) -> Array:
        return placement(self._motion, frame, framing, self._plate.pixel_aspect)

    def square(self, frame: int, framing: Framing) -> Image:
        """A face as a framing shows it, in the plate's light."""
        affine = self.placement(frame, framing)
        box = _source(affine, framing.side).clipped(*self._plate.size)
        return framed(self._plate.region(frame, box), box, affine, framing.side)

    def light(self, framing: Framing, to_rec709: Array, frames: Sequence[int]) -> FaceLight:
        """How the face is to be exposed in some frames, the same in all."""
        spread = np.linspace(0, len(frames) - 1, min(len(frames), LIGHT_FRAMES)).astype(int)
        bright = [
            np.percentile(
                (self.square(frames[at], framing) @ to_rec709.T).max(axis=2), LIGHT_PERCENTILE
            )
            for at in spread
        ]
        return FaceLight(to_rec709, float(LIGHT_TARGET / max(np.median(bright), 1e-4)))


@dataclass(frozen=True, slots=True, eq=False)
class FaceLight:
    """How a plate's light is shown to a network, and taken back.

    Attributes:
        to_rec709: linear Rec. 709 of the plate's light, [3, 3].
        exposure: what Rec. 709 light is multiplied by.
    """

    to_rec709: Array
    exposure: float

    def shown(self, linear: Image) -> Image:
        """The plate's light in sRGB (IEC 61966-2-1), between 0 and 1."""
        light = np.clip(linear @ self.to_rec709.T * self.exposure, 0, 1)
        encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
        return np.asarray(encoded, np.float32)

    def taken_back(self, shown: Image) -> Image:
        """The light of the plate that sRGB between 0 and 1 shows."""
        code = np.clip(shown, 0, 1)
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        linear = light / self.exposure @ np.linalg.inv(self.to_rec709).T
        return np.asarray(linear, np.float32)

    def changed(self, linear: Image, drawn: Image) -> Image:
        """The plate's light with what a network changed of it, log-encoded.

        Args:
            linear: of the plate, [height, width, 3].
            drawn: what the network made of shown(linear).
        """
        was, now = (encode_log(self.taken_back(each)) for each in (self.shown(linear), drawn))
        return np.asarray(encode_log(linear) + now - was, np.float32)


def placement(motion: HeadMotion, frame: int, framing: Framing, pixel_aspect: float) -> Array:
    """What takes x and y of a frame's pixels to a framing's square, [2, 3]."""
    middle = motion.in_picture(frame, np.array([[0.0, MIDDLE, 0.0]]))[0, :2]
    across = motion.to_picture(frame, np.array([[1.0, 0.0, 0.0]]))[0, :2]
    right = across / np.linalg.norm(across) * motion.scale[frame]
    down = np.array([-right[1], right[0]])
    wide_, high = framing.right - framing.left, framing.bottom - framing.top
    turn = framing.side * np.stack([right / wide_, down / high])
    origin = framing.side * np.array([-framing.left / wide_, (MIDDLE - framing.top) / high])
    move = origin - turn @ middle - 0.5
    return np.column_stack([turn * (pixel_aspect, 1.0), move])


def inverse(affine: Array) -> Array:
    """What undoes an affine transform, [2, 3]."""
    turn = np.linalg.inv(affine[:, :2])
    return np.column_stack([turn, -turn @ affine[:, 2]])


def after(second: Array, first: Array) -> Array:
    """One affine transform after another, [2, 3]."""
    turn: Array = np.column_stack([second[:, :2] @ first[:, :2], in_frame(first[:, 2], second)])
    return turn


def in_frame(points: Array, affine: Array) -> Array:
    """Points [points, 2] under an affine transform."""
    moved: Array = points @ affine[:, :2].T + affine[:, 2]
    return moved


def _source(affine: Array, side: int) -> Box:
    """The pixels of a frame that a square of this side is made of; it may reach beyond it."""
    corners = np.array([(-1, -1), (side, -1), (-1, side), (side, side)], float)
    found = in_frame(corners, inverse(affine))
    (x0, y0), (x1, y1) = np.floor(found.min(axis=0)), np.ceil(found.max(axis=0))
    return Box(int(x0) - 1, int(y0) - 1, int(x1) + 2, int(y1) + 2)


def framed(region: Image, box: Box, affine: Array, side: int) -> Image:
    """A square [side, side, 3] of a frame's region, in light; beyond it its border is repeated."""
    shrink = max(1.0, np.sqrt(abs(np.linalg.det(inverse(affine)[:, :2]))))
    whole = int(shrink)
    size = -(-region.shape[1] // whole), -(-region.shape[0] // whole)
    padding = size[1] * whole - region.shape[0], size[0] * whole - region.shape[1]
    padded = cv2.copyMakeBorder(region, 0, padding[0], 0, padding[1], cv2.BORDER_REPLICATE)
    small = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    # What one pixel of the square averages, after these averages.
    rest = np.sqrt(max(0.0, (shrink / whole) ** 2 - 1)) / 2
    if rest > 0.1:
        small = cv2.GaussianBlur(small, (0, 0), rest)
    middle = (whole - 1) / 2
    to_frame = np.array([[whole, 0, box.x0 + middle], [0, whole, box.y0 + middle], [0, 0, 1]])
    turn = affine @ to_frame
    taken = cv2.warpAffine(small, turn, (side, side), flags=cv2.INTER_LINEAR,
                           borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(taken, np.float32)
