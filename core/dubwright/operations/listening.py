"""Teaches a listener with the embedded voice, once on a machine."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from dubwright.character.visemes import viseme_weights
from dubwright.engines import EngineKind, Speech, engine
from dubwright.engines.protocols import Synthesizer
from dubwright.mouth.listener import HEARD_RATE, LISTENER_RATE, learned_listener, practice
from dubwright.operations.results import save_listener
from dubwright.operations.task import Context

__all__ = ["AHEAD", "LIVE_AHEAD", "learn_to_hear", "teaching"]

# Hundredths of a second that a listener hears ahead: of a recording, and of what is still said.
AHEAD, LIVE_AHEAD = 10, 4
# No neural voice says when its phones begin.
VOICE: Final = "espeak-ng"
LINES: Final = 320
LANGUAGES: Final = ("en", "es", "de", "fr", "it", "pt", "pl", "nl")
PACES: Final = (0.8, 0.9, 1.0, 1.15, 1.3)
LEAD_S, TAIL_S = Fraction(1, 2), Fraction(1)


def teaching(ahead: int) -> dict[str, Any]:
    """The task that teaches a listener, as TaskList.add takes it."""
    card = engine(VOICE, EngineKind.SYNTHESIZER).card
    parameters = {"card": card.identity, "lines": LINES, "ahead": ahead}
    return {
        "stage": "listener",
        "parameters": parameters,
        "label": "learning to hear, once",
        "units": LINES,
    }


def learn_to_hear(context: Context) -> None:
    """A listener that has heard the embedded voice speak syllables."""
    lessons = _lessons(context, context.parameters["lines"])
    save_listener(learned_listener(lessons, context.parameters["ahead"]), context.folder)


def _lessons(
    context: Context, lines: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    synthesizer: Synthesizer = engine(VOICE, EngineKind.SYNTHESIZER)
    for number, line in enumerate(practice(lines)):
        language = LANGUAGES[number % len(LANGUAGES)]
        voices = sorted(synthesizer.voices(language))
        pace, voice = PACES[number % len(PACES)], voices[number % len(voices)]
        yield _lesson(synthesizer.speak(line, language, pace, voice))
        context.step()


def _lesson(speech: Speech) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A line with silence around it, and the weights of the visemes at each moment."""
    rate = speech.sample_rate
    lead, tail = (round(part * rate) for part in (LEAD_S, TAIL_S))
    samples = soxr.resample(np.pad(speech.samples, (lead, tail)), rate, LISTENER_RATE)
    # Frame n is half a frame later than moment n.
    late = lead + round(Fraction(rate, 2 * HEARD_RATE))
    phones = [
        phone.model_copy(update={"start": phone.start + late, "end": phone.end + late})
        for phone in speech.phones
    ]
    moments = int(Fraction(len(samples), LISTENER_RATE) * HEARD_RATE) + 1
    weights = viseme_weights(phones, rate, Fraction(HEARD_RATE), moments)
    return samples.astype(np.float32), weights
