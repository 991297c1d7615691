"""Brings a language's timeline home that a person has edited again.

The result is a master, cut as the person cut it: every plate has its dubs in every language again,
and the original's sound and every language's stems are cut as the edited ones are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from dubwright.conform.times import exact_frames, whole_frames
from dubwright.media.plate import PlateSpec
from dubwright.model import FrameRange, timecode_of_frame

__all__ = ["Conflict", "merged"]

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

    def timecode(self, frame: int) -> str:
        conformed = self.conformed
        return timecode_of_frame(
            conformed.start_frame + frame, conformed.rate, drop=conformed.drop_frame
        )


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
    result = _Cut(away.conformed, away.timeline.deepcopy())
    languages = list(home.timeline.metadata.get(NAMESPACE, {}).get("languages", []))
    dubs = {s.uid: dub for s in away.conformed.shots if (dub := _dub(s, home, languages))}
    tags = {tag for tag in languages for s in away.conformed.shots if f".{tag}." in _name(s)}
    plates = {s.uid: _plate(s, away, home) for s in away.conformed.shots if s.uid not in dubs}
    stand_ins = {uid: dub for uid, dub in dubs.items() if not _lies_over(uid, dub, away, plates)}
    originals = plates | {uid: _by_uid(home, dub) for uid, dub in stand_ins.items()}
    over = [shot for shot in away.conformed.shots if shot.uid not in originals]
    conflicts = [
        *_unknown(away, plates),
        *_misplaced(away, over, dubs, originals),
        *(c for tag in sorted(tags) for c in _taken_off(away, over, plates, changed[tag])),
        *_out_of_sync(away, originals),
    ]
    for shot in away.conformed.shots:
        original = originals.get(shot.uid)
        if original is not None:
            _give_plate(result.clip(shot), shot, home.clip(original), original, result)
    for shot in over:
        _take_off(result.clip(shot))
    timeline = otio.schema.Timeline(
        home.timeline.name, global_start_time=away.timeline.global_start_time
    )
    for track in list(result.timeline.video_tracks()):
        track.parent().remove(track)
        if any(isinstance(item, otio.schema.Clip | otio.schema.Stack) for item in track):
            timeline.tracks.append(track)
    sounds, added = _sounds(home, away)
    timeline.tracks.extend(sounds)
    timeline.tracks.markers.extend([m.deepcopy() for m in away.timeline.tracks.markers])
    timeline.metadata[NAMESPACE] = {"languages": languages}
    return timeline, [*conflicts, *added]


# --- Which clip is which ---------------------------------------------------------------------


def _dub(shot: Shot, home: _Cut, languages: Sequence[str]) -> str:
    """The uid of the shot whose dubbed frames a clip shows; "" where it shows others."""
    name = _name(shot)
    uids = (known.uid for known in home.conformed.shots)
    return next((u for u in uids for tag in languages if name.startswith(f"{u}.{tag}.")), "")


def _name(shot: Shot) -> str:
    """The name of the files that a shot shows."""
    return Path(shot.plate.path).name if shot.plate else ""


def _by_uid(home: _Cut, uid: str) -> Shot:
    return next(shot for shot in home.conformed.shots if shot.uid == uid)


def _plate(shot: Shot, away: _Cut, home: _Cut) -> Shot | None:
    """The shot of the master that a clip came from: by uid, or else by media, name and range."""
    uid = away.clip(shot).metadata.get(NAMESPACE, {}).get("uid")
    known = [original for original in home.conformed.shots if original.uid == uid]
    if known:
        return known[0]

    def likeness(original: Shot) -> tuple[bool, int]:
        return original.name == shot.name, _shared(shot, original)

    found = [
        original
        for original in home.conformed.shots
        if shot.plate is not None
        and original.plate is not None
        and same_media(shot.plate, original.plate)
    ]
    return max(found, key=likeness, default=None)


def _shared(one: Shot, other: Shot) -> int:
    """How many frames of media two shots both show."""
    assert one.plate is not None and other.plate is not None
    shown, also = _numbers(one.plate), _numbers(other.plate)
    return max(0, min(shown[1], also[1]) - max(shown[0], also[0]) + 1)


def _numbers(plate: PlateSpec) -> tuple[int, int]:
    """The first and last frame of its media that a plate shows."""
    frames = plate.media_frames
    return plate.first + frames.start * plate.step, plate.first + (frames.stop - 1) * plate.step


def _lies_over(uid: str, dub: str, away: _Cut, plates: Mapping[str, Shot | None]) -> bool:
    """Whether dubbed frames lie over the plate that they are of, and do not stand in for it."""
    shot = next(shot for shot in away.conformed.shots if shot.uid == uid)
    return any(
        (original := plates.get(other.uid)) is not None
        and original.uid == dub
        and other.track < shot.track
        and other.record.intersection(shot.record) is not None
        for other in away.conformed.shots
    )


# --- What to look at --------------------------------------------------------------------------


def _unknown(away: _Cut, plates: Mapping[str, Shot | None]) -> Iterator[Conflict]:
    for shot in away.conformed.shots:
        if shot.uid in plates and plates[shot.uid] is None:
            yield Conflict(
                f"{away.timecode(shot.record.start)}, clip {shot.name!r}",
                "it is not in the master: it is kept, and has no dub yet",
            )


def _misplaced(
    away: _Cut,
    over: Iterable[Shot],
    dubs: Mapping[str, str],
    originals: Mapping[str, Shot | None],
) -> Iterator[Conflict]:
    """Dubbed frames that do not lie where the same frames of their plate are."""
    for shot in over:
        wrong = [
            frame
            for frame in shot.record
            if not any(
                original is not None
                and original.uid == dubs[shot.uid]
                and _shows_same(shot, below, frame)
                for below in away.conformed.shots
                for original in [originals.get(below.uid)]
            )
        ]
        if wrong:
            yield Conflict(
                f"{away.timecode(wrong[0])}, clip {shot.name!r}",
                f"{len(wrong)} of its frames do not lie over the same frames of "
                f"{dubs[shot.uid]}: the master has the dub where its plate is",
            )


def _taken_off(
    away: _Cut,
    over: Sequence[Shot],
    plates: Mapping[str, Shot | None],
    changed: Mapping[str, Sequence[FrameRange]],
) -> Iterator[Conflict]:
    """Plates whose dub does not lie over them any more."""
    for shot in away.conformed.shots:
        original = plates.get(shot.uid)
        if original is None or shot.plate is None or original.plate is None:
            continue
        later = frames_later(shot.plate, original.plate)
        bare = [
            frame
            for frame in shot.record
            if later is not None
            and any(
                frame - shot.record.start + later in part for part in changed.get(original.uid, ())
            )
            and not any(_shows_same(dub, shot, frame) for dub in over if frame in dub.record)
        ]
        if bare:
            yield Conflict(
                f"{away.timecode(bare[0])}, clip {shot.name!r}",
                f"the dub was taken off {len(bare)} of its frames: the master keeps it",
            )


def _shows_same(shot: Shot, below: Shot, frame: int) -> bool:
    if frame not in below.record or below.plate is None or shot.plate is None:
        return False
    return _number(shot, frame) == _number(below, frame)


def _number(shot: Shot, frame: int) -> int:
    """The number of the media's frame that a shot shows on a frame of the timeline."""
    assert shot.plate is not None
    plate = shot.plate
    return plate.first + plate.media_frame(frame - shot.record.start) * plate.step


