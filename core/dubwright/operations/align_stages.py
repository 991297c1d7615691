"""Stages that time lines whose words are known: where each is said, and each of its phones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.dialogue import CueSheet
from dubwright.engines import Speech
from dubwright.errors import DubwrightError
from dubwright.media.audio import resampled
from dubwright.model import Cue, FrameRange, Phone
from dubwright.operations.loading import aligner_of
from dubwright.operations.mouth_stages import line_on_plate, sounds_of
from dubwright.operations.results import read_json, save_phones, write_json
from dubwright.operations.speech_stages import CUE_SHEET, HEARD_BLOCK
from dubwright.operations.task import Context
from dubwright.operations.teaching import SaidLine, later, retimed_by_speaker
from dubwright.operations.voice_stages import reading
from dubwright.speech.activity import ACTIVITY_RATE
from dubwright.speech.drift import drift_of
from dubwright.speech.engines.espeak_dtw import EspeakDtwAligner
from dubwright.speech.lines import phrases_of
from dubwright.speech.locate import (
    FOUND_RATE,
    LocatedLine,
    heard_features,
    located_lines,
    read_features,
)
from dubwright.speech.mix import MIX_RATE

__all__ = [
    "ALIGNMENT",
    "LINES_AT_ONCE",
    "PHONES",
    "locate_lines",
    "read_lines",
    "time_lines",
    "write_alignment",
]

ALIGNMENT: Final = "alignment.json"
PHONES: Final = "phones"
LINES_AT_ONCE: Final = 20
MS_OF_FRAME: Final = 1000 // FOUND_RATE
SAMPLES_OF_FRAME: Final = ACTIVITY_RATE // FOUND_RATE
# What is found to forty milliseconds is cut out with this much around it, but not with what is
# other lines'.
MARGIN_MS: Final = 400
# A line reaches to the edge of the speech that it lies in, if that is no further.
NEAR_MS: Final = 800
UNSURE: Final = 0.6
LIKEST: Final = "likest.json"
LEAST_TESTED: Final = 3
# Of lines that are what they are said to be nearly all sound more like their own text than like
# three others of the script; of those in another language one in four, as chance has it.
LEAST_LIKEST: Final = 0.6

Samples = NDArray[np.float32]


def read_lines(context: Context) -> None:
    """Every line as the embedded voice reads it: what it is looked for by."""
    language = context.parameters["language"]
    spoken: list[int] = []
    silent = []

    def readings() -> Iterator[Speech]:
        for number, text in enumerate(context.parameters["texts"]):
            try:
                read = reading(text, language)
            except DubwrightError as error:
                # A line without a speakable word is told, not looked for.
                silent.append({"line": number, "why": error.why})
            else:
                spoken.append(number)
                yield read
            context.step()

    features = read_features(readings())
    np.savez(
        context.folder / "readings.npz",
        spoken=np.array(spoken, np.int64),
        lengths=np.array([len(part) for part in features], np.int64),
        features=np.concatenate([*features, np.zeros((0, 26))]).astype(np.float32),
    )
    write_json(context.folder / "silent.json", silent)


def locate_lines(context: Context) -> None:
    """Where each line is said."""
    with np.load(context.inputs["readings"] / "readings.npz") as data:
        spoken, lengths, features = data["spoken"], data["lengths"], data["features"]
    speech = read_json(context.inputs["speech"] / "speech.json")
    found: list[LocatedLine] = []
    if len(spoken) and speech:
        lines = np.split(features, np.cumsum(lengths)[:-1])
        found = located_lines(_heard(context, speech), lines)
    edges = _stretched(found, speech)
    write_json(
        context.folder / "located.json",
        [
            asdict(line) | {"line": int(spoken[line.line]), "start_ms": start, "end_ms": end}
            for line, (start, end) in zip(found, edges, strict=True)
        ],
    )


def time_lines(context: Context) -> None:
    """The phones of some of the lines."""
    aligner = aligner_of(context)
    sounds = sounds_of(context.where["sounds"])
    located = {line["line"]: line for line in read_json(context.inputs["located"] / "located.json")}
    order = sorted(located)
    for number, text in context.parameters["texts"]:
        if number in located:
            place = order.index(number)
            before = located[order[place - 1]]["end_ms"] if place else 0
            after = located[order[place + 1]]["start_ms"] if place + 1 < len(order) else None
            start, end = _with_margin(located[number], before, after)
            sound = line_on_plate(sounds, (start * MIX_RATE // 1000, end * MIX_RATE // 1000))
            folder = context.folder / str(number)
            folder.mkdir()
            try:
                phones = aligner.align(sound, MIX_RATE, text, context.parameters["language"])
            except DubwrightError as error:
                save_phones([], folder, untimed=f"{error.what}: {error.why}")
            else:
                late = start * MIX_RATE // 1000
                save_phones([later(phone, late) for phone in phones], folder)
                if others := context.parameters["tested"].get(str(number)):
                    likest = _is_likest(sound, text, others, context.parameters["language"])
                    write_json(folder / LIKEST, likest)
        context.step()


def write_alignment(context: Context) -> None:
    """The cue sheet with the times that were found, every phone, and what to look at."""
    sheet = CueSheet.model_validate(context.parameters["sheet"])
    language = context.parameters["language"]
    silent = {
        line["line"]: line["why"] for line in read_json(context.inputs["readings"] / "silent.json")
    }
    timed, untimed = _timed(context)
    if not timed:
        raise DubwrightError(
            "None of the lines is found in the sound",
            where=context.parameters["name"],
            why=f"{len(sheet.cues)} lines in {language} were looked for",
            repair="check that the script is in the language that is spoken, and that this is the "
            "track with the dialogue",
        )
    refined = _refined(context, sheet, timed, language)
    cues, rows = [], []
    for number, cue in enumerate(sheet.cues):
        phones = refined.get(number, ())
        sure = _confidence(phones) if phones else 0.0
        row: dict[str, Any] = {"cue": cue.id, "confidence": sure}
        why = silent.get(number) or untimed.get(number) or "it is not heard"
        if phones:
            start, end = _range_ms(phones)
            cue = cue.model_copy(
                update={
                    "start_ms": start,
                    "end_ms": max(end, start + 1),
                    "phrases": phrases_of([_ms(phone) for phone in phones if phone.symbol]),
                    "confidence": sure,
                }
            )
            _write_labels(context.folder / PHONES / f"{cue.id}.txt", phones, start)
            if sure < UNSURE:
                row["look"] = "its words and its sound are unlike each other"
        else:
            cue = cue.model_copy(update={"confidence": 0.0, "note": _noted(cue.note, why)})
            row["look"] = why
        cues.append(cue)
        rows.append(row)
    if not context.parameters["timed"]:
        cues = _placed(cues, set(refined))
    drift = None
    if context.parameters["timed"]:
        numbers = sorted(refined)
        drift = drift_of(
            [sheet.cues[n].start_ms for n in numbers], [cues[n].start_ms for n in numbers]
        )
    likest = _likest(context)
    doubt = ""
    if len(likest) >= LEAST_TESTED and sum(likest) < LEAST_LIKEST * len(likest):
        doubt = (
            f"of {len(likest)} lines only {sum(likest)} sound more like their own words than like "
            "other lines: is this script of another language, or of another cut?"
        )
    sheet.model_copy(update={"cues": tuple(cues)}).write(context.folder / CUE_SHEET)
    write_json(
        context.folder / ALIGNMENT,
        {
            "document": "dubwright.alignment",
            "version": 1,
            "language": language,
            "found": len(refined),
            "of": len(cues),
            "doubt": doubt,
            "drift": asdict(drift) if drift else None,
            "cues": rows,
        },
    )


def _is_likest(sound: Samples, text: str, others: Sequence[str], language: str) -> bool:
    """Whether a line sounds more like its own text than like others."""
    aligner = EspeakDtwAligner()
    own = aligner.unlikeness(sound, MIX_RATE, text, language)
    for other in others:
        try:
            unlike = aligner.unlikeness(sound, MIX_RATE, other, language)
        except DubwrightError:
            continue  # it has nothing that can be spoken, and nothing sounds like it
        if unlike <= own:
            return False
    return True


def _heard(
    context: Context, speech: Sequence[Sequence[int]]
) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
    """The recording's features, half a minute at a time, and where somebody speaks."""
    sounds, total = sounds_of(context.where["sounds"]), context.parameters["samples"]
    at = 0
    for part in FrameRange(0, total).chunks(HEARD_BLOCK):
        sound = line_on_plate(sounds, (part.start, part.end))
        features = heard_features(resampled(sound, MIX_RATE, ACTIVITY_RATE), ACTIVITY_RATE)
        features = features[: max(1, len(part) * FOUND_RATE // MIX_RATE)]
        speaks = np.zeros(len(features), bool)
        for start, end in speech:
            first, last = start // SAMPLES_OF_FRAME - at, -(-end // SAMPLES_OF_FRAME) - at
            if last > 0 and first < len(features):
                speaks[max(0, first) : last] = True
        yield features, speaks
        at += len(features)
        context.step()


def _stretched(
    found: Sequence[LocatedLine], speech: Sequence[Sequence[int]]
) -> list[tuple[int, int]]:
    """Each line's start and end in milliseconds, with what is left of the speech it lies in."""
    starts = [line.start * MS_OF_FRAME for line in found]
    ends = [line.end * MS_OF_FRAME for line in found]
    ranges = [(a * 1000 // ACTIVITY_RATE, b * 1000 // ACTIVITY_RATE) for a, b in speech]
    stretched = []
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        floor = ends[index - 1] if index else 0
        ceiling = starts[index + 1] if index + 1 < len(found) else end + NEAR_MS
        begins = [a for a, b in ranges if a < start <= b and start - a <= NEAR_MS]
        stops = [b for a, b in ranges if a <= end < b and b - end <= NEAR_MS]
        stretched.append(
            (max([floor, *begins[:1]]) if begins else start,
             min([ceiling, *stops[:1]]) if stops else end)
        )  # fmt: skip
    return stretched


def _with_margin(line: Mapping[str, Any], before_ms: int, after_ms: int | None) -> tuple[int, int]:
    """What to cut out for a line: some of the silence around it, but nothing of its neighbours."""
    start, end = line["start_ms"], line["end_ms"]
    end_most = end + MARGIN_MS if after_ms is None else max(end, min(after_ms, end + MARGIN_MS))
    return max(min(before_ms, start), start - MARGIN_MS), end_most


def _timed(context: Context) -> tuple[dict[int, list[Phone]], dict[int, str]]:
    """The phones of each line, in samples of the timeline; and why a line has none."""
    timed, untimed = {}, {}
    for part in range(context.parameters["parts"]):
        for folder in sorted(context.inputs[f"lines:{part}"].iterdir(), key=lambda f: int(f.name)):
            content = read_json(folder / "phones.json")
            number = int(folder.name)
            if content["phones"]:
                timed[number] = [Phone(**phone) for phone in content["phones"]]
            else:
                untimed[number] = content["untimed"]
    return timed, untimed


def _likest(context: Context) -> list[bool]:
    """Of each line that was tested, whether it sounds more like its own text than like others."""
    folders = (context.inputs[f"lines:{part}"] for part in range(context.parameters["parts"]))
    return [read_json(file) for folder in folders for file in sorted(folder.rglob(LIKEST))]


def _refined(
    context: Context, sheet: CueSheet, timed: Mapping[int, list[Phone]], language: str
) -> dict[int, tuple[Phone, ...]]:
    """The phones timed again by how each speaker sounds, where there is enough to learn that."""
    sounds = sounds_of(context.where["sounds"])
    refined: dict[int, tuple[Phone, ...]] = {}
    for speaker in {sheet.cues[number].speaker for number in timed}:
        theirs = [number for number in sorted(timed) if sheet.cues[number].speaker == speaker]
        lines = [SaidLine(sheet.cues[n].text[language], tuple(timed[n])) for n in theirs]
        refined |= dict(zip(theirs, retimed_by_speaker(sounds, lines, language), strict=True))
    return refined


def _confidence(phones: Sequence[Phone]) -> float:
    sure = [phone.confidence for phone in phones if phone.confidence is not None]
    return round(float(np.mean(sure)), 3) if sure else 1.0


def _range_ms(phones: Sequence[Phone]) -> tuple[int, int]:
    said = [phone for phone in phones if phone.symbol]
    return _ms(said[0])[0], _ms(said[-1])[1]


def _ms(phone: Phone) -> tuple[int, int]:
    return phone.start * 1000 // MIX_RATE, phone.end * 1000 // MIX_RATE


def _noted(note: str, why: str) -> str:
    return f"{note}; not found: {why}" if note else f"not found: {why}"


def _placed(cues: Sequence[Cue], found: set[int]) -> list[Cue]:
    """Lines of a script that were not found, in the pause where they would be."""
    placed = list(cues)
    for number, cue in enumerate(cues):
        if number not in found:
            before = placed[number - 1].end_ms if number else 0
            placed[number] = cue.model_copy(update={"start_ms": before, "end_ms": before + 1})
    return placed


def _write_labels(path: Path, phones: Sequence[Phone], start_ms: int) -> None:
    """A label track, in seconds from the line's start."""
    path.parent.mkdir(exist_ok=True)
    first = start_ms * MIX_RATE // 1000
    rows = [
        f"{max(0, phone.start - first) / MIX_RATE:.4f}\t{(phone.end - first) / MIX_RATE:.4f}"
        f"\t{phone.symbol}"
        for phone in phones
        if phone.end > first
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
