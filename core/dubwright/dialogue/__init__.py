"""Cue sheets, casts and subtitles."""

from dubwright.dialogue.cast import OWN_VOICE, Cast, Speaker
from dubwright.dialogue.cue_sheet import CueSheet, cue_sheet_from_subtitles
from dubwright.dialogue.review import REVIEW_FILE, Decision, Review
from dubwright.dialogue.subtitles import (
    Subtitle,
    read_subtitles,
    subtitle_language,
    write_subtitles,
)

__all__ = [
    "OWN_VOICE",
    "REVIEW_FILE",
    "Cast",
    "CueSheet",
    "Decision",
    "Review",
    "Speaker",
    "Subtitle",
    "cue_sheet_from_subtitles",
    "read_subtitles",
    "subtitle_language",
    "write_subtitles",
]
