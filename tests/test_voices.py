"""Who speaks and how: engines of all sorts, performances, lexicons, a speaker's own voice."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from consents import authority_on, signed_consent
from numpy.typing import NDArray
from tiny_voices import (
    described_espeak,
    tiny_csm,
    tiny_dia,
    tiny_pocket_tts,
    tiny_vibevoice,
    tiny_vits,
)

from dubwright.api import perform
from dubwright.dialogue import OWN_VOICE, Cast, CueSheet, Speaker
from dubwright.dialogue.lexicon import pronunciations_in, read_lexicon, respelled
from dubwright.engines import Ability, EngineKind, Speech, VoiceSample, engine, engine_card, engines
from dubwright.engines.choice import chosen_weights
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono, resampled, write_wav
from dubwright.model import Cue, CueKind, Likeness, Performance, Phone
from dubwright.operations.dub import plan_dub
from dubwright.operations.request import DubRequest, EngineChoice
from dubwright.operations.summary import plan_summary, summary_text
from dubwright.operations.task import Context, Task
from dubwright.operations.voice_stages import _prompt, performer_of, write_sample
from dubwright.quality.report import Report
from dubwright.speech.engines import transformers_cloning
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.fit import Slot, fit_synthesis
from dubwright.speech.pace import Planned, overlong, pace_beside
from dubwright.speech.perform import Performer, left_out, stretched, transposed
from dubwright.speech.soundtrack import SoundClip
from dubwright.speech.takes import synthesised_take
from dubwright.speech.timbre import matched, median_pitch_hz, timbre_of
from dubwright.store import EVERYWHERE, Fingerprints, Store

LINE = "Compramos cinco barcos nuevos."
TODAY = date(2026, 11, 1)
PLS = """<?xml version="1.0" encoding="UTF-8"?>
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="ipa"
  xml:lang="{language}">
  <lexeme><grapheme>Worcester</grapheme><grapheme>Worcestershire</grapheme>
    <phoneme prefer="true">ˈwʊstɚ</phoneme></lexeme>
  <lexeme><grapheme>NATO</grapheme><alias>nay toe</alias></lexeme>
