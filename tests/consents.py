"""Consents as a production signs them."""

from __future__ import annotations

from datetime import date

from dubwright.model import Consent
from dubwright.trust import Authority, Keys, keys_folder, signed

__all__ = ["TODAY", "authority_on", "signed_consent"]

TODAY = date(2026, 11, 20)


def signed_consent(**changes: object) -> Consent:
    """A consent to a dub into Spanish, signed with a key that this machine trusts."""
    facts: dict[str, object] = {
        "person": "Jo",
        "languages": ("es",),
        "likeness_edit": True,
        "voice_synthesis": True,
        "valid_from": date(2026, 1, 1),
        "recorded_by": "the production",
    }
    keys = Keys(keys_folder())
    keys.make("Test Pictures")
    return signed(Consent.model_validate(facts | changes), keys.private())


def authority_on(day: date = TODAY) -> Authority:
    """What consents are judged by on a day, with the keys that this machine trusts."""
    return Authority(day, Keys(keys_folder()).trusted())
