"""The actor's painted skin: an albedo map seen from the front, scene-linear Rec.709."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import splev, splprep

from dubwright.face.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER

__all__ = ["MAP_HALF_WIDTH_CM", "paint_skin"]

MAP_PIXELS: Final = 1024
MAP_HALF_WIDTH_CM: Final = 10.0
SUBPIXEL_BITS: Final = 4

Image = NDArray[np.float32]

SKIN = (0.80, 0.62, 0.52)
LIP = (0.66, 0.36, 0.35)


def paint_skin(landmarks: NDArray[np.floating[Any]], seed: int) -> Image:
    """float32 [1024, 1024, 3]; row 0 is 10 cm above the nose's tip, column 0 10 cm to its left."""
    painter = _Painter(landmarks, np.random.default_rng(seed))
    painter.mottle()
    painter.blush()
    painter.moles()
    painter.lips()
    painter.brows()
    painter.lashes()
    painter.nostrils()
    return _linear(painter.image)


class _Painter:
    def __init__(self, landmarks: NDArray[np.floating[Any]], rng: np.random.Generator) -> None:
        self._points = landmarks
        self._rng = rng
        self.image: Image = np.tile(np.array(SKIN, np.float32), (MAP_PIXELS, MAP_PIXELS, 1))
        rows, columns = np.mgrid[0:MAP_PIXELS, 0:MAP_PIXELS].astype(np.float32)
        self._rows, self._columns = rows, columns

    def mottle(self) -> None:
        scales = ((90, 0.03), (30, 0.018), (6, 0.014), (2, 0.016))
        tone = np.sum([self._noise(scale, amount) for scale, amount in scales], axis=0)
        self.image *= (1 + tone)[..., None]
        self.image[..., 1] *= 1 - 0.5 * np.abs(self._noise(45, 0.02))

    def blush(self) -> None:
        for index in (50, 280):
            self._tint(self._blob(self._points[index], 1.8, 1.4), (1.05, 0.84, 0.82), 0.6)
        self._tint(self._blob(self._points[4], 1.1, 0.9), (1.04, 0.86, 0.84), 0.6)
        self._tint(self._blob(self._points[152], 1.5, 0.9), (1.02, 0.92, 0.90), 0.6)
        for index in (145, 374):
            under = self._points[index] - [0, 0.55, 0]
            self._tint(self._blob(under, 1.5, 0.55), (0.86, 0.80, 0.84), 0.7)
        for index in (159, 386):
            above = self._points[index] + [0, 0.25, 0]
            self._tint(self._blob(above, 1.5, 0.4), (0.82, 0.72, 0.70), 0.7)

    def moles(self) -> None:
        for _ in range(260):
            place = self._rng.normal(0, (4.2, 3.2))
            radius = self._rng.uniform(0.03, 0.09)
            self._tint_small(np.array([*place, 0.0]) + [0, self._points[1, 1], 0], radius)
        self.image = cv2.GaussianBlur(self.image, (0, 0), 0.6)

    def lips(self) -> None:
        mask = np.zeros(self.image.shape[:2], np.float32)
        cv2.fillPoly(mask, [self._curve(LIPS_OUTER, closed=True)], 1.0, cv2.LINE_AA, SUBPIXEL_BITS)
        mask = cv2.GaussianBlur(mask, (0, 0), 2.5)[..., None] * 0.88
        tone = 1 + self._noise(5, 0.05) + self._noise(2, 0.06)
        self.image = self.image * (1 - mask) + np.array(LIP, np.float32) * tone[..., None] * mask
        self._line(LIPS_INNER[:11], width=5, softness=2.0, colour=(0.3, 0.14, 0.14), opacity=0.45)

    def brows(self) -> None:
        for upper, lower, side in (
            ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55), -1),
            ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285), 1),
        ):
            top, bottom = self._points[list(upper), :2], self._points[list(lower), :2]
            for _ in range(700):
                self._hair(top, bottom, side)

    def lashes(self) -> None:
        for loop in (EYE_RIGHT, EYE_LEFT):
            self._line(loop[:9], 5, 1.0, (0.14, 0.09, 0.08), 0.85)
            self._line((*loop[9:], loop[0]), 2, 1.0, (0.14, 0.09, 0.08), 0.6)

    def nostrils(self) -> None:
        for corners in ((20, 238, 79), (250, 458, 309)):
            centre = self._points[list(corners)].mean(axis=0)
            self._tint(self._blob(centre, 0.26, 0.17), (0.18, 0.12, 0.12), 0.95)

    def _pixels(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        scale = MAP_PIXELS / (2 * MAP_HALF_WIDTH_CM)
        x = (points[..., 0] + MAP_HALF_WIDTH_CM) * scale
        y = (MAP_HALF_WIDTH_CM - (points[..., 1] - self._points[1, 1])) * scale
        return np.stack([x, y], axis=-1)

    def _noise(self, scale: float, amount: float) -> Image:
        side = int(MAP_PIXELS / scale) + 2
        coarse = self._rng.normal(size=(side, side)).astype(np.float32)
        grown: Image = cv2.resize(coarse, (MAP_PIXELS, MAP_PIXELS), interpolation=cv2.INTER_CUBIC)
        return grown * np.float32(amount)

    def _blob(self, centre: NDArray[np.floating[Any]], width: float, height: float) -> Image:
        x, y = self._pixels(centre)
        scale = MAP_PIXELS / (2 * MAP_HALF_WIDTH_CM)
        across = (self._columns - x) / (width * scale)
        down = (self._rows - y) / (height * scale)
        blob: Image = np.exp(-(across**2 + down**2)).astype(np.float32)
        return blob

    def _tint(self, mask: Image, factor: tuple[float, float, float], opacity: float) -> None:
        self.image *= (
            1 + (np.array(factor, np.float32) - 1) * (mask * np.float32(opacity))[..., None]
        )

    def _tint_small(self, centre: NDArray[np.floating[Any]], radius: float) -> None:
        x, y = (round(v) for v in self._pixels(centre).tolist())
        if not (8 <= x < MAP_PIXELS - 8 and 8 <= y < MAP_PIXELS - 8):
            return
        pixels = max(1, round(radius * MAP_PIXELS / (2 * MAP_HALF_WIDTH_CM)))
        colour = self.image[y, x] * (0.86, 0.80, 0.76)
        cv2.circle(self.image, (x, y), pixels, colour.tolist(), -1, cv2.LINE_AA)

    def _curve(self, indices: Iterable[int], *, closed: bool) -> NDArray[np.int32]:
        path = self._pixels(self._points[list(indices)])
        if closed:
            path = np.vstack([path, path[:1]])
        spline, _ = splprep(path.T, s=0, per=closed)
        dense = np.stack(splev(np.linspace(0, 1, 300), spline), axis=1)
        return np.round(dense * (1 << SUBPIXEL_BITS)).astype(np.int32)

    def _line(
        self,
        indices: Iterable[int],
        width: int,
        softness: float,
        colour: tuple[float, float, float],
        opacity: float,
    ) -> None:
        mask = np.zeros(self.image.shape[:2], np.float32)
        path = self._curve(indices, closed=False)
        cv2.polylines(mask, [path], False, 1.0, width, cv2.LINE_AA, SUBPIXEL_BITS)
        mask = cv2.GaussianBlur(mask, (0, 0), softness)[..., None] * np.float32(opacity)
        self.image = self.image * (1 - mask) + np.array(colour, np.float32) * mask

    def _hair(
        self, top: NDArray[np.floating[Any]], bottom: NDArray[np.floating[Any]], side: int
    ) -> None:
        along = self._rng.uniform(0, 1)
        segment = min(int(along * 4), 3)
        share = along * 4 - segment
        high = top[segment] * (1 - share) + top[segment + 1] * share
        low = bottom[segment] * (1 - share) + bottom[segment + 1] * share
        across = self._rng.beta(2, 2)
        root = low * (1 - across) + high * across - [0, 0.05]
        length = self._rng.uniform(0.25, 0.5) * (0.7 if along < 0.15 else 1.0)
        angle = np.deg2rad(20 + 55 * along)
        tip = root + np.array([side * np.cos(angle), np.sin(angle)]) * length
        ends = np.round(self._pixels(np.array([root, tip])) * (1 << SUBPIXEL_BITS)).astype(int)
        colour = (np.array([0.23, 0.16, 0.13]) * self._rng.uniform(0.7, 1.25)).tolist()
        cv2.line(
            self.image, ends[0].tolist(), ends[1].tolist(), colour, 1, cv2.LINE_AA, SUBPIXEL_BITS
        )


def _linear(display: Image) -> Image:
    """sRGB code values to light (IEC 61966-2-1)."""
    clipped = np.clip(display, 0, 1)
    light: Image = np.where(
        clipped <= 0.04045, clipped / 12.92, ((clipped + 0.055) / 1.055) ** 2.4
    ).astype(np.float32)
    return light
