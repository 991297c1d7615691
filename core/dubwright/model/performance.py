"""How a line is to be said."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["Performance"]


class Performance(BaseModel):
    """How a synthesised line is to be said.

    What an engine cannot do is left out, and the report says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    style: str = Field("", description="In the engine's own words, such as whisper.")
    pace: float = Field(
        1.0, ge=0.5, le=2, description="How fast it is spoken, before it is fitted to its slot."
    )
    pitch: float = Field(0.0, ge=-12, le=12, description="Semitones above the voice's own.")
    reading: int = Field(
        0, ge=0, description="Another number is another reading of the line, where there are many."
    )
    pronunciations: dict[str, str] = Field(
        default_factory=dict,
        description="How words are said: in IPA between slashes, or spelled as they sound.",
    )

    @field_validator("pronunciations")
    @classmethod
    def _nothing_is_empty(cls, value: dict[str, str]) -> dict[str, str]:
        for word, said in value.items():
            if not word.strip() or not said.strip(" /"):
                raise ValueError(f"{word!r} is to be said as {said!r}: one of them is empty")
        return value
