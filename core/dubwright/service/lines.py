"""The lines of a delivered dub as a person edits and reviews them on the page.

Versions are never changed. What is edited lies beside them, in lines/<version>.json, named after
the version that the edits began from, and what was decided in review.json; only the markers in the
versions' own timelines show the decisions too. Each rendering is made from a copy of the lines that
stays as it is, so that editing can go on meanwhile.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dubwright.dialogue import REVIEW_FILE, Cast, CueSheet, Decision, Review
from dubwright.dialogue.documents import read_document, write_document
from dubwright.errors import DubwrightError
from dubwright.operations.request import DubRequest, ReconformRequest
from dubwright.service.queue import Job

__all__ = [
    "Delivered",
    "Lines",
    "SavedLines",
    "Stale",
    "Word",
    "decide",
    "decisions",
    "read_lines",
    "revised",
    "save",
]


LINES_FOLDER: Final = "lines"
RENDERED: Final = re.compile(r"(v\d+)-[0-9a-f]{12}\.cue_sheet\.json")


@dataclass(frozen=True, slots=True)
class Delivered:
    """A version that a job delivered.

    Attributes:
        folder: of the version.
        edits: the file of the lines as they are edited, which may not be there yet. A version that
            was rendered from edited lines goes on with them.
        editable: whether its lines can be changed and rendered again.
    """

    folder: Path
    edits: Path
    editable: bool

    @classmethod
    def of(cls, job: Job, request: Mapping[str, Any]) -> Delivered:
        """What a finished job delivered, by the request that it was made from."""
        assert job.result is not None
        folder = Path(job.result["folder"])
        lines = folder.parent / LINES_FOLDER
        asked = Path(request.get("cue_sheet") or "")
        began = RENDERED.fullmatch(asked.name) if asked.parent == lines else None
        name = began[1] if began else folder.name
        return cls(folder, lines / f"{name}.json", job.operation in ("dub", "reconform"))

    @property
    def review(self) -> Path:
        return self.folder.parent / REVIEW_FILE


class Edits(BaseModel):
    """The file of edited lines."""

    model_config = ConfigDict(extra="forbid")

    document: Literal["dubwright.edited_lines"] = "dubwright.edited_lines"
    version: Literal[1] = 1
    cue_sheet: CueSheet
    cast: Cast


class Lines(BaseModel):
    """The lines and speakers of a dub. `revision` names this state of them."""

    revision: str
    editable: bool = Field(description="Whether they can be changed and rendered again.")
    cue_sheet: CueSheet
    cast: Cast


class SavedLines(BaseModel):
    """Edited lines, and the revision that they were made from."""

    model_config = ConfigDict(extra="forbid")

    revision: str = Field(max_length=64)
    cue_sheet: CueSheet
    cast: Cast


class Word(BaseModel):
    """A reviewer's word on a cue; None takes an earlier one back."""

    model_config = ConfigDict(extra="forbid")

    cue: str = Field(min_length=1, max_length=200)
    language: str = Field(min_length=1, max_length=50)
    verdict: Literal["approved", "rejected"] | None
    note: str = Field("", max_length=2000)


class Stale(DubwrightError):  # noqa: N818 - it is a state of the lines
    """The lines were changed elsewhere since they were read."""


# One service writes these files; two pages may ask at once.
_writing = threading.Lock()


def read_lines(delivered: Delivered) -> Lines:
    """The lines of a delivered version, with what was edited since.

    Raises:
        DubwrightError: they cannot be read.
    """
    if delivered.edits.exists():
        edits = read_document(delivered.edits, Edits, "edited lines")
        sheet, cast = edits.cue_sheet, edits.cast
    else:
        sheet = CueSheet.read(delivered.folder / "cue_sheet.json")
        cast = Cast.read(delivered.folder / "cast.json")
    return Lines(
        revision=_revision(sheet, cast), editable=delivered.editable, cue_sheet=sheet, cast=cast
    )


