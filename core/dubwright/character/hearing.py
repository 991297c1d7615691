"""A character's visemes from sound alone: phones that are heard, and what a listener hears."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from dubwright.character.visemes import viseme_weights
from dubwright.model import Phone
from dubwright.mouth.controls import resampled
from dubwright.mouth.listener import HEARD_RATE, Listener, heard

__all__ = ["heard_weights"]


def heard_weights(
    samples: NDArray[np.float32],
    sample_rate: int,
    hearings: Sequence[Sequence[Phone]],
    listener: Listener,
    rate: Fraction,
    frames: int,
) -> NDArray[np.float32]:
    """Weights of the visemes in the order of Viseme, float32 [frames, 15], from 0 to 1.

    Hearings, which may disagree, are averaged, and then with what the listener hears.

    Args:
        samples: of the line, mono.
        sample_rate: of the samples and of the phones' places.
        hearings: the phones of each, if they are of a language whose phones can be heard.
        listener: as it is learned.
        rate: frames a second; frame n is at (n + 1/2) / rate.
        frames: how many.
    """
    told = heard(listener, samples, sample_rate)
    times = (np.arange(frames) + 0.5) / float(rate)
    listened = resampled(told, np.arange(len(told)) / HEARD_RATE, times)
    if hearings:
        phones = [viseme_weights(each, sample_rate, rate, frames) for each in hearings]
        listened = (np.mean(phones, axis=0) + listened) / 2
    return listened.astype(np.float32)
