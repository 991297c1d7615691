"""OpenTimelineIO as each host writes it.

What is known of them: OpenTimelineIO's own fixtures for Resolve; tlRender issue 143 for Hiero
and Nuke Studio; KDE/kdenlive src/otio/otioexport.cpp; xSTUDIO pull requests 308 and 324;
OpenTimelineIO issues 1890 and 1985 for Premiere; the VSE_OTIO_Export add-on for Blender.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
from movie_files import small_movie

from dubwright.conform.read import ConformedTimeline, read_timeline
from dubwright.media.exr import write_rgb
from dubwright.model import FrameRange

Time, Range = otio.opentime.RationalTime, otio.opentime.TimeRange
HOUR_24 = 86400


def _plates(folder: Path) -> Path:
    place = folder / "a plate"
    place.mkdir()
    for number in range(1001, 1061):
        write_rgb(place / f"plate.{number}.exr", np.zeros((8, 16, 3), np.float32), {})
    return place


def _sequence(base: str, available: Range, rate: float) -> otio.schema.ImageSequenceReference:
    return otio.schema.ImageSequenceReference(
        target_url_base=base, name_prefix="plate.", name_suffix=".exr", start_frame=1001,
        rate=rate, frame_zero_padding=4, available_range=available,
    )  # fmt: skip


def _timeline(clip: otio.schema.Clip, start: Time | None = None) -> otio.schema.Timeline:
    timeline = otio.schema.Timeline("reel", global_start_time=start)
    timeline.tracks.append(otio.schema.Track("Video 1", [clip], kind=otio.schema.TrackKind.Video))
    return timeline


def _resolve(folder: Path) -> otio.schema.Timeline:
    """Bare paths without a slash at the end; times of the media's own timecode; its own effects."""
    reference = _sequence(str(_plates(folder)), Range(Time(HOUR_24, 24), Time(60, 24)), 24)
    used = Range(Time(HOUR_24 + 10.000000000000004, 24), Time(8, 24))
    clip = otio.schema.Clip("plate.[1001-1060].exr", reference, used)
    clip.effects.append(otio.schema.LinearTimeWarp("", 2.0))
    for name in ("Transform", "Cropping"):
        about = {"Resolve_OTIO": {"Effect Name": name, "Enabled": True}}
        clip.effects.append(otio.schema.Effect("", "Resolve Effect", about))
    clip.metadata["Resolve_OTIO"] = {"Link Group ID": 1}
    return _timeline(clip, Time(HOUR_24, 24))


def _hiero(folder: Path) -> otio.schema.Timeline:
    """A float32 rate, encoded URLs, and sequences by # marks."""
    rate = 23.976024627685547
    url = (_plates(folder).as_uri() + "/plate.####.exr").replace(" ", "%20")
    reference = otio.schema.ExternalReference(url, Range(Time(1001, rate), Time(60, rate)))
    clip = otio.schema.Clip("plate", reference, Range(Time(1011, rate), Time(8, rate)))
    timeline = _timeline(clip, Time(HOUR_24, rate))
    timeline.metadata["nuke"] = {"version": "15.1v3"}
    return timeline


def _kdenlive(folder: Path) -> otio.schema.Timeline:
    """No start time; tracks with a range; media that begin at 0 whatever their timecode says."""
    movie = small_movie(folder / "a.mov", Fraction(24), timecode="01:00:00:00")
    reference = otio.schema.ExternalReference(str(movie), Range(Time(0, 24), Time(60, 24)))
    clip = otio.schema.Clip("a.mov", reference, Range(Time(10, 24), Time(8, 24)))
    clip.markers.append(otio.schema.Marker("", Range(Time(11, 24), Time(1, 24)), "PURPLE"))
    timeline = _timeline(clip)
    timeline.tracks[0].source_range = Range(Time(0, 24), Time(8, 24))
    timeline.tracks.append(otio.schema.Track("Subtitles", kind="Subtitle"))
    return timeline


def _xstudio(folder: Path) -> otio.schema.Timeline:
    """Times are the frames' numbers."""
    base = f"{_plates(folder)}/"
    reference = _sequence(base, Range(Time(1001, 24), Time(60, 24)), 24)
    used = Range(Time(1011, 24), Time(8, 24))
    return _timeline(otio.schema.Clip("plate", reference, used), Time(0, 24))


def _premiere(folder: Path) -> otio.schema.Timeline:
    """URLs, and sequences by the file that they begin with."""
    url = (_plates(folder) / "plate.1001.exr").as_uri()
    reference = otio.schema.ExternalReference(url, Range(Time(0, 24), Time(60, 24)))
    clip = otio.schema.Clip("plate.1001.exr", reference, Range(Time(10, 24), Time(8, 24)))
    return _timeline(clip, Time(HOUR_24, 24))


def _blender(folder: Path) -> otio.schema.Timeline:
    """Movies by bare paths, that say nothing of how long they are."""
    reference = otio.schema.ExternalReference(str(small_movie(folder / "a.mov", Fraction(24))))
    clip = otio.schema.Clip("a.mov", reference, Range(Time(10, 24), Time(8, 24)))
    return _timeline(clip)


@pytest.mark.parametrize(
    ("write", "rate", "shown"),
    [
        (_resolve, Fraction(24), range(1011, 1027, 2)),
        (_hiero, Fraction(24000, 1001), range(1011, 1019)),
        (_kdenlive, Fraction(24), range(10, 18)),
        (_xstudio, Fraction(24), range(1011, 1019)),
        (_premiere, Fraction(24), range(1011, 1019)),
        (_blender, Fraction(24), range(10, 18)),
    ],
)
def test_a_hosts_timeline_shows_the_frames_that_the_host_shows(
    tmp_path: Path, write: Callable[[Path], otio.schema.Timeline], rate: Fraction, shown: range
) -> None:
    timeline = write(tmp_path)
    otio.adapters.write_to_file(timeline, str(tmp_path / "reel.otio"))
    conformed, _ = read_timeline(tmp_path / "reel.otio")
    assert conformed.rate == rate and conformed.frames == 8
    assert _numbers(conformed) == list(shown)


def _numbers(conformed: ConformedTimeline) -> list[int]:
    (shot,) = conformed.shots
    assert shot.problem == "" and shot.record == FrameRange(0, 8)
    plate = shot.plate
    assert plate is not None
    return [plate.first + plate.media_frame(n) * plate.step for n in range(plate.frames)]
