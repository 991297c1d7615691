"""Follows the face of a shot and says, frame by frame, whether its mouth can be redrawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from dubwright.engines import FaceTracker
from dubwright.face.head_frame import HeadMotion, head_template, in_head_frame, similarity
from dubwright.face.landmarks import RIGID
from dubwright.media.colour import display_proxy
from dubwright.media.plate import Plate
from dubwright.model import FaceTrack, FrameRange

__all__ = ["steadied", "track_face"]

PROXY_LONGEST_SIDE: Final = 1280
SMOOTHING_FRAMES: Final = 5
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
    landmarks = steadied(landmarks)
    if not np.isfinite(landmarks[:, 0, 0]).any():
        nothing = np.full((len(RIGID), 3), np.nan)
        return FaceTrack(landmarks, nothing, ("no face was found",) * len(landmarks))
    template = head_template(landmarks)
    motion = in_head_frame(landmarks, template)
    return FaceTrack(landmarks, template, _reasons(landmarks, motion, width, spec.height))


def steadied(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The head moved smoothly, the mouth as it was found: smoothing lips would keep them open.

    Savitzky and Golay's filter (1964) over the rigid points of each unbroken run of found frames.
    """
    steady = landmarks.copy()
    found = np.isfinite(landmarks[:, 0, 0])
    edges = np.flatnonzero(np.diff(np.r_[0, found, 0]))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= SMOOTHING_FRAMES:
            run = landmarks[start:end].astype(np.float64)
            rigid = run[:, RIGID]
            smooth = savgol_filter(rigid, SMOOTHING_FRAMES, 2, axis=0)
            scale, rotation, translation = similarity(rigid, smooth)
            laid = scale[:, None, None] * run @ rotation.transpose(0, 2, 1)
            steady[start:end] = laid + translation[:, None]
    return steady


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
