"""Consent, and saying what was done."""

from dubwright.trust.audit import AuditLog, Entry, Head
from dubwright.trust.consents import (
    Authority,
    Deed,
    Permission,
    Purpose,
    consent_id,
    doubt,
    doubts,
    permission,
    require,
    signed,
    statement,
    with_consent,
    with_revocation,
)
from dubwright.trust.disclosure import Disclosure, burnt_in, disclosure_for, draft_tone, marked
from dubwright.trust.keys import Keys, Trusted, keys_folder, signature
from dubwright.trust.provenance import DIGITAL_SOURCE_TYPE, frame_attributes

__all__ = [
    "DIGITAL_SOURCE_TYPE",
    "AuditLog",
    "Authority",
    "Deed",
    "Disclosure",
    "Entry",
    "Head",
    "Keys",
    "Permission",
    "Purpose",
    "Trusted",
    "burnt_in",
    "consent_id",
    "disclosure_for",
    "doubt",
    "doubts",
    "draft_tone",
    "frame_attributes",
    "keys_folder",
    "marked",
    "permission",
    "require",
    "signature",
    "signed",
    "statement",
    "with_consent",
    "with_revocation",
]
