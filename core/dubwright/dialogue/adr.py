"""ADR cue sheets: what actors and mixers have before them in the booth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from dubwright.dialogue.cue_sheet import CueSheet
from dubwright.dialogue.tables import write_table
from dubwright.errors import DubwrightError
from dubwright.model import Cue, CueKind, timecode_of_frame
from dubwright.store import whole

__all__ = ["Clock", "recorded_cues", "write_adr_pdf", "write_adr_table"]

PAGE: Final = Path(__file__).with_name("adr_sheet.typ")
RIGHT_TO_LEFT: Final = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})
COLUMNS: Final = (
    "cue", "character", "in", "out", "seconds", "kind", "seen", "original", "line", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clock:
    """A timeline's timecode: its rate, the frame it begins with, and whether it drops frames."""

    rate: Fraction
    start_frame: int
    drop: bool

    def at(self, ms: int) -> str:
        frame = self.start_frame + int(Fraction(ms, 1000) * self.rate)
        return timecode_of_frame(frame, self.rate, drop=self.drop)


def recorded_cues(sheet: CueSheet, language: str) -> list[Cue]:
    """What is recorded for a language: lines that have a text in it, and efforts and their like."""
    return [
        cue
        for cue in sheet.cues
        if cue.text.get(language, "").strip() or cue.kind is not CueKind.DIALOGUE
    ]


def write_adr_table(path: Path, sheet: CueSheet, language: str, clock: Clock) -> None:
    """A cue sheet as CSV; whole or not at all."""
    write_table(
        path, COLUMNS, [_cells(cue, sheet, language, clock) for cue in _cues(sheet, language)]
    )


def write_adr_pdf(
    path: Path, sheet: CueSheet, language: str, clock: Clock, title: str, printed: str
) -> None:
    """A cue sheet as PDF, A4 across; whole or not at all.

    Letters are taken from the machine's own fonts, where those of the page have none.

    Args:
        path: to write.
        sheet: the lines.
        language: that is recorded.
        clock: the timeline's.
        title: of the timeline.
        printed: when, for people.

    Raises:
        DubwrightError: nothing is recorded in the language.
    """
    try:
        import typst
    except ImportError as error:
        raise DubwrightError(
            "A PDF cannot be set",
            where="the package typst",
            why=str(error),
            repair="pip install typst; the same lines are in the CSV file",
        ) from error
    cues = _cues(sheet, language)
    names = sorted({cue.speaker for cue in cues})
    content = {
        "title": title,
        "subtitle": f"{sheet.original or 'original'} to {language}, "
        f"{float(clock.rate):g} frames a second, {len(cues)} cues",
        "printed": printed,
        "original": f"Original ({sheet.original or '?'})",
        "language": f"Line ({language})",
        "rows": [_row(cue, sheet, language, clock) for cue in cues],
        "characters": [
            {"name": name, "lines": str(sum(cue.speaker == name for cue in cues))} for name in names
        ],
    }
    document = typst.compile(PAGE.read_bytes(), sys_inputs={"data": json.dumps(content)})
    with whole(path) as partial:
        partial.write_bytes(document)


def _cues(sheet: CueSheet, language: str) -> Sequence[Cue]:
    cues = recorded_cues(sheet, language)
    if not cues:
        raise DubwrightError(
            f"Nothing is recorded in {language}",
            where="the cue sheet",
            why="no cue has a text in it, and none is an effort, breath, laugh, song or walla",
            repair=f"translate the lines first: dubwright translate export SHEET --to {language}",
        )
    return cues


def _cells(cue: Cue, sheet: CueSheet, language: str, clock: Clock) -> dict[str, str]:
    return {
        "cue": cue.id,
        "character": cue.speaker,
        "in": clock.at(cue.start_ms),
        "out": clock.at(cue.end_ms),
        "seconds": f"{(cue.end_ms - cue.start_ms) / 1000:.2f}",
        "kind": cue.kind.value,
        "seen": "yes" if cue.on_screen else "no",
        "original": cue.text.get(sheet.original or "", ""),
        "line": cue.text.get(language, ""),
        "note": cue.note,
    }


def _row(cue: Cue, sheet: CueSheet, language: str, clock: Clock) -> dict[str, Any]:
    kind = "" if cue.kind is CueKind.DIALOGUE else f"({cue.kind.value})"
    notes = ["" if cue.on_screen else "off screen", _pauses(cue), cue.note]
    return {
        "cue": cue.id,
        "character": cue.speaker,
        "start": clock.at(cue.start_ms),
        "end": clock.at(cue.end_ms),
        "length": f"{(cue.end_ms - cue.start_ms) / 1000:.1f} s",
        "original": _written(cue.text.get(sheet.original or "", ""), sheet.original or "en"),
        "line": _written(cue.text.get(language, "") or kind, language),
        "note": "; ".join(filter(None, notes)),
    }


def _pauses(cue: Cue) -> str:
    """When the original falls silent within the line, for the actor."""
    gaps = [
        f"{end / 1000:.1f} to {start / 1000:.1f} s"
        for (_, end), (start, _) in zip(cue.phrases[:-1], cue.phrases[1:], strict=True)
    ]
    return f"pause at {', '.join(gaps)}" if gaps else ""


def _written(text: str, tag: str) -> dict[str, Any]:
    plain = tag.partition("-")[0].lower()
    return {"text": text, "language": plain, "right_to_left": plain in RIGHT_TO_LEFT}
