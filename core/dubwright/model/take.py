"""A take: one performance of one cue in one language, with its phones."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Fit", "Phone", "Take"]


class Phone(BaseModel):
    """A timed speech sound, in samples of its take. An empty symbol is a pause."""

    model_config = ConfigDict(frozen=True)

    symbol: str = Field(description="IPA, without stress or tie marks.")
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How likely it begins within 40 ms of there; None where that is exact.",
    )


class SpokenPhone(BaseModel):
    """A speech sound that somebody timed, in milliseconds of its recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str = Field(description="IPA, without stress or tie marks.")
    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)


class Fit(BaseModel):
    """How a take was made to last as long as its slot."""

    model_config = ConfigDict(frozen=True)

    slot: int = Field(description="Length of the slot, in samples of the take.")
    speed: float = Field(description="Speed against the engine's or the actor's own; 1 is natural.")
    verdict: Literal["fits", "short", "refused"] = Field(
        description="A take that is refused is there to be heard, and is not laid down."
    )
    reason: str = ""
    phrases: int = Field(1, description="How many begin where the original's do.")


class Take(BaseModel):
    """One performance of a text; equal texts of equal length share it.

    `audio` is a mono WAV, relative to the folder that holds the take.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    language: str
    audio: Path
    sample_rate: int
    length: int = Field(description="In samples.")
    phones: tuple[Phone, ...]
    engine: str
    aligned_by: str = Field(description="The engine that timed the phones.")
    fit: Fit
    notes: tuple[str, ...] = Field((), description="What is to be known of it, for people.")
