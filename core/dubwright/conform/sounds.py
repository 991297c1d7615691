"""The sounds of a timeline: its clips where they are heard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import opentimelineio as otio

from dubwright.conform.media import MOVIES, Media, missing_media
from dubwright.conform.plates import speed_of
from dubwright.conform.times import seconds
from dubwright.errors import DubwrightError
from dubwright.media.audio import audio_format
from dubwright.media.bwf import read_time_reference
from dubwright.model import frame_of_timecode
from dubwright.speech.soundtrack import SoundClip, Stem

__all__ = ["ME_NAMES", "sounds_of"]

ME_NAMES: Final = re.compile(
    r"(?<![A-Z])(M\s*&\s*E|ME|MX|FX|SFX|MUSIC|EFFECTS|AMBIENCE|FOLEY)(?![A-Z])", re.IGNORECASE
)
DX_NAMES: Final = re.compile(r"(?<![A-Z])(DX|DIA|DIALOG|DIALOGUE|VOX)(?![A-Z])", re.IGNORECASE)


def sounds_of(timeline: otio.schema.Timeline, media: Media) -> Iterator[SoundClip]:
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
                raise missing_media(path, clip.name, "the file is not there")
            used = clip.trimmed_range()
            available = reference.available_range
            begins = (
                seconds(available.start_time)
                if available
                else _own_start(path, seconds(used.start_time), media)
            )
            heard, speed = _heard(clip, timeline.tracks), _speed(clip, timeline.tracks)
            if heard is not None and speed:
                start, late, duration = heard
                media_start = seconds(used.start_time) - begins
                if speed < 0:
                    # Its range names the earliest moment of what is heard; the last comes first.
                    media_start += seconds(used.duration) * -speed
                yield SoundClip(path, stem, start, media_start + late * speed, duration, speed)


def _heard(
    clip: otio.schema.Clip, stack: otio.schema.Stack
) -> tuple[Fraction, Fraction, Fraction] | None:
    """When a clip is heard on the timeline, how much of its beginning is not, and for how long.

    A clip in a compound clip is heard where that is; None where that does not show it.
    """
    used = clip.trimmed_range()
    start = seconds(clip.transformed_time(used.start_time, stack))
    end = start + seconds(used.duration)
    first, last = start, end
    around = clip.parent()
    while around is not None and around is not stack:
        window = around.trimmed_range()
        opens = seconds(around.transformed_time(window.start_time, stack))
        first, last = max(first, opens), min(last, opens + seconds(window.duration))
        around = around.parent()
    return (first, first - start, last - first) if first < last else None


def _speed(clip: otio.schema.Clip, stack: otio.schema.Stack) -> Fraction:
    """How fast a clip is heard; 0 for one that is frozen.

    Raises:
        DubwrightError: its speed changes, or that of a compound clip that it is in is not 1.
    """
    ramps = any(
        isinstance(effect, otio.schema.TimeEffect)
        and not isinstance(effect, otio.schema.LinearTimeWarp)
        for effect in clip.effects
    )
    around = clip.parent()
    while not ramps and around is not None and around is not stack:
        ramps = any(isinstance(effect, otio.schema.TimeEffect) for effect in around.effects)
        around = around.parent()
    if ramps:
        raise DubwrightError(
            "A sound's speed cannot be followed",
            where=f"clip {clip.name!r}",
            why="its speed changes over time, or it is in a compound clip whose speed was changed",
            repair="bounce the sound in the editor, or disable the clip",
        )
    return speed_of(clip)


def _own_start(path: Path, used: Fraction, media: Media) -> Fraction:
    """When, in seconds, a file of sound says that it begins, if the timeline's times reach that."""
    if path.suffix.lower() in MOVIES:
        info = media.movie(path)
        frame = frame_of_timecode(info.timecode, info.rate)
        start = Fraction(0) if frame is None else Fraction(frame) / info.rate
    else:
        samples = read_time_reference(path)
        start = Fraction(0) if samples is None else Fraction(samples, audio_format(path)[0])
    return start if used >= start else Fraction(0)
