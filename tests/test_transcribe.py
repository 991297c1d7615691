"""From a soundtrack to a cue sheet: speech found, words heard, voices told apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from consents import authority_on
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_models import (
    WHISPER_LINE,
    scripted_whisper,
    scripted_whisper_folder,
    tiny_voice_embedding,
)

from dubwright.api import perform
from dubwright.dialogue import Cast, CueSheet, read_subtitles
from dubwright.engines import EngineKind, engine
from dubwright.engines.choice import chosen_weights
from dubwright.engines.weights import WeightsFolder
from dubwright.errors import DubwrightError
from dubwright.model import Word
from dubwright.operations.request import EngineChoice, TranscribeRequest, validated
from dubwright.operations.transcribe import plan_transcript
from dubwright.speech.activity import ACTIVITY_RATE, speech_ranges
from dubwright.speech.engines.whisper import WhisperTranscriber
from dubwright.speech.lines import joined, lines_of
from dubwright.speech.voices import mean_print, named_voices, turns_of, voices_among
from dubwright.store import EVERYWHERE, Access, Fingerprints, Store

neural = pytest.mark.skipif(
    bool(WhisperTranscriber.card.missing_packages), reason="whisper-timestamped is not installed"
)

LINE = "We bought five new boats last summer."
RATE = 22050


def _talk(pauses_s: list[float], voices: list[str]) -> NDArray[np.float32]:
    """A line again and again, each after a pause of its own."""
    speak = engine("espeak-ng", EngineKind.SYNTHESIZER).speak
    parts = []
    for pause, voice in zip(pauses_s, voices, strict=True):
        parts += [np.zeros(round(pause * RATE), np.float32), speak(LINE, "en", 1.0, voice).samples]
    return np.concatenate([*parts, np.zeros(RATE, np.float32)])


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventy seconds of talk, so that it has two parts."""
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(path, _talk([1.0] + [1.5] * 19, [""] * 20), RATE)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scripted_whisper(tmp_path_factory.mktemp("weights"))


def _request(talk: Path, weights: Path | None, out: Path, **rest: object) -> TranscribeRequest:
    named = {"whisper-timestamped": str(weights)} if weights else {}
    return validated(
        TranscribeRequest, timeline=talk, output=out, engines={"weights": named}, **rest
    )


def test_speech_is_found_where_it_is() -> None:
    speech = _talk([1.0, 2.0], ["", ""])
    sound = np.interp(
        np.arange(0, len(speech), RATE / ACTIVITY_RATE), np.arange(len(speech)), speech
    ).astype(np.float32)
    first, second = speech_ranges([sound])
    assert abs(first[0] / ACTIVITY_RATE - 1.0) < 0.1
    assert 1.8 < (second[0] - first[1]) / ACTIVITY_RATE < 2.4

    def blocks() -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(sound), 7001):
            yield sound[start : start + 7001]

    assert speech_ranges(blocks()) == [first, second], "blocks change nothing"


def test_no_speech_is_found_in_silence_and_noise() -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, 5 * ACTIVITY_RATE).astype(np.float32)
    assert speech_ranges([np.zeros(5 * ACTIVITY_RATE, np.float32)]) == []
    assert speech_ranges([noise]) == []
    assert speech_ranges([]) == []
    speech = np.resize(_talk([0.0], [""])[: 2 * RATE], 3 * ACTIVITY_RATE).astype(np.float32)
    assert all(end <= len(speech) for _, end in speech_ranges([speech])), "nothing is after the end"


def _word(text: str, start: int, end: int, language: str = "en") -> Word:
    return Word(text=text, start_ms=start, end_ms=end, confidence=0.5, language=language)


def test_lines_end_with_sentences_pauses_and_speakers() -> None:
    words = [
        _word("Yes.", 0, 300), _word("And", 600, 800), _word("then", 800, 1000),
        _word("she", 1800, 2000), _word("came", 2000, 2300), _word("back", 2350, 2600),
    ]  # fmt: skip
    lines = lines_of(words, lambda word: "Ben" if word.text == "back" else "Ada")
    assert [joined(line) for line in lines] == ["Yes.", "And then", "she came", "back"]


def test_what_is_long_is_cut_at_its_longest_pause() -> None:
    words = [_word(str(n), n * 400, n * 400 + 380) for n in range(20)]
    words = [w.model_copy(update={"start_ms": w.start_ms + 300 * (w.start_ms >= 3600),
                                  "end_ms": w.end_ms + 300 * (w.start_ms >= 3600)})
             for w in words]  # fmt: skip
    first, second = lines_of(words, lambda _: "Ada")
    assert joined(first) == "0 1 2 3 4 5 6 7 8" and second[0].text == "9"


