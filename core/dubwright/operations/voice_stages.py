"""Stages of voices: what a speaker's own is like, and who speaks a take."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import (
    Ability,
    EngineKind,
    Speech,
    Synthesizer,
    VoiceSample,
    engine,
)
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono, resampled, write_wav
from dubwright.model import Performance, Phone
from dubwright.operations.loading import aligner_of, diarizer_of
from dubwright.operations.mouth_stages import line_on_plate, sounds_of
from dubwright.operations.results import read_json, write_json
from dubwright.operations.task import Context
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.pace import READER
from dubwright.speech.perform import Performer
from dubwright.speech.timbre import matched, timbre_of
from dubwright.speech.voices import mean_print

__all__ = ["likeness", "performer_of", "read_aloud", "reading", "write_sample"]

SAMPLE_RATE: Final = 24000
SAMPLE: Final = "sample.wav"
LINES: Final = "lines.json"
VOICE: Final = "voice.json"
# What an engine is given of a voice to go on.
PROMPT_S: Final = 12.0
BETWEEN_S: Final = 0.25
MATCHED: Final = "made to sound like the speaker's own voice: approximate, for guide tracks"


def performer_of(context: Context, language: str) -> Performer:
    """The voice that a task is told to speak with."""
    told = context.parameters
    weights = context.where.get("voice_weights")
    synthesizer = engine(
        told["synthesizer"], EngineKind.SYNTHESIZER, Path(weights) if weights else None
    )
    aligner = aligner_of(context) if "aligner" in told else None
    performance = Performance(**told.get("performance", {}))
    sample = alike = None
    if folder := context.inputs.get("sample"):
        lines = _lines(folder)
        if Ability.CLONING in synthesizer.card.abilities:
            sample = _prompt(lines)
        else:
            timbre = timbre_of([speech for speech, _ in lines])
            if timbre is None:
                raise DubwrightError(
                    "A speaker's own voice is not known",
                    where="their lines on the timeline",
                    why="nothing is heard in them",
                    repair="choose another voice for them in the cast",
                )
            alike = partial(matched, wanted=timbre)
    return Performer(
        synthesizer, language, told["voice"], performance, aligner, sample, alike,
        notes=(MATCHED,) if alike else (),
    )  # fmt: skip


def reading(text: str, language: str) -> Speech:
    """A text as espeak-ng reads it at its natural pace, with exact phones."""
    reader: Synthesizer = engine(READER, EngineKind.SYNTHESIZER)
    return reader.speak(text, language, 1.0)


@lru_cache(maxsize=256)
def read_aloud(text: str, language: str) -> Speech:
    """A reading by which lengths and lips are told; remembered, for it is asked for often."""
    return reading(text, language)


def write_sample(context: Context) -> None:
    """A speaker's own lines, with their phones as far as they are known."""
    aligner = aligner_of(context)
    language = context.parameters["language"]
    sounds = sounds_of(context.where["sounds"])
    parts, lines, at = [], [], 0
    for line in context.parameters["lines"]:
        heard = resampled(line_on_plate(sounds, line["samples"]), MIX_RATE, SAMPLE_RATE)
        phones: Sequence[Phone] = ()
        if language and line["text"]:
            try:
                phones = aligner.align(heard, SAMPLE_RATE, line["text"], language)
            except DubwrightError:
                phones = ()  # its colour is known all the same, if not that of its phones
        lines.append(
            {"start": at, "end": at + len(heard), "text": line["text"],
             "phones": [phone.model_dump() for phone in phones]}
        )  # fmt: skip
        parts.append(heard)
        at += len(heard)
    together = np.concatenate(parts)
    write_wav(context.folder / SAMPLE, together, SAMPLE_RATE)
    write_json(context.folder / LINES, lines)
    if name := context.parameters.get("diarizer"):
        diarizer = diarizer_of(name, context)
        # A single line is its own two halves.
        edges = [0, len(together) // 2, len(together)]
        ranges = (
            list(pairwise(edges))
            if len(lines) == 1
            else [(line["start"], line["end"]) for line in lines]
        )
        prints = diarizer.prints(together, SAMPLE_RATE, ranges)
        ceiling = float(mean_print(prints[::2]) @ mean_print(prints[1::2]))
        own = [float(value) for value in mean_print(prints)]
        told = {"engine": name, "print": own, "ceiling": ceiling}
        write_json(context.folder / VOICE, told)


def likeness(context: Context, samples: NDArray[np.float32], sample_rate: int) -> tuple[str, ...]:
    """How like the speaker's own voice a take is, for people; nothing where nobody can tell."""
    folder = context.inputs.get("sample")
    if folder is None or not (folder / VOICE).is_file():
        return ()
    told = read_json(folder / VOICE)
    diarizer = diarizer_of(told["engine"], context)
    (found,) = diarizer.prints(samples, sample_rate, [(0, len(samples))])
    alike = float(found @ np.array(told["print"], np.float32))
    return (
        f"{told['engine']} hears it as {alike:.2f} like theirs; lines of theirs are "
        f"{told['ceiling']:.2f} like each other",
    )


def _lines(folder: Path) -> list[tuple[Speech, str]]:
    samples, rate = read_mono(folder / SAMPLE)
    return [
        (
            Speech(
                samples[line["start"] : line["end"]],
                rate,
                tuple(Phone(**phone) for phone in line["phones"]),
            ),
            line["text"],
        )
        for line in read_json(folder / LINES)
    ]


def _prompt(lines: Sequence[tuple[Speech, str]]) -> VoiceSample:
    """As many lines as an engine is given to go on; only such whose words are known, if any are.

    Of a line that is cut nobody knows which words are left, so that one longer than all others may
    be is given whole where there is no shorter.
    """
    rate = lines[0][0].sample_rate
    longest = round(PROMPT_S * rate)
    known = sorted((line for line in lines if line[1]), key=lambda line: len(line[0].samples))
    fitting = [line for line in reversed(known) if len(line[0].samples) <= longest]
    cut = [(Speech(speech.samples[:longest], rate, ()), "") for speech, _ in lines[:1]]
    spoken = fitting or known[:1] or cut
    between = np.zeros(round(BETWEEN_S * rate), np.float32)
    parts: list[NDArray[np.float32]] = []
    words, left = [], PROMPT_S * rate
    for speech, text in spoken:
        if parts and len(speech.samples) > left:
            continue
        parts += [speech.samples, between]
        words.append(text)
        left -= len(speech.samples)
    return VoiceSample(np.concatenate(parts), rate, " ".join(filter(None, words)))
