"""Piecewise-affine warps over the face's mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from dubwright.face.landmarks import FACE_OVAL, MESH_POINTS
from dubwright.model import Box

__all__ = ["WarpMap", "face_triangles", "warp_map", "with_frame"]

Array = NDArray[np.floating[Any]]

FRAME_SCALE: Final = 1.3
SUBPIXEL_BITS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class WarpMap:
    """For each pixel of a box the place in the source picture it is taken from.

    Attributes:
        box: the target pixels.
        x, y: float32 [height, width], in the source's pixels.
    """

    box: Box
    x: NDArray[np.float32]
    y: NDArray[np.float32]

    def shift(self) -> NDArray[np.float32]:
        """How far each pixel moves, the larger of both axes, in pixels."""
        rows, columns = _grid(self.box)
        return np.maximum(np.abs(self.x - columns), np.abs(self.y - rows))

    def sampled(self, source: NDArray[np.float32], corner: tuple[int, int]) -> NDArray[np.float32]:
        """The warped picture, from a source whose pixel (0, 0) lies at `corner`."""
        warped: NDArray[np.float32] = cv2.remap(
            source,
            self.x - np.float32(corner[0]),
            self.y - np.float32(corner[1]),
            cv2.INTER_LANCZOS4,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return warped


def with_frame(points: Array) -> Array:
    """Mesh points [468, 2] and a wider oval around them, which anchors the warp."""
    oval = points[list(FACE_OVAL)]
    centre = oval.mean(axis=0)
    return np.vstack([points[:MESH_POINTS], centre + (oval - centre) * FRAME_SCALE])


def face_triangles(open_mouthed: Array) -> NDArray[np.int32]:
    """Delaunay's triangles over an open-mouthed face [468, 2] and its frame, [triangles, 3]."""
    triangles: NDArray[np.int32] = Delaunay(with_frame(open_mouthed)).simplices
    return triangles


def warp_map(
    source: Array, target: Array, triangles: NDArray[np.int32], box: Box, blur: float
) -> WarpMap:
    """The inverse map that takes source points to target points.

    Args:
        source: [points, 2] in the source picture's pixels.
        target: [points, 2] in the target's.
        triangles: over both.
        box: the target pixels to compute.
        blur: sigma in pixels of the smoothing that hides the triangles' edges.
    """
    to, of = target[triangles], source[triangles]
    low, high = to.min(axis=1), to.max(axis=1)
    near = (low < (box.x1, box.y1)).all(axis=1) & (high > (box.x0, box.y0)).all(axis=1)
    to, of = to[near], of[near]
    corners = np.concatenate([to, np.ones((len(to), 3, 1))], axis=2)
    solid = np.abs(np.linalg.det(corners)) > 1e-3
    affine = np.linalg.solve(corners[solid], of[solid]).astype(np.float32)
    labels = np.full((box.height, box.width), -1, np.int32)
    outlines = np.round((to[solid] - (box.x0, box.y0)) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    for index, outline in enumerate(outlines):
        cv2.fillConvexPoly(labels, outline, index, cv2.LINE_8, SUBPIXEL_BITS)
    rows, columns = _grid(box)
    picked = affine[np.maximum(labels, 0)]
    dx = picked[..., 0, 0] * columns + picked[..., 1, 0] * rows + picked[..., 2, 0] - columns
    dy = picked[..., 0, 1] * columns + picked[..., 1, 1] * rows + picked[..., 2, 1] - rows
    bare = labels < 0
    if bare.any():
        covered = ~bare
        dx[bare] = np.median(dx[covered]) if covered.any() else 0
        dy[bare] = np.median(dy[covered]) if covered.any() else 0
    dx, dy = cv2.GaussianBlur(dx, (0, 0), blur), cv2.GaussianBlur(dy, (0, 0), blur)
    return WarpMap(box, columns + dx, rows + dy)


def _grid(box: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows, columns = np.mgrid[box.y0 : box.y1, box.x0 : box.x1].astype(np.float32)
    return rows, columns
