"""Timelines for tests, cut from others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import opentimelineio as otio


def recut(source: Path, destination: Path, parts: Sequence[tuple[int, int] | int]) -> Path:
    """Write a timeline of parts of another, [start, end) in frames, and gaps of so many frames."""
    old = otio.adapters.read_from_file(str(source))
    rate = old.duration().rate
    new = otio.schema.Timeline(old.name, global_start_time=old.global_start_time)
    for track in old.tracks:
        cut = otio.schema.Track(track.name, kind=track.kind)
        for part in parts:
            if isinstance(part, int):
                length = otio.opentime.RationalTime(part, rate)
                cut.append(otio.schema.Gap(duration=length))
                continue
            start, end = part
            wanted = otio.opentime.TimeRange(
                otio.opentime.RationalTime(start, rate),
                otio.opentime.RationalTime(end - start, rate),
            )
            trimmed = otio.algorithms.track_trimmed_to_range(track, wanted)
            cut.extend([item.deepcopy() for item in trimmed])
            if short := end - start - trimmed.duration().value:
                cut.append(otio.schema.Gap(duration=otio.opentime.RationalTime(short, rate)))
        new.tracks.append(cut)
    otio.adapters.write_to_file(new, str(destination))
    return destination
