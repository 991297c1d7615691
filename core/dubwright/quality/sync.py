"""How well a mouth follows another: curves against curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.face.landmarks import LIPS

__all__ = ["Closures", "closures", "correlation", "lag_ms", "lip_distance"]

Array = NDArray[np.floating]

MAX_LAG_S: Final = 0.4
LEAST_SHARED: Final = 4
CLOSED_SHARE: Final = 0.15
OPEN_PERCENTILE: Final = 90
CLOSED_SLACK: Final = 1.5


def correlation(a: Array, b: Array) -> float:
    """Pearson's r over the frames where both are known; 0 where one of them is still."""
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    if len(a) <= 3 or a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def lag_ms(output: Array, truth: Array, rate: float) -> float:
    """How late the output is, in milliseconds: the lag of highest r within 400 ms.

    Fewer than four shared frames say nothing, so short spans are searched less far. A parabola
    through the best lag and its neighbours gives fractions of a frame.
    """
    furthest = max(0, min(round(MAX_LAG_S * rate), len(output) - LEAST_SHARED))
    lags = np.arange(-furthest, furthest + 1)
    scores = np.array([_correlation_at(output, truth, int(lag)) for lag in lags])
    best = int(scores.argmax())
    lag = float(lags[best])
    if 0 < best < len(lags) - 1:
        before, at, after = scores[best - 1 : best + 2]
        curvature = before - 2 * at + after
        if curvature < 0:
            lag += 0.5 * (before - after) / curvature
    return lag / rate * 1000


@dataclass(frozen=True, slots=True)
class Closures:
    """Closed lips: `recall` of the truth's, `precision` of the output's; None where there are none.

    Lips are closed below 15% of the truth's 90th percentile of aperture; the other side is looked
    for within one frame and at 1.5 times that.
    """

    recall: float | None
    precision: float | None
    frames: int


def closures(output: Array, truth: Array) -> Closures:
    """Compare closures of two aperture curves."""
    closed = CLOSED_SHARE * float(np.nanpercentile(truth, OPEN_PERCENTILE))
    in_truth, in_output = truth < closed, output < closed
    near_truth = _widened(truth < closed * CLOSED_SLACK)
    near_output = _widened(output < closed * CLOSED_SLACK)
    return Closures(
        float(near_output[in_truth].mean()) if in_truth.any() else None,
        float(near_truth[in_output].mean()) if in_output.any() else None,
        int(in_truth.sum()),
    )


def lip_distance(output: Array, truth: Array) -> float:
    """Mean distance of 40 lip points, each mouth about its own centre (LMDc).

    Args:
        output: positions in the head frame, [frames, 478, 3].
        truth: the same.

    Returns:
        Inter-ocular distances.
    """
    shapes = [positions[:, list(LIPS), :2] for positions in (output, truth)]
    centred = [shape - shape.mean(axis=1, keepdims=True) for shape in shapes]
    return float(np.nanmean(np.linalg.norm(centred[0] - centred[1], axis=2)))


def _correlation_at(output: Array, truth: Array, lag: int) -> float:
    end = len(output) + min(0, lag)
    late = output[max(0, lag) : end]
    early = truth[max(0, -lag) : len(truth) - max(0, lag)]
    return correlation(late, early)


def _widened(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide = flags.copy()
    wide[1:] |= flags[:-1]
    wide[:-1] |= flags[1:]
    return wide
