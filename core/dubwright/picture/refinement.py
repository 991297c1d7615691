"""What refines a mouth after it is drawn: the window that it sees, and where it may change it.

A refiner is given the drawn mouth under the plate's light, in the plate's own pixels, with some of
the plate around it, and where the lips are to be. Nothing is resampled on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.landmarks import INNER_LIP_PAIRS, LIPS_INNER, LIPS_OUTER
from dubwright.model import Box
from dubwright.picture.raster import Grid
from dubwright.picture.shape import smoothstep

__all__ = ["PLANES", "DrawnMouth", "DrawnPair", "MouthWindow", "Refiner", "Scores", "is_over"]

Array = NDArray[np.floating[Any]]
Image = NDArray[np.float32]

# Signed distances to the outlines of the inner and the outer lips, and the place in the mouth.
PLANES: Final = 4
# The side of a window, which is rounded to so many pixels.
SIDE_IOD: Final = 1.0
ROUNDED_TO: Final = 16
# Beyond the outer lips a refiner fades out over this.
FADE_IOD: Final = 0.1
DISTANCE_IOD: Final = 0.15
# Inner lips that are less apart touch; from where on they are open.
TOUCH_IOD: Final = (0.012, 0.035)
SUBPIXEL_BITS: Final = 4
EXACT: Final = 256
# A mouth may be this much softer or sharper than the true one, as a logarithm of its detail.
SHARP_ENOUGH: Final = 0.1
# Rounds of learning that come no nearer, after which nothing is learned.
PATIENCE: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class DrawnMouth:
    """A mouth that was drawn on a frame, with some of the frame around it.

    Attributes:
        frame: of the shot.
        picture: the window's pixels, log-encoded.
        window: where they lie.
        strength: from 0, the plate's own mouth, to 1, the new one.
    """

    frame: int
    picture: Grid
    window: MouthWindow
    strength: float


class Refiner(Protocol):
    def refined(self, mouth: DrawnMouth) -> Grid:
        """The window's pixels with a better mouth; those that were given may be changed."""


@dataclass(frozen=True, slots=True, eq=False)
class MouthWindow:
    """A square of a frame around its lips.

    Attributes:
        box: the pixels.
        points: the face's mesh in the frame's pixels, [468, 2].
        interocular: in pixels.
    """

    box: Box
    points: Array
    interocular: float

    @classmethod
    def around(cls, points: Array, interocular: float) -> MouthWindow:
        side = max(1, round(SIDE_IOD * interocular / ROUNDED_TO)) * ROUNDED_TO
        corner = points[list(LIPS_OUTER)].mean(axis=0) - side / 2
        x0, y0 = np.round(corner).astype(int).tolist()
        return cls(Box(x0, y0, x0 + side, y0 + side), points, interocular)

    def planes(self) -> Image:
        """Where the lips are, [PLANES, height, width], between -1 and 1."""
        inner, outer = (self._distance(outline) for outline in (LIPS_INNER, LIPS_OUTER))
        lips = self.points[list(LIPS_OUTER)]
        middle = lips.mean(axis=0)
        y, x = np.mgrid[self.box.y0 : self.box.y1, self.box.x0 : self.box.x1].astype(np.float32)
        across, down = (
            (at - np.float32(centre)) / np.float32(0.5 * self.interocular)
            for at, centre in zip((x, y), middle, strict=True)
        )
        limit = np.float32(DISTANCE_IOD * self.interocular)
        return np.stack(
            [*(np.clip(each / limit, -1, 1) for each in (inner, outer)),
             *(np.clip(each, -1, 1) for each in (across, down))]
        ).astype(np.float32)  # fmt: skip

    def reach(self) -> Image:
        """1 on the lips and between them, fading to 0 around them, [height, width]."""
        outside = -self._distance(LIPS_OUTER) / np.float32(FADE_IOD * self.interocular)
        faded = np.clip(1 - outside, 0, 1)
        return np.asarray(faded * faded * (3 - 2 * faded), np.float32)

    def openness(self) -> float:
        """0 where the lips touch, 1 where they are open: that they touch is a drawing's to say."""
        pairs = np.array(INNER_LIP_PAIRS)
        apart = self.points[pairs[:, 0]] - self.points[pairs[:, 1]]
        gap = np.linalg.norm(apart, axis=1).mean() / self.interocular
        return float(smoothstep(*TOUCH_IOD, np.array(gap)))

    def part(self, box: Box) -> MouthWindow:
        """The same mouth in another box."""
        return MouthWindow(box, self.points, self.interocular)

    def _distance(self, outline: tuple[int, ...]) -> Image:
        """Pixels to an outline, positive inside; right as far as DISTANCE_IOD, whatever the box."""
        margin = int(DISTANCE_IOD * self.interocular) + 1
        wide = Box(
            self.box.x0 - margin, self.box.y0 - margin, self.box.x1 + margin, self.box.y1 + margin
        )
        places = (self.points[list(outline)] - (wide.x0, wide.y0)) * (1 << SUBPIXEL_BITS)
        mask = np.zeros((wide.height, wide.width), np.uint8)
        cv2.fillPoly(mask, [np.round(places).astype(np.int32)], 1, cv2.LINE_8, SUBPIXEL_BITS)
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # OpenCV computes the last digits otherwise from one call to the next.
        distance = np.round((inside - outside)[self.box.within(wide)] * EXACT) / EXACT
        return np.asarray(distance, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPair:
    """A frame's mouth as it was drawn from other frames, and as it is.

    Attributes:
        frame: of the shot.
        drawn, true: log-encoded, [height, width, 3], of any float type.
        window: where both lie.
    """

    frame: int
    drawn: NDArray[np.floating[Any]]
    true: NDArray[np.floating[Any]]
    window: MouthWindow

    def part(self, box: Box) -> DrawnPair:
        """The same in a box within its window's."""
        index = box.within(self.window.box)
        return DrawnPair(self.frame, self.drawn[index], self.true[index], self.window.part(box))


@dataclass(frozen=True, slots=True)
class Scores:
    """How far drawn mouths are from the true ones, on frames that nothing was learned from.

    Attributes:
        seen: see dubwright.picture.torch_nlpd.
        apart: mean absolute difference, as parts of the encoding's range.
        unsteady: mean absolute change of the difference from frame to frame.
        sharpness: detail over that of the true mouths.
    """

    seen: float
    apart: float
    unsteady: float
    sharpness: float

    def is_better_than(self, plain: Scores) -> bool:
        """Nearer to the eye and in light, no less steady, and no less like them in sharpness."""
        return (
            self.seen < plain.seen
            and self.apart < plain.apart
            and self.unsteady <= plain.unsteady
            and self.unsharp <= max(plain.unsharp, SHARP_ENOUGH)
        )

    @property
    def unsharp(self) -> float:
        """How much softer or sharper they are, as a logarithm."""
        return float(abs(np.log(max(self.sharpness, 1e-6))))


def is_over(rounds: Sequence[Scores]) -> bool:
    """Whether the last rounds of learning came no nearer than one before them."""
    seen = [each.seen for each in rounds]
    return len(seen) > PATIENCE and min(seen[-PATIENCE:]) >= min(seen[:-PATIENCE])
