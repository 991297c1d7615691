"""Channels of a mix: which there are, how one layout becomes another, and where a voice stands.

Channels come as WAV orders them (Microsoft, WAVE_FORMAT_EXTENSIBLE): L R C LFE, then the surrounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CENTRE", "STEREO", "Layout", "centred", "laid_out", "layout_of", "pan_of"]

Samples = NDArray[np.float32]

CENTRE, LFE = 2, 3
HALF: Final = np.float32(0.5**0.5)
RATES: Final = (44100, 48000, 88200, 96000)
SURROUND, WIDE_SURROUND = 6, 8
# Where the channels of other layouts stand in 5.1: LCR, quad and 5.0.
PLACES: Final = {3: (0, 1, 2), 4: (0, 1, 4, 5), 5: (0, 1, 2, 4, 5)}
# A channel that is this much lower than a voice's loudest does not hold the voice, dB.
FAINT_DB: Final = -20.0


@dataclass(frozen=True, slots=True)
class Layout:
    """What a mix is made as: samples a second, and 2, 6 (5.1) or 8 (7.1) channels."""

    rate: int
    channels: int


STEREO: Final = Layout(48000, 2)


def layout_of(sounds: Sequence[tuple[int, int]]) -> Layout:
    """The layout of a timeline's mix: of its sounds, each (rate, channels), the widest and finest.

    What is not a usual rate, or none of these layouts, is mixed at 48 kHz and in stereo.
    """
    rates = [rate for rate, _ in sounds if rate in RATES]
    channels = [count for _, count in sounds if count in (SURROUND, WIDE_SURROUND)]
    return Layout(max(rates, default=STEREO.rate), max(channels, default=STEREO.channels))


def laid_out(samples: Samples, channels: int) -> Samples:
    """Sound in 2, 6 or 8 channels, float32 [samples, channels].

    Surround is downmixed as ITU-R BS.775 says, stereo stands left and right, and one channel in the
    centre, or on both sides of stereo.
    """
    given = samples.shape[1]
    if given == channels:
        return np.ascontiguousarray(samples)
    if given in PLACES:
        surround = np.zeros((len(samples), SURROUND), np.float32)
        for place, channel in zip(PLACES[given], samples.T, strict=True):
            surround[:, place] += channel
        return laid_out(surround, channels)
    if given == WIDE_SURROUND and channels == SURROUND:
        left_right = samples[:, 4:6] + HALF * samples[:, 6:8]
        return np.concatenate([samples[:, :4], left_right], axis=1)
    if given in (SURROUND, WIDE_SURROUND) and channels == STEREO.channels:
        around = samples[:, 4:6] + (samples[:, 6:8] if given == WIDE_SURROUND else 0)
        middle = samples[:, CENTRE : CENTRE + 1]
        return np.asarray(samples[:, :2] + HALF * (middle + around), np.float32)
    wide = np.zeros((len(samples), channels), np.float32)
    if given == SURROUND:
        wide[:, :SURROUND] = samples
    elif given == STEREO.channels:
        wide[:, :2] = samples
    else:
        alone = samples.mean(axis=1, keepdims=True)
        if channels == STEREO.channels:
            return np.repeat(alone, channels, axis=1)
        wide[:, CENTRE : CENTRE + 1] = alone
    return wide


def centred(channels: int) -> Samples:
    """How loud a voice in the middle is in each channel, [channels]; its power is 1."""
    gains = np.zeros(channels, np.float32)
    if channels == STEREO.channels:
        gains[:] = HALF
    else:
        gains[CENTRE] = 1
    return gains


def pan_of(dialogue: Samples) -> Samples:
    """How loud a voice is in each channel of its stem, [channels]; its power is 1.

    Args:
        dialogue: a line, float32 [samples, channels], without anything else.
    """
    channels = dialogue.shape[1]
    power = (dialogue.astype(np.float64) ** 2).mean(axis=0) if len(dialogue) else np.zeros(channels)
    if channels > STEREO.channels:
        power[LFE] = 0
    power[power < power.max(initial=0) * 10 ** (FAINT_DB / 10)] = 0
    if not power.any():
        return centred(channels)
    return np.sqrt(power / power.sum()).astype(np.float32)
