"""Are frames the plate's, but for the mouth."""

from __future__ import annotations

from dubwright.publish import frames, validator


class TimecodeLikePlate(validator.Validator):
    """Timecode, key code and rate of every edited frame are the plate's."""

    label = "Timecode is the plate's"
    families = validator.SHOTS
    look = frames.timed_alike
    actions = validator.BY_DELIVERING_ANEW


class ColourSpaceKnown(validator.Validator):
    """The plate's colour space is known, and every frame names it as the plate does."""

    label = "Colour space is known"
    families = validator.SHOTS
    look = frames.colours_known
    actions = validator.BY_DELIVERING_ANEW


class FormatLikePlate(validator.Validator):
    """Parts, channels, windows, codec and metadata of every edited frame are the plate's."""

    label = "Format is the plate's"
    families = validator.SHOTS
    look = frames.formatted_alike
    actions = validator.BY_DELIVERING_ANEW


class UntouchedPixels(validator.Validator):
    """Outside the matte every pixel is the plate's, bit for bit; unedited frames are its files."""

    label = "Untouched pixels are the plate's"
    families = validator.SHOTS
    look = frames.untouched
    actions = validator.BY_DELIVERING_ANEW


class FiniteValues(validator.Validator):
    """No edited pixel and no patch is NaN or infinite."""

    label = "No NaN, no infinity"
    families = validator.SHOTS
    look = frames.finite
    actions = validator.BY_DELIVERING_ANEW
