"""The whole way: a timeline dubbed, delivered and held against the truth."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest
from conftest import Dubbed, Sample
from truth import positions_of_exr, positions_of_truth

from dubwright.api import animate, dub, lip_sync
from dubwright.dialogue import CueSheet, Decision, Review, read_subtitles
from dubwright.errors import DubwrightError
from dubwright.face.head_frame import mouth_curves
from dubwright.media.audio import read_audio, read_mono, write_wav
from dubwright.media.bwf import read_time_reference
from dubwright.media.colour import ColourConfig
from dubwright.media.exr import read_header, read_patch, read_rgb
from dubwright.media.movie import probe_movie, read_frames
from dubwright.model import ControlKey, ControlRange, Cue, CueKind, FrameRange, MouthControls
from dubwright.operations.animate import plan_animate
from dubwright.operations.dub import plan_dub
from dubwright.operations.forecast import before_drawing, forecast
from dubwright.operations.request import AnimateRequest, DubRequest
from dubwright.operations.results import load_take, load_visemes, read_json
from dubwright.operations.run import run
from dubwright.operations.summary import plan_summary
from dubwright.quality.sync import closures, correlation, lag_ms
from dubwright.store import Store
from dubwright_plugin.version import read_version

LANGUAGES = ("es", "fr")


def _plates(sample: Sample, shot: str) -> list[Path]:
    return sorted((sample.folder / "plates" / shot).glob("*.exr"))


def _frames(dubbed: Dubbed, language: str, shot: str) -> list[Path]:
    return sorted((dubbed.result.folder / "frames" / language / shot).glob("*.exr"))


def test_a_version_holds_everything(dubbed: Dubbed) -> None:
    folder = dubbed.result.folder
    assert folder.name == "v001"
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    for language in LANGUAGES:
        assert f"lighthouse.{language}.otio" in names
        assert f"subtitles/lighthouse.{language}.srt" in names
        assert f"preview/lighthouse.{language}.mp4" in names
        for stem in ("DX", "ME", "mix"):
            assert f"stems/lighthouse.{language}.{stem}.wav" in names
    assert {"lighthouse.otio", "report.html", "report.json", "manifest.json"} <= names
    assert {"preview/lighthouse.original.mp4", "preview/player.json"} <= names
    assert not any(".partial" in name for name in names)


def test_it_is_known_what_the_actor_says_in_the_frames_of_the_library(dubbed: Dubbed) -> None:
    found = list(dubbed.store.rglob("visemes.npz"))
    assert found
    for path in found:
        for said in load_visemes(path.parent).values():
            known = said.any(axis=1)
            assert 0.3 < known.mean() <= 1
            assert np.allclose(said[known].sum(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("shot", ["lighthouse_010", "lighthouse_020"])
def test_every_frame_is_there_once(dubbed: Dubbed, language: str, shot: str) -> None:
    plates, frames = _plates(dubbed.sample, shot), _frames(dubbed, language, shot)
    numbers = [path.name.split(".")[-2] for path in plates]
    assert [path.name.split(".")[-2] for path in frames] == numbers


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_frame_that_is_not_edited_is_the_source_byte_for_byte(
    dubbed: Dubbed, language: str
) -> None:
    report = next(r for r in dubbed.result.report.languages if r.language == language)
    for shot in report.shots:
        plates, frames = _plates(dubbed.sample, shot.shot), _frames(dubbed, language, shot.shot)
        passed = [f for run in shot.passed_through for f in range(run.first, run.end)]
        assert passed and len(passed) + shot.drawn == shot.frames
        for frame in passed:
            assert frames[frame].read_bytes() == plates[frame].read_bytes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_outside_the_matte_nothing_changes_and_inside_the_patch_lies_over_the_plate(
    dubbed: Dubbed, language: str
) -> None:
    folder = dubbed.result.folder / "patches" / language / "lighthouse_010"
    patches = sorted(folder.glob("*.exr"))
    assert len(patches) > 100
    touched = 0
    for path in patches[::7]:
        number = path.name.split(".")[-2]
        plate = read_rgb(
            dubbed.sample.folder / "plates/lighthouse_010" / f"lighthouse_010.{number}.exr"
        )
        frame = dubbed.result.folder / "frames" / language / "lighthouse_010"
        result = read_rgb(frame / f"lighthouse_010.{language}.{number}.exr")
        patch = read_patch(path)
        matte = np.zeros(plate.shape[:2], np.float32)
        over = np.zeros_like(plate)
        matte[patch.box.slices], over[patch.box.slices] = patch.alpha, patch.rgb
        assert np.array_equal(result[matte == 0], plate[matte == 0])
        merged = (over + plate * (1 - matte[..., None])).astype(np.float16).astype(np.float32)
        assert np.array_equal(result[matte > 0], merged[matte > 0])
        changed = (result != plate).any(axis=2)
        assert (matte[changed] > 0).all()
        touched += changed.any()
    # Where a mouth fades in, its own frame may be the best of the library.
    assert touched >= len(patches[::7]) - 1


def test_metadata_of_an_edited_frame_is_the_plates(dubbed: Dubbed) -> None:
    plate = read_header(_plates(dubbed.sample, "lighthouse_010")[50])
    frame = read_header(_frames(dubbed, "es", "lighthouse_010")[50])
    for name in ("timeCode", "framesPerSecond", "colorInteropID", "comments", "compression"):
        assert str(frame.attributes[name]) == str(plate.attributes[name])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_mouth_does_what_the_actor_truly_does(dubbed: Dubbed, language: str) -> None:
    """Lip-synced frames against the actor really saying the line. The figures for the sample's
    full size stand in docs/benchmarks.md; this size is coarser, and so are its bars."""
    scene, store = dubbed.sample.scene, Store(dubbed.store)
    shot = scene.shots[0]
    takes = [
        load_take(folder)
        for folder in sorted(store.folder.glob("objects/*/*"))
        if (folder / "take.json").exists() and load_take(folder).language == language
    ]
    by_text = {take.text: take for take in takes}
    report = next(r for r in dubbed.result.report.languages if r.language == language)
    passed = {
        f for s in report.shots if s.shot == shot.name for run in s.passed_through
        for f in range(run.first, run.end)
    }  # fmt: skip
    frames = [frame for frame in range(shot.frames) if frame not in passed]
    paths = _frames(dubbed, language, shot.name)
    output, template = positions_of_exr([paths[frame] for frame in frames])
    lines = [by_text[line.text[language]] for line in shot.lines]
    truth = positions_of_truth(scene, shot, lines, frames, template)
    seen, true = mouth_curves(output)[:, 0], mouth_curves(truth)[:, 0]
    assert correlation(seen, true) > 0.85
    assert abs(lag_ms(seen, true, 24.0)) < 12
    recall = closures(seen, true).recall
    assert recall is not None and recall > 0.95


def test_a_face_that_turns_away_passes_through_with_a_reason(dubbed: Dubbed) -> None:
    for language in dubbed.result.report.languages:
        shot = next(s for s in language.shots if s.shot == "lighthouse_020")
        reasons = {run.reason for run in shot.passed_through}
        assert any("turned away" in reason for reason in reasons)
        assert all(run.reason for run in shot.passed_through)
        first = next(s for s in language.shots if s.shot == "lighthouse_010")
        assert first.drawn_in_cues == first.in_cues > 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_stems_keep_the_m_and_e_and_place_the_takes(dubbed: Dubbed, language: str) -> None:
    stems = dubbed.result.folder / "stems"
    effects, rate = read_audio(stems / f"lighthouse.{language}.ME.wav")
    original, _ = read_audio(dubbed.sample.folder / "audio" / "m_and_e.wav")
    assert rate == 48000 and np.abs(effects - original).max() < 2**-22
    dialogue, _ = read_mono(stems / f"lighthouse.{language}.DX.wav")
    cues = read_subtitles(dubbed.result.folder / "subtitles" / f"lighthouse.{language}.srt")
    for cue in cues:
        spoken = dialogue[cue.start_ms * 48 : cue.end_ms * 48]
        assert np.abs(spoken).max() > 0.05
    assert np.abs(dialogue[: cues[0].start_ms * 48 - 48]).max() < 1e-6


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_preview_has_the_languages_sound_first(dubbed: Dubbed, language: str) -> None:
    codes = {"es": "spa", "fr": "fra"}
    with av.open(str(dubbed.result.previews[language])) as movie:
        tracks = [stream.metadata["language"] for stream in movie.streams.audio]
        assert tracks[0] == codes[language] and set(tracks) == {"spa", "fra", "eng"}
        assert movie.streams.video[0].frames == 276
        assert movie.streams.video[0].average_rate == 24


def test_a_stock_opentimelineio_reads_every_timeline(dubbed: Dubbed, tmp_path: Path) -> None:
    """With nothing of ours on the path, and no schema that is not OpenTimelineIO's own."""
    packages = tmp_path / "stock"
    packages.mkdir()
    source = Path(otio.__file__).parent
    (packages / "opentimelineio").symlink_to(source)
    code = (
        "import re, sys; sys.path.insert(0, sys.argv[1])\n"
        "import opentimelineio as otio\n"
        "assert 'dubwright' not in sys.modules\n"
        "for path in sys.argv[2:]:\n"
        "    timeline = otio.adapters.read_from_file(path)\n"
        '    schemas = set(re.findall(r\'"OTIO_SCHEMA": "(\\w+)\\.\', open(path).read()))\n'
        "    own = {'RationalTime', 'TimeRange'}\n"
        "    assert all(hasattr(otio.schema, name) for name in schemas - own), schemas\n"
        "    assert timeline.duration().value == 276, timeline.duration()\n"
        "    print(type(timeline).__name__, len(timeline.tracks))\n"
    )
    paths = [str(p) for p in sorted(dubbed.result.folder.glob("*.otio"))]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(packages), *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    plain, master = ["Timeline", "4"], ["Timeline", "7"]
    assert done.stdout.split() == plain * 4 + master


