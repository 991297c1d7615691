"""Every installed engine conforms to its protocol; and the kit finds those that do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from filmed import FRAMES, FilmedActor
from scipy.ndimage import uniform_filter1d
from tiny_face_landmarker import face_landmarker_task
from tiny_generators import (
    scripted_wav2lip,
    scripted_wav2lip_checkpoint,
    tiny_latentsync,
    tiny_musetalk,
)
from tiny_models import (
    scripted_bisenet,
    scripted_occlusion_mask,
    scripted_refiner,
    scripted_whisper,
    tiny_demucs,
    tiny_mdx_net,
    tiny_segformer,
    tiny_voice_embedding,
)
from tiny_voices import (
    described_espeak,
    tiny_bark,
    tiny_convolutional,
    tiny_csm,
    tiny_dia,
    tiny_pocket_tts,
    tiny_speecht5,
    tiny_vibevoice,
    tiny_vits,
    tiny_wav2vec2,
    tiny_whisper_encoder,
)
from write_schemas import DOCUMENTS

from dubwright.engines import Ability, EngineKind, Speech, engine, engine_card, engines
from dubwright.engines.conformance import (
    aligner_faults,
    diarizer_faults,
    face_parser_faults,
    face_tracker_faults,
    mouth_generator_faults,
    mouth_predictor_faults,
    mouth_renderer_faults,
    phone_recognizer_faults,
    separator_faults,
    speech_encoder_faults,
    synthesizer_faults,
    transcriber_faults,
)
from dubwright.media.colour import LINEAR_REC709, ColourConfig, display_proxy
from dubwright.model import MouthCurves, Phone
from dubwright.mouth.articulation import usual_articulation
from dubwright.mouth.range import MouthRange
from dubwright.sample.actor import Actor, Pose

SCHEMAS = Path(__file__).resolve().parent.parent / "docs" / "schemas"


def _names(kind: EngineKind) -> list[str]:
    return [card.name for card in engines(kind)]


def _installed(name: str, kind: EngineKind) -> None:
    missing = engine_card(name, kind).missing_packages
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.mark.parametrize("name", _names(EngineKind.TRANSCRIBER))
def test_transcribers(name: str, tmp_path: Path) -> None:
    _installed(name, EngineKind.TRANSCRIBER)
    speech = engine("espeak-ng", EngineKind.SYNTHESIZER).speak("Mama, papa.", "es", 0.9)
    transcriber = engine(name, EngineKind.TRANSCRIBER, scripted_whisper(tmp_path))
    assert transcriber_faults(transcriber, speech.samples, speech.sample_rate) == []


DIARIZERS: Mapping[str, Callable[[Path], Path] | None] = {
    "resemblyzer": None,
    "voice-embedding": tiny_voice_embedding,
}


def test_every_diarizer_is_tested() -> None:
    assert set(DIARIZERS) == set(_names(EngineKind.DIARIZER))


@pytest.mark.parametrize("name", list(DIARIZERS))
def test_diarizers(name: str, tmp_path: Path) -> None:
    _installed(name, EngineKind.DIARIZER)
    speech = engine("espeak-ng", EngineKind.SYNTHESIZER).speak("Mama, papa, mama.", "es", 0.9)
    ranges = [(0, len(speech.samples)), (0, len(speech.samples) // 2)]
    made = DIARIZERS[name]
    diarizer = engine(name, EngineKind.DIARIZER, made(tmp_path) if made else None)
    assert diarizer_faults(diarizer, speech.samples, speech.sample_rate, ranges) == []


# What engines that need weights are tested with, and the languages that these speak.
VOICES: Mapping[str, Mapping[str, tuple[Callable[[Path], Path], str]]] = {
    "espeak-ng": {},
    "transformers-voice": {
        "vits": (tiny_vits, "es"),
        "speecht5": (tiny_speecht5, "en"),
        "bark": (tiny_bark, "fr"),
    },
    "transformers-cloning": {
        "csm": (tiny_csm, "en"),
        "dia": (tiny_dia, "en"),
        "pocket_tts": (tiny_pocket_tts, "en"),
        "vibevoice": (tiny_vibevoice, "zh"),
    },
}


def test_every_synthesizer_is_tested() -> None:
    assert set(VOICES) == set(_names(EngineKind.SYNTHESIZER))


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_a_synthesizer_without_weights(language: str) -> None:
    voice = engine("espeak-ng", EngineKind.SYNTHESIZER)
    assert synthesizer_faults(voice, language, "Mama, papa.") == []


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name, families in VOICES.items() for family in families]
)
def test_synthesizers_with_weights(name: str, family: str, tmp_path: Path) -> None:
    _installed(name, EngineKind.SYNTHESIZER)
    made, language = VOICES[name][family]
    voice = engine(name, EngineKind.SYNTHESIZER, made(tmp_path))
    assert synthesizer_faults(voice, language, "where is the boat") == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_program_that_speaks(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described_espeak(tmp_path)
    monkeypatch.setenv("DUBWRIGHT_VOICES", str(tmp_path))
    voice = engine("house-voice", EngineKind.SYNTHESIZER)
    assert synthesizer_faults(voice, language, "Mama, papa.") == []


SEPARATORS: Mapping[str, Mapping[str, tuple[Callable[[Path], Path], float]]] = {
    # What each keeps of what it hears.
    "mdx-net": {
        "background": (tiny_mdx_net, 0.25),
        "voice": (partial(tiny_mdx_net, stem="voice"), 0.75),
    },
    "demucs": {
        "parts": (tiny_demucs, 0.25),
        "any length": (partial(tiny_demucs, length=None), 0.25),
    },
}


def test_every_separator_is_tested() -> None:
    assert set(SEPARATORS) == set(_names(EngineKind.SEPARATOR))


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name, made in SEPARATORS.items() for family in made]
)
def test_separators(name: str, family: str, tmp_path: Path) -> None:
    _installed(name, EngineKind.SEPARATOR)
    made, keeps = SEPARATORS[name][family]
    separator = engine(name, EngineKind.SEPARATOR, made(tmp_path))
    noise = np.random.default_rng(0).normal(0, 0.1, (100_000, 2)).astype(np.float32)
    # The tiny MDX-Net hears up to 11 kHz.
    mix = np.asarray(uniform_filter1d(uniform_filter1d(noise, 24, axis=0), 24, axis=0), np.float32)
    for rate in (44100, 48000):
        assert separator_faults(separator, mix, rate) == []
        kept = separator.background(mix, rate) / keeps
        assert np.abs(kept - mix)[10:-10].max() < 0.1 * np.abs(mix).max()


@pytest.mark.parametrize("name", _names(EngineKind.ALIGNER))
@pytest.mark.parametrize("letters", [False, True])
def test_aligners(name: str, letters: bool, tmp_path: Path) -> None:
    _installed(name, EngineKind.ALIGNER)
    needs = engine_card(name, EngineKind.ALIGNER).needs_weights
    if letters and not needs:
        pytest.skip("it has no weights, and so none of letters")
    weights = tiny_wav2vec2(tmp_path, letters) if needs else None
    aligner = engine(name, EngineKind.ALIGNER, weights)
    language = "es" if "es" in aligner.languages() else min(aligner.languages())
    line = "She has seven boats."
    speech = engine("espeak-ng", EngineKind.SYNTHESIZER).speak(line, language, 0.9)
    assert aligner_faults(aligner, speech.samples, speech.sample_rate, line, language) == []


@pytest.mark.parametrize("name", _names(EngineKind.PHONE_RECOGNIZER))
def test_phone_recognizers(name: str) -> None:
    speech = engine("espeak-ng", EngineKind.SYNTHESIZER).speak("Mama, papa.", "es", 0.9)
    recognizer = engine(name, EngineKind.PHONE_RECOGNIZER)
    assert phone_recognizer_faults(recognizer, speech.samples, speech.sample_rate) == []


ENCODERS: Mapping[str, Mapping[str, Callable[[Path], Path] | None]] = {
    "cepstra": {"": None},
    "transformers-encoder": {
        "whisper": tiny_whisper_encoder,
        "wav2vec2": tiny_wav2vec2,
        "hubert": partial(tiny_convolutional, family="hubert"),
        "wavlm": partial(tiny_convolutional, family="wavlm"),
        "hubert in half": partial(tiny_convolutional, family="hubert", half=True),
    },
}


def test_every_speech_encoder_is_tested() -> None:
    assert set(ENCODERS) == set(_names(EngineKind.SPEECH_ENCODER))


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name, made in ENCODERS.items() for family in made]
)
def test_speech_encoders(name: str, family: str, tmp_path: Path) -> None:
    _installed(name, EngineKind.SPEECH_ENCODER)
    made = ENCODERS[name][family]
    encoder = engine(name, EngineKind.SPEECH_ENCODER, made(tmp_path) if made else None)
    speech = engine("espeak-ng", EngineKind.SYNTHESIZER).speak("Mama, papa, the boats.", "en", 0.9)
    assert speech_encoder_faults(encoder, speech.samples, speech.sample_rate) == []


TRACKERS: Mapping[str, Callable[[Path], Path] | None] = {
    "facemesh": None,
    "face-landmarker": face_landmarker_task,
}


def test_every_face_tracker_is_tested() -> None:
    assert set(TRACKERS) == set(_names(EngineKind.FACE_TRACKER))


@pytest.mark.parametrize("name", list(TRACKERS))
def test_face_trackers(name: str, tmp_path: Path) -> None:
    actor, config = Actor(320, 240), ColourConfig()
    frames = [
        display_proxy(actor.frame(i, {"jawOpen": i / 9}, Pose(i)), LINEAR_REC709, config)
        for i in range(4)
    ]
    made = TRACKERS[name]
    tracker = engine(name, EngineKind.FACE_TRACKER, made(tmp_path) if made else None)
    assert face_tracker_faults(tracker, frames) == []


@pytest.mark.parametrize("name", _names(EngineKind.MOUTH_PREDICTOR))
def test_mouth_predictors(name: str) -> None:
    usual = usual_articulation(MouthRange.typical())
    assert mouth_predictor_faults(engine(name, EngineKind.MOUTH_PREDICTOR), usual) == []


PARSERS: Mapping[str, Mapping[str, Callable[[Path], Path]]] = {
    "bisenet": {"onnx": scripted_bisenet, "occlusion mask": scripted_occlusion_mask},
    "transformers-parser": {"segformer": tiny_segformer},
}


def test_every_face_parser_is_tested() -> None:
    assert set(PARSERS) == set(_names(EngineKind.FACE_PARSER))


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name, made in PARSERS.items() for family in made]
)
def test_face_parsers(name: str, family: str, tmp_path: Path) -> None:
    _installed(name, EngineKind.FACE_PARSER)
    parser = engine(name, EngineKind.FACE_PARSER, PARSERS[name][family](tmp_path))
    faces = np.full((2, parser.side, parser.side, 3), (0.7, 0.5, 0.4), np.float32)
    faces[1, : parser.side // 8] = (0.2, 0.3, 0.9)
    assert face_parser_faults(parser, faces) == []


GENERATORS: Mapping[str, Mapping[str, Callable[[Path], Path]]] = {
    "wav2lip": {
        "onnx": scripted_wav2lip,
        "onnx of 256 pixels": partial(scripted_wav2lip, side=256),
        "checkpoint": scripted_wav2lip_checkpoint,
    },
    "musetalk": {
        "safetensors": partial(tiny_musetalk, suffix=".safetensors"),
    },
    "latentsync": {
        "checkpoint": tiny_latentsync,
    },
}


def test_every_mouth_generator_is_tested() -> None:
    assert set(GENERATORS) == set(_names(EngineKind.MOUTH_GENERATOR))


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name, made in GENERATORS.items() for family in made]
)
def test_mouth_generators(name: str, family: str, tmp_path: Path) -> None:
    _installed(name, EngineKind.MOUTH_GENERATOR)
    generator = engine(name, EngineKind.MOUTH_GENERATOR, GENERATORS[name][family](tmp_path))
    speech = engine("espeak-ng", EngineKind.SYNTHESIZER).speak("Mama, papa, the boats.", "en", 0.9)
    assert mouth_generator_faults(generator, speech.samples, speech.sample_rate) == []


RENDERERS: Mapping[str, Callable[[Path], Path] | None] = {
    "retrieval": None,
    "actor": scripted_refiner,
}


def test_every_mouth_renderer_is_tested() -> None:
    assert set(RENDERERS) == set(_names(EngineKind.MOUTH_RENDERER))


@pytest.mark.parametrize("name", list(RENDERERS))
def test_mouth_renderers(name: str, tmp_path: Path) -> None:
    _installed(name, EngineKind.MOUTH_RENDERER)
    made = RENDERERS[name]
    renderer = engine(name, EngineKind.MOUTH_RENDERER, made(tmp_path) if made else None)
    filmed = FilmedActor()
    wanted = MouthCurves(Fraction(24), filmed.curves[4:20])
    assert mouth_renderer_faults(renderer, filmed, [filmed], wanted, FRAMES - 16) == []


class _Mumbler:
    """A voice that does everything wrong."""

    card = engine("espeak-dtw", EngineKind.ALIGNER).card.model_copy(
        update={"abilities": (Ability.PHONES, Ability.PACE)}
    )

    def languages(self) -> dict[str, str]:
        return {"fr": "French"}

    def voices(self, language: str) -> dict[str, str]:
        return {}

    def speak(self, text: str, language: str, speed: float, *_: object) -> Speech:
        noise = np.random.default_rng().normal(0, 2, 100)
        phones = (Phone(symbol="a", start=50, end=400), Phone(symbol="b", start=10, end=20))
        return Speech(noise, 8000, phones)  # type: ignore[arg-type]


def test_the_kit_finds_faults() -> None:
    faults = synthesizer_faults(_Mumbler(), "es", "Hola.")
    for fault in ("card", "list es", "float32", "between -1", "outside", "overlap", "second time",
                  "shorter", "style: it is done", "usual voice"):  # fmt: skip
        assert any(fault in sentence for sentence in faults), fault


@pytest.mark.parametrize("name", DOCUMENTS)
def test_published_schemas_are_those_of_the_code(name: str) -> None:
    published = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert published == DOCUMENTS[name].model_json_schema(), "run python tests/write_schemas.py"
