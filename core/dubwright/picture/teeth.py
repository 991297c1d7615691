"""Teeth that stay rigid while the lips around them are bent.

A mesh bends what is between the lips with the lips. Here the upper teeth are moved as the skull is
instead, from the library's pose to the plate's, and the lower teeth as the skull and the jaw are.
What is between them, the tongue or the dark, is stretched. A rim along the lips still follows them,
wider where the new lips are further apart than the library's: no picture shows what would be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.head_frame import HeadMotion, mouth_curves
from dubwright.face.landmarks import INNER_CORNERS, JAW, LOWER_INNER_LIP, UPPER_INNER_LIP
from dubwright.picture.shape import smoothstep
from dubwright.picture.warp import Warp

__all__ = ["Bite", "TeethMotion"]

Array = NDArray[np.floating[Any]]

BEHIND_LIPS_IOD: Final = 0.03
CLOSED_SHARE: Final = 0.1
# From the upper teeth's edge to where nothing is theirs, at least.
LEAST_PARTED_IOD: Final = 0.03
RIM_IOD: Final = 0.03
# Of its depth behind a library's lip, a place keeps all but this share: lips are no teeth.
GIVEN_UP: Final = 0.25
# On the average: between the teeth a picture has few pixels, and wider still they are a smear.
WIDENED: Final = 1.5


@dataclass(frozen=True, slots=True)
class Bite:
    """Where an actor's teeth meet, in the head frame.

    Attributes:
        height: y of the upper teeth's edge, which is near the line of closed lips.
        jaw: y of the chin when they meet.
        depth: z.
    """

    height: float
    jaw: float
    depth: float

    @classmethod
    def learned(cls, positions: Array) -> Bite:
        """From positions of the actor's frames, [frames, 478, 3]: those of closed lips."""
        order = np.argsort(mouth_curves(positions)[:, 0])
        closed = positions[order[: max(1, int(len(order) * CLOSED_SHARE))]]
        lips = list(UPPER_INNER_LIP + LOWER_INNER_LIP)
        return cls(
            height=float(np.median(closed[:, lips, 1])),
            jaw=float(np.median(closed[:, list(JAW), 1])),
            depth=float(np.median(positions[:, list(UPPER_INNER_LIP), 2])) + BEHIND_LIPS_IOD,
        )


class TeethMotion:
    """How teeth move from a frame of the library to one of the plate.

    Args:
        plate: the plate's head, the frame, and its pixels' aspect.
        source: the library's.
        jaw: y of the chin of the face to draw, in the head frame.
        bite: the actor's.
    """

    def __init__(
        self,
        plate: tuple[HeadMotion, int, float],
        source: tuple[HeadMotion, int, float],
        jaw: float,
        bite: Bite,
    ) -> None:
        self._to_source = _teeth_plane(*source, bite.depth)
        self._from_source = cv2.invertAffineTransform(self._to_source)
        self._from_plate = cv2.invertAffineTransform(_teeth_plane(*plate, bite.depth))
        self._edge = bite.height
        self._parted = max(jaw - bite.jaw, LEAST_PARTED_IOD)
        motion, frame, _ = source
        source_jaw = float(motion.positions[frame, list(JAW), 1].mean())
        self._dropped = min(jaw - source_jaw, self._parted * (1 - 1 / WIDENED))

    def held(self, warp: Warp, points: Array, source_points: Array) -> Warp:
        """A warp of a whole mouth by which teeth move as the skull and the jaw do.

        Args:
            warp: from the plate's cells to the library's picture.
            points: of the face to draw, [points, 2] in the plate's pixels.
            source_points: of the library's face, [points, 2] in its picture's pixels.
        """
        x, y = warp.cells.places()
        upper = _moved(self._from_plate, x, y)
        lower = upper[0], upper[1] - self._dropped
        bent = _moved(self._from_source, x + warp.dx, y + warp.dy)
        bent_depth = _depth_between_lips(self._from_source, source_points, bent)
        rim = smoothstep(0, RIM_IOD, _depth_between_lips(self._from_plate, points, upper))
        lowerness = smoothstep(self._edge, self._edge + self._parted, upper[1])
        dx, dy = warp.dx, warp.dy
        for place, share in ((upper, 1 - lowerness), (lower, lowerness)):
            depth = _depth_between_lips(self._from_source, source_points, place)
            nearer_lip = np.maximum(bent_depth - depth, 1e-6)
            hold = share * rim * np.minimum(1, GIVEN_UP * np.maximum(bent_depth, 0) / nearer_lip)
            held_x, held_y = _moved(self._to_source, *place)
            dx = dx + hold * (held_x - x - warp.dx)
            dy = dy + hold * (held_y - y - warp.dy)
        return Warp(warp.cells, dx.astype(np.float32), dy.astype(np.float32))


def _teeth_plane(motion: HeadMotion, frame: int, pixel_aspect: float, depth: float) -> Array:
    """Where x and y of the head frame lie in the picture, at the teeth's depth, [2, 3]."""
    corners = np.array([[0, 0, depth], [1, 0, depth], [0, 1, depth]])
    origin, right, below = motion.in_picture(frame, corners)[:, :2] / (pixel_aspect, 1.0)
    return np.column_stack([right - origin, below - origin, origin])


def _moved(affine: Array, x: Array, y: Array) -> tuple[Array, Array]:
    return (
        affine[0, 0] * x + affine[0, 1] * y + affine[0, 2],
        affine[1, 0] * x + affine[1, 1] * y + affine[1, 2],
    )


def _depth_between_lips(to_head: Array, points: Array, place: tuple[Array, Array]) -> Array:
    """How far places of the head frame are from the nearer inner lip; <= 0 beyond them."""
    across, down = place
    right, left = INNER_CORNERS
    upper, lower = (
        _height(_moved(to_head, *points[[right, *lip, left]].T), across)
        for lip in (UPPER_INNER_LIP, LOWER_INNER_LIP)
    )
    return np.minimum(down - upper, lower - down)


def _height(lip: tuple[Array, Array], across: Array) -> Array:
    """How high a lip is at each place; beyond the mouth's corners, as high as there."""
    order = np.argsort(lip[0])
    height: Array = np.interp(across, lip[0][order], lip[1][order])
    return height
