"""How a head that moves while the shutter is open blurs a picture.

All lengths and directions are in pixels, x right and y down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.head_frame import HeadMotion
from dubwright.face.landmarks import LIPS
from dubwright.media.colour import encode_log

__all__ = ["blur_offsets", "mouth_velocity", "shutter"]

Array = NDArray[np.floating[Any]]
Image = NDArray[np.float32]

# Films are shot with at most half a turn; what seems more is the codec's blur too.
SHUTTERS: Final = np.linspace(0, 0.5, 5)
# Slower than this nothing is told of the shutter; a blur of less is not drawn.
FAST_PIXELS: Final = 4.0
SLOW_PIXELS: Final = 1.0
LEAST_PIXELS: Final = 2.0
LEAST_FRAMES: Final = 3
MOST_FRAMES: Final = 6
MOST_STILL: Final = 4
MOST_SAMPLES: Final = 9
GRAIN_PIXELS: Final = 1.0


def mouth_velocity(motion: HeadMotion) -> Array:
    """How far the head takes the mouth in each frame, [frames, 2] in square pixels.

    0 where that is not known.
    """
    if not np.isfinite(motion.scale).any():
        return np.zeros((len(motion.scale), 2))
    rest = np.nanmedian(motion.positions[:, list(LIPS)].mean(axis=1), axis=0)
    back = (rest - motion.translation)[:, None] @ motion.rotation
    places = back[:, 0, :2] / motion.scale[:, None]
    if len(places) < 2:
        return np.zeros((len(places), 2))
    velocity: Array = np.nan_to_num(np.gradient(places, axis=0))
    return velocity


def shutter(picture: Callable[[int], Image], velocity: Array, usable: Sequence[int]) -> float:
    """For how much of a frame the shutter is open, from 0 to 0.5; 0 where too little moved fast.

    Motion takes the gradients along it, and not those across: the share that explains those of
    fast frames best is found by blurring frames in which nothing moved.

    Args:
        picture: the face in a frame, scene-linear [height, width, 3].
        velocity: of the face, [frames, 2] in the picture's own pixels.
        usable: frames that may be looked at.
    """
    speed = np.linalg.norm(velocity, axis=1)
    fast = [frame for frame in usable if speed[frame] > FAST_PIXELS]
    slow = [frame for frame in usable if speed[frame] < SLOW_PIXELS]
    if len(fast) < LEAST_FRAMES or not slow:
        return 0.0
    fast.sort(key=lambda frame: -speed[frame])
    still = [picture(frame).mean(axis=2) for frame in _spread(slow, MOST_STILL)]
    error = np.zeros(len(SHUTTERS))
    for frame in fast[:MOST_FRAMES]:
        moved, way = picture(frame).mean(axis=2), velocity[frame]
        seen = _anisotropy(moved, way)
        for index, open_for in enumerate(SHUTTERS):
            expected = [_anisotropy(_blurred(each, open_for * way), way) for each in still]
            error[index] += (seen - np.median(expected)) ** 2
    return float(SHUTTERS[error.argmin()])


def blur_offsets(motion: Array, already: Array) -> Array:
    """Where to sample a picture, as offsets [samples, 2], so that it is blurred by a motion.

    Args:
        motion: of the picture while the shutter is open, [2].
        already: the motion by which it is blurred, [2].
    """
    length = float(np.linalg.norm(motion))
    if length < LEAST_PIXELS:
        return np.zeros((1, 2))
    way = motion / length
    missing = float(np.sqrt(max(0.0, length**2 - float(already @ way) ** 2)))
    if missing < LEAST_PIXELS:
        return np.zeros((1, 2))
    count = min(MOST_SAMPLES, int(np.ceil(missing)) + 1)
    middles = (np.arange(count) + 0.5) / count - 0.5
    offsets: Array = middles[:, None] * missing * way
    return offsets


def _spread(frames: Sequence[int], most: int) -> list[int]:
    at = np.linspace(0, len(frames) - 1, min(most, len(frames))).astype(int)
    return [frames[i] for i in at]


def _anisotropy(picture: Image, way: Array) -> float:
    """The logarithm of how much stronger gradients are along a direction than across it."""
    x, y = way / np.linalg.norm(way)
    # Motion does not blur grain.
    grainless = cv2.GaussianBlur(encode_log(picture), (0, 0), GRAIN_PIXELS)
    down, right = np.gradient(grainless)
    along, across = right * x + down * y, down * x - right * y
    return float(np.log((along**2).mean() / (across**2).mean()))


def _blurred(picture: Image, motion: Array) -> Image:
    offsets = blur_offsets(motion, np.zeros(2))
    height, width = picture.shape
    shifted = [
        cv2.warpAffine(
            picture, np.array([[1, 0, x], [0, 1, y]]), (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        )
        for x, y in offsets
    ]  # fmt: skip
    return np.asarray(np.mean(shifted, axis=0), np.float32)
