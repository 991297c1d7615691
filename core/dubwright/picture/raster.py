"""The arithmetic of pictures, on the processor or on a GPU, with the same results.

A grid is a float32 picture [height, width] or [height, width, channels], in the memory of whoever
computes it; grids are added, multiplied and clipped as arrays are. Everything else that is done
with them is one of the functions below, each defined so that it can be computed exactly alike by
OpenCV and by torch: positions are rounded to 1/32 pixel, borders are mirrored or repeated.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.media.colour import decode_log, encode_log

__all__ = ["Grid", "OpenCvRaster", "Raster", "fastest_raster"]

Grid = Any
Image = NDArray[np.float32]
SAMPLED_AT: Final = 32


class Raster(Protocol):
    """Who computes grids."""

    def placed(self, image: Image) -> Grid:
        """An array as a grid."""

    def fetched(self, grid: Grid) -> Image:
        """A grid as an array."""

    def log(self, linear: Grid) -> Grid:
        """Scene-linear light, log-encoded; see dubwright.media.colour.encode_log."""

    def linear(self, log: Grid) -> Grid:
        """The inverse of log."""

    def sampled(self, source: Grid, x: Grid, y: Grid) -> Grid:
        """The source at positions [height, width] in its pixels, by cubic convolution (Keys, 1981).

        Beyond the source its border is repeated.
        """

    def blurred(self, grid: Grid, sigma: float) -> Grid:
        """Gaussian blur over four sigmas, sigma in pixels, borders mirrored."""

    def averaged(self, grid: Grid, factor: int) -> Grid:
        """Means of squares of factor by factor pixels."""

    def enlarged(self, grid: Grid, factor: int) -> Grid:
        """The inverse of averaged, as far as there is one: linear between the squares' middles."""

    def halved(self, grid: Grid) -> Grid:
        """The next level of a Gaussian pyramid (Burt and Adelson, 1983); of even size."""

    def doubled(self, grid: Grid) -> Grid:
        """A level of a Gaussian pyramid at twice its size."""


class OpenCvRaster:
    """Computes on the processor."""

    def placed(self, image: Image) -> Image:
        return np.ascontiguousarray(image, np.float32)

    def fetched(self, grid: Image) -> Image:
        return grid

    def log(self, linear: Image) -> Image:
        return encode_log(linear)

    def linear(self, log: Image) -> Image:
        return decode_log(log)

    def sampled(self, source: Image, x: Image, y: Image) -> Image:
        return _float32(cv2.remap(source, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))

    def blurred(self, grid: Image, sigma: float) -> Image:
        return _float32(cv2.GaussianBlur(grid, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))

    def averaged(self, grid: Image, factor: int) -> Image:
        size = grid.shape[1] // factor, grid.shape[0] // factor
        return _float32(cv2.resize(grid, size, interpolation=cv2.INTER_AREA))

    def enlarged(self, grid: Image, factor: int) -> Image:
        size = grid.shape[1] * factor, grid.shape[0] * factor
        return _float32(cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR))

    def halved(self, grid: Image) -> Image:
        return _float32(cv2.pyrDown(grid))

    def doubled(self, grid: Image) -> Image:
        return _float32(cv2.pyrUp(grid))


def fastest_raster() -> Raster:
    """A GPU's where torch finds one, else the processor's."""
    if importlib.util.find_spec("torch"):
        from dubwright.picture.torch_raster import cuda_raster

        raster = cuda_raster()
        if raster is not None:
            return raster
    return OpenCvRaster()


def _float32(grid: Any) -> Image:
    return np.asarray(grid, np.float32)
