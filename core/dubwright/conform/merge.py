"""Brings a language's timeline home that a person has edited again.

The result is a master, cut as the person cut it: every plate has its dubs in every language again,
and the original's sound and every language's stems are cut as the edited ones are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from dubwright.conform.document import NAMESPACE
from dubwright.conform.media import media_path
from dubwright.conform.read import ConformedTimeline
from dubwright.conform.reconform import frames_later, same_media
from dubwright.conform.shots import Shot, clip_of
from dubwright.conform.sounds import ME_NAMES
from dubwright.conform.times import exact_frames, first_shown, whole_frames
from dubwright.media.plate import PlateSpec
from dubwright.model import FrameRange, timecode_of_frame

__all__ = ["Conflict", "merged"]

VIDEO: Final = otio.schema.TrackKind.Video
AUDIO: Final = otio.schema.TrackKind.Audio
STEM: Final = re.compile(r"(?P<name>.+)\.(?P<language>[^.]+)\.(?P<role>DX|ME)\.wav")


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a person should look at: where on the edited timeline, and what is there."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class _Cut:
    """A timeline as it was read: what it means, and its file's content."""

    conformed: ConformedTimeline
    timeline: otio.schema.Timeline

    def clip(self, shot: Shot) -> Any:
        return clip_of(self.timeline, shot)

    def where(self, frame: int, clip: str = "") -> str:
        conformed = self.conformed
        timecode = timecode_of_frame(
            conformed.start_frame + frame, conformed.rate, drop=conformed.drop_frame
        )
        return f"{timecode}, clip {clip!r}" if clip else timecode


@dataclass(frozen=True, slots=True)
class _Known:
    """A clip that came home.

    Attributes:
        shot: as it is on the edited timeline.
        original: the master's shot that it is of, plate or dub; None where that is not known.
        is_dub: whether it shows dubbed frames.
        lies_over: whether these lie over their plate; else they stand in for it.
        was_relinked: whether it says that it is of a shot whose media it does not show.
    """

    shot: Shot
    original: Shot | None
    is_dub: bool = False
    lies_over: bool = False
    was_relinked: bool = False


def merged(
    master: tuple[ConformedTimeline, otio.schema.Timeline],
    edited: tuple[ConformedTimeline, otio.schema.Timeline],
    changed: Mapping[str, Mapping[str, Sequence[FrameRange]]],
) -> tuple[otio.schema.Timeline, list[Conflict]]:
    """A master that is cut as an edited timeline of one language is, and what to look at.

    Clips are known by the uid that was written into them, or else by their media, name and range.

    Args:
        master: of the version whose timeline was edited, as read_timeline reads it; not changed.
        edited: likewise.
        changed: by language and shot, the frames of the shot that the version has dubbed.
    """
    home, away = _Cut(*master), _Cut(*edited)
    known = _known(home, away, list(changed))
    tracks, sound_conflicts = _sounds(home, away)
    language = _language(away, known, list(changed))
    timeline = home.timeline.deepcopy()
    if away.timeline.global_start_time is not None:
        timeline.global_start_time = away.timeline.global_start_time
    others = [track for track in timeline.tracks if track.kind not in (VIDEO, AUDIO)]
    timeline.tracks.clear()
    timeline.tracks.extend([*_pictures(home, away, known), *tracks, *others])
    markers = [*_markers(home, away, known)]
    timeline.tracks.markers.clear()
    timeline.tracks.markers.extend(markers)
    conflicts = [
        *_unknown(away, known),
        *_misplaced(away, known),
        *_taken_off(away, known, changed.get(language, {})),
        *_out_of_sync(away, known),
        *sound_conflicts,
    ]
    return timeline, conflicts


# --- Which clip is which ---------------------------------------------------------------------


def _known(home: _Cut, away: _Cut, languages: Sequence[str]) -> list[_Known]:
    shots = away.conformed.shots
    dubs = {shot.uid: of for shot in shots if (of := _dubbed(shot, home, languages))}
    plates = [_plate(shot, home, away, dubs) for shot in shots if shot.uid not in dubs]
    over = [
        _Known(shot, dubs[shot.uid], True, _lies_over(shot, dubs[shot.uid], plates))
        for shot in shots
        if shot.uid in dubs
    ]
    return [*plates, *over]


