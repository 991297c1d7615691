"""What reviewers decided: approvals and rejections of cues, with their notes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dubwright.dialogue.documents import read_document, write_document
from dubwright.model import LanguageTag

__all__ = ["REVIEW_FILE", "Decision", "Review"]

# Beside the versions that it is about.
REVIEW_FILE: Final = "review.json"


class Decision(BaseModel):
    """One reviewer's word on one cue in one language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cue: str = Field(min_length=1, max_length=200)
    language: LanguageTag
    content: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="What was seen and heard, as the report's `content` of the cue: the word holds "
        "for every version in which it is the same.",
    )
    verdict: Literal["approved", "rejected"]
    note: str = Field("", max_length=2000)
    by: str = Field("", max_length=200)
    at: datetime


class Review(BaseModel):
    """Every word that holds, beside the versions that it is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.review"] = "dubwright.review"
    version: Literal[1] = 1
    decisions: tuple[Decision, ...] = ()

    def decided(self, decision: Decision) -> Review:
        """The review with a word added, instead of an earlier one on the same content."""
        kept = self.withdrawn(decision.cue, decision.language, decision.content).decisions
        return self.model_copy(update={"decisions": (*kept, decision)})

    def withdrawn(self, cue: str, language: str, content: str) -> Review:
        """The review without a word on this content."""
        about = (cue, language, content)
        kept = tuple(d for d in self.decisions if (d.cue, d.language, d.content) != about)
        return self.model_copy(update={"decisions": kept})

    def on(self, cue: str, language: str, content: str) -> Decision | None:
        """The word on this content, or None."""
        about = (cue, language, content)
        found = (d for d in self.decisions if (d.cue, d.language, d.content) == about)
        return next(found, None)

    @classmethod
    def read(cls, path: Path) -> Review:
        """The review in a file; an empty one where there is none. See read_document."""
        return read_document(path, cls, "review") if path.exists() else cls()

    def write(self, path: Path) -> None:
        write_document(path, self)
