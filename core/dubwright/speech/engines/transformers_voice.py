"""Voices by weights that transformers loads: VITS and MMS, SpeechT5, Bark."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import (
    Ability,
    EngineCard,
    EngineKind,
    Speech,
    SuggestedWeights,
    VoiceSample,
)
from dubwright.engines.choice import remembered
from dubwright.engines.transformers_loading import (
    OFFLINE,
    checked_family,
    device,
    family_of,
    loaded,
    seeded,
    transformers,
    voice_model,
)
from dubwright.errors import DubwrightError
from dubwright.model import Performance

__all__ = ["TransformersVoice"]

PLAIN: Final = Performance()
FAMILIES: Final = ("vits", "speecht5", "bark")
VOCODER: Final = "microsoft/speecht5_hifigan"
BARK: Final = ("de", "en", "es", "fr", "hi", "it", "ja", "ko", "pl", "pt", "ru", "tr", "zh")
# MMS names languages by ISO 639-3; these are tags that people write.
ISO_639_3: Final[Mapping[str, str]] = {
    "ara": "ar", "ben": "bn", "cat": "ca", "deu": "de", "ell": "el", "eng": "en", "fas": "fa",
    "fin": "fi", "fra": "fr", "guj": "gu", "heb": "he", "hin": "hi", "hun": "hu", "ind": "id",
    "isl": "is", "kan": "kn", "kor": "ko", "lav": "lv", "mal": "ml", "mar": "mr", "nld": "nl",
    "pol": "pl", "por": "pt", "ron": "ro", "rus": "ru", "spa": "es", "swe": "sv", "swh": "sw",
    "tam": "ta", "tel": "te", "tha": "th", "tur": "tr", "ukr": "uk", "vie": "vi", "zlm": "ms",
}  # fmt: skip

Samples = NDArray[np.float32]


class Model(Protocol):
    """A family of models. Samples are mono float32 at `rate`."""

    rate: int
    voices: dict[str, str]

    def say(self, text: str, language: str, speed: float, voice: str) -> Samples: ...


class TransformersVoice:
    card = EngineCard(
        name="transformers-voice",
        kind=EngineKind.SYNTHESIZER,
        version=1,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("torch", "transformers", "sentencepiece"),
        needs_weights=True,
        trained=True,
        suggested=tuple(
            SuggestedWeights(
                name=f"facebook/mms-tts-{code}", licence="cc-by-nc-4.0", megabytes=145, language=tag
            )
            for code, tag in ISO_639_3.items()
        ),
        way_around="espeak-ng speaks a hundred languages, or give recordings with --takes",
        abilities=(Ability.READINGS,),
        limits="VITS and MMS, SpeechT5, Bark. MMS's weights are for non-commercial use. Bark's "
        "pace and words wander: listen to each line.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        if family_of(weights) == "vits":
            paced = (*self.card.abilities, Ability.PACE)
            self.card = self.card.model_copy(update={"abilities": paced})

    def languages(self) -> dict[str, str]:
        return _languages(self._weights)

    def voices(self, language: str) -> dict[str, str]:
        model = _model(self._weights)
        own = {name: label for name, label in model.voices.items() if _speaks(name, language)}
        return {"": "Standard"} | own

    def speak(
        self,
        text: str,
        language: str,
        speed: float,
        voice: str = "",
        performance: Performance = PLAIN,
        sample: VoiceSample | None = None,
    ) -> Speech:
        model = _model(self._weights)
        if voice and voice not in self.voices(language):
            raise DubwrightError(
                "No engine has this voice",
                where=f"the voice {voice!r} for {language}",
                why=f"the weights {self._weights.name} do not know it",
                repair=f"choose one of {', '.join(filter(None, self.voices(language))) or 'none'}",
            )
        with seeded(text, language, voice, performance.reading):
            samples = model.say(text, language, speed, voice)
        return Speech(np.clip(samples, -1, 1).astype(np.float32), model.rate, ())


def _speaks(voice: str, language: str) -> bool:
    """Bark's voices are named by their language, as in v2/es_speaker_3; others are for any."""
    stem = voice.rpartition("/")[2]
    return "_speaker_" not in stem or stem.startswith(f"{language.partition('-')[0]}_")


@remembered
def _model(weights: Path) -> Model:
    families: dict[str, Callable[[Path], Model]] = {
        "vits": _Vits, "speecht5": _SpeechT5, "bark": _Bark
    }  # fmt: skip
    return voice_model(weights, families)


