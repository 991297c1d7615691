"""The plates of clips: which frames of which media each shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from dubwright.conform.media import MOVIES, Media, missing_media
from dubwright.conform.times import exact_frames, first_shown, whole_frames
from dubwright.errors import DubwrightError
from dubwright.media.plate import PlateSpec
from dubwright.media.sequence import FrameFiles, find_frames, is_pattern
from dubwright.model import FrameRange, frame_of_timecode
from dubwright.store import Access

__all__ = ["found_sequence", "plate_of", "plate_of_dissolve", "speed_of"]

MOST_SPEED: Final = 20
SPEED_DENOMINATOR: Final = 10_000
NO_HANDLES: Final = "the clip dissolves and its media has no frames for that: bake the dissolve"
ON_MISSING: Final = otio.schema.ImageSequenceReference.MissingFramePolicy


def speed_of(item: Any) -> Fraction:
    """Media frames for each frame of a clip; its warps multiply."""
    speed = Fraction(1)
    for effect in item.effects:
        if isinstance(effect, otio.schema.LinearTimeWarp):
            speed *= Fraction(effect.time_scalar).limit_denominator(SPEED_DENOMINATOR)
    return speed


def plate_of(clip: otio.schema.Clip, cut: FrameRange, media: Media, rate: Fraction) -> PlateSpec:
    """The frames of a clip that are seen, counted from where it begins."""
    reference = clip.media_reference
    policy = ON_MISSING.error
    if isinstance(reference, otio.schema.ImageSequenceReference):
        spec = _named_sequence(reference, len(cut), rate, media)
        policy = reference.missing_frame_policy
    else:
        path = media.path(reference.target_url)
        if path.suffix.lower() in MOVIES:
            spec = PlateSpec(kind="movie", path=str(path), first=0, frames=len(cut), rate=rate)
        else:
            spec = _pattern(path, clip.name, len(cut), rate)
    # An image is shown for as many frames as its number is away from the next.
    speed = speed_of(clip) / spec.step
    start = _first_shown(clip, cut, media, rate) / spec.step
    offset = math.floor(start)
    placed = {
        "first": spec.first + offset * spec.step,
        "speed": speed,
        "phase": start - offset if speed != 1 else Fraction(0),
    }
    return _checked(spec.model_copy(update=placed), clip.name, media.access, policy)


def _first_shown(clip: otio.schema.Clip, cut: FrameRange, media: Media, rate: Fraction) -> Fraction:
    """The moment of its media, in frames from their beginning, that a clip shows first."""
    used = clip.trimmed_range()
    speed = speed_of(clip)
    start = exact_frames(used.start_time, rate) - _media_start(clip, rate, media)
    return first_shown(start, whole_frames(used.duration, rate), speed) + cut.start * speed


def plate_of_dissolve(
    clip: otio.schema.Clip, cut: FrameRange, media: Media, rate: Fraction
) -> tuple[PlateSpec | None, str]:
    """The plate of a clip that dissolves, or why there is none: media without handles."""
    if speed_of(clip) < 0:
        return None, "the clip runs backwards into a dissolve: bake it to have it dubbed"
    try:
        plate = plate_of(clip, cut, media, rate)
        if plate.kind == "movie":
            used, frames = plate.media_frames, media.movie(Path(plate.path)).frames
            if plate.first + used.start < 0 or plate.first + used.stop > frames:
                return None, NO_HANDLES
        return plate, ""
    except DubwrightError as error:
        try:
            plate_of(
                clip, FrameRange(0, whole_frames(clip.trimmed_range().duration, rate)), media, rate
            )
        except DubwrightError:
            raise error from None
        return None, NO_HANDLES


def _media_start(clip: otio.schema.Clip, rate: Fraction, media: Media) -> int:
    """The frame of media time at which a clip's media begin.

    Where the timeline does not say, times are those of the movie's own timecode if they reach it,
    or a sequence's frame numbers, and else count from 0.
    """
    reference = clip.media_reference
    if reference.available_range is not None:
        return whole_frames(reference.available_range.start_time, rate)
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return int(reference.start_frame)
    path = media.path(reference.target_url)
    used = whole_frames(clip.trimmed_range().start_time, rate)
    if path.suffix.lower() in MOVIES:
        start = frame_of_timecode(media.movie(path).timecode, rate) if path.is_file() else None
    else:
        found = find_frames(path)
        start = found.first if found is not None else None
    return start if start is not None and used >= start else 0


def _named_sequence(
    reference: otio.schema.ImageSequenceReference, frames: int, rate: Fraction, media: Media
) -> PlateSpec:
    """The plate that begins where a reference does."""
    base = media.path(reference.target_url_base or ".")
    return PlateSpec(
        kind="sequence",
        path=str(base / f"{reference.name_prefix}{{frame}}{reference.name_suffix}"),
        first=reference.start_frame,
        step=max(1, reference.frame_step),
        padding=reference.frame_zero_padding,
        frames=frames,
        rate=rate,
    )


def _pattern(path: Path, clip: str, frames: int, rate: Fraction) -> PlateSpec:
    """The plate that begins where a pattern such as plate.####.exr or plate.%04d.exr does."""
    found = found_sequence(path, clip)
    return PlateSpec(
        kind="sequence",
        path=f"{found.prefix}{{frame}}{found.suffix}",
        first=found.first,
        step=found.step,
        padding=found.padding,
        frames=frames,
        rate=rate,
    )


def found_sequence(path: Path, clip: str) -> FrameFiles:
    found = find_frames(path)
    if found is None and is_pattern(path.name):
        raise missing_media(path, clip, "no file of the sequence is there")
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
        raise missing_media(gone, clip, count)
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
