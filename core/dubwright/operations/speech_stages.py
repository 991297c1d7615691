"""Stages of speech on the timeline: where it is, what is said, and by whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.dialogue import Cast, CueSheet, Speaker
from dubwright.engines import EngineKind, Transcriber, engine
from dubwright.errors import DubwrightError
from dubwright.media.audio import resampled
from dubwright.model import Cue, FrameRange, Word
from dubwright.operations.loading import diarizer_of
from dubwright.operations.mouth_stages import line_on_plate, sounds_of
from dubwright.operations.results import read_json, write_json
from dubwright.operations.task import Context
from dubwright.speech.activity import ACTIVITY_RATE, speech_ranges
from dubwright.speech.lines import joined, lines_of, phrases_of
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.voices import grouped_voices, mean_print, named_voices, turns_of

__all__ = [
    "CAST",
    "CUE_SHEET",
    "HEARD_BLOCK",
    "PART_S",
    "TRANSCRIPT",
    "find_speech",
    "print_voices",
    "transcribe_part",
    "write_transcript",
]

CUE_SHEET: Final = "cue_sheet.json"
CAST: Final = "cast.json"
TRANSCRIPT: Final = "transcript.json"
# Of the timeline at MIX_RATE: half a minute is read at once.
HEARD_BLOCK: Final = 30 * MIX_RATE
PART_S: Final = 60
CUT_WITHIN_S: Final = 15
# What is shorter tells too little of a voice to found one on.
TELLING_S: Final = 1.0
NOBODY: Final = "Speaker 1"
VOICES: Final = "voices.npz"

Samples = NDArray[np.float32]


def find_speech(context: Context) -> None:
    """Where on the timeline somebody speaks, in samples at 16 kHz."""
    sounds, total = sounds_of(context.where["sounds"]), context.parameters["samples"]

    def blocks() -> Iterator[Samples]:
        for part in FrameRange(0, total).chunks(HEARD_BLOCK):
            yield _heard(sounds, part.start, part.end)
            context.step()

    write_json(context.folder / "speech.json", speech_ranges(blocks()))


def transcribe_part(context: Context) -> None:
    """The words of one part of the timeline."""
    transcriber: Transcriber = engine(
        context.parameters["engine"], EngineKind.TRANSCRIBER, Path(context.where["weights"])
    )
    start, end, speech = _part(context)
    words: list[dict[str, Any]] = []
    if speech:
        heard = transcriber.transcribe(
            _heard(sounds_of(context.where["sounds"]), *_on_timeline(start, end)),
            ACTIVITY_RATE,
            [(first - start, last - start) for first, last in speech],
            context.parameters["language"],
        )
        words = [
            Word(
                text=word.text,
                start_ms=(start + word.start) * 1000 // ACTIVITY_RATE,
                end_ms=(start + word.end) * 1000 // ACTIVITY_RATE,
                confidence=word.confidence,
                language=context.parameters["language"] or heard.language,
            ).model_dump()
            for word in heard.words
        ]
    write_json(context.folder / "words.json", words)


def print_voices(context: Context) -> None:
    """What the voices of one part of the timeline are like."""
    diarizer = diarizer_of(context.parameters["diarizer"], context)
    start, end, speech = _part(context)
    turns = turns_of([(first - start, last - start) for first, last in speech], ACTIVITY_RATE)
    sound = _heard(sounds_of(context.where["sounds"]), *_on_timeline(start, end))
    np.savez(
        context.folder / VOICES,
        turns=np.array(turns, np.int64).reshape(-1, 2) + start,
        prints=diarizer.prints(sound, ACTIVITY_RATE, turns),
        same_voice=diarizer.same_voice,
    )


def write_transcript(context: Context) -> None:
    """A cue sheet of what is said, with who says it, and every word with its time."""
    words = [
        Word(**word)
        for number in range(context.parameters["parts"])
        for word in read_json(context.inputs[f"words:{number}"] / "words.json")
    ]
    if not words:
        raise DubwrightError(
            "No speech was heard",
            where=context.parameters["name"],
            why="the detector found none" if not _any_speech(context) else "no words were heard",
            repair="check that this is the track with the dialogue; or give the lines with "
            "subtitles or a script, and time them with `dubwright align`",
        )
    known = Cast.model_validate(context.parameters["cast"])
    voices = _voices(context, known)
    lines = lines_of(words, lambda word: voices.at(word)) if voices else lines_of(words, _one)
    cues, heard = [], {}
    for number, line in enumerate(lines, start=1):
        cue = _cue(number, line, voices.at(line[0]) if voices else _only(known))
        cues.append(cue)
        heard[cue.id] = [word.model_dump() for word in line]
    sheet = CueSheet(original=_most_spoken(words), cues=tuple(cues))
    sheet.write(context.folder / CUE_SHEET)
    cast = voices.cast if voices else _with_speakers(known, {cue.speaker for cue in cues})
    cast.write(context.folder / CAST)
    write_json(
        context.folder / TRANSCRIPT,
        {"document": "dubwright.transcript", "version": 1, "cues": heard},
    )


class _Voices:
    """Who speaks when.

    Args:
        turns: ranges of samples at 16 kHz, in order.
        names: whose they are.
        cast: everybody.
    """

    def __init__(self, turns: NDArray[np.int64], names: Sequence[str], cast: Cast) -> None:
        self._middles_ms = turns.mean(axis=1) * 1000 / ACTIVITY_RATE
        self._names = names
        self.cast = cast

    def at(self, word: Word) -> str:
        """Who speaks nearest to a word."""
        middle = (word.start_ms + word.end_ms) / 2
        return self._names[int(np.abs(self._middles_ms - middle).argmin())]


def _voices(context: Context, known: Cast) -> _Voices | None:
    """None where no voice was told from another."""
    identity = context.parameters["diarizer"]
    if not identity:
        return None
    folders = [context.inputs[f"voices:{n}"] for n in range(context.parameters["parts"])]
    with np.load(folders[0] / VOICES) as data:
        same_voice = float(data["same_voice"])
    found = grouped_voices(map(_read_voices, folders), same_voice, round(TELLING_S * ACTIVITY_RATE))
    turns, prints, voices = found
    if not len(turns):
        return None
    means = [mean_print(prints[voices == number]) for number in range(voices.max() + 1)]
    saved = {
        speaker.name: np.array(speaker.prints[identity], np.float32)
        for speaker in known.speakers
        if identity in speaker.prints
    }
    names = _filled(named_voices(means, saved, same_voice), known)
    cast = _with_speakers(known, names)
    for speaker_name, mean in zip(names, means, strict=True):
        if speaker_name not in saved:
            cast = _with_print(cast, speaker_name, identity, mean)
    return _Voices(turns, [names[voice] for voice in voices], cast)


def _read_voices(folder: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    with np.load(folder / VOICES) as data:
        return data["turns"], data["prints"]


def _filled(names: Sequence[str], known: Cast) -> list[str]:
    """New names for the voices that have none."""
    taken = {speaker.name for speaker in known.speakers}
    filled = []
    for name in names:
        number = 1
        while not name and f"Speaker {number}" in taken:
            number += 1
        filled.append(name or f"Speaker {number}")
        taken.add(filled[-1])
    return filled


def _with_speakers(cast: Cast, names: Sequence[str] | set[str]) -> Cast:
    here = {speaker.name for speaker in cast.speakers}
    new = tuple(Speaker(name=name) for name in sorted(set(names) - here))
    return cast.model_copy(update={"speakers": (*cast.speakers, *new)})


def _with_print(cast: Cast, name: str, identity: str, found: NDArray[np.float32]) -> Cast:
    values = tuple(round(float(value), 4) for value in found)
    return cast.model_copy(
        update={
            "speakers": tuple(
                s.model_copy(update={"prints": s.prints | {identity: values}})
                if s.name == name
                else s
                for s in cast.speakers
            )
        }
    )


def _cue(number: int, line: Sequence[Word], speaker: str) -> Cue:
    language = line[0].language
    return Cue(
        id=f"cue{number:04d}",
        speaker=speaker,
        start_ms=line[0].start_ms,
        end_ms=max(line[-1].end_ms, line[0].start_ms + 1),
        text={language: joined(line)},
        phrases=phrases_of([(w.start_ms, max(w.end_ms, w.start_ms + 1)) for w in line]),
        confidence=round(sum(word.confidence for word in line) / len(line), 3),
    )


def _most_spoken(words: Sequence[Word]) -> str:
    spoken: dict[str, int] = {}
    for word in words:
        spoken[word.language] = spoken.get(word.language, 0) + word.end_ms - word.start_ms
    return max(spoken, key=lambda language: spoken[language])


def _one(_: Word) -> str:
    return NOBODY


def _only(cast: Cast) -> str:
    return cast.speakers[0].name if len(cast.speakers) == 1 else NOBODY


def _any_speech(context: Context) -> bool:
    return bool(read_json(context.inputs["speech"] / "speech.json"))


def _part(context: Context) -> tuple[int, int, list[tuple[int, int]]]:
    """The first and the last sample of a part, at 16 kHz, and the speech within."""
    speech = [(a, b) for a, b in read_json(context.inputs["speech"] / "speech.json")]
    total = context.parameters["samples"] * ACTIVITY_RATE // MIX_RATE
    number = context.parameters["part"]
    start = _cut(speech, number * PART_S * ACTIVITY_RATE, total)
    end = _cut(speech, (number + 1) * PART_S * ACTIVITY_RATE, total)
    inside = [(max(a, start), min(b, end)) for a, b in speech if a < end and b > start]
    return start, end, inside


def _cut(speech: Sequence[tuple[int, int]], near: int, total: int) -> int:
    """Where to cut: in the middle of the longest pause near a sample, or there if there is none."""
    if near <= 0 or near >= total:
        return min(max(near, 0), total)
    low, high = near - CUT_WITHIN_S * ACTIVITY_RATE, near + CUT_WITHIN_S * ACTIVITY_RATE
    edges = [0, *(edge for part in speech for edge in part), total]
    pauses = [
        (min(b, high) - max(a, low), (max(a, low) + min(b, high)) // 2)
        for a, b in zip(edges[::2], edges[1::2], strict=True)
        if a < high and b > low and a < b
    ]
    return max(pauses)[1] if pauses else near


def _on_timeline(start: int, end: int) -> tuple[int, int]:
    """Samples at 16 kHz as samples at MIX_RATE."""
    return start * (MIX_RATE // ACTIVITY_RATE), end * (MIX_RATE // ACTIVITY_RATE)


def _heard(sounds: list[Any], start: int, end: int) -> Samples:
    """The timeline's dialogue from `start` to `end` at MIX_RATE, as mono at 16 kHz."""
    return resampled(line_on_plate(sounds, (start, end)), MIX_RATE, ACTIVITY_RATE)