</lexicon>"""


def _lexicon(folder: Path, language: str = "en", **changes: str) -> Path:
    path = folder / f"{language}.pls"
    text = PLS.format(language=language)
    for old, new in changes.items():
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def _symbols(speech: Speech) -> list[str]:
    return [phone.symbol for phone in speech.phones if phone.symbol]


def test_a_lexicon_says_how_words_are_said(tmp_path: Path) -> None:
    language, said = read_lexicon(_lexicon(tmp_path))
    assert language == "en"
    assert said == {"Worcester": "/ˈwʊstɚ/", "Worcestershire": "/ˈwʊstɚ/", "NATO": "nay toe"}
    text = "From worcester to Worcesters and nato."
    many = {"York": "Yawk", "New York": "Gotham", "SQL": "sequel server", "server": "sir ver"}
    assert respelled("New York's SQL", many) == "Gotham's sequel server", "the longest, and once"
    assert pronunciations_in("in New\nYork", {"New York": "/x/"}) == {"New York": "/x/"}
    assert set(pronunciations_in(text, said)) == {"Worcester", "NATO"}
    assert respelled(text, said) == "From worcester to Worcesters and nay toe."


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("<lexicon", "<lexikon", "mismatch"),
        ('alphabet="ipa"', 'alphabet="x-sampa"', "not in IPA"),
        ("<alias>nay toe</alias>", "", "does not say"),
        (' xml:lang="en"', "", "with a language"),
        ("2005/01", "2004/01", "not a W3C"),
        ("<lexicon", '<!DOCTYPE lexicon [<!ENTITY x "y">]><lexicon', "document type"),
    ],
)
def test_what_is_no_lexicon_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    path = _lexicon(tmp_path)
    path.write_text(path.read_text().replace("\n  xml", " xml").replace(old, new))
    with pytest.raises(DubwrightError, match=why):
        read_lexicon(path)


@pytest.mark.parametrize(
    ("language", "ipa", "symbols"),
    [
        ("en", "ˈwɔːkəstɚ", ["w", "ɔː", "k", "ə", "s", "t", "ɚ"]),
        ("de", "ˈvʊstɐ", ["v", "ʊ", "s", "t", "ə"]),
        ("fr", "wustɛʁ", ["w", "u", "s", "t", "ɛ", "ʁ"]),
        ("es", "ˈwus.te\u0361r", ["w", "u", "s", "t", "e", "r"]),
    ],
)
def test_espeak_says_words_in_ipa(language: str, ipa: str, symbols: list[str]) -> None:
    performance = Performance(pronunciations={"Worcester": f"/{ipa}/"})
    said = EspeakSynthesizer().speak("Worcester", language, 1.0, "", performance)
    assert _symbols(said) == symbols
    assert _symbols(EspeakSynthesizer().speak("Worcester", language, 1.0)) != symbols


def test_a_word_within_the_sounds_of_another_stays() -> None:
    told = {"tomato": "/təmɑːtoʊ/", "a": "/eɪ/"}
    said = EspeakSynthesizer().speak("tomato a", "en", 1.0, "", Performance(pronunciations=told))
    assert "".join(_symbols(said)) == "təmɑːɾoʊeɪ"


def test_a_sound_that_a_voice_lacks_is_named() -> None:
    performance = Performance(pronunciations={"barcos": "/ˈbaǃkos/"})
    with pytest.raises(DubwrightError, match="no sound 'ǃ'"):
        EspeakSynthesizer().speak(LINE, "es", 1.0, "", performance)


@pytest.mark.parametrize(("asked", "least", "most"), [(5, 3.5, 6.5), (-4, -5.5, -2.5)])
def test_espeak_speaks_higher_and_lower(asked: float, least: float, most: float) -> None:
    voice = EspeakSynthesizer()
    usual, other = (
        voice.speak(LINE, "es", 1.0, "", Performance(pitch=pitch)) for pitch in (0, asked)
    )
    found = 12 * np.log2(_pitch(other) / _pitch(usual))
    assert least < found < most


def _pitch(speech: Speech) -> float:
    return median_pitch_hz(speech.samples, speech.sample_rate)


def test_a_style_that_is_left_out_is_not_asked_for() -> None:
    class Strict(EspeakSynthesizer):
        def speak(self, text: str, language: str, speed: float, *told: Any) -> Speech:
            assert told[1].style in ("", "whisper")
            return super().speak(text, language, speed, *told)

    for style in ("whisper", "../../evil"):
        Performer(Strict(), "es", "", Performance(style=style)).speak("Sí.", 1.0)


def test_what_an_engine_cannot_do_is_said() -> None:
    performance = Performance(style="sad", reading=2, pronunciations={"barcos": "/x/", "a": "ah"})
    told = left_out(EspeakSynthesizer.card, performance)
    assert len(told) == 2 and "whisper, croak" in told[0] and "one reading" in told[1]
    deaf = EspeakSynthesizer.card.model_copy(update={"abilities": (), "styles": ()})
    assert "no styles" in left_out(deaf, performance)[0]
    assert "no IPA" in left_out(deaf, performance)[1]
    assert left_out(EspeakSynthesizer.card, Performance(style="whisper", pitch=3)) == ()


class _Plain(EspeakSynthesizer):
    """A voice that can say a text and nothing else, as a neural one may be."""

    card = EspeakSynthesizer.card.model_copy(update={"abilities": ()})

    def speak(self, text: str, language: str, speed: float, *told: Any) -> Speech:
        assert speed == 1, "it is not asked for what it cannot do"
        said = super().speak(text, language, 1.0)
        silent = np.zeros(said.sample_rate // 4, np.float32)
        return Speech(np.concatenate([silent, said.samples, silent]), said.sample_rate, ())


def _performer(performance: Performance = Performance()) -> Performer:  # noqa: B008
    aligner = engine("embedded-aligner", EngineKind.ALIGNER)
    return Performer(_Plain(), "es", "", performance, aligner)


def test_phones_of_a_voice_that_tells_none_come_from_alignment() -> None:
    exact = EspeakSynthesizer().speak(LINE, "es", 1.0)
    speech = _performer().speak(LINE, 1.0)
    assert _symbols(speech) == _symbols(exact)
    assert len(speech.samples) < len(exact.samples) + 0.1 * exact.sample_rate, "it is trimmed"
    (first,) = (p for p in speech.phones[:2] if p.symbol)
    assert first.start / speech.sample_rate < 0.1
    with pytest.raises(DubwrightError, match="phones are not known"):
        Performer(_Plain(), "es")


def test_pace_and_pitch_are_made_around_a_voice_that_has_none() -> None:
    natural = _performer().speak(LINE, 1.0)
    quick = _performer(Performance(pace=1.25)).speak(LINE, 1.0)
    assert len(natural.samples) / len(quick.samples) == pytest.approx(1.25, rel=0.01)
    assert quick.phones[-1].end <= len(quick.samples)
    high = _performer(Performance(pitch=4)).speak(LINE, 1.0)
    assert 12 * np.log2(_pitch(high) / _pitch(natural)) == pytest.approx(4, abs=0.6)
    assert high.phones == natural.phones and len(high.samples) == len(natural.samples)


def test_a_voice_that_is_transposed_stays_where_it_was() -> None:
    speech = EspeakSynthesizer().speak(LINE, "es", 1.0)
    higher = transposed(speech, 3)
    size = speech.sample_rate // 100
    loud = [
        np.sqrt((s.samples[: len(s.samples) // size * size].reshape(-1, size) ** 2).mean(axis=1))
        for s in (speech, higher)
    ]
    alike = [
        np.corrcoef(loud[0][10:-10], np.roll(loud[1], lag)[10:-10])[0, 1] for lag in range(-5, 6)
    ]
    assert abs(int(np.argmax(alike)) - 5) <= 1


def test_a_plain_voice_is_fitted_and_its_phones_go_along() -> None:
    performer = _performer()
    natural = performer.speak(LINE, 1.0)
    slot = round(len(natural.samples) / natural.sample_rate / 1.1 * 1000)
    speech, fit = fit_synthesis(performer.speak, LINE, Slot(slot, slot))
    assert fit.verdict == "fits"
    assert len(speech.samples) / speech.sample_rate * 1000 == pytest.approx(slot, rel=0.01)
    assert stretched(natural, 1.0) is natural


def test_a_take_says_who_spoke_and_who_timed(tmp_path: Path) -> None:
    cue = Cue(id="a", speaker="b", start_ms=0, end_ms=2000, text={"es": LINE})
    take = synthesised_take(_performer(Performance(style="sad")), cue, "es", 2400, tmp_path)
    assert take.aligned_by.startswith("embedded-aligner/") and "espeak" in take.engine
    assert "sad" in take.notes[0]
    assert all(phone.end <= take.length for phone in take.phones)


def _sheet(folder: Path, **performance: Any) -> Path:
    cue = Cue(
        id="c1", speaker="Ana", start_ms=200, end_ms=2600,
        text={"en": "We bought five new boats last summer.", "es": f"{LINE} NATO."},
        performance=Performance(**performance),
    )  # fmt: skip
    path = folder / "cues.json"
    CueSheet(original="en", cues=(cue,)).write(path)
    return path


def _recording(folder: Path) -> None:
    """Three seconds of Ana."""
    spoken = EspeakSynthesizer().speak("We bought five new boats last summer.", "en", 1.0, "f2")
    sound = resampled(spoken.samples, spoken.sample_rate, 48000)
    placed = np.zeros(3 * 48000, np.float32)
    placed[9600 : 9600 + len(sound)] = sound[: len(placed) - 9600]
    write_wav(folder / "line.wav", placed, 48000)


def _request(sample: Any, folder: Path, **changes: Any) -> DubRequest:
    asked = {
        "timeline": sample.timeline, "languages": ("es",), "output": folder / "out",
        "original": "en", "lip_sync": False,
    }  # fmt: skip
    sheet = changes.pop("cue_sheet", None) or _sheet(folder)
    return DubRequest(**asked | {"cue_sheet": sheet} | changes)


def _dubbed(request: DubRequest, store: Path) -> Any:
    folder = Path(perform("dub", request, Store(store))["folder"])
    report = Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
    (row,) = report.languages[0].cues
    return row


def _cast(folder: Path, cloning: bool, voice: str = OWN_VOICE) -> Path:
    consent = signed_consent(person="Ana", voice_cloning=cloning)
    speaker = Speaker(name="Ana", likeness=Likeness.REAL, consents=(consent,), voices={"es": voice})
    path = folder / "cast.json"
    Cast(speakers=(speaker,)).write(path)
    return path


def test_a_dub_is_voiced_by_a_described_program_with_a_lexicon(
    sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described_espeak(tmp_path / "voices")
    monkeypatch.setenv("DUBWRIGHT_VOICES", str(tmp_path / "voices"))
    request = _request(
        sample, tmp_path, cue_sheet=_sheet(tmp_path, style="sad", pitch=2),
        lexicons=(_lexicon(tmp_path, "es", **{"nay toe": "ene a te o"}),),
        engines=EngineChoice(synthesizer="house-voice"),
    )  # fmt: skip
    row = _dubbed(request, tmp_path / "store")
    assert row.dubbed and row.engine.startswith("house-voice/1@")
    assert "sad" in row.reason
    take = json.loads(next((tmp_path / "store").rglob("take.json")).read_text())
    assert take["aligned_by"].startswith("embedded-aligner/")
    assert take["text"].endswith("NATO."), "the text stays as it is written"
    said = "".join(phone["symbol"] for phone in take["phones"])
    assert "eneateo" in said


def test_an_own_voice_needs_consent_and_says_what_it_is(sample: Any, tmp_path: Path) -> None:
    request = _request(sample, tmp_path, cast=_cast(tmp_path, cloning=False))
    with pytest.raises(DubwrightError, match="may not be imitated"):
        plan_dub(request, Store(tmp_path / "store"), authority_on())
    _cast(tmp_path, cloning=True)
    told = _dubbed(request, tmp_path / "store").reason
    assert "approximate" in told
    if not engine_card("resemblyzer", EngineKind.DIARIZER).missing_packages:
        alike, ceiling = (float(n) for n in re.findall(r"(0\.\d\d) like", told))
        assert 0.2 < alike < 1 and 0.4 < ceiling <= 1


def test_weights_are_chosen_by_language(sample: Any, tmp_path: Path) -> None:
    choice = EngineChoice(weights={"v:es": "spanish", "v:pt-BR": "brazilian", "v": "any"})
    asked = ("es", "es-419", "pt", "pt-BR")
    assert [choice.weights_for("v", tag) for tag in asked] == [
        "spanish",
        "spanish",
        "any",
        "brazilian",
    ]
    assert choice.weights_for("w", "es") is None
    weights = tiny_vits(tmp_path / "vits")
    request = _request(
        sample, tmp_path,
        engines=EngineChoice(
            synthesizer="transformers-voice", weights={"transformers-voice:es": str(weights)}
        ),
    )  # fmt: skip
    plan = plan_dub(request, Store(tmp_path / "store"), authority_on())
    (take,) = (task for task in plan.tasks.values() if task.stage == "take")
    assert take.parameters["voice_weights"].startswith("vits@") and take.loads_weights
    assert take.parameters["aligner"] == "embedded-aligner"
    other = request.model_copy(update={"languages": ("en",)})
    with pytest.raises(DubwrightError, match="has no weights") as caught:
        plan_dub(other, Store(tmp_path / "store"), authority_on())
    assert "facebook/mms-tts-eng" in caught.value.repair and "spa" not in caught.value.repair
    wrong = EngineChoice(
        synthesizer="transformers-voice", weights={"transformers-voice": str(weights)}
    )
    with pytest.raises(DubwrightError, match="No engine speaks en"):
        plan_dub(
            other.model_copy(update={"engines": wrong}), Store(tmp_path / "store"), authority_on()
        )


def test_weights_that_were_replaced_are_loaded_anew(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = tiny_vits(tmp_path / "vits")
    (weights / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "voice.npy").write_bytes(b"one")
    card = engine_card("transformers-voice", EngineKind.SYNTHESIZER)
    voice = engine("transformers-voice", EngineKind.SYNTHESIZER, weights)
    prints = Fingerprints(tmp_path)

    def found() -> tuple[str, bytes]:
        said = voice.speak("where is the boat", "es", 1.0).samples.tobytes()
        return chosen_weights(card, str(weights), prints, EVERYWHERE).identity, said

    first = found()
    tensors = load_file(weights / "model.safetensors")
    save_file({n: t * 1.5 for n, t in tensors.items()}, weights / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    second = found()
    assert first[0] != second[0] and first[1] != second[1]
    (tmp_path / "elsewhere" / "voice.npy").write_bytes(b"another")
    assert found()[0] != second[0], "what a link leads to is part of them"


def test_a_plan_does_not_load_a_model(tmp_path: Path) -> None:
    weights = tiny_vits(tmp_path / "vits")
    (weights / "model.safetensors").write_bytes(b"not a model")
    voice = engine("transformers-voice", EngineKind.SYNTHESIZER, weights)
    assert voice.languages() == {"es": "es"}
    with pytest.raises(DubwrightError, match="cannot be loaded"):
        voice.speak("where", "es", 1.0)


def test_packages_that_are_missing_are_named_before_anything_is_done(tmp_path: Path) -> None:
    card = engine_card("transformers-voice", EngineKind.SYNTHESIZER)
    lacking = card.model_copy(update={"packages": ("json", "no_such_package")})
    with pytest.raises(DubwrightError, match="not installed: no_such_package") as caught:
        chosen_weights(lacking, str(tmp_path), Fingerprints(tmp_path), EVERYWHERE)
    assert "neural" in caught.value.repair and "espeak-ng" in caught.value.repair


def test_weights_of_another_family_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    for name in ("transformers-voice", "transformers-cloning"):
        voice = engine(name, EngineKind.SYNTHESIZER, tmp_path)
        with pytest.raises(DubwrightError, match="llama"):
            voice.languages()
    card = engine_card("transformers-voice", EngineKind.SYNTHESIZER)
    fingerprints = Fingerprints(tmp_path)
    with pytest.raises(DubwrightError, match="has no weights"):
        chosen_weights(card, str(tmp_path / "missing"), fingerprints, EVERYWHERE)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"command": ["say", "{output}", "{tempo}"]}, "tempo"),
        ({"command": ["say", "{text}"]}, "needs a program"),
        ({"command": ["say", "{output}", "{text.foo}"]}, "foo"),
        ({"languages": {}}, "at least 1"),
        ({"licence": ""}, "at least 1"),
        ({"shell": True}, "Extra inputs"),
    ],
)
def test_a_description_that_is_not_valid_is_named(
    changes: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described_espeak(tmp_path, **changes)
    monkeypatch.setenv("DUBWRIGHT_VOICES", str(tmp_path))
    with pytest.raises(DubwrightError, match=why):
        engine("house-voice", EngineKind.SYNTHESIZER)
    # It is listed with its fault, and stands in no other's way.
    card = next(card for card in engines() if card.name == "house-voice")
    assert not card.usable and why in card.limits
    assert "es" in engine("espeak-ng", EngineKind.SYNTHESIZER).languages()


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; sys.exit('no such voice')", "no such voice"),
        ("pass", "wrote no sound"),
        (None, "No such file"),
    ],
)
def test_a_program_that_fails_says_why(
    program: str | None, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", program, "{output}"] if program else ["/no/such", "{output}"]
    described_espeak(tmp_path, command=command)
    monkeypatch.setenv("DUBWRIGHT_VOICES", str(tmp_path))
    voice = engine("house-voice", EngineKind.SYNTHESIZER)
    with pytest.raises(DubwrightError, match=why):
        voice.speak(LINE, "es", 1.0)
    with pytest.raises(DubwrightError, match="has this voice"):
        voice.speak(LINE, "es", 1.0, "caruso")
    with pytest.raises(DubwrightError, match="speaks ja"):
        voice.speak(LINE, "ja", 1.0)


def test_a_text_is_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said reaches a program as it is: braces, quotes and all."""
    program = tmp_path / "note.py"
    program.write_text(
        "import pathlib, shutil, sys\n"
        "pathlib.Path(sys.argv[1]).write_text(sys.argv[2] + '|' + open(sys.argv[3]).read())\n"
        "shutil.copy(sys.argv[4], sys.argv[5])\n"
    )
    heard = tmp_path / "heard.txt"
    command = [
        sys.executable, str(program), str(heard), "{text}", "{text_file}", "{sample}", "{output}",
    ]  # fmt: skip
    described_espeak(tmp_path, command=command)
    monkeypatch.setenv("DUBWRIGHT_VOICES", str(tmp_path))
    voice = engine("house-voice", EngineKind.SYNTHESIZER)
    assert Ability.CLONING in voice.card.abilities and Ability.PACE not in voice.card.abilities
    text = "-{output}; $(rm -rf ~) \"'ünï"
    sample = VoiceSample(np.full(100, 0.5, np.float32), 24000, "hello")
    said = voice.speak(text, "es", 1.0, "", Performance(), sample)
    # What begins like an option does not begin an argument.
    assert heard.read_text() == f" {text}|{text}" and len(said.samples) == 100


