"""Recording consents and taking them back: signed by the production, told in the audit log."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from dubwright.model import Consent, Revocation
from dubwright.trust.audit import AuditLog
from dubwright.trust.consents import consent_id, signed
from dubwright.trust.keys import Keys

__all__ = ["evidence_of", "recorded", "take_back"]


def evidence_of(paper: Path) -> str:
    """The SHA-256 of a document that a person agreed to, in hexadecimal."""
    with paper.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recorded(consent: Consent, keys: Keys, log: AuditLog) -> Consent:
    """A consent with the production's signature, as it goes into a cast.

    Raises:
        DubwrightError: this machine has no key to sign with, or the log cannot be written.
    """
    other = consent.model_copy(update={"nonce": secrets.token_hex(8)})
    with_signature = signed(other, keys.private())
    told = {"person": consent.person, "by": consent.recorded_by}
    log.add("consent recorded", {"consent": consent_id(with_signature), **told})
    return with_signature


def take_back(consent: str, revocation: Revocation, keys: Keys, log: AuditLog) -> None:
    """Have a consent, by its id, hold no longer on this machine, whichever cast has it.

    Raises:
        DubwrightError: the list of what was taken back, or the log, cannot be written.
    """
    keys.revoke(consent)
    log.add("consent revoked", {"consent": consent, "by": revocation.recorded_by})
