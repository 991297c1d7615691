"""Who may be voiced and shown speaking words that they did not say."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Consent", "Likeness"]


class Likeness(StrEnum):
    """Whose face and voice a speaker's are."""

    REAL = "real"
    FICTIONAL = "fictional"
    UNKNOWN = "unknown"


class Consent(BaseModel):
    """A person's agreement, as the production recorded it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str = Field(min_length=1)
    languages: tuple[str, ...] = Field(description="Language tags, or '*' for any.")
    likeness_edit: bool = Field(False, description="The mouth may be redrawn.")
    voice_synthesis: bool = Field(False, description="Another voice may speak for the person.")
    voice_cloning: bool = Field(False, description="A voice may be made to sound like theirs.")
    valid_from: date
    valid_until: date | None = None
    recorded_by: str = Field(min_length=1)
    unmarked: bool = Field(False, description="The visible label may be left off.")

    def covers(self, language: str, on: date) -> bool:
        """Whether the mouth may be redrawn for this language on this day."""
        return self.likeness_edit and self.voice_synthesis and self._holds(language, on)

    def covers_cloning(self, language: str, on: date) -> bool:
        """Whether their own voice may be imitated in this language on this day."""
        return self.voice_synthesis and self.voice_cloning and self._holds(language, on)

    def _holds(self, language: str, on: date) -> bool:
        in_time = self.valid_from <= on and (self.valid_until is None or on <= self.valid_until)
        return in_time and ("*" in self.languages or language in self.languages)
