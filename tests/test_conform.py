"""Timelines in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
from movie_files import small_movie

from dubwright.conform.read import read_timeline
from dubwright.conform.review import mark_timelines
from dubwright.conform.write import DubbedShot, LanguageVersion, write_timelines
from dubwright.dialogue import Decision
from dubwright.errors import DubwrightError
from dubwright.media.audio import write_wav
from dubwright.media.colour import ColourConfig
from dubwright.media.exr import write_rgb
from dubwright.media.plate import Plate, PlateSpec, probe_plate
from dubwright.model import FrameRange
from dubwright.store import Access


def _frames(folder: Path, first: int, count: int, step: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count * step, step):
        picture = np.full((8, 16, 3), number / 2000, np.float32)
        write_rgb(folder / f"plate.{number:04d}.exr", picture, {"framesPerSecond": Fraction(24)})


def _range(start: float, duration: float, rate: float = 24) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(duration, rate)
    )


def _sequence(
    base: str, first: int, count: int, available_start: int | None = None, rate: float = 24
) -> otio.schema.ImageSequenceReference:
    start = first if available_start is None else available_start
    return otio.schema.ImageSequenceReference(
        target_url_base=base,
        name_prefix="plate.",
        name_suffix=".exr",
        start_frame=first,
        rate=rate,
        frame_zero_padding=4,
        available_range=_range(start, count, rate),
    )


def _write(path: Path, *items: otio.core.Composable, start: float | None = None) -> Path:
    timeline = otio.schema.Timeline("reel")
    if start is not None:
        timeline.global_start_time = otio.opentime.RationalTime(start, 24)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.extend(items)
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(path))
    return path


@pytest.mark.parametrize("available_start", [1001, 0, 86400])
def test_a_trimmed_sequence_uses_the_right_frames(tmp_path: Path, available_start: int) -> None:
    _frames(tmp_path / "plates", 1001, 20)
    clip = otio.schema.Clip(
        "shot",
        _sequence("plates", 1001, 20, available_start),
        _range(available_start + 5, 10),
    )
    path = _write(
        tmp_path / "reel.otio", otio.schema.Gap(duration=otio.opentime.RationalTime(12, 24)), clip
    )
    timeline, _ = read_timeline(path)
    (shot,) = timeline.shots
    assert shot.record == FrameRange(12, 22)
    assert shot.plate is not None
    assert shot.plate.file(0) == tmp_path / "plates" / "plate.1006.exr"
    assert shot.plate.file(9).name == "plate.1015.exr"


@pytest.mark.parametrize("pattern", ["plate.####.exr", "plate.%04d.exr", "plate.@@@@.exr"])
def test_a_pattern_is_a_sequence(tmp_path: Path, pattern: str) -> None:
    _frames(tmp_path, 10, 6, step=2)
    reference = otio.schema.ExternalReference(pattern, _range(0, 12))
    path = _write(tmp_path / "reel.otio", otio.schema.Clip("shot", reference, _range(1, 6)))
    (shot,) = read_timeline(path)[0].shots
    assert shot.plate is not None
    # Frame numbers are time: an image is shown until the number of the next.
    assert _numbers(shot.plate) == [10, 12, 12, 14, 14, 16]
    (bare,) = read_timeline(tmp_path / pattern)[0].shots
    assert bare.plate is not None
    assert _numbers(bare.plate) == [n for n in range(10, 22, 2) for _ in range(2)]


# What Resolve and Premiere write: the range in the name, and the path of the first frame used.
@pytest.mark.parametrize("name", ["plate.[1003-1008].exr", "plate.1003.exr"])
def test_a_name_says_which_frame_is_the_first(tmp_path: Path, name: str) -> None:
    _frames(tmp_path / "media", 990, 30)
    clip = otio.schema.Clip(
        "a", otio.schema.ExternalReference(f"media/{name}", _range(0, 6)), _range(2, 3)
    )
    (shot,) = read_timeline(_write(tmp_path / "t.otio", clip))[0].shots
    assert shot.plate is not None
    assert [file.name for file in shot.plate.files()] == [
        f"plate.{n}.exr" for n in (1005, 1006, 1007)
    ]


def test_one_hash_is_one_digit(tmp_path: Path) -> None:
    for number in (8, 9, 10):
        write_rgb(tmp_path / f"p{number}.exr", np.zeros((4, 4, 3), np.float32), {})
    (shot,) = read_timeline(tmp_path / "p#.exr")[0].shots
    assert shot.plate is not None
    assert [file.name for file in shot.plate.files()] == ["p8.exr", "p9.exr", "p10.exr"]


Policy = otio.schema.ImageSequenceReference.MissingFramePolicy


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        (Policy.hold, [None, 1002, 1003, 1003, 1003, 1006]),
        (Policy.black, [None, 1002, 1003, None, None, 1006]),
    ],
)
def test_missing_frames_are_shown_as_the_timeline_says(
    tmp_path: Path, policy: Policy, shown: list[int | None]
) -> None:
    _frames(tmp_path / "media", 1002, 5)
    for number in (1004, 1005):
        (tmp_path / f"media/plate.{number}.exr").unlink()
    reference = _sequence("media", 1001, 6)
    reference.missing_frame_policy = policy
    timeline = _write(tmp_path / "t.otio", otio.schema.Clip("a", reference, _range(1001, 6)))
    (shot,) = read_timeline(timeline)[0].shots
    assert shot.plate is not None
    files = [shot.plate.file(frame) for frame in range(6)]
    assert [file and int(file.name.split(".")[1]) for file in files] == shown
    plate = Plate(probe_plate(shot.plate, "ACEScg", ColourConfig()))
    pictures = [picture[0, 0, 0] for picture in plate.frames(FrameRange(0, 6))]
    assert np.allclose(pictures, [(number or 0) / 2000 for number in shown], atol=1e-3)
    reference.missing_frame_policy = Policy.error
    _write(timeline, otio.schema.Clip("a", reference, _range(1001, 6)))
    with pytest.raises(DubwrightError, match="missing") as told:
        read_timeline(timeline)
    assert "plate.1001.exr" in told.value.where and "3 of 6" in told.value.why


def test_a_bare_sequence_is_a_timeline(tmp_path: Path) -> None:
    _frames(tmp_path, 1001, 5)
    timeline, _ = read_timeline(tmp_path / "plate.####.exr")
    assert (timeline.name, timeline.frames, timeline.rate) == ("plate", 5, 24)


def test_what_cannot_be_dubbed_says_why(tmp_path: Path) -> None:
    _frames(tmp_path / "plates", 1001, 10)
    ramp = otio.schema.Clip("ramp", _sequence("plates", 1001, 10), _range(1001, 5))
    ramp.effects.append(otio.schema.TimeEffect(effect_name="Time Remap"))
    frozen = otio.schema.Clip("frozen", _sequence("plates", 1001, 10), _range(1001, 5))
    frozen.effects.append(otio.schema.FreezeFrame())
    slow = otio.schema.Clip("slow", _sequence("plates", 1001, 10, rate=12), _range(1001, 5, 12))
    compound = otio.schema.Stack("compound", effects=[otio.schema.LinearTimeWarp(time_scalar=2)])
    compound.append(otio.schema.Clip("in", _sequence("plates", 1001, 10), _range(1001, 5)))
    bars = otio.schema.Clip("bars", otio.schema.GeneratorReference(), _range(0, 5))
    fine = otio.schema.Clip("fine", _sequence("plates", 1001, 10), _range(1001, 5))
    path = _write(tmp_path / "reel.otio", ramp, frozen, slow, compound, bars, fine, start=86400)
    timeline, _ = read_timeline(path)
    problems = {shot.name: shot.problem for shot in timeline.shots}
    assert "speed changes" in problems["ramp"] and "freeze" in problems["frozen"]
    assert "rate is 12" in problems["slow"]
    assert "compound" in problems["compound"] and "generated" in problems["bars"]
    assert problems["fine"] == "" and timeline.start_frame == 86400


# Frames that editors show: floor(start + n * speed); backwards, the lowest is where a clip starts.
# Animation on twos has an image for every second frame.
RETIMED = [
    (1, 2.0, 1003, 4, [1003, 1005, 1007, 1009]),
    (1, 0.5, 1003, 5, [1003, 1003, 1004, 1004, 1005]),
    (1, 0.5, 1003.5, 4, [1003, 1004, 1004, 1005]),
    (1, -1.0, 1003, 4, [1006, 1005, 1004, 1003]),
    (1, -2.0, 1003, 3, [1008, 1006, 1004]),
    (1, 1.25, 1003, 5, [1003, 1004, 1005, 1006, 1008]),
    (2, 1.0, 1003, 5, [1003, 1003, 1005, 1005, 1007]),
    (2, 1.0, 1004, 5, [1003, 1005, 1005, 1007, 1007]),
    (2, 2.0, 1004, 4, [1003, 1005, 1007, 1009]),
    (2, 0.5, 1004, 5, [1003, 1003, 1005, 1005, 1005]),
    (2, -1.0, 1003, 4, [1005, 1005, 1003, 1003]),
    (3, 1.0, 1003, 5, [1001, 1004, 1004, 1004, 1007]),
]


@pytest.mark.parametrize(("step", "speed", "start", "frames", "shown"), RETIMED)
@pytest.mark.parametrize("available", [1001, 0])
def test_a_constant_speed_shows_the_frames_that_editors_show(
    tmp_path: Path,
    step: int,
    speed: float,
    start: float,
    frames: int,
    shown: list[int],
    available: int,
) -> None:
    _frames(tmp_path / "plates", 1001, 12, step)
    reference = _sequence("plates", 1001, 12 * step, available)
    reference.frame_step = step
    clip = otio.schema.Clip("a", reference, _range(start - 1001 + available, frames))
    clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
    path = _write(tmp_path / "t.otio", clip)
    timeline, source = read_timeline(path)
    (shot,) = timeline.shots
    assert shot.plate is not None
    assert _numbers(shot.plate) == shown
    plate = Plate(probe_plate(shot.plate, "ACEScg", ColourConfig()))
    pictures = [picture[0, 0, 0] for picture in plate.frames(FrameRange(0, frames))]
    assert np.allclose(pictures, [number / 2000 for number in shown], atol=1e-3)

    # The dubbed frames lie under the same speed: every timeline that is written shows the same.
    for number in shot.plate.media_frames:
        name = f"a.es.{shot.plate.first + number * step}.exr"
        write_rgb(tmp_path / name, np.zeros((8, 16, 3), np.float32), {})
    edited = FrameRange(1, frames - 1)
    dubbed = DubbedShot(shot, shot.plate, tmp_path, "a.es.", 4, (edited,))
    (tmp_path / "out").mkdir()
    version = LanguageVersion("es", (dubbed,), (), ())
    write_timelines(source, timeline, [version], tmp_path / "out")
    plain, _ = read_timeline(tmp_path / "out" / "reel.es.otio")
    over = next(shot for shot in plain.shots if shot.track == 1)
    assert over.plate is not None and over.record == edited
    assert _numbers(over.plate) == shown[1:-1]
    resolve, _ = read_timeline(tmp_path / "out" / "reel.es.resolve.otio")
    assert [shot.plate and _numbers(shot.plate) for shot in resolve.shots] == [shown, shown[1:-1]]
    master = otio.adapters.read_from_file(str(tmp_path / "out" / "reel.otio"))
    clip = master.find_clips()[0]
    clip.active_media_reference_key = "dub_es"
    otio.adapters.write_to_file(master, str(tmp_path / "out" / "es.otio"))
    (again,) = read_timeline(tmp_path / "out" / "es.otio")[0].shots
    assert again.plate is not None and _numbers(again.plate) == shown


def _numbers(plate: PlateSpec) -> list[int]:
    files = [plate.file(frame) for frame in range(plate.frames)]
    return [int(file.name.split(".")[-2]) for file in files if file is not None]


def test_clips_of_one_name_have_their_own_ids(tmp_path: Path) -> None:
    _frames(tmp_path / "plates", 1001, 10)
    clips = [
        otio.schema.Clip(name, _sequence("plates", 1001, 10), _range(1001, 5))
        for name in ("a b/c", "a b/c", "a-b-c-2", "A-B-C")
    ]
    timeline, _ = read_timeline(_write(tmp_path / "reel.otio", *clips))
    uids = [shot.uid for shot in timeline.shots]
    assert uids == ["a-b-c", "a-b-c-2", "a-b-c-2-2", "A-B-C-3"]


def _time(value: float) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(value, 24)


def test_a_dissolve_shows_both_clips_for_a_while(tmp_path: Path) -> None:
    _frames(tmp_path / "plates", 1001, 10)
    off = otio.schema.Clip("off", otio.schema.MissingReference(), _range(0, 5))
    off.enabled = False
    a, b = (otio.schema.Clip(name, _sequence("plates", 1001, 10), _range(1003, 5)) for name in "ab")
    dissolve = otio.schema.Transition("x", "SMPTE_Dissolve", _time(2), _time(1))
    path = _write(tmp_path / "reel.otio", off, a, dissolve, b)
    timeline, source = read_timeline(path)
    one, two = timeline.shots
    assert (one.record, two.record) == (FrameRange(5, 11), FrameRange(8, 15))
    assert one.plate is not None and two.plate is not None
    assert _numbers(one.plate) == list(range(1003, 1009))
    assert _numbers(two.plate) == list(range(1001, 1008))

    # In every timeline that is written, what dissolves is the dub, with its handles.
    for shot in timeline.shots:
        for number in range(1001, 1009):
            name = f"{shot.uid}.es.{number}.exr"
            write_rgb(tmp_path / name, np.zeros((8, 16, 3), np.float32), {})
    dubbed = tuple(
        DubbedShot(shot, shot.plate, tmp_path, f"{shot.uid}.es.", 4, (FrameRange(1, 3),))
        for shot in (one, two)
        if shot.plate is not None
    )
    (tmp_path / "out").mkdir()
    write_timelines(source, timeline, [LanguageVersion("es", dubbed, (), ())], tmp_path / "out")
    again, _ = read_timeline(tmp_path / "out" / "reel.es.otio")
    assert [shot.record for shot in again.shots] == [one.record, two.record]
    for shot, was in zip(again.shots, (one, two), strict=True):
        assert shot.plate is not None and was.plate is not None
        assert _numbers(shot.plate) == _numbers(was.plate)
        assert Path(shot.plate.path).name.startswith(f"{was.uid}.es.")


def test_a_dissolve_without_handles_says_why(tmp_path: Path) -> None:
    _frames(tmp_path / "plates", 1001, 5)
    a, b = (otio.schema.Clip(name, _sequence("plates", 1001, 5), _range(1001, 5)) for name in "ab")
    dissolve = otio.schema.Transition("x", "SMPTE_Dissolve", _time(1), _time(1))
    timeline, _ = read_timeline(_write(tmp_path / "reel.otio", a, dissolve, b))
    assert all("no frames for that" in shot.problem for shot in timeline.shots)


def test_sound_in_compound_clips_is_heard_where_they_are(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros((480_000, 1), np.float32), 48000)
    _frames(tmp_path / "plates", 1001, 30)

    def sound(first: int, frames: int) -> otio.schema.Clip:
        reference = otio.schema.ExternalReference("a.wav", _range(0, 240))
        return otio.schema.Clip("s", reference, _range(first, frames))

    inner = otio.schema.Track("inner", [sound(24, 48)], kind=otio.schema.TrackKind.Audio)
    compound = otio.schema.Stack("compound", [inner], source_range=_range(12, 24))
    outer = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    outer.extend([sound(0, 10), otio.schema.Gap(duration=_time(14)), compound])
    path = _write(
        tmp_path / "reel.otio",
        otio.schema.Clip("p", _sequence("plates", 1001, 30), _range(1001, 30)),
    )
    timeline = otio.adapters.read_from_file(str(path))
    timeline.tracks.append(outer)
    otio.adapters.write_to_file(timeline, str(path))
    first, second = read_timeline(path)[0].sounds
    assert (first.record_start, first.media_start, first.duration) == (0, 0, Fraction(10, 24))
    # The compound clip is heard from frame 24 on, and begins half a second into what it holds.
    assert (second.record_start, second.media_start, second.duration) == (1, Fraction(3, 2), 1)


@pytest.mark.parametrize(
    ("effects", "speed", "start"),
    [([2.0], "2", 1), ([0.5, 0.5], "1/4", 1), ([-1.5], "-3/2", 4), ([0.0], "", 0)],
)
def test_sound_is_retimed_with_its_clip(
    tmp_path: Path, effects: list[float], speed: str, start: int
) -> None:
    timeline, clip = _with_sound(tmp_path)
    clip.effects.extend(otio.schema.LinearTimeWarp(time_scalar=scalar) for scalar in effects)
    otio.adapters.write_to_file(timeline, str(tmp_path / "t.otio"))
    heard = read_timeline(tmp_path / "t.otio")[0].sounds
    found = [(sound.speed, sound.media_start, sound.duration) for sound in heard]
    assert found == ([(Fraction(speed), Fraction(start), Fraction(2))] if speed else [])


def test_sound_whose_speed_changes_is_not_guessed(tmp_path: Path) -> None:
    timeline, clip = _with_sound(tmp_path)
    clip.effects.append(otio.schema.TimeEffect("ramp"))
    otio.adapters.write_to_file(timeline, str(tmp_path / "t.otio"))
    with pytest.raises(DubwrightError, match="speed cannot be followed"):
        read_timeline(tmp_path / "t.otio")


def _with_sound(folder: Path) -> tuple[otio.schema.Timeline, otio.schema.Clip]:
    """Two seconds of picture, and of sound from the first second of its file on."""
    _frames(folder / "plates", 1001, 48)
    write_wav(folder / "dx.wav", np.zeros((48000 * 5, 1), np.float32), 48000)
    reference = otio.schema.ExternalReference("dx.wav", _range(0, 120))
    clip = otio.schema.Clip("sound", reference, _range(24, 48))
    timeline = otio.schema.Timeline("t")
    picture = otio.schema.Clip("a", _sequence("plates", 1001, 48), _range(1001, 48))
    timeline.tracks.append(otio.schema.Track("V", [picture], kind=otio.schema.TrackKind.Video))
    timeline.tracks.append(otio.schema.Track("DX", [clip], kind=otio.schema.TrackKind.Audio))
    return timeline, clip


def test_a_trim_of_the_whole_timeline_holds(tmp_path: Path) -> None:
    _frames(tmp_path / "plates", 1001, 20)
    a, b = (
        otio.schema.Clip(name, _sequence("plates", 1001, 20), _range(first, 10))
        for name, first in (("a", 1001), ("b", 1011))
    )
    path = _write(tmp_path / "reel.otio", a, b)
    timeline = otio.adapters.read_from_file(str(path))
    timeline.tracks.source_range = _range(5, 10)
    otio.adapters.write_to_file(timeline, str(path))
    conformed, _ = read_timeline(path)
    assert conformed.frames == 10
    seen = [(shot.record, _numbers(shot.plate)) for shot in conformed.shots if shot.plate]
    assert seen == [
        (FrameRange(0, 5), [1006, 1007, 1008, 1009, 1010]),
        (FrameRange(5, 10), [1011, 1012, 1013, 1014, 1015]),
    ]


def test_names_are_names_of_folders_everywhere(tmp_path: Path) -> None:
    _frames(tmp_path / "plates", 1001, 5)
    clips = [
        otio.schema.Clip(name, _sequence("plates", 1001, 5), _range(1001, 5))
        for name in ("con", "x" * 300, "x" * 301)
    ]
    uids = [shot.uid for shot in read_timeline(_write(tmp_path / "reel.otio", *clips))[0].shots]
    assert uids == ["con-shot", "x" * 100, "x" * 100 + "-2"]


def test_clips_in_compound_clips_are_shots(tmp_path: Path) -> None:
    _frames(tmp_path / "plates", 1001, 30)
    inner = otio.schema.Track("inner", kind=otio.schema.TrackKind.Video)
    for name, first in (("a", 1001), ("b", 1011)):
        inner.append(otio.schema.Clip(name, _sequence("plates", 1001, 30), _range(first, 8)))
    over = otio.schema.Track("over", kind=otio.schema.TrackKind.Video)
    over.append(otio.schema.Gap(duration=_time(10)))
    over.append(otio.schema.Clip("c", _sequence("plates", 1001, 30), _range(1021, 3)))
    # The compound clip shows frames 5 to 14 of what it holds.
    compound = otio.schema.Stack("compound", [inner, over], source_range=_range(5, 9))
    first = otio.schema.Clip("first", _sequence("plates", 1001, 30), _range(1001, 4))
    path = _write(tmp_path / "reel.otio", first, compound)
    timeline, source = read_timeline(path)
    shots = {shot.name: shot for shot in timeline.shots}
    assert {name: shot.record for name, shot in shots.items()} == {
        "first": FrameRange(0, 4), "a": FrameRange(4, 7), "b": FrameRange(7, 13),
        "c": FrameRange(9, 12),
    }  # fmt: skip
    plates = {name: shot.plate for name, shot in shots.items()}
    assert plates["a"] is not None and _numbers(plates["a"]) == [1006, 1007, 1008]
    assert plates["b"] is not None and _numbers(plates["b"]) == list(range(1011, 1017))

    for number in range(1011, 1017):
        write_rgb(tmp_path / f"b.es.{number}.exr", np.zeros((8, 16, 3), np.float32), {})
    dubbed = DubbedShot(shots["b"], plates["b"], tmp_path, "b.es.", 4, (FrameRange(2, 5),))
    (tmp_path / "out").mkdir()
    write_timelines(source, timeline, [LanguageVersion("es", (dubbed,), (), ())], tmp_path / "out")
    master = otio.adapters.read_from_file(str(tmp_path / "out" / "reel.otio"))
    clip = next(clip for clip in master.find_clips() if clip.name == "b")
    clip.active_media_reference_key = "dub_es"
    otio.adapters.write_to_file(master, str(tmp_path / "out" / "es.otio"))
    again = {shot.name: shot for shot in read_timeline(tmp_path / "out" / "es.otio")[0].shots}
    plate = again["b"].plate
    assert plate is not None and _numbers(plate) == list(range(1011, 1017))
    assert "b.es." in plate.path


def test_a_gap_in_a_sequence_is_not_a_step(tmp_path: Path) -> None:
    _frames(tmp_path, 1001, 7)
    (tmp_path / "plate.1002.exr").unlink()
    with pytest.raises(DubwrightError, match="missing"):
        read_timeline(tmp_path / "plate.####.exr")


@pytest.mark.parametrize("name", ["Reel 1/2", "EP01: Pilot", "../up", "a\\b"])
def test_a_timelines_name_is_safe_in_file_names(tmp_path: Path, name: str) -> None:
    _frames(tmp_path / "plates", 1001, 5)
    clip = otio.schema.Clip("shot", _sequence("plates", 1001, 5), _range(1001, 5))
    path = _write(tmp_path / "reel.otio", clip)
    timeline = otio.adapters.read_from_file(str(path))
    timeline.name = name
    otio.adapters.write_to_file(timeline, str(path))
    stem = read_timeline(path)[0].file_stem
    assert stem and not set(stem) & set('/\\:<>|?*"') and not stem.startswith(".")


def test_a_missing_frame_is_named(tmp_path: Path) -> None:
    _frames(tmp_path / "plates", 1001, 10)
    (tmp_path / "plates" / "plate.1004.exr").unlink()
    clip = otio.schema.Clip("shot", _sequence("plates", 1001, 10), _range(1001, 10))
    with pytest.raises(DubwrightError) as caught:
        read_timeline(_write(tmp_path / "reel.otio", clip))
    assert "plate.1004.exr" in caught.value.where and "1 of 10" in caught.value.why


def test_an_empty_timeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DubwrightError, match="no picture"):
        read_timeline(_write(tmp_path / "reel.otio"))


def test_offline_media_is_refused(tmp_path: Path) -> None:
    clip = otio.schema.Clip("shot", otio.schema.MissingReference(), _range(0, 5))
    with pytest.raises(DubwrightError, match="no media"):
        read_timeline(_write(tmp_path / "reel.otio", clip))


@pytest.mark.parametrize("content", ["", "{", "{}", '{"OTIO_SCHEMA": "Clip.2"}'])
def test_a_file_that_is_no_timeline_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "reel.otio"
    path.write_text(content)
    with pytest.raises(DubwrightError, match="cannot be read"):
        read_timeline(path)


def test_stems_are_known_by_their_tracks_names(tmp_path: Path) -> None:
    _frames(tmp_path / "plates", 1001, 10)
    write_wav(tmp_path / "a.wav", np.zeros((48000, 1), np.float32), 48000)
    timeline = otio.schema.Timeline("reel")
    clip = otio.schema.Clip("shot", _sequence("plates", 1001, 10), _range(1001, 10))
    timeline.tracks.append(otio.schema.Track("V1", [clip], kind=otio.schema.TrackKind.Video))
    for name in ("DX_en", "M&E", "A1", "SFX_2", "Dialogue"):
        reference = otio.schema.ExternalReference("a.wav", _range(0, 24))
        sound = otio.schema.Clip(name, reference, _range(2, 8))
        timeline.tracks.append(otio.schema.Track(name, [sound], kind=otio.schema.TrackKind.Audio))
    otio.adapters.write_to_file(timeline, str(tmp_path / "reel.otio"))
    read, _ = read_timeline(tmp_path / "reel.otio")
    assert [sound.stem for sound in read.sounds] == ["DX", "M&E", "mix", "M&E", "DX"]
    assert {sound.media_start for sound in read.sounds} == {Fraction(1, 12)}
    assert {sound.duration for sound in read.sounds} == {Fraction(1, 3)}


def test_what_was_decided_is_shown_on_the_markers(tmp_path: Path) -> None:
    for name, about in (
        ("reel", {"languages": ["es", "fr"]}), ("reel.es", {"language": "es"}),
        ("reel.fr", {"language": "fr"}),
    ):  # fmt: skip
        timeline = otio.schema.Timeline(name, metadata={"dubwright": about})
        for cue in ("a", "b", "c"):
            ours = otio.schema.Marker(cue, metadata={"dubwright": {"cue": cue}})
            timeline.tracks.markers.append(ours)
        timeline.tracks.markers.append(otio.schema.Marker("the editor's", color="PINK"))
        otio.adapters.write_to_file(timeline, str(tmp_path / f"{name}.otio"))
    decisions = {
        (cue, language): Decision(
            cue=cue, language=language, content="0" * 64, verdict=verdict, note=note, by="Jo",
            at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for cue, language, verdict, note in (
            ("a", "es", "approved", ""), ("a", "fr", "approved", ""),
            ("b", "es", "approved", "lovely"), ("c", "es", "approved", ""),
            ("c", "fr", "rejected", "the r is late"),
        )
    }  # fmt: skip
    mark_timelines(tmp_path, decisions)
    seen = {}
    for name in ("reel", "reel.es", "reel.fr"):
        timeline = otio.adapters.read_from_file(str(tmp_path / f"{name}.otio"))
        seen[name] = [(marker.color, marker.comment) for marker in timeline.tracks.markers]
    assert [colour for colour, _ in seen["reel"]] == ["GREEN", "CYAN", "RED", "PINK"]
    assert [colour for colour, _ in seen["reel.es"]] == ["GREEN", "GREEN", "GREEN", "PINK"]
    assert [colour for colour, _ in seen["reel.fr"]] == ["GREEN", "CYAN", "RED", "PINK"]
    assert seen["reel.es"][1][1] == "es approved by Jo: lovely"
    assert seen["reel.fr"][2][1] == "fr rejected by Jo: the r is late"
    mark_timelines(tmp_path, {})
    timeline = otio.adapters.read_from_file(str(tmp_path / "reel.fr.otio"))
    assert [marker.color for marker in timeline.tracks.markers] == ["CYAN", "CYAN", "CYAN", "PINK"]


def test_frames_outside_the_opened_folders_are_not_looked_at(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    _frames(inside / "plates", 1001, 2)
    _frames(tmp_path / "outside", 1001, 2)
    reference = _sequence("plates", 1001, 2)
    reference.name_prefix = "../../outside/plate."
    timeline = _write(inside / "reel.otio", otio.schema.Clip("shot", reference, _range(1001, 2)))
    assert read_timeline(timeline)
    for frames in (2, 5):  # the answer does not tell whether they are there
        clip = otio.schema.Clip("shot", reference, _range(1001, frames))
        with pytest.raises(DubwrightError, match="not opened"):
            read_timeline(_write(inside / "reel.otio", clip), Access([inside]))


def test_a_movie_at_another_rate_is_not_dubbed(tmp_path: Path) -> None:
    small_movie(tmp_path / "a.mov", Fraction(25))
    reference = otio.schema.ExternalReference("a.mov", _range(0, 40))
    (shot,) = read_timeline(
        _write(tmp_path / "t.otio", otio.schema.Clip("a", reference, _range(5, 9)))
    )[0].shots
    assert shot.plate is None
    assert shot.problem == "its movie's rate is 25, the timeline's 24"