def _languages(weights: Path) -> dict[str, str]:
    """What the weights speak, by what stands beside them: a plan does not load a model.

    Raises:
        DubwrightError: they are of a family that is not known.
    """
    family = checked_family(weights, FAMILIES, EngineKind.SYNTHESIZER)
    if family == "bark":
        return {tag: tag for tag in BARK}
    if family == "speecht5":
        return {"en": "English"}
    try:
        told = json.loads((weights / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    code = str(told.get("language") or "")
    tag = ISO_639_3.get(code, code)
    return {tag: tag} if tag else {}


class _Vits:
    """VITS (Kim et al., 2021), and MMS's voices (Pratap et al., 2023), one language each."""

    def __init__(self, weights: Path) -> None:
        library = transformers()
        self._tokenizer = library.AutoTokenizer.from_pretrained(weights, **OFFLINE)
        for needed, package in (("phonemize", "phonemizer"), ("is_uroman", "uroman")):
            if getattr(self._tokenizer, needed) and find_spec(package) is None:
                raise ImportError(f"they need the package {package}: pip install {package}")
        self._model = loaded(library.VitsModel, weights)
        self.rate = int(self._model.config.sampling_rate)
        count = self._model.config.num_speakers
        self.voices = {str(n): f"Speaker {n}" for n in range(count)} if count > 1 else {}

    def say(self, text: str, language: str, speed: float, voice: str) -> Samples:
        tokens = self._tokenizer(text, return_tensors="pt").to(device())
        if not tokens["input_ids"].shape[1]:
            raise _unspeakable(text, language)
        asked = {"speaker_id": int(voice or 0)} if self.voices else {}
        self._model.speaking_rate = speed
        wave = self._model(**tokens, **asked).waveform[0]
        samples: Samples = wave.float().cpu().numpy()
        return samples


class _SpeechT5:
    """SpeechT5 (Ao et al., 2022). Its voices are x-vectors, in `voices/NAME.npy` of its folder.

    Its vocoder, microsoft/speecht5_hifigan, lies in `vocoder` of its folder.
    """

    rate = 16000

    def __init__(self, weights: Path) -> None:
        library = transformers()
        vocoder = weights / "vocoder"
        if not vocoder.is_dir():
            raise ValueError(f"they need {VOCODER} in a folder of theirs, vocoder")
        self._processor = library.SpeechT5Processor.from_pretrained(weights, **OFFLINE)
        self._model = loaded(library.SpeechT5ForTextToSpeech, weights)
        self._vocoder = loaded(library.SpeechT5HifiGan, vocoder)
        self._prints = {p.stem: p for p in sorted((weights / "voices").glob("*.npy"))}
        self.voices = {name: name for name in self._prints}

    def say(self, text: str, language: str, speed: float, voice: str) -> Samples:
        import torch

        tokens = self._processor(text=text, return_tensors="pt").to(device())
        named = voice or next(iter(self._prints), "")
        if named:
            values = np.load(self._prints[named], allow_pickle=False).astype(np.float32)
        else:
            values = np.zeros(self._model.config.speaker_embedding_dim, np.float32)
        wave = self._model.generate_speech(
            tokens["input_ids"],
            torch.from_numpy(values).reshape(1, -1).to(device()),
            vocoder=self._vocoder,
        )
        samples: Samples = wave.float().cpu().numpy()
        return samples


class _Bark:
    """Bark, by Suno: reads a text as it likes, in thirteen languages, with what it hears in it."""

    def __init__(self, weights: Path) -> None:
        library = transformers()
        self._processor = library.BarkProcessor.from_pretrained(weights, **OFFLINE)
        self._model = loaded(library.BarkModel, weights)
        self.rate = int(self._model.generation_config.sample_rate)
        named = self._processor.speaker_embeddings or {}
        self.voices = {name: name for name in named if name != "repo_or_path"}

    def say(self, text: str, language: str, speed: float, voice: str) -> Samples:
        plain = language.partition("-")[0]
        usual = next((name for name in self.voices if _speaks(name, plain)), None)
        told = self._processor(text, voice_preset=voice or usual).to(device())
        wave = self._model.generate(**told)[0]
        samples: Samples = wave.float().cpu().numpy()
        return samples


def _unspeakable(text: str, language: str) -> DubwrightError:
    return DubwrightError(
        "A line has nothing that can be spoken",
        where=f"{language}: {text!r}",
        why="the voice knows none of its letters",
        repair="give the cue a text, or another kind such as breath or effort",
    )
