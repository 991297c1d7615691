"""A cue sheet's lines to a person who translates them, and back."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dubwright.dialogue.cue_sheet import CueSheet
from dubwright.dialogue.subtitles import SUBTITLE_FILES, Subtitle, read_subtitles, write_subtitles
from dubwright.dialogue.tables import read_table, write_table
from dubwright.dialogue.xliff import Translation, TranslationUnit, read_xliff, write_xliff
from dubwright.errors import DubwrightError
from dubwright.model import Cue, CueKind

__all__ = ["Brought", "export_lines", "import_lines"]

XLIFF_FILES: Final = frozenset({".xlf", ".xliff", ".mqxliff", ".sdlxliff"})
# Characters a second that are said at a usual pace, in most alphabets.
CHARACTERS_A_SECOND: Final = 15
UNTOUCHED: Final = frozenset({"new", "needs-translation", "initial"})


@dataclass(frozen=True, slots=True)
class Brought:
    """What came back from a translator.

    Attributes:
        sheet: with its lines.
        missing: cues that have no translation.
        unknown: units that are no cue's.
        changed: cues whose original is not what was translated.
    """

    sheet: CueSheet
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def export_lines(
    sheet: CueSheet, target: str, path: Path, lengths: Mapping[str, int] | None = None
) -> None:
    """Write lines for a translator: .xlf is XLIFF 1.2, .xliff 2.0, .csv a table, .srt and .vtt.

    Args:
        sheet: its lines in the original, and in the target language as far as there are any.
        target: language tag.
        path: to write.
        lengths: characters that a line should have at most, by cue; guessed from its time if None.

    Raises:
        DubwrightError: the sheet does not say what its original is, or the suffix is none of these.
    """
    source = _original(sheet)
    cues = [c for c in sheet.cues if c.kind is CueKind.DIALOGUE and c.text.get(source, "").strip()]
    suffix = path.suffix.lower()
    if suffix in (".xlf", ".xliff"):
        units = tuple(_unit(cue, source, target, lengths or {}) for cue in cues)
        translation = Translation(source, target, units)
        write_xliff(path, translation, "1.2" if suffix == ".xlf" else "2.0")
    elif suffix == ".csv":
        columns = ["cue", "speaker", "start", "end", "seconds", source, target, "note"]
        write_table(path, columns, [_row(cue, source, target) for cue in cues])
    elif suffix in (".srt", ".vtt"):
        lines = [Subtitle(c.start_ms, c.end_ms, c.text.get(target) or c.text[source]) for c in cues]
        write_subtitles(path, lines, target)
    else:
        raise DubwrightError(
            "Lines cannot be written so",
            where=str(path),
            why=f"{suffix or 'no suffix'} names no kind of file that translators take",
            repair="end its name in .xlf (XLIFF 1.2), .xliff (2.0), .csv, .srt or .vtt",
        )


def import_lines(sheet: CueSheet, target: str, path: Path) -> Brought:
    """Bring a translator's lines home. See export_lines for the kinds of files.

    Raises:
        DubwrightError: the file cannot be read, is into another language, or has none of the lines.
    """
    source = _original(sheet)
    suffix = path.suffix.lower()
    if suffix in SUBTITLE_FILES:
        return _from_subtitles(sheet, target, path)
    units = _from_table(path, source, target) if suffix == ".csv" else _from_xliff(path, target)
    known = {cue.id: cue for cue in sheet.cues}
    said = {u.id: u for u in units if u.target.strip() and u.state not in UNTOUCHED}
    if not said.keys() & known.keys():
        raise DubwrightError(
            "None of the lines is translated here",
            where=str(path),
            why="no unit that has a translation is named as a cue of the sheet",
            repair="give the file that was exported from this cue sheet, translated",
        )
    changed = [
        name
        for name, unit in said.items()
        if name in known and unit.source.split() != known[name].text.get(source, "").split()
    ]
    cues = tuple(
        cue.model_copy(update={"text": cue.text | {target: " ".join(said[cue.id].target.split())}})
        if cue.id in said
        else cue
        for cue in sheet.cues
    )
    return Brought(
        sheet.model_copy(update={"cues": cues}),
        missing=_untranslated(sheet, source, said.keys()),
        unknown=tuple(name for name in said if name not in known),
        changed=tuple(changed),
    )


def _original(sheet: CueSheet) -> str:
    if sheet.original is None:
        raise DubwrightError(
            "The original's language is not known",
            where="the cue sheet",
            why="its `original` is empty",
            repair='write the language tag of the plate\'s dialogue there, as in "original": "en"',
        )
    return sheet.original


def _untranslated(sheet: CueSheet, source: str, said: Container[str]) -> tuple[str, ...]:
    return tuple(
        cue.id
        for cue in sheet.cues
        if cue.kind is CueKind.DIALOGUE and cue.text.get(source) and cue.id not in said
    )


def _unit(cue: Cue, source: str, target: str, lengths: Mapping[str, int]) -> TranslationUnit:
    seconds = (cue.end_ms - cue.start_ms) / 1000
    most = lengths.get(cue.id, max(1, round(seconds * CHARACTERS_A_SECOND)))
    seen = "" if cue.on_screen else ", not seen"
    notes = (f"{cue.speaker}, {seconds:.1f} s{seen}", *filter(None, [cue.note]))
    return TranslationUnit(
        cue.id, cue.text[source], cue.text.get(target, ""), notes=notes, most_characters=most
    )


def _row(cue: Cue, source: str, target: str) -> dict[str, str]:
    return {
        "cue": cue.id,
        "speaker": cue.speaker,
        "start": _clock(cue.start_ms),
        "end": _clock(cue.end_ms),
        "seconds": f"{(cue.end_ms - cue.start_ms) / 1000:.1f}",
        source: cue.text[source],
        target: cue.text.get(target, ""),
        "note": cue.note,
    }


def _clock(ms: int) -> str:
    seconds, thousandths = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{thousandths:03d}"


def _from_table(path: Path, source: str, target: str) -> Sequence[TranslationUnit]:
    rows = read_table(path)
    missing = {"cue", source, target} - set(rows[0] if rows else ())
    if missing:
        raise DubwrightError(
            "The table lacks columns",
            where=str(path),
            why=f"there is no column {', '.join(sorted(missing))}",
            repair=f"keep the columns that were exported: cue, {source} and {target}",
        )
    return [TranslationUnit(row["cue"], row[source], row[target]) for row in rows]


def _from_xliff(path: Path, target: str) -> Sequence[TranslationUnit]:
    translation = read_xliff(path)
    into = translation.target_language
    if into and into.lower().partition("-")[0] != target.lower().partition("-")[0]:
        raise DubwrightError(
            "The lines are translated into another language",
            where=str(path),
            why=f"it says that it is into {into}, and {target} is asked for",
            repair=f"give the file into {target}, or import it with --to {into}",
        )
    return translation.units


def _from_subtitles(sheet: CueSheet, target: str, path: Path) -> Brought:
    """Subtitles bring their lines to the cues that they overlap most."""
    said: dict[str, str] = {}
    unknown = []
    lines = {cue.id: cue for cue in sheet.cues if cue.kind is CueKind.DIALOGUE}
    source = _original(sheet)
    for subtitle in read_subtitles(path):
        shared = {name: _shared(subtitle, cue) for name, cue in lines.items()}
        best = max(shared, key=lambda name: shared[name], default="")
        if not best or shared[best] <= 0:
            unknown.append(subtitle.text)
        elif subtitle.text != lines[best].text.get(source):  # what was exported untranslated
            said[best] = f"{said[best]} {subtitle.text}" if best in said else subtitle.text
    cues = tuple(
        cue.model_copy(update={"text": cue.text | {target: said[cue.id]}})
        if cue.id in said
        else cue
        for cue in sheet.cues
    )
    missing = _untranslated(sheet, source, said)
    return Brought(sheet.model_copy(update={"cues": cues}), missing, tuple(unknown))


def _shared(subtitle: Subtitle, cue: Cue) -> float:
    """What part of the time that either has both have."""
    both = min(subtitle.end_ms, cue.end_ms) - max(subtitle.start_ms, cue.start_ms)
    either = max(subtitle.end_ms, cue.end_ms) - min(subtitle.start_ms, cue.start_ms)
    return both / either
