"""Consent, and saying what was done."""

from dubwright.trust.audit import AuditLog, Entry, Head
from dubwright.trust.certificates import Credential, anchors, credential, import_credential
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
from dubwright.trust.credentials import (
    SEAL,
    Action,
    Credentials,
    Ingredient,
    read_credentials,
    sign,
)
from dubwright.trust.disclosure import (
    Disclosure,
    burnt_in,
    disclosure_for,
    draft_mark_box,
    draft_tone,
    label_seen,
    marked,
)
from dubwright.trust.disclosure_text import Told, disclosure_text, told_in
from dubwright.trust.keys import Keys, Trusted, keys_folder, signature
from dubwright.trust.ledger import evidence_of, recorded, take_back
from dubwright.trust.provenance import SourceType, frame_attributes, source_type
from dubwright.trust.seal import SIDECAR, Sidecar, files_of, hash_of, sealed
from dubwright.trust.verify import Fault, Verified, verify

__all__ = [
    "SEAL",
    "SIDECAR",
    "Action",
    "AuditLog",
    "Authority",
    "Credential",
    "Credentials",
    "Deed",
    "Disclosure",
    "Entry",
    "Fault",
    "Head",
    "Ingredient",
    "Keys",
    "Permission",
    "Purpose",
    "Sidecar",
    "SourceType",
    "Told",
    "Trusted",
    "Verified",
    "anchors",
    "burnt_in",
    "consent_id",
    "credential",
    "disclosure_for",
    "disclosure_text",
    "doubt",
    "doubts",
    "draft_mark_box",
    "draft_tone",
    "evidence_of",
    "files_of",
    "frame_attributes",
    "hash_of",
    "import_credential",
    "keys_folder",
    "label_seen",
    "marked",
    "permission",
    "read_credentials",
    "recorded",
    "require",
    "sealed",
    "sign",
    "signature",
    "signed",
    "source_type",
    "statement",
    "take_back",
    "told_in",
    "verify",
    "with_consent",
    "with_revocation",
]
