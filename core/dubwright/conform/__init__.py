"""Timelines in and out. OpenTimelineIO's types live in this room only."""

from dubwright.conform.read import ConformedTimeline, Shot, read_timeline
from dubwright.conform.write import DubbedShot, DubbedSound, LanguageVersion, write_timelines

__all__ = [
    "ConformedTimeline",
    "DubbedShot",
    "DubbedSound",
    "LanguageVersion",
    "Shot",
    "read_timeline",
    "write_timelines",
]
