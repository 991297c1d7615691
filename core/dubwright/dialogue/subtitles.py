"""Subtitle files in and out, by pysubs2: SubRip, WebVTT, and what else it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pysubs2

from dubwright.errors import DubwrightError

__all__ = ["Subtitle", "read_subtitles", "subtitle_language", "write_subtitles"]

SUFFIXES: Final = frozenset({".srt", ".vtt", ".ass", ".ssa", ".ttml"})
LANGUAGE_IN_NAME: Final = re.compile(r"\.([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)$")
VOICE_TAG: Final = re.compile(r"<v(?:\.[^ >]*)?\s+([^>]+)>")
TAG: Final = re.compile(r"</?[^>]+>")


@dataclass(frozen=True, slots=True)
class Subtitle:
    """One subtitle: milliseconds, its text on one line, and its speaker where the file says."""

    start_ms: int
    end_ms: int
    text: str
    speaker: str = ""


def subtitle_language(path: Path) -> str | None:
    """The language tag in a name such as reel1.es.srt, or None."""
    if path.suffix.lower() not in SUFFIXES:
        return None
    found = LANGUAGE_IN_NAME.search(path.stem)
    return found.group(1) if found else None


def read_subtitles(path: Path) -> list[Subtitle]:
    """The subtitles of a file in order of time, without styling.

    Raises:
        DubwrightError: the file is missing or is not a subtitle file.
    """
    try:
        events = pysubs2.load(str(path), encoding="utf-8-sig", keep_html_tags=True)
    except (pysubs2.exceptions.Pysubs2Error, UnicodeDecodeError, ValueError, OSError) as error:
        raise DubwrightError(
            "A subtitle file cannot be read",
            where=str(path),
            why=getattr(error, "strerror", None) or str(error) or type(error).__name__,
            repair="give SubRip (.srt) or WebVTT (.vtt), saved as UTF-8",
        ) from error
    subtitles = []
    for event in sorted(events, key=lambda e: e.start):
        raw = event.text.replace("\\N", "\n")
        voice = VOICE_TAG.search(raw)
        text = " ".join(TAG.sub("", raw).split())
        if text and event.end > event.start and not event.is_comment:
            speaker = event.name or (voice.group(1).strip() if voice else "")
            subtitles.append(Subtitle(event.start, event.end, text, speaker))
    return subtitles


def write_subtitles(path: Path, subtitles: Iterable[Subtitle]) -> None:
    """Write SubRip; whole or not at all."""
    file = pysubs2.SSAFile()
    for subtitle in subtitles:
        file.append(pysubs2.SSAEvent(subtitle.start_ms, subtitle.end_ms, subtitle.text))
    partial = path.with_name(path.name + ".partial")
    partial.write_text(file.to_string("srt"), encoding="utf-8")
    partial.replace(path)
