"""The shots of a timeline: its clips where they are seen."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from dubwright.conform.media import Media
from dubwright.conform.plates import (
    MOST_SPEED,
    plate_of,
    plate_of_dissolve,
    speed_of,
)
from dubwright.conform.times import whole_frames
from dubwright.errors import DubwrightError
from dubwright.media.plate import PlateSpec
from dubwright.model import FrameRange, exact_rate

__all__ = ["Fade", "Shot", "clip_of", "clip_on", "shots_of"]

VIDEO: Final = otio.schema.TrackKind.Video
NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")
LONGEST_ID: Final = 100
# Windows knows devices by these names, in any folder.
RESERVED: Final = re.compile(r"CON|PRN|AUX|NUL|(COM|LPT)[0-9]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fade:
    """A transition that a shot comes or goes by.

    Attributes:
        frames: of the timeline, all that the transition lasts.
        rises: whether the shot comes by it.
        kind: what OpenTimelineIO calls it: "SMPTE_Dissolve", "SMPTE_Wipe"...
        of: the place of what comes or goes: the shot, or a compound clip that it is in.
    """

    frames: FrameRange
    rises: bool
    kind: str
    of: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shot:
    """A clip on a video track, or in a compound clip on one.

    Attributes:
        uid: stable name, from the clip's name and place.
        place: its video track, its index there, and in a compound clip further indexes downwards.
        record: frames of the timeline on which it is seen, from 0; those of dissolves too.
        cut: the same frames, counted from where the clip itself begins.
        fades: what it, or the compound clip that it is in, comes and goes by.
        plate: its frames, not yet probed; None where it cannot be edited.
        problem: why it cannot be edited; "" where it can.
    """

    uid: str
    name: str
    place: tuple[int, ...]
    record: FrameRange
    cut: FrameRange
    fades: tuple[Fade, ...]
    plate: PlateSpec | None
    problem: str = ""

    @property
    def track(self) -> int:
        """The index of its video track, from the lowest."""
        return self.place[0]

    @property
    def dissolves(self) -> bool:
        """Whether it is not alone where it is seen, for what it fades with shows too."""
        return bool(self.fades)


def shots_of(timeline: otio.schema.Timeline, media: Media, rate: Fraction) -> Iterator[Shot]:
    used: set[str] = set()
    everything = FrameRange(0, whole_frames(timeline.duration(), rate))
    for number, track in enumerate(timeline.video_tracks()):
        for seen in _seen(track, (number,), 0, everything, (), rate):
            item = seen.item
            default = "-".join(["v" + str(number + 1), *(str(at + 1) for at in seen.place[1:])])
            plain = NOT_IN_ID.sub("-", item.name)[:LONGEST_ID].strip("-") or default
            if RESERVED.fullmatch(plain):
                plain += "-shot"
            numbered = (f"{plain}-{count}" for count in itertools.count(2))
            # Case-folded: the folders of two shots must differ on any file system.
            uid = next(n for n in itertools.chain([plain], numbered) if n.casefold() not in used)
            used.add(uid.casefold())
            plate, problem = _plate_or_problem(seen, media, rate)
            yield Shot(
                uid, item.name, seen.place, seen.record, seen.cut, seen.fades, plate, problem
            )


def clip_of(timeline: otio.schema.Timeline, shot: Shot) -> Any:
    """The clip of a shot, on the timeline that it was read from or a copy."""
    return clip_on(timeline.video_tracks()[shot.track], shot)


def clip_on(track: otio.schema.Track, shot: Shot) -> Any:
    """The clip of a shot on its track."""
    item: Any = track
    for index in shot.place[1:]:
        item = item[index]
    return item


@dataclass(frozen=True, slots=True)
class _Seen:
    """An item and where it is seen, see Shot."""

    item: Any
    place: tuple[int, ...]
    record: FrameRange
    cut: FrameRange
    fades: tuple[Fade, ...]


def _seen(
    track: otio.schema.Track,
    place: tuple[int, ...],
    origin: int,
    window: FrameRange,
    fades: tuple[Fade, ...],
    rate: Fraction,
) -> Iterator[_Seen]:
    """The clips of a track, and of the compound clips on it.

    Args:
        track: to look through.
        place: of the track.
        origin: the timeline's frame at which the track begins.
        window: the timeline's frames on which it is seen.
        fades: of the compound clip that the track is in.
        rate: of the timeline.
    """
    if not track.enabled:
        return
    if track.source_range is not None:
        origin -= whole_frames(track.source_range.start_time, rate)
    for index, item in enumerate(track):
        if isinstance(item, otio.schema.Gap | otio.schema.Transition) or not item.enabled:
            continue
        whole = item.range_in_parent()
        begin = origin + whole_frames(whole.start_time, rate)
        end = begin + whole_frames(whole.duration, rate)
        here = (*place, index)
        own = tuple(_fades(track, here, begin, end, rate))
        seen = [FrameRange(begin, end), *(fade.frames for fade in own)]
        extent = FrameRange(min(part.start for part in seen), max(part.end for part in seen))
        record = extent.intersection(window)
        if record is None:
            continue
        if isinstance(item, otio.schema.Stack) and not _is_retimed(item):
            inner = begin - whole_frames(item.trimmed_range().start_time, rate)
            for number, child in enumerate(item):
                if isinstance(child, otio.schema.Track) and child.kind == VIDEO:
                    place_within = (*here, number)
                    yield from _seen(child, place_within, inner, record, (*fades, *own), rate)
            continue
        its = tuple(fade for fade in (*fades, *own) if fade.frames.intersection(record))
        yield _Seen(item, here, record, record.shifted(-begin), its)


def _is_retimed(item: otio.core.Item) -> bool:
    return any(isinstance(effect, otio.schema.TimeEffect) for effect in item.effects)


def _fades(
    track: otio.schema.Track, place: tuple[int, ...], begin: int, end: int, rate: Fraction
) -> Iterator[Fade]:
    """The transitions beside an item that begins and ends at these frames of the timeline."""
    index = place[-1]
    before = track[index - 1] if index else None
    after = track[index + 1] if index + 1 < len(track) else None
    for neighbour, cut, rises in ((before, begin, True), (after, end, False)):
        if isinstance(neighbour, otio.schema.Transition):
            frames = FrameRange(
                cut - whole_frames(neighbour.in_offset, rate),
                cut + whole_frames(neighbour.out_offset, rate),
            )
            if len(frames):
                yield Fade(frames, rises, neighbour.transition_type, place)


def _plate_or_problem(seen: _Seen, media: Media, rate: Fraction) -> tuple[PlateSpec | None, str]:
    """The plate of what is seen, or why it cannot be edited."""
    plate, problem = None, _problem(seen.item, rate)
    if not problem and seen.fades:
        plate, problem = plate_of_dissolve(seen.item, seen.cut, media, rate)
    elif not problem:
        plate = plate_of(seen.item, seen.cut, media, rate)
    if plate is not None and plate.kind == "movie":
        own = exact_rate(media.movie(Path(plate.path)).rate)
        if own != rate:
            return None, f"its movie's rate is {float(own):g}, the timeline's {float(rate):g}"
    return plate, problem


def _problem(item: Any, rate: Fraction) -> str:
    """Why a clip cannot be edited, for people; "" where it can."""
    if not isinstance(item, otio.schema.Clip):
        return "a retimed compound clip: decompose it in place to have it dubbed"
    for effect in item.effects:
        if isinstance(effect, otio.schema.FreezeFrame):
            return "a freeze frame"
        if isinstance(effect, otio.schema.TimeEffect) and not isinstance(
            effect, otio.schema.LinearTimeWarp
        ):
            return "its speed changes over time: bake the speed into its media to have it dubbed"
    if not MOST_SPEED >= abs(speed_of(item)) > 0:
        return f"its speed, {float(speed_of(item)):g}, is out of bounds"
    if isinstance(item.media_reference, otio.schema.MissingReference):
        raise DubwrightError(
            "A clip has no media",
            where=f"clip {item.name!r}",
            why="its media reference is offline",
            repair="relink the clip in the editor and export the timeline again",
        )
    if isinstance(item.media_reference, otio.schema.GeneratorReference):
        return "a generated picture"
    clip_rate = exact_rate(item.trimmed_range().start_time.rate)
    if clip_rate != rate:
        return f"its rate is {float(clip_rate):g}, the timeline's {float(rate):g}"
    return ""
