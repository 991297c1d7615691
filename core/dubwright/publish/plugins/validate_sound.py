"""Is the sound whole, in time, and as loud as it is to be."""

from __future__ import annotations

from dubwright.publish import sound, validator


class StemsAsLong(validator.Validator):
    """Stems are as long as the timeline, to the sample, and begin when it does."""

    label = "Stems are as long as the picture"
    families = validator.LANGUAGES
    look = sound.as_long
    actions = validator.BY_DELIVERING_ANEW


class DialogueInTime(validator.Validator):
    """Lines are heard when they were laid: late or early dialogue is found."""

    label = "Dialogue is in time"
    families = validator.LANGUAGES
    look = sound.in_time
    actions = validator.BY_DELIVERING_ANEW


class Loudness(validator.Validator):
    """The mix is within 0.5 LU of the specification, or of what its report says."""

    label = "Loudness"
    families = validator.LANGUAGES
    look = sound.as_loud
    actions = validator.BY_DELIVERING_ANEW


class TruePeak(validator.Validator):
    """True peaks stay below the specification's, or full scale, and nothing is clipped."""

    label = "True peak and clipping"
    families = validator.LANGUAGES
    look = sound.below_peak
    actions = validator.BY_DELIVERING_ANEW


class NoClicks(validator.Validator):
    """No sample of the dialogue jumps out of those around it."""

    label = "No clicks"
    families = validator.LANGUAGES
    look = sound.without_clicks
    actions = validator.BY_DELIVERING_ANEW


class MixOfStems(validator.Validator):
    """The mix is DX and M&E together."""

    label = "The mix is its stems together"
    families = validator.LANGUAGES
    look = sound.together
    actions = validator.BY_DELIVERING_ANEW
