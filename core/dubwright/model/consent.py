"""Who may be voiced and shown speaking words that they did not say."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Consent", "Likeness", "Revocation", "Signature", "Use"]

LANGUAGE = r"^(\*|[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)$"
# ISO 3166-1 alpha-2.
TERRITORY = r"^(\*|[A-Z]{2})$"
SHA256 = r"^[0-9a-f]{64}$"


class Likeness(StrEnum):
    """Whose face and voice a speaker's are."""

    REAL = "real"
    FICTIONAL = "fictional"
    UNKNOWN = "unknown"


class Use(StrEnum):
    """What is done with a person's face or voice."""

    LIKENESS_EDIT = "likeness_edit"
    VOICE_SYNTHESIS = "voice_synthesis"
    VOICE_CLONING = "voice_cloning"


class Signature(BaseModel):
    """An Ed25519 signature (RFC 8032); both values in base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(description="The public key, 32 bytes.")
    value: str = Field(description="The signature, 64 bytes.")


class Revocation(BaseModel):
    """That a consent was taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: date
    recorded_by: str = Field(min_length=1)
    reason: str = ""


class Consent(BaseModel):
    """A person's agreement, as the production recorded and signed it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str = Field(min_length=1)
    role: str = Field(
        "",
        description="Whom the person plays, or whose voice they lend: the speaker's name in the "
        "cast, and of no other speaker; '' for any.",
    )
    languages: tuple[Annotated[str, Field(pattern=LANGUAGE)], ...] = Field(
        description="Language tags, or '*' for any."
    )
    territories: tuple[Annotated[str, Field(pattern=TERRITORY)], ...] = Field(
        ("*",), description="Countries (ISO 3166-1) where the result may be shown, or '*' for any."
    )
    project: str = Field("", description="The production that it is for; '' for any.")
    likeness_edit: bool = Field(False, description="The mouth may be redrawn.")
    voice_synthesis: bool = Field(False, description="A synthetic voice may speak for the person.")
    voice_cloning: bool = Field(False, description="A voice may be made to sound like theirs.")
    valid_from: date
    valid_until: date | None = None
    recorded_by: str = Field(min_length=1)
    evidence: str = Field(
        "",
        pattern=SHA256 + "|^$",
        description="SHA-256 of the document that the person agreed to.",
    )
    unmarked: bool = Field(False, description="The visible label may be left off.")
    nonce: str = Field(
        "", description="Makes it another than an earlier one of the same terms, taken back since."
    )
    revocation: Revocation | None = None
    signature: Signature | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Consent:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("it ends before it begins")
        return self

    @property
    def uses(self) -> tuple[Use, ...]:
        """What it allows."""
        return tuple(use for use in Use if getattr(self, use.value))
