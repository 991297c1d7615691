"""Are all lines there, in the right language, and can they be read."""

from __future__ import annotations

from dubwright.publish import text, timelines, validator


class LinesCovered(validator.Validator):
    """Every line of dialogue is spoken in the language."""

    label = "Every line is dubbed"
    families = validator.LANGUAGES
    look = text.covered


class RightLanguage(validator.Validator):
    """The lines are in the language that they are said to be in, where a machine can tell."""

    label = "The language is right"
    families = validator.LANGUAGES
    look = text.in_its_language


class ReadingSpeed(validator.Validator):
    """Subtitles can be read: at most 20 characters a second, for 5/6 s at least, in order."""

    label = "Subtitles can be read"
    families = validator.LANGUAGES
    look = text.readable


class SubtitlesAsWritten(validator.Validator):
    """Subtitles hold the cue sheet's lines, at its times."""

    label = "Subtitles are the cue sheet's"
    families = validator.LANGUAGES
    look = text.subtitled_as_written
    actions = validator.BY_DELIVERING_ANEW


class TimelinesOpen(validator.Validator):
    """Timelines open in any OpenTimelineIO, and their media are there."""

    label = "Timelines open anywhere"
    families = validator.LANGUAGES
    look = timelines.opens
    actions = validator.BY_DELIVERING_ANEW