def _dubbed(shot: Shot, home: _Cut, languages: Sequence[str]) -> Shot | None:
    """The master's shot whose dubbed frames a clip shows; None where it shows others."""
    name = _file_name(shot)
    prefixes = (
        (known, f"{known.uid}.{tag}.") for known in home.conformed.shots for tag in languages
    )
    return next((known for known, prefix in prefixes if name.startswith(prefix)), None)


def _file_name(shot: Shot) -> str:
    """The name of the files that a shot shows."""
    return Path(shot.plate.path).name if shot.plate else ""


def _plate(shot: Shot, home: _Cut, away: _Cut, dubs: Mapping[str, Shot]) -> _Known:
    """A clip and the master's shot that it came from."""
    uid = away.clip(shot).metadata.get(NAMESPACE, {}).get("uid")
    named = next((known for known in home.conformed.shots if known.uid == uid), None)
    if named is not None and (shot.plate is None or named.plate is None):
        return _Known(shot, named)
    if named is not None and shot.plate and named.plate and same_media(shot.plate, named.plate):
        return _Known(shot, named)
    lying_over = {
        of.uid
        for other in away.conformed.shots
        if (of := dubs.get(other.uid)) is not None
        and other.track > shot.track
        and other.record.intersection(shot.record) is not None
    }

    def likeness(original: Shot) -> tuple[bool, int, bool, int]:
        return (
            original.name == shot.name,
            _shared(shot, original),
            original.uid in lying_over,
            -abs(original.record.start - shot.record.start),
        )

    found = [
        original
        for original in home.conformed.shots
        if shot.plate and original.plate and same_media(shot.plate, original.plate)
    ]
    best = max(found, key=likeness, default=None)
    return _Known(shot, best, was_relinked=best is None and named is not None)


def _shared(one: Shot, other: Shot) -> int:
    """How many frames of media two shots both show."""
    assert one.plate is not None and other.plate is not None
    shown, also = _numbers(one.plate), _numbers(other.plate)
    return max(0, min(shown[1], also[1]) - max(shown[0], also[0]) + 1)


def _numbers(plate: PlateSpec) -> tuple[int, int]:
    """The first and last frame of its media that a plate shows."""
    frames = plate.media_frames
    return plate.first + frames.start * plate.step, plate.first + (frames.stop - 1) * plate.step


def _lies_over(shot: Shot, original: Shot, plates: Iterable[_Known]) -> bool:
    return any(
        plate.original is not None
        and plate.original.uid == original.uid
        and plate.shot.track < shot.track
        and plate.shot.record.intersection(shot.record) is not None
        for plate in plates
    )


def _language(away: _Cut, known: Iterable[_Known], languages: Sequence[str]) -> str:
    """The language that was edited: as the timeline says, or its stems, or its dubs; or ""."""
    told = away.timeline.metadata.get(NAMESPACE, {}).get("language")
    if told in languages:
        return str(told)
    folder = away.conformed.path.parent
    stems = [_stem(clip, folder) for track in away.timeline.audio_tracks() for clip in track]
    spoken = [stem[1] for stem in stems if stem]
    shown = [
        tag
        for clip in known
        if clip.is_dub and clip.original
        for tag in languages
        if _file_name(clip.shot).startswith(f"{clip.original.uid}.{tag}.")
    ]
    return next((tag for tag in (*spoken, *shown) if tag in languages), "")


# --- What to look at --------------------------------------------------------------------------


def _unknown(away: _Cut, known: Iterable[_Known]) -> Iterator[Conflict]:
    for clip in known:
        where = away.where(clip.shot.record.start, clip.shot.name)
        if clip.was_relinked:
            yield Conflict(where, "its media are not the master's: they are kept, and not dubbed")
        elif clip.original is None:
            yield Conflict(where, "it is not in the master: it is kept, and has no dub yet")


