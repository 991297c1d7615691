"""Exact time: integers over integer rates. Seconds as floats never leave a function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from dubwright.errors import DubwrightError

__all__ = ["FrameRange", "exact_rate", "frame_of_ms", "ms_of_frame", "samples_of_ms"]

NTSC_DENOMINATOR = 1001
RATE_TOLERANCE = Fraction(1, 400)


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames `start` up to, but not including, `end`."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(
                f"a frame range cannot end ({self.end}) before it starts ({self.start})"
            )

    def __len__(self) -> int:
        return self.end - self.start

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.end))

    def __contains__(self, frame: object) -> bool:
        return isinstance(frame, int) and self.start <= frame < self.end

    def intersection(self, other: FrameRange) -> FrameRange | None:
        """The frames in both ranges, or None where they share none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return FrameRange(start, end) if start < end else None

    def shifted(self, frames: int) -> FrameRange:
        """The same length, `frames` later."""
        return FrameRange(self.start + frames, self.end + frames)

    def chunks(self, length: int) -> Iterator[FrameRange]:
        """The range in pieces of at most `length` frames."""
        for start in range(self.start, self.end, length):
            yield FrameRange(start, min(start + length, self.end))


def exact_rate(rate: float | Fraction) -> Fraction:
    """The rational frame rate that a decimal one stands for: 23.976 -> 24000/1001.

    Raises:
        DubwrightError: the number is not a frame rate.
    """
    value = Fraction(rate).limit_denominator(1_000_000)
    if not 1 <= value <= 1000:
        raise DubwrightError(
            f"{float(rate):g} is not a frame rate",
            where="the frame rate of the timeline or media",
            why="frame rates lie between 1 and 1000 frames a second",
            repair="set the rate of the clip in the editor and export the timeline again",
        )
    for candidate in (Fraction(round(value)), Fraction(round(value) * 1000, NTSC_DENOMINATOR)):
        if abs(candidate - value) < RATE_TOLERANCE:
            return candidate
    return value


def frame_of_ms(milliseconds: int, rate: Fraction) -> int:
    """The frame, counted from 0, that is on screen `milliseconds` after the start."""
    return milliseconds * rate.numerator // (1000 * rate.denominator)


def ms_of_frame(frame: int, rate: Fraction) -> int:
    """The milliseconds at which a frame begins, rounded to the nearest."""
    return round(Fraction(frame * 1000) / rate)


def samples_of_ms(milliseconds: int, sample_rate: int) -> int:
    """The number of whole samples in `milliseconds`, rounded to the nearest."""
    return (milliseconds * sample_rate + 500) // 1000
