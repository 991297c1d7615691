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
# A screenplay's character: a line in capitals, with what belongs to it in brackets.
CHARACTER: Final = re.compile(r"^\s*@?([^\W\d_a-z][^a-z]*?)\s*(?:\([^)]*\)\s*)*\^?\s*$")
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
    if any(_is_speech(block) for block in blocks):
        for block in blocks:
            if _is_speech(block):
                found = CHARACTER.match(block[0])
                assert found is not None
                yield ScriptLine(found[1].strip().title(), " ".join(block[1:]))
        return
    for block in blocks:
        for line in block:
            found = NAMED.match(line)
            yield ScriptLine(found[1], found[2]) if found else ScriptLine("", line)


def _is_speech(block: list[str]) -> bool:
    """Whether a block is a name in capitals with what is said below it."""
    while block and not block[0].strip():
        block.pop(0)
    return len(block) > 1 and bool(CHARACTER.match(block[0])) and not HEADING.match(block[0])


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
