"""The changed part of a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Patch"]


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels x0 <= x < x1, y0 <= y < y1; y runs down, relative to the display window's corner."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box's pixels in an array [height, width, ...] of the whole frame."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def within(self, outer: Box) -> tuple[slice, slice]:
        """Index of the box's pixels in an array of the pixels of a box around it."""
        return (
            slice(self.y0 - outer.y0, self.y1 - outer.y0),
            slice(self.x0 - outer.x0, self.x1 - outer.x0),
        )

    def clipped(self, width: int, height: int) -> Box:
        """The part of the box inside a frame of this size; empty boxes collapse to no pixels."""
        x0, y0 = min(max(self.x0, 0), width), min(max(self.y0, 0), height)
        return Box(x0, y0, max(x0, min(self.x1, width)), max(y0, min(self.y1, height)))

    def shifted(self, right: int, down: int) -> Box:
        return Box(self.x0 + right, self.y0 + down, self.x1 + right, self.y1 + down)

    def intersection(self, other: Box) -> Box:
        """The pixels in both; a box of none where they share none."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        return Box(x0, y0, max(x0, min(self.x1, other.x1)), max(y0, min(self.y1, other.y1)))

    def padded(self, pixels: int) -> Box:
        return Box(self.x0 - pixels, self.y0 - pixels, self.x1 + pixels, self.y1 + pixels)

    def union(self, other: Box) -> Box:
        return Box(
            min(self.x0, other.x0),
            min(self.y0, other.y0),
            max(self.x1, other.x1),
            max(self.y1, other.y1),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """What is laid over the plate, in the plate's own scene-linear colour space.

    Attributes:
        box: where it lies.
        rgb: float32 [height, width, 3], premultiplied by alpha.
        alpha: float32 [height, width], 0 where the plate shows through.
        stmap: float32 [height, width, 2], for each pixel the plate position that the jaw's warp
            takes it from, as fractions of the display window, pixel centres, origin bottom left.
    """

    box: Box
    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32]
    stmap: NDArray[np.float32]
