"""What comes from outside and is not as it should be: bounded, clear, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from dubwright.api import perform
from dubwright.dialogue import CueSheet, read_subtitles
from dubwright.dialogue.speakable import is_speakable, speakable
from dubwright.engines import EngineKind, engine
from dubwright.errors import DubwrightError
from dubwright.media.audio import resampled
from dubwright.model import Cue, Performance
from dubwright.operations.request import AlignRequest, DubRequest, validated
from dubwright.quality.report import Report
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.japanese import kana
from dubwright.speech.takes import recorded_take
from dubwright.store import Store

LINES = ["Compramos cinco barcos nuevos.", "Nadie me dijo nada del faro."]


def _spoken(rate: int) -> NDArray[np.float32]:
    parts = [np.zeros(rate, np.float32)]
    for line in LINES:
        said = EspeakSynthesizer().speak(line, "es", 1.0, "m3")
        parts += [resampled(said.samples, said.sample_rate, rate), np.zeros(rate, np.float32)]
    return np.concatenate(parts)


def _aligned(folder: Path, samples: NDArray[Any], rate: int) -> dict[str, Any]:
    soundfile.write(folder / "scene.wav", samples, rate)
    (folder / "scene.txt").write_text("\n".join(LINES))
    request = validated(
        AlignRequest, timeline=folder / "scene.wav", script=folder / "scene.txt", original="es",
        output=folder / "out",
    )  # fmt: skip
    made = Path(perform("align", request, Store(folder / "store"))["folder"])
    return {
        "sheet": CueSheet.read(made / "cue_sheet.json"),
        "told": json.loads((made / "alignment.json").read_text(encoding="utf-8")),
    }


@pytest.mark.parametrize(
    "kind", ["8 kHz mono", "7.1 at 96 kHz", "clipped", "far too quiet", "off centre"]
)
def test_lines_are_found_in_sound_of_any_sort(kind: str, tmp_path: Path) -> None:
    rate = {"8 kHz mono": 8000, "7.1 at 96 kHz": 96000}.get(kind, 48000)
    sound: NDArray[Any] = _spoken(rate)
    if kind == "7.1 at 96 kHz":
        wide = np.random.default_rng(0).normal(0, 0.002, (len(sound), 8))
        wide[:, 2] += sound
        sound = wide
    elif kind == "clipped":
        sound = np.clip(sound * 8, -1, 1)
    elif kind == "far too quiet":
        sound = sound * 0.02
    elif kind == "off centre":
        sound = sound * 0.5 + 0.3
    found = _aligned(tmp_path, sound, rate)
    starts = [cue.start_ms for cue in found["sheet"].cues]
    truth = [cue.start_ms for cue in _aligned_plainly(tmp_path).cues]
    assert np.abs(np.array(starts) - truth).max() < 120, kind


def _aligned_plainly(folder: Path) -> CueSheet:
    plain = folder / "plain"
    plain.mkdir()
    found: CueSheet = _aligned(plain, _spoken(48000), 48000)["sheet"]
    return found


def test_silence_holds_no_lines(tmp_path: Path) -> None:
    with pytest.raises(DubwrightError, match="None of the lines is found"):
        _aligned(tmp_path, np.zeros(48000 * 3), 48000)


def test_a_recording_that_is_clipped_or_dull_is_told(tmp_path: Path) -> None:
    cue = Cue(id="a", speaker="b", start_ms=0, end_ms=2500, text={"es": LINES[0]})
    aligner = engine("embedded-aligner", EngineKind.ALIGNER)
    said = EspeakSynthesizer().speak(LINES[0], "es", 1.0).samples
    for name, samples, rate, told in (
        ("clean", said, 22050, ()),
        ("clipped", np.clip(said * 10, -1, 1), 22050, ("clipped",)),
        ("dull", resampled(said, 22050, 8000), 8000, ("8000",)),
    ):
        soundfile.write(tmp_path / f"{name}.wav", samples, rate, subtype="PCM_16")
        folder = tmp_path / name
        folder.mkdir()
        take = recorded_take(aligner, tmp_path / f"{name}.wav", cue, "es", 2800, folder)
        assert len(take.notes) == len(told), name
        assert all(word in note for word, note in zip(told, take.notes, strict=True))


SCRIPTS = {
    "ar": "اشترينا خمسة قوارب جديدة 🚢.",
    "he": "קנינו חמש סירות חדשות.",
    "ja": "今日は船を五隻買いました🎉。",
    "zh": "去年夏天我们买了五艘新船。",
    "hi": "पिछली गर्मियों में हमने पाँच नई नावें खरीदीं।",
    "th": "เราซื้อเรือใหม่ห้าลำ",
}


def test_every_script_goes_through_a_dub_and_emoji_are_not_spoken(
    sample: Any, tmp_path: Path
) -> None:
    cues = (
        Cue(id="c1", speaker="Ana", start_ms=200, end_ms=3200, text=SCRIPTS),
        Cue(id="c2", speaker="Ana", start_ms=3400, end_ms=4000, text=dict.fromkeys(SCRIPTS, "😀!")),
    )
    CueSheet(original="en", cues=cues).write(tmp_path / "cues.json")
    request = DubRequest(
        timeline=sample.timeline, languages=tuple(SCRIPTS), output=tmp_path / "out",
        cue_sheet=tmp_path / "cues.json", original="en", lip_sync=False,
    )  # fmt: skip
    folder = Path(perform("dub", request, Store(tmp_path / "store"))["folder"])
    report = Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
    for part in report.languages:
        spoken, silent = part.cues
        assert spoken.dubbed and spoken.text == SCRIPTS[part.language]
        assert not silent.dubbed and "nothing that can be spoken" in silent.reason
        (subtitles,) = folder.glob(f"subtitles/*.{part.language}.srt")
        assert read_subtitles(subtitles)[0].text == SCRIPTS[part.language]
    takes = [json.loads(path.read_text()) for path in (tmp_path / "store").rglob("take.json")]
    japanese = next(take for take in takes if take["language"] == "ja")
    said = "".join(phone["symbol"] for phone in japanese["phones"])
    assert "tʃaɪniːz" not in said and "ɸɯᵝ" in said, "kanji are read, not named"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("今日は船を五隻買いました。", "キョウワ フネオ ゴセキ カイマシタ。"),
        ("私は東京へ行く。", "ワタシワ トウキョウエ イク。"),
        ("カタカナ", "カタカナ"),
        ("", ""),
    ],
)
def test_japanese_is_read(written: str, read: str) -> None:
    assert kana(written) == read


def test_pictures_are_no_words() -> None:
    assert speakable("5 °C 👨‍👩‍👧 ok 🏽‍♀️™") == "5 °C ok ™"
    assert is_speakable("今") and is_speakable("7") and not is_speakable("😀 ... ♪")


def test_a_text_that_names_sounds_is_said_as_it_is_written() -> None:
    """Double brackets would begin espeak-ng's own names of sounds."""
    voice = EspeakSynthesizer()
    asked = Performance(pronunciations={"barcos": "/ˈbaɾkos/"})
    plain = voice.speak("Los [[h@]] barcos.", "es", 1.0, "", asked)
    assert "".join(p.symbol for p in plain.phones).endswith("baɾkos")


def test_a_recording_that_is_no_sound_is_met(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF....WAVE")
    cue = Cue(id="a", speaker="b", start_ms=0, end_ms=2500, text={"es": LINES[0]})
    aligner = engine("embedded-aligner", EngineKind.ALIGNER)
    with pytest.raises(DubwrightError, match="cannot be read"):
        recorded_take(aligner, tmp_path / "a.wav", cue, "es", 2800, tmp_path)
