"""Landmarks made exact on the plate: a detector's places, joined by the picture's own motion.

A face detector says where a point is to a few pixels, anew in each frame; optical flow says to a
fraction of a pixel how far its texture moved since the last. Both are fused, point by point, as the
path that agrees best with them: least squares over all frames of an unbroken run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.face.head_frame import similarity
from dubwright.face.landmarks import LIPS, OUTER_EYE_LEFT, OUTER_EYE_RIGHT, RIGID
from dubwright.face.point_flow import Grey, PointFlow

__all__ = ["fused", "moved_by_flow"]

Array = NDArray[np.floating[Any]]

WINDOW_IOD: Final = 0.1
# How far a detector and flow are usually off, in inter-ocular distances.
DETECTOR_IOD: Final = 0.012
FLOW_IOD: Final = 0.003
# There and back again: further apart than this, flow has lost the point.
LOST_IOD: Final = 0.02
SKIN: Final = tuple(sorted(set(range(478)) - set(LIPS)))


def moved_by_flow(
    windows: Iterable[tuple[Grey, tuple[int, int]]],
    landmarks: NDArray[np.float32],
    flow: PointFlow,
) -> tuple[Array, Array]:
    """How far the texture at each landmark moves to the next frame, and how sure that is.

    It is followed there and back.

    Args:
        windows: the face in each frame, uint8 [h, w], and its corner (x, y) in the frame.
        landmarks: [frames, points, 2 or 3] in the frame's pixels.
        flow: who follows points.

    Returns:
        Motion [frames - 1, points, 2] in pixels, and weights [frames - 1, points] from 0 to 1.
    """
    frames, points = landmarks.shape[:2]
    motion = np.zeros((max(0, frames - 1), points, 2))
    weights = np.zeros((max(0, frames - 1), points))
    for index, (before, after) in enumerate(pairwise(_placed(windows, landmarks))):
        if before is None or after is None:
            continue
        motion[index], weights[index] = _flow(before, after, flow)
    return motion, weights


def fused(landmarks: NDArray[np.float32], motion: Array, weights: Array) -> NDArray[np.float32]:
    """The path of each landmark that agrees best with where it was found and how it moved.

    The lips stay where they were found on the head: what is beside their edges comes and goes.

    Args:
        landmarks: [frames, points, 3]; NaN where no face was found.
        motion, weights: of moved_by_flow.
    """
    result = landmarks.copy()
    skin, lips, rigid = (list(points) for points in (SKIN, LIPS, RIGID))
    found = np.isfinite(landmarks[:, 0, 0])
    edges = np.flatnonzero(np.diff(np.r_[0, found, 0]))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        links = slice(start, end - 1)
        run = landmarks[start:end, :, :2].astype(np.float64)
        path = run.copy()
        path[:, skin] = _best_paths(
            run[:, skin],
            motion[links][:, skin],
            weights[links][:, skin] * (DETECTOR_IOD / FLOW_IOD) ** 2,
        )
        scale, rotation, translation = similarity(run[:, rigid], path[:, rigid])
        laid = scale[:, None, None] * run[:, lips] @ rotation.transpose(0, 2, 1)
        path[:, lips] = laid + translation[:, None]
        result[start:end, :, :2] = path
    return result


def _placed(
    windows: Iterable[tuple[Grey, tuple[int, int]]], landmarks: NDArray[np.float32]
) -> Iterator[tuple[Grey, Array, Array] | None]:
    for (grey, corner), points in zip(windows, landmarks, strict=True):
        seen = np.isfinite(points[0, 0]) and grey.size
        yield (grey, points[:, :2].astype(np.float64), np.array(corner)) if seen else None


def _flow(
    before: tuple[Grey, Array, Array], after: tuple[Grey, Array, Array], flow: PointFlow
) -> tuple[Array, Array]:
    (grey, points, corner), (next_grey, guess, next_corner) = before, after
    interocular = float(np.linalg.norm(points[OUTER_EYE_LEFT] - points[OUTER_EYE_RIGHT]))
    side = max(7, int(WINDOW_IOD * interocular) | 1)
    start = (points - corner).astype(np.float32)
    end = (guess - next_corner).astype(np.float32)
    there, found = flow(grey, next_grey, start, end, side)
    back, returned = flow(next_grey, grey, there, start, side)
    off = np.linalg.norm(back - start, axis=1) / (LOST_IOD * interocular)
    sure = (found & returned) * np.clip(1 - off**2, 0, 1)
    return there + next_corner - points, sure


def _best_paths(found: Array, motion: Array, weights: Array) -> Array:
    """Least squares over paths x of (x[t] - found[t])^2 + w[t] (x[t+1] - x[t] - motion[t])^2.

    The normal equations of each point are tridiagonal and are solved for all points at once by
    elimination (Thomas, 1949).

    Args:
        found: [frames, points, 2].
        motion: [frames - 1, points, 2].
        weights: [frames - 1, points].
    """
    frames = len(found)
    link = weights[..., None]
    diagonal = np.ones((frames, found.shape[1], 1))
    right = found.copy()
    diagonal[:-1] += link
    diagonal[1:] += link
    right[:-1] -= link * motion
    right[1:] += link * motion
    for frame in range(1, frames):
        share = link[frame - 1] / diagonal[frame - 1]
        diagonal[frame] -= share * link[frame - 1]
        right[frame] += share * right[frame - 1]
    path = right / diagonal
    for frame in range(frames - 2, -1, -1):
        path[frame] += link[frame] * path[frame + 1] / diagonal[frame]
    return path
