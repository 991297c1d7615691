"""Whether lines that somebody timed run with their sound: late, early, or at another speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import theilslopes

__all__ = ["Drift", "drift_of"]

# Fewer lines, or such as lie close together, tell nothing about speed.
LEAST_LINES: Final = 6
MOST_LINES: Final = 1000
LEAST_MS: Final = 60_000
LATE_MS: Final = 200
SPEED_TOLERANCE: Final = 0.0004
# What is confused in practice, as times in the file against times in the sound.
SPEEDS: Final = {
    25 / 24: "made for 25 frames a second, and the sound runs at 24",
    25 * 1001 / 24000: "made for 25 frames a second, and the sound runs at 24000/1001",
    24 / 25: "made for 24 frames a second, and the sound runs at 25",
    24000 / 25025: "made for 24000/1001 frames a second, and the sound runs at 25",
    1001 / 1000: "made for 24 or 30 frames a second, and the sound runs a thousandth slower",
    1000
    / 1001: "made for 24000/1001 or 30000/1001 frames a second, and the sound runs at 24 or 30",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """How times that were given lie against those that were found: found = offset + speed * given.

    Attributes:
        offset_ms: what is given for the sound's beginning comes so much too early.
        speed: above 1 the given times run ahead more and more.
        spread_ms: how far single lines lie from that, in the middle.
        told: what is wrong, for people; "" where nothing is.
    """

    offset_ms: int
    speed: float
    spread_ms: int
    told: str


def drift_of(given_ms: Sequence[int], found_ms: Sequence[int]) -> Drift | None:
    """The drift of starts of lines, by a line through most of them (Theil, 1950; Sen, 1968).

    Returns:
        None where there are no lines.
    """
    # Every pair of lines is compared: of very many, some evenly chosen tell as much.
    every = max(1, len(given_ms) // MOST_LINES)
    given, found = np.array(given_ms[::every], float), np.array(found_ms[::every], float)
    if not len(given):
        return None
    slope = 1.0
    if len(given) >= LEAST_LINES and np.ptp(given) >= LEAST_MS:
        slope = float(theilslopes(found, given)[0])
    if abs(slope - 1) < SPEED_TOLERANCE:
        slope = 1.0
    offset = float(np.median(found - slope * given))
    spread = float(np.median(np.abs(found - slope * given - offset)))
    told = []
    if slope != 1:
        told.append(_speed(slope))
    if abs(offset) >= LATE_MS:
        way = "early" if offset > 0 else "late"
        told.append(f"they come {abs(offset) / 1000:.1f} s too {way}")
    return Drift(round(offset), slope, round(spread), "; ".join(told))


def _speed(slope: float) -> str:
    known = min(SPEEDS, key=lambda speed: abs(speed - slope))
    way = "fast" if slope > 1 else "slow"
    told = f"the times run {abs(slope - 1):.2%} too {way}"
    near = abs(known - slope) < SPEED_TOLERANCE
    return f"{told}: they were {SPEEDS[known]}" if near else told
