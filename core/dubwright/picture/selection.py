"""Which library mouth each frame is drawn from: the cheapest path (Viterbi, 1967)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Candidates", "cross_faded", "select"]

Array = NDArray[np.floating[Any]]

CURVE_WEIGHTS: Final = np.array([3.0, 1.5, 0.5, 1.5])
VELOCITY_WEIGHT: Final = 0.5
POSE_SCALE_DEGREES: Final = 8.0
CLOSED_WEIGHT: Final = 12.0
CLOSED_APERTURE_IOD: Final = 0.025
SHARPNESS_WEIGHT: Final = 1.5
JUMP_COST: Final = 1.0
HOLD_COST: Final = 0.5
BEST: Final = 200
CROSS_FADE_FRAMES: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Mouths, in playing order within each source.

    Attributes:
        curves: [mouths, 4].
        pose: yaw and pitch in degrees, [mouths, 2].
        sharpness: [mouths].
        continues: whether the next row is the next frame of the same source, bool [mouths].
    """

    curves: Array
    pose: Array
    sharpness: Array
    continues: NDArray[np.bool_]


def select(candidates: Candidates, curves: Array, pose: Array) -> NDArray[np.int64]:
    """The best candidate for each frame of a span.

    A mouth should have the frame's curves and their velocity, the head's pose, closed lips when
    they are closed, and detail; and follow the one before it, since every jump may be seen.

    Args:
        candidates: the mouths.
        curves: what is asked, [frames, 4].
        pose: of the plate's head, [frames, 2].
    """
    spread = candidates.curves.std(axis=0) + 1e-6
    have, want = candidates.curves / spread, curves / spread
    cost = _squared(want, have, CURVE_WEIGHTS)
    cost += VELOCITY_WEIGHT * _squared(_velocity(want), _velocity(have), CURVE_WEIGHTS)
    cost += _squared(pose, candidates.pose, np.full(2, 1 / POSE_SCALE_DEGREES**2))
    closed = _closedness(curves[:, 0])[:, None] - _closedness(candidates.curves[:, 0])
    cost += CLOSED_WEIGHT * closed**2
    softness = np.log(np.median(candidates.sharpness) / candidates.sharpness)
    cost += SHARPNESS_WEIGHT * np.clip(softness, 0, 2)

    kept = min(BEST, cost.shape[1])
    rows = np.argpartition(cost, kept - 1, axis=1)[:, :kept]
    rows.sort(axis=1)
    total = cost[0, rows[0]]
    came = np.zeros(rows.shape, np.int64)
    following = np.minimum(np.arange(len(have)) + 1, len(have) - 1)
    for frame in range(1, len(want)):
        before, now = rows[frame - 1], rows[frame]
        apart = _squared(have[following[before]], have[now], CURVE_WEIGHTS)
        step = JUMP_COST * (1 + apart)
        plays_on = candidates.continues[before][:, None] & (before[:, None] + 1 == now)
        step[plays_on] = 0
        step[before[:, None] == now] = HOLD_COST * JUMP_COST
        through = total[:, None] + step
        came[frame] = through.argmin(axis=0)
        total = through[came[frame], np.arange(kept)] + cost[frame, now]
    path = np.empty(len(want), np.int64)
    best = int(total.argmin())
    for frame in range(len(want) - 1, -1, -1):
        path[frame] = rows[frame, best]
        best = came[frame, best]
    return path


def cross_faded(
    path: NDArray[np.int64], continues: NDArray[np.bool_]
) -> list[list[tuple[int, float]]]:
    """(mouth, weight) for each frame: one, or two around a jump. Longer fades would ghost."""
    frames = len(path)
    plays_on = continues[path[:-1]] & (path[1:] == path[:-1] + 1)
    starts = [0, *(np.flatnonzero(~plays_on) + 1).tolist(), frames]
    mixed: list[dict[int, float]] = [{} for _ in range(frames)]
    for start, end in pairwise(starts):
        first = max(0, start - CROSS_FADE_FRAMES)
        for frame in range(first, min(frames, end + CROSS_FADE_FRAMES)):
            mouth = _along(int(path[start]), frame - start, continues)
            weight = min(_ramp(frame - start, start > 0), _ramp(end - 1 - frame, end < frames))
            if mouth is not None and weight > 0:
                mixed[frame][mouth] = max(mixed[frame].get(mouth, 0.0), weight)
    faded = []
    for choices in mixed:
        top = sorted(choices.items(), key=lambda item: -item[1])[:2]
        total = sum(weight for _, weight in top)
        faded.append([(mouth, weight / total) for mouth, weight in top])
    return faded


def _along(mouth: int, steps: int, continues: NDArray[np.bool_]) -> int | None:
    """The mouth `steps` frames on, or None where its source has no such frame."""
    other = mouth + steps
    if not 0 <= other < len(continues):
        return None
    low, high = min(mouth, other), max(mouth, other)
    return other if continues[low:high].all() else None


def _ramp(inside: int, fades: bool) -> float:
    """Weight by the distance in frames from a jump; negative is beyond it."""
    if not fades:
        return 1.0
    return float(np.clip(0.5 + (inside + 0.5) / (2 * CROSS_FADE_FRAMES), 0, 1))


def _squared(a: Array, b: Array, weights: Array) -> Array:
    """Weighted squared distances between the rows of a and b."""
    return np.asarray(((a[:, None] - b[None]) ** 2 * weights).sum(axis=2))


def _velocity(curves: Array) -> Array:
    return np.gradient(curves, axis=0) if len(curves) > 1 else np.zeros_like(curves)


def _closedness(aperture: Array) -> Array:
    closedness: Array = np.exp(-np.maximum(aperture, 0) / CLOSED_APERTURE_IOD)
    return closedness
