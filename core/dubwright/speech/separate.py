"""What is left of a mix when its dialogue is taken out, where no M&E stem is given.

Dialogue stands in the middle of nearly every stereo mix. What both channels have in common is
taken out of each by a mask over time and frequency (Avendano and Jot, 2004, A frequency-domain
approach to multichannel upmix). A mix without width has no middle to take out: it is lowered, and
room tone from between its lines covers that it was.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import istft, stft

__all__ = ["REACH", "has_width", "quiet_level", "room_tone", "without_middle"]

WINDOW: Final = 4096
STEP: Final = WINDOW // 4
# Samples around a part that decide what it becomes; a whole number of steps.
REACH: Final = 2 * WINDOW
LOWEST_HZ, HIGHEST_HZ = 80, 10_000
# Of a band, how alike its channels are when taking it out begins.
ALIKE_FROM: Final = 0.5
# A mix whose sides have less than this part of its middle's power is as good as mono.
LEAST_WIDTH: Final = 0.003

Samples = NDArray[np.float32]


def has_width(middle_power: float, side_power: float) -> bool:
    """Whether a mix is wide enough for its middle to be told from the rest."""
    return side_power > LEAST_WIDTH * middle_power


def without_middle(samples: Samples, sample_rate: int) -> Samples:
    """Stereo sound, float32 [samples, 2], without what both channels have in common."""
    if len(samples) < WINDOW:
        return samples
    options = {"fs": sample_rate, "nperseg": WINDOW, "noverlap": WINDOW - STEP}
    frequencies, _, left = stft(samples[:, 0], **options)
    _, _, right = stft(samples[:, 1], **options)
    power = (np.abs(left) ** 2 + np.abs(right) ** 2) / 2
    alike = np.clip((left * right.conj()).real / (power + 1e-12), 0, 1)
    mask = np.clip((alike - ALIKE_FROM) / (1 - ALIKE_FROM), 0, 1)
    mask[(frequencies < LOWEST_HZ) | (frequencies > HIGHEST_HZ)] = 0
    _, middle = istft(mask * (left + right) / 2, **options)
    rest: Samples = samples - middle[: len(samples), None].astype(np.float32)
    return rest


def quiet_level(samples: Samples) -> float:
    """How loud a part is that might serve as room tone; inf if it is digital silence."""
    level = float(np.sqrt((samples.astype(np.float64) ** 2).mean())) if len(samples) else 0.0
    return level if level > 1e-6 else np.inf


def room_tone(tone: Samples, start: int, length: int) -> Samples:
    """A tone that goes on: samples `start` to `start + length` of it, [length, channels].

    Copies of it, each turned by another part of its length, overlap by half, with equal power.
    """
    half = len(tone) // 2
    window = np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half))[:, None]
    filled = np.zeros((length, tone.shape[1]), np.float32)
    for number in range(start // half - 1, (start + length) // half + 1):
        turned = np.roll(
            tone[: 2 * half], int(np.random.default_rng(abs(number)).integers(half)), 0
        )
        copy = (turned * window).astype(np.float32)
        first = number * half - start
        inside = slice(max(0, first), min(length, first + 2 * half))
        if inside.start < inside.stop:
            filled[inside] += copy[inside.start - first : inside.stop - first]
    return filled
