"""Exact time: integers over integer rates. Seconds as floats never leave a function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from dubwright.errors import DubwrightError

__all__ = [
    "FrameRange",
    "exact_rate",
    "frame_of_ms",
    "frame_of_timecode",
    "ms_of_frame",
    "samples_of_ms",
    "timecode_of_frame",
]

NTSC_DENOMINATOR = 1001
# 23.98 stands for 24000/1001, and 24.02 for nothing.
RATE_TOLERANCE = Fraction(1, 200)
TIMECODE = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")
MINUTES_A_DAY = 24 * 60


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


def timecode_of_frame(frame: int, rate: Fraction, *, drop: bool = False) -> str:
    """The SMPTE ST 12-1 timecode of a frame counted from midnight.

    Args:
        frame: from 0; a day begins anew after 24 hours.
        rate: frames a second; its whole number counts, 24 for 24000/1001.
        drop: whether numbers are left out, as is usual at 30000/1001 and 60000/1001.
    """
    base = round(rate)
    if drop:
        per_minute, per_ten = 60 * base - _dropped(rate), 600 * base - 9 * _dropped(rate)
        tens, rest = divmod(frame % (144 * per_ten), per_ten)
        # The first minute of ten leaves nothing out.
        minutes = 0 if rest < 60 * base else 1 + (rest - 60 * base) // per_minute
        frame = tens * 600 * base + rest + minutes * _dropped(rate)
    seconds, frames = divmod(frame % (60 * MINUTES_A_DAY * base), base)
    digits = max(2, len(str(base - 1)))
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{clock}{';' if drop else ':'}{frames:0{digits}d}"


def frame_of_timecode(text: str, rate: Fraction) -> int | None:
    """The frame, counted from midnight, of a timecode; None where it is none at this rate.

    With ; before its frames it is drop-frame.
    """
    found = TIMECODE.fullmatch(text.strip())
    base = round(rate)
    if found is None:
        return None
    hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
    if frames >= base or seconds > 59 or minutes > 59 or hours > 23:
        return None
    minute = hours * 60 + minutes
    number = (minute * 60 + seconds) * base + frames
    if found[4] != ";":
        return number
    left = _dropped(rate)
    if not left or (seconds == 0 and frames < left and minute % 10):
        return None
    return number - left * (minute - minute // 10)


def _dropped(rate: Fraction) -> int:
    """Numbers that drop-frame timecode leaves out each minute but every tenth."""
    base = round(rate)
    return base // 15 if rate.denominator == NTSC_DENOMINATOR and base % 30 == 0 else 0
