"""What actors record to: cue sheets, guides, countdowns; and their takes brought home."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from dubwright.api import perform
from dubwright.dialogue import CueSheet, cue_sheet_from_subtitles, read_subtitles
from dubwright.dialogue.adr import Clock, recorded_cues, write_adr_pdf, write_adr_table
from dubwright.dialogue.tables import read_table
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono, write_wav
from dubwright.media.bwf import read_time_reference
from dubwright.model import CueKind
from dubwright.operations.dub import _recordings_in
from dubwright.operations.request import BoothRequest, validated
from dubwright.sample.scene import sample_scene, write_sample
from dubwright.speech.countdown import BEEPS, LEAD_S, countdown
from dubwright.speech.mix import MIX_RATE
from dubwright.store import Store

CLOCK = Clock(Fraction(24), 86400, False)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CueSheet]:
    """The sample's timeline and its lines, the first an effort besides."""
    folder = tmp_path_factory.mktemp("scene")
    timeline = write_sample(folder, sample_scene(96, 54, Fraction(24), 1), lambda *_: None)
    files = {
        tag: read_subtitles(folder / "subtitles" / f"timeline.{tag}.srt") for tag in ("en", "es")
    }
    sheet = cue_sheet_from_subtitles(files, "en")
    effort = sheet.cues[0].model_copy(
        update={"id": "effort1", "kind": CueKind.EFFORT, "text": {}, "note": "pulls a rope"}
    )
    arabic = sheet.cues[1].model_copy(
        update={"text": sheet.cues[1].text | {"ar": "مرحبا، كيف حالك؟"}}
    )
    return timeline, CueSheet(original="en", cues=(sheet.cues[0], effort, arabic, *sheet.cues[2:]))


def test_a_countdown_leads_to_the_line() -> None:
    start = 5 * MIX_RATE
    whole = countdown([start], 0, 6 * MIX_RATE, MIX_RATE)
    loud = np.flatnonzero(np.abs(whole) > 0.05)
    begins = [loud[0], *(loud[1:][np.diff(loud) > MIX_RATE // 2])]
    assert [round(at / MIX_RATE, 1) for at in begins] == [2.0, 3.0, 4.0] and len(begins) == BEEPS
    assert np.abs(whole).max() == pytest.approx(0.1, abs=0.01) and not whole[start:].any()
    parts = [countdown([start], at, 1000, MIX_RATE) for at in range(0, 6 * MIX_RATE, 1000)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert countdown([100], 0, 200, MIX_RATE).shape == (200,), "a line at the very start"


def test_a_cue_sheet_is_a_table(scene: tuple[Path, CueSheet], tmp_path: Path) -> None:
    _, sheet = scene
    write_adr_table(tmp_path / "adr.csv", sheet, "es", CLOCK)
    rows = read_table(tmp_path / "adr.csv")
    assert [row["cue"] for row in rows] == [cue.id for cue in recorded_cues(sheet, "es")]
    first = next(row for row in rows if row["cue"] == sheet.cues[0].id)
    assert first["in"] == "01:00:00:09" and first["line"] == sheet.cues[0].text["es"]
    effort = next(row for row in rows if row["cue"] == "effort1")
    assert (effort["kind"], effort["line"], effort["note"]) == ("effort", "", "pulls a rope")


def test_drop_frames_are_counted_as_the_clock_does() -> None:
    clock = Clock(Fraction(30000, 1001), 0, True)
    assert clock.at(60_061) == "00:01:00;02"


@pytest.mark.parametrize("language", ["es", "ar"])
def test_a_cue_sheet_is_a_page(scene: tuple[Path, CueSheet], tmp_path: Path, language: str) -> None:
    _, sheet = scene
    hostile = sheet.cues[0].model_copy(update={"note": '#panic("x") *bold* $x$ <a> @b \\ 今日は'})
    sheet = sheet.model_copy(update={"cues": (hostile, *sheet.cues[1:])})
    write_adr_pdf(tmp_path / "adr.pdf", sheet, language, CLOCK, "Reel 1 #x", "2026-11-22")
    assert (tmp_path / "adr.pdf").read_bytes().startswith(b"%PDF-1.")


def test_nothing_to_record_is_told(scene: tuple[Path, CueSheet], tmp_path: Path) -> None:
    _, sheet = scene
    spoken = tuple(cue for cue in sheet.cues if cue.kind is CueKind.DIALOGUE)
    with pytest.raises(DubwrightError, match="Nothing is recorded in fr"):
        write_adr_table(tmp_path / "x.csv", sheet.model_copy(update={"cues": spoken}), "fr", CLOCK)


def test_a_booth_gets_what_it_needs(scene: tuple[Path, CueSheet], tmp_path: Path) -> None:
    timeline, sheet = scene
    sheet.write(tmp_path / "sheet.json")
    request = validated(
        BoothRequest, timeline=timeline, cue_sheet=tmp_path / "sheet.json",
        languages=("es", "ar"), output=tmp_path / "booth",
    )  # fmt: skip
    folder = Path(perform("booth", request, Store(tmp_path / "store"))["folder"])
    for language in ("es", "ar"):
        assert (folder / f"lighthouse.{language}.adr.pdf").is_file()
        assert (folder / f"lighthouse.{language}.adr.csv").is_file()
    hour = 3600 * MIX_RATE
    assert read_time_reference(folder / "lighthouse.guide.wav") == hour
    guide, _ = read_mono(folder / "lighthouse.guide.wav")
    third = sheet.cues[-1]
    line, rate = read_mono(folder / "lines" / f"{third.id}.wav")
    first = read_time_reference(folder / "lines" / f"{third.id}.wav")
    assert first == hour + third.start_ms * MIX_RATE // 1000 - LEAD_S * MIX_RATE
    lead, length = LEAD_S * rate, (third.end_ms - third.start_ms) * rate // 1000
    assert np.abs(line[:lead]).max() == pytest.approx(0.1, abs=0.01), "beeps and nothing else"
    own = guide[first - hour + lead :][:length]
    assert np.abs(line[lead : lead + length] - own).max() < 1e-6
    assert len(line) > lead + length, "a handle follows"
    assert {path.stem for path in (folder / "lines").iterdir()} == {c.id for c in sheet.cues}


def test_a_cue_that_the_timeline_has_no_room_for_is_told(
    scene: tuple[Path, CueSheet], tmp_path: Path
) -> None:
    timeline, sheet = scene
    late = sheet.cues[0].model_copy(update={"start_ms": 10_000_000, "end_ms": 10_001_000})
    sheet.model_copy(update={"cues": (late,)}).write(tmp_path / "sheet.json")
    request = validated(
        BoothRequest, timeline=timeline, cue_sheet=tmp_path / "sheet.json",
        languages=("es",), output=tmp_path / "booth",
    )  # fmt: skip
    with pytest.raises(DubwrightError, match="after the end of the timeline"):
        perform("booth", request, Store(tmp_path / "store"))


def test_the_last_of_numbered_takes_comes_home(
    scene: tuple[Path, CueSheet], tmp_path: Path
) -> None:
    _, sheet = scene
    cue = sheet.cues[0].id
    for name in (f"{cue}.es.wav", f"{cue}.es.t2.wav", f"{cue}.es.t10.wav", f"{cue}.es.tx.wav"):
        write_wav(tmp_path / name, np.zeros(100, np.float32), MIX_RATE)
    found = _recordings_in(tmp_path, sheet, ["es"])
    assert found == {(cue, "es"): tmp_path / f"{cue}.es.t10.wav"}
