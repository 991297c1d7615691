"""The cast: who speaks, whose likeness it is, and what they consented to."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from dubwright.dialogue.documents import read_document, write_document
from dubwright.model import Consent, LanguageTag, Likeness

__all__ = ["OWN_VOICE", "Cast", "Speaker"]

OWN_VOICE: Final = "own"


class Speaker(BaseModel):
    """One speaking person or character."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    likeness: Likeness = Likeness.UNKNOWN
    consents: tuple[Consent, ...] = ()
    voices: dict[LanguageTag, str] = Field(
        default_factory=dict,
        description="The synthesizer's voice, by language, or `own`: like theirs on the plate; its "
        "usual one otherwise.",
    )
    prints: dict[str, tuple[float, ...]] = Field(
        default_factory=dict,
        description="What their voice is like, by the engine that says so: by it they are known "
        "in the next episode.",
    )
    faces: dict[str, PositiveInt] = Field(
        default_factory=dict,
        description="Which face is theirs in which shot, counted from 1, the largest; where no "
        "shot is named, it is the one whose lips go with their lines.",
    )

    def consent_for(self, language: str, on: date) -> Consent | None:
        """The consent that covers a dub into this language on this day."""
        return next((c for c in self.consents if c.covers(language, on)), None)

    def may_be_cloned(self, language: str, on: date) -> bool:
        """Whether a consent covers a voice like theirs in this language on this day."""
        return any(c.covers_cloning(language, on) for c in self.consents)


class Cast(BaseModel):
    """Every speaker of a timeline. A speaker who is not listed has an unknown likeness."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.cast"] = "dubwright.cast"
    version: Literal[1] = 1
    speakers: tuple[Speaker, ...] = ()

    def speaker(self, name: str) -> Speaker:
        return next((s for s in self.speakers if s.name == name), Speaker(name=name))

    @classmethod
    def read(cls, path: Path) -> Cast:
        """See read_document for what it raises."""
        return read_document(path, cls, "cast")

    def write(self, path: Path) -> None:
        write_document(path, self)
