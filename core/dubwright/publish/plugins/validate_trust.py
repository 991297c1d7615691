"""Did everybody agree, and does the delivery say what it is.

Consents, label, credentials and licences are looked at for each shot too, for a shot may go out by
itself.
"""

from __future__ import annotations

from dubwright.publish import trusts, validator


class Consents(validator.Validator):
    """Everybody who is voiced or redrawn agreed: for this language, today, where it is shown."""

    label = "Consent"
    families = validator.EVERYTHING
    by_terms = trusts.agreed_to


class Label(validator.Validator):
    """The preview and the movies carry the label that they need."""

    label = "Visible label"
    families = validator.EVERYTHING
    by_terms = trusts.labelled
    actions = validator.BY_DELIVERING_ANEW


class DisclosureText(validator.Validator):
    """Viewers are told in words what was done, beside the picture and in the subtitles' files."""

    label = "Disclosure in words"
    families = validator.LANGUAGES
    look = trusts.disclosed
    actions = validator.BY_DELIVERING_ANEW


class ContentCredentials(validator.Validator):
    """Movies and sounds hold Content Credentials (C2PA) that fit them and are trusted."""

    label = "Content Credentials"
    families = validator.EVERYTHING
    look = trusts.signed
    actions = validator.BY_DELIVERING_ANEW


class Licences(validator.Validator):
    """The engines that made it, and their weights, may be used for what it is to be."""

    label = "Licences"
    families = validator.EVERYTHING
    by_terms = trusts.licensed
