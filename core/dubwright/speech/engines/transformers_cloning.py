"""Voices that speak like a sample, by weights that transformers loads."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

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
    loaded,
    seeded,
    transformers,
    voice_model,
)
from dubwright.errors import DubwrightError
from dubwright.media.audio import resampled
from dubwright.model import Performance

__all__ = ["TransformersCloning"]

PLAIN: Final = Performance()
LANGUAGES: Final[dict[str, dict[str, str]]] = {
    "csm": {"en": "English"},
    "dia": {"en": "English"},
    # It has weights for several, which do not say for which.
    "pocket_tts": {},
    "vibevoice": {"en": "English", "zh": "Chinese"},
}
# A model may never end a line: it is given this long, and so much for each letter.
LEAST_S: Final = 4.0
LETTER_S: Final = 0.2

Samples = NDArray[np.float32]


class Model(Protocol):
    """A family of models. Samples are mono float32 at `rate`.

    Attributes:
        needs_words: whether a sample is of no use without what is said in it.
    """

    rate: int
    needs_words: bool

    def say(self, text: str, sample: Samples | None, sample_text: str) -> Samples: ...


class TransformersCloning:
    card = EngineCard(
        name="transformers-cloning",
        kind=EngineKind.SYNTHESIZER,
        version=2,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("torch", "transformers", "sentencepiece"),
        needs_weights=True,
        trained=True,
        suggested=(
            SuggestedWeights(
                name="sesame/csm-1b", licence="apache-2.0", megabytes=6600, language="en"
            ),
        ),
        way_around="the embedded voice match: the speaker's voice `own` with espeak-ng",
        abilities=(Ability.READINGS, Ability.CLONING),
        limits="CSM, Dia, Pocket TTS and VibeVoice (which takes diffusers besides). Whose voice it "
        "is to be must consent; without a sample it speaks in a voice of its own choice.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    def languages(self) -> dict[str, str]:
        return LANGUAGES[checked_family(self._weights, LANGUAGES, EngineKind.SYNTHESIZER)]

    def voices(self, language: str) -> dict[str, str]:
        return {"": "Standard"}

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
        if sample and model.needs_words and not sample.text:
            raise DubwrightError(
                "A voice cannot be taken from a sample whose words are not known",
                where=f"{language}: {text!r}",
                why=f"the weights {self._weights.name} go on from a sample and its words",
                repair="give the speaker's lines in the original language (`dubwright transcribe`, "
                "`align`), or take weights of Pocket TTS or VibeVoice",
            )
        heard = (
            None if sample is None else resampled(sample.samples, sample.sample_rate, model.rate)
        )
        with seeded(text, language, voice, performance.reading):
            samples = model.say(text, heard, sample.text if sample else "")
        if not len(samples):
            raise DubwrightError(
                "A voice said nothing",
                where=f"{language}: {text!r}",
                why=f"the weights {self._weights.name} ended the line before it began",
                repair="give the cue another reading (performance.reading), or another voice",
            )
        return Speech(np.clip(samples, -1, 1).astype(np.float32), model.rate, ())


@remembered
def _model(weights: Path) -> Model:
    families: dict[str, Callable[[Path], Model]] = {
        "csm": _Csm,
        "dia": _Dia,
        "pocket_tts": _PocketTTS,
        "vibevoice": _VibeVoice,
    }
    return voice_model(weights, families)


def _frames(text: str, rate: float) -> int:
    """How many frames a line may last."""
    return round((LEAST_S + LETTER_S * len(text)) * rate)


class _Csm:
    """CSM, by Sesame: goes on in the voice of a sample whose words it is told."""

    needs_words = True

    def __init__(self, weights: Path) -> None:
        library = transformers()
        self._processor = library.AutoProcessor.from_pretrained(weights, **OFFLINE)
        self._model = loaded(library.CsmForConditionalGeneration, weights)
        self.rate = int(self._processor.feature_extractor.sampling_rate)
        codec = self._model.config.codec_config
        self._frame_rate = float(getattr(codec, "frame_rate", 12.5))

    def say(self, text: str, sample: Samples | None, sample_text: str) -> Samples:
        told: list[dict[str, Any]] = []
        if sample is not None:
            told.append(
                {
                    "role": "0",
                    "content": [
                        {"type": "text", "text": sample_text},
                        {"type": "audio", "audio": sample},
                    ],
                }
            )
        told.append({"role": "0", "content": [{"type": "text", "text": text}]})
        inputs = self._processor.apply_chat_template(
            told, tokenize=True, return_dict=True, return_tensors="pt"
        ).to(device())
        said = self._model.generate(
            **inputs, output_audio=True, max_new_tokens=_frames(text, self._frame_rate)
        )
        samples: Samples = said[0].float().cpu().numpy().reshape(-1)
        return samples


class _Dia:
    """Dia, by Nari Labs: goes on in the voice of a sample whose words it is told."""

    needs_words = True

    def __init__(self, weights: Path) -> None:
        library = transformers()
        self._processor = library.AutoProcessor.from_pretrained(weights, **OFFLINE)
        self._model = loaded(library.DiaForConditionalGeneration, weights)
        extractor = self._processor.feature_extractor
        self.rate = int(extractor.sampling_rate)
        self._frame_rate = self.rate / extractor.hop_length

    def say(self, text: str, sample: Samples | None, sample_text: str) -> Samples:
        # One speaker's turn: a second tag would have another speaker answer.
        told = f"[S1] {sample_text} {text}" if sample is not None else f"[S1] {text}"
        inputs = self._processor(
            text=[told],
            audio=sample,
            text_kwargs={"padding": False},
            audio_kwargs={"sampling_rate": self.rate},
            return_tensors="pt",
        ).to(device())
        prompt = (
            None
            if sample is None
            else self._processor.get_audio_prompt_len(inputs["decoder_attention_mask"])
        )
        said = self._model.generate(**inputs, max_new_tokens=_frames(text, self._frame_rate))
        (decoded,) = self._processor.batch_decode(said, audio_prompt_len=prompt)
        samples: Samples = decoded.float().cpu().numpy().reshape(-1)
        return samples


class _PocketTTS:
    """Pocket TTS, by Kyutai: small enough for a processor; goes on in the voice of a sample."""

    needs_words = False

    def __init__(self, weights: Path) -> None:
        library = transformers()
        self._processor = library.AutoProcessor.from_pretrained(weights, **OFFLINE)
        self._model = loaded(library.PocketTTSForConditionalGeneration, weights)
        self.rate = int(self._processor.feature_extractor.sampling_rate)
        self._frame_rate = float(self._model.config.frame_rate)

    def say(self, text: str, sample: Samples | None, sample_text: str) -> Samples:
        voice = [] if sample is None else [{"type": "audio", "audio": sample}]
        told = [{"role": "user", "content": [*voice, {"type": "text", "text": text}]}]
        inputs = self._processor.apply_chat_template(
            told, tokenize=True, return_dict=True, return_tensors="pt"
        ).to(device())
        said = self._model.generate(**inputs, max_new_tokens=_frames(text, self._frame_rate))
        latents = said.audio_latents[0] if hasattr(said, "audio_latents") else said[0]
        samples: Samples = self._processor.decode(latents).float().cpu().numpy()
        return samples


class _VibeVoice:
    """VibeVoice, by Microsoft: reads a script in the voices of samples."""

    needs_words = False

    def __init__(self, weights: Path) -> None:
        # It draws the sound, and the library does not ask for it before it is to speak.
        if find_spec("diffusers") is None:
            raise DubwrightError(
                "VibeVoice cannot speak here",
                where=str(weights),
                why="the Python package diffusers is not installed",
                repair="install it: `pip install diffusers`, or Dubwright with '.[neural]'",
            )
        library = transformers()
        self._processor = library.AutoProcessor.from_pretrained(weights, **OFFLINE)
        self._model = loaded(library.VibeVoiceForConditionalGeneration, weights)
        self.rate = int(self._processor.feature_extractor.sampling_rate)
        self._frame_rate = self.rate / self._model.config.audio_config.hop_length

    def say(self, text: str, sample: Samples | None, sample_text: str) -> Samples:
        voice = [] if sample is None else [{"type": "audio", "audio": sample}]
        told = [{"role": "0", "content": [{"type": "text", "text": text}, *voice]}]
        inputs = self._processor.apply_chat_template(
            told, tokenize=True, return_dict=True, return_tensors="pt"
        ).to(device(), self._model.dtype)
        said = self._model.generate(**inputs, max_new_tokens=_frames(text, self._frame_rate))
        if said[0] is None:
            return np.zeros(0, np.float32)
        samples: Samples = said[0].float().cpu().numpy().reshape(-1)
        return samples