def _misplaced(away: _Cut, known: Sequence[_Known]) -> Iterator[Conflict]:
    """Dubbed frames that do not lie where the same frames of their plate are."""
    for dub in known:
        if not dub.lies_over:
            continue
        plates = [clip for clip in known if not clip.is_dub and clip.original == dub.original]
        wrong = [
            frame
            for frame in dub.shot.record
            if not any(_show_same(dub.shot, plate.shot, frame) for plate in plates)
        ]
        if wrong:
            of = dub.original.uid if dub.original else ""
            yield Conflict(
                away.where(wrong[0], dub.shot.name),
                f"{len(wrong)} of its frames do not lie over the same frames of {of}: the master "
                "has the dub where its plate is",
            )


def _taken_off(
    away: _Cut, known: Sequence[_Known], changed: Mapping[str, Sequence[FrameRange]]
) -> Iterator[Conflict]:
    """Plates whose dub does not lie over them any more."""
    dubs = [clip.shot for clip in known if clip.lies_over]
    for clip in known:
        shot, original = clip.shot, clip.original
        over = [dub for dub in dubs if dub.record.intersection(shot.record)]
        if clip.is_dub or original is None or shot.plate is None or original.plate is None:
            continue
        later = frames_later(shot.plate, original.plate)
        parts = changed.get(original.uid, ()) if later is not None else ()
        bare = [
            frame
            for frame in shot.record
            if any(frame - shot.record.start + (later or 0) in part for part in parts)
            and not any(_show_same(dub, shot, frame) for dub in over)
        ]
        if bare:
            yield Conflict(
                away.where(bare[0], shot.name),
                f"the dub was taken off {len(bare)} of its frames: the master keeps it",
            )


def _show_same(one: Shot, other: Shot, frame: int) -> bool:
    """Whether two shots show frames of one number on a frame of the timeline."""
    return (
        one.plate is not None
        and other.plate is not None
        and frame in one.record
        and frame in other.record
        and one.plate.number(frame - one.record.start)
        == other.plate.number(frame - other.record.start)
    )


def _out_of_sync(away: _Cut, known: Sequence[_Known]) -> Iterator[Conflict]:
    """Pieces of the sound that no picture is in sync with where they are heard."""
    moved = list(_moved_pictures(known))
    for role, _, layout in _layouts(away):
        for piece in layout.pieces:
            heard = FrameRange(piece.at, piece.at + math.ceil(piece.frames))
            during = [
                (part, round(piece.at - piece.start - later))
                for record, later in moved
                if (part := record.intersection(heard))
            ]
            for part, apart in during:
                in_sync = any(
                    not other and part.intersection(also) == part for also, other in during
                )
                if apart and not in_sync:
                    direction = "later" if apart > 0 else "earlier"
                    yield Conflict(
                        away.where(part.start),
                        f"{role} is {abs(apart)} frames {direction} than the picture: move the "
                        "lines in the cue sheet if it is meant to be",
                    )
                    break


def _moved_pictures(known: Iterable[_Known]) -> Iterator[tuple[FrameRange, int]]:
    """Where the master's plates are, and how many frames later than in the master."""
    for clip in known:
        shot, original = clip.shot, clip.original
        if original is None or clip.lies_over or shot.plate is None or original.plate is None:
            continue
        if shot.plate.speed == original.plate.speed:
            images = Fraction(shot.plate.first - original.plate.first, original.plate.step)
            images += shot.plate.phase - original.plate.phase
            was = original.record.start + math.floor(images / original.plate.speed)
            yield shot.record, shot.record.start - was


# --- Picture ----------------------------------------------------------------------------------


def _pictures(home: _Cut, away: _Cut, known: Sequence[_Known]) -> list[otio.schema.Track]:
    """The edited video tracks with the master's media, without the dubs that lie over plates."""
    result = _Cut(away.conformed, away.timeline.deepcopy())
    clips = [(result.clip(clip.shot), clip) for clip in known]
    for clip, about in clips:
        if about.lies_over:
            _take_off(clip)
        elif about.original is not None:
            _give_plate(clip, about.shot, home.clip(about.original), about.original, result)
    tracks = []
    for track in list(result.timeline.video_tracks()):
        track.parent().remove(track)
        if any(isinstance(item, otio.schema.Clip | otio.schema.Stack) for item in track):
            tracks.append(track)
    return tracks


