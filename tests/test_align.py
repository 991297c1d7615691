"""Lines whose words are known are found in the sound, and their phones timed."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_voices import tiny_wav2vec2

from dubwright.api import perform
from dubwright.dialogue import CueSheet
from dubwright.dialogue.labels import read_phones
from dubwright.dialogue.script import ScriptLine, read_script
from dubwright.engines import EngineKind, Speech, engine
from dubwright.errors import DubwrightError
from dubwright.media.audio import resampled
from dubwright.model import Phone
from dubwright.operations.request import AlignRequest, validated
from dubwright.operations.results import load_phones_of_lines, save_phones
from dubwright.operations.stages import STAGES
from dubwright.operations.task import Context, Task
from dubwright.speech import locate
from dubwright.speech.drift import drift_of
from dubwright.speech.engines import ctc_aligner
from dubwright.speech.engines.ctc_aligner import placed_along
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.engines.pocketsphinx_align import PocketSphinxAligner
from dubwright.speech.locate import FOUND_RATE, heard_features, located_lines, read_features
from dubwright.speech.long_takes import timed_in_parts
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.refine import Example, retimed, trained
from dubwright.speech.soundtrack import SoundClip
from dubwright.store import Store

RATE = 22050
SPANISH = [
    "Compramos cinco barcos nuevos el verano pasado.",
    "Nadie me dijo nada del faro.",
    "Mi hermano toca el piano todas las tardes.",
    "La caja grande está junto a la ventana.",
    "Nunca volvieron del puerto viejo.",
    "Dame el mapa y te enseño el camino.",
    "Hacía frío y el camino era largo.",
    "Mañana por la mañana nos vemos.",
]
UNSAID = 2


def _say(text: str, language: str = "es", speed: float = 1.0, voice: str = "m3") -> Speech:
    return engine("espeak-ng", EngineKind.SYNTHESIZER).speak(text, language, speed, voice)


def _errors_ms(
    truth: tuple[Phone, ...], found: tuple[Phone, ...], rate: int
) -> NDArray[np.float64]:
    """How far starts are apart, of phones that both have in the same order."""
    said = [phone for phone in truth if phone.symbol]
    timed = [phone for phone in found if phone.symbol]
    assert [p.symbol for p in said] == [p.symbol for p in timed]
    return np.array([(f.start - s.start) * 1000 / rate for s, f in zip(said, timed, strict=True)])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[float, float]]]:
    """A recording of all Spanish lines but one, with pauses; and when each begins and ends."""
    parts, times, at = [], [], 0
    for number, text in enumerate(SPANISH):
        pause = np.zeros(RATE * (1 + number % 3), np.float32)
        if number == UNSAID:
            times.append((0.0, 0.0))
            continue
        speech = _say(text, speed=1.0 + 0.05 * (number % 3))
        said = [phone for phone in speech.phones if phone.symbol]
        at += len(pause)
        times.append(((at + said[0].start) / RATE, (at + said[-1].end) / RATE))
        at += len(speech.samples)
        parts += [pause, speech.samples]
    path = tmp_path_factory.mktemp("scene") / "scene.wav"
    noise = np.random.default_rng(2).normal(0, 0.001, at + RATE)
    soundfile.write(path, np.concatenate([*parts, np.zeros(RATE)]) + noise, RATE)
    return path, times


def _align(recording: Path, out: Path, **lines: Path) -> tuple[Path, dict[str, object]]:
    request = validated(AlignRequest, timeline=recording, original="es", output=out, **lines)
    folder = Path(perform("align", request, Store(out / "store"))["folder"])
    return folder, json.loads((folder / "alignment.json").read_text(encoding="utf-8"))


def test_plain_text_is_a_script(tmp_path: Path) -> None:
    path = tmp_path / "scene.txt"
    path.write_text(
        "ADA: Come in (softly). Sit.\n\nBen (off): Is it 7:30?\nNobody else.\n", "utf-8"
    )
    assert read_script(path) == [
        ScriptLine("ADA", "Come in . Sit."),
        ScriptLine("Ben", "Is it 7:30?"),
        ScriptLine("", "Nobody else."),
    ]


def test_a_screenplay_is_a_script(tmp_path: Path) -> None:
    path = tmp_path / "scene.fountain"
    path.write_text(
        "INT. LIGHTHOUSE - NIGHT\nA storm.\n\nADA (O.S.)\n(shouting)\nCome in!\nIt's *cold*.\n\n"
        "Ben enters.\n\nBEN\nI know.\n",
        "utf-8",
    )
    assert read_script(path) == [
        ScriptLine("Ada", "Come in! It's cold ."),
        ScriptLine("Ben", "I know."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Привет, как дела?\nХорошо, спасибо.\nИ у меня тоже.",
        "こんにちは。\n元気ですか。",
        "OK!\nLet's go home.\n\nI am tired.",
        "ADA: STOP!\nBob: I won't stop.\n\nAda: Please.",
    ],
)
def test_no_line_of_plain_text_is_taken_for_a_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scene.txt"
    path.write_text(text, "utf-8")
    assert len(read_script(path)) == len([line for line in text.splitlines() if line])


def test_final_draft_is_a_script(tmp_path: Path) -> None:
    path = tmp_path / "scene.fdx"
    path.write_text(
        '<?xml version="1.0"?><FinalDraft><Content><Paragraph Type="Action"><Text>Rain.</Text>'
        '</Paragraph><Paragraph Type="Character"><Text>ADA (V.O.)</Text></Paragraph>'
        '<Paragraph Type="Dialogue"><Text>Come </Text><Text>in.</Text></Paragraph></Content>'
        "</FinalDraft>",
        "utf-8",
    )
    assert read_script(path) == [ScriptLine("Ada", "Come in.")]


def test_long_speeches_are_split_where_sentences_end(tmp_path: Path) -> None:
    path = tmp_path / "scene.txt"
    path.write_text("ADA: " + "This is a sentence of some length, said slowly. " * 8, "utf-8")
    lines = read_script(path)
    assert len(lines) == 3 and all(len(line.text) < 160 for line in lines)
    assert all(line.text.endswith(".") and line.speaker == "ADA" for line in lines)


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", b"\n...\n"), ("a.fdx", b"<a><b></a>"), ("a.txt", b"\xff\xfe")]
)
def test_what_is_no_script_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DubwrightError, match="script"):
        read_script(path)


def test_lines_are_found_and_what_is_not_said_is_left_out() -> None:
    said = [SPANISH[0], SPANISH[3], SPANISH[4], SPANISH[6]]
    parts, starts, at = [], [], 0
    for text in said:
        speech = _say(text, voice="f2")
        parts += [np.zeros(RATE, np.float32), speech.samples]
        starts.append((at + RATE) / RATE)
        at += RATE + len(speech.samples)
    sound = np.concatenate(parts)
    features = heard_features(sound, RATE)
    loud = (
        np.abs(sound[: len(features) * RATE // FOUND_RATE]).reshape(len(features), -1).max(axis=1)
    )
    found = located_lines(
        [(features, loud > 1e-3)], read_features([_say(t, voice="") for t in SPANISH[:7]])
    )
    assert [line.line for line in found] == [0, 3, 4, 6]
    for line, start in zip(found, starts, strict=True):
        assert abs(line.start / FOUND_RATE - start) < 0.3 and line.end > line.start


def test_where_the_blocks_are_cut_changes_nothing() -> None:
    sound = np.concatenate([_say(text, voice="f2").samples for text in SPANISH[:3]])
    features = heard_features(sound, RATE)
    speaks = np.ones(len(features), bool)
    lines = read_features([_say(text, voice="") for text in SPANISH[:3]])
    whole = located_lines([(features, speaks)], lines)
    parts = [(features[at : at + 17], speaks[at : at + 17]) for at in range(0, len(features), 17)]
    assert located_lines(parts, lines) == whole and len(whole) == 3


@given(
    st.floats(-20_000, 20_000),
    st.sampled_from([1.0, 25 / 24, 24 / 25, 1.001, 0.98]),
    st.integers(0, 2**32),
)
def test_drift_is_found_whatever_single_lines_do(offset: float, speed: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    given_ms = np.sort(random.integers(0, 1_800_000, 60))
    found = offset + speed * given_ms + random.normal(0, 30, 60)
    found[::9] += 8000
    drift = drift_of(given_ms.tolist(), found.round().astype(int).tolist())
    assert drift is not None
    assert drift.speed == pytest.approx(speed, abs=5e-4)
    assert bool(drift.told) == (speed != 1 or abs(drift.offset_ms) >= 200)


def test_what_the_times_were_made_for_is_told() -> None:
    given_ms = list(range(0, 600_000, 10_000))
    drift = drift_of(given_ms, [round(1500 + at * 25 / 24) for at in given_ms])
    assert drift is not None and "25 frames a second, and the sound runs at 24" in drift.told
    assert "1.5 s too early" in drift.told
    assert drift_of([], []) is None


def test_a_script_becomes_a_timed_cue_sheet(
    scene: tuple[Path, list[tuple[float, float]]], tmp_path: Path
) -> None:
    recording, times = scene
    script = tmp_path / "script.txt"
    script.write_text(
        "\n".join(f"{'AB'[n % 2]}da: {text}" for n, text in enumerate(SPANISH)), "utf-8"
    )
    folder, report = _align(recording, tmp_path, script=script)
    sheet = CueSheet.read(folder / "cue_sheet.json")
    by_text = {cue.text["es"]: cue for cue in sheet.cues}
    assert report["found"] == len(SPANISH) - 1 and not report["doubt"]
    for number, (text, (start, end)) in enumerate(zip(SPANISH, times, strict=True)):
        cue = by_text[text]
        assert cue.speaker == f"{'AB'[number % 2]}da"
        if number == UNSAID:
            assert cue.confidence == 0 and "not found" in cue.note
        else:
            assert abs(cue.start_ms / 1000 - start) < 0.06, text
            assert abs(cue.end_ms / 1000 - end) < 0.1, text
            phones = read_phones(folder / "phones" / f"{cue.id}.txt")
            assert phones[0].start_ms == 0 and cue.confidence is not None and cue.confidence > 0.8
    looked = [row["cue"] for row in report["cues"] if "look" in row]  # type: ignore[attr-defined]
    assert looked == [by_text[SPANISH[UNSAID]].id]


def test_a_line_that_cannot_be_spoken_costs_no_other(
    scene: tuple[Path, list[tuple[float, float]]], tmp_path: Path
) -> None:
    subtitles = tmp_path / "songs.srt"
    texts = [SPANISH[0], SPANISH[1], "♪ ♪", SPANISH[3], "..."]
    subtitles.write_text(
        "\n".join(
            f"{n}\n00:00:{n:02d},000 --> 00:00:{n:02d},900\n{text}\n"
            for n, text in enumerate(texts)
        ),
        "utf-8",
    )
    folder, report = _align(scene[0], tmp_path, subtitles=subtitles)
    cues = CueSheet.read(folder / "cue_sheet.json").cues
    assert report["found"] == 3 and len(cues) == len(texts)


def test_subtitles_that_drift_are_told_and_corrected(
    scene: tuple[Path, list[tuple[float, float]]], tmp_path: Path
) -> None:
    recording, times = scene
    lines = []
    for number, (text, (start, end)) in enumerate(zip(SPANISH, times, strict=True)):
        if number != UNSAID:
            a, b = (f"00:00:{at + 2.5:06.3f}".replace(".", ",") for at in (start, end))
            lines.append(f"{number}\n{a} --> {b}\n{text}\n")
    subtitles = tmp_path / "scene.srt"
    subtitles.write_text("\n".join(lines), "utf-8")
    folder, report = _align(recording, tmp_path, subtitles=subtitles)
    drift = report["drift"]
    assert drift["offset_ms"] == pytest.approx(-2500, abs=60)  # type: ignore[index]
    assert "2.5 s too late" in drift["told"]  # type: ignore[index]
    cues = CueSheet.read(folder / "cue_sheet.json").cues
    said = [start for number, (start, _) in enumerate(times) if number != UNSAID]
    assert all(abs(c.start_ms / 1000 - at) < 0.06 for c, at in zip(cues, said, strict=True))


def test_a_script_of_something_else_is_told(
    scene: tuple[Path, list[tuple[float, float]]], tmp_path: Path
) -> None:
    script = tmp_path / "script.txt"
    script.write_text("\U0001f642 \U0001f642\n", "utf-8")
    with pytest.raises(DubwrightError, match="Nobody says anything"):
        _align(scene[0], tmp_path, script=script)
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(RATE * 3), RATE)
    script.write_text("Nadie dice nada.", "utf-8")
    with pytest.raises(DubwrightError, match="None of the lines is found"):
        _align(silent, tmp_path, script=script)
    unspeakable = tmp_path / "dots.srt"
    unspeakable.write_text("1\n00:00:01,000 --> 00:00:02,000\n...\n", "utf-8")
    with pytest.raises(DubwrightError, match="None of the lines is found"):
        _align(scene[0], tmp_path, subtitles=unspeakable)
    request = validated(
        AlignRequest, timeline=silent, original="tlh", output=tmp_path, script=script
    )
    with pytest.raises(DubwrightError, match="No engine times lines in tlh"):
        perform("align", request, Store(tmp_path / "store"))


def test_a_script_in_another_language_is_doubted(
    scene: tuple[Path, list[tuple[float, float]]], tmp_path: Path
) -> None:
    script = tmp_path / "script.txt"
    script.write_text(
        "The weather is fine today.\nWhere have you been since Monday?\nI lost my keys.\n"
        "Nobody knows why she left.\nThe train comes at half past ten.\nShow me your hands.\n",
        "utf-8",
    )
    _, report = _align(scene[0], tmp_path, script=script)
    assert "another language" in str(report["doubt"])


def test_phones_are_timed_better_by_how_the_speaker_sounds() -> None:
    """Alignments that are 40 ms off are drawn to where the speaker's phones are."""
    lines, readings, truths = [], [], []
    for number, text in enumerate(SPANISH * 2):
        speech = _say(text, voice="f4")
        reading = _say(text, voice="")
        lines.append(Example(speech.samples, RATE, _misplaced(speech, number)))
        readings.append(Example(reading.samples, RATE, reading.phones))
        truths.append(speech.phones)
    model = trained(lines, readings)
    assert model is not None
    before = [_errors_ms(t, line.phones, RATE) for t, line in zip(truths, lines, strict=True)]
    after = [
        _errors_ms(t, retimed(line, model), RATE) for t, line in zip(truths, lines, strict=True)
    ]
    assert np.median(np.abs(np.concatenate(after))) < np.median(np.abs(np.concatenate(before))) / 2