def _tones(phones: dict[str, float], pitch: int, seconds: float = 0.4) -> Speech:
    """Vowels of one formant each, on a buzz."""
    rate = 16000
    parts, told, at = [], [], 0
    for _ in range(3):
        for symbol, formant in phones.items():
            times = np.arange(int(seconds * rate)) / rate
            partials = pitch * np.arange(1, 7000 // pitch)
            levels = np.exp(-(((partials - formant) / 400) ** 2)) + 0.01
            part = (np.sin(2 * np.pi * partials[:, None] * times) * levels[:, None]).sum(axis=0)
            parts.append(0.1 * part / part.std())
            told.append(Phone(symbol=symbol, start=at, end=at + len(times)))
            at += len(times)
    return Speech(np.concatenate(parts).astype(np.float32), rate, tuple(told))


def _formant(speech: Speech, phone: Phone) -> float:
    """The middle of a phone's power, in Hz."""
    part = speech.samples[phone.start + 1600 : phone.end - 1600]
    power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
    hz = np.fft.rfftfreq(len(part), 1 / speech.sample_rate)
    return float((power * hz).sum() / power.sum())


def test_a_voice_is_moved_to_another_phone_by_phone() -> None:
    wanted, own = _tones({"a": 1200, "i": 2600}, 200), _tones({"a": 800, "i": 2000}, 120)
    timbre = timbre_of([wanted])
    assert timbre is not None and timbre.pitch_hz == pytest.approx(200, rel=0.02)
    found = matched(own, timbre)
    assert len(found.samples) == len(own.samples) and found.phones == own.phones
    assert _pitch(found) == pytest.approx(200, rel=0.05)
    for number in (0, 1):
        targets = [_formant(speech, speech.phones[number]) for speech in (wanted, own, found)]
        assert abs(targets[2] - targets[0]) < 0.35 * abs(targets[1] - targets[0])
    assert timbre_of([]) is None
    assert timbre_of([Speech(np.zeros(160, np.float32), 16000, ())]) is None


def test_silence_and_loudness_stay_as_they_are() -> None:
    wanted, own = _tones({"a": 1200}, 200), _tones({"a": 800}, 120)
    timbre = timbre_of([wanted])
    assert timbre is not None
    found = matched(own, timbre)
    rms = [float(np.sqrt((speech.samples**2).mean())) for speech in (own, found)]
    assert rms[1] == pytest.approx(rms[0], rel=0.05)
    quiet = Speech(np.zeros(16000, np.float32), 16000, ())
    assert not matched(quiet, timbre).samples.any()


def _sampled(folder: Path, lines: list[dict[str, Any]], seconds: int = 3) -> Context:
    sound = SoundClip(folder / "line.wav", "DX", Fraction(0), Fraction(0), Fraction(seconds))
    task = Task(
        "voice sample", 1,
        {"lines": lines, "language": "en", "aligner": "embedded-aligner"},
        where={"sounds": [sound.as_json()]},
    )  # fmt: skip
    made = folder / "sample"
    made.mkdir()
    context = Context(task, {}, made, lambda: None, 8)
    write_sample(context)
    return context


@pytest.mark.parametrize("family", [tiny_csm, tiny_dia, tiny_pocket_tts, tiny_vibevoice])
def test_a_cloning_engine_is_given_the_speakers_own_lines(
    family: Callable[[Path], Path], tmp_path: Path
) -> None:
    _recording(tmp_path)
    text = "We bought five new boats last summer."
    made = _sampled(tmp_path, [{"samples": [9600, 124800], "text": text}])
    samples, rate = read_mono(made.folder / "sample.wav")
    assert (len(samples), rate) == (57600, 24000)
    (line,) = json.loads((made.folder / "lines.json").read_text())
    assert line["text"] == text and len(line["phones"]) > 20
    told = {
        "synthesizer": "transformers-cloning", "voice": "", "aligner": "embedded-aligner",
    }  # fmt: skip
    weights = {"voice_weights": str(family(tmp_path / "weights"))}
    task = Task("take", 1, told, where=weights)
    with_sample, without = (
        performer_of(Context(task, inputs, tmp_path, lambda: None, 8), "en")
        for inputs in ({"sample": made.folder}, {})
    )
    heard: list[NDArray[np.float32]] = [
        p._synthesizer.speak("where is the boat", "en", 1.0, "", Performance(), p._sample).samples
        for p in (with_sample, without)
    ]
    assert not np.array_equal(*heard)
    assert with_sample._sample is not None and with_sample._sample.text == text
    assert with_sample.notes == ()


@pytest.mark.parametrize("family", [tiny_csm, tiny_dia])
def test_a_voice_that_needs_the_words_of_its_sample_says_so(
    family: Callable[[Path], Path], tmp_path: Path
) -> None:
    voice = engine("transformers-cloning", EngineKind.SYNTHESIZER, family(tmp_path))
    unknown = VoiceSample(np.zeros(24000, np.float32), 24000, "")
    with pytest.raises(DubwrightError, match="words are not known") as caught:
        voice.speak("where is the boat", "en", 1.0, "", Performance(), unknown)
    assert "align" in caught.value.repair


def test_a_prompt_says_what_its_text_says() -> None:
    long, short = np.zeros(24000 * 40, np.float32), np.zeros(24000 * 3, np.float32)
    lines = [(Speech(long, 24000, ()), "many words"), (Speech(short, 24000, ()), "few")]
    sample = _prompt(lines)
    assert sample.text == "few" and len(sample.samples) == 24000 * 3.25
    alone = _prompt(lines[:1])
    assert alone.text == "many words" and len(alone.samples) == 24000 * 40.25
    unknown = _prompt([(Speech(long, 24000, ()), "")])
    assert unknown.text == "" and len(unknown.samples) == 24000 * 12.25


def test_vibevoice_names_the_package_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_cloning, "find_spec", lambda name: None)
    voice = engine("transformers-cloning", EngineKind.SYNTHESIZER, tiny_vibevoice(tmp_path))
    with pytest.raises(DubwrightError, match="VibeVoice") as caught:
        voice.speak("where is the boat", "en", 1.0, "", Performance())
    assert "pip install diffusers" in caught.value.repair