def _give_plate(clip: Any, shot: Shot, of: Any, original: Shot, result: _Cut) -> None:
    """Give a clip all media of the master's, its range told in their time."""
    used = clip.trimmed_range()
    if shot.plate is not None and original.plate is not None:
        rate = result.conformed.rate
        late = _zero(of, original, rate) - _zero(clip, shot, rate)
        start = exact_frames(used.start_time, rate) + late
        used = otio.opentime.TimeRange(
            otio.opentime.RationalTime(float(start), float(rate)), used.duration
        )
    references = {key: media.deepcopy() for key, media in of.media_references().items()}
    clip.set_media_references(references, of.active_media_reference_key)
    clip.source_range = used
    clip.metadata.setdefault(NAMESPACE, {})["uid"] = original.uid


def _zero(clip: Any, shot: Shot, rate: Fraction) -> Fraction:
    """The media time, in frames, of the frame that has the number 0."""
    assert shot.plate is not None
    plate = shot.plate
    speed = plate.speed * plate.step
    used = clip.trimmed_range()
    start = exact_frames(used.start_time, rate)
    first = first_shown(start, whole_frames(used.duration, rate), speed) + shot.cut.start * speed
    return first - plate.first - plate.phase * plate.step


def _take_off(clip: Any) -> None:
    """Leave a gap where a clip is, and no transition at its ends."""
    track = clip.parent()
    for beside in (1, -1):
        index = track.index(clip) + beside
        if 0 <= index < len(track) and isinstance(track[index], otio.schema.Transition):
            del track[index]
    track[track.index(clip)] = otio.schema.Gap(duration=clip.trimmed_range().duration)


# --- Markers ----------------------------------------------------------------------------------


def _markers(home: _Cut, away: _Cut, known: Sequence[_Known]) -> Iterator[otio.schema.Marker]:
    """The master's markers where their frames went, or where the person put them, and others."""
    rate = home.conformed.rate
    put = {cue: m for m in away.timeline.tracks.markers if (cue := _cue(m, home))}
    moved = list(_moved_pictures(known))
    for marker in home.timeline.tracks.markers:
        cue = _cue(marker, home)
        if cue in put:
            marker = marker.deepcopy()
            marker.marked_range = put[cue].marked_range
            yield marker
            continue
        at = whole_frames(marker.marked_range.start_time, rate)
        later = next((n for record, n in moved if at + n in record), None)
        if later is not None:
            marker = marker.deepcopy()
            marker.marked_range = otio.opentime.TimeRange(
                otio.opentime.RationalTime(at + later, float(rate)), marker.marked_range.duration
            )
            yield marker
    yield from (m.deepcopy() for m in away.timeline.tracks.markers if _cue(m, home) is None)


def _cue(marker: otio.schema.Marker, home: _Cut) -> str | None:
    """The cue that a marker is of: as it says, or by the name that we gave it."""
    told = marker.metadata.get(NAMESPACE, {}).get("cue")
    if told:
        return str(told)
    ours = {m.name: m.metadata.get(NAMESPACE, {}).get("cue") for m in home.timeline.tracks.markers}
    return ours.get(marker.name)


