"""The synthetic actor."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
from conftest import Sample

from dubwright.dialogue import Cast, read_subtitles
from dubwright.errors import DubwrightError
from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.media.audio import read_audio
from dubwright.media.colour import LINEAR_REC709, ColourConfig, display_proxy
from dubwright.media.exr import read_header, read_rgb
from dubwright.model import Likeness
from dubwright.sample.actor import Actor, Pose
from dubwright.sample.scene import sample_scene, write_sample


def test_the_sample_is_a_whole_timeline(sample: Sample) -> None:
    timeline = otio.adapters.read_from_file(str(sample.timeline))
    assert timeline.global_start_time.to_timecode() == "01:00:00:00"
    assert [track.name for track in timeline.tracks] == ["V1", "DX en", "M&E"]
    frames = int(timeline.duration().value)
    for name in ("dialogue.en.wav", "m_and_e.wav"):
        samples, rate = read_audio(sample.folder / "audio" / name)
        assert (rate, len(samples)) == (48000, frames * 2000)
    for language in ("en", "es", "fr"):
        assert len(read_subtitles(sample.subtitles(language)[language])) == 3
    assert Cast.read(sample.cast).speakers[0].likeness is Likeness.FICTIONAL


def test_plates_are_acescg_with_timecode(sample: Sample) -> None:
    header = read_header(sample.folder / "plates" / "lighthouse_020" / "lighthouse_020.1003.exr")
    assert header.attributes["colorInteropID"] == "lin_ap1_scene"
    assert header.rate == Fraction(24)
    # The second shot begins at frame 180 of the timeline: 01:00:07:12.
    assert header.attributes["timeCode"] == "01:00:07:14"


def test_facemesh_finds_the_actor_in_every_frame(sample: Sample) -> None:
    config = ColourConfig()
    plates = sorted((sample.folder / "plates" / "lighthouse_010").glob("*.exr"))[::4]
    pictures = (display_proxy(read_rgb(path), "ACEScg", config) for path in plates)
    assert all(np.isfinite(found).all() for found in FaceMeshTracker().follow(pictures))


def test_the_same_seed_draws_the_same_frame_and_another_does_not() -> None:
    frames = [Actor(160, 120, seed).frame(7, {"jawOpen": 0.3}, Pose(5)) for seed in (1, 1, 2)]
    assert np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])


def test_speaking_changes_the_mouth_and_nothing_above_it() -> None:
    actor = Actor(320, 240)
    still, open_mouthed = (actor.frame(3, {"jawOpen": w}, Pose()) for w in (0.0, 0.5))
    changed = np.abs(still - open_mouthed).max(axis=2) > 1e-2
    rows = np.flatnonzero(changed.any(axis=1))
    assert changed.any() and rows.min() > 240 * 0.4


def test_light_goes_past_one() -> None:
    picture = Actor(320, 240).frame(0, {}, Pose())
    assert picture.max() > 1.0 and picture.dtype == np.float32


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001)])
def test_a_sample_has_any_size_and_rate(tmp_path: Path, rate: Fraction) -> None:
    scene = sample_scene(96, 64, rate)
    path = write_sample(tmp_path / "sample", scene)
    plates = list((tmp_path / "sample" / "plates").rglob("*.exr"))
    assert len(plates) == sum(shot.frames for shot in scene.shots)
    header = read_header(plates[0])
    assert (header.width, header.height, header.rate) == (96, 64, rate)
    with pytest.raises(DubwrightError, match="there already"):
        write_sample(path.parent)


def test_a_proxy_of_the_actor_is_skin_coloured() -> None:
    picture = Actor(320, 240).frame(0, {}, Pose())
    proxy = display_proxy(picture, LINEAR_REC709, ColourConfig())
    red, green, blue = proxy[110:120, 150:170].reshape(-1, 3).mean(axis=0)
    assert red > green > blue
