"""Reads what a timeline shows and sounds, in exact frames."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

import opentimelineio as otio

from dubwright.conform.interchange import FOREIGN, read_foreign
from dubwright.errors import DubwrightError
from dubwright.media.audio import audio_rate
from dubwright.media.bwf import read_time_reference
from dubwright.media.exr import read_header
from dubwright.media.movie import probe_movie
from dubwright.media.plate import PlateSpec
from dubwright.media.sequence import FrameFiles, find_frames, is_pattern
from dubwright.model import FrameRange, exact_rate, frame_of_timecode
from dubwright.speech.soundtrack import SoundClip, Stem
from dubwright.store import EVERYWHERE, Access

__all__ = ["ConformedTimeline", "Shot", "media_path", "read_timeline"]

MOVIES: Final = frozenset({".mp4", ".mov", ".mxf", ".mkv", ".avi", ".webm", ".m4v"})
ME_NAMES: Final = re.compile(
    r"(?<![A-Z])(M\s*&\s*E|ME|MX|FX|SFX|MUSIC|EFFECTS|AMBIENCE|FOLEY)(?![A-Z])", re.IGNORECASE
)
DX_NAMES: Final = re.compile(r"(?<![A-Z])(DX|DIA|DIALOG|DIALOGUE|VOX)(?![A-Z])", re.IGNORECASE)
DEFAULT_RATE: Final = Fraction(24)
NO_HANDLES: Final = "the clip dissolves and its media has no frames for that: bake the dissolve"
VIDEO: Final = otio.schema.TrackKind.Video
MOST_SPEED: Final = 20
SPEED_DENOMINATOR: Final = 10_000
WHOLE_FRAME: Final = Fraction(1, 1000)
NOT_IN_FILE: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')
NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")
LONGEST_ID: Final = 100
# Windows knows devices by these names, in any folder.
RESERVED: Final = re.compile(r"CON|PRN|AUX|NUL|(COM|LPT)[0-9]", re.IGNORECASE)
RATE_TOLERANCE: Final = 1e-3
ON_MISSING: Final = otio.schema.ImageSequenceReference.MissingFramePolicy


@dataclass(frozen=True, slots=True)
class Shot:
    """A clip on a video track, or in a compound clip on one.

    Attributes:
        uid: stable name, from the clip's name and place.
        place: its video track, its index there, and in a compound clip further indexes downwards.
        record: frames of the timeline on which it is seen, from 0; those of dissolves too.
        cut: the same frames, counted from where the clip itself begins.
        dissolves: whether it is seen together with a neighbour at an end.
        plate: its frames, not yet probed; None where it cannot be edited.
        problem: why it cannot be edited; "" where it can.
    """

    uid: str
    name: str
    place: tuple[int, ...]
    record: FrameRange
    cut: FrameRange
    dissolves: bool
    plate: PlateSpec | None
    problem: str = ""

    @property
    def track(self) -> int:
        """The index of its video track, from the lowest."""
        return self.place[0]


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
    path: Path, access: Access = EVERYWHERE, rate_named: Fraction | None = None
) -> tuple[ConformedTimeline, otio.schema.Timeline]:
    """Read a timeline; a movie, or an EXR sequence such as plate.####.exr, is one clip.

    Args:
        path: of the timeline, which may be read.
        access: the folders that its media may lie in.
        rate_named: frames a second of an EDL, where nothing else says it.

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
    if sequence:
        timeline = _sequence_timeline(path)
    elif path.suffix.lower() in MOVIES:
        timeline = _movie_timeline(path)
    else:
        timeline = _load(path, rate_named)
    if not isinstance(timeline, otio.schema.Timeline):
        raise _unreadable(path, f"it holds a {type(timeline).__name__}, not a timeline")
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
    media = _Media(path.absolute().parent, access)
    start = timeline.global_start_time
    duration = timeline.duration()
    return (
        ConformedTimeline(
            name=timeline.name or path.stem,
            path=path.absolute(),
            rate=rate,
            start_frame=_frames(start, rate) if start else 0,
            frames=_frames(duration, rate),
            shots=tuple(_shots(timeline, media, rate)),
            sounds=tuple(_sounds(timeline, media)),
            drop_frame=bool(timeline.metadata.get("dubwright", {}).get("drop_frame")),
        ),
        timeline,
    )


