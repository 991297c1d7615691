"""Lips that close when they must: on p, b and m, and teeth that touch the lip on f and v."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.model import Articulation
from dubwright.mouth.articulation import BREATH, CLASSES, Timed, shares
from dubwright.mouth.visemes import Viseme, viseme_of

__all__ = ["held_closed", "with_lacking"]

Array = NDArray[np.floating[Any]]

# The middle part of a phone for which its lips stay where they must be, and how fast they leave.
HELD: Final = 0.5
FLANK_S: Final = 0.020
# Of the actor's wide-open aperture: lips closed for p, b, m; teeth on the lip for f, v.
CLOSED: Final = 0.05
TEETH_ON_LIP: Final = (0.1, 0.3)


def held_closed(
    aperture: Array, times: Array, phones: Sequence[Timed], articulation: Articulation, rate: float
) -> Array:
    """The aperture, no wider than phones allow, and never below 0, [times].

    Args:
        aperture: at each time.
        times: in seconds, as the phones have them.
        phones: that are spoken.
        articulation: of the actor.
        rate: times a second.
    """
    ahead = times + articulation.timing.lead_s
    held = np.maximum(aperture, 0)
    for viseme, limit in _limits(articulation).items():
        held = _held_to(limit, held, ahead, phones, viseme, rate)
    return held


def with_lacking(
    curves: Array,
    lacking: Array,
    times: Array,
    phones: Sequence[Timed],
    articulation: Articulation,
    rate: float,
) -> Array:
    """Curves with what networks tell that they lack, where somebody speaks, [times, 4].

    See held_closed: lips still meet where they must.
    """
    share = shares(times, phones, articulation.timing)
    silent = sum(share[:, [CLASSES.index(name)]] for name in (str(Viseme.SIL), BREATH))
    told = curves + (1 - silent) * lacking
    told[:, 0] = held_closed(told[:, 0], times, phones, articulation, rate)
    return np.asarray(told)


def _limits(articulation: Articulation) -> dict[Viseme, float]:
    """The widest aperture while lips or teeth touch: as this actor does it, within reason."""
    wide, closed, teeth = (
        articulation.targets[viseme][0] for viseme in (Viseme.AA, Viseme.PP, Viseme.FF)
    )
    least, most = TEETH_ON_LIP
    return {
        Viseme.PP: min(max(closed, 0.0), CLOSED * wide),
        Viseme.FF: min(max(teeth, least * wide), most * wide),
    }


def _held_to(
    limit: float,
    aperture: Array,
    times: Array,
    phones: Sequence[Timed],
    viseme: Viseme,
    rate: float,
) -> Array:
    """The aperture, no wider than the limit in the middle of every phone of this viseme, [times].

    At least one frame shows every such phone, however short: the one where the mouth is narrowest
    already.
    """
    for start, end, symbol in phones:
        if viseme_of(symbol) is not viseme:
            continue
        off = np.abs(times - (start + end) / 2)
        reached = np.flatnonzero(off <= max((end - start) / 2, 0.5 / rate) + 1e-6)
        if not len(reached):
            continue
        held = off <= HELD * (end - start) / 2
        held[reached[np.argmin(aperture[reached])]] = True
        first, last = times[held][[0, -1]]
        away = np.maximum(first - times, times - last).clip(0)
        leave = (away / FLANK_S).clip(0, 1)
        free = leave * leave * (3 - 2 * leave)
        aperture = np.minimum(aperture, aperture * free + limit * (1 - free))
    return aperture
