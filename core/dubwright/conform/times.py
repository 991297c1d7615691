"""Times of timelines, which are doubles, as exact frames and seconds."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import opentimelineio as otio

from dubwright.model import exact_rate

__all__ = ["exact_frames", "first_shown", "range_start", "seconds", "whole_frames"]

FASTEST_FRAMES: Final = 1000
WHOLE_FRAME: Final = Fraction(1, 1000)


def exact_frames(time: otio.opentime.RationalTime, rate: Fraction) -> Fraction:
    """A time in frames of an exact rate; editors write parts of frames for retimed clips."""
    frames = Fraction(time.value) * rate / _rate(time)
    whole = round(frames)
    return Fraction(whole) if abs(frames - whole) < WHOLE_FRAME else frames


def whole_frames(time: otio.opentime.RationalTime, rate: Fraction) -> int:
    """A time as whole frames of an exact rate."""
    return round(Fraction(time.value) * rate / _rate(time))


def seconds(time: otio.opentime.RationalTime) -> Fraction:
    return Fraction(time.value).limit_denominator(1_000_000) / _rate(time)


def first_shown(start: Fraction, frames: int, speed: Fraction) -> Fraction:
    """The frame of its media that a clip shows first.

    Its range names the earliest frame that it shows, and one that runs backwards shows that last.

    Args:
        start: of its range, in media frames.
        frames: how many it lasts.
        speed: media frames for each.
    """
    return start if speed > 0 else start + math.ceil(frames * -speed) - 1


def range_start(first: Fraction, frames: int, speed: Fraction) -> Fraction:
    """The start of the range of a clip that shows a frame of its media first, see first_shown."""
    if speed > 0:
        return first
    return Fraction(math.floor(first) - math.ceil(frames * -speed) + 1)


def _rate(time: otio.opentime.RationalTime) -> Fraction:
    """The exact rate of a time, which may be that of samples."""
    return Fraction(round(time.rate)) if time.rate > FASTEST_FRAMES else exact_rate(time.rate)
