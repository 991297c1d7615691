"""A voice that is asked for one performance: what its engine cannot do is done around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np
import python_stretch
from numpy.typing import NDArray

from dubwright.dialogue.lexicon import respelled
from dubwright.dialogue.speakable import speakable
from dubwright.engines import Ability, Aligner, EngineCard, Speech, Synthesizer, VoiceSample
from dubwright.errors import DubwrightError
from dubwright.model import Performance

__all__ = ["Performer", "left_out", "stretched", "transposed", "trimmed"]

PLAIN: Final = Performance()
SILENCE_DB: Final = -45.0
KEPT_SILENCE_S: Final = 0.03

Samples = NDArray[np.float32]


class Performer:
    """Says texts as one cue asks.

    Args:
        synthesizer: the engine.
        language: the tag of what is said.
        voice: one of the engine's; "" is its usual one.
        performance: how it is said.
        aligner: times the phones of an engine that does not.
        sample: whose voice it is to be, where the engine can.
        matched: makes speech sound like somebody, where the engine cannot.
        notes: what is to be known of what it says, for people.

    Raises:
        DubwrightError: the engine tells no phones, and there is no aligner.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        language: str,
        voice: str = "",
        performance: Performance = PLAIN,
        aligner: Aligner | None = None,
        sample: VoiceSample | None = None,
        matched: Callable[[Speech], Speech] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.notes = (*notes, *left_out(synthesizer.card, performance))
        self.card = synthesizer.card
        self._synthesizer = synthesizer
        self._language = language
        self._voice = voice
        if not _knows_style(synthesizer.card, performance.style):
            performance = performance.model_copy(update={"style": ""})
        self._performance = performance
        self._aligner = aligner
        self._sample = sample
        self._matched = matched
        self._natural = cache(self._at_its_own_pace)
        if aligner is None and Ability.PHONES not in self.card.abilities:
            raise DubwrightError(
                "A voice's phones are not known",
                where=f"the engine {self.card.name}",
                why="it does not tell them, and nothing times them",
                repair="name an aligner, as in engines.aligner=embedded-aligner",
            )

    @property
    def timed_by(self) -> str:
        """The engine that tells when phones are said."""
        timer = self.card if self._aligner is None else self._aligner.card
        return timer.identity

    def speak(self, text: str, speed: float) -> Speech:
        """Say a text, at `speed` times the pace that the performance asks for.

        Raises:
            DubwrightError: the engine cannot say it, or its phones cannot be timed.
        """
        speed *= self._performance.pace
        if Ability.PACE in self.card.abilities:
            return self._finished(text, speed)
        return stretched(self._natural(text), speed)

    def _at_its_own_pace(self, text: str) -> Speech:
        return self._finished(text, 1.0)

    def _finished(self, text: str, speed: float) -> Speech:
        spoken = respelled(speakable(text), self._performance.pronunciations)
        speech = self._synthesizer.speak(
            spoken, self._language, speed, self._voice, self._performance, self._sample
        )
        if self._aligner is not None:
            samples = trimmed(speech.samples, speech.sample_rate)
            phones = self._aligner.align(samples, speech.sample_rate, spoken, self._language)
            speech = Speech(samples, speech.sample_rate, phones)
        if self._performance.pitch and Ability.PITCH not in self.card.abilities:
            speech = transposed(speech, self._performance.pitch)
        return speech if self._matched is None else self._matched(speech)


def left_out(card: EngineCard, performance: Performance) -> tuple[str, ...]:
    """What of a performance an engine cannot do, for people."""
    told = []
    style = performance.style
    if style and not _knows_style(card, style):
        known = f"it knows {', '.join(card.styles)}" if card.styles else "it knows no styles"
        told.append(f"the style {style!r} is left out: {card.name} has none such, {known}")
    in_ipa = [word for word, said in performance.pronunciations.items() if said.startswith("/")]
    if in_ipa and Ability.IPA not in card.abilities:
        told.append(
            f"{card.name} says {', '.join(in_ipa)} in its own way: it takes no IPA; spell it as "
            "it sounds"
        )
    if performance.reading and Ability.READINGS not in card.abilities:
        told.append(f"{card.name} has one reading of each line")
    return tuple(told)


def _knows_style(card: EngineCard, style: str) -> bool:
    return Ability.STYLE in card.abilities and (not card.styles or style in card.styles)


def stretched(speech: Speech, pace: float) -> Speech:
    """The same speech at so many times its pace, at its own pitch."""
    if pace == 1:
        return speech
    stretch = python_stretch.Signalsmith.Stretch()
    stretch.preset(1, speech.sample_rate)
    stretch.timeFactor = pace
    samples: Samples = stretch.process(speech.samples[None].astype(np.float32))[0]
    scale = len(samples) / max(1, len(speech.samples))
    phones = tuple(
        phone.model_copy(
            update={"start": round(phone.start * scale), "end": round(phone.end * scale)}
        )
        for phone in speech.phones
    )
    return Speech(np.clip(samples, -1, 1), speech.sample_rate, phones)


def transposed(speech: Speech, semitones: float) -> Speech:
    """The same speech higher or lower, at its own pace."""
    stretch = python_stretch.Signalsmith.Stretch()
    stretch.preset(1, speech.sample_rate)
    stretch.setTransposeSemitones(semitones)
    samples: Samples = stretch.process(speech.samples[None].astype(np.float32))[0]
    kept = np.zeros(len(speech.samples), np.float32)
    kept[: len(samples)] = samples[: len(kept)]
    return replace(speech, samples=np.clip(kept, -1, 1))


def trimmed(samples: Samples, rate: int) -> Samples:
    """A recording without the silence around it, but for 30 ms."""
    block = max(1, rate // 100)
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    if not len(blocks):
        return samples
    level = np.sqrt((blocks**2).mean(axis=1))
    loud = np.flatnonzero(level > level.max() * 10 ** (SILENCE_DB / 20))
    if not len(loud):
        return samples
    kept = int(KEPT_SILENCE_S * rate)
    start = max(0, int(loud[0]) * block - kept)
    end = min(len(samples), (int(loud[-1]) + 1) * block + kept)
    return samples[start:end]
