"""Where the frames of one cut of a timeline are in another."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from dubwright.media.plate import PlateSpec
from dubwright.model import FrameRange

__all__ = ["Place", "Seen", "frames_later", "places", "same_media"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A plate, and the frames of the timeline on which it is seen."""

    record: FrameRange
    plate: PlateSpec


@dataclass(frozen=True, slots=True)
class Place:
    """Where frames of one cut are in another.

    Attributes:
        later: how many frames.
        shown: how many of them are seen there.
    """

    later: int
    shown: int


def frames_later(plate: PlateSpec, of: PlateSpec) -> int | None:
    """How many frames later one plate shows what another does; None where they never run alike.

    Frame n of `plate` is frame n plus this of the other.
    """
    alike = (plate.kind, plate.step, plate.speed) == (of.kind, of.step, of.speed)
    if not alike or not same_media(plate, of):
        return None
    later = (_begins(plate) - _begins(of)) / plate.speed
    return int(later) if later.denominator == 1 else None


def places(frames: FrameRange, old: Sequence[Seen], new: Sequence[Seen]) -> list[Place]:
    """Where frames of an old cut are in a new one, that which shows most of them first.

    Frames that a new cut shows twice have two places. Frames that it tears apart have one, where
    most of them are. Where nothing is seen, what is seen nearest to it decides.

    Args:
        frames: of the old timeline.
        old: what it shows.
        new: what the new timeline shows.
    """
    for seen, visible in _anchors(frames, old):
        shown: Counter[int] = Counter()
        for other in new:
            place = _place(seen, visible, other)
            if place is not None:
                shown[place.later] += place.shown
        if shown:
            ordered = [Place(later, count) for later, count in shown.most_common()]
            return [ordered[0], *(p for p in ordered[1:] if 2 * p.shown > len(visible))]
    return []


def _anchors(frames: FrameRange, old: Sequence[Seen]) -> Iterator[tuple[Seen, FrameRange]]:
    """What is seen during some frames, the longest first, and then what is seen nearest to them."""
    during = [(seen, part) for seen in old if (part := seen.record.intersection(frames))]
    yield from sorted(during, key=lambda pair: -len(pair[1]))
    apart = [seen for seen in old if seen.record.intersection(frames) is None]
    for seen in sorted(apart, key=lambda seen: _distance(seen.record, frames)):
        nearest = seen.record.end - 1 if seen.record.end <= frames.start else seen.record.start
        yield seen, FrameRange(nearest, nearest + 1)


def _distance(one: FrameRange, other: FrameRange) -> int:
    return max(one.start - other.end, other.start - one.end)


def _place(seen: Seen, visible: FrameRange, other: Seen) -> Place | None:
    """Where visible frames of what was seen are in something else that is seen."""
    later = frames_later(other.plate, seen.plate)
    if later is not None:
        shift = other.record.start - seen.record.start - later
        part = visible.shifted(shift).intersection(other.record)
        return Place(shift, len(part)) if part else None
    if not same_media(seen.plate, other.plate):
        return None
    # It runs at another speed: where the first image is decides.
    images = {_number(other.plate, frame): frame for frame in reversed(range(len(other.record)))}
    found = [
        (frame, images[number])
        for frame in visible
        if (number := _number(seen.plate, frame - seen.record.start)) in images
    ]
    if not found:
        return None
    was, there = found[0]
    return Place(other.record.start + there - was, len(found))


def same_media(one: PlateSpec, other: PlateSpec) -> bool:
    """Whether two plates are of the same files."""
    return one.kind == other.kind and os.path.normpath(one.path) == os.path.normpath(other.path)


def _begins(plate: PlateSpec) -> Fraction:
    """When a plate begins, in images of its media."""
    return Fraction(plate.first, plate.step) + plate.phase


def _number(plate: PlateSpec, frame: int) -> int:
    return plate.first + plate.media_frame(frame) * plate.step
