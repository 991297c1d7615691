"""Follows the faces of a shot and says, frame by frame, whether their mouths can be redrawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from dubwright.engines import FaceTracker
from dubwright.face.appearance import appearance_of
from dubwright.face.head_frame import HeadMotion, head_template, in_head_frame
from dubwright.face.landmarks import RIGID
from dubwright.face.link import linked_faces
from dubwright.face.people import people_among
from dubwright.face.point_flow import fastest_point_flow
from dubwright.face.refine import fused, moved_by_flow
from dubwright.face.visibility import behind_others, covered, reasons
from dubwright.media.colour import display_preview, display_proxy, encode_log
from dubwright.media.plate import Plate
from dubwright.model import Box, FaceTrack, FrameRange

__all__ = ["SeenFace", "refined", "track_faces", "unseen"]

PROXY_LONGEST_SIDE: Final = 1280
SMOOTHING_FRAMES: Final = 5
FACE_MARGIN: Final = 0.1
LANDMARKS: Final = 478
PORTRAIT_SIDE: Final = 96


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A face of a shot.

    Attributes:
        track: where it is.
        likeness: what tells it from others; see dubwright.face.appearance.alike.
        portrait: uint8 [96, 96, 3], sRGB, where it is seen best.
    """

    track: FaceTrack
    likeness: NDArray[np.float32]
    portrait: NDArray[np.uint8]


def track_faces(plate: Plate, tracker: FaceTracker, step: Callable[[], None]) -> list[SeenFace]:
    """Follow every face through a plate, the one that fills most of its frames first.

    Args:
        plate: the frames.
        tracker: finds the landmarks.
        step: called after each frame.
    """
    spec = plate.spec
    width = spec.width * spec.pixel_aspect
    shrink = min(1.0, PROXY_LONGEST_SIDE / max(width, spec.height))
    size = (max(1, round(width * shrink)), max(1, round(spec.height * shrink)))

    def proxies() -> Iterator[NDArray[np.uint8]]:
        for frame in plate.frames(FrameRange(0, spec.frames)):
            small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            yield display_proxy(small, spec.working_space, plate.config)
            step()

    to_plate = np.array([width / size[0], spec.height / size[1], width / size[0]], np.float32)
    found = linked_faces(
        [faces * to_plate for faces in tracker.follow(proxies())], float(spec.rate)
    )
    faces = _seen_faces(plate, found)
    joined = _joined(faces, found)
    return faces if len(joined) == len(found) else _seen_faces(plate, joined)


def _seen_faces(plate: Plate, found: Sequence[NDArray[np.float32]]) -> list[SeenFace]:
    pairs = zip(found, behind_others(found), strict=True)
    return [_seen_face(plate, landmarks, behind) for landmarks, behind in pairs]


