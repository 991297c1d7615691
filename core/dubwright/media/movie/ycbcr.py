"""Between the code values of video and R'G'B', exactly.

ITU-T H.273 names the matrices, ITU-R BT.709 and BT.2020 define them and the ranges. FFmpeg's scaler
clips what lies above white and below black, takes chroma for centred where codecs put it to the
left, and is up to 0.4% dark: none of that is so here. Values above 1 and below 0 are kept.

Chroma is sited as MPEG-2, H.264, H.265, ProRes and DNxHR have it: with the left luma sample of a
pair, and in 4:2:0 between the two lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MATRIX_BT601",
    "MATRIX_BT709",
    "MATRIX_BT2020",
    "Coding",
    "codes_of",
    "planes_of",
    "rgb_of",
]

Array = NDArray[np.float32]
Planes = list[NDArray[Any]]

MATRIX_BT709, MATRIX_BT601, MATRIX_BT2020 = 1, 6, 9
# Weights of red and blue in luma, by H.273's matrix coefficients.
LUMA: Final[Mapping[int, tuple[float, float]]] = {
    1: (0.2126, 0.0722),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
# Rows of R, G and B among the planes of FFmpeg's gbr formats.
GBR: Final = (2, 0, 1)


@dataclass(frozen=True, slots=True)
class Coding:
    """How code values stand for R'G'B'.

    Attributes:
        bits: of a code.
        is_full_range: whether black is code 0 and white the largest; else they are those of video.
        matrix: one of H.273's matrix coefficients; None for planes of G', B' and R'.
        halves: whether chroma has half the samples across, and down.
    """

    bits: int
    is_full_range: bool
    matrix: int | None
    halves: tuple[bool, bool]

    @property
    def luma(self) -> tuple[float, float]:
        """The code of black, and codes from there to white."""
        if self.is_full_range:
            return 0.0, float((1 << self.bits) - 1)
        return 16.0 * self._unit, 219.0 * self._unit

    @property
    def chroma(self) -> tuple[float, float]:
        """The code of no colour, and codes that the whole range of a difference takes."""
        middle = 128.0 * self._unit
        return middle, float((1 << self.bits) - 1) if self.is_full_range else 224.0 * self._unit

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest code that may be written; video keeps the rest for timing."""
        largest = (1 << self.bits) - 1
        kept = 0 if self.is_full_range else self._unit
        return kept, largest - kept

    @property
    def _unit(self) -> int:
        return 1 << (self.bits - 8)


def planes_of(frame: Any) -> Planes:
    """The planes of a decoded frame, uint8 or uint16 [height, width], without alpha."""
    kind = np.dtype("<u2") if frame.format.components[0].bits > 8 else np.dtype("u1")
    found = []
    for plane in list(frame.planes)[:3]:
        rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
        found.append(rows[:, : plane.width])
    return found


def rgb_of(planes: Sequence[NDArray[Any]], coding: Coding) -> Array:
    """Planes of codes as R'G'B', float32 [height, width, 3], black 0 and white 1."""
    black, range_ = coding.luma
    if coding.matrix is None:
        ordered = np.stack([planes[index] for index in GBR], axis=-1).astype(np.float32)
        return (ordered - np.float32(black)) * np.float32(1 / range_)
    luma = (planes[0].astype(np.float32) - np.float32(black)) * np.float32(1 / range_)
    middle, spread = coding.chroma
    blue, red = (
        _doubled((plane.astype(np.float32) - np.float32(middle)) * np.float32(1 / spread), coding)
        for plane in planes[1:]
    )
    height, width = luma.shape
    blue, red = blue[:height, :width], red[:height, :width]
    kr, kb = LUMA[coding.matrix]
    kg = 1 - kr - kb
    rgb = np.empty((height, width, 3), np.float32)
    rgb[..., 0] = luma + np.float32(2 * (1 - kr)) * red
    rgb[..., 2] = luma + np.float32(2 * (1 - kb)) * blue
    rgb[..., 1] = (
        luma - np.float32(2 * kb * (1 - kb) / kg) * blue - np.float32(2 * kr * (1 - kr) / kg) * red
    )
    return rgb


def codes_of(rgb: Array, coding: Coding) -> Planes:
    """R'G'B' as planes of codes, rounded to the nearest that may be written."""
    black, range_ = coding.luma
    if coding.matrix is None:
        return [_coded(rgb[..., channel], black, range_, coding) for channel in (1, 2, 0)]
    kr, kb = LUMA[coding.matrix]
    weights = np.array([kr, 1 - kr - kb, kb], np.float32)
    luma = rgb @ weights
    blue = (rgb[..., 2] - luma) * np.float32(1 / (2 * (1 - kb)))
    red = (rgb[..., 0] - luma) * np.float32(1 / (2 * (1 - kr)))
    middle, spread = coding.chroma
    return [
        _coded(luma, black, range_, coding),
        *(_coded(_halved(plane, coding), middle, spread, coding) for plane in (blue, red)),
    ]


def _coded(values: Array, zero: float, spread: float, coding: Coding) -> NDArray[Any]:
    codes = np.rint(values * np.float32(spread) + np.float32(zero)).clip(*coding.limits)
    return codes.astype("<u2" if coding.bits > 8 else "u1")


def _doubled(plane: Array, coding: Coding) -> Array:
    """Chroma at every pixel, interpolated linearly from where its samples are."""
    across, down = coding.halves
    if down:
        before = np.concatenate([plane[:1], plane[:-1]])
        after = np.concatenate([plane[1:], plane[-1:]])
        quarter = np.float32(0.25)
        plane = _woven(quarter * (3 * plane + before), quarter * (3 * plane + after), 0)
    if across:
        after = np.concatenate([plane[:, 1:], plane[:, -1:]], axis=1)
        plane = _woven(plane, np.float32(0.5) * (plane + after), 1)
    return plane


def _halved(plane: Array, coding: Coding) -> Array:
    """Chroma where its samples are: the mean of the pixels around, weighted as _doubled does."""
    across, down = coding.halves
    if across:
        plane = _even(plane, 1)
        odd = plane[:, 1::2]
        before = np.concatenate([odd[:, :1], odd[:, :-1]], axis=1)
        plane = np.float32(0.5) * plane[:, 0::2] + np.float32(0.25) * (before + odd)
    if down:
        plane = _even(plane, 0)
        top, bottom = plane[0::2], plane[1::2]
        above = np.concatenate([bottom[:1], bottom[:-1]])
        below = np.concatenate([top[1:], top[-1:]])
        plane = np.float32(0.375) * (top + bottom) + np.float32(0.125) * (above + below)
    return plane


def _woven(even: Array, odd: Array, axis: int) -> Array:
    shape = list(even.shape)
    shape[axis] *= 2
    woven = np.empty(shape, np.float32)
    woven[(slice(None),) * axis + (slice(0, None, 2),)] = even
    woven[(slice(None),) * axis + (slice(1, None, 2),)] = odd
    return woven


def _even(plane: Array, axis: int) -> Array:
    """The plane with its last row or column repeated where their number is odd."""
    if plane.shape[axis] % 2 == 0:
        return plane
    return np.concatenate([plane, np.take(plane, [-1], axis)], axis=axis)
