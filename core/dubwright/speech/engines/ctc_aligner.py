"""Forced alignment by a network that hears phones or letters: wav2vec 2.0 and its like.

A line's symbols are placed along what the network hears (Graves et al., 2006, Connectionist
temporal classification; as an aligner: Kürzinger et al., 2020, CTC-segmentation). Which phones a
line has, and how they share what is between letters, espeak-ng's reading tells.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.dialogue.speakable import speakable
from dubwright.engines import EngineCard, EngineKind, Speech, SuggestedWeights
from dubwright.engines.choice import remembered
from dubwright.engines.refusal import weights_refused
from dubwright.engines.transformers_loading import (
    OFFLINE,
    device,
    loaded,
    transformers,
    unloadable,
)
from dubwright.errors import DubwrightError
from dubwright.media.audio import resampled
from dubwright.model import Phone
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.long_takes import LONG_S, timed_in_parts

__all__ = ["CtcAligner", "placed_along"]

RATE: Final = 16000
# A vocabulary that holds this part of a line's phones is one of phones.
MOST: Final = 0.8
DELIMITER: Final = "|"
ENDS_AFTER_S: Final = 0.12

Array = NDArray[np.float64]


class CtcAligner:
    card = EngineCard(
        name="ctc-aligner",
        kind=EngineKind.ALIGNER,
        version=1,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("torch", "transformers"),
        needs_weights=True,
        suggested=(
            SuggestedWeights(
                name="facebook/wav2vec2-lv-60-espeak-cv-ft", licence="apache-2.0", megabytes=1260
            ),
        ),
        way_around="embedded-aligner needs no weights",
        limits="Weights of letters time words, and share each among its phones.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._voice = EspeakSynthesizer()

    def languages(self) -> dict[str, str]:
        return self._voice.languages()

    def align(
        self, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
    ) -> tuple[Phone, ...]:
        if len(samples) > LONG_S * sample_rate:
            return timed_in_parts(self._part, self._read, samples, sample_rate, text, language)
        return self._part(samples, sample_rate, text, language)

    def _read(self, text: str, language: str) -> Speech:
        return self._voice.speak(text, language, 1.0)

    def _part(
        self, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
    ) -> tuple[Phone, ...]:
        model = _model(self._weights)
        reading = self._voice.speak_with_words(text, language, 1.0)
        spoken = [phone for phone in reading.speech.phones if phone.symbol]
        tokens = [model.phone(phone.symbol) for phone in spoken]
        heard = model.hear(resampled(samples, sample_rate, RATE))
        length = len(samples) / sample_rate
        if sum(token is not None for token in tokens) >= MOST * len(tokens):
            edges, sure = _by_phones(heard, tokens, model.blank, text)
        else:
            edges, sure = _by_words(heard, model, text, reading.words, spoken)
        seconds = np.clip(np.asarray(edges) * length / len(heard), 0, length)
        phones = []
        for phone, (start, end), confidence in zip(spoken, seconds, sure, strict=True):
            first, last = round(start * sample_rate), round(end * sample_rate)
            if last > first:
                phones.append(
                    Phone(
                        symbol=phone.symbol, start=first, end=last,
                        confidence=round(float(np.clip(confidence, 0, 1)), 3),
                    )
                )  # fmt: skip
        return tuple(phones)


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """A network with its vocabulary; `hear` gives log probabilities, [frames, tokens]."""

    vocabulary: Mapping[str, int]
    blank: int
    hear: Callable[[NDArray[np.float32]], Array]

    def phone(self, symbol: str) -> int | None:
        """The token of a phone, or of the one without its length or what is above it."""
        plain = "".join(c for c in unicodedata.normalize("NFD", symbol) if c.isalpha())
        return next(
            (
                self.vocabulary[name]
                for name in (symbol, symbol.rstrip("ː"), f"{symbol}ː", plain, plain[:1])
                if name in self.vocabulary
            ),
            None,
        )

    def letters(self, word: str) -> list[int]:
        forms = (word, word.lower(), word.upper())
        known = max(forms, key=lambda form: sum(letter in self.vocabulary for letter in form))
        return [self.vocabulary[letter] for letter in known if letter in self.vocabulary]


@remembered
def _model(weights: Path) -> _Model:
    try:
        library = transformers()
        vocabulary = json.loads((weights / "vocab.json").read_text(encoding="utf-8"))
        # Vocabularies of several languages have one for each.
        if all(isinstance(value, dict) for value in vocabulary.values()):
            raise ValueError("its vocabulary is of several languages; give one language's")
        extractor = library.AutoFeatureExtractor.from_pretrained(weights, **OFFLINE)
        network = loaded(library.AutoModelForCTC, weights)
    except unloadable() as error:
        raise weights_refused(
            "An aligner's weights",
            weights,
            error,
            "give a folder with config.json, vocab.json, preprocessor_config.json and safetensors",
        ) from error

    def hear(sound: NDArray[np.float32]) -> Array:
        import torch

        given = extractor(sound, sampling_rate=RATE, return_tensors="pt").to(device())
        with torch.no_grad():
            scores: Any = network(**given).logits[0].float().log_softmax(dim=-1)
        found: Array = scores.cpu().numpy().astype(np.float64)
        return found

    return _Model(vocabulary, int(network.config.pad_token_id), hear)


def placed_along(heard: Array, tokens: Sequence[int], blank: int) -> list[tuple[int, int]]:
    """Where tokens are heard, in order: the first frame of each and the frame after its last.

    Args:
        heard: log probabilities, [frames, tokens of the vocabulary].
        tokens: at least one.
        blank: the token that stands between others.

    Raises:
        ValueError: there are fewer frames than tokens.
    """
    states = np.full(2 * len(tokens) + 1, blank)
    states[1::2] = tokens
    repeats = np.r_[False, False, (states[2:] == states[:-2])]
    skips = np.r_[False, False, (states[2:] != blank)] & ~repeats
    if len(heard) < len(tokens) + sum(a == b for a, b in pairwise(tokens)):
        raise ValueError("there are fewer frames than tokens")
    score = np.full(len(states), -np.inf)
    score[:2] = heard[0, states[:2]]
    back = np.zeros((len(heard), len(states)), np.int8)
    for frame in range(1, len(heard)):
        stays = score
        steps = np.r_[-np.inf, score[:-1]]
        jumps = np.where(skips, np.r_[-np.inf, -np.inf, score[:-2]], -np.inf)
        ways = np.stack([stays, steps, jumps])
        back[frame] = ways.argmax(axis=0)
        score = ways.max(axis=0) + heard[frame, states]
    state = len(states) - 1 if score[-1] >= score[-2] else len(states) - 2
    path = np.empty(len(heard), np.int64)
    for frame in range(len(heard) - 1, -1, -1):
        path[frame] = state
        state -= back[frame, state]
    return [
        (int(frames[0]), int(frames[-1]) + 1)
        for number in range(len(tokens))
        for frames in [np.flatnonzero(path == 2 * number + 1)]
    ]


def _by_phones(
    heard: Array, tokens: Sequence[int | None], blank: int, text: str
) -> tuple[list[tuple[float, float]], list[float]]:
    """Where each phone is, in frames, and how sure that is.

    A network tells a sound by a peak and nothing else: what lies between two peaks is shared.
    """
    known = [(n, token) for n, token in enumerate(tokens) if token is not None]
    places = _placed(heard, [token for _, token in known], blank, text)
    sure = dict.fromkeys(range(len(tokens)), 0.5)
    starts: dict[int, float] = {}
    for place, ((number, token), (start, end)) in enumerate(zip(known, places, strict=True)):
        before = places[place - 1][1] if place else None
        near = start if before is None else (start + before) / 2
        starts[number] = max(near, start - ENDS_AFTER_S * 50)
        sure[number] = float(np.exp(heard[start:end, token].max()))
    last = min(len(heard), places[-1][1] + ENDS_AFTER_S * 50)
    edges = np.interp(
        range(len(tokens) + 1), [*starts, len(tokens)], [*starts.values(), last]
    )  # fmt: skip
    return list(pairwise(edges.tolist())), [sure[number] for number in range(len(tokens))]


def _by_words(
    heard: Array, model: _Model, text: str, words: Sequence[int], spoken: Sequence[Phone]
) -> tuple[list[tuple[float, float]], list[float]]:
    """Where each phone is: words are found by their letters, and shared as espeak-ng reads them."""
    written = speakable(text).split()
    letters = [model.letters(word) for word in written]
    delimiter = model.vocabulary.get(DELIMITER)
    tokens: list[int] = []
    owners: list[int] = []
    for number, word in enumerate(letters):
        if tokens and word and delimiter is not None:
            tokens.append(delimiter)
            owners.append(-1)
        tokens += word
        owners += [number] * len(word)
    if not tokens:
        raise _unheard(text, "its letters are not in the weights' vocabulary")
    places = _placed(heard, tokens, model.blank, text)
    firsts = {
        owner: start for owner, (start, _) in zip(reversed(owners), reversed(places), strict=True)
    }
    lasts = {owner: end for owner, (_, end) in zip(owners, places, strict=True)}
    # Times of the reading that are known in the recording, and those there.
    of_reading, of_recording = [float(spoken[0].start)], [float(places[0][0])]
    if len(words) == len(written):
        for number in sorted(set(owners) - {-1, 0}):
            of_reading.append(float(words[number]))
            of_recording.append((firsts[number] + lasts.get(number - 1, firsts[number])) / 2)
    of_reading.append(float(spoken[-1].end))
    of_recording.append(float(places[-1][1]))
    order = np.maximum.accumulate(of_recording)
    edges = [
        (
            float(np.interp(phone.start, of_reading, order)),
            float(np.interp(phone.end, of_reading, order)),
        )
        for phone in spoken
    ]
    mean = float(
        np.exp(np.mean([heard[a:b, t].max() for (a, b), t in zip(places, tokens, strict=True)]))
    )
    return edges, [mean] * len(spoken)


def _placed(heard: Array, tokens: Sequence[int], blank: int, text: str) -> list[tuple[int, int]]:
    try:
        return placed_along(heard, tokens, blank)
    except ValueError as error:
        raise _unheard(text, str(error)) from error


def _unheard(text: str, why: str) -> DubwrightError:
    return DubwrightError(
        "A recording cannot be timed",
        where=f"the take of {text[:60]!r}",
        why=why,
        repair="correct the text, or time it with embedded-aligner",
    )
