"""Which shots make up each frame, and what a movie shows of them."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
from numpy.typing import NDArray

from dubwright.conform.read import read_timeline
from dubwright.media.colour import ColourConfig
from dubwright.media.exr import write_rgb
from dubwright.media.plate import probe_plate
from dubwright.operations.cut import Layer, Run, segments, topmost
from dubwright.operations.pictures import timeline_pictures
from dubwright.operations.task import Context, Task

RATE = 24


def _time(value: float) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(value, RATE)


def _clip(folder: Path, name: str, level: float, start: int, frames: int) -> otio.schema.Clip:
    """A clip of a plate of 20 frames, all of one brightness."""
    for number in range(20):
        picture = np.full((8, 16, 3), level, np.float32)
        write_rgb(folder / f"{name}.{number:04d}.exr", picture, {"framesPerSecond": Fraction(RATE)})
    reference = otio.schema.ImageSequenceReference(
        target_url_base=str(folder), name_prefix=f"{name}.", name_suffix=".exr", start_frame=0,
        rate=RATE, frame_zero_padding=4,
        available_range=otio.opentime.TimeRange(_time(0), _time(20)),
    )  # fmt: skip
    used = otio.opentime.TimeRange(_time(start), _time(frames))
    return otio.schema.Clip(name, reference, used)


def _dissolve(head: int, tail: int) -> otio.schema.Transition:
    return otio.schema.Transition("x", "SMPTE_Dissolve", _time(head), _time(tail))


def _timeline(folder: Path, *tracks: list[Any]) -> Path:
    timeline = otio.schema.Timeline("reel")
    for items in tracks:
        timeline.tracks.append(otio.schema.Track("V", items, kind=otio.schema.TrackKind.Video))
    path = folder / "reel.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return path


def _shown(path: Path, folder: Path) -> list[float]:
    """The brightness of every frame as a movie shows it."""
    timeline, _ = read_timeline(path)
    config = ColourConfig()
    plates = {
        shot.uid: probe_plate(shot.plate, "ACEScg", config)
        for shot in timeline.shots
        if shot.plate is not None
    }
    cut = segments([shot for shot in timeline.shots if shot.uid in plates], timeline.frames)
    assert [cut[0].start, cut[-1].end] == [0, timeline.frames]
    assert all(one.end == two.start for one, two in itertools.pairwise(cut))
    task = Task(
        "movie", 1,
        {"cut": [segment.model_dump() for segment in cut], "disclosure": "none"},
        where={"plates": {uid: spec.model_dump(mode="json") for uid, spec in plates.items()}},
    )  # fmt: skip

    def linear(picture: NDArray[np.float32], *_: object) -> NDArray[np.float32]:
        return picture

    context = Context(task, {}, folder, lambda: None, 1)
    black = np.zeros((8, 16, 3), np.float32)
    return [float(picture.mean()) for picture in timeline_pictures(context, linear, black)]


def test_a_dissolve_mixes_both_shots(tmp_path: Path) -> None:
    one, two = _clip(tmp_path, "a", 0.2, 5, 6), _clip(tmp_path, "b", 0.6, 5, 6)
    path = _timeline(tmp_path, [one, _dissolve(2, 2), two])
    wanted = [0.2] * 4 + [0.25, 0.35, 0.45, 0.55] + [0.6] * 4
    assert _shown(path, tmp_path) == pytest.approx(wanted, abs=1e-3)
    timeline, _ = read_timeline(path)
    cut = segments(timeline.shots, timeline.frames)
    assert [[layer.shot for layer in segment.layers] for segment in cut] == [
        ["a"],
        ["a", "b"],
        ["b"],
    ]
    assert topmost(cut) == [Run(0, 4, "a", 0), Run(4, 12, "b", 0)]


def test_a_shot_fades_from_and_to_what_lies_below(tmp_path: Path) -> None:
    below = _clip(tmp_path, "low", 0.4, 0, 8)
    gap = otio.schema.Gap(duration=_time(2))
    above = _clip(tmp_path, "high", 0.8, 5, 4)
    path = _timeline(tmp_path, [below], [gap, _dissolve(0, 2), above, _dissolve(2, 0)])
    wanted = [0.4, 0.4, 0.5, 0.7, 0.7, 0.5, 0.4, 0.4]
    assert _shown(path, tmp_path) == pytest.approx(wanted, abs=1e-3)


def test_a_shot_fades_to_black(tmp_path: Path) -> None:
    path = _timeline(
        tmp_path,
        [_clip(tmp_path, "a", 0.8, 5, 4), _dissolve(2, 0), otio.schema.Gap(duration=_time(2))],
    )
    assert _shown(path, tmp_path) == pytest.approx([0.8, 0.8, 0.6, 0.2, 0, 0], abs=1e-3)


def test_a_compound_clip_dissolves_as_one(tmp_path: Path) -> None:
    inner = otio.schema.Track("in", kind=otio.schema.TrackKind.Video)
    inner.extend([_clip(tmp_path, "a", 0.2, 5, 6), _clip(tmp_path, "b", 0.4, 5, 6)])
    compound = otio.schema.Stack("compound", [inner])
    compound.source_range = otio.opentime.TimeRange(_time(2), _time(8))
    path = _timeline(tmp_path, [compound, _dissolve(2, 0), _clip(tmp_path, "c", 0.8, 5, 4)])
    wanted = [0.2] * 4 + [0.4] * 2 + [0.5, 0.7] + [0.8] * 4
    assert _shown(path, tmp_path) == pytest.approx(wanted, abs=1e-3)
    shots = {shot.uid: shot.dissolves for shot in read_timeline(path)[0].shots}
    assert shots == {"a": False, "b": True, "c": True}


def test_a_shot_hides_what_lies_below_it(tmp_path: Path) -> None:
    low, high = _clip(tmp_path, "low", 0.4, 0, 8), _clip(tmp_path, "high", 0.8, 5, 3)
    path = _timeline(tmp_path, [low], [otio.schema.Gap(duration=_time(2)), high])
    timeline, _ = read_timeline(path)
    cut = segments(timeline.shots, timeline.frames)
    assert [segment.layers for segment in cut] == [
        (Layer(shot="low", first=0, fades=()),),
        (Layer(shot="high", first=0, fades=()),),
        (Layer(shot="low", first=5, fades=()),),
    ]
    assert topmost(cut) == [Run(0, 2, "low", 0), Run(2, 5, "high", 0), Run(5, 8, "low", 5)]


def _compound(*tracks: list[Any], start: int, frames: int) -> otio.schema.Stack:
    inner = [otio.schema.Track("in", items, kind=otio.schema.TrackKind.Video) for items in tracks]
    compound = otio.schema.Stack("compound", inner)
    compound.source_range = otio.opentime.TimeRange(_time(start), _time(frames))
    return compound


def test_the_upper_track_of_a_compound_clip_hides_the_lower(tmp_path: Path) -> None:
    low = [_clip(tmp_path, "a", 0.2, 0, 4), _clip(tmp_path, "b", 0.4, 0, 4)]
    compound = _compound(low, [_clip(tmp_path, "top", 0.8, 0, 8)], start=0, frames=8)
    compound.effects.append(otio.schema.Effect("", "Transform"))
    assert _shown(_timeline(tmp_path, [compound]), tmp_path) == pytest.approx([0.8] * 8, abs=1e-3)


def test_what_a_compound_clip_hides_stays_hidden_while_it_dissolves(tmp_path: Path) -> None:
    low = [_clip(tmp_path, "a", 0.2, 0, 12)]
    compound = _compound(low, [_clip(tmp_path, "top", 0.8, 0, 12)], start=0, frames=8)
    path = _timeline(tmp_path, [compound, _dissolve(2, 2), _clip(tmp_path, "c", 0.8, 5, 4)])
    assert _shown(path, tmp_path) == pytest.approx([0.8] * 12, abs=1e-3)
