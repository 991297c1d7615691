"""What the page asks of consents: whether they hold, recording one, taking one back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from dubwright.dialogue import Cast
from dubwright.model import Consent, Revocation
from dubwright.store import Access
from dubwright.trust import (
    AuditLog,
    Authority,
    Keys,
    consent_id,
    doubts,
    evidence_of,
    keys_folder,
    recorded,
    take_back,
)

__all__ = ["Holding", "consent_routes"]


class Holding(BaseModel):
    """A consent of a cast, and why it does not hold here today; nothing where it does."""

    speaker: str
    consent: str = Field(description="Its id.")
    doubts: tuple[str, ...]


class Shown(BaseModel):
    """A cast whose consents are to be looked at."""

    model_config = ConfigDict(extra="forbid")

    cast: Cast


class Given(BaseModel):
    """A consent to be signed; what it has of a signature or a revocation is left out."""

    model_config = ConfigDict(extra="forbid")

    consent: Consent
    evidence: str = Field("", max_length=4096, description="The signed paper, whose hash is kept.")


class TakenBack(BaseModel):
    """A consent that is taken back."""

    model_config = ConfigDict(extra="forbid")

    consent: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field("", max_length=2000)


def consent_routes(store: Path, folders: Callable[[], Sequence[Path] | None]) -> APIRouter:
    """Consents over HTTP. Casts stay where they are: what is answered goes into them.

    Args:
        store: whose audit log tells of what was recorded and taken back.
        folders: those that may be read.
    """
    routes = APIRouter(prefix="/v1/consents")

    @routes.post("/look")
    def look(shown: Shown) -> list[Holding]:
        authority = Authority.of_this_machine()
        return [
            Holding(
                speaker=speaker.name,
                consent=consent_id(consent),
                doubts=doubts(shown.cast, speaker.name, consent, authority),
            )
            for speaker in shown.cast.speakers
            for consent in speaker.consents
        ]

    @routes.post("", status_code=201)
    def record(given: Given) -> Consent:
        consent = given.consent.model_copy(update={"signature": None, "revocation": None})
        if given.evidence:
            paper = _readable(given.evidence, folders())
            consent = consent.model_copy(update={"evidence": evidence_of(paper)})
        return recorded(consent, Keys(keys_folder()), AuditLog(store))

    @routes.post("/revoke")
    def revoke(taken: TakenBack) -> Revocation:
        revocation = Revocation(on=date.today(), recorded_by=taken.by, reason=taken.reason)
        take_back(taken.consent, revocation, Keys(keys_folder()), AuditLog(store))
        return revocation

    return routes


def _readable(named: str, folders: Sequence[Path] | None) -> Path:
    path = Path(named)
    if not path.is_absolute():
        raise HTTPException(422, {"where": "evidence", "why": "the path is relative"})
    Access(folders).check(path)
    if not path.is_file():
        raise HTTPException(422, {"where": "evidence", "why": f"there is no file {path}"})
    return path
