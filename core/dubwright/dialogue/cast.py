"""The cast: who speaks, whose likeness it is, and what they consented to."""

from __future__ import annotations

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
    voiced_by: dict[LanguageTag, str] = Field(
        default_factory=dict,
        description="The voice actor whose recordings speak for them, by language: credited.",
    )
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


class Cast(BaseModel):
    """Every speaker of a timeline. A speaker who is not listed has an unknown likeness."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.cast"] = "dubwright.cast"
    version: Literal[1] = 1
    project: str = Field("", description="The production, as its consents name it.")
    territories: tuple[str, ...] = Field(
        (), description="Countries (ISO 3166-1) where it will be shown, as far as that is known."
    )
    speakers: tuple[Speaker, ...] = ()

    def speaker(self, name: str) -> Speaker:
        return next((s for s in self.speakers if s.name == name), Speaker(name=name))

    @classmethod
    def read(cls, path: Path) -> Cast:
        """See read_document for what it raises."""
        return read_document(path, cls, "cast")

    def write(self, path: Path) -> None:
        write_document(path, self)
