"""A cue: one line of dialogue, as an ADR cue sheet has it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Cue", "CueKind", "LanguageTag", "MouthControls"]

LanguageTag = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class CueKind(StrEnum):
    """What sort of sound a cue is. Only dialogue is spoken anew; the rest keeps its own sound."""

    DIALOGUE = "dialogue"
    EFFORT = "effort"
    BREATH = "breath"
    LAUGH = "laugh"
    SONG = "song"
    WALLA = "walla"


class MouthControls(BaseModel):
    """How an artist wants the mouth of one cue to move."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intensity: float = Field(
        1.0, ge=0, le=2, description="How far it moves from rest; 1 is as this actor does."
    )
    offset_ms: int = Field(
        0, ge=-500, le=500, description="Milliseconds that it comes later than its sound."
    )


class Cue(BaseModel):
    """One line: who says what, when. Times are milliseconds from the start of the timeline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]+$", description="Stable name; takes are named by it.")
    speaker: str = Field(min_length=1, description="Name of a speaker in the cast.")
    start_ms: int = Field(ge=0, description="First millisecond of the line.")
    end_ms: int = Field(gt=0, description="Millisecond after the line.")
    kind: CueKind = CueKind.DIALOGUE
    on_screen: bool = Field(True, description="Whether the speaker's mouth may be seen.")
    text: dict[LanguageTag, str] = Field(
        default_factory=dict, description="The line, by language tag."
    )
    takes: dict[LanguageTag, Path] = Field(
        default_factory=dict,
        description="Recordings to use, by language; relative to the cue sheet's folder.",
    )
    mouth: MouthControls = MouthControls()
    note: str = Field("", description="For people; nothing reads it.")

    @model_validator(mode="after")
    def _ends_after_start(self) -> Cue:
        if self.end_ms <= self.start_ms:
            raise ValueError(f"cue {self.id} ends at {self.end_ms} ms, before it starts")
        return self
