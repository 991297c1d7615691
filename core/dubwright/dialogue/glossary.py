"""A glossary: what terms are to be called in each language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dubwright.dialogue.tables import read_table
from dubwright.errors import DubwrightError

__all__ = ["Glossary"]


@dataclass(frozen=True, slots=True)
class Glossary:
    """Terms by language tag. A cell may name several forms with | between them: any will do."""

    terms: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def read(cls, path: Path) -> Glossary:
        """A table whose columns are language tags, such as en, es, fr.

        Raises:
            DubwrightError: the file cannot be read, or has fewer than two columns.
        """
        rows = read_table(path)
        if rows and len(rows[0]) < 2:
            raise DubwrightError(
                "The glossary names one language only",
                where=str(path),
                why=f"its columns are {', '.join(rows[0])}",
                repair="give a column for each language, named by its tag: en, es, fr",
            )
        return cls(tuple(rows))

    def kept(self, text: str, source: str, target_text: str, target: str) -> str:
        """A translation in which terms that were left as they are in the original are replaced."""
        for ours, theirs in self._pairs(source, target):
            for form in ours:
                if _found(form, text) and not any(_found(other, target_text) for other in theirs):
                    said = theirs[0].replace("\\", r"\\")  # no template
                    target_text = _pattern(form).sub(said, target_text)
        return target_text

    def violations(self, text: str, source: str, target_text: str, target: str) -> list[str]:
        """What the glossary asks of a translation and is not there, for people."""
        return [
            f"{ours[0]} is to be called {' or '.join(theirs)}"
            for ours, theirs in self._pairs(source, target)
            if any(_found(form, text) for form in ours)
            and not any(_found(form, target_text) for form in theirs)
        ]

    def _pairs(self, source: str, target: str) -> Iterator[tuple[list[str], list[str]]]:
        for row in self.terms:
            ours, theirs = _forms(row, source), _forms(row, target)
            if ours and theirs:
                yield ours, theirs


def _forms(row: Mapping[str, str], tag: str) -> list[str]:
    cell = row.get(tag) or row.get(tag.partition("-")[0]) or ""
    return [form.strip() for form in cell.split("|") if form.strip()]


def _found(form: str, text: str) -> bool:
    return bool(_pattern(form).search(text))


def _pattern(form: str) -> re.Pattern[str]:
    """A term as a word of its own; anywhere, in writing that does not part words."""
    if form.isascii():
        # Latin words stand within Chinese or Thai without spaces.
        edged = rf"(?<![A-Za-z0-9_]){re.escape(form)}(?![A-Za-z0-9_])"
    elif form[0].isupper() or form[0].islower():
        edged = rf"(?<!\w){re.escape(form)}(?!\w)"
    else:
        edged = re.escape(form)
    return re.compile(edged, re.IGNORECASE)