def _out_of_sync(away: _Cut, originals: Mapping[str, Shot | None]) -> Iterator[Conflict]:
    """Pieces of the dialogue that were moved against the picture."""
    rate = away.conformed.rate
    picture = [
        (shot.record, shot.record.start - _was_at(shot, original))
        for shot in away.conformed.shots
        if (original := originals.get(shot.uid)) is not None
        and shot.plate is not None
        and original.plate is not None
        and shot.plate.speed == original.plate.speed
    ]
    for layout in _layouts(away).values():
        for piece in layout:
            if not isinstance(piece, _Piece):
                continue
            heard = FrameRange(piece.at, piece.at + math.ceil(piece.frames))
            for seen, later in picture:
                together = seen.intersection(heard)
                apart = piece.at - piece.start - later
                if together and round(apart):
                    direction = "later" if apart > 0 else "earlier"
                    frames = abs(round(apart))
                    yield Conflict(
                        away.timecode(together.start),
                        f"{piece.role} is {frames} frames {direction} than the picture, at "
                        f"{float(rate):g}: move the lines in the cue sheet if it is meant to be",
                    )
                    break


def _was_at(shot: Shot, original: Shot) -> int:
    """The master's frame at which what a shot shows first is seen, or would be."""
    assert shot.plate is not None and original.plate is not None
    later = Fraction(shot.plate.first - original.plate.first, original.plate.step)
    later += shot.plate.phase - original.plate.phase
    return original.record.start + math.floor(later / original.plate.speed)


# --- Picture ----------------------------------------------------------------------------------


