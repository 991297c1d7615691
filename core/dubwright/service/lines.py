"""The lines of a delivered dub as a person edits and reviews them on the page.

Versions are never changed. What is edited lies beside them, as <timeline>.cue_sheet.json and
<timeline>.cast.json, and what was decided in review.json; only the markers in a version's own
timelines show the decisions too.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dubwright.dialogue import REVIEW_FILE, Cast, CueSheet, Decision, Review
from dubwright.errors import DubwrightError
from dubwright.operations.request import DubRequest
from dubwright.service.queue import Job

__all__ = [
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


def read_lines(job: Job) -> Lines:
    """The lines of a delivered dub, with what was edited since.

    Raises:
        DubwrightError: they cannot be read.
    """
    sheet_file, cast_file = _edited(job, "cue_sheet"), _edited(job, "cast")
    delivered = _folder(job)
    sheet = CueSheet.read(sheet_file if sheet_file.exists() else delivered / "cue_sheet.json")
    cast = Cast.read(cast_file if cast_file.exists() else delivered / "cast.json")
    return Lines(
        revision=_revision(sheet, cast),
        editable=job.operation == "dub",
        cue_sheet=sheet,
        cast=cast,
    )


def save(job: Job, lines: SavedLines) -> Lines:
    """Keep edited lines beside the versions.

    Raises:
        Stale: they were changed since their revision; nothing is written.
        DubwrightError: they cannot be written.
    """
    with _writing:
        if read_lines(job).revision != lines.revision:
            raise Stale(
                "The lines were changed elsewhere",
                where=str(_edited(job, "cue_sheet")),
                why="they are not the ones that were edited here",
                repair="load them again, and make the change anew",
            )
        try:
            lines.cue_sheet.write(_edited(job, "cue_sheet"))
            lines.cast.write(_edited(job, "cast"))
        except OSError as error:
            raise _unwritten(_edited(job, "cue_sheet"), error) from error
        return read_lines(job)


def revised(job: Job, request: Mapping[str, Any]) -> DubRequest:
    """The request that renders the edited lines: what did not change is found in the store."""
    asked = DubRequest.model_validate(request)
    lines = read_lines(job)
    _keep(job, lines)
    return asked.model_copy(
        update={
            "cue_sheet": _edited(job, "cue_sheet"),
            "cast": _edited(job, "cast"),
            "subtitles": {},
            "original": lines.cue_sheet.original,
        }
    )


def decisions(job: Job) -> list[Decision]:
    """What was decided of this version."""
    review = Review.read(_review_file(job))
    contents = _contents(job)
    found = (review.on(cue, language, content) for (cue, language), content in contents.items())
    return [decision for decision in found if decision is not None]


def decide(job: Job, word: Word) -> list[Decision]:
    """Write a reviewer's word into review.json and on the timelines' markers.

    Returns:
        What is now decided of this version.

    Raises:
        KeyError: the version has no such cue in this language.
        DubwrightError: the files cannot be written.
    """
    from dubwright.conform.review import mark_timelines

    content = _contents(job)[word.cue, word.language]
    with _writing:
        review = Review.read(_review_file(job))
        if word.verdict is None:
            review = review.withdrawn(word.cue, word.language, content)
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
            review.write(_review_file(job))
        except OSError as error:
            raise _unwritten(_review_file(job), error) from error
        decided = decisions(job)
        mark_timelines(_folder(job), {(d.cue, d.language): d for d in decided})
    return decided


def _keep(job: Job, lines: Lines) -> None:
    """Have the edited files there, so that a request can name them."""
    with _writing:
        if not _edited(job, "cue_sheet").exists():
            lines.cue_sheet.write(_edited(job, "cue_sheet"))
        if not _edited(job, "cast").exists():
            lines.cast.write(_edited(job, "cast"))


def _folder(job: Job) -> Path:
    assert job.result is not None
    return Path(job.result["folder"])


def _edited(job: Job, document: str) -> Path:
    assert job.result is not None
    return _folder(job).parent / f"{job.result['name']}.{document}.json"


def _review_file(job: Job) -> Path:
    return _folder(job).parent / REVIEW_FILE


def _contents(job: Job) -> dict[tuple[str, str], str]:
    """The keys of what is heard and seen of each dubbed cue of this version."""
    report = json.loads((_folder(job) / "report.json").read_text(encoding="utf-8"))
    return {
        (cue["cue"], language["language"]): cue["content"]
        for language in report["languages"]
        for cue in language["cues"]
        if cue["content"]
    }


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
