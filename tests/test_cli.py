"""The command line, and bad input at its edge."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest
from conftest import Dubbed, Sample, run_cli

from dubwright.media.exr import write_rgb
from dubwright.picture.engines.retrieval import RetrievalRenderer


def test_a_dry_run_says_what_would_be_done_and_does_nothing(sample: Sample, tmp_path: Path) -> None:
    done = run_cli(
        "dub", sample.timeline, "--to", "es,fr", "--subtitles", sample.folder / "subtitles",
        "--cast", sample.cast, "--out", tmp_path / "out", "--store", tmp_path / "store",
        "--dry-run", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["languages"]["es"]["cues"] == 3
    assert summary["engines"]["mouth_renderer"]["engine"] == RetrievalRenderer.card.identity
    assert summary["missing"] == [] and summary["tasks_done_already"] == 0
    assert not (tmp_path / "out").exists()


def test_a_dry_run_names_what_is_missing(sample: Sample, tmp_path: Path) -> None:
    done = run_cli(
        "dub", sample.timeline, "--to", "es", "--subtitles", sample.subtitles("es")["es"],
        "--store", tmp_path / "store", "--dry-run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "missing: the original lines" in done.stdout
    assert "missing: a consent for es" in done.stdout


def test_languages_are_listed() -> None:
    listed = json.loads(run_cli("languages", "--json").stdout)
    assert {"en", "es", "fr", "de", "ja"} <= set(listed["espeak-ng"])


def test_engines_are_listed_with_what_they_lack() -> None:
    cards = {card["name"]: card for card in json.loads(run_cli("engines", "--json").stdout)}
    assert cards["espeak-ng"]["abilities"] and cards["transformers-voice"]["needs_weights"]
    told = run_cli("engines").stdout
    assert "synthesizer" in told and "GPL-3.0-or-later" in told and "needs weights" in told


def test_an_engine_that_is_not_named_rightly_is_met(tmp_path: Path) -> None:
    done = run_cli("dub", "x.otio", "--to", "es", "--engine", "espeak-ng")
    assert done.returncode == 2 and "--engine synthesizer=transformers-voice" in done.stderr


def test_the_doctor_finds_this_environment_well(tmp_path: Path) -> None:
    done = run_cli("doctor", "--store", tmp_path / "store", "--json")
    checks = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert {c["name"] for c in checks if c["needed"] and not c["good"]} == set()


def test_the_doctor_says_how_to_repair(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run_cli("doctor", "--store", tmp_path / "file" / "store")
    assert done.returncode == 2 and "MISSING" in done.stdout and "--store" in done.stdout


# --- bad input -----------------------------------------------------------------------------


def _sequence_timeline(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    for number, (width, height) in enumerate(sizes, start=1):
        picture = np.zeros((height, width, 3), np.float32)
        write_rgb(folder / f"plate.{number:04d}.exr", picture, {"colorInteropID": "lin_ap1_scene"})
    return _timeline(folder, "plate.####.exr", len(sizes))


def _timeline(folder: Path, media: str, frames: int) -> Path:
    rate = 24.0
    used = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(frames, rate)
    )
    clip = otio.schema.Clip("shot", otio.schema.ExternalReference(media, used), used)
    timeline = otio.schema.Timeline("reel")
    timeline.tracks.append(otio.schema.Track("V1", [clip], kind=otio.schema.TrackKind.Video))
    otio.adapters.write_to_file(timeline, str(folder / "reel.otio"))
    return folder / "reel.otio"


def _subtitles(folder: Path, start: str = "00:00:00,100", end: str = "00:00:00,900") -> Path:
    path = folder / "reel.es.srt"
    path.write_text(f"1\n{start} --> {end}\nHola.\n")
    return path


def _missing_media(folder: Path) -> list[object]:
    return [_timeline(folder, "gone.mov", 48), "--to", "es"]


def _empty_timeline(folder: Path) -> list[object]:
    otio.adapters.write_to_file(otio.schema.Timeline("reel"), str(folder / "reel.otio"))
    return [folder / "reel.otio", "--to", "es"]


def _subtitle_after_the_end(folder: Path) -> list[object]:
    path = _sequence_timeline(folder, [(64, 48)] * 24)
    _subtitles(folder, "00:01:00,000", "00:01:02,000")
    return [path, "--to", "es"]


def _text_named_exr(folder: Path) -> list[object]:
    path = _sequence_timeline(folder, [(64, 48)] * 24)
    (folder / "plate.0001.exr").write_text("not a picture")
    return [path, "--to", "es"]


def _truncated_exr(folder: Path) -> list[object]:
    path = _sequence_timeline(folder, [(64, 48)] * 24)
    frame = folder / "plate.0012.exr"
    frame.write_bytes(frame.read_bytes()[:-200])
    return [path, "--to", "es"]


def _mixed_resolutions(folder: Path) -> list[object]:
    return [_sequence_timeline(folder, [(64, 48)] * 20 + [(32, 24)] * 4), "--to", "es"]


def _interlaced_movie(folder: Path) -> list[object]:
    with av.open(str(folder / "reel.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
        for _ in range(25):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return [folder / "reel.mp4", "--to", "es", "--colorspace", "Camera Rec.709"]


def _unspoken_language(folder: Path) -> list[object]:
    _subtitles(folder).rename(folder / "reel.qq.srt")
    return [_sequence_timeline(folder, [(64, 48)] * 24), "--to", "qq"]


def _no_subtitles_for_a_language(folder: Path) -> list[object]:
    return [_sequence_timeline(folder, [(64, 48)] * 24), "--to", "es,fr"]


def _unknown_colour_space(folder: Path) -> list[object]:
    for number in range(1, 25):
        write_rgb(folder / f"plate.{number:04d}.exr", np.zeros((48, 64, 3), np.float32), {})
    return [_timeline(folder, "plate.####.exr", 24), "--to", "es"]


@pytest.mark.skipif(os.name != "posix", reason="a terminal is opened as POSIX has it")
def test_a_colour_space_is_asked_for_once(tmp_path: Path) -> None:
    arguments = [str(a) for a in (*_unknown_colour_space(tmp_path), "--subtitles",
                                  _subtitles(tmp_path), "--dry-run")]  # fmt: skip
    command = [sys.executable, "-m", "dubwright.cli", "dub", *arguments]
    ours, theirs = os.openpty()
    os.write(ours, b"ACESgg\nlin_ap1\n")
    asked = subprocess.run(command, stdin=theirs, capture_output=True, text=True, cwd=tmp_path)
    assert asked.returncode == 0, asked.stderr
    assert "There is no colour space 'ACESgg'" in asked.stderr
    show = json.loads((tmp_path / "dubwright.show.json").read_text())
    assert show["colour_space"] == "ACEScg"
    again = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=tmp_path
    )
    assert again.returncode == 0 and "ACEScg" in again.stdout
    told = run_cli("show", tmp_path, "--movie-colorspace", "ARRI LogC4", "--json")
    assert json.loads(told.stdout)["movie_colour_space"] == "ARRI LogC4"
    assert run_cli("show", tmp_path, "--colorspace", "nonsense").returncode == 2


BAD_INPUT = {
    "missing media": (_missing_media, "media of a clip is missing"),
    "empty timeline": (_empty_timeline, "no picture"),
    "subtitle after the end": (_subtitle_after_the_end, "after the end"),
    "a text file named .exr": (_text_named_exr, "not an OpenEXR image"),
    "truncated EXR": (_truncated_exr, "damaged"),
    "mixed resolutions": (_mixed_resolutions, "differ in size"),
    "interlaced movie": (_interlaced_movie, "interlaced"),
    "a language no engine speaks": (_unspoken_language, "No engine speaks"),
    "a language without a line": (_no_subtitles_for_a_language, "No line has a text in fr"),
    "unknown colour space": (_unknown_colour_space, "colour space of a plate is unknown"),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_clear_error(name: str, tmp_path: Path) -> None:
    make, message = BAD_INPUT[name]
    _subtitles(tmp_path)
    out = tmp_path / "out"
    earlier = out / "v001"
    earlier.mkdir(parents=True)
    (earlier / "keep").write_text("an earlier version")
    arguments = make(tmp_path)
    subtitles = next(tmp_path.glob("*.srt"))
    done = run_cli(
        "dub", *arguments, "--subtitles", subtitles, "--out", out, "--store", tmp_path / "store",
        "--workers", 1, "--json",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    error = json.loads(done.stdout)["error"]
    assert message in error["what"], error
    assert all(error[part] for part in ("what", "where", "why", "repair"))
    assert "Traceback" not in done.stderr
    assert [p.name for p in out.glob("v*")] == ["v001"]
    assert (earlier / "keep").read_text() == "an earlier version"


def test_an_output_folder_that_cannot_be_written(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run_cli(
        "dub", sample.timeline, "--to", "es", "--subtitles", sample.subtitles("es")["es"],
        "--out", tmp_path / "file" / "out", "--store", tmp_path / "store", "--json",
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot be written" in json.loads(done.stdout)["error"]["what"]


@pytest.mark.parametrize("full", ["store", "out"])
def test_a_full_disk_is_one_clear_error(
    dubbed: Dubbed, tiny_disk: Path, tmp_path: Path, full: str
) -> None:
    sample = dubbed.sample
    folders = {"store": dubbed.store, "out": tmp_path / "out"} | {full: tiny_disk / full}
    kept = tiny_disk / full / "v001"
    kept.mkdir(parents=True)
    (kept / "keep").write_text("an earlier version")
    done = run_cli(
        "dub", sample.timeline, "--to", "es,fr", "--subtitles", sample.folder / "subtitles",
        "--cast", sample.cast, "--store", folders["store"], "--out", folders["out"], "--json",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "disk is full" in json.loads(done.stdout)["error"]["what"]
    assert (kept / "keep").read_text() == "an earlier version"
    assert [p.name for p in folders["out"].glob("v*")] == (["v001"] if full == "out" else [])


def _while_tracking(store: Path, out: Path) -> bool:
    return any(store.glob("making/*"))


def _while_drawing(store: Path, out: Path) -> bool:
    return len(list(store.glob("objects/*/*/*.patch.exr"))) > 10


def _while_delivering(store: Path, out: Path) -> bool:
    return len(list(out.glob(".dubwright-*/frames/*/*/*.exr"))) > 5


@pytest.mark.parametrize("moment", [_while_tracking, _while_drawing, _while_delivering])
def test_a_killed_run_is_taken_up_where_it_stopped(
    sample: Sample, tmp_path: Path, moment: Callable[[Path, Path], bool]
) -> None:
    """SIGKILL at some moment; then the same command finishes and repeats nothing."""
    store, out = tmp_path / "store", tmp_path / "out"
    command = [
        sys.executable, "-m", "dubwright.cli", "dub", str(sample.timeline), "--to", "es",
        "--subtitles", str(sample.folder / "subtitles"), "--cast", str(sample.cast),
        "--store", str(store), "--out", str(out), "--workers", "2",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if moment(store, out):
            break
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.5)
    finished = {p: p.stat().st_ino for p in store.glob("objects/*/*")}
    assert not list(out.glob("v*"))
    time.sleep(0.5)
    assert {p: p.stat().st_ino for p in store.glob("objects/*/*")} == finished, "a worker lives on"

    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = {p: p.stat().st_ino for p in store.glob("objects/*/*")}
    assert finished.items() <= after.items()
    assert len(after) > len(finished) or moment is _while_delivering
    assert [p.name for p in out.iterdir()] == ["v001"]
    assert len(list((out / "v001" / "frames").rglob("*.exr"))) == 276


def test_an_interrupted_run_stops_and_keeps_what_is_done(sample: Sample, tmp_path: Path) -> None:
    store = tmp_path / "store"
    process = subprocess.Popen(
        [sys.executable, "-m", "dubwright.cli", "dub", str(sample.timeline), "--to", "es",
         "--subtitles", str(sample.folder / "subtitles"), "--cast", str(sample.cast),
         "--store", str(store), "--out", str(tmp_path / "out")],
        stderr=subprocess.PIPE, text=True,
        # A shell that starts the tests in the background has their children ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not list(store.glob("objects/*/*")):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and "Stopped" in errors
    assert list(store.glob("objects/*/*")) and not list(store.glob("making/*"))