def _give_plate(clip: Any, shot: Shot, of: Any, original: Shot, result: _Cut) -> None:
    """Give a clip all media of the master's, its range told in their time."""
    used = clip.trimmed_range()
    if shot.plate is not None and original.plate is not None:
        rate = result.conformed.rate
        late = _origin(of, original, rate) - _origin(clip, shot, rate)
        start = exact_frames(used.start_time, rate) + late
        used = otio.opentime.TimeRange(
            otio.opentime.RationalTime(float(start), float(rate)), used.duration
        )
    references = {key: media.deepcopy() for key, media in of.media_references().items()}
    clip.set_media_references(references, of.active_media_reference_key)
    clip.source_range = used
    clip.metadata.setdefault(NAMESPACE, {})["uid"] = original.uid


def _origin(clip: Any, shot: Shot, rate: Fraction) -> Fraction:
    """The media time, in frames, of the frame that has the number 0."""
    assert shot.plate is not None
    plate = shot.plate
    speed = plate.speed * plate.step
    used = clip.trimmed_range()
    first = exact_frames(used.start_time, rate) + shot.cut.start * speed
    if speed < 0:
        first += math.ceil(whole_frames(used.duration, rate) * -speed) - 1
    return first - plate.first - plate.phase * plate.step


def _take_off(clip: Any) -> None:
    """Leave a gap where a clip is, and no transition at its ends."""
    track = clip.parent()
    index = list(track).index(clip)
    for beside in (index + 1, index - 1):
        if 0 <= beside < len(track) and isinstance(track[beside], otio.schema.Transition):
            del track[beside]
    index = list(track).index(clip)
    track[index] = otio.schema.Gap(duration=clip.trimmed_range().duration)


# --- Sound ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of a stem: where on the edited timeline, from where in the stem, how long; frames."""

    role: str
    at: int
    start: Fraction
    frames: Fraction


_Layout = list["_Piece | otio.opentime.RationalTime"]


def _stem(clip: Any, folder: Path) -> tuple[str, str] | None:
    """The role and language of the stem that a clip plays; None for other sound."""
    reference = clip.media_reference
    if not isinstance(reference, otio.schema.ExternalReference):
        return None
    found = STEM.fullmatch(media_path(reference.target_url, folder).name)
    return (found["role"], found["language"]) if found else None


def _layouts(away: _Cut) -> dict[str, _Layout]:
    """How the stems of each role are cut: pieces, and the lengths of gaps, in order."""
    layouts: dict[str, _Layout] = {}
    for track in away.timeline.audio_tracks():
        roles = _roles(track, away)
        if len(roles) == 1 and not layouts.get(role := roles.pop()):
            layouts[role] = list(_cut_of(track, role, away))
    return layouts


def _roles(track: otio.schema.Track, away: _Cut) -> set[str]:
    """The roles of the stems on a track; "" is that of other sound."""
    folder = away.conformed.path.parent
    clips = [item for item in track if not isinstance(item, otio.schema.Gap)]
    stems = [
        _stem(item, folder) if isinstance(item, otio.schema.Clip) else None
        for item in clips
        if not isinstance(item, otio.schema.Transition)
    ]
    return {stem[0] if stem else "" for stem in stems}


def _cut_of(track: otio.schema.Track, role: str, away: _Cut) -> Iterator[Any]:
    rate = away.conformed.rate
    for item in track:
        if isinstance(item, otio.schema.Transition):
            continue
        used = item.trimmed_range()
        if isinstance(item, otio.schema.Gap):
            yield used.duration
            continue
        at = whole_frames(item.range_in_parent().start_time, rate)
        start = exact_frames(used.start_time, rate)
        available = item.media_reference.available_range
        begins = exact_frames(available.start_time, rate) if available else Fraction(0)
        if not available and start >= away.conformed.start_frame:
            begins = Fraction(away.conformed.start_frame)
        yield _Piece(role, at, start - begins, exact_frames(used.duration, rate))


def _sounds(home: _Cut, away: _Cut) -> tuple[list[otio.schema.Track], list[Conflict]]:
    """The master's sound as the edited one is cut, and tracks that were added."""
    layouts = _layouts(away)
    tracks, conflicts = [], []
    if not layouts and home.timeline.audio_tracks():
        conflicts.append(Conflict("its sound", "no stem is on it: the master's sound is not cut"))
    for track in home.timeline.audio_tracks():
        role = _role_of(track, home)
        layout = layouts.get(role) or layouts.get("DX") or layouts.get("ME")
        tracks.append(_laid_out(track, layout, home) if layout else track.deepcopy())
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
    """A track of the master, cut as a layout says."""
    rate = float(home.conformed.rate)
    cut = otio.schema.Track(track.name, kind=track.kind, metadata=dict(track.metadata))
    cut.enabled = track.enabled
    for piece in layout:
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
