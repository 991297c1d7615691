"""How one actor articulates: where each viseme takes the mouth, and how it blends into the next.

Each phone pulls every curve towards its viseme's target, strongest in its middle and fading into
its neighbours (Cohen and Massaro, "Modeling coarticulation in synthetic visual speech", 1993). At
any moment the curves are the targets weighted by the phones' shares; the shares depend on timing
alone, so an actor's own targets follow from the plate by least squares, drawn towards what is
usual where the actor has said too little.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dubwright.model import Articulation, Phone, Timing
from dubwright.mouth.range import MouthRange
from dubwright.mouth.visemes import CLOSE_FRONT_ROUNDED, Viseme, viseme_of

__all__ = [
    "BREATH",
    "CLASSES",
    "Observation",
    "Timed",
    "blended_targets",
    "idling",
    "learned",
    "learned_by_ear",
    "shaped",
    "shares",
    "timed_phones",
    "usual_articulation",
]

Array = NDArray[np.floating[Any]]

CLOSE_ROUNDED: Final = "close front rounded"  # y and its like: the lips of u, the tongue of i
BREATH: Final = "breath"  # the silence before a line, in which many open the mouth
CLASSES: Final = (*(str(viseme) for viseme in Viseme), CLOSE_ROUNDED, BREATH)


class _Usual(NamedTuple):
    """Aperture and jaw from 0 (rest) to 1 (the actor's high); width, protrusion from -1 to 1."""

    aperture: float
    width: float
    protrusion: float
    jaw: float
    firmness: float


USUAL: Final[Mapping[str, _Usual]] = {
    Viseme.SIL: _Usual(0.00, 0.0, 0.0, 0.00, 1.2),
    Viseme.PP: _Usual(0.00, 0.0, 0.1, 0.10, 4.0),
    Viseme.FF: _Usual(0.12, 0.0, 0.0, 0.15, 3.0),
    Viseme.TH: _Usual(0.35, 0.1, 0.0, 0.25, 1.3),
    Viseme.DD: _Usual(0.35, 0.2, 0.0, 0.22, 0.7),
    Viseme.KK: _Usual(0.38, 0.1, 0.0, 0.32, 0.5),
    Viseme.CH: _Usual(0.38, -0.5, 0.8, 0.22, 2.0),
    Viseme.SS: _Usual(0.30, 0.4, 0.0, 0.12, 1.5),
    Viseme.NN: _Usual(0.36, 0.1, 0.0, 0.26, 0.6),
    Viseme.RR: _Usual(0.36, -0.3, 0.4, 0.27, 1.0),
    Viseme.AA: _Usual(1.00, 0.1, 0.0, 1.00, 1.5),
    Viseme.E: _Usual(0.68, 0.4, 0.0, 0.55, 1.0),
    Viseme.IH: _Usual(0.42, 0.8, -0.2, 0.22, 1.2),
    Viseme.OH: _Usual(0.78, -0.5, 0.6, 0.70, 1.6),
    Viseme.OU: _Usual(0.36, -1.0, 1.0, 0.25, 2.0),
    CLOSE_ROUNDED: _Usual(0.40, -0.7, 0.8, 0.30, 1.8),
    BREATH: _Usual(0.06, 0.0, 0.0, 0.06, 1.2),
}

# Pull of the usual targets, in frames of full share: an eighth of a second of one viseme at 24 a
# second.
PRIOR_FRAMES: Final = 3.0
HEARD_PRIOR_FRAMES: Final = 10.0
LEAST_FRAMES: Final = 48
# A breath is the end of a silence that is long enough for one.
BREATH_S: Final = 0.6
LEAST_SILENCE_S: Final = 0.3
# However long a sound lasts, its mouth is left no earlier than so long before its end.
EDGE_S: Final = 0.1


# Slow swings that never meet, each curve's ahead of the one before it.
IDLE_HZ: Final = np.array([0.23, 0.41, 0.67])
IDLE_APART: Final = np.array([1.7, 2.9, 4.3])
IDLE_PRIOR_FRAMES: Final = 24.0
SILENT_SHARE: Final = 0.9

Timed = tuple[float, float, str]


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One line as the actor said it on the plate.

    Attributes:
        times: middle of each frame, in seconds from the start of the recording, [frames].
        phones: (start, end, symbol) in the same seconds.
        curves: what the mouth did, [frames, 4].
    """

    times: Array
    phones: Sequence[Timed]
    curves: NDArray[np.float32]


def usual_articulation(mouth: MouthRange) -> Articulation:
    """What is usual, scaled to the range of this actor's mouth."""
    rest, low, high = (np.array(values) for values in (mouth.rest, mouth.low, mouth.high))
    rows = np.array([row[:4] for row in USUAL.values()])
    targets = rest + np.where(rows >= 0, rows * (high - rest), -rows * (low - rest))
    return Articulation(targets=_named(targets), timing=Timing(), learned_frames=0)


def timed_phones(phones: Sequence[Phone], sample_rate: int) -> list[Timed]:
    """Phones as (start, end, symbol) in seconds."""
    return [(p.start / sample_rate, p.end / sample_rate, p.symbol) for p in phones]


def shares(times: Array, phones: Sequence[Timed], timing: Timing) -> Array:
    """How much each class shapes the mouth at each time, [times, classes]; rows sum to 1."""
    ahead = times + timing.lead_s
    pull = np.zeros((len(times), len(CLASSES)))
    for start, end, symbol in _with_breaths(_with_silence(phones, ahead)):
        middle, half = (start + end) / 2, (end - start) / 2
        plateau = max(timing.plateau * half, half - EDGE_S)
        early = np.clip(middle - plateau - ahead, 0, None) / timing.anticipation_s
        late = np.clip(ahead - middle - plateau, 0, None) / timing.carry_over_s
        name = symbol if symbol == BREATH else _class_of(symbol)
        firmness = USUAL[name].firmness
        pull[:, CLASSES.index(name)] += firmness**timing.firmness_power * np.exp(
            -2 * (early**2 + late**2)
        )
    pull += 1e-12
    summed: Array = pull / pull.sum(axis=1, keepdims=True)
    return summed


def shaped(times: Array, phones: Sequence[Timed], articulation: Articulation) -> Array:
    """What phones make of the mouth, [times, 4]."""
    return blended_targets(shares(times, phones, articulation.timing), articulation)


def blended_targets(share: Array, articulation: Articulation) -> Array:
    """The targets of the classes by their shares [times, classes], [times, 4]."""
    return np.asarray(share @ _targets(articulation))


def idling(times: Array, share: Array, articulation: Articulation) -> Array:
    """How a silent mouth strays from rest, as changes of the curves, [times, 4].

    Nobody's mouth stands still: it drifts, slower than speech, the same way at the same time of a
    take. Lips that rest together stay together.
    """
    phases = 2 * np.pi * times[:, None, None] * IDLE_HZ + np.arange(4)[:, None] * IDLE_APART
    drift = np.sqrt(2 / len(IDLE_HZ)) * np.sin(phases).sum(axis=2)
    silent = share[:, CLASSES.index(str(Viseme.SIL))]
    strays: Array = silent[:, None] * drift * np.array(articulation.idle)
    return strays


def learned(usual: Articulation, observations: Sequence[Observation]) -> Articulation:
    """The actor's own articulation, as far as the observations show it.

    Timing is searched for on a small grid; for each timing the targets are the ridge solution
    towards the usual ones (Hoerl and Kennard, 1970).
    """
    frames = sum(len(line.times) for line in observations)
    if frames < LEAST_FRAMES:
        return usual
    curves = np.vstack([line.curves for line in observations]).astype(np.float64)
    weights = 1 / np.maximum(curves.std(axis=0), 1e-3)
    prior = _targets(usual)
    best: tuple[float, Timing, Array] | None = None
    for timing in _timings():
        share = np.vstack([shares(line.times, line.phones, timing) for line in observations])
        normal = share.T @ share + PRIOR_FRAMES * np.eye(len(CLASSES))
        targets = np.linalg.solve(normal, share.T @ curves + PRIOR_FRAMES * prior)
        error = float((((share @ targets - curves) * weights) ** 2 @ (2.0, 0.5, 0.5, 1.0)).mean())
        if best is None or error < best[0]:
            best = error, timing, targets
    assert best is not None
    _, timing, targets = best
    share = np.vstack([shares(line.times, line.phones, timing) for line in observations])
    return Articulation(
        targets=_named(targets),
        timing=timing,
        idle=_idle(share, curves, usual.idle),
        learned_frames=frames,
    )


def learned_by_ear(
    usual: Articulation, lines: Sequence[tuple[Array, Sequence[Sequence[Timed]], Array]]
) -> Articulation:
    """An actor's articulation where nobody wrote down what is said: from phones that are heard.

    Hearings err, each in its own way: all of them teach together, less than words would, and their
    timing teaches nothing.

    Args:
        usual: the usual articulation, in this actor's range.
        lines: of each the middles of its frames in seconds, [frames]; the phones of each hearing;
            what the mouth did, [frames, 4].
    """
    frames = sum(len(times) for times, _, _ in lines)
    if frames < LEAST_FRAMES:
        return usual
    prior = _targets(usual)
    normal = HEARD_PRIOR_FRAMES * np.eye(len(CLASSES))
    right = HEARD_PRIOR_FRAMES * prior
    for times, hearings, curves in lines:
        for phones in hearings:
            share = shares(times, phones, usual.timing)
            normal += share.T @ share / len(hearings)
            right += share.T @ curves / len(hearings)
    targets = np.linalg.solve(normal, right)
    return usual.model_copy(update={"targets": _named(targets), "learned_frames": frames})


def _idle(
    share: Array, curves: Array, usual: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """How far the curves stray in the actor's silence, drawn towards what is usual."""
    silent = curves[share[:, CLASSES.index(str(Viseme.SIL))] > SILENT_SHARE]
    variance = silent.var(axis=0) if len(silent) else np.zeros(4)
    drawn = len(silent) * variance + IDLE_PRIOR_FRAMES * np.square(usual)
    strays = np.sqrt(drawn / (len(silent) + IDLE_PRIOR_FRAMES))
    _, width, protrusion, jaw = np.minimum(strays, 2 * np.array(usual)).round(6).tolist()
    return 0.0, width, protrusion, jaw


def _timings() -> list[Timing]:
    grid = itertools.product(
        (0.015, 0.03, 0.06, 0.09), (0.015, 0.03, 0.05, 0.07), (0.3, 0.6, 0.9), (0.0, 0.5, 1.0),
        (-0.06, -0.03, -0.015, 0.0, 0.015, 0.03, 0.06),
    )  # fmt: skip
    return [
        Timing(
            anticipation_s=before, carry_over_s=after, plateau=plateau, firmness_power=power,
            lead_s=lead,
        )
        for before, after, plateau, power, lead in grid
    ]  # fmt: skip


def _class_of(symbol: str) -> str:
    return CLOSE_ROUNDED if set(symbol) & CLOSE_FRONT_ROUNDED else str(viseme_of(symbol))


def _with_silence(phones: Sequence[Timed], times: Array) -> list[Timed]:
    """The phones, with silence before the first and after the last, and no silence in parts."""
    first, last = (phones[0][0], phones[-1][1]) if phones else (0.0, 0.0)
    before, after = min(times[0], first) - 1.0, max(times[-1], last) + 1.0
    whole: list[Timed] = []
    for start, end, symbol in [(before, first, ""), *phones, (last, after, "")]:
        if whole and not symbol and not whole[-1][2]:
            whole[-1] = (whole[-1][0], end, "")
        else:
            whole.append((start, end, symbol))
    return whole


def _with_breaths(phones: Sequence[Timed]) -> Iterator[Timed]:
    """The phones, with the end of each long silence before speech as a breath."""
    for index, (start, end, symbol) in enumerate(phones):
        speaks_next = index + 1 < len(phones) and bool(phones[index + 1][2])
        if symbol or not speaks_next or end - start < LEAST_SILENCE_S:
            yield start, end, symbol
            continue
        breath = max(end - BREATH_S, (start + end) / 2)
        yield start, breath, ""
        yield breath, end, BREATH


def _targets(articulation: Articulation) -> Array:
    return np.array([articulation.targets[name] for name in CLASSES])


def _named(targets: Array) -> dict[str, tuple[float, float, float, float]]:
    return {
        name: (float(a), float(b), float(c), float(d))
        for name, (a, b, c, d) in zip(CLASSES, targets.round(6), strict=True)
    }
