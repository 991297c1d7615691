"""The arithmetic of dubwright.picture.raster in torch."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - what everyone calls it
from numpy.typing import NDArray

from dubwright.media.colour import (
    CCT_BREAK_LINEAR,
    CCT_BREAK_LOG,
    CCT_OFFSET,
    CCT_SCALE,
    CCT_SHIFT,
    CCT_SLOPE,
)
from dubwright.media.torch_borders import mirrored
from dubwright.picture.raster import SAMPLED_AT

__all__ = ["TorchRaster", "cuda_raster"]

Tensor = torch.Tensor
PYRAMID: Final = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


class TorchRaster:
    """Computes on a device of torch."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)

    def placed(self, image: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(image, np.float32)).to(self._device)

    def fetched(self, grid: Tensor) -> NDArray[np.float32]:
        fetched: NDArray[np.float32] = grid.contiguous().cpu().numpy()
        return fetched

    def log(self, linear: Tensor) -> Tensor:
        above = torch.log2(linear.clamp(min=CCT_BREAK_LINEAR))
        return torch.where(
            linear <= CCT_BREAK_LINEAR,
            CCT_SLOPE * linear + CCT_OFFSET,
            (above + CCT_SHIFT) / CCT_SCALE,
        )

    def linear(self, log: Tensor) -> Tensor:
        return torch.where(
            log <= CCT_BREAK_LOG,
            (log - CCT_OFFSET) / CCT_SLOPE,
            torch.exp2(log * CCT_SCALE - CCT_SHIFT),
        )

    def sampled(self, source: Tensor, x: Tensor, y: Tensor) -> Tensor:
        height, width = source.shape[:2]
        places = [
            ((at * SAMPLED_AT).round() / SAMPLED_AT + 0.5) * (2 / size) - 1
            for at, size in ((x, width), (y, height))
        ]
        sampled = F.grid_sample(
            _planes(source),
            torch.stack(places, dim=-1)[None],
            mode="bicubic",
            padding_mode="border",
            align_corners=False,
        )
        return _pixels(sampled, source)

    def blurred(self, grid: Tensor, sigma: float) -> Tensor:
        size = round(sigma * 8 + 1) | 1
        weights = cv2.getGaussianKernel(size, sigma, cv2.CV_32F).ravel()
        kernel = torch.from_numpy(weights).to(self._device)
        planes = _planes(grid)
        for axis in (2, 3):
            padded = mirrored(planes, axis, size // 2)
            shape = (1, 1, size, 1) if axis == 2 else (1, 1, 1, size)
            planes = F.conv2d(padded.transpose(0, 1), kernel.reshape(shape)).transpose(0, 1)
        return _pixels(planes, grid)

    def averaged(self, grid: Tensor, factor: int) -> Tensor:
        return _pixels(F.avg_pool2d(_planes(grid), factor), grid)

    def enlarged(self, grid: Tensor, factor: int) -> Tensor:
        planes = F.interpolate(
            _planes(grid), scale_factor=factor, mode="bilinear", align_corners=False
        )
        return _pixels(planes, grid)

    def halved(self, grid: Tensor) -> Tensor:
        planes = _planes(grid)
        kernel = torch.tensor(PYRAMID, device=self._device)
        for axis in (2, 3):
            padded = mirrored(planes, axis, 2)
            shape, stride = ((1, 1, 5, 1), (2, 1)) if axis == 2 else ((1, 1, 1, 5), (1, 2))
            planes = F.conv2d(padded.transpose(0, 1), kernel.reshape(shape), stride=stride)
            planes = planes.transpose(0, 1)
        return _pixels(planes, grid)

    def doubled(self, grid: Tensor) -> Tensor:
        planes = _planes(grid)
        for axis in (2, 3):
            length = planes.shape[axis]
            # OpenCV mirrors the first border of a doubled picture and repeats the last.
            before = planes.narrow(axis, min(1, length - 1), 1)
            after = planes.narrow(axis, length - 1, 1)
            padded = torch.cat([before, planes, after], dim=axis)
            here, left, right = (padded.narrow(axis, at, length) for at in (1, 0, 2))
            even, odd = (left + 6 * here + right) / 8, (here + right) / 2
            planes = torch.stack([even, odd], dim=axis + 1).flatten(axis, axis + 1)
        return _pixels(planes, grid)


def cuda_raster() -> TorchRaster | None:
    """Computes on the first GPU that is seen; None where there is none."""
    return TorchRaster("cuda") if torch.cuda.is_available() else None


def _planes(grid: Tensor) -> Tensor:
    """[height, width] or [height, width, channels] as [1, channels, height, width]."""
    return (grid[..., None] if grid.ndim == 2 else grid).permute(2, 0, 1)[None]


def _pixels(planes: Tensor, like: Tensor) -> Tensor:
    return planes[0, 0] if like.ndim == 2 else planes[0].permute(1, 2, 0)
