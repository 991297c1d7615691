"""Timelines of editors that write no OpenTimelineIO."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
from movie_files import small_movie

from dubwright.conform.read import Shot, read_timeline
from dubwright.errors import DubwrightError
from dubwright.media.exr import write_rgb
from dubwright.model import FrameRange
from dubwright.store import Access

RATES = [Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001)]


def _used(shot: Shot) -> tuple[int, int]:
    assert shot.plate is not None, shot.problem
    return shot.plate.first, shot.plate.frames


EDL = """\
TITLE: REEL ONE
{fcm}
>>> a line that some editors write

001  A001     V     C        {a0} {a1} {r0} {r1}
* FROM CLIP NAME: a.mov
002  B 002    V     C        {b0} {b1} {r1} {r2}
* FROM CLIP NAME: SHOT B
* SOURCE FILE: b.mov
"""


def _edl(folder: Path, rate: Fraction, *, beside: bool = True) -> Path:
    drop = rate == Fraction(30000, 1001)
    base = round(rate)

    def code(seconds: int, frames: int) -> str:
        return f"01:00:{seconds:02d}{';' if drop else ':'}{frames:02d}"

    text = EDL.format(
        fcm="FCM: DROP FRAME" if drop else "FCM: NON-DROP FRAME",
        a0=code(0, 5), a1=code(1, 3), b0=code(0, 0), b1=code(0, base - 1),
        r0=code(0, 0), r1=code(0, base - 2), r2=code(1, base - 3),
    )  # fmt: skip
    if beside:
        for name in ("a", "b"):
            small_movie(folder / f"{name}.mov", rate, timecode=code(0, 0))
    path = folder / "reel.edl"
    path.write_text(text)
    return path


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_an_edl_is_read_at_the_rate_of_its_media(tmp_path: Path, rate: Fraction) -> None:
    timeline, _ = read_timeline(_edl(tmp_path, rate))
    base = round(rate)
    assert timeline.rate == rate
    assert timeline.start_frame == 3600 * base - (108 if base == 30 else 0)
    first, second = timeline.shots
    assert (first.record, _used(first)) == (FrameRange(0, base - 2), (5, base - 2))
    assert (second.record, _used(second)) == (FrameRange(base - 2, 2 * base - 3), (0, base - 1))
    assert Path(second.plate.path).name == "b.mov"  # type: ignore[union-attr]


def test_an_edl_that_does_not_say_its_rate_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "reel.edl"
    path.write_text(
        "TITLE: R\nFCM: NON-DROP FRAME\n\n"
        "001  AX V C 00:00:00:00 00:00:02:00 01:00:00:00 01:00:02:00\n* FROM CLIP NAME: a.mov\n"
    )
    with pytest.raises(DubwrightError, match="frame rate of an EDL") as told:
        read_timeline(path)
    assert "--rate" in told.value.repair and "23.976" in told.value.why
    small_movie(tmp_path / "a.mov", Fraction(25))
    assert read_timeline(path)[0].rate == 25
    assert read_timeline(path, rate_named=Fraction(25))[0].rate == 25


def test_media_that_end_in_a_digit_are_no_sequence(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    small_movie(tmp_path / "shot01.mov", Fraction(25))
    small_movie(tmp_path / "media" / "shot02.mov", Fraction(25))
    path = tmp_path / "reel.edl"
    path.write_text(
        "TITLE: R\n001  AX V C 00:00:00:00 00:00:01:00 01:00:00:00 01:00:01:00\n"
        "* FROM CLIP NAME: shot01.mov\n"
        "002  AX V C 00:00:00:00 00:00:01:00 01:00:01:00 01:00:02:00\n"
        "* FROM CLIP NAME: shot02.mov\n"
    )
    timeline, _ = read_timeline(path)
    assert timeline.rate == 25
    names = [Path(shot.plate.path).name for shot in timeline.shots if shot.plate]
    assert names == ["shot01.mov", "shot02.mov"]


def test_drop_frame_is_known(tmp_path: Path) -> None:
    assert read_timeline(_edl(tmp_path, Fraction(30000, 1001)))[0].drop_frame
    assert not read_timeline(_edl(tmp_path, Fraction(25)))[0].drop_frame


def test_an_edls_speed_is_that_of_the_editor(tmp_path: Path) -> None:
    small_movie(tmp_path / "a.mov", Fraction(24000, 1001))
    path = tmp_path / "reel.edl"
    event = "001  AX V C 00:00:00:00 00:00:02:00 01:00:00:00 01:00:01:00\n"
    path.write_text(
        f"TITLE: R\n{event}M2   AX       048.0       00:00:00:00\n* FROM CLIP NAME: a.mov\n"
    )
    (shot,) = read_timeline(path)[0].shots
    assert shot.plate is not None
    assert (shot.plate.speed, shot.plate.frames) == (2, 24)
    path.write_text(path.read_text().replace("048.0", "-024.0"))
    with pytest.raises(DubwrightError, match="cannot be read") as told:
        read_timeline(path)
    assert "backwards" in told.value.why


def _stock(folder: Path, rate: Fraction) -> otio.schema.Timeline:
    """Two cuts of a movie with timecode, a gap, and a track above."""
    movie = small_movie(folder / "a b.mov", rate, timecode="01:00:00:00")
    start = 3600 * round(rate)

    def time(value: int) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(value, float(rate))

    def clip(name: str, first: int, frames: int) -> otio.schema.Clip:
        reference = otio.schema.ExternalReference(
            movie.as_uri(), otio.opentime.TimeRange(time(start), time(60))
        )
        used = otio.opentime.TimeRange(time(start + first), time(frames))
        return otio.schema.Clip(name, reference, used)

    timeline = otio.schema.Timeline("reel", global_start_time=time(start))
    lower = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    lower.extend([clip("one", 3, 20), otio.schema.Gap(duration=time(4)), clip("two", 30, 16)])
    upper = otio.schema.Track("V2", kind=otio.schema.TrackKind.Video)
    upper.extend([otio.schema.Gap(duration=time(24)), clip("three", 40, 8)])
    timeline.tracks.extend([lower, upper])
    return timeline


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("suffix", [".xml", ".aaf"])
def test_cuts_of_premiere_and_avid_are_exact(tmp_path: Path, suffix: str, rate: Fraction) -> None:
    path = tmp_path / f"reel{suffix}"
    options = {"use_empty_mob_ids": True} if suffix == ".aaf" else {}
    otio.adapters.write_to_file(_stock(tmp_path, rate), str(path), **options)
    timeline, _ = read_timeline(path)
    assert (timeline.rate, timeline.start_frame) == (rate, 3600 * round(rate))
    one, two, three = timeline.shots
    assert (one.record, _used(one)) == (FrameRange(0, 20), (3, 20))
    assert (two.record, _used(two)) == (FrameRange(24, 40), (30, 16))
    assert (three.record, _used(three), three.track) == (FrameRange(24, 32), (40, 8), 1)


XML = """<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE xmeml><xmeml version="4">
<sequence id="s1"><name>Reel</name><duration>40</duration>
<rate><timebase>24</timebase><ntsc>FALSE</ntsc></rate>
<media><video><track MZ.TrackName="Picture">
<clipitem id="c1"><name>fast</name><enabled>TRUE</enabled><duration>30</duration>
<rate><timebase>24</timebase><ntsc>FALSE</ntsc></rate>
<start>0</start><end>10</end><in>4</in><out>14</out>
<file id="f1"><name>a.mov</name><pathurl>{url}</pathurl>
<rate><timebase>24</timebase><ntsc>FALSE</ntsc></rate><duration>60</duration>
<media><video/></media></file>
<filter><effect><name>Time Remap</name><effectid>timeremap</effectid>
<effectcategory>motion</effectcategory><effecttype>motion</effecttype><mediatype>video</mediatype>
<parameter><parameterid>variablespeed</parameterid><value>{ramp}</value></parameter>
<parameter><parameterid>speed</parameterid><value>200</value></parameter>
<parameter><parameterid>reverse</parameterid><value>FALSE</value></parameter>
</effect></filter></clipitem>
<clipitem id="c2"><name>off</name><enabled>FALSE</enabled><duration>60</duration>
<rate><timebase>24</timebase><ntsc>FALSE</ntsc></rate>
<start>10</start><end>20</end><in>0</in><out>10</out><file id="f1"/></clipitem>
</track></video></media></sequence></xmeml>
"""


def test_speeds_and_disabled_clips_of_premiere_are_kept(tmp_path: Path) -> None:
    movie = small_movie(tmp_path / "a.mov", Fraction(24))
    path = tmp_path / "reel.xml"
    path.write_text(XML.format(url=movie.as_uri(), ramp=0))
    timeline, source = read_timeline(path)
    (fast,) = timeline.shots
    assert fast.plate is not None
    assert (fast.plate.speed, fast.plate.first, fast.plate.frames) == (2, 8, 10)
    assert source.video_tracks()[0].name == "Picture"
    path.write_text(XML.format(url=movie.as_uri(), ramp=1))
    (ramp,) = read_timeline(path)[0].shots
    assert "speed changes" in ramp.problem


def test_a_sequence_by_its_first_frame_as_premiere_writes_it(tmp_path: Path) -> None:
    for number in range(990, 1020):
        write_rgb(tmp_path / f"p.{number:04d}.exr", np.zeros((4, 4, 3), np.float32), {})
    path = tmp_path / "reel.xml"
    url = (tmp_path / "p.1001.exr").as_uri()
    path.write_text(XML.format(url=url, ramp=0).replace("<value>200<", "<value>100<"))
    (shot,) = read_timeline(path)[0].shots
    assert shot.plate is not None and shot.plate.file(0).name == "p.1005.exr"  # type: ignore[union-attr]


# pyaaf2 leaves a file that is no AAF open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("suffix", [".edl", ".xml", ".aaf"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00nonsense", b"<a><b></a>"])
def test_what_is_no_timeline_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"reel{suffix}"
    path.write_bytes(content)
    with pytest.raises(DubwrightError, match="timeline cannot be read"):
        read_timeline(path)


@pytest.mark.parametrize("named", ["FROM CLIP NAME", "SOURCE FILE"])
def test_an_edl_names_no_media_outside_the_opened_folders(tmp_path: Path, named: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    edl = _edl(inside, Fraction(25), beside=False)
    for name in ("there.mov", "absent.mov"):  # the answer does not tell which
        lines = edl.read_text().splitlines()[:5]
        edl.write_text("\n".join([*lines, f"* {named}: {tmp_path / name}"]))
        (tmp_path / "there.mov").write_bytes(b"looked at, this would be no movie")
        with pytest.raises(DubwrightError, match="not opened"):
            read_timeline(edl, Access([inside]))


def test_media_that_are_links_lead_nowhere_else(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    edl = _edl(inside, Fraction(25), beside=False)
    (inside / "a.mov").symlink_to(small_movie(tmp_path / "a.mov", Fraction(25)))
    with pytest.raises(DubwrightError, match="not opened"):
        read_timeline(edl, Access([inside]))
