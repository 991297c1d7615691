"""Which library mouth each frame is drawn from: the cheapest path (Viterbi, 1967).

A path may play its source at up to twice its speed, hold it, or play it back; leaving it is a
jump, which costs as much as it would be seen (Schödl et al., "Video textures", 2000).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Candidates", "select"]

Array = NDArray[np.floating[Any]]

CURVE_WEIGHTS: Final = np.array([5.0, 2.0, 0.5, 2.0])
VELOCITY_WEIGHT: Final = 0.4
POSE_SCALE_DEGREES: Final = 8.0
# A mouth that is opened further than its picture shows what no picture has, between the teeth and
# under the lips; one that is closed further only covers.
OPENED_WEIGHT: Final = 2.0
OPENED_SCALE_IOD: Final = 0.03
CLOSED_WEIGHT: Final = 20.0
# Lips that are measured closer than this touch; further apart, they are the less closed.
TOUCHING_IOD: Final = 0.015
CLOSED_APERTURE_IOD: Final = 0.025
SHARPNESS_WEIGHT: Final = 1.5
# Where an actor says the same among the same neighbours, more than the curves is right.
VISEME_WEIGHT: Final = 6.0
JUMP_COST: Final = 3.0
JUMP_SEEN: Final = 20.0
# What it costs to go on by so many frames of the same source.
PLAYED: Final[Mapping[int, float]] = {1: 0.0, 2: 0.3, 0: 0.4, -1: 0.5, -2: 0.8}
BEST: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Mouths, in playing order within each source.

    Attributes:
        curves: [mouths, 4].
        pose: yaw and pitch in degrees, [mouths, 2].
        sharpness: [mouths].
        looks: what is seen between and around the lips, [mouths, values]; the squared distance of
            two is 0 where they look alike and around 2 where they have nothing in common.
        runs: a number for each mouth, the same along frames that follow each other, [mouths].
        visemes: what is said; see dubwright.model.MouthCurves, [mouths, visemes].
    """

    curves: Array
    pose: Array
    sharpness: Array
    looks: Array
    runs: NDArray[np.int64]
    visemes: Array


def select(candidates: Candidates, curves: Array, pose: Array, visemes: Array) -> NDArray[np.int64]:
    """The best candidate for each frame of a span.

    A mouth should have the frame's curves and their velocity, be open as far at least, have the
    head's pose, closed lips when they are closed, and detail; say what is said, where that is known
    of both (as Bregler et al., "Video Rewrite", 1997); and go on from the one before it, or look
    like what would.

    Args:
        candidates: the mouths.
        curves: what is asked, [frames, 4].
        pose: of the plate's head, [frames, 2].
        visemes: what is said, [frames, visemes].
    """
    spread = candidates.curves.std(axis=0) + 1e-6
    have, want = candidates.curves / spread, curves / spread
    cost = _squared(want, have, CURVE_WEIGHTS)
    cost += VELOCITY_WEIGHT * _squared(_velocity(want), _velocity(have), CURVE_WEIGHTS)
    for lips_or_jaw in (0, 1):
        cost += OPENED_WEIGHT * _opened(curves, candidates.curves, lips_or_jaw)
    cost += _squared(pose, candidates.pose, np.full(2, 1 / POSE_SCALE_DEGREES**2))
    closed = _closedness(curves[:, 0])[:, None] - _closedness(candidates.curves[:, 0])
    cost += CLOSED_WEIGHT * closed**2
    unlike = np.log(candidates.sharpness / np.median(candidates.sharpness))
    cost += SHARPNESS_WEIGHT * np.clip(np.abs(unlike), 0, 2)
    known = visemes.any(axis=1, keepdims=True)
    cost += VISEME_WEIGHT * known * _squared(visemes, candidates.visemes, np.ones(visemes.shape[1]))

    kept = min(BEST, cost.shape[1])
    rows = np.argpartition(cost, kept - 1, axis=1)[:, :kept]
    rows.sort(axis=1)
    total = cost[0, rows[0]]
    came = np.zeros(rows.shape, np.int64)
    for frame in range(1, len(want)):
        before, now = rows[frame - 1], rows[frame]
        through = total[:, None] + _steps(candidates, have, before, now)
        came[frame] = through.argmin(axis=0)
        total = through[came[frame], np.arange(kept)] + cost[frame, now]
    path = np.empty(len(want), np.int64)
    best = int(total.argmin())
    for frame in range(len(want) - 1, -1, -1):
        path[frame] = rows[frame, best]
        best = came[frame, best]
    return path


def _steps(
    candidates: Candidates, have: Array, before: NDArray[np.int64], now: NDArray[np.int64]
) -> Array:
    """The cost of showing each of `now` after each of `before`, [before, now]."""
    runs, looks = candidates.runs, candidates.looks
    last = len(runs) - 1
    after = np.minimum(before + 1, last)
    after = np.where(runs[after] == runs[before], after, before)
    apart = _squared(have[after], have[now], CURVE_WEIGHTS)
    seen = _squared(looks[after], looks[now], np.ones(looks.shape[1]))
    cost = JUMP_COST * (1 + apart) + JUMP_SEEN * seen
    together = runs[before][:, None] == runs[now]
    by = now - before[:, None]
    for frames, played in PLAYED.items():
        goes_on = together & (by == frames)
        cost[goes_on] = np.minimum(cost[goes_on], played)
    return np.asarray(cost)


def _squared(a: Array, b: Array, weights: Array) -> Array:
    """Weighted squared distances between the rows of a and b."""
    a, b = a * np.sqrt(weights), b * np.sqrt(weights)
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.maximum(squared, 0))


def _opened(want: Array, have: Array, curve: int) -> Array:
    """How much further an open mouth is to be opened than it is, squared, [frames, mouths]."""
    further = np.maximum(want[:, curve, None] - have[:, curve], 0) / OPENED_SCALE_IOD
    return np.asarray((1 - _closedness(want[:, 0]))[:, None] * further**2)


def _velocity(curves: Array) -> Array:
    return np.gradient(curves, axis=0) if len(curves) > 1 else np.zeros_like(curves)


def _closedness(aperture: Array) -> Array:
    closedness: Array = np.exp(-np.maximum(aperture - TOUCHING_IOD, 0) / CLOSED_APERTURE_IOD)
    return closedness