# --- Sound ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of a stem: where on the edited timeline, from where in the stem, how long; frames."""

    at: int
    start: Fraction
    frames: Fraction


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a track of stems is cut: pieces, and the lengths of gaps, in order."""

    items: list[_Piece | otio.opentime.RationalTime] = field(default_factory=list)

    @property
    def pieces(self) -> list[_Piece]:
        return [item for item in self.items if isinstance(item, _Piece)]


def _stem(clip: Any, folder: Path) -> tuple[str, str] | None:
    """The role and language of the stem that a clip plays; None for other sound."""
    if not isinstance(clip, otio.schema.Clip):
        return None
    reference = clip.media_reference
    if not isinstance(reference, otio.schema.ExternalReference):
        return None
    found = STEM.fullmatch(media_path(reference.target_url, folder).name)
    return (found["role"], found["language"]) if found else None


def _layouts(away: _Cut) -> Iterator[tuple[str, str, _Layout]]:
    """The role and the name of each edited track of stems, and how it is cut."""
    for track in away.timeline.audio_tracks():
        roles = _roles(track, away)
        if len(roles) == 1 and "" not in roles:
            yield roles.pop(), track.name, _Layout(list(_items(track, away)))


def _roles(track: otio.schema.Track, cut: _Cut) -> set[str]:
    """The roles of the stems on a track; "" is that of other sound."""
    folder = cut.conformed.path.parent
    sounds = [i for i in track if not isinstance(i, otio.schema.Gap | otio.schema.Transition)]
    return {stem[0] if (stem := _stem(item, folder)) else "" for item in sounds}


def _items(track: otio.schema.Track, away: _Cut) -> Iterator[_Piece | otio.opentime.RationalTime]:
    rate = away.conformed.rate
    for item in track:
        if isinstance(item, otio.schema.Transition):
            continue
        used = item.trimmed_range()
        if isinstance(item, otio.schema.Gap) or not item.enabled:
            yield used.duration
            continue
        at = whole_frames(item.range_in_parent().start_time, rate)
        start = exact_frames(used.start_time, rate)
        available = item.media_reference.available_range
        begins = exact_frames(available.start_time, rate) if available else Fraction(0)
        if not available and start >= away.conformed.start_frame:
            begins = Fraction(away.conformed.start_frame)
        yield _Piece(at, start - begins, exact_frames(used.duration, rate))


def _sounds(home: _Cut, away: _Cut) -> tuple[list[otio.schema.Track], list[Conflict]]:
    """The master's sound as the edited one is cut, tracks that were added, and what to look at."""
    layouts = list(_layouts(away))
    roles = {role for role, _, _ in layouts}
    tracks: list[otio.schema.Track] = []
    conflicts = []
    if not layouts and home.timeline.audio_tracks():
        conflicts.append(Conflict("its sound", "no stem is on it: the master's sound is not cut"))
    for track in home.timeline.audio_tracks():
        wanted = _role_of(track, home)
        role = wanted if wanted in roles else next(iter(sorted(roles)), "")
        cut = [layout for of, _, layout in layouts if of == role]
        try:
            tracks.extend([_laid_out(track, layout, home) for layout in cut] or [track.deepcopy()])
        except otio.exceptions.CannotTrimTransitionsError:
            tracks.append(track.deepcopy())
            conflicts.append(
                Conflict(f"track {track.name!r}", "a cut goes through its fade: it is not cut")
            )
    for track in away.timeline.audio_tracks():
        if "" in _roles(track, away):
            tracks.append(track.deepcopy())
            conflicts.append(
                Conflict(f"track {track.name!r}", "it has sound that is no stem: it is kept")
            )
    return tracks, conflicts


def _role_of(track: otio.schema.Track, home: _Cut) -> str:
    roles = _roles(track, home) - {""}
    if roles:
        return roles.pop()
    return "ME" if ME_NAMES.search(track.name) else "DX"


def _laid_out(track: otio.schema.Track, layout: _Layout, home: _Cut) -> otio.schema.Track:
    """A track of the master, cut as a layout says.

    Raises:
        CannotTrimTransitionsError: a cut goes through a transition.
    """
    rate = float(home.conformed.rate)
    cut = otio.schema.Track(track.name, kind=track.kind, metadata=dict(track.metadata))
    cut.enabled = track.enabled
    for piece in layout.items:
        if not isinstance(piece, _Piece):
            cut.append(otio.schema.Gap(duration=piece))
            continue
        wanted = otio.opentime.TimeRange(
            otio.opentime.RationalTime(float(piece.start), rate),
            otio.opentime.RationalTime(float(piece.frames), rate),
        )
        part = otio.algorithms.track_trimmed_to_range(track, wanted)
        cut.extend([item.deepcopy() for item in part])
        short = wanted.duration - part.duration()
        if short.value > 0:
            cut.append(otio.schema.Gap(duration=short))
    return cut
