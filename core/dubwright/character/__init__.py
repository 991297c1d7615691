"""Mouth curves for rigs."""

from __future__ import annotations

from typing import Any

import numpy as np

from dubwright.model import CURVE_NAMES, MouthCurves
from dubwright.mouth.range import MouthRange

__all__ = ["character_curves"]


def character_curves(curves: MouthCurves, mouth: MouthRange) -> dict[str, Any]:
    """Curves as a document for rigs: 0 at rest, 1 at the mouth's reach, -1 at its other reach.

    Aperture and jaw go from 0 to 1, width from -1 (narrow) to 1 (wide), protrusion from -1 to 1.
    """
    rest, low, high = (np.array(values) for values in (mouth.rest, mouth.low, mouth.high))
    change = curves.values - rest
    reach = np.where(change >= 0, high - rest, np.maximum(rest - low, 1e-6))
    weights = np.clip(change / reach, [0, -1, -1, 0], 1)
    return {
        "document": "dubwright.curves",
        "version": 1,
        "rate": str(curves.rate),
        "frames": len(curves),
        "curves": {
            name: weights[:, column].round(4).tolist() for column, name in enumerate(CURVE_NAMES)
        },
    }
