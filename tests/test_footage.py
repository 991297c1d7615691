"""A real clip, where the folder of real clips is known; see tests/benchmarks/footage.py for all."""

from __future__ import annotations

from pathlib import Path

from conftest import run_cli

from dubwright.media.exr import read_patch, read_rgb
from dubwright.quality.report import Report


def test_a_real_clip_is_dubbed_by_one_command(footage: Path, tmp_path: Path) -> None:
    lines = tmp_path / "od.es.srt"
    lines.write_text(
        "1\n00:00:01,263 --> 00:00:03,946\nBuenos días, me llamo Jordi Mas.\n\n"
        "2\n00:00:05,245 --> 00:00:06,629\nSoy de Barcelona.\n",
        encoding="utf-8",
    )
    done = run_cli(
        "dub", footage / "od.mp4", "--to", "es", "--subtitles", lines,
        "--subtitles", footage / "od.en.srt", "--colorspace", "Camera Rec.709",
        "--out", tmp_path / "out", "--store", tmp_path / "store",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    version = tmp_path / "out" / "v001"
    report = Report.model_validate_json((version / "report.json").read_text(encoding="utf-8"))
    (language,) = report.languages
    (shot,) = language.shots
    assert language.disclosure == "draft"
    assert shot.frames == 299 and shot.drawn_in_cues >= 0.8 * shot.in_cues > 100
    frames = sorted((version / "frames" / "es" / "od").glob("*.exr"))
    assert len(frames) == 299
    patch = read_patch(next(iter(sorted((version / "patches" / "es" / "od").glob("*.exr")))))
    assert read_rgb(frames[0]).shape == (720, 1080, 3) and patch.alpha.max() == 1
