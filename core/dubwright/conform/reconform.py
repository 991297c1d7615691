"""Where the frames of one cut of a timeline are in another."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from dubwright.media.plate import PlateSpec
from dubwright.model import FrameRange

__all__ = ["Place", "Use", "frames_later", "places", "same_media"]


@dataclass(frozen=True, slots=True)
class Use:
    """A plate, and the frames of the timeline on which it is seen."""

    record: FrameRange
    plate: PlateSpec


@dataclass(frozen=True, slots=True)
class Place:
    """Where frames of one cut are in another.

    Attributes:
        later: how many frames.
        shown: how many of those that were seen are seen there.
        seen: how many were seen.
    """

    later: int
    shown: int
    seen: int


def frames_later(plate: PlateSpec, of: PlateSpec) -> int | None:
    """How many frames later one plate shows what another does; None where they never run alike.

    Frame n of `plate` is frame n plus this of the other.
    """
    alike = (plate.kind, plate.step, plate.speed) == (of.kind, of.step, of.speed)
    if not alike or not same_media(plate, of):
        return None
    later = (_begins(plate) - _begins(of)) / plate.speed
    return int(later) if later.denominator == 1 else None


def places(frames: FrameRange, old: Sequence[Use], new: Sequence[Use]) -> list[Place]:
    """Where frames of an old cut are in a new one.

    Frames that a new cut shows once more have two places; those that it tears apart have one, where
    most of them are. Where the old cut showed them several times too, each of its uses has the
    place that is its own: they are paired in order, and where some are gone, by what moved least.

    Args:
        frames: of the old timeline.
        old: what it shows. Where it shows nothing, what is seen nearest stands for it.
        new: what the new timeline shows.
    """
    during = [(use, part) for use in old if (part := use.record.intersection(frames))]
    if not during:
        during = _nearest(frames, old)
    for use, visible in sorted(during, key=lambda pair: -len(pair[1])):
        found = _found(use, visible, new)
        if found:
            mine = _own(found, sorted(_found(use, visible, old)))
            return [_place(later, during, new) for later in mine]
    return []


def _nearest(frames: FrameRange, old: Sequence[Use]) -> list[tuple[Use, FrameRange]]:
    """The frame of a cut that is nearest to frames on which it shows nothing."""
    if not old:
        return []
    use = min(old, key=lambda use: _distance(use.record, frames))
    at = use.record.end - 1 if use.record.end <= frames.start else use.record.start
    return [(use, FrameRange(at, at + 1))]


def _distance(one: FrameRange, other: FrameRange) -> int:
    return max(one.start - other.end, other.start - one.end)


def _found(use: Use, visible: FrameRange, new: Sequence[Use]) -> list[int]:
    """How much later most of the visible frames of a use are: where most are, and other places
    with more than half of them."""
    shown: dict[int, int] = defaultdict(int)
    for other in new:
        for later, part in _moved(use, visible, other):
            shown[later] += len(part)
    ordered = sorted(shown, key=lambda later: -shown[later])
    return [n for n in ordered if n == ordered[0] or 2 * shown[n] > len(visible)]


def _own(found: Sequence[int], uses: Sequence[int]) -> list[int]:
    """Which of the places that show some frames are those of their own use of them.

    Args:
        found: how much later the places are.
        uses: how much later the uses are that the old cut makes of them; 0 is their own.
    """
    if len(uses) < 2:
        return list(found)
    if len(found) >= len(uses):
        paired = dict(zip(uses, sorted(found), strict=False))
        copies = sorted(found)[len(uses) :] if uses[-1] == 0 else []
        return [paired[0], *copies]
    left, taken = set(found), {}
    for _, use, later in sorted((abs(later - use), use, later) for use in uses for later in found):
        if use not in taken and later in left:
            taken[use] = later
            left.discard(later)
    return [taken[0]] if 0 in taken else []


def _place(later: int, during: Sequence[tuple[Use, FrameRange]], new: Sequence[Use]) -> Place:
    """A place, with how many of all frames that were seen are seen there."""
    seen = {frame for _, visible in during for frame in visible}
    shown = {
        frame
        for use, visible in during
        for other in new
        for there, part in _moved(use, visible, other)
        if there == later
        for frame in part
    }
    return Place(later, len(shown), len(seen))


def _moved(use: Use, visible: FrameRange, other: Use) -> Iterator[tuple[int, Sequence[int]]]:
    """How much later visible frames of a use are in another, and which of them are."""
    later = frames_later(other.plate, use.plate)
    if later is not None:
        shift = other.record.start - use.record.start - later
        part = visible.shifted(shift).intersection(other.record)
        if part:
            yield shift, range(part.start - shift, part.end - shift)
        return
    if not same_media(use.plate, other.plate):
        return
    # It runs at another speed: where the first image is decides.
    images = {other.plate.number(frame): frame for frame in reversed(range(len(other.record)))}
    found = [frame for frame in visible if use.plate.number(frame - use.record.start) in images]
    if found:
        there = images[use.plate.number(found[0] - use.record.start)]
        yield other.record.start + there - found[0], found


def same_media(one: PlateSpec, other: PlateSpec) -> bool:
    """Whether two plates are of the same files."""
    return one.kind == other.kind and os.path.normpath(one.path) == os.path.normpath(other.path)


def _begins(plate: PlateSpec) -> Fraction:
    """When a plate begins, in images of its media."""
    return Fraction(plate.first, plate.step) + plate.phase
