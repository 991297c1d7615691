"""Stages of translation: candidates by an engine, and a cue sheet of those that fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from dubwright.dialogue import CueSheet
from dubwright.dialogue.glossary import Glossary
from dubwright.engines import EngineKind, Translator, engine
from dubwright.operations.results import read_json, write_json
from dubwright.operations.speech_stages import CUE_SHEET
from dubwright.operations.task import Context
from dubwright.operations.voice_stages import performer_of, read_aloud
from dubwright.speech.pace import pace_beside
from dubwright.speech.translate import Wanted, ranked

__all__ = ["CANDIDATES", "TRANSLATION", "translate_part", "write_translation"]

CANDIDATES: Final = 6
# So many lines tell how fast a voice is.
CALIBRATED_BY: Final = 3
TRANSLATION: Final = "translation.json"


def translate_part(context: Context) -> None:
    """Some lines in another language: candidates, those that fit best first."""
    told = context.parameters
    translator: Translator = engine(
        told["engine"], EngineKind.TRANSLATOR, Path(context.where["weights"])
    )
    lines = told["lines"]
    found = translator.translate(
        [line["text"] for line in lines], told["source"], told["target"], CANDIDATES
    )
    glossary = Glossary(tuple(told["glossary"]))
    pace = _pace(context, [candidates[0] for candidates in found if candidates])
    rows = {}
    for line, candidates in zip(lines, found, strict=True):
        wanted = Wanted(line["text"], line["slot_ms"], line["room_ms"], line["on_screen"])
        order = ranked(
            wanted, candidates, told["source"], told["target"], read_aloud, pace, glossary
        )
        rows[line["cue"]] = [asdict(row) | {"flag": row.flag} for row in order]
        context.step()
    write_json(context.folder / "candidates.json", rows)


def _pace(context: Context, lines: Sequence[str]) -> float:
    """How fast the voice that will speak is beside the reader, by a few of its lines."""
    target = context.parameters["target"]
    if "synthesizer" not in context.parameters:
        return 1.0  # it is the reader
    performer = performer_of(context, target)
    return pace_beside(
        read_aloud, lambda text: performer.speak(text, 1.0), lines[:CALIBRATED_BY], target
    )


def write_translation(context: Context) -> None:
    """The cue sheet with the best of each line's candidates, and all of them to choose from."""
    sheet = CueSheet.model_validate(context.parameters["sheet"])
    best: dict[str, dict[str, str]] = {}
    report: dict[str, dict[str, Any]] = {}
    for language, parts in context.parameters["parts"].items():
        for number in range(parts):
            rows = read_json(context.inputs[f"{language}:{number}"] / "candidates.json")
            for cue, candidates in rows.items():
                report.setdefault(cue, {})[language] = candidates
                if candidates:
                    best.setdefault(cue, {})[language] = candidates[0]["text"]
    cues = tuple(
        # What a person wrote stays.
        cue.model_copy(
            update={
                "text": best.get(cue.id, {})
                | {language: text for language, text in cue.text.items() if text.strip()}
            }
        )
        for cue in sheet.cues
    )
    sheet.model_copy(update={"cues": cues}).write(context.folder / CUE_SHEET)
    write_json(
        context.folder / TRANSLATION,
        {"document": "dubwright.translation", "version": 1, "cues": report},
    )