def _joined(
    faces: Sequence[SeenFace], found: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    """The landmarks of each person: one who was lost for long is the same when seen again."""
    seen = [face.track.found for face in faces]
    pairs = [(a, b) for a in range(len(seen)) for b in range(a) if (seen[a] & seen[b]).any()]
    joined: dict[int, NDArray[np.float32]] = {}
    people = people_among([face.likeness for face in faces], pairs)
    for person, landmarks in zip(people, found, strict=True):
        known = joined.get(person)
        joined[person] = (
            landmarks if known is None else np.where(np.isfinite(known), known, landmarks)
        )
    return list(joined.values())


def unseen(frames: int, why: str) -> FaceTrack:
    """The track of a shot on which a face is not seen."""
    landmarks = np.full((frames, LANDMARKS, 3), np.nan, np.float32)
    return FaceTrack(landmarks, np.full((len(RIGID), 3), np.nan), (why,) * frames)


def _seen_face(plate: Plate, landmarks: NDArray[np.float32], behind: NDArray[np.bool_]) -> SeenFace:
    spec = plate.spec
    precise = refined(plate, landmarks)
    template = head_template(precise)
    motion = in_head_frame(precise, template)
    own = precise[..., :2] / (spec.pixel_aspect, 1.0)
    boxes = _face_boxes(plate, own)
    corners = np.array([(box.x0, box.y0) if box else (0, 0) for box in boxes], np.float32)
    inside = (own - corners[:, None]).astype(np.float32)
    seen = appearance_of(_faces(plate, boxes), inside, spec.pixel_aspect)
    hidden = covered(seen, precise, float(spec.rate))
    size = spec.width * spec.pixel_aspect, float(spec.height)
    return SeenFace(
        FaceTrack(precise, template, reasons(precise, motion, size, seen.detail, hidden, behind)),
        seen.likeness,
        _portrait(plate, boxes, motion),
    )


def _portrait(plate: Plate, boxes: Sequence[Box | None], motion: HeadMotion) -> NDArray[np.uint8]:
    """The face in the frame in which it looks most at the camera."""
    away = np.hypot(motion.yaw_degrees, motion.pitch_degrees) + 1e3 * motion.residual
    best = int(np.nanargmin(away))
    box = boxes[best]
    assert box is not None, "a face that is turned some way was found"
    face = next(plate.regions([(best, box)]))
    aspect = plate.spec.pixel_aspect
    scale = PORTRAIT_SIDE / max(box.width * aspect, box.height)
    size = max(1, round(box.width * aspect * scale)), max(1, round(box.height * scale))
    small = cv2.resize(face, size, interpolation=cv2.INTER_AREA)
    portrait = np.zeros((PORTRAIT_SIDE, PORTRAIT_SIDE, 3), np.uint8)
    left, top = ((PORTRAIT_SIDE - side) // 2 for side in size)
    shown = display_preview(small, plate.spec.working_space, plate.config)
    portrait[top : top + size[1], left : left + size[0]] = shown
    return portrait


def refined(plate: Plate, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Landmarks made exact at the plate's own resolution; see dubwright.face.refine.

    Args:
        plate: the frames.
        landmarks: [frames, 478, 3] in square pixels; NaN where no face was found.
    """
    stretch = np.array([plate.spec.pixel_aspect, 1.0, 1.0], np.float32)
    own = landmarks / stretch
    motion, weights = moved_by_flow(_windows(plate, own), own, fastest_point_flow())
    precise = fused(own, motion, weights) * stretch
    precise[..., 2] = _smooth(landmarks[..., 2])
    return precise


def _face_boxes(plate: Plate, points: NDArray[np.floating[Any]]) -> list[Box | None]:
    """The pixels around the face in each frame, all of one size; None where it was not found."""
    seen = np.isfinite(points[:, 0, 0])
    low, high = points[..., :2].min(axis=1), points[..., :2].max(axis=1)
    size = np.array([plate.spec.width, plate.spec.height])
    # They shift to stay inside the picture.
    side = np.minimum(np.ceil((1 + 2 * FACE_MARGIN) * (high - low)[seen].max(axis=0)), size)
    boxes: list[Box | None] = []
    for frame in range(len(points)):
        if not seen[frame]:
            boxes.append(None)
            continue
        corner = np.clip((low[frame] + high[frame] - side) / 2, 0, size - side).round()
        (x0, y0), (x1, y1) = corner.astype(int).tolist(), (corner + side).astype(int).tolist()
        boxes.append(Box(x0, y0, x1, y1))
    return boxes


def _faces(plate: Plate, boxes: Sequence[Box | None]) -> Iterator[NDArray[np.float32] | None]:
    """The face in each frame, log-encoded."""
    regions = plate.regions([(frame, box) for frame, box in enumerate(boxes) if box])
    for box in boxes:
        yield encode_log(next(regions)) if box else None


def _windows(
    plate: Plate, points: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.uint8], tuple[int, int]]]:
    """The face in each frame in shades of grey, and its corner in the frame."""
    boxes = _face_boxes(plate, points)
    span: NDArray[np.floating[Any]] | None = None
    for box, face in zip(boxes, _faces(plate, boxes), strict=True):
        if box is None or face is None:
            yield np.zeros((0, 0), np.uint8), (0, 0)
            continue
        log = face.mean(axis=2)
        if span is None:
            span = np.percentile(log, (1, 99)) + (-0.01, 0.01)
        grey = (log - span[0]) * (255 / (span[1] - span[0]))
        yield grey.clip(0, 255).astype(np.uint8), (box.x0, box.y0)


def _smooth(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depths [frames, points] by Savitzky and Golay's filter (1964), run by run."""
    smooth = depth.copy()
    edges = np.flatnonzero(np.diff(np.r_[0, np.isfinite(depth[:, 0]), 0]))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= SMOOTHING_FRAMES:
            smooth[start:end] = savgol_filter(depth[start:end], SMOOTHING_FRAMES, 2, axis=0)
    return smooth