def test_an_own_voice_that_is_not_heard_is_met(tmp_path: Path) -> None:
    write_wav(tmp_path / "line.wav", np.zeros(3 * 48000, np.float32), 48000)
    made = _sampled(tmp_path, [{"samples": [9600, 124800], "text": ""}])
    told = {"synthesizer": "espeak-ng", "voice": ""}
    context = Context(Task("take", 1, told), {"sample": made.folder}, tmp_path, lambda: None, 8)
    with pytest.raises(DubwrightError, match="own voice is not known"):
        performer_of(context, "es")


def test_a_sample_whose_words_are_not_known_still_has_a_colour(tmp_path: Path) -> None:
    _recording(tmp_path)
    made = _sampled(tmp_path, [{"samples": [9600, 124800], "text": ""}])
    told = {"synthesizer": "espeak-ng", "voice": ""}
    context = Context(Task("take", 1, told), {"sample": made.folder}, tmp_path, lambda: None, 8)
    performer = performer_of(context, "es")
    assert "approximate" in performer.notes[0]
    own, usual = performer.speak(LINE, 1.0), Performer(EspeakSynthesizer(), "es").speak(LINE, 1.0)
    assert own.phones == usual.phones and not np.array_equal(own.samples, usual.samples)
    assert _pitch(own) > 1.2 * _pitch(usual), "hers is a woman's voice"


