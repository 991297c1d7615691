"""Piecewise-affine warps over the face's mesh, computed on a grid as coarse as the face allows."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from dubwright.face.landmarks import FACE_OVAL, MESH_POINTS
from dubwright.model import Box
from dubwright.picture.raster import Grid, Raster

__all__ = ["Cells", "MeshOver", "Warp", "face_triangles", "grid_step", "with_frame"]

Array = NDArray[np.floating[Any]]
Image = NDArray[np.float32]

FRAME_SCALE: Final = 1.3
SUBPIXEL_BITS: Final = 4
# A triangle of less, in pixels, is a line.
LEAST_AREA: Final = 1e-3
STEPS_PER_IOD: Final = 64
LARGEST_STEP: Final = 16
# A blending pyramid over a box needs it divisible so far; see dubwright.picture.composite.
PYRAMID_STEPS: Final = 8


def grid_step(interocular: float) -> int:
    """How many pixels a cell of the coarse grid measures, a power of two."""
    exponent = int(np.log2(max(1.0, interocular / STEPS_PER_IOD)))
    return int(min(LARGEST_STEP, 2**exponent))


@dataclass(frozen=True, slots=True)
class Cells:
    """A box of pixels in square cells; it may reach beyond the picture.

    Attributes:
        box: the pixels.
        step: pixels along a cell.
    """

    box: Box
    step: int

    @classmethod
    def around(cls, box: Box, step: int) -> Cells:
        """The least cells that cover a box and can be halved for blending."""
        unit = PYRAMID_STEPS * step
        width, height = -(-box.width // unit) * unit, -(-box.height // unit) * unit
        return cls(Box(box.x0, box.y0, box.x0 + width, box.y0 + height), step)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.box.height // self.step, self.box.width // self.step

    def part(self, box: Box) -> Cells:
        """The cells of this grid that cover as much of a box as this grid does."""
        unit = PYRAMID_STEPS * self.step
        inner = box.intersection(self.box)
        x0, y0 = (
            (low - origin) // self.step * self.step + origin
            for low, origin in ((inner.x0, self.box.x0), (inner.y0, self.box.y0))
        )
        width = min(-(-(inner.x1 - x0) // unit) * unit, self.box.width)
        height = min(-(-(inner.y1 - y0) // unit) * unit, self.box.height)
        x0, y0 = min(x0, self.box.x1 - width), min(y0, self.box.y1 - height)
        return Cells(Box(x0, y0, x0 + width, y0 + height), self.step)

    def within(self, outer: Cells) -> tuple[slice, slice]:
        """Index of these cells in an array of the cells of a grid around them."""
        rows, columns = self.box.within(outer.box)
        return (
            slice(rows.start // self.step, rows.stop // self.step),
            slice(columns.start // self.step, columns.stop // self.step),
        )

    def places(self) -> tuple[Image, Image]:
        """x and y of the cells' middles in the picture's pixels, each [rows, columns]."""
        rows, columns = self.shape
        half = (self.step - 1) / 2
        y, x = np.mgrid[0:rows, 0:columns] * self.step
        left, top = np.float32(self.box.x0 + half), np.float32(self.box.y0 + half)
        return (x + left).astype(np.float32), (y + top).astype(np.float32)

    def filled(self, outline: Array) -> Image:
        """1 inside a polygon [points, 2] of the picture's pixels, 0 outside, [rows, columns]."""
        mask = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(mask, [self._points(outline)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        return np.asarray(mask / np.float32(255), np.float32)

    def outlines(self, polygons: Array) -> NDArray[np.int32]:
        """Polygons [polygons, points, 2] in fixed-point cells."""
        return self._points(polygons)

    def _points(self, pixels: Array) -> NDArray[np.int32]:
        cells = (pixels - (self.box.x0, self.box.y0) + 0.5) / self.step - 0.5
        return np.round(cells * (1 << SUBPIXEL_BITS)).astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """For each cell how far from it in the source picture its pixels are taken.

    Attributes:
        cells: of the target picture.
        dx, dy: [rows, columns], in pixels.
    """

    cells: Cells
    dx: Image
    dy: Image

    def part(self, cells: Cells) -> Warp:
        """The same warp of some of its cells."""
        index = cells.within(self.cells)
        return Warp(cells, self.dx[index], self.dy[index])

    def shift(self) -> Image:
        """How far each cell moves, the larger of both axes, in pixels."""
        return np.maximum(np.abs(self.dx), np.abs(self.dy))

    def reach(self) -> Box:
        """The pixels of the source that the cells are taken from."""
        x, y = self.cells.places()
        edge = self.cells.step
        return Box(
            int(np.floor((x + self.dx).min())) - edge,
            int(np.floor((y + self.dy).min())) - edge,
            int(np.ceil((x + self.dx).max())) + edge + 1,
            int(np.ceil((y + self.dy).max())) + edge + 1,
        )

    def positions(self, raster: Raster) -> tuple[Grid, Grid]:
        """x and y in the source picture for every pixel of the box."""
        box, step = self.cells.box, self.cells.step
        x = raster.placed(np.arange(box.x0, box.x1, dtype=np.float32))
        y = raster.placed(np.arange(box.y0, box.y1, dtype=np.float32))
        return (
            raster.enlarged(raster.placed(self.dx), step) + x[None],
            raster.enlarged(raster.placed(self.dy), step) + y[:, None],
        )


def with_frame(points: Array) -> Array:
    """Mesh points [468, 2] and a wider oval around them, which anchors the warp."""
    oval = points[list(FACE_OVAL)]
    centre = oval.mean(axis=0)
    return np.vstack([points[:MESH_POINTS], centre + (oval - centre) * FRAME_SCALE])


def face_triangles(open_mouthed: Array) -> NDArray[np.int32]:
    """Delaunay's triangles over an open-mouthed face [468, 2] and its frame, [triangles, 3]."""
    triangles: NDArray[np.int32] = Delaunay(with_frame(open_mouthed)).simplices
    return triangles


class MeshOver:
    """A face's triangles, laid over a grid; any picture of the same face can be warped to it.

    Args:
        target: where the mesh lies in the target picture, [points, 2] in pixels.
        triangles: over its points.
        cells: the grid.
    """

    def __init__(self, target: Array, triangles: NDArray[np.int32], cells: Cells) -> None:
        self.cells = cells
        self._target = target
        to = target[triangles]
        box = cells.box
        low, high = to.min(axis=1), to.max(axis=1)
        near = (low < (box.x1, box.y1)).all(axis=1) & (high > (box.x0, box.y0)).all(axis=1)
        sides = to[:, 1:] - to[:, :1]
        twice_area = sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]
        solid = np.flatnonzero(near & (np.abs(twice_area) > LEAST_AREA))
        self._triangles = triangles[solid]
        self._corner = to[solid, 0]
        (ax, ay), (bx, by) = sides[solid, 0].T, sides[solid, 1].T
        # Of a point from the first corner: its shares of both sides.
        shares = np.array([[by, -bx], [-ay, ax]]) / twice_area[solid]
        self._shares = shares.transpose(2, 0, 1)
        self._labels = np.full(cells.shape, -1, np.int32)
        for index, outline in enumerate(cells.outlines(to[solid])):
            cv2.fillConvexPoly(self._labels, outline, index, cv2.LINE_8, SUBPIXEL_BITS)

    def part(self, cells: Cells) -> MeshOver:
        """The same mesh over some of its cells."""
        part = copy(self)
        part.cells = cells
        part._labels = self._labels[cells.within(self.cells)]
        return part

    def warp(self, source: Array, blur: float) -> Warp:
        """The inverse map that takes source points [points, 2] to the target's.

        Args:
            source: in the source picture's pixels.
            blur: sigma in pixels of the smoothing that hides the triangles' edges.
        """
        x, y = self.cells.places()
        bare = self._labels < 0
        labels = np.where(bare, 0, self._labels)
        away = (source - self._target)[self._triangles]
        slopes = self._shares.transpose(0, 2, 1) @ (away[:, 1:] - away[:, :1])
        level = away[:, 0] - (self._corner[:, None] @ slopes)[:, 0]
        # Cells are filled to a triangle's edge and a little over: there its corners are the limit.
        tables = [slopes[:, 0], slopes[:, 1], level, away.min(axis=1), away.max(axis=1)]
        moved = []
        for axis in (0, 1):
            across, down, at, low, high = (
                np.ascontiguousarray(table[:, axis], np.float32).take(labels) for table in tables
            )
            shift = np.clip(across * x + down * y + at, low, high)
            if bare.any():
                shift[bare] = 0 if bare.all() else np.median(shift[~bare])
            sigma = blur / self.cells.step
            moved.append(cv2.GaussianBlur(shift, (0, 0), sigma).astype(np.float32))
        return Warp(self.cells, *moved)
