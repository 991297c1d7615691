"""A language's timeline that comes home after a person edited it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
from conftest import Dubbed, run_cli
from consents import authority_on
from timeline_files import recut

from dubwright.conform.document import write_timeline
from dubwright.conform.merge import merged
from dubwright.conform.read import read_timeline
from dubwright.conform.write import DubbedShot, LanguageVersion, write_timelines
from dubwright.errors import DubwrightError
from dubwright.media.exr import write_rgb
from dubwright.model import FrameRange
from dubwright.operations.merge import merge_back
from dubwright.operations.reconform import RECONFORM, Reconform, plan_reconform
from dubwright.operations.request import ReconformRequest
from dubwright.store import Store

CUT, SHOT_END, END = 101, 180, 276


def _edited(dubbed: Dubbed, folder: Path, change: Callable[[otio.schema.Timeline], object]) -> Path:
    """The Spanish timeline, changed."""
    timeline = otio.adapters.read_from_file(str(dubbed.result.timelines["es"]))
    change(timeline)
    path = folder / "edited.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return path


def _without_our_words(timeline: otio.schema.Timeline) -> None:
    """As an editor leaves it that keeps no metadata of others."""
    for item in [timeline, *timeline.find_children(otio.core.Item)]:
        item.metadata.clear()


def _tracks(path: Path) -> dict[str, list[tuple[str, float, float]]]:
    """For each track its clips: name, where, and from where in their media."""
    timeline = otio.adapters.read_from_file(str(path))
    found: dict[str, list[tuple[str, float, float]]] = {}
    for track in timeline.tracks:
        language = track.metadata.get("dubwright", {}).get("language", "")
        found[f"{language} {track.name}"] = [
            (clip.name, clip.range_in_parent().start_time.value, clip.source_range.start_time.value)
            for clip in track.find_clips()
        ]
    return found


@pytest.mark.parametrize("dialect", ["", ".resolve"])
@pytest.mark.parametrize("keeps_metadata", [True, False])
def test_what_was_not_edited_comes_home_as_it_was(
    dubbed: Dubbed, tmp_path: Path, dialect: str, keeps_metadata: bool
) -> None:
    version = dubbed.result.folder
    timeline = otio.adapters.read_from_file(str(version / f"lighthouse.es{dialect}.otio"))
    if not keeps_metadata:
        _without_our_words(timeline)
    otio.adapters.write_to_file(timeline, str(tmp_path / "es.otio"))
    out = tmp_path / "home.otio"
    assert merge_back(version, tmp_path / "es.otio", out) == []
    assert _tracks(out) == _tracks(version / "lighthouse.otio")
    home, _ = read_timeline(out)
    master, source = read_timeline(version / "lighthouse.otio")
    assert home.shots == master.shots and home.sounds == master.sounds
    for clip, was in zip(
        otio.adapters.read_from_file(str(out)).find_clips(), source.find_clips(), strict=True
    ):
        references = {key: ref.to_json_string() for key, ref in clip.media_references().items()}
        assert references == {k: ref.to_json_string() for k, ref in was.media_references().items()}


@pytest.mark.parametrize("keeps_metadata", [True, False])
def test_a_new_cut_of_one_language_is_a_new_cut_of_all(
    dubbed: Dubbed, tmp_path: Path, keeps_metadata: bool
) -> None:
    version = dubbed.result.folder
    parts = [(SHOT_END, END), 20, (0, CUT)]
    edited = recut(dubbed.result.timelines["es"], tmp_path / "edited.otio", parts)
    if not keeps_metadata:
        timeline = otio.adapters.read_from_file(str(edited))
        _without_our_words(timeline)
        otio.adapters.write_to_file(timeline, str(edited))
    out = tmp_path / "home.otio"
    assert merge_back(version, edited, out) == []
    tracks = _tracks(out)
    assert list(tracks) == list(_tracks(version / "lighthouse.otio"))
    assert tracks[" V1"] == [("lighthouse_020", 0, 1001), ("lighthouse_010", 116, 1001)]
    assert tracks["fr DX fr"] == [
        ("lighthouse.fr.DX", 0, SHOT_END),
        ("lighthouse.fr.DX", 116, 0),
    ]
    assert tracks[" DX en"] == [("dialogue.en", 0, SHOT_END), ("dialogue.en", 116, 0)]
    clips = list(otio.adapters.read_from_file(str(out)).video_tracks()[0].find_clips())
    assert all(set(c.media_references()) == {"DEFAULT_MEDIA", "dub_es", "dub_fr"} for c in clips)
    # And it is dubbed without anything being drawn anew.
    request = ReconformRequest(version=version, timeline=out, output=tmp_path / "out")
    note = plan_reconform(request, Store(dubbed.store), authority_on()).documents[RECONFORM]
    assert isinstance(note, Reconform)
    assert note.kept["fr"] and not note.anew["fr"] and not note.anew["es"]


def _track(timeline: otio.schema.Timeline, name: str) -> otio.schema.Track:
    return next(track for track in timeline.tracks if track.name == name)


def _take_off_a_dub(timeline: otio.schema.Timeline) -> None:
    track = _track(timeline, "Dub es")
    index = next(n for n, item in enumerate(track) if isinstance(item, otio.schema.Clip))
    track[index] = otio.schema.Gap(duration=track[index].duration())


def _gap(frames: int) -> otio.schema.Gap:
    return otio.schema.Gap(duration=otio.opentime.RationalTime(frames, 24))


def _move_a_dub(timeline: otio.schema.Timeline) -> None:
    _track(timeline, "Dub es").insert(0, _gap(5))


def _slip_the_dialogue(timeline: otio.schema.Timeline) -> None:
    _track(timeline, "DX es").insert(0, _gap(3))


def _add_music(timeline: otio.schema.Timeline) -> None:
    clip = _track(timeline, "M&E")[0].deepcopy()
    clip.media_reference.target_url = clip.media_reference.target_url.replace(
        "lighthouse.es.ME", "lighthouse.es.mix"
    )
    timeline.tracks.append(otio.schema.Track("Music", [clip], kind=otio.schema.TrackKind.Audio))


def _add_a_shot(timeline: otio.schema.Timeline) -> None:
    title = otio.schema.Clip("title", otio.schema.GeneratorReference(), _range(0, 12))
    timeline.video_tracks()[0].append(title)


def _take_off_every_dub(timeline: otio.schema.Timeline) -> None:
    timeline.tracks.remove(_track(timeline, "Dub es"))


def _relink(timeline: otio.schema.Timeline) -> None:
    reference = timeline.video_tracks()[0][0].media_reference
    other = Path(reference.target_url_base).parent / "other"
    shutil.copytree(Path(reference.target_url_base), other, dirs_exist_ok=True)
    reference.target_url_base = str(other)


def _range(start: int, frames: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, 24), otio.opentime.RationalTime(frames, 24)
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_take_off_a_dub, "the dub was taken off"),
        (_move_a_dub, "do not lie over the same frames of lighthouse_0"),
        (_slip_the_dialogue, "DX is 3 frames later than the picture"),
        (_add_music, "track 'Music'"),
        (_add_a_shot, "clip 'title'"),
        (_take_off_every_dub, "the dub was taken off"),
        (_relink, "its media are not the master's"),
    ],
)
def test_what_does_not_fit_is_said(
    dubbed: Dubbed,
    tmp_path: Path,
    change: Callable[[otio.schema.Timeline], object],
    said: str,
) -> None:
    edited = _edited(dubbed, tmp_path, change)
    conflicts = merge_back(dubbed.result.folder, edited, tmp_path / "home.otio")
    assert any(said in f"{found.where}: {found.what}" for found in conflicts), conflicts
    read_timeline(tmp_path / "home.otio")


def test_transitions_on_dubs_go_with_them(dubbed: Dubbed, tmp_path: Path) -> None:
    def dissolve(timeline: otio.schema.Timeline) -> None:
        track = _track(timeline, "Dub es")
        index = next(n for n, item in enumerate(track) if isinstance(item, otio.schema.Clip))
        nothing, two = otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(2, 24)
        track.insert(index, otio.schema.Transition("x", "SMPTE_Dissolve", nothing, two))

    edited = _edited(dubbed, tmp_path, dissolve)
    merge_back(dubbed.result.folder, edited, tmp_path / "home.otio")
    assert _tracks(tmp_path / "home.otio") == _tracks(dubbed.result.folder / "lighthouse.otio")


def test_dialogue_on_two_tracks_stays_on_two(dubbed: Dubbed, tmp_path: Path) -> None:
    def split(timeline: otio.schema.Timeline) -> None:
        first = _track(timeline, "DX es")
        second = first.deepcopy()
        second[0].source_range = _range(150, 126)
        first[0].source_range = _range(0, 150)
        second.insert(0, _gap(150))
        muted = first[0].deepcopy()
        muted.enabled = False
        first.append(muted)
        timeline.tracks.append(second)

    edited = _edited(dubbed, tmp_path, split)
    assert merge_back(dubbed.result.folder, edited, tmp_path / "home.otio") == []
    home = otio.adapters.read_from_file(str(tmp_path / "home.otio"))
    heard = [
        (clip.range_in_parent().start_time.value, clip.duration().value)
        for track in home.audio_tracks()
        if track.name == "DX fr"
        for clip in track.find_clips()
    ]
    assert heard == [(0, 150), (150, 126)]


def test_what_an_editor_loses_is_the_masters(dubbed: Dubbed, tmp_path: Path) -> None:
    def forget(timeline: otio.schema.Timeline) -> None:
        timeline.global_start_time = None
        del timeline.tracks.markers[0]

    edited = _edited(dubbed, tmp_path, forget)
    assert merge_back(dubbed.result.folder, edited, tmp_path / "home.otio") == []
    home = otio.adapters.read_from_file(str(tmp_path / "home.otio"))
    master = otio.adapters.read_from_file(str(dubbed.result.folder / "lighthouse.otio"))
    assert home.global_start_time == master.global_start_time
    assert [m.marked_range for m in home.tracks.markers] == [
        m.marked_range for m in master.tracks.markers
    ]
    assert list(home.metadata["dubwright"]["languages"]) == ["es", "fr"]


def test_a_fade_of_the_original_sound_is_not_cut_through(dubbed: Dubbed, tmp_path: Path) -> None:
    version = tmp_path / "v001"
    version.mkdir()
    shutil.copy(dubbed.result.folder / "manifest.json", version)
    master = otio.adapters.read_from_file(str(dubbed.result.folder / "lighthouse.otio"))
    track = _track(master, "DX en")
    whole = track[0].deepcopy()
    track[0].source_range, whole.source_range = _range(0, CUT), _range(CUT, END - CUT)
    five = otio.opentime.RationalTime(5, 24)
    track.extend([otio.schema.Transition("x", "SMPTE_Dissolve", five, five), whole])
    otio.adapters.write_to_file(master, str(version / "lighthouse.otio"))
    edited = recut(
        dubbed.result.timelines["es"], tmp_path / "edited.otio", [(0, CUT + 2), (CUT + 20, END)]
    )
    (conflict,) = merge_back(version, edited, tmp_path / "home.otio")
    assert conflict.where == "track 'DX en'" and "through its fade" in conflict.what


def test_dubs_that_stand_in_for_plates_that_dissolve_come_home(tmp_path: Path) -> None:
    clips = []
    for name in "ab":
        for number in range(20):
            picture = np.full((8, 16, 3), number / 20, np.float32)
            for file in (f"{name}.{number:04d}.exr", f"{name}.es.{number:04d}.exr"):
                write_rgb(tmp_path / file, picture, {"framesPerSecond": Fraction(24)})
        reference = otio.schema.ImageSequenceReference(
            target_url_base=str(tmp_path), name_prefix=f"{name}.", name_suffix=".exr",
            start_frame=0, rate=24, frame_zero_padding=4, available_range=_range(86400, 20),
        )  # fmt: skip
        clips.append(otio.schema.Clip(name, reference, _range(86405, 8)))
    two = otio.opentime.RationalTime(2, 24)
    clips.insert(1, otio.schema.Transition("x", "SMPTE_Dissolve", two, two))
    timeline = otio.schema.Timeline("reel")
    timeline.tracks.append(otio.schema.Track("V1", clips, kind=otio.schema.TrackKind.Video))
    otio.adapters.write_to_file(timeline, str(tmp_path / "reel.otio"))
    conformed, source = read_timeline(tmp_path / "reel.otio")
    dubbed = tuple(
        DubbedShot(shot, shot.plate, tmp_path, f"{shot.uid}.es.", 4, (FrameRange(1, 3),))
        for shot in conformed.shots
        if shot.plate is not None
    )
    version = LanguageVersion("es", dubbed, (), ())
    (tmp_path / "out").mkdir()
    write_timelines(source, conformed, [version], tmp_path / "out")
    master = read_timeline(tmp_path / "out" / "reel.otio")
    plain = read_timeline(tmp_path / "out" / "reel.es.otio")
    assert all(".es." in shot.plate.path for shot in plain[0].shots if shot.plate)
    changed = {"es": {"a": [FrameRange(1, 3)], "b": [FrameRange(1, 3)]}}
    home, conflicts = merged(master, plain, changed)
    assert conflicts == []
    write_timeline(home, tmp_path / "home.otio")
    again, _ = read_timeline(tmp_path / "home.otio")
    assert again.shots == master[0].shots
    clip = home.find_clips()[0]
    assert set(clip.media_references()) == {"DEFAULT_MEDIA", "dub_es"}


def test_nothing_is_written_over(dubbed: Dubbed, tmp_path: Path) -> None:
    out = tmp_path / "home.otio"
    out.write_text("precious")
    with pytest.raises(DubwrightError, match="in the way"):
        merge_back(dubbed.result.folder, dubbed.result.timelines["es"], out)
    assert out.read_text() == "precious"


def test_the_command_lists_what_to_look_at(dubbed: Dubbed, tmp_path: Path) -> None:
    edited = _edited(dubbed, tmp_path, _slip_the_dialogue)
    version, out = dubbed.result.folder, tmp_path / "home.otio"
    done = run_cli("merge", version, edited, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    conflicts = json.loads(done.stdout)["conflicts"]
    assert [found["where"] for found in conflicts] == ["01:00:00:03"]
    done = run_cli("merge", tmp_path, edited, "--out", tmp_path / "b.otio")
    assert done.returncode != 0 and "manifest" in done.stderr