def test_lines_that_are_too_long_are_told_before_anything_is_spoken(
    sample: Any, tmp_path: Path
) -> None:
    cues = tuple(
        Cue(
            id=f"c{number}", speaker="Ana", start_ms=number * 1000, end_ms=number * 1000 + 900,
            text={"es": text},
        )
        for number, text in enumerate(
            ["Sí, claro.", "Esto es una frase larga que nadie puede decir en un segundo.", "..."]
        )
    )  # fmt: skip
    CueSheet(original="en", cues=cues).write(tmp_path / "long.json")
    request = _request(sample, tmp_path, cue_sheet=tmp_path / "long.json")
    store = Store(tmp_path / "store")
    summary = plan_summary(plan_dub(request, store, authority_on()), store)
    (row,) = summary["overlong"]
    assert row["cue"] == "c1" and row["pace"] > 1.6 and int(row["shorten_by"][:-1]) > 20
    assert "too long: c1 in es" in summary_text(summary)


def test_a_voices_own_pace_is_learned_from_what_it_said() -> None:
    def read(text: str, language: str) -> Speech:
        return EspeakSynthesizer().speak(text, language, 1.0)

    def slower(text: str) -> Speech:
        return stretched(read(text, "es"), 0.8)

    texts = [LINE, "Nadie me dijo nada del faro.", "..."]
    assert pace_beside(read, slower, texts, "es") == pytest.approx(0.8, rel=0.02)
    assert pace_beside(read, slower, ["..."], "es") == 1.0
    lines = [Planned(str(number), LINE, 1600) for number in range(3)]
    assert overlong(lines, "es", read) == []
    assert [line.cue for line, _ in overlong(lines, "es", read, 0.7)] == ["0", "1", "2"]
    hurried = [Planned("a", LINE, 1000, pace=1.9)]
    assert overlong(hurried, "es", read) == [] and overlong([], "es", read) == []


