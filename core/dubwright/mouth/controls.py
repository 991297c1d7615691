"""What an artist may ask of a mouth beyond what its phones do."""

from __future__ import annotations

import numpy as np

from dubwright.model import CURVE_NAMES, Articulation, MouthCurves
from dubwright.mouth.visemes import Viseme

__all__ = ["with_intensity"]

OPENING = (CURVE_NAMES.index("aperture"), CURVE_NAMES.index("jaw"))


def with_intensity(
    curves: MouthCurves, articulation: Articulation, intensity: float
) -> MouthCurves:
    """Curves that move this many times as far from the actor's rest.

    A mouth that is closed further than at rest stays so: lips meet on p, b and m at any intensity.
    """
    rest = np.array(articulation.targets[Viseme.SIL], np.float32)
    away = curves.values - rest
    moved = rest + np.float32(intensity) * away
    for curve in OPENING:
        closed = away[:, curve] <= 0
        moved[closed, curve] = curves.values[closed, curve]
    return MouthCurves(curves.rate, moved)
