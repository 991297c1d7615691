"""Writes the master timeline and a plain timeline per language.

Only stock OpenTimelineIO schemas are used; what is ours stands in metadata under "dubwright".
In the master the plate stays the active media reference of each clip and every language is an
alternate named dub_<language>. A plain timeline shows one language: the plates, above each track of
them the dubbed frames where lips changed, then the dialogue and the M&E.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from dubwright.conform.document import CUE_COLOUR, NAMESPACE, write_timeline
from dubwright.conform.media import media_path
from dubwright.conform.read import ConformedTimeline
from dubwright.conform.shots import Shot, clip_of, clip_on
from dubwright.conform.times import first_shown, range_start
from dubwright.media.plate import PlateSpec
from dubwright.model import Cue, FrameRange, frame_of_ms

__all__ = ["DubbedShot", "DubbedSound", "LanguageVersion", "write_timelines"]

PLATE_KEY: Final = "DEFAULT_MEDIA"


@dataclass(frozen=True, slots=True)
class DubbedShot:
    """The frames of one shot in one language: files `prefix`NNNN.exr in `folder`.

    They are the frames of the media that the shot uses, whatever its speed. `edited` are the
    ranges, from the shot's first frame, where lips changed.
    """

    shot: Shot
    plate: PlateSpec
    folder: Path
    prefix: str
    padding: int
    edited: tuple[FrameRange, ...]


@dataclass(frozen=True, slots=True)
class DubbedSound:
    """A stem from the timeline's start on."""

    name: str
    path: Path
    samples: int
    sample_rate: int


@dataclass(frozen=True, slots=True)
class LanguageVersion:
    """One language of a timeline. The first sound is its dialogue."""

    language: str
    shots: tuple[DubbedShot, ...]
    sounds: tuple[DubbedSound, ...]
    cues: tuple[Cue, ...]


def write_timelines(
    source: otio.schema.Timeline,
    conformed: ConformedTimeline,
    versions: Sequence[LanguageVersion],
    folder: Path,
) -> list[Path]:
    """Write `<stem>.otio`, the master, and for each language `<stem>.<language>.otio` and the same
    with sequences named as Resolve names them, `<stem>.<language>.resolve.otio`.

    Args:
        source: the timeline as it was read; it is not changed.
        conformed: what it means.
        versions: the languages.
        folder: to write into.

    Returns:
        The files, the master first.
    """
    written = [folder / f"{conformed.file_stem}.otio"]
    write_timeline(_master(source, conformed, versions), written[0])
    for version in versions:
        plain = _plain(source, conformed, version)
        for dialect, timeline in (("", plain), (".resolve", _for_resolve(plain))):
            path = folder / f"{conformed.file_stem}.{version.language}{dialect}.otio"
            write_timeline(timeline, path)
            written.append(path)
    return written


def _master(
    source: otio.schema.Timeline,
    conformed: ConformedTimeline,
    versions: Sequence[LanguageVersion],
) -> otio.schema.Timeline:
    master = source.deepcopy()
    _make_absolute(master, conformed)
    rate = float(conformed.rate)
    _name_shots(master, conformed)
    for version in versions:
        for dubbed in version.shots:
            clip = clip_of(master, dubbed.shot)
            references = dict(clip.media_references())
            # In the time of the clip, which every reference of it is read in.
            start = _media_time(dubbed, clip.trimmed_range())
            references[f"dub_{version.language}"] = _sequence(dubbed, rate, start)
            clip.set_media_references(references, clip.active_media_reference_key)
        for sound in version.sounds:
            track = _sound_track(sound, conformed)
            track.enabled = False
            track.metadata[NAMESPACE] = {"language": version.language}
            master.tracks.append(track)
    for cue in {cue.id: cue for version in versions for cue in version.cues}.values():
        master.tracks.markers.append(_marker(cue, conformed))
    about = {"languages": [version.language for version in versions]}
    master.metadata.setdefault(NAMESPACE, {}).update(about)
    return master