def test_an_effort_takes_a_recording_and_overlaps_are_told(sample: Any, tmp_path: Path) -> None:
    _recording(tmp_path)
    takes = tmp_path / "takes"
    takes.mkdir()
    heard, rate = read_mono(tmp_path / "line.wav")
    write_wav(takes / "e1.wav", heard[: rate // 2 + rate // 5], rate)
    effort = Cue(id="e1", speaker="Ben", start_ms=3000, end_ms=3900, kind=CueKind.EFFORT,
                 text={"es": "(grunts)"})  # fmt: skip
    kept = effort.model_copy(update={"id": "e2", "start_ms": 4000, "end_ms": 4400})
    line = Cue(id="c1", speaker="Ana", start_ms=2500, end_ms=4200, text={"es": LINE})
    CueSheet(original="en", cues=(line, effort, kept)).write(tmp_path / "cues.json")
    request = _request(sample, tmp_path, cue_sheet=tmp_path / "cues.json", takes=takes)
    folder = Path(perform("dub", request, Store(tmp_path / "store"))["folder"])
    report = Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
    rows = {row.cue: row for row in report.languages[0].cues}
    assert rows["e1"].dubbed and rows["e1"].engine == "recording"
    assert "where c1 is spoken too" in rows["e1"].reason
    assert not rows["e2"].dubbed and "keeps its own sound" in rows["e2"].reason
    assert "e2 is not dubbed" in rows["c1"].reason
    take = next(
        told for path in (tmp_path / "store").rglob("take.json")
        if (told := json.loads(path.read_text()))["engine"] == "recording"
    )  # fmt: skip
    assert take["text"] == "" and take["aligned_by"].startswith("pocketsphinx/")


def test_fifteen_languages_share_what_is_theirs_and_a_sixteenth_does_only_what_is_new(
    sample: Any, tmp_path: Path
) -> None:
    tags = [
        "es",
        "fr",
        "de",
        "it",
        "pt",
        "pl",
        "ru",
        "tr",
        "hi",
        "ja",
        "zh",
        "ar",
        "ko",
        "sv",
        "nl",
        "cs",
    ]
    cue = Cue(id="c1", speaker="Ana", start_ms=200, end_ms=2600,
              text={"en": "Hello there.", **dict.fromkeys(tags, LINE)})  # fmt: skip
    CueSheet(original="en", cues=(cue,)).write(tmp_path / "many.json")
    plans = {}
    for count in (1, 15, 16):
        request = _request(
            sample, tmp_path, cue_sheet=tmp_path / "many.json", languages=tags[:count],
            lip_sync=True,
        )  # fmt: skip
        plans[count] = plan_dub(request, Store(tmp_path / "store"), authority_on()).tasks
    own = {"take", "curves", "choose", "draw", "check", "mix", "picture", "preview"}
    stages = [Counter(task.stage for task in plans[count].values()) for count in (1, 15)]
    for stage in set(stages[0]) - own:
        assert stages[0][stage] == stages[1][stage], f"{stage} is done once for all"
    new = [task for key, task in plans[16].items() if key not in plans[15]]
    again = Counter(task.stage for task in new) - Counter(
        task.stage for key, task in plans[16].items() if tags[15] in task.label
    )
    # A preview has every language's sound, and is put together anew.
    assert set(again) <= {"preview"}, again