def test_the_master_keeps_the_plate_active_and_each_language_as_an_alternate(
    dubbed: Dubbed,
) -> None:
    master = otio.adapters.read_from_file(str(dubbed.result.folder / "lighthouse.otio"))
    for clip in master.video_tracks()[0].find_clips():
        assert clip.active_media_reference_key == "DEFAULT_MEDIA"
        assert set(clip.media_references()) == {"DEFAULT_MEDIA", "dub_es", "dub_fr"}
        for key in ("dub_es", "dub_fr"):
            reference = clip.media_references()[key]
            assert Path(reference.target_url_for_image_number(0)).is_file()
            last = reference.number_of_images_in_sequence() - 1
            assert Path(reference.target_url_for_image_number(last)).is_file()
    assert len(master.tracks.markers) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_plain_timeline_shows_the_dub_where_lips_changed(dubbed: Dubbed, language: str) -> None:
    plain = otio.adapters.read_from_file(str(dubbed.result.timelines[language]))
    plates, dub_track = plain.video_tracks()
    assert len(list(plates.find_clips())) == 2
    manifest = json.loads((dubbed.result.folder / "manifest.json").read_text())
    ranges = manifest["languages"][language]["changed_frames"]
    placed = [
        (int(c.trimmed_range_in_parent().start_time.value), int(c.duration().value))
        for c in dub_track.find_clips()
    ]
    expected = [(a, b - a) for a, b in ranges["lighthouse_010"]]
    expected += [(180 + a, b - a) for a, b in ranges["lighthouse_020"]]
    assert placed == expected
    for clip in dub_track.find_clips():
        reference = clip.media_reference
        offset = int(
            clip.trimmed_range().start_time.value - reference.available_range.start_time.value
        )
        assert Path(reference.target_url_for_image_number(offset)).is_file()