def test_japanese_is_joined_without_spaces() -> None:
    assert joined([_word("船", 0, 100, "ja"), _word("を", 100, 200, "ja")]) == "船を"


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 900)), max_size=40))
def test_no_word_is_lost_and_no_line_is_too_long(gaps: list[tuple[int, int]]) -> None:
    words, at = [], 0
    for pause, length in gaps:
        words.append(_word("a", at + pause, at + pause + length))
        at += pause + length
    lines = lines_of(words, lambda _: "Ada")
    assert [word for line in lines for word in line] == words
    assert all(line[-1].end_ms - line[0].start_ms <= 7000 for line in lines)


def test_long_speech_is_printed_in_parts() -> None:
    assert turns_of([(0, 16000 * 7), (16000 * 8, 16000 * 8 + 1000)], 16000) == [
        (0, 37333), (37333, 74667), (74667, 112000),
    ]  # fmt: skip


def test_voices_are_numbered_as_they_are_first_heard() -> None:
    print_a, print_b = np.eye(4, dtype=np.float32)[:2]
    nearly = mean_print(np.array([print_b, print_b, print_a]))
    prints = np.array([print_b, print_a, nearly])
    assert voices_among(prints, 0.6).tolist() == [0, 1, 0]
    assert named_voices([print_b, print_a], {"Ada": nearly}, 0.6) == ["Ada", ""]


def test_one_saved_voice_names_one_voice_only() -> None:
    saved = np.array([1, 0, 0], np.float32)
    near = mean_print(np.array([[1, 0.3, 0]], np.float32))
    nearer = mean_print(np.array([[1, 0.1, 0]], np.float32))
    assert named_voices([near, nearer], {"Ada": saved}, 0.6) == ["", "Ada"]


@neural
@pytest.mark.parametrize("kind", ["openai", "hugging face"])
def test_whisper_hears_with_either_kind_of_weights(kind: str, tmp_path: Path) -> None:
    make = scripted_whisper if kind == "openai" else scripted_whisper_folder
    noise = np.random.default_rng(0).normal(0, 0.05, 6 * RATE).astype(np.float32)
    heard = engine("whisper-timestamped", EngineKind.TRANSCRIBER, make(tmp_path)).transcribe(
        noise, RATE, [(RATE, 5 * RATE)], "en-GB"
    )
    assert " ".join(word.text for word in heard.words) == WHISPER_LINE.strip()
    assert heard.language == "en" and heard.words[0].start >= RATE
    assert all(0 <= word.confidence <= 1 for word in heard.words)


@neural
def test_weights_that_are_not_whispers_are_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pt"
    wrong.write_bytes(b"not a model")
    with pytest.raises(DubwrightError, match="could not transcribe"):
        engine("whisper-timestamped", EngineKind.TRANSCRIBER, wrong).languages()


