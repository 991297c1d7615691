"""Consent, and saying what was done."""

from dubwright.trust.disclosure import Disclosure, burnt_in, disclosure_for, marked

__all__ = ["Disclosure", "burnt_in", "disclosure_for", "marked"]