def _plain(
    source: otio.schema.Timeline, conformed: ConformedTimeline, version: LanguageVersion
) -> otio.schema.Timeline:
    plain = otio.schema.Timeline(
        f"{conformed.name} ({version.language})", global_start_time=source.global_start_time
    )
    base = source.deepcopy()
    _make_absolute(base, conformed)
    _name_shots(base, conformed)
    for index, track in enumerate(base.video_tracks()):
        track.parent().remove(track)
        plain.tracks.append(track)
        shots = [dubbed for dubbed in version.shots if dubbed.shot.track == index]
        for dubbed in shots:
            if dubbed.shot.dissolves:
                # A clip that lay above would hide the dissolve: the dub takes the plate's place.
                clip = clip_on(track, dubbed.shot)
                start = _media_time(dubbed, clip.trimmed_range())
                clip.media_reference = _sequence(dubbed, float(conformed.rate), start)
        shots = [dubbed for dubbed in shots if not dubbed.shot.dissolves]
        if shots:
            plain.tracks.append(_dub_track(conformed, version.language, shots))
    for sound in version.sounds:
        plain.tracks.append(_sound_track(sound, conformed))
    for cue in version.cues:
        plain.tracks.markers.append(_marker(cue, conformed, version.language))
    about = {"language": version.language, "drop_frame": conformed.drop_frame}
    plain.metadata[NAMESPACE] = about
    return plain


def _for_resolve(plain: otio.schema.Timeline) -> otio.schema.Timeline:
    """The timeline with sequences as files named `plate.[1001-1100].exr`.

    DaVinci Resolve was reported in 2024 not to link ImageSequenceReference; this form it links.
    """
    timeline = plain.deepcopy()
    for clip in timeline.find_clips():
        references = dict(clip.media_references())
        for key, reference in references.items():
            if isinstance(reference, otio.schema.ImageSequenceReference):
                digits = reference.frame_zero_padding
                first, last = (
                    f"{number:0{digits}d}"
                    for number in (reference.start_frame, reference.end_frame())
                )
                name = f"{reference.name_prefix}[{first}-{last}]{reference.name_suffix}"
                references[key] = otio.schema.ExternalReference(
                    reference.target_url_base + name, reference.available_range
                )
        clip.set_media_references(references, clip.active_media_reference_key)
    return timeline


def _dub_track(
    conformed: ConformedTimeline, language: str, shots: Sequence[DubbedShot]
) -> otio.schema.Track:
    """The dubbed frames of one track's shots, to lie directly above it."""
    rate = float(conformed.rate)
    track = otio.schema.Track(f"Dub {language}", kind=otio.schema.TrackKind.Video)
    at = 0
    ordered = sorted(shots, key=lambda dubbed: dubbed.shot.record.start)
    for dubbed in ordered:
        for number, edited in enumerate(dubbed.edited, start=1):
            start = dubbed.shot.record.start + edited.start
            if start > at:
                track.append(otio.schema.Gap(duration=otio.opentime.RationalTime(start - at, rate)))
            plate = dubbed.plate
            reference = _sequence(dubbed, rate, plate.first + plate.media_frames.start * plate.step)
            used = otio.opentime.TimeRange(
                otio.opentime.RationalTime(plate.first + float(_clip_start(plate, edited)), rate),
                otio.opentime.RationalTime(len(edited), rate),
            )
            name = f"{dubbed.shot.uid}.{language}.{number:02d}"
            clip = otio.schema.Clip(name, reference, used)
            clip.metadata[NAMESPACE] = {"uid": dubbed.shot.uid, "language": language}
            if plate.speed * plate.step != 1:
                warp = otio.schema.LinearTimeWarp("", float(plate.speed * plate.step))
                clip.effects.append(warp)
            track.append(clip)
            at = start + len(edited)
    return track


