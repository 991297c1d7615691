"""A cue: one line of dialogue, as an ADR cue sheet has it."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dubwright.model.performance import Performance

__all__ = ["ControlKey", "ControlRange", "Cue", "CueKind", "LanguageTag", "MouthControls"]

LanguageTag = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class CueKind(StrEnum):
    """What sort of sound a cue is.

    Dialogue is spoken anew, by a voice or by a recording; the rest keeps its own sound, or takes a
    recording.
    """

    DIALOGUE = "dialogue"
    EFFORT = "effort"
    BREATH = "breath"
    LAUGH = "laugh"
    SONG = "song"
    WALLA = "walla"


class ControlKey(BaseModel):
    """Values of an artist's controls at one moment; None leaves a control to the other keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_ms: int = Field(description="Milliseconds from the cue's start.")
    intensity: float | None = Field(None, ge=0, le=2)
    jaw: float | None = Field(None, ge=0, le=2)
    width: float | None = Field(None, ge=0, le=2)
    smoothing_ms: float | None = Field(None, ge=0, le=200)
    offset_ms: float | None = Field(None, ge=-500, le=500)


class ControlRange(BaseModel):
    """A part of a cue in which the mouth does not speak."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_ms: int = Field(description="Milliseconds from the cue's start.")
    end_ms: int
    does: Literal["rest", "hold", "leave"] = Field(
        description="Rests closed, holds what it did at the start, or stays as on the plate."
    )

    @model_validator(mode="after")
    def _ends_after_start(self) -> ControlRange:
        if self.end_ms <= self.start_ms:
            raise ValueError(f"a range ends at {self.end_ms} ms, before it starts")
        return self


class MouthControls(BaseModel):
    """How an artist wants the mouth of one cue to move.

    A control that `keys` set is theirs, straight from key to key, and as at the first and the last
    beyond them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    intensity: float = Field(
        1.0, ge=0, le=2, description="How far it moves from rest; 1 is as this actor does."
    )
    jaw: float = Field(1.0, ge=0, le=2, description="How far the jaw moves besides.")
    width: float = Field(1.0, ge=0, le=2, description="How far it widens and narrows besides.")
    smoothing_ms: float = Field(
        0, ge=0, le=200, description="Milliseconds over which it is evened out; lips still close."
    )
    offset_ms: int = Field(
        0, ge=-500, le=500, description="Milliseconds that it comes later than its sound."
    )
    leave: bool = Field(False, description="Whether the plate's own mouth stays.")
    keys: tuple[ControlKey, ...] = Field((), description="In the order of their times.")
    ranges: tuple[ControlRange, ...] = ()

    @model_validator(mode="after")
    def _keys_in_order(self) -> MouthControls:
        if any(later.at_ms <= key.at_ms for key, later in pairwise(self.keys)):
            raise ValueError("keys are not in the order of their times")
        return self


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
    phrases: tuple[tuple[int, int], ...] = Field(
        (),
        description="Where the original speaks within the line, start and end in milliseconds from "
        "its start: on screen, a take pauses where it does.",
    )
    performance: Performance = Performance()
    mouth: MouthControls = MouthControls()
    confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How sure a machine was of the original's words; None for a person's.",
    )
    note: str = Field("", description="For people; nothing reads it.")

    def words(self, language: str) -> str:
        """What is said in a language; nothing where a text only describes a sound."""
        said = self.kind in (CueKind.DIALOGUE, CueKind.SONG)
        return self.text.get(language, "").strip() if said else ""

    @model_validator(mode="after")
    def _ends_after_start(self) -> Cue:
        if self.end_ms <= self.start_ms:
            raise ValueError(f"cue {self.id} ends at {self.end_ms} ms, before it starts")
        edges = [edge for phrase in self.phrases for edge in phrase]
        if edges != sorted(edges) or any(start >= end for start, end in self.phrases):
            raise ValueError(f"the phrases of cue {self.id} do not follow each other")
        return self
