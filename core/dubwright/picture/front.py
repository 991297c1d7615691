"""What lies in front of a face: hands, hair and whatever else hides a part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.engines import FaceParser, Framing, FrontMatte, PlateView, Region
from dubwright.engines.batches import in_batches
from dubwright.face.head_frame import in_head_frame
from dubwright.face.landmarks import FACE_OVAL, LIPS_OUTER
from dubwright.face.visibility import COVERED
from dubwright.model import FrameRange
from dubwright.picture.face_square import FaceSquares, in_frame

__all__ = ["Front", "front_of_faces", "hidden_share", "with_front"]

Array = NDArray[np.floating[Any]]
Image = NDArray[np.float32]

# As wide and high as the portraits that parsers were trained on, and a little lower: chins drop.
LEFT, TOP, RIGHT, BOTTOM = -1.5, -1.2, 1.5, 1.8
# So near to its outline what is not of the face may as well be behind it, and so little of it may
# be a mistake. What begins within the outline is followed so far beyond it.
UNSURE_IOD: Final = 0.06
LEAST_IOD: Final = 0.04
BEYOND_IOD: Final = 0.5
# Of the lips: where more of them is hidden, what they do is not known.
MOST_HIDDEN: Final = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """What lies in front of a face in one frame, and how much of the lips it hides, 0 to 1."""

    matte: FrontMatte
    lips_hidden: float


def front_of_faces(
    plate: PlateView,
    parser: FaceParser,
    to_rec709: Array,
    frames: FrameRange,
    at_once: int,
    step: Callable[[], None],
) -> dict[int, Front]:
    """What lies in front of a plate's face, by frame, where the face is found.

    Args:
        plate: the shot.
        parser: tells face, hair and the rest apart.
        to_rec709: what makes linear Rec. 709 of the plate's light, [3, 3].
        frames: of the shot.
        at_once: with how many frames at once the parser begins.
        step: called for each of the frames.
    """
    framing = Framing(LEFT, TOP, RIGHT, BOTTOM, parser.side, resolves=1.0, known=1.0)
    track = plate.track
    squares = FaceSquares(plate, in_head_frame(track.landmarks, track.template))
    seen = [frame for frame in frames if track.reasons[frame] in ("", COVERED)]
    found: dict[int, Front] = {}
    if seen:
        light = squares.light(framing, to_rec709, seen)

        def parsed(some: slice) -> list[Image]:
            faces = [light.shown(squares.square(frame, framing)) for frame in seen[some]]
            return list(parser.parse(np.stack(faces)))

        for frame, shares in zip(seen, in_batches(parsed, len(seen), at_once), strict=True):
            placement = squares.placement(frame, framing)
            points = track.landmarks[frame, :, :2] / (plate.pixel_aspect, 1.0)
            found[frame] = _front(shares, in_frame(points, placement), placement)
    for _ in frames:
        step()
    return found


def with_front(reasons: tuple[str, ...], lips_hidden: Mapping[int, float]) -> tuple[str, ...]:
    """Why a mouth cannot be redrawn, by what is known to hide it.

    Args:
        reasons: for each frame of a shot, "" where it can.
        lips_hidden: how much of the lips is hidden, by frame, where that is known.
    """
    told = list(reasons)
    for frame, hidden in lips_hidden.items():
        if told[frame] in ("", COVERED):
            told[frame] = COVERED if hidden > MOST_HIDDEN else ""
    return tuple(told)


def hidden_share(front: FrontMatte, x: Image, y: Image) -> Image:
    """How much of the face is hidden at places of the plate, 0 beyond the matte."""
    across, down = (
        np.asarray(right * x + under * y + at, np.float32)
        for right, under, at in front.placement.tolist()
    )
    return np.asarray(
        cv2.remap(front.matte, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT),
        np.float32,
    )


def _front(shares: Image, points: Array, placement: Array) -> Front:
    """By the shares of regions, [side, side, regions], and the mesh in their pixels."""
    side = len(shares)
    iod = side / (RIGHT - LEFT)
    other = shares[..., Region.OTHER]
    oval = cv2.erode(_filled(points[list(FACE_OVAL)], side), _disc(UNSURE_IOD * iod))
    within = cv2.morphologyEx(oval * (other > 0.5), cv2.MORPH_OPEN, _disc(LEAST_IOD * iod))
    reached = within
    for _ in range(round(BEYOND_IOD * iod)):
        reached = cv2.dilate(reached, np.ones((3, 3), np.uint8)) * (other > 0.5)
    # With the soft edge of what was reached.
    shown = cv2.dilate(reached.astype(np.float32), np.ones((3, 3), np.uint8))
    matte = np.clip(shares[..., Region.HAIR] + shown * other, 0, 1)
    lips = _filled(points[list(LIPS_OUTER)], side)
    hidden = float((matte * lips).sum() / max(lips.sum(), 1))
    return Front(FrontMatte(np.asarray(matte, np.float32), placement), hidden)


def _filled(outline: Array, side: int) -> NDArray[np.uint8]:
    """1 inside a polygon; nothing beyond the square is."""
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    return np.asarray(mask, np.uint8)


def _disc(radius: float) -> NDArray[np.uint8]:
    width = 2 * round(radius) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)), np.uint8)
