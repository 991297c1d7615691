"""Phones to mouth curves by the actor's own articulation, with lips that close when they must."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from dubwright.engines import EngineCard, EngineKind
from dubwright.model import Articulation, MouthCurves, Phone
from dubwright.mouth.articulation import blended_targets, idling, shares, timed_phones
from dubwright.mouth.closures import held_closed

__all__ = ["DominancePredictor"]


class DominancePredictor:
    card = EngineCard(
        name="dominance",
        kind=EngineKind.MOUTH_PREDICTOR,
        version=6,
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
        visemes = shares(times, spoken, articulation.timing)
        curves = blended_targets(visemes, articulation) + idling(times, visemes, articulation)
        curves[:, 0] = held_closed(curves[:, 0], times, spoken, articulation, float(rate))
        return MouthCurves(rate, curves.astype(np.float32), visemes.astype(np.float32))
