"""Follows the face of a shot and says, frame by frame, whether its mouth can be redrawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from dubwright.engines import FaceTracker
from dubwright.face.head_frame import HeadMotion, head_template, in_head_frame
from dubwright.face.landmarks import RIGID
from dubwright.face.refine import fused, moved_by_flow
from dubwright.media.colour import display_proxy, encode_log
from dubwright.media.plate import Plate
from dubwright.model import Box, FaceTrack, FrameRange

__all__ = ["refined", "track_face"]

PROXY_LONGEST_SIDE: Final = 1280
SMOOTHING_FRAMES: Final = 5
FACE_MARGIN: Final = 0.1
MAX_YAW_DEGREES: Final = 35
MAX_RESIDUAL: Final = 0.05
MIN_INTEROCULAR_PIXELS: Final = 40


def track_face(plate: Plate, tracker: FaceTracker, step: Callable[[], None]) -> FaceTrack:
    """Follow the largest face through a plate.

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

    landmarks = np.stack(list(tracker.follow(proxies())))
    landmarks *= np.array([width / size[0], spec.height / size[1], width / size[0]])
    if np.isfinite(landmarks[:, 0, 0]).any():
        landmarks = refined(plate, landmarks)
    if not np.isfinite(landmarks[:, 0, 0]).any():
        nothing = np.full((len(RIGID), 3), np.nan)
        return FaceTrack(landmarks, nothing, ("no face was found",) * len(landmarks))
    template = head_template(landmarks)
    motion = in_head_frame(landmarks, template)
    return FaceTrack(landmarks, template, _reasons(landmarks, motion, width, spec.height))


def refined(plate: Plate, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Landmarks made exact at the plate's own resolution; see dubwright.face.refine.

    Args:
        plate: the frames.
        landmarks: [frames, 478, 3] in square pixels; NaN where no face was found.
    """
    stretch = np.array([plate.spec.pixel_aspect, 1.0, 1.0], np.float32)
    own = landmarks / stretch
    motion, weights = moved_by_flow(_windows(plate, own), own)
    precise = fused(own, motion, weights) * stretch
    precise[..., 2] = _smooth(landmarks[..., 2])
    return precise


def _windows(
    plate: Plate, points: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.uint8], tuple[int, int]]]:
    """The face in each frame in shades of grey, and its corner in the frame."""
    seen = np.flatnonzero(np.isfinite(points[:, 0, 0])).tolist()
    low, high = points[..., :2].min(axis=1), points[..., :2].max(axis=1)
    size = np.array([plate.spec.width, plate.spec.height])
    # All of one size, as flow needs it; they shift to stay inside the picture.
    side = np.minimum(np.ceil((1 + 2 * FACE_MARGIN) * (high - low)[seen].max(axis=0)), size)
    corner = np.clip((low + high - side) / 2, 0, size - side).round()
    boxes = {}
    for frame in seen:
        (x0, y0), (x1, y1) = corner[frame].astype(int), (corner[frame] + side).astype(int)
        boxes[frame] = Box(int(x0), int(y0), int(x1), int(y1))
    regions = plate.regions(list(boxes.items()))
    span: NDArray[np.floating[Any]] | None = None
    for frame in range(len(points)):
        box = boxes.get(frame)
        if box is None:
            yield np.zeros((0, 0), np.uint8), (0, 0)
            continue
        log = encode_log(next(regions).mean(axis=2))
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


def _reasons(
    landmarks: NDArray[np.float32], motion: HeadMotion, width: float, height: float
) -> tuple[str, ...]:
    yaw = np.abs(motion.yaw_degrees)
    with np.errstate(divide="ignore"):
        interocular = 1 / motion.scale
    low, high = landmarks[..., :2].min(axis=1), landmarks[..., :2].max(axis=1)
    reasons = []
    for frame in range(len(landmarks)):
        if not np.isfinite(yaw[frame]):
            reasons.append("no face was found")
        elif yaw[frame] > MAX_YAW_DEGREES:
            reasons.append(f"the face is turned away by more than {MAX_YAW_DEGREES} degrees")
        elif interocular[frame] < MIN_INTEROCULAR_PIXELS:
            reasons.append(
                f"the face is small: its eyes are under {MIN_INTEROCULAR_PIXELS} pixels apart"
            )
        elif (low[frame] < 0).any() or (high[frame] >= (width, height)).any():
            reasons.append("the face leaves the picture")
        elif motion.residual[frame] > MAX_RESIDUAL:
            reasons.append("the tracking is unsure")
        else:
            reasons.append("")
    return tuple(reasons)
