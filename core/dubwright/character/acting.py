"""What the rest of a face does while it speaks: blinks, brows that go up on accents, nods.

Accents are where a line is loud for what is around it. Blinks come with pauses and, in between, as
often as people blink in conversation (Bentivoglio and others, "Analysis of blink rate patterns in
normal subjects", 1997). The same line is acted the same way each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.model import Phone
from dubwright.speech.features import loudness_at

__all__ = ["Gesture", "acted"]

Array = NDArray[np.floating[Any]]


class Gesture(StrEnum):
    BLINK = "blink"
    BROWS = "brows"
    NOD = "nod"


PAUSE_S: Final = 0.15
# 26 blinks a minute, and how much the time between two strays.
BLINK_EVERY_S, STRAY_S = 60 / 26, 0.8
BLINK_APART_S: Final = 0.6
CLOSING_S, SHUT_S, OPENING_S = 0.08, 0.04, 0.16
# An accent is louder by so much, in nepers, over the first time than over the second.
ACCENT: Final = 0.15
SYLLABLE_S, PHRASE_S = 0.12, 1.2
ACCENTS_APART_S: Final = 0.7
# The brows are there before the accent, the nod with it.
BROWS_RISE_S, BROWS_FALL_S = 0.2, 0.45
NOD_DOWN_S, NOD_UP_S = 0.15, 0.3
STRONG: Final = 0.6


def acted(
    samples: NDArray[np.float32],
    sample_rate: int,
    phones: Sequence[Phone],
    rate: Fraction,
    frames: int,
) -> NDArray[np.float32]:
    """How far each gesture goes, in the order of Gesture, float32 [frames, 3], from 0 to 1.

    Args:
        samples: the line, mono.
        sample_rate: of the samples and of the phones' places.
        phones: of the line.
        rate: frames a second; frame n is at (n + 1/2) / rate.
        frames: how many.
    """
    times = (np.arange(frames) + 0.5) / float(rate)
    length = frames / float(rate)
    blinks, brows, nods = (np.zeros(frames) for _ in Gesture)
    for at in _blinks(phones, sample_rate, length):
        blinks = np.maximum(blinks, _bump(times, at, CLOSING_S, SHUT_S, OPENING_S))
    for at, strength in _accents(samples, sample_rate, length):
        brows = np.maximum(brows, strength * _bump(times, at - 0.05, BROWS_RISE_S, 0, BROWS_FALL_S))
        nods = np.maximum(nods, strength * _bump(times, at, NOD_DOWN_S, 0, NOD_UP_S))
    return np.stack([blinks, brows, nods], axis=1).astype(np.float32)


def _blinks(phones: Sequence[Phone], sample_rate: int, length: float) -> list[float]:
    """When the eyes are shut, in seconds."""
    pauses = [
        before.end / sample_rate
        for before, after in pairwise(phones)
        if after.start - before.end > PAUSE_S * sample_rate
    ]
    if phones:
        pauses.append(phones[-1].end / sample_rate)
    # Of the line, so that it is acted the same way each time.
    chance = np.random.default_rng(len(phones) + round(length * 1000))
    kept: list[float] = []
    usual = 0.0
    while (usual := usual + BLINK_EVERY_S + STRAY_S * chance.uniform(-1, 1)) < length:
        pauses.append(usual)
    for at in sorted(pauses):
        if at < length and (not kept or at - kept[-1] > BLINK_APART_S):
            kept.append(at)
    return kept


def _accents(
    samples: NDArray[np.float32], sample_rate: int, length: float
) -> list[tuple[float, float]]:
    """When a line is accented, in seconds, and how strongly, to 1."""
    times = np.arange(0, length, 0.02)
    if not len(times) or not len(samples):
        return []
    syllable, phrase = (
        loudness_at(samples, sample_rate, times, over) for over in (SYLLABLE_S, PHRASE_S)
    )
    louder = syllable - phrase
    peaks = 1 + np.flatnonzero((louder[1:-1] >= louder[:-2]) & (louder[1:-1] > louder[2:]))
    kept: list[int] = []
    for peak in sorted(peaks.tolist(), key=lambda peak: -louder[peak]):
        apart = all(abs(times[peak] - times[other]) > ACCENTS_APART_S for other in kept)
        if louder[peak] > ACCENT and apart:
            kept.append(peak)
    return [(float(times[peak]), min(1.0, float(louder[peak]) / STRONG)) for peak in sorted(kept)]


def _bump(times: Array, at: float, rise: float, stay: float, fall: float) -> Array:
    """From 0 to 1 and back, smoothly; 1 from `at` on for as long as it stays."""
    early = np.clip((at - times) / rise, 0, 1)
    late = np.clip((times - at - stay) / fall, 0, 1)
    away = np.maximum(early, late)
    bump: Array = 1 - away * away * (3 - 2 * away)
    return bump
