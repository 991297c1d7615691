"""Countdown beeps: three, a second apart, and the line begins where the fourth would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BEEPS", "LEAD_S", "countdown"]

BEEPS: Final = 3
LEAD_S: Final = BEEPS
LENGTH_S: Final = 0.06
PITCH_HZ: Final = 1000
LEVEL: Final = 10 ** (-20 / 20)
EDGE_S: Final = 0.005

Samples = NDArray[np.float32]


def countdown(starts: Sequence[int], first: int, length: int, rate: int) -> Samples:
    """Beeps before lines, for a part of the timeline, mono float32 [length].

    Args:
        starts: first samples of lines.
        first: sample of the timeline that the part begins with.
        length: samples of the part.
        rate: in Hz.
    """
    part = np.zeros(length, np.float32)
    beep = _beep(rate)
    for start in starts:
        for number in range(1, BEEPS + 1):
            at = start - number * rate - first
            low, high = max(0, at), min(length, at + len(beep))
            if low < high:
                part[low:high] = beep[low - at : high - at]
    return part


def _beep(rate: int) -> Samples:
    times = np.arange(round(LENGTH_S * rate)) / rate
    edge = np.clip(np.minimum(times, times[::-1]) / EDGE_S, 0, 1)
    beep: Samples = (LEVEL * edge * np.sin(2 * np.pi * PITCH_HZ * times)).astype(np.float32)
    return beep