@neural
def test_a_recording_becomes_a_cue_sheet(talk: Path, weights: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    request = _request(talk, weights, tmp_path / "out", original="en")
    folder = Path(perform("transcribe", request, store)["folder"])
    sheet = CueSheet.read(folder / "cue_sheet.json")
    assert sheet.original == "en"
    # The scripted model says its line in every half minute of speech; both parts have some.
    said = " ".join(cue.text["en"] for cue in sheet.cues)
    times = said.count("hello")
    assert times >= 2 and said == " ".join([WHISPER_LINE.strip()] * times)
    assert all(cue.confidence is not None for cue in sheet.cues)
    assert {cue.speaker for cue in sheet.cues} == {"Speaker 1"}
    words = json.loads((folder / "transcript.json").read_text())["cues"]
    assert words[sheet.cues[0].id][0]["text"] == "hello"
    subtitles = read_subtitles(folder / "talk.en.srt")
    assert [s.text for s in subtitles] == [cue.text["en"] for cue in sheet.cues]
    again = perform("transcribe", request, store)["folder"]
    assert again == str(folder), "the same transcript is not delivered twice"


@neural
def test_parts_are_tasks_of_their_own(talk: Path, weights: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    plan = plan_transcript(_request(talk, weights, tmp_path), store, authority_on())
    parts = [task for task in plan.tasks.values() if task.stage == "words"]
    assert len(parts) == 2 and all(task.loads_weights for task in parts)
    other = scripted_whisper_folder(tmp_path / "others")
    different = plan_transcript(_request(talk, other, tmp_path), store, authority_on())
    shared = plan.tasks.keys() & different.tasks.keys()
    assert {plan.tasks[key].stage for key in shared} == {"speech", "voices"}, "weights are in keys"


@neural
def test_two_voices_are_two_speakers_and_known_again(weights: Path, tmp_path: Path) -> None:
    store, out = Store(tmp_path / "store"), tmp_path / "out"
    first, second = tmp_path / "one.wav", tmp_path / "two.wav"
    soundfile.write(first, _talk([0.5] + [1.0] * 29, ["m1", "f4"] * 15), RATE)
    soundfile.write(second, _talk([0.5] + [1.0] * 5, ["f4"] * 6), RATE)
    folder = Path(perform("transcribe", _request(first, weights, out), store)["folder"])
    cast = Cast.read(folder / "cast.json")
    assert [speaker.name for speaker in cast.speakers] == ["Speaker 1", "Speaker 2"]
    renamed = tuple(
        speaker.model_copy(update={"name": name})
        for speaker, name in zip(cast.speakers, ("Ben", "Ada"), strict=True)
    )
    known = tmp_path / "cast.json"
    cast.model_copy(update={"speakers": renamed}).write(known)
    folder = Path(
        perform("transcribe", _request(second, weights, out, cast=known), store)["folder"]
    )
    assert {cue.speaker for cue in CueSheet.read(folder / "cue_sheet.json").cues} == {"Ada"}
    assert Cast.read(folder / "cast.json") == Cast.read(known), "nobody is added"


@neural
def test_voices_are_told_apart_by_weights_of_ones_own(weights: Path, tmp_path: Path) -> None:
    """Prints are kept under the engine and what it loaded: others' are not theirs."""
    recording = tmp_path / "one.wav"
    soundfile.write(recording, _talk([0.5] + [1.0] * 9, ["m1", "f4"] * 5), RATE)
    request = _request(recording, weights, tmp_path / "out")
    named = request.engines.weights | {"voice-embedding": str(tiny_voice_embedding(tmp_path))}
    engines = EngineChoice(diarizer="voice-embedding", weights=named)
    asked = request.model_copy(update={"engines": engines})
    folder = Path(perform("transcribe", asked, Store(tmp_path / "store"))["folder"])
    cast = Cast.read(folder / "cast.json")
    identities = {identity for speaker in cast.speakers for identity in speaker.prints}
    assert len(identities) == 1
    assert identities.pop().startswith("voice-embedding/1 ")
    assert all(len(each) == 80 for speaker in cast.speakers for each in speaker.prints.values())


@neural
def test_silence_is_told(weights: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(RATE), RATE)
    with pytest.raises(DubwrightError, match="No speech was heard"):
        perform("transcribe", _request(silent, weights, tmp_path / "o"), Store(tmp_path / "s"))


def test_without_weights_they_are_offered(
    talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBWRIGHT_WEIGHTS", str(tmp_path / "none.json"))
    with pytest.raises(DubwrightError) as told:
        plan_transcript(_request(talk, None, tmp_path), Store(tmp_path / "s"), authority_on())
    for part in ("dubwright models pull openai/whisper-small", "apache-2.0", "970 MB", "align"):
        assert part in told.value.repair


def test_weights_are_found_by_what_they_are_called(tmp_path: Path) -> None:
    card = WhisperTranscriber.card
    prints = Fingerprints(tmp_path)
    cache = tmp_path / "hub"
    snapshot = cache / "models--openai--whisper-base" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    branch = cache / "models--openai--whisper-base" / "refs" / "main"
    branch.parent.mkdir()
    branch.write_text("abc")
    folder = WeightsFolder(cache, tmp_path / "weights.json")
    found = chosen_weights(card, "openai/whisper-base", prints, EVERYWHERE, folder)
    assert (found.path, found.identity) == (snapshot, "openai/whisper-base@abc")
    own = chosen_weights(card, str(snapshot), prints, EVERYWHERE, folder)
    (snapshot / "config.json").write_text('{"changed": true}')
    assert own.identity != chosen_weights(card, str(snapshot), prints, EVERYWHERE, folder).identity
    with pytest.raises(DubwrightError, match="not opened"):
        chosen_weights(card, str(snapshot), prints, Access([tmp_path / "elsewhere"]), folder)
    with pytest.raises(DubwrightError, match="no weights"):
        chosen_weights(card, str(tmp_path / "nowhere"), prints, EVERYWHERE, folder)


def test_a_timeline_of_effects_alone_is_refused(tmp_path: Path) -> None:
    from fractions import Fraction

    import opentimelineio as otio

    from dubwright.sample.scene import sample_scene, write_sample

    path = write_sample(tmp_path, sample_scene(96, 54, Fraction(24), 1), lambda *_: None)
    timeline = otio.adapters.read_from_file(str(path))
    for track in timeline.audio_tracks():
        track.enabled = "M&E" in track.name
    otio.adapters.write_to_file(timeline, str(path))
    with pytest.raises(DubwrightError, match="no dialogue to hear"):
        plan_transcript(_request(path, None, tmp_path), Store(tmp_path / "s"), authority_on())