def _apply_trim(timeline: otio.schema.Timeline, path: Path) -> None:
    """Cut the tracks to the range that the timeline as a whole is trimmed to."""
    stack = timeline.tracks
    if stack.source_range is None:
        return
    try:
        trimmed = [otio.algorithms.track_trimmed_to_range(t, stack.source_range) for t in stack]
    except otio.exceptions.OTIOError as error:
        raise _unreadable(path, f"it is trimmed within a transition: {error}") from error
    stack.source_range = None
    stack.clear()
    stack.extend(trimmed)


@dataclass(frozen=True, slots=True)
class _Media:
    """Finds the media of a timeline in a folder."""

    folder: Path
    access: Access

    def path(self, url: str) -> Path:
        path = media_path(url, self.folder)
        self.access.check(path)
        return path


def media_path(url: str, folder: Path) -> Path:
    """The file that a media reference names: a file URL, a bare path, or one relative to the
    timeline's folder."""
    if url.startswith("file:"):
        parsed = urlparse(url)
        host = f"//{parsed.netloc}" if parsed.netloc not in ("", "localhost") else ""
        return Path(url2pathname(host + parsed.path))
    path = Path(unquote(url) if "%20" in url else url)
    return path if path.is_absolute() else folder / path


def _load(path: Path, rate: Fraction | None) -> Any:
    if path.suffix.lower() in FOREIGN:
        return read_foreign(path, rate)
    try:
        return otio.adapters.read_from_file(str(path))
    except otio.exceptions.NoKnownAdapterForExtensionError:
        raise _unreadable(
            path, f"no adapter reads {path.suffix or 'a file without suffix'}"
        ) from None
    except (otio.exceptions.OTIOError, ValueError, OSError, KeyError) as error:
        raise _unreadable(
            path, str(error).splitlines()[0] if str(error) else "no reason"
        ) from error


