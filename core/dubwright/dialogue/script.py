"""Scripts: who says what, in order, without times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lxml import etree

from dubwright.errors import DubwrightError

__all__ = ["ScriptLine", "read_script"]

LONGEST: Final = 160
# "ADA: Come in." or "Ada (off): Come in."
NAMED: Final = re.compile(r"^\s*([^\W\d_][^:.!?]{0,40}?)\s*(?:\([^)]*\))?\s*:\s+(\S.*)$")
BRACKETS: Final = re.compile(r"\([^()]*\)")
SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？", ",")
LONGEST_NAME: Final = 60
HEADING: Final = re.compile(r"^\s*(INT|EXT|EST|I/E|FADE|CUT|DISSOLVE)\b[./ ]", re.IGNORECASE)
DIRECTION: Final = re.compile(r"\([^)]*\)|\[\[.*?\]\]|\*+|_")
SENTENCE: Final = re.compile(r"(?<=[.!?…。！？])[\"'»”’)]*\s+|(?<=[。！？])")


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """What somebody says; the speaker is "" where the script does not say."""

    speaker: str
    text: str


def read_script(path: Path) -> list[ScriptLine]:
    """The lines of a script: a Final Draft file (.fdx), a screenplay in Fountain, or plain text.

    In plain text a line is what is said, or a name, a colon and what is said. Where capitals on a
    line of their own name who speaks next, as in Fountain, what lies between speeches is left out.
    Speeches of more than 160 characters are split where sentences end.

    Raises:
        DubwrightError: the file cannot be read, or nobody says anything in it.
    """
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".fdx":
            spoken = list(_final_draft(content))
        else:
            spoken = list(_plain(content.decode("utf-8-sig")))
    except (OSError, UnicodeDecodeError, etree.XMLSyntaxError) as error:
        raise DubwrightError(
            "The script cannot be read",
            where=str(path),
            why=str(error),
            repair="give plain text or Fountain in UTF-8, or a Final Draft file (.fdx)",
        ) from error
    lines = [
        ScriptLine(line.speaker, part)
        for line in spoken
        for part in _split(" ".join(DIRECTION.sub(" ", line.text).split()))
        if any(letter.isalnum() for letter in part)
    ]
    if not lines:
        raise DubwrightError(
            "Nobody says anything in the script",
            where=str(path),
            why="no line of dialogue was found",
            repair="write what is said on lines of their own, as in `ADA: Come in.`",
        )
    return lines


def _plain(text: str) -> Iterator[ScriptLine]:
    blocks = [block.splitlines() for block in re.split(r"\n\s*\n", text.replace("\r", ""))]
    blocks = [[line for line in block if line.strip()] for block in blocks]
    speeches = [bool(_character(block)) for block in blocks]
    headed = any(block and HEADING.match(block[0]) for block in blocks)
    if any(speeches) and (headed or sum(speeches) * 2 > len(blocks)):
        for block in blocks:
            name = _character(block)
            if name:
                yield ScriptLine(name.title(), " ".join(block[1:]))
        return
    for block in blocks:
        for line in block:
            found = NAMED.match(line)
            yield ScriptLine(found[1], found[2]) if found else ScriptLine("", line)


def _character(block: list[str]) -> str:
    """Whose speech a block is: a name in capitals, with what they say below it; "" if it is none.

    What belongs to a name stands in brackets; two who speak at once are marked with ^.
    """
    if len(block) < 2 or HEADING.match(block[0]):
        return ""
    name = BRACKETS.sub(" ", block[0]).strip().removeprefix("@").removesuffix("^").strip()
    in_capitals = name == name.upper() and name != name.lower()
    plain = len(name) <= LONGEST_NAME and ":" not in name and not name.endswith(SENTENCE_ENDS)
    return name if in_capitals and plain else ""


def _final_draft(content: bytes) -> Iterator[ScriptLine]:
    root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    speaker = ""
    for paragraph in root.iter("Paragraph"):
        kind = paragraph.get("Type", "")
        text = "".join(part.text or "" for part in paragraph.iter("Text"))
        if kind == "Character":
            speaker = DIRECTION.sub("", text).strip().title()
        elif kind == "Dialogue":
            yield ScriptLine(speaker, text)


def _split(text: str) -> Iterator[str]:
    """Sentences, as many together as stay short."""
    part = ""
    for sentence in filter(None, SENTENCE.split(text)):
        if part and len(part) + len(sentence) >= LONGEST:
            yield part
            part = sentence.strip()
        else:
            part = f"{part} {sentence}".strip()
    if part:
        yield part
