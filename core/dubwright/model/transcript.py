"""A transcript: the words of a soundtrack, as a machine heard them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dubwright.model.cue import LanguageTag

__all__ = ["Word"]


class Word(BaseModel):
    """One word with its punctuation. Times are milliseconds from the start of the timeline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1)
    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)
    confidence: float = Field(ge=0, le=1, description="How sure the recogniser was.")
    language: LanguageTag

    @model_validator(mode="after")
    def _ends_after_start(self) -> Word:
        if self.end_ms < self.start_ms:
            raise ValueError(f"{self.text!r} ends before it starts")
        return self