def test_what_cannot_be_timed_better_stays_as_it_is() -> None:
    lines = []
    for text in SPANISH:
        speech = _say(text, voice="f4")
        sure = tuple(phone.model_copy(update={"confidence": 0.5}) for phone in speech.phones)
        lines.append(Example(speech.samples, RATE, sure))
    model = trained(lines, lines)
    assert model is not None
    assert {phone.confidence for phone in retimed(lines[0], model) if phone.symbol} == {0.5}
    first = lines[0].phones[0]
    foreign = (*lines[0].phones[:5], first.model_copy(update={"symbol": "ʘ", "start": 7}))
    pause = (first.model_copy(update={"symbol": ""}),)
    for phones in (foreign, pause):
        assert retimed(replace(lines[0], phones=phones), model) == phones
    hurried = replace(lines[0], samples=lines[0].samples[: RATE // 10])
    assert retimed(hurried, model) == hurried.phones
    quiet = [replace(line, samples=np.zeros_like(line.samples)) for line in lines]
    assert trained(quiet, quiet) is None


def test_no_lines_are_found_where_none_are_looked_for() -> None:
    assert locate.located_lines([(np.zeros((3, 26)), np.ones(3, np.bool_))], []) == []


def test_the_original_lines_of_a_dub_are_timed_by_how_each_speaker_sounds(tmp_path: Path) -> None:
    before, after = _timed_again(SPANISH * 2, tmp_path / "much")
    assert np.median(np.abs(after)) < np.median(np.abs(before)) / 2
    before, after = _timed_again(SPANISH[:3], tmp_path / "little")
    np.testing.assert_array_equal(before, after)


def _timed_again(texts: list[str], folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far misplaced phones are off, and after the speaker's lines taught where they are.

    A line that nobody could time comes first.
    """
    lines = [{"cue": "mumbled", "text": "...", "samples": [0, MIX_RATE // 2]}]
    parts, truths, at = [np.zeros(MIX_RATE // 2, np.float32)], {}, MIX_RATE // 2
    inputs = {"line:mumbled": folder / "mumbled"}
    inputs["line:mumbled"].mkdir(parents=True)
    save_phones([], inputs["line:mumbled"], untimed="nothing in it can be spoken")
    for number, text in enumerate(texts):
        said = _at_mix_rate(_say(text, voice="f4"))
        wrong = _misplaced(said, number)
        cue = f"cue{number}"
        inputs[f"line:{cue}"] = folder / cue
        inputs[f"line:{cue}"].mkdir()
        save_phones(wrong, inputs[f"line:{cue}"])
        lines.append({"cue": cue, "text": text, "samples": [at, at + len(said.samples)]})
        truths[cue] = (said.phones, wrong)
        parts.append(said.samples)
        at += len(said.samples)
    soundfile.write(folder / "scene.wav", np.concatenate(parts), MIX_RATE)
    whole = SoundClip(folder / "scene.wav", "DX", Fraction(0), Fraction(0), Fraction(at, MIX_RATE))
    task = Task(
        "retimed lines", 1, {"lines": lines, "language": "es"}, where={"sounds": [whole.as_json()]}
    )
    made = folder / "made"
    made.mkdir()
    STAGES["retimed lines"](Context(task, inputs, made, lambda: None, 8))
    found = load_phones_of_lines(made)
    assert found.keys() == truths.keys()
    before = [_errors_ms(truth, wrong, MIX_RATE) for truth, wrong in truths.values()]
    after = [_errors_ms(truth, tuple(found[cue]), MIX_RATE) for cue, (truth, _) in truths.items()]
    return np.concatenate(before), np.concatenate(after)


def _at_mix_rate(speech: Speech) -> Speech:
    times = [(p.start * MIX_RATE // RATE, p.end * MIX_RATE // RATE) for p in speech.phones]
    phones = [
        phone.model_copy(update={"start": start, "end": end})
        for phone, (start, end) in zip(speech.phones, times, strict=True)
    ]
    return Speech(resampled(speech.samples, RATE, MIX_RATE), MIX_RATE, tuple(phones))


def _misplaced(speech: Speech, seed: int) -> tuple[Phone, ...]:
    """Phones that each begin up to 40 ms from where they do."""
    random = np.random.default_rng(seed)
    shifts = random.integers(-40, 40, len(speech.phones)) * speech.sample_rate // 1000
    edges = [0]
    for phone, shift in zip(speech.phones[1:], shifts, strict=False):
        edges.append(min(max(edges[-1] + 1, phone.start + int(shift)), len(speech.samples) - 1))
    ends = [*edges[1:], len(speech.samples)]
    return tuple(
        phone.model_copy(update={"start": start, "end": end})
        for phone, start, end in zip(speech.phones, edges, ends, strict=True)
    )


def test_english_is_timed_with_words_that_no_dictionary_has() -> None:
    text = "My brother Zorblax has 5 boats."
    speech = _say(text, "en", voice="")
    phones = PocketSphinxAligner().align(speech.samples, RATE, text, "en")
    said = "".join(phone.symbol for phone in phones)
    assert said == "maɪbɹəðɝzɔɹblækshəzfaɪvboʊts"
    assert all(phone.confidence is not None and 0 < phone.confidence <= 1 for phone in phones)


def test_a_search_that_goes_astray_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines in any order, looked for where few are in reach: those that are found are in order."""
    monkeypatch.setattr(locate, "REACH", 30)
    monkeypatch.setattr(locate, "FORGET_EVERY", 3)
    for seed in range(30, 40):
        random = np.random.default_rng(seed)
        lines = [random.normal(size=(int(random.integers(3, 25)), 26)) for _ in range(30)]
        said = [lines[number] for number in random.integers(0, 30, 12)]
        spoken = [line + random.normal(0, 0.3, line.shape) for line in said]
        heard = np.concatenate([*spoken, random.normal(size=(40, 26))])
        found = located_lines([(heard, np.ones(len(heard), bool))], lines)
        assert found and [line.line for line in found] == sorted({line.line for line in found})


def test_what_one_aligner_refuses_the_other_times() -> None:
    text = "Xylographic qoph."
    speech = _say("Ah.", "en", voice="")
    with pytest.raises(DubwrightError, match="cannot be timed"):
        PocketSphinxAligner().align(speech.samples, RATE, "...", "en")
    phones = engine("embedded-aligner", EngineKind.ALIGNER).align(speech.samples, RATE, text, "en")
    assert any(phone.symbol for phone in phones)


def _long(repeats: int) -> tuple[NDArray[np.float32], str, tuple[Phone, ...]]:
    """Lines one after another, with pauses and without, as one recording, and its phones."""
    parts: list[NDArray[np.float32]] = []
    phones: list[Phone] = []
    at = 0
    for number, text in enumerate(SPANISH * repeats):
        speech = _say(text)
        phones += [
            phone.model_copy(update={"start": phone.start + at, "end": phone.end + at})
            for phone in speech.phones
        ]
        pause = np.zeros(number % 4 * RATE // 4, np.float32)
        parts += [speech.samples, pause]
        at += len(speech.samples) + len(pause)
    return np.concatenate(parts), " ".join(SPANISH * repeats), tuple(phones)


def test_a_long_take_is_timed_in_parts() -> None:
    samples, text, phones = _long(3)
    assert len(samples) > 45 * RATE
    aligner = engine("embedded-aligner", EngineKind.ALIGNER)
    errors = _errors_ms(phones, aligner.align(samples, RATE, text, "es"), RATE)
    assert np.median(np.abs(errors)) < 12 and np.percentile(np.abs(errors), 90) < 40
    # What cannot be spoken goes with its neighbours.
    again = aligner.align(samples, RATE, f"... {text} ...", "es")
    assert [p.symbol for p in again if p.symbol] == [p.symbol for p in phones if p.symbol]


def test_a_long_take_that_says_something_else_is_met() -> None:
    with pytest.raises(DubwrightError, match="does not say its text"):
        timed_in_parts(
            lambda *_: (), _say, np.zeros(20 * RATE, np.float32), RATE, " ".join(SPANISH), "es"
        )


def _spiked(tokens: list[int], frames: list[int], length: int, size: int) -> NDArray[np.float64]:
    """Log probabilities of a network that hears tokens for two frames each, and blanks between."""
    heard = np.full((length, size), 0.01)
    heard[:, 0] = 1
    for token, frame in zip(tokens, frames, strict=True):
        heard[frame : frame + 2] = 0.01
        heard[frame : frame + 2, token] = 1
    found: NDArray[np.float64] = np.log(heard / heard.sum(axis=1, keepdims=True))
    return found


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=12))
def test_tokens_are_placed_where_they_are_heard(told: list[tuple[int, int]]) -> None:
    tokens = [token for token, _ in told]
    frames = np.cumsum([2 + gap for _, gap in told]).tolist()
    places = placed_along(_spiked(tokens, frames, frames[-1] + 5, 5), tokens, 0)
    assert [start for start, _ in places] == frames
    assert [end for _, end in places] == [frame + 2 for frame in frames]


def test_more_tokens_than_frames_are_refused() -> None:
    heard = _spiked([], [], 4, 3)
    assert len(placed_along(heard, [1, 2, 1, 2], 0)) == 4
    with pytest.raises(ValueError, match="fewer frames"):
        placed_along(heard, [1, 1, 1], 0)


@pytest.mark.parametrize("letters", [False, True])
def test_what_a_network_hears_times_phones(letters: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that hears each phone, or each letter of a word, in the middle of where it is."""
    text = SPANISH[0]
    reading = EspeakSynthesizer().speak_with_words(text, "es", 0.9, "m3")
    spoken = [phone for phone in reading.speech.phones if phone.symbol]
    length = len(reading.speech.samples) * 50 // RATE
    if letters:
        alphabet = sorted({c for c in text.lower() if c.isalpha()})
        vocabulary = {name: number for number, name in enumerate(["<pad>", "|", *alphabet])}
        tokens, frames = [], []
        ends = [*reading.words[1:], spoken[-1].end]
        for word, start, end in zip(text.lower().rstrip(".").split(), reading.words, ends,
                                    strict=True):  # fmt: skip
            places = np.linspace(start, end, 2 * len(word) + 1)[1::2] * 50 / RATE
            tokens += [vocabulary[letter] for letter in word]
            frames += [int(place) for place in places]
    else:
        vocabulary = {
            name: number
            for number, name in enumerate(["<pad>", *sorted({p.symbol for p in spoken})])
        }
        tokens = [vocabulary[phone.symbol] for phone in spoken]
        frames = [(phone.start + phone.end) * 25 // RATE for phone in spoken]
    heard = np.full((length + 2, len(vocabulary)), 0.001)
    heard[:, 0] = 1
    for token, frame in zip(tokens, frames, strict=True):
        heard[frame] = 0.001
        heard[frame, token] = 1
    heard = np.log(heard / heard.sum(axis=1, keepdims=True))
    model = ctc_aligner._Model(vocabulary, 0, lambda _: heard)
    monkeypatch.setattr(ctc_aligner, "_model", lambda _: model)
    aligner = ctc_aligner.CtcAligner(Path("weights"))
    found = aligner.align(reading.speech.samples, RATE, text, "es")
    errors = np.abs(_errors_ms(reading.speech.phones, found, RATE))
    assert np.median(errors) < 30 and np.percentile(errors, 90) < 80
    assert all(phone.confidence is not None and phone.confidence > 0.3 for phone in found)


def test_weights_of_an_aligner_are_chosen_and_told(tmp_path: Path) -> None:
    speech = _say(SPANISH[0])
    soundfile.write(tmp_path / "line.wav", speech.samples, RATE)
    (tmp_path / "line.txt").write_text(SPANISH[0])
    weights = tiny_wav2vec2(tmp_path / "wav2vec2")
    request = validated(
        AlignRequest, timeline=tmp_path / "line.wav", script=tmp_path / "line.txt",
        original="es", output=tmp_path / "out",
        engines={"aligner": "ctc-aligner", "weights": {"ctc-aligner": str(weights)}},
    )  # fmt: skip
    folder = Path(perform("align", request, Store(tmp_path / "store"))["folder"])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["engines"]["aligner"].startswith("ctc-aligner/1 wav2vec2@")
    for broken, name in ((b"{}", "config.json"), (b'{"a": {"b": 1}}', "vocab.json")):
        kept = (weights / name).read_bytes()
        (weights / name).write_bytes(broken)
        with pytest.raises(DubwrightError, match="aligner's weights"):
            engine("ctc-aligner", EngineKind.ALIGNER, weights).align(
                speech.samples, RATE, SPANISH[0], "es"
            )
        (weights / name).write_bytes(kept)