def test_the_report_is_one_page_with_pictures_and_curves(dubbed: Dubbed) -> None:
    page = (dubbed.result.folder / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 6 and page.count("<polyline") == 12
    assert "http://" not in page.replace("http://www.w3.org", "")
    for language in dubbed.result.report.languages:
        for span in language.spans:
            assert span.aperture_r is not None and span.aperture_r > 0.75


def test_the_same_dub_again_delivers_nothing_new(dubbed: Dubbed) -> None:
    sample = dubbed.sample
    again = dub(
        sample.timeline, ["es", "fr"], dubbed.result.folder.parent,
        subtitles=sample.subtitles("en", "es", "fr"), cast=sample.cast, original="en",
        store=dubbed.store,
    )  # fmt: skip
    assert again.folder == dubbed.result.folder
    assert len(list(dubbed.result.folder.parent.glob("v*"))) == 1


def test_what_an_interrupted_delivery_had_begun_is_not_delivered(
    dubbed: Dubbed, tmp_path: Path
) -> None:
    sample, out = dubbed.sample, tmp_path / "out"
    plan = json.loads((dubbed.result.folder / "manifest.json").read_text())["plan"]
    begun = out / f".dubwright-{plan[:16]}"
    for name in ("preview/.signing-lighthouse.es.mp4", ".sign-0/a.wav", "cast.json.partial"):
        (begun / name).parent.mkdir(parents=True, exist_ok=True)
        (begun / name).write_bytes(b"half")
    made = dub(
        sample.timeline, ["es", "fr"], out, subtitles=sample.subtitles("en", "es", "fr"),
        cast=sample.cast, original="en", store=dubbed.store,
    )  # fmt: skip
    names = {path.relative_to(made.folder) for path in made.folder.rglob("*")}
    first = {path.relative_to(dubbed.result.folder) for path in dubbed.result.folder.rglob("*")}
    assert names == first and not begun.exists()


def test_a_changed_cue_renders_itself_alone(dubbed: Dubbed, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(dubbed.store, store)
    before = {folder.name for folder in store.glob("objects/*/*")}
    sheet = CueSheet.read(dubbed.result.folder / "cue_sheet.json")
    lines = list(sheet.cues)
    lines[1] = lines[1].model_copy(update={"text": lines[1].text | {"es": "Nadie me dijo nada."}})
    sheet.model_copy(update={"cues": tuple(lines)}).write(tmp_path / "cues.json")
    (tmp_path / "out").mkdir()
    contents = {
        (language.language, cue.cue): cue.content
        for language in dubbed.result.report.languages
        for cue in language.cues
    }
    review = Review()
    for (language, cue), content in contents.items():
        review = review.decided(
            Decision(cue=cue, language=language, content=content, verdict="approved",
                     at=datetime.now(UTC))
        )  # fmt: skip
    review.write(tmp_path / "out" / "review.json")
    result = dub(
        dubbed.sample.timeline, ["es", "fr"], tmp_path / "out", cues=tmp_path / "cues.json",
        cast=dubbed.sample.cast, store=store,
    )  # fmt: skip
    made = [folder for folder in store.glob("objects/*/*") if folder.name not in before]
    kinds = sorted(
        "draw" if any(f.glob("*.patch.exr")) else sorted(p.name for p in f.iterdir())[0]
        for f in made
    )
    # One take, its curves, choices, check and chunks; the language's mix and picture; and both
    # previews, since each carries the other's sound.
    others = [kind for kind in kinds if kind != "draw"]
    assert others == [
        "DX.wav", "check.json", "choices.json", "curves.npz", "picture.mp4", "preview.mp4",
        "preview.mp4", "take.json",
    ]  # fmt: skip
    assert 1 <= kinds.count("draw") <= 4
    # What was approved and did not change is still approved.
    colours = {
        tag: [marker.color for marker in otio.adapters.read_from_file(str(path)).tracks.markers]
        for tag, path in result.timelines.items()
    }
    assert colours == {"es": ["GREEN", "CYAN", "GREEN"], "fr": ["GREEN"] * 3}
    untouched = [
        p.relative_to(result.folder) for p in (result.folder / "frames" / "fr").rglob("*.exr")
    ]
    for path in untouched[::20]:
        assert (result.folder / path).read_bytes() == (dubbed.result.folder / path).read_bytes()


def test_recorded_takes_efforts_and_lines_off_screen(dubbed: Dubbed, tmp_path: Path) -> None:
    """Sound alone: a recording for one cue, a laugh that stays, and a line off screen."""
    sample = dubbed.sample
    voice, rate = read_mono(sample.folder / "audio" / "dialogue.en.wav")
    write_wav(tmp_path / "third.wav", voice[7800 * 48 : 9800 * 48], rate)
    takes = tmp_path / "takes"
    takes.mkdir()
    write_wav(takes / "a.es.wav", voice[400 * 48 : 4000 * 48], rate)
    sheet = CueSheet(
        original="en",
        cues=(
            Cue(id="a", speaker="Ada", start_ms=400, end_ms=4000, on_screen=False,
                text={"es": "We bought five new boats, and my mother wants them back by Monday."}),
            Cue(id="b", speaker="Ada", start_ms=4400, end_ms=6600, kind=CueKind.LAUGH),
            Cue(id="c", speaker="Ada", start_ms=7800, end_ms=9800, on_screen=False,
                text={"es": "Nobody told me."}, takes={"es": Path("third.wav")}),
        ),
    )  # fmt: skip
    sheet.write(tmp_path / "cues.json")
    result = dub(
        sample.timeline, ["es"], tmp_path / "out", cues=tmp_path / "cues.json", cast=sample.cast,
        takes=takes, store=dubbed.store,
    )  # fmt: skip
    (language,) = result.report.languages
    engines = {cue.cue: (cue.dubbed, cue.engine) for cue in language.cues}
    assert engines == {"a": (True, "recording"), "b": (False, ""), "c": (True, "recording")}
    assert not (result.folder / "frames").exists()
    assert all(shot.drawn == 0 for shot in language.shots)
    dialogue, _ = read_mono(result.folder / "stems" / "lighthouse.es.DX.wav")
    laugh = slice(4400 * 48, 6600 * 48)
    assert np.abs(dialogue[laugh] - voice[laugh]).max() < 2**-20


def test_a_plate_is_lip_synced_to_a_recording(dubbed: Dubbed, tmp_path: Path) -> None:
    sample = dubbed.sample
    third = set(sample.scene.shots[1].lines[0].text.values())
    take = next(
        folder
        for folder in sorted(dubbed.store.glob("objects/*/*"))
        if (folder / "take.json").exists() and load_take(folder).text in third
    )
    spoken = load_take(take)
    result = lip_sync(
        sample.folder / "plates/lighthouse_010/lighthouse_010.####.exr",
        take / spoken.audio,
        tmp_path / "out",
        text=spoken.text,
        language=spoken.language,
        start_ms=500,
        cast=sample.cast,
        store=dubbed.store,
    )
    (language,) = result.report.languages
    (span,) = language.spans
    assert span.aperture_r is not None and span.aperture_r > 0.85
    (shot,) = language.shots
    assert shot.drawn_in_cues == shot.in_cues > 40


def test_some_frames_of_a_plate_are_lip_synced_as_the_artist_wants(
    dubbed: Dubbed, tmp_path: Path
) -> None:
    plate = dubbed.sample.folder / "plates/lighthouse_010/lighthouse_010.####.exr"
    take = next(
        folder
        for folder in sorted(dubbed.store.glob("objects/*/*"))
        if (folder / "take.json").exists() and load_take(folder).language == "es"
    )
    spoken = load_take(take)
    result = lip_sync(
        plate, take / spoken.audio, tmp_path / "out", text=spoken.text, language="es",
        frames=(1041, 1100), mouth=MouthControls(intensity=0.2), cast=dubbed.sample.cast,
        store=dubbed.store,
    )  # fmt: skip
    (shot,) = result.report.languages[0].shots
    assert shot.frames == 60
    numbers = [int(p.name.split(".")[-2]) for p in _frames_in(result.folder, "es")]
    assert numbers == list(range(1041, 1101))
    (span,) = result.report.languages[0].spans
    assert max(span.asked) < 0.08, "a fifth of how far this actor opens the mouth"
    with pytest.raises(DubwrightError, match="no such frames"):
        lip_sync(
            plate, take / spoken.audio, tmp_path / "out", text=spoken.text, language="es",
            frames=(990, 1010), store=dubbed.store,
        )  # fmt: skip


def test_a_timeline_of_any_name_is_found_again_by_a_host(dubbed: Dubbed, tmp_path: Path) -> None:
    sample = dubbed.sample
    timeline = otio.adapters.read_from_file(str(sample.timeline))
    timeline.name = "Reel 1: Main?"
    named = sample.timeline.with_name("reel named.otio")
    otio.adapters.write_to_file(timeline, str(named))
    result = dub(
        named, "es", tmp_path / "out", subtitles=sample.subtitles("en", "es"), cast=sample.cast,
        original="en", store=dubbed.store,
    )  # fmt: skip
    named.unlink()
    (spanish,) = read_version(result.folder)
    assert all(p.is_file() for p in (spanish.timeline, spanish.dialogue, spanish.effects))
    assert [shot.track for shot in spanish.shots] == [1, 1]
    assert [shot.in_the_way for shot in spanish.shots] == ["", ""]


def _frames_in(version: Path, language: str) -> list[Path]:
    return sorted((version / "frames" / language).rglob("*.exr"))


def test_a_recording_without_a_text_moves_the_mouth_by_its_sound(
    dubbed: Dubbed, tmp_path: Path
) -> None:
    sheet = CueSheet.read(dubbed.result.folder / "cue_sheet.json")
    cue = sheet.cues[0]
    text = cue.text["es"]
    takes = [path.parent for path in sorted(dubbed.store.glob("objects/*/*/take.json"))]
    spoken = next(folder for folder in takes if load_take(folder).text == text)
    shutil.copyfile(spoken / load_take(spoken).audio, tmp_path / "line.wav")
    wordless = cue.model_copy(update={"text": {}, "takes": {"es": Path("line.wav")}})
    sheet.model_copy(update={"cues": (wordless,)}).write(tmp_path / "cues.json")
    result = dub(
        dubbed.sample.timeline, ["es"], tmp_path / "out", cues=tmp_path / "cues.json",
        cast=dubbed.sample.cast, store=dubbed.store,
    )  # fmt: skip
    (language,) = result.report.languages
    (said,) = (about for about in language.cues if about.cue == cue.id)
    assert said.dubbed and said.engine == "recording"
    shot = language.shots[0]
    assert shot.drawn_in_cues == shot.in_cues > 40
    assert "guessed from the sound" in result.report.articulation[cue.speaker]
    with_text = {span.cue: span for span in dubbed.result.report.languages[0].spans}[cue.id]
    without = language.spans[0]
    assert without.first == with_text.first
    frames = min(len(without.asked), len(with_text.asked))
    assert np.corrcoef(without.asked[:frames], with_text.asked[:frames])[0, 1] > 0.4


def test_an_artist_leaves_a_part_of_a_line_as_it_is_and_shifts_another(
    dubbed: Dubbed, tmp_path: Path
) -> None:
    sheet = CueSheet.read(dubbed.result.folder / "cue_sheet.json")
    cue = sheet.cues[0]
    asked = MouthControls(
        keys=(ControlKey(at_ms=0, offset_ms=0), ControlKey(at_ms=3000, offset_ms=120)),
        ranges=(ControlRange(start_ms=1000, end_ms=1500, does="leave"),),
    )
    cues = (cue.model_copy(update={"mouth": asked}), *sheet.cues[1:])
    sheet.model_copy(update={"cues": cues}).write(tmp_path / "cues.json")
    result = dub(
        dubbed.sample.timeline, ["es"], tmp_path / "out", cues=tmp_path / "cues.json",
        cast=dubbed.sample.cast, store=dubbed.store,
    )  # fmt: skip
    (language,) = result.report.languages
    shot = language.shots[0]
    left = [run for run in shot.passed_through if "as the cue sheet says" in run.reason]
    middles_ms = (np.arange(shot.frames) + 0.5) / 24 * 1000 - cue.start_ms
    expected = np.flatnonzero((middles_ms >= 1000) & (middles_ms < 1500))
    assert [(run.first, run.end) for run in left] == [(expected[0], expected[-1] + 1)]
    before, after = (
        {span.cue: span for span in report.languages[0].spans}
        for report in (dubbed.result.report, result.report)
    )
    first, second = cue.id, sheet.cues[1].id
    early = [np.array(spans[first].asked[:12]) for spans in (before, after)]
    assert np.abs(early[0] - early[1]).max() < 0.05 and before[first] != after[first]
    assert before[second] == after[second]


def test_what_will_be_missing_is_said_before_anything_is_drawn(
    dubbed: Dubbed, tmp_path: Path
) -> None:
    sheet = CueSheet.read(dubbed.result.folder / "cue_sheet.json")
    shouted = sheet.cues[0].model_copy(update={"mouth": MouthControls(intensity=2.0)})
    sheet.model_copy(update={"cues": (shouted, *sheet.cues[1:])}).write(tmp_path / "cues.json")
    request = DubRequest(
        timeline=dubbed.sample.timeline,
        languages=("es",),
        output=tmp_path / "out",
        cue_sheet=tmp_path / "cues.json",
        cast=dubbed.sample.cast,
    )
    store = Store(dubbed.store)
    plan = plan_dub(request, store, datetime.now(UTC).date())
    first = before_drawing(plan)
    assert {"choose", "speaking", "take", "curves"} <= {task.stage for task in first.values()}
    assert not {"draw", "check", "picture"} & {task.stage for task in first.values()}
    run(first, store)
    [limited, *passed] = forecast(plan, store)
    assert limited.startswith("an open mouth of ")
    assert f"limited in {shouted.id} in es (" in limited
    assert any("turned away" in line for line in passed)
    assert limited in plan_summary(plan, store)["missing"]


def test_other_effects_draw_no_mouth_again(sample: Sample, tmp_path: Path) -> None:
    keys = []
    for name, gain in (("as it is", 1.0), ("louder", 0.5)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "plates").symlink_to(sample.folder / "plates")
        shutil.copytree(sample.folder / "audio", folder / "audio")
        shutil.copy(sample.timeline, folder)
        samples, rate = read_audio(folder / "audio" / "m_and_e.wav")
        write_wav(folder / "audio" / "m_and_e.wav", samples * gain, rate)
        request = DubRequest(
            timeline=folder / sample.timeline.name,
            languages=("es",),
            output=tmp_path / "out",
            subtitles=sample.subtitles("en", "es"),
            original="en",
        )
        plan = plan_dub(request, Store(tmp_path / "store"), datetime.now(UTC).date())
        keys.append({stage: set() for stage in ("draw", "mix")})
        for task in plan.tasks.values():
            if task.stage in keys[-1]:
                keys[-1][task.stage].add(task.key)
    assert keys[0]["draw"] == keys[1]["draw"]
    assert keys[0]["mix"] != keys[1]["mix"]


def test_a_character_gets_curves(tmp_path: Path) -> None:
    folder = animate("Mama, papa.", "es", tmp_path / "out", rate="30000/1001", store=tmp_path / "s")
    curves = read_json(folder / "curves.json")
    assert Fraction(curves["rate"]) == Fraction(30000, 1001)
    aperture = curves["curves"]["aperture"]
    assert len(aperture) == curves["frames"] and max(aperture) > 0.5 and min(aperture) == 0
    samples, rate = read_mono(folder / "line.wav")
    assert abs(len(samples) / rate - curves["frames"] / 29.97) < 0.1


def test_lines_and_pictures_that_teach_or_show_nothing(dubbed: Dubbed, tmp_path: Path) -> None:
    """A line without a translation on a shot of its own, a line in silence, and B-roll on top."""
    sample = dubbed.sample
    sheet = CueSheet.read(dubbed.result.folder / "cue_sheet.json")
    first, second, third = sheet.cues
    mute = Cue(
        id="mute", speaker="Ada", start_ms=4080, end_ms=4300, text={"en": "Nothing is heard."}
    )
    cues = (first, mute, second, third.model_copy(update={"text": {"en": third.text["en"]}}))
    sheet.model_copy(update={"cues": cues}).write(tmp_path / "cues.json")
    timeline = otio.adapters.read_from_file(str(sample.timeline))
    for clip in timeline.find_clips():
        reference = clip.media_reference
        if isinstance(reference, otio.schema.ImageSequenceReference):
            reference.target_url_base = str(sample.folder / reference.target_url_base) + "/"
        else:
            reference.target_url = str(sample.folder / reference.target_url)
    cutaway = timeline.video_tracks()[0][1].clone()
    cutaway.name = "cutaway"
    cutaway.source_range = otio.opentime.TimeRange(
        cutaway.source_range.start_time, otio.opentime.RationalTime(12, 24)
    )
    above = otio.schema.Track("V2", kind=otio.schema.TrackKind.Video)
    above.append(otio.schema.Gap(duration=otio.opentime.RationalTime(24, 24)))
    above.append(cutaway)
    timeline.tracks.insert(1, above)
    otio.adapters.write_to_file(timeline, str(tmp_path / "reel.otio"))
    result = dub(
        tmp_path / "reel.otio", "es", tmp_path / "out", cues=tmp_path / "cues.json",
        cast=sample.cast, store=dubbed.store,
    )  # fmt: skip
    assert (
        "silent" in result.report.articulation["Ada"]
        or "learned" in (result.report.articulation["Ada"])
    )
    plain = otio.adapters.read_from_file(str(result.timelines["es"]))
    names = [track.name for track in plain.video_tracks()]
    # The cutaway hides the speaker: it lies above the dubbed frames, which lie above their plates.
    assert names.index("V1") < names.index("Dub es") < names.index("V2")
    (language,) = result.report.languages
    assert {cue.cue for cue in language.cues if not cue.dubbed} == {"mute", third.id}


def test_a_draft_is_marked_on_every_changed_frame(dubbed: Dubbed, tmp_path: Path) -> None:
    sample = dubbed.sample
    result = dub(
        sample.timeline, ["es"], tmp_path / "out", subtitles=sample.subtitles("es"),
        store=dubbed.store,
    )  # fmt: skip
    (language,) = result.report.languages
    assert language.disclosure == "draft"
    patches = sorted((result.folder / "patches" / "es" / "lighthouse_010").glob("*.exr"))
    for path in patches[::20]:
        patch = read_patch(path)
        bottom_left = patch.alpha[-16:, :80]
        assert patch.box.x0 < 20 and patch.box.y1 > 270 and (bottom_left > 0.5).any()


def test_a_player_is_told_where_the_mouths_are_and_what_is_said(dubbed: Dubbed) -> None:
    folder = dubbed.result.folder / "preview"
    player = read_json(folder / "player.json")
    assert player["rate"] == "24" and player["start_frame"] >= 0
    with av.open(str(folder / player["original"]["movie"])) as movie:
        seen = movie.streams.video[0]
        assert [seen.width, seen.height] == player["size"] and seen.frames == player["frames"]
        assert [sound.metadata["language"] for sound in movie.streams.audio] == ["eng"]
    phones = player["languages"]["es"]["phones"]["cue0001"]
    assert all(start < end for _, start, end in phones)
    seconds = player["frames"] / 24
    for sound in (player["original"], *player["languages"].values()):
        assert abs(len(base64.b64decode(sound["peaks"])) - 100 * seconds) <= 1
    covered = sum(len(run["squares"]) for run in player["mouths"])
    assert 0.9 * player["frames"] < covered <= player["frames"]
    width, height = player["size"]
    for seen_run in player["mouths"]:
        for x, y, side in seen_run["squares"]:
            assert 0 < x + side / 2 < width and 0 < y + side / 2 < height and 20 < side < width / 2


def test_media_that_change_after_planning_leave_nothing_wrong_behind(
    sample: Sample, tmp_path: Path
) -> None:
    voice, rate = read_mono(sample.folder / "audio" / "dialogue.en.wav")
    recording = tmp_path / "a.wav"
    write_wav(recording, voice[400 * 48 : 4000 * 48], rate)
    text = "We bought five new boats, and my mother wants them back by Monday."
    request = AnimateRequest(
        text=text, language="en", recording=recording, output=tmp_path / "out"
    )  # fmt: skip
    store = Store(tmp_path / "store")
    plan = plan_animate(request, store)
    before = recording.read_bytes()
    write_wav(recording, voice[7800 * 48 : 9800 * 48], rate)
    with pytest.raises(DubwrightError, match="media changed"):
        run(plan.tasks, store, workers=1)
    assert store.find(plan.take) is None
    recording.write_bytes(before)
    run(plan.tasks, store, workers=1)
    assert load_take(store.path(plan.take)).length == 3600 * 48


def test_movies_are_delivered_with_timecode_and_every_language(
    dubbed: Dubbed, tmp_path: Path
) -> None:
    sample = dubbed.sample
    display = "Rec.1886 Rec.709 - Display"
    result = dub(
        sample.timeline,
        ["es", "fr"],
        tmp_path / "out",
        subtitles=sample.subtitles("en", "es", "fr"),
        cast=sample.cast,
        original="en",
        movies=["prores_4444"],
        movie_space=display,
        store=dubbed.store,
    )
    movie = result.folder / "movies" / "lighthouse.fr.prores_4444.mov"
    info = probe_movie(movie)
    assert (info.rate, info.frames, info.timecode) == (24, 276, "01:00:00:00")
    assert (info.primaries, info.transfer, info.matrix) == (1, 1, 1)
    with av.open(str(movie)) as container:
        languages = [stream.metadata["language"] for stream in container.streams.audio]
    assert languages == ["fra", "spa", "eng"]
    frames = sorted((result.folder / "frames/fr/lighthouse_010").glob("*.exr"))
    shown = next(read_frames(movie, FrameRange(50, 51), Fraction(24)))
    wanted = ColourConfig().converted(read_rgb(frames[50]), "ACEScg", display)
    assert np.abs(shown - wanted).mean() < 0.01
    with pytest.raises(DubwrightError, match="colour space of a delivery"):
        dub(sample.timeline, "es", tmp_path / "out", subtitles=sample.subtitles("es"),
            movies=["prores_4444"], store=dubbed.store)  # fmt: skip


def test_stems_and_subtitles_say_when_they_begin(dubbed: Dubbed) -> None:
    stems = sorted((dubbed.result.folder / "stems").glob("*.wav"))
    assert len(stems) == 6
    assert {read_time_reference(stem) for stem in stems} == {3600 * 48000}
    for language in LANGUAGES:
        files = sorted((dubbed.result.folder / "subtitles").glob(f"*.{language}.*"))
        assert [file.suffix for file in files] == [".srt", ".ttml", ".vtt"]
        first, *others = (read_subtitles(file) for file in files)
        assert first and all(other == first for other in others)


def test_an_edited_frame_says_what_it_is(dubbed: Dubbed) -> None:
    manifest = json.loads((dubbed.result.folder / "manifest.json").read_text())
    frame = read_header(_frames(dubbed, "es", "lighthouse_010")[50]).attributes
    patches = dubbed.result.folder / "patches" / "es" / "lighthouse_010"
    patch = read_header(sorted(patches.glob("*.exr"))[20]).attributes
    for attributes in (frame, patch):
        assert attributes["dubwright:task"] in manifest["languages"]["es"]["draw_tasks"]
        assert (
            attributes["dubwright:digitalSourceType"]
            == manifest["languages"]["es"]["digital_source_type"]
        )
        assert "redrawn by software" in attributes["dubwright:statement"]
