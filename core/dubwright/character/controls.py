"""What an artist may ask of a character's mouth beyond what is said: as of an actor's mouth."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.character.visemes import CONTACT
from dubwright.model import MouthControls
from dubwright.mouth.controls import at_ranges, evened, keyed, resampled
from dubwright.mouth.visemes import Viseme

__all__ = ["controlled_weights"]

Array = NDArray[np.floating[Any]]

VISEMES: Final = list(Viseme)
TOUCHING: Final = [VISEMES.index(viseme) for viseme in CONTACT]
MOVING: Final = [
    index for index, viseme in enumerate(VISEMES) if viseme not in (Viseme.SIL, *CONTACT)
]


def controlled_weights(weights: Array, controls: MouthControls, times_ms: Array) -> Array:
    """Weights of the visemes as an artist wants them, [frames, 15], from 0 to 1.

    Lips that meet still meet: at any intensity, and however much is evened out. The controls of jaw
    and width are a rig's: see controls_of.

    Args:
        weights: in the order of Viseme, [frames, 15].
        controls: of the line.
        times_ms: the middle of each frame, in milliseconds from the line's start, [frames].
    """
    offset_ms = keyed(controls, "offset_ms", times_ms)
    moved = resampled(weights, times_ms, times_ms - offset_ms)
    # Between two frames an offset would part lips that meet in one of them.
    places = np.interp(times_ms - offset_ms, times_ms, np.arange(len(times_ms)))
    nearest = np.rint(places).astype(np.int64)
    contact = np.maximum(moved[:, TOUCHING], weights[nearest][:, TOUCHING])
    moved[:, MOVING] *= keyed(controls, "intensity", times_ms)[:, None]
    even = evened(moved, keyed(controls, "smoothing_ms", times_ms), times_ms)
    even[:, TOUCHING] = np.maximum(even[:, TOUCHING], contact)
    rest = np.zeros(len(VISEMES))
    rest[VISEMES.index(Viseme.SIL)] = 1
    return np.asarray(at_ranges(even, rest, controls, times_ms).clip(0, 1))
