"""Reads what a timeline shows and sounds, in exact frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from dubwright.conform.document import unreadable
from dubwright.conform.interchange import FOREIGN, read_foreign
from dubwright.conform.media import MOVIES, Media, media_path
from dubwright.conform.plates import (
    found_sequence,
)
from dubwright.conform.shots import Shot, shots_of
from dubwright.conform.sounds import sounds_of
from dubwright.conform.times import whole_frames
from dubwright.errors import DubwrightError, first_line
from dubwright.media.audio import audio_duration
from dubwright.media.exr import read_header
from dubwright.media.movie import MovieInfo
from dubwright.media.sequence import is_pattern
from dubwright.model import FrameRange, exact_rate, frame_of_timecode
from dubwright.speech.soundtrack import AUDIO_FILES, SoundClip
from dubwright.store import EVERYWHERE, Access

__all__ = [
    "ConformedTimeline",
    "Shot",
    "Soundtrack",
    "media_path",
    "read_soundtrack",
    "read_timeline",
]

DEFAULT_RATE: Final = Fraction(24)
NOT_IN_FILE: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')


@dataclass(frozen=True, slots=True)
class ConformedTimeline:
    """A timeline as the other rooms see it.

    Attributes:
        start_frame: that its timecode begins with, counted from midnight.
        drop_frame: whether its timecode leaves numbers out.
    """

    name: str
    path: Path
    rate: Fraction
    start_frame: int
    frames: int
    shots: tuple[Shot, ...]
    sounds: tuple[SoundClip, ...]
    drop_frame: bool = False

    @property
    def file_stem(self) -> str:
        """The name as part of file names, on any system."""
        return NOT_IN_FILE.sub("-", self.name).strip(" .-") or "timeline"

    @property
    def duration_ms(self) -> int:
        return int(Fraction(self.frames * 1000) / self.rate)


def read_timeline(
    path: Path,
    access: Access = EVERYWHERE,
    rate_named: Fraction | None = None,
    part: FrameRange | None = None,
) -> tuple[ConformedTimeline, otio.schema.Timeline]:
    """Read a timeline; a movie, or an EXR sequence such as plate.####.exr, is one clip.

    Args:
        path: of the timeline, which may be read.
        access: the folders that its media may lie in.
        rate_named: frames a second of an EDL, where nothing else says it.
        part: of a movie, from its first frame, 0, or of a sequence, by its files' numbers.

    Raises:
        DubwrightError: the file cannot be read, is empty, or its media are missing or elsewhere.
    """
    sequence = path.suffix.lower() == ".exr" if path.exists() else is_pattern(path.name)
    if not sequence and not path.exists():
        raise DubwrightError(
            "The timeline is missing",
            where=str(path),
            why="there is no such file",
            repair="check the path",
        )
    media = Media(path.absolute().parent, access)
    if sequence:
        timeline = _sequence_timeline(path)
    elif path.suffix.lower() in MOVIES:
        timeline = _movie_timeline(path, media.movie(path))
    else:
        timeline = _load(path, media, rate_named)
    if not isinstance(timeline, otio.schema.Timeline):
        raise unreadable(path, f"it holds a {type(timeline).__name__}, not a timeline")
    if part is not None:
        _take_part(timeline, path, part)
    _apply_trim(timeline, path)
    clips = list(timeline.find_clips())
    if not any(_is_video(clip) and clip.enabled for clip in clips):
        raise DubwrightError(
            "The timeline has no picture",
            where=str(path),
            why="no video track holds a clip",
            repair="export a timeline with at least one clip on a video track",
        )
    rate = _timeline_rate(timeline, clips)
    start = timeline.global_start_time
    duration = timeline.duration()
    return (
        ConformedTimeline(
            name=timeline.name or path.stem,
            path=path.absolute(),
            rate=rate,
            start_frame=whole_frames(start, rate) if start else 0,
            frames=whole_frames(duration, rate),
            shots=tuple(shots_of(timeline, media, rate)),
            sounds=tuple(sounds_of(timeline, media)),
            drop_frame=bool(timeline.metadata.get("dubwright", {}).get("drop_frame")),
        ),
        timeline,
    )


@dataclass(frozen=True, slots=True)
class Soundtrack:
    """What a timeline or a recording sounds like; its picture is not asked about.

    Attributes:
        file_stem: its name as part of file names, on any system.
        duration: in seconds.
    """

    path: Path
    file_stem: str
    sounds: tuple[SoundClip, ...]
    duration: Fraction


def read_soundtrack(
    path: Path, access: Access = EVERYWHERE, rate_named: Fraction | None = None
) -> Soundtrack:
    """The sound of a timeline, of a movie or of an audio file. See read_timeline."""
    if path.suffix.lower() in AUDIO_FILES:
        duration = audio_duration(path)
        clip = SoundClip(path.absolute(), "mix", Fraction(0), Fraction(0), duration)
        return Soundtrack(path.absolute(), path.stem, (clip,), duration)
    timeline, _ = read_timeline(path, access, rate_named)
    duration = Fraction(timeline.frames) / timeline.rate
    return Soundtrack(timeline.path, timeline.file_stem, timeline.sounds, duration)


def _take_part(timeline: otio.schema.Timeline, path: Path, part: FrameRange) -> None:
    """Trim the timeline of one clip to some of its frames."""
    (clip,) = timeline.video_tracks()[0].find_clips()
    whole = clip.source_range
    first, rate = round(whole.start_time.value), whole.start_time.rate
    end = first + round(whole.duration.value)
    if not first <= part.start < part.end <= end:
        raise DubwrightError(
            "The plate has no such frames",
            where=str(path),
            why=f"frames {part.start} to {part.end - 1} are asked for; it has {first} to {end - 1}",
            repair="name frames that it has",
        )
    later = otio.opentime.RationalTime(part.start - first, rate)
    length = otio.opentime.RationalTime(len(part), rate)
    timeline.tracks.source_range = otio.opentime.TimeRange(later, length)
    if timeline.global_start_time is not None:
        timeline.global_start_time += later


def _apply_trim(timeline: otio.schema.Timeline, path: Path) -> None:
    """Cut the tracks to the range that the timeline as a whole is trimmed to."""
    stack = timeline.tracks
    if stack.source_range is None:
        return
    try:
        trimmed = [otio.algorithms.track_trimmed_to_range(t, stack.source_range) for t in stack]
    except otio.exceptions.OTIOError as error:
        raise unreadable(path, f"it is trimmed within a transition: {error}") from error
    stack.source_range = None
    stack.clear()
    stack.extend(trimmed)


def _load(path: Path, media: Media, rate: Fraction | None) -> Any:
    if path.suffix.lower() in FOREIGN:
        return read_foreign(path, media, rate)
    try:
        return otio.adapters.read_from_file(str(path))
    except otio.exceptions.NoKnownAdapterForExtensionError:
        raise unreadable(
            path, f"no adapter reads {path.suffix or 'a file without suffix'}"
        ) from None
    except (otio.exceptions.OTIOError, ValueError, OSError, KeyError) as error:
        raise unreadable(path, first_line(error)) from error


def _movie_timeline(path: Path, info: MovieInfo) -> otio.schema.Timeline:
    rate = float(info.rate)
    available = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(info.frames, rate)
    )

    def clip() -> otio.schema.Clip:
        reference = otio.schema.ExternalReference(str(path.absolute()), available)
        return otio.schema.Clip(path.stem, reference, available)

    timeline = otio.schema.Timeline(path.stem)
    start = frame_of_timecode(info.timecode, info.rate)
    if start is not None:
        timeline.global_start_time = otio.opentime.RationalTime(start, rate)
        timeline.metadata["dubwright"] = {"drop_frame": ";" in info.timecode}
    timeline.tracks.append(otio.schema.Track("V1", [clip()], kind=otio.schema.TrackKind.Video))
    if info.has_audio:
        timeline.tracks.append(otio.schema.Track("A1", [clip()], kind=otio.schema.TrackKind.Audio))
    return timeline


def _sequence_timeline(path: Path) -> otio.schema.Timeline:
    """One clip of every frame of a sequence, at the rate its first frame names, or else 24."""
    found = found_sequence(path, path.name)
    first, last = found.numbers[0], found.numbers[-1]
    file = found.file(first)
    rate = float((read_header(file).rate if file.suffix == ".exr" else None) or DEFAULT_RATE)
    available = otio.opentime.TimeRange(
        otio.opentime.RationalTime(first, rate),
        otio.opentime.RationalTime(last - first + found.step, rate),
    )
    prefix = Path(found.prefix + "0").name[:-1]
    reference = otio.schema.ImageSequenceReference(
        target_url_base=str(path.parent.absolute()),
        name_prefix=prefix,
        name_suffix=found.suffix,
        start_frame=first,
        frame_step=found.step,
        rate=rate,
        frame_zero_padding=found.padding,
        available_range=available,
    )
    name = prefix.rstrip("._-") or path.parent.name
    timeline = otio.schema.Timeline(name)
    clip = otio.schema.Clip(name, reference, available)
    timeline.tracks.append(otio.schema.Track("V1", [clip], kind=otio.schema.TrackKind.Video))
    return timeline


def _timeline_rate(timeline: otio.schema.Timeline, clips: list[otio.schema.Clip]) -> Fraction:
    if timeline.global_start_time:
        return exact_rate(timeline.global_start_time.rate)
    first = next(clip for clip in clips if _is_video(clip))
    return exact_rate(first.trimmed_range().start_time.rate)


def _is_video(clip: otio.schema.Clip) -> bool:
    track = clip.parent()
    return isinstance(track, otio.schema.Track) and track.kind == otio.schema.TrackKind.Video