def _media_time(dubbed: DubbedShot, used: otio.opentime.TimeRange) -> int:
    """When, in a clip's media time, the lowest image begins that the clip shows."""
    plate = dubbed.plate
    speed = plate.speed * plate.step
    first = first_shown(Fraction(used.start_time.value), round(used.duration.value), speed)
    first += dubbed.shot.cut.start * speed
    return math.floor(first + (plate.media_frames.start - plate.phase) * plate.step)


def _clip_start(plate: PlateSpec, used: FrameRange) -> Fraction:
    """Where, in its media's frames, a clip of some of a plate's begins: backwards, the lowest."""
    speed = plate.speed * plate.step
    return range_start(plate.phase * plate.step + used.start * speed, len(used), speed)


def _sequence(dubbed: DubbedShot, rate: float, start: int) -> otio.schema.ImageSequenceReference:
    """A reference to a shot's dubbed images, the first of which is at `start` of media time."""
    plate = dubbed.plate
    media_frames = plate.media_frames
    policies = otio.schema.ImageSequenceReference.MissingFramePolicy
    shows_black = None in plate.missing.values()
    return otio.schema.ImageSequenceReference(
        missing_frame_policy=policies.black if shows_black else policies.error,
        target_url_base=dubbed.folder.as_posix() + "/",
        name_prefix=dubbed.prefix,
        name_suffix=".exr",
        start_frame=plate.first + media_frames.start * plate.step,
        frame_step=plate.step,
        rate=rate,
        frame_zero_padding=dubbed.padding,
        available_range=otio.opentime.TimeRange(
            otio.opentime.RationalTime(start, rate),
            otio.opentime.RationalTime(len(media_frames) * plate.step, rate),
        ),
    )


def _sound_track(sound: DubbedSound, conformed: ConformedTimeline) -> otio.schema.Track:
    rate = float(conformed.rate)
    length = Fraction(sound.samples, sound.sample_rate)
    available = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, rate),
        otio.opentime.RationalTime(int(length * conformed.rate), rate),
    )
    reference = otio.schema.ExternalReference(sound.path.as_posix(), available)
    clip = otio.schema.Clip(sound.path.stem, reference, available)
    return otio.schema.Track(sound.name, [clip], kind=otio.schema.TrackKind.Audio)


def _marker(cue: Cue, conformed: ConformedTimeline, language: str | None = None) -> Any:
    rate = float(conformed.rate)
    start = frame_of_ms(cue.start_ms, conformed.rate)
    end = max(start + 1, frame_of_ms(cue.end_ms, conformed.rate))
    marked = otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(end - start, rate)
    )
    text = cue.text.get(language, "") if language else next(iter(cue.text.values()), "")
    return otio.schema.Marker(
        name=f"{cue.id} {cue.speaker}",
        marked_range=marked,
        color=CUE_COLOUR,
        metadata={NAMESPACE: {"cue": cue.id, "speaker": cue.speaker, "text": text}},
    )


def _name_shots(timeline: otio.schema.Timeline, conformed: ConformedTimeline) -> None:
    """Write into every clip which shot it is, so that it is known when it comes back."""
    for shot in conformed.shots:
        clip_of(timeline, shot).metadata.setdefault(NAMESPACE, {})["uid"] = shot.uid


def _make_absolute(timeline: otio.schema.Timeline, conformed: ConformedTimeline) -> None:
    """Media paths that were relative to the source timeline hold wherever the new one stands."""
    folder = conformed.path.parent
    for clip in timeline.find_clips():
        for reference in clip.media_references().values():
            if isinstance(reference, otio.schema.ExternalReference):
                reference.target_url = _absolute(reference.target_url, folder)
            elif isinstance(reference, otio.schema.ImageSequenceReference):
                base = _absolute(reference.target_url_base or ".", folder)
                reference.target_url_base = base.rstrip("/") + "/"


def _absolute(url: str, folder: Path) -> str:
    if "://" in url and not url.startswith("file:"):
        return url
    return media_path(url, folder).absolute().as_posix()
