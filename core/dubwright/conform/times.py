"""Times of timelines, which are doubles, as exact frames and seconds."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import opentimelineio as otio

from dubwright.model import exact_rate

__all__ = ["exact_frames", "seconds", "whole_frames"]

RATE_TOLERANCE: Final = 1e-3
WHOLE_FRAME: Final = Fraction(1, 1000)


def exact_frames(time: otio.opentime.RationalTime, rate: Fraction) -> Fraction:
    """A time in frames of an exact rate; editors write parts of frames for retimed clips."""
    frames = Fraction(time.value)
    if abs(time.rate - float(rate)) >= RATE_TOLERANCE * float(rate):
        frames = frames * rate / exact_rate(time.rate)
    whole = round(frames)
    return Fraction(whole) if abs(frames - whole) < WHOLE_FRAME else frames


def whole_frames(time: otio.opentime.RationalTime, rate: Fraction) -> int:
    """A time as whole frames of an exact rate."""
    if abs(time.rate - float(rate)) < RATE_TOLERANCE * float(rate):
        return round(time.value)
    return round(time.value * float(rate) / time.rate)


def seconds(time: otio.opentime.RationalTime) -> Fraction:
    rate = Fraction(round(time.rate)) if time.rate > 1000 else exact_rate(time.rate)
    return Fraction(time.value).limit_denominator(1_000_000) / rate
