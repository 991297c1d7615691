"""The cue sheet: every line of a timeline, as a document that a person can read and edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dubwright.dialogue.documents import read_document, write_document
from dubwright.dialogue.speakable import is_speakable
from dubwright.dialogue.subtitles import Subtitle
from dubwright.errors import DubwrightError
from dubwright.model import Cue, CueKind

__all__ = ["CueSheet", "cue_sheet_from_subtitles"]

MAX_BORROWED_MS: Final = 500
DEFAULT_SPEAKER: Final = "Speaker 1"


class CueSheet(BaseModel):
    """Cues in order of time. `original` is the language tag of the plate's own dialogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.cue_sheet"] = "dubwright.cue_sheet"
    version: Literal[1] = 1
    original: str | None = Field(None, description="Language tag of the dialogue on the plate.")
    cues: tuple[Cue, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> CueSheet:
        seen: set[str] = set()
        for cue in self.cues:
            if cue.id in seen:
                raise ValueError(f"two cues have the id {cue.id}")
            seen.add(cue.id)
        ordered = tuple(sorted(self.cues, key=lambda cue: (cue.start_ms, cue.id)))
        object.__setattr__(self, "cues", ordered)
        return self

    @classmethod
    def read(cls, path: Path) -> CueSheet:
        """See read_document for what it raises."""
        return read_document(path, cls, "cue sheet")

    def write(self, path: Path) -> None:
        write_document(path, self)

    def with_takes_in(self, folder: Path) -> CueSheet:
        """The sheet with its recordings' paths counted from this folder."""

        def placed(cue: Cue) -> Cue:
            takes = {language: folder / take for language, take in cue.takes.items()}
            return cue.model_copy(update={"takes": takes})

        return self.model_copy(update={"cues": tuple(map(placed, self.cues))})

    def spoken_in(self, language: str) -> list[Cue]:
        """The lines of dialogue that have a text in this language, and all that has a recording."""
        return [
            cue
            for cue in self.cues
            if language in cue.takes
            or (cue.kind is CueKind.DIALOGUE and is_speakable(cue.text.get(language, "")))
        ]

    def with_recordings(self, found: Mapping[tuple[str, str], Path]) -> CueSheet:
        """The sheet with recordings by cue id and language, besides those that it names."""

        def recorded(cue: Cue) -> Cue:
            own = {language: path for (name, language), path in found.items() if name == cue.id}
            return cue.model_copy(update={"takes": own | cue.takes})

        return self.model_copy(update={"cues": tuple(map(recorded, self.cues))})

    def room_ms(self, cue: Cue, timeline_ms: int) -> int:
        """How long a take of this cue may be on a timeline of this length.

        A line may borrow half of the silence until the next line or the timeline's end, and at
        most half a second.
        """
        following = [other.start_ms for other in self.cues if other.start_ms >= cue.end_ms]
        silence = min([*following, timeline_ms]) - cue.end_ms
        return cue.end_ms - cue.start_ms + min(max(0, silence) // 2, MAX_BORROWED_MS)


def cue_sheet_from_subtitles(
    subtitles: Mapping[str, Sequence[Subtitle]],
    original: str | None,
    default_speaker: str = DEFAULT_SPEAKER,
) -> CueSheet:
    """Merge subtitle files of several languages into one sheet.

    The original language's subtitles, or else those of the first language given, make the cues;
    each other language's subtitle goes to the cue that it overlaps most. A subtitle that names no
    speaker is the default speaker's.

    Raises:
        DubwrightError: a subtitle overlaps no cue.
    """
    if not subtitles:
        return CueSheet(original=original)
    lead = original if original and original in subtitles else next(iter(subtitles))
    lines: list[dict[str, str]] = [{lead: subtitle.text} for subtitle in subtitles[lead]]
    for language, others in subtitles.items():
        if language == lead:
            continue
        for other in others:
            index = _most_overlapped(other, subtitles[lead])
            if index is None:
                raise DubwrightError(
                    "A subtitle stands where nobody speaks",
                    where=f"{language}, {_clock(other.start_ms)}: {other.text}",
                    why=f"no {lead} subtitle overlaps it",
                    repair=f"give it the times of its line in the {lead} subtitles",
                )
            text = lines[index].get(language)
            lines[index][language] = f"{text} {other.text}" if text else other.text
    cues = tuple(
        Cue(
            id=f"cue{number:04d}",
            speaker=subtitle.speaker or default_speaker,
            start_ms=subtitle.start_ms,
            end_ms=subtitle.end_ms,
            text=text,
        )
        for number, (subtitle, text) in enumerate(zip(subtitles[lead], lines, strict=True), 1)
    )
    return CueSheet(original=original, cues=cues)


def _most_overlapped(subtitle: Subtitle, cues: Sequence[Subtitle]) -> int | None:
    overlaps = [
        min(subtitle.end_ms, cue.end_ms) - max(subtitle.start_ms, cue.start_ms) for cue in cues
    ]
    best = max(range(len(overlaps)), key=overlaps.__getitem__, default=None)
    return best if best is not None and overlaps[best] > 0 else None


def _clock(milliseconds: int) -> str:
    seconds, ms = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"
