"""A small z-buffer: which triangle is seen at each pixel, and where on it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Visible", "rasterize"]

EDGE_TOLERANCE: Final = -1e-4
CANDIDATES_AT_ONCE: Final = 2_000_000
DEPTH_STEPS: Final = 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class Visible:
    """The seen surface, one row per covered pixel.

    Attributes:
        pixels: int64, row * width + column.
        triangles: int64.
        barycentric: float32 [pixels, 3].
        depth: float32, distance from the camera.
    """

    pixels: NDArray[np.int64]
    triangles: NDArray[np.int64]
    barycentric: NDArray[np.float32]
    depth: NDArray[np.float32]


def rasterize(
    points: NDArray[np.float32], triangles: NDArray[np.int64], width: int, height: int
) -> Visible:
    """Find the nearest triangle at every pixel centre.

    Args:
        points: float32 [vertices, 3]: x and y in pixels, z the distance from the camera.
        triangles: int [triangles, 3].
        width: of the picture.
        height: of the picture.
    """
    a, b, c = (points[triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    low = np.ceil(np.minimum(np.minimum(a, b), c)[:, :2] - 0.5).astype(np.int64)
    high = np.floor(np.maximum(np.maximum(a, b), c)[:, :2] - 0.5).astype(np.int64)
    low, high = np.maximum(low, 0), np.minimum(high, [width - 1, height - 1])
    extent = high - low + 1
    drawn = np.flatnonzero((np.abs(area) > 1e-9) & (extent > 0).all(axis=1))

    found = []
    side = extent[drawn].max(axis=1)
    bounds = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, max(width, height)]
    for smaller, larger in pairwise(bounds):
        group = drawn[(side > smaller) & (side <= larger)]
        step = max(1, CANDIDATES_AT_ONCE // (larger * larger))
        for start in range(0, len(group), step):
            chosen = group[start : start + step]
            found.append(_cover(a, b, c, area, low, high, chosen, larger, width))
    if not found:
        nothing = np.zeros(0, np.int64)
        return Visible(nothing, nothing, np.zeros((0, 3), np.float32), np.zeros(0, np.float32))
    pixels, chosen, weights, depth = (np.concatenate(column) for column in zip(*found, strict=True))

    near, far = float(depth.min()), float(depth.max())
    steps = ((depth - near) / max(far - near, 1e-6) * (DEPTH_STEPS - 1)).astype(np.int64)
    order = np.argsort(pixels * DEPTH_STEPS + steps)
    pixels = pixels[order]
    nearest = order[np.r_[True, pixels[1:] != pixels[:-1]]]
    first = pixels[np.r_[True, pixels[1:] != pixels[:-1]]]
    return Visible(first, chosen[nearest], weights[nearest], depth[nearest])


def _cover(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    c: NDArray[np.float32],
    area: NDArray[np.float32],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    chosen: NDArray[np.int64],
    side: int,
    width: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Pixels inside each chosen triangle, all tested on a square of `side` pixels."""
    column = (low[chosen, 0, None] + np.arange(side))[:, None, :]
    row = (low[chosen, 1, None] + np.arange(side))[:, :, None]
    x, y = column.astype(np.float32) + 0.5, row.astype(np.float32) + 0.5
    pa, pb, pc = (p[chosen][:, :, None, None] for p in (a, b, c))
    inverse = (1 / area[chosen])[:, None, None]
    u = ((pb[:, 0] - x) * (pc[:, 1] - y) - (pb[:, 1] - y) * (pc[:, 0] - x)) * inverse
    v = ((pc[:, 0] - x) * (pa[:, 1] - y) - (pc[:, 1] - y) * (pa[:, 0] - x)) * inverse
    w = 1 - u - v
    inside = (u >= EDGE_TOLERANCE) & (v >= EDGE_TOLERANCE) & (w >= EDGE_TOLERANCE)
    inside &= (column <= high[chosen, 0, None, None]) & (row <= high[chosen, 1, None, None])
    which, down, across = np.nonzero(inside)
    weights = np.stack([u[inside], v[inside], w[inside]], axis=1)
    corner = chosen[which]
    depth = (weights * np.stack([a[corner, 2], b[corner, 2], c[corner, 2]], axis=1)).sum(axis=1)
    pixels = row[which, down, 0] * width + column[which, 0, across]
    return pixels, corner, weights, depth
