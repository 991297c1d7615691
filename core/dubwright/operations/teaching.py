"""Lines of speakers timed again by how each of them sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dubwright.errors import DubwrightError
from dubwright.model import Phone
from dubwright.operations.mouth_stages import line_on_plate, sounds_of
from dubwright.operations.results import load_phones, save_phones_of_lines
from dubwright.operations.task import Context
from dubwright.operations.voice_stages import reading
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.refine import LEAST_S, Example, SpeakerModel, retimed, trained
from dubwright.speech.soundtrack import SoundClip

__all__ = ["SaidLine", "later", "retime_original_lines", "retimed_by_speaker"]

# A speaker is learned from so much at most: the lines of it are held in memory at once.
TRAINED_ON_S: Final = 300


@dataclass(frozen=True)
class SaidLine:
    """A line of a speaker on the timeline.

    Attributes:
        phones: in samples of the timeline at MIX_RATE, pauses among them; not empty.
    """

    text: str
    phones: tuple[Phone, ...]


def retime_original_lines(context: Context) -> None:
    """The phones of a speaker's lines on the plate, timed again by how that speaker sounds."""
    starts, lines = {}, {}
    for line in context.parameters["lines"]:
        name, start = line["cue"], line["samples"][0]
        phones = load_phones(context.inputs[f"line:{name}"])
        if any(phone.symbol for phone in phones):
            starts[name] = start
            lines[name] = SaidLine(line["text"], tuple(later(phone, start) for phone in phones))
    sounds = sounds_of(context.where["sounds"])
    timed = retimed_by_speaker(sounds, list(lines.values()), context.parameters["language"])
    save_phones_of_lines(
        {
            name: [later(phone, -starts[name]) for phone in phones]
            for name, phones in zip(lines, timed, strict=True)
        },
        context.folder,
    )


def retimed_by_speaker(
    sounds: list[SoundClip], lines: Sequence[SaidLine], language: str
) -> list[tuple[Phone, ...]]:
    """The phones of one speaker's lines, timed anew; as they are where too little is said."""
    model = _speaker_model(sounds, lines, language)
    return [_retimed(sounds, line, model) if model else line.phones for line in lines]


def later(phone: Phone, samples: int) -> Phone:
    return phone.model_copy(update={"start": phone.start + samples, "end": phone.end + samples})


def _speaker_model(
    sounds: list[SoundClip], lines: Sequence[SaidLine], language: str
) -> SpeakerModel | None:
    """None where the speaker says too little, or was timed by an aligner with other phones."""
    examples, readings, seconds = [], [], 0.0
    for line in lines:
        if seconds < TRAINED_ON_S:
            try:
                read = reading(line.text, language)
            except DubwrightError:
                continue  # a line that cannot be read teaches nothing
            example, _ = _example(sounds, line)
            known = {phone.symbol for phone in read.phones}
            if {phone.symbol for phone in line.phones} <= known | {""}:
                examples.append(example)
                readings.append(Example(read.samples, read.sample_rate, read.phones))
                seconds += len(example.samples) / example.sample_rate
    return trained(examples, readings) if seconds >= LEAST_S else None


def _retimed(sounds: list[SoundClip], line: SaidLine, model: SpeakerModel) -> tuple[Phone, ...]:
    example, first = _example(sounds, line)
    return tuple(later(phone, first) for phone in retimed(example, model))


def _example(sounds: list[SoundClip], line: SaidLine) -> tuple[Example, int]:
    """A line's sound and its phones within, and its first sample on the timeline."""
    first, last = line.phones[0].start, line.phones[-1].end
    inside = tuple(later(phone, -first) for phone in line.phones)
    return Example(line_on_plate(sounds, (first, last)), MIX_RATE, inside), first