def save(delivered: Delivered, lines: SavedLines) -> Lines:
    """Keep edited lines beside the versions.

    Raises:
        Stale: they were changed since their revision; nothing is written.
        DubwrightError: they cannot be written.
    """
    with _writing:
        if read_lines(delivered).revision != lines.revision:
            raise Stale(
                "The lines were changed elsewhere",
                where=str(delivered.edits),
                why="they are not the ones that were edited here",
                repair="load them again, and make the change anew",
            )
        try:
            delivered.edits.parent.mkdir(exist_ok=True)
            write_document(delivered.edits, Edits(cue_sheet=lines.cue_sheet, cast=lines.cast))
        except OSError as error:
            raise _unwritten(delivered.edits, error) from error
        return read_lines(delivered)


def revised(
    delivered: Delivered, operation: str, request: Mapping[str, Any]
) -> DubRequest | ReconformRequest:
    """The request that renders the lines as they are now; what did not change is in the store.

    Args:
        delivered: the version whose lines they are.
        operation: that made it.
        request: that it was made by.

    Raises:
        DubwrightError: the lines cannot be read, or their copy cannot be written.
    """
    lines = read_lines(delivered)
    copy = delivered.edits.parent / f"{delivered.edits.stem}-{lines.revision[:12]}"
    sheet, cast = Path(f"{copy}.cue_sheet.json"), Path(f"{copy}.cast.json")
    try:
        sheet.parent.mkdir(exist_ok=True)
        lines.cue_sheet.write(sheet)
        lines.cast.write(cast)
    except OSError as error:
        raise _unwritten(sheet, error) from error
    update: dict[str, Any] = {"cue_sheet": sheet, "cast": cast}
    if operation == "reconform":
        # From this version on: what it kept of the earlier cut is its own now.
        update |= {"version": delivered.folder}
        return ReconformRequest.model_validate(request).model_copy(update=update)
    update |= {"subtitles": {}, "original": lines.cue_sheet.original}
    return DubRequest.model_validate(request).model_copy(update=update)


def decisions(delivered: Delivered) -> list[Decision]:
    """What was decided of this version."""
    return _holding(Review.read(delivered.review), _contents(delivered.folder))


def decide(delivered: Delivered, word: Word) -> list[Decision]:
    """Write a reviewer's word into review.json and on the markers of every version it holds for.

    Returns:
        What is now decided of this version.

    Raises:
        KeyError: the version has no such cue in this language.
        DubwrightError: the files cannot be written. The word stands if review.json has it.
    """
    from dubwright.conform.review import mark_timelines

    about = (word.cue, word.language)
    content = _contents(delivered.folder)[about]
    with _writing:
        review = Review.read(delivered.review)
        if word.verdict is None:
            review = review.withdrawn(*about, content)
        else:
            review = review.decided(
                Decision(
                    cue=word.cue,
                    language=word.language,
                    content=content,
                    verdict=word.verdict,
                    note=word.note,
                    by=_user(),
                    at=datetime.now(UTC),
                )
            )
        try:
            review.write(delivered.review)
        except OSError as error:
            raise _unwritten(delivered.review, error) from error
        for version in _versions(delivered.folder.parent):
            contents = _contents(version)
            if contents.get(about) == content:
                holding = _holding(review, contents)
                mark_timelines(version, {(d.cue, d.language): d for d in holding})
    return decisions(delivered)


def _versions(output: Path) -> Iterator[Path]:
    """The versions in an output folder that people review."""
    for report in sorted(output.glob("v*/report.json")):
        yield report.parent


def _contents(version: Path) -> dict[tuple[str, str], str]:
    """The keys of what is heard and seen of each dubbed cue of a version."""
    path = version / "report.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return {
            (cue["cue"], language["language"]): cue["content"]
            for language in report["languages"]
            for cue in language["cues"]
            if cue["content"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DubwrightError(
            "The report of a version cannot be read",
            where=str(path),
            why=str(error),
            repair="connect its drive again, or render the version anew",
        ) from error


def _holding(review: Review, contents: Mapping[tuple[str, str], str]) -> list[Decision]:
    found = (review.on(cue, language, content) for (cue, language), content in contents.items())
    return [decision for decision in found if decision is not None]


def _revision(sheet: CueSheet, cast: Cast) -> str:
    both = sheet.model_dump_json() + cast.model_dump_json()
    return hashlib.sha256(both.encode()).hexdigest()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # an account without a name decides without one


def _unwritten(path: Path, error: OSError) -> DubwrightError:
    return DubwrightError(
        "A document cannot be written",
        where=str(path),
        why=error.strerror or str(error),
        repair="check that the folder may be written and the disk is not full",
    )
