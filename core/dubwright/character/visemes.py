"""How much each viseme shapes a character's mouth in each frame.

The same overlapping pulls as an actor's mouth (dubwright.mouth.articulation), and contact where a
sound is made by it: the lips of p, b and m meet, and those of f and v touch the teeth, however fast
the line is.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.model import Phone, Timing
from dubwright.mouth.articulation import CLASSES, shares, timed_phones
from dubwright.mouth.visemes import Viseme, viseme_of

__all__ = ["CONTACT", "viseme_weights"]

Array = NDArray[np.floating[Any]]

CONTACT: Final = (Viseme.PP, Viseme.FF)
# The middle part of a phone for which its contact is whole, and how fast it comes and goes.
HELD: Final = 0.5
FLANK_S: Final = 0.04
# The classes of an actor's articulation that are no visemes, as those that look most like them.
FOLDED: Final = {"close front rounded": Viseme.OU, "breath": Viseme.SIL}
TIMING: Final = Timing()


def viseme_weights(
    phones: Sequence[Phone], sample_rate: int, rate: Fraction, frames: int
) -> NDArray[np.float32]:
    """Weights of the visemes in the order of Viseme, float32 [frames, 15], from 0 to 1.

    They sum to 1 where lips touch nothing.

    Args:
        phones: of the take.
        sample_rate: of their places.
        rate: frames a second; frame n is at (n + 1/2) / rate.
        frames: how many.
    """
    times = (np.arange(frames) + 0.5) / float(rate)
    spoken = timed_phones(phones, sample_rate)
    weights = _folded(shares(times, spoken, TIMING))
    held = np.zeros((frames, len(CONTACT)))
    for start, end, symbol in spoken:
        if viseme_of(symbol) in CONTACT:
            column = CONTACT.index(viseme_of(symbol))
            near = _contact(times, start, end, float(rate))
            held[:, column] = np.maximum(held[:, column], near)
    most = held.max(axis=1)
    # Where one contact hands over to another, the nearer one is whole.
    held = np.where(held == most[:, None], held, np.minimum(held, 1 - most[:, None]))
    columns = [list(Viseme).index(viseme) for viseme in CONTACT]
    own = np.maximum(weights[:, columns] * (1 - most)[:, None], held)
    weights *= (1 - most)[:, None]
    weights[:, columns] = own
    return weights.clip(0, 1).astype(np.float32)


def _folded(share: Array) -> Array:
    weights = np.zeros((len(share), len(Viseme)))
    for column, name in enumerate(CLASSES):
        weights[:, list(Viseme).index(FOLDED.get(name) or Viseme(name))] += share[:, column]
    return weights


def _contact(times: Array, start: float, end: float, rate: float) -> Array:
    """From 0 to 1 how near a contact is, 1 in the phone's middle and in one frame at least."""
    middle = (start + end) / 2
    away = np.abs(times - middle)
    half = max(HELD * (end - start) / 2, 0.5 / rate + 1e-9)
    leave = ((away - half) / FLANK_S).clip(0, 1)
    smooth: Array = 1 - leave * leave * (3 - 2 * leave)
    return smooth