def _movie_timeline(path: Path) -> otio.schema.Timeline:
    info = probe_movie(path)
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
    found = _found_sequence(path, path.name)
    first, last = found.numbers[0], found.numbers[-1]
    file = found.file(first)
    rate = float((read_header(file).rate if file.suffix == ".exr" else None) or DEFAULT_RATE)
    available = otio.opentime.TimeRange(
        otio.opentime.RationalTime(first, rate),
        otio.opentime.RationalTime((last - first) // found.step + 1, rate),
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


def _shots(timeline: otio.schema.Timeline, media: _Media, rate: Fraction) -> Iterator[Shot]:
    used: set[str] = set()
    everything = FrameRange(0, _frames(timeline.duration(), rate))
    for number, track in enumerate(timeline.video_tracks()):
        for seen in _seen(track, (number,), 0, everything, rate):
            item = seen.item
            default = "-".join(["v" + str(number + 1), *(str(at + 1) for at in seen.place[1:])])
            plain = NOT_IN_ID.sub("-", item.name)[:LONGEST_ID].strip("-") or default
            if RESERVED.fullmatch(plain):
                plain += "-shot"
            numbered = (f"{plain}-{count}" for count in itertools.count(2))
            # Case-folded: the folders of two shots must differ on any file system.
            uid = next(n for n in itertools.chain([plain], numbered) if n.casefold() not in used)
            used.add(uid.casefold())
            problem, plate = _problem(item, rate), None
            if not problem and seen.dissolves:
                plate, problem = _plate_of_dissolve(item, seen.cut, media, rate)
            elif not problem:
                plate = _plate(item, seen.cut, media, rate)
            yield Shot(
                uid, item.name, seen.place, seen.record, seen.cut, seen.dissolves, plate, problem
            )


@dataclass(frozen=True, slots=True)
class _Seen:
    """An item and where it is seen, see Shot."""

    item: Any
    place: tuple[int, ...]
    record: FrameRange
    cut: FrameRange
    dissolves: bool


def _seen(
    track: otio.schema.Track,
    place: tuple[int, ...],
    origin: int,
    window: FrameRange,
    rate: Fraction,
) -> Iterator[_Seen]:
    """The clips of a track, and of the compound clips on it.

    Args:
        track: to look through.
        place: of the track.
        origin: the timeline's frame at which the track begins.
        window: the timeline's frames on which it is seen.
        rate: of the timeline.
    """
    if not track.enabled:
        return
    if track.source_range is not None:
        origin -= _frames(track.source_range.start_time, rate)
    for index, item in enumerate(track):
        if isinstance(item, otio.schema.Gap | otio.schema.Transition) or not item.enabled:
            continue
        whole = item.range_in_parent()
        begin = origin + _frames(whole.start_time, rate)
        end = begin + _frames(whole.duration, rate)
        head, tail = _overlaps(track, index, rate)
        record = FrameRange(begin - head, end + tail).intersection(window)
        if record is None:
            continue
        here = (*place, index)
        if isinstance(item, otio.schema.Stack) and not item.effects:
            inner = begin - _frames(item.trimmed_range().start_time, rate)
            for number, child in enumerate(item):
                if isinstance(child, otio.schema.Track) and child.kind == VIDEO:
                    yield from _seen(child, (*here, number), inner, record, rate)
            continue
        yield _Seen(item, here, record, record.shifted(-begin), bool(head or tail))


def _overlaps(track: otio.schema.Track, index: int, rate: Fraction) -> tuple[int, int]:
    """Frames that an item is seen before its begin and after its end, in transitions."""
    before = track[index - 1] if index else None
    after = track[index + 1] if index + 1 < len(track) else None
    head = before.in_offset if isinstance(before, otio.schema.Transition) else None
    tail = after.out_offset if isinstance(after, otio.schema.Transition) else None
    return (_frames(head, rate) if head else 0), (_frames(tail, rate) if tail else 0)


def _plate_of_dissolve(
    clip: otio.schema.Clip, cut: FrameRange, media: _Media, rate: Fraction
) -> tuple[PlateSpec | None, str]:
    """The plate of a clip that dissolves, or why there is none: media without handles."""
    if _speed(clip) < 0:
        return None, "the clip runs backwards into a dissolve: bake it to have it dubbed"
    try:
        plate = _plate(clip, cut, media, rate)
        if plate.kind == "movie":
            used, frames = plate.media_frames, probe_movie(Path(plate.path)).frames
            if plate.first + used.start < 0 or plate.first + used.stop > frames:
                return None, NO_HANDLES
        return plate, ""
    except DubwrightError as error:
        try:
            _plate(clip, FrameRange(0, _frames(clip.trimmed_range().duration, rate)), media, rate)
        except DubwrightError:
            raise error from None
        return None, NO_HANDLES


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
    if not MOST_SPEED >= abs(_speed(item)) > 0:
        return f"its speed, {float(_speed(item)):g}, is out of bounds"
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


def _speed(item: Any) -> Fraction:
    """Media frames for each frame of a clip; its warps multiply."""
    speed = Fraction(1)
    for effect in item.effects:
        if isinstance(effect, otio.schema.LinearTimeWarp):
            speed *= Fraction(effect.time_scalar).limit_denominator(SPEED_DENOMINATOR)
    return speed


def _plate(clip: otio.schema.Clip, cut: FrameRange, media: _Media, rate: Fraction) -> PlateSpec:
    """The frames of a clip that are seen, counted from where it begins."""
    used = clip.trimmed_range()
    reference = clip.media_reference
    frames = len(cut)
    speed = _speed(clip)
    start = _exact_frames(used.start_time, rate) - _media_start(clip, rate, media)
    if speed < 0:
        # A clip that runs backwards names the lowest frame that it shows; the first is the highest.
        start += math.ceil(_frames(used.duration, rate) * -speed) - 1
    start += cut.start * speed
    offset, phase = math.floor(start), start - math.floor(start)
    retimed = {"speed": speed, "phase": phase if speed != 1 else Fraction(0)}
    if isinstance(reference, otio.schema.ImageSequenceReference):
        base = media.path(reference.target_url_base or ".")
        pattern = f"{reference.name_prefix}{{frame}}{reference.name_suffix}"
        return _checked(
            PlateSpec(
                kind="sequence",
                path=str(base / pattern),
                first=reference.start_frame + offset * reference.frame_step,
                step=reference.frame_step,
                padding=reference.frame_zero_padding,
                frames=frames,
                rate=rate,
                **retimed,
            ),
            clip.name,
            media.access,
            reference.missing_frame_policy,
        )
    path = media.path(reference.target_url)
    if path.suffix.lower() in MOVIES:
        spec = PlateSpec(
            kind="movie", path=str(path), first=offset, frames=frames, rate=rate, **retimed
        )
        return _checked(spec, clip.name, media.access)
    found = _sequence_pattern(path, clip.name, offset, frames, rate)
    return _checked(found.model_copy(update=retimed), clip.name, media.access)


def _media_start(clip: otio.schema.Clip, rate: Fraction, media: _Media) -> int:
    """The frame of media time at which a clip's media begin.

    Where the timeline does not say, times are those of the movie's own timecode if they reach it,
    or a sequence's frame numbers, and else count from 0.
    """
    reference = clip.media_reference
    if reference.available_range is not None:
        return _frames(reference.available_range.start_time, rate)
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return int(reference.start_frame)
    path = media.path(reference.target_url)
    used = _frames(clip.trimmed_range().start_time, rate)
    if path.suffix.lower() in MOVIES:
        start = frame_of_timecode(probe_movie(path).timecode, rate) if path.is_file() else None
    else:
        found = find_frames(path)
        start = found.first if found is not None else None
    return start if start is not None and used >= start else 0


def _sequence_pattern(path: Path, clip: str, offset: int, frames: int, rate: Fraction) -> PlateSpec:
    """A plate from a pattern such as plate.####.exr, plate.%04d.exr or plate.@@@@.exr."""
    found = _found_sequence(path, clip)
    return PlateSpec(
        kind="sequence",
        path=f"{found.prefix}{{frame}}{found.suffix}",
        first=found.first + offset * found.step,
        step=found.step,
        padding=found.padding,
        frames=frames,
        rate=rate,
    )


def _found_sequence(path: Path, clip: str) -> FrameFiles:
    found = find_frames(path)
    if found is None and is_pattern(path.name):
        raise _missing_media(path, clip, "no file of the sequence is there")
    if found is None:
        raise DubwrightError(
            "A clip's media is neither a movie nor an image sequence",
            where=f"clip {clip!r}: {path}",
            why=f"files ending in {path.suffix or 'nothing'} are not read",
            repair="relink the clip to a movie, or to an EXR sequence such as plate.####.exr",
        )
    return found


def _checked(
    spec: PlateSpec,
    clip: str,
    access: Access,
    policy: otio.schema.ImageSequenceReference.MissingFramePolicy = ON_MISSING.error,
) -> PlateSpec:
    """A spec whose files are there, or say what is shown where they are not."""
    for file in spec.files():
        access.check(file)
    there = {file for file in spec.files() if file.is_file()}
    missing = [frame for frame in range(spec.frames) if spec.file(frame) not in there]
    if missing and (policy == ON_MISSING.error or not there):
        count = f"{len(missing)} of {spec.frames} frames are not there"
        gone = next(file for file in spec.files() if file not in there)
        raise _missing_media(gone, clip, count)
    if missing:
        spec = spec.model_copy(update={"missing": _shown_instead(spec.frames, missing, policy)})
    if spec.kind == "sequence" and Path(spec.path).suffix.lower() != ".exr":
        raise DubwrightError(
            "A sequence is not EXR",
            where=f"clip {clip!r}: {spec.path}",
            why=f"{Path(spec.path).suffix} frames are not read",
            repair="convert it to scene-linear EXR, or relink the clip to a movie",
        )
    return spec


def _own_start(path: Path, used: Fraction) -> Fraction:
    """When, in seconds, a file of sound says that it begins, if the timeline's times reach that."""
    if path.suffix.lower() in MOVIES:
        info = probe_movie(path)
        frame = frame_of_timecode(info.timecode, info.rate)
        start = Fraction(0) if frame is None else Fraction(frame) / info.rate
    else:
        samples = read_time_reference(path)
        start = Fraction(0) if samples is None else Fraction(samples, audio_rate(path))
    return start if used >= start else Fraction(0)


def _shown_instead(
    frames: int,
    missing: Sequence[int],
    policy: otio.schema.ImageSequenceReference.MissingFramePolicy,
) -> dict[int, int | None]:
    """What is shown in place of missing frames: the frame before, or None for black.

    Before the first that is there, nothing can be held: it is black too.
    """
    held: dict[int, int | None] = {}
    last = None
    absent = set(missing)
    for frame in range(frames):
        if frame not in absent:
            last = frame
        else:
            held[frame] = last if policy == ON_MISSING.hold else None
    return held


def _sounds(timeline: otio.schema.Timeline, media: _Media) -> Iterator[SoundClip]:
    for track in timeline.audio_tracks():
        if not track.enabled:
            continue
        stem: Stem = "mix"
        if ME_NAMES.search(track.name):
            stem = "M&E"
        elif DX_NAMES.search(track.name):
            stem = "DX"
        for clip in track.find_clips():
            reference = clip.media_reference
            if not clip.enabled or not isinstance(reference, otio.schema.ExternalReference):
                continue
            path = media.path(reference.target_url)
            if not path.is_file():
                raise _missing_media(path, clip.name, "the file is not there")
            used = clip.trimmed_range()
            available = reference.available_range
            begins = (
                _seconds(available.start_time)
                if available
                else _own_start(path, _seconds(used.start_time))
            )
            heard = _heard(clip, timeline.tracks)
            if heard is not None:
                start, late, duration = heard
                media_start = _seconds(used.start_time) - begins + late
                yield SoundClip(path, stem, start, media_start, duration)


def _heard(
    clip: otio.schema.Clip, stack: otio.schema.Stack
) -> tuple[Fraction, Fraction, Fraction] | None:
    """When a clip is heard on the timeline, how much of its beginning is not, and for how long.

    A clip in a compound clip is heard where that is; None where that does not show it.
    """
    used = clip.trimmed_range()
    start = _seconds(clip.transformed_time(used.start_time, stack))
    end = start + _seconds(used.duration)
    first, last = start, end
    around = clip.parent()
    while around is not None and around is not stack:
        window = around.trimmed_range()
        opens = _seconds(around.transformed_time(window.start_time, stack))
        first, last = max(first, opens), min(last, opens + _seconds(window.duration))
        around = around.parent()
    return (first, first - start, last - first) if first < last else None


def _exact_frames(time: otio.opentime.RationalTime, rate: Fraction) -> Fraction:
    """A time in frames of an exact rate; editors write parts of frames for retimed clips."""
    frames = Fraction(time.value)
    if abs(time.rate - float(rate)) >= RATE_TOLERANCE * float(rate):
        frames = frames * rate / exact_rate(time.rate)
    whole = round(frames)
    return Fraction(whole) if abs(frames - whole) < WHOLE_FRAME else frames


def _frames(time: otio.opentime.RationalTime, rate: Fraction) -> int:
    """A time as whole frames of an exact rate."""
    if abs(time.rate - float(rate)) < RATE_TOLERANCE * float(rate):
        return round(time.value)
    return round(time.value * float(rate) / time.rate)


def _seconds(time: otio.opentime.RationalTime) -> Fraction:
    rate = Fraction(round(time.rate)) if time.rate > 1000 else exact_rate(time.rate)
    return Fraction(time.value).limit_denominator(1_000_000) / rate


def _missing_media(path: Path, clip: str, why: str) -> DubwrightError:
    return DubwrightError(
        "The media of a clip is missing",
        where=f"clip {clip!r}: {path}",
        why=why,
        repair="connect its drive or relink the clip, and export the timeline again",
    )


def _unreadable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "The timeline cannot be read",
        where=str(path),
        why=why,
        repair="export it again as OpenTimelineIO (.otio), or give a movie",
    )
