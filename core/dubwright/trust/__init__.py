"""Consent, and saying what was done."""

from dubwright.trust.disclosure import Disclosure, burnt_in, disclosure_for, marked
from dubwright.trust.provenance import DIGITAL_SOURCE_TYPE, frame_attributes

__all__ = [
    "DIGITAL_SOURCE_TYPE",
    "Disclosure",
    "burnt_in",
    "disclosure_for",
    "frame_attributes",
    "marked",
]
