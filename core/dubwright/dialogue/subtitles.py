"""Subtitle files in and out: by pysubs2 SubRip, WebVTT, and what else it reads; IMSC 1.1 out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pysubs2

from dubwright.errors import DubwrightError
from dubwright.store import whole

__all__ = ["SUBTITLE_FILES", "Subtitle", "read_subtitles", "subtitle_language", "write_subtitles"]

SUBTITLE_FILES: Final = frozenset({".srt", ".vtt", ".ass", ".ssa", ".ttml"})
LANGUAGE_IN_NAME: Final = re.compile(r"\.([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)$")
VOICE_TAG: Final = re.compile(r"<v(?:\.[^ >]*)?\s+([^>]+)>")
TAG: Final = re.compile(r"</?[^>]+>")
XML: Final = "http://www.w3.org/XML/1998/namespace"
TT: Final = "http://www.w3.org/ns/ttml"
TTS: Final = f"{TT}#styling"
TTP: Final = f"{TT}#parameter"
TTM: Final = f"{TT}#metadata"
SPAN_STYLE: Final = {f"{{{TTS}}}color": "white", f"{{{TTS}}}backgroundColor": "black"}


@dataclass(frozen=True, slots=True)
class Subtitle:
    """One subtitle: milliseconds, its text on one line, and its speaker where the file says."""

    start_ms: int
    end_ms: int
    text: str
    speaker: str = ""


def subtitle_language(path: Path) -> str | None:
    """The language tag in a name such as reel1.es.srt, or None."""
    if path.suffix.lower() not in SUBTITLE_FILES:
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


def write_subtitles(
    path: Path, subtitles: Iterable[Subtitle], language: str, note: str = ""
) -> None:
    """Write a file of the kind that its suffix names; whole or not at all.

    Args:
        path: ending in .srt (SubRip), .vtt (WebVTT) or .ttml (IMSC 1.1, text profile).
        subtitles: in order of time.
        language: BCP 47 tag of their text.
        note: for those who look into the file, where its kind has a place for one: SubRip has none.
    """
    if path.suffix == ".ttml":
        content = _imsc(subtitles, language, note)
    else:
        file = pysubs2.SSAFile()
        for subtitle in subtitles:
            file.append(pysubs2.SSAEvent(subtitle.start_ms, subtitle.end_ms, subtitle.text))
        content = file.to_string(path.suffix[1:])
        if note and path.suffix == ".vtt":
            head, _, cues = content.partition("\n\n")
            content = f"{head}\n\nNOTE\n{note}\n\n{cues}"
    with whole(path) as partial:
        partial.write_text(content, encoding="utf-8")


def _imsc(subtitles: Iterable[Subtitle], language: str, note: str) -> str:
    """A document of the text profile of IMSC 1.1 (W3C Recommendation, 2018).

    White letters on black, in the middle of the lowest lines of the picture's inner 80%.
    """
    for prefix, name in (("", TT), ("tts", TTS), ("ttp", TTP), ("ttm", TTM)):
        ElementTree.register_namespace(prefix, name)
    root = ElementTree.Element(
        f"{{{TT}}}tt",
        {
            f"{{{XML}}}lang": language,
            f"{{{TTP}}}contentProfiles": f"{TT}/profile/imsc1.1/text",
            f"{{{TTP}}}timeBase": "media",
        },
    )
    head = ElementTree.SubElement(root, f"{{{TT}}}head")
    if note:
        metadata = ElementTree.SubElement(head, f"{{{TT}}}metadata")
        ElementTree.SubElement(metadata, f"{{{TTM}}}desc").text = note
    layout = ElementTree.SubElement(head, f"{{{TT}}}layout")
    region = {
        f"{{{XML}}}id": "bottom",
        f"{{{TTS}}}origin": "10% 10%",
        f"{{{TTS}}}extent": "80% 80%",
        f"{{{TTS}}}displayAlign": "after",
        f"{{{TTS}}}textAlign": "center",
    }
    ElementTree.SubElement(layout, f"{{{TT}}}region", region)
    body = ElementTree.SubElement(root, f"{{{TT}}}body", {"region": "bottom"})
    division = ElementTree.SubElement(body, f"{{{TT}}}div")
    for subtitle in subtitles:
        times = {"begin": _clock(subtitle.start_ms), "end": _clock(subtitle.end_ms)}
        line = ElementTree.SubElement(division, f"{{{TT}}}p", times)
        words = ElementTree.SubElement(line, f"{{{TT}}}span", SPAN_STYLE)
        words.text = subtitle.text
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _clock(ms: int) -> str:
    seconds, thousandths = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{thousandths:03d}"
