"""Phones to mouth curves by the actor's own articulation, with lips that close when they must."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind
from dubwright.model import Articulation, MouthCurves, Phone
from dubwright.mouth.articulation import CLASSES, Timed, shares, timed_phones
from dubwright.mouth.visemes import Viseme, viseme_of

__all__ = ["DominancePredictor"]

Array = NDArray[np.floating[Any]]

CLOSURE_FLANK_S: Final = 0.020
TEETH_FLANK_S: Final = 0.030
TEETH_SHARE_OF_OPEN: Final = 0.3


class DominancePredictor:
    card = EngineCard(
        name="dominance",
        kind=EngineKind.MOUTH_PREDICTOR,
        version=2,
        licence="Apache-2.0",
        commercial_use=True,
        limits="Needs phones. Without a transcript of the plate's own dialogue the articulation "
        "is the usual one, scaled to the actor.",
    )

    def predict(
        self,
        phones: Sequence[Phone],
        sample_rate: int,
        start: Fraction,
        frames: int,
        rate: Fraction,
        articulation: Articulation,
    ) -> MouthCurves:
        times = (np.arange(frames) + 0.5) / float(rate) - float(start)
        spoken = timed_phones(phones, sample_rate)
        targets = np.array([articulation.targets[name] for name in CLASSES])
        curves = shares(times, spoken, articulation.timing) @ targets
        ahead = times + articulation.timing.lead_s
        closing = _away_from(ahead, spoken, Viseme.PP, CLOSURE_FLANK_S, float(rate))
        touching = _away_from(ahead, spoken, Viseme.FF, TEETH_FLANK_S, float(rate))
        open_wide = articulation.targets[Viseme.AA][0]
        aperture = np.maximum(curves[:, 0], 0) * closing
        limit = open_wide * (TEETH_SHARE_OF_OPEN + (1.5 - TEETH_SHARE_OF_OPEN) * touching)
        curves[:, 0] = np.minimum(aperture, limit)
        return MouthCurves(rate, curves.astype(np.float32))


def _away_from(
    times: Array, phones: Sequence[Timed], viseme: Viseme, flank_s: float, rate: float
) -> Array:
    """0 inside every phone of this viseme, 1 away from it, [times].

    A phone shorter than a frame is widened to one, so that at least one frame shows it.
    """
    gate = np.ones(len(times))
    for start, end, symbol in phones:
        if viseme_of(symbol) is viseme:
            half = max((end - start) / 2, 0.51 / rate)
            distance = np.clip(np.abs(times - (start + end) / 2) - half, 0, None)
            rise = np.clip(distance / flank_s, 0, 1)
            gate = np.minimum(gate, rise * rise * (3 - 2 * rise))
    return gate
