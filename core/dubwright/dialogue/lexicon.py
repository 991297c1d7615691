"""How words are said: pronunciation lexicons (W3C, Pronunciation Lexicon Specification 1.0)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from lxml import etree

from dubwright.dialogue.speakable import speakable
from dubwright.errors import DubwrightError

__all__ = ["pronunciations_in", "read_lexicon", "replaced", "respelled"]

PLS: Final = "{http://www.w3.org/2005/01/pronunciation-lexicon}"
LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"


def read_lexicon(path: Path) -> tuple[str, dict[str, str]]:
    """A lexicon's language tag, and how its words are said: in IPA between slashes, or spelled so.

    Raises:
        DubwrightError: the file cannot be read, is not such a lexicon, or is not in IPA.
    """
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        tree = etree.parse(str(path), parser)
    except (OSError, etree.XMLSyntaxError) as error:
        raise _unreadable(path, str(error)) from error
    if tree.docinfo.doctype:
        raise _unreadable(path, "it has a document type, whose entities would not be read")
    root = tree.getroot()
    language = root.get(LANGUAGE)
    if root.tag != f"{PLS}lexicon" or not language:
        raise _unreadable(path, "it is not a W3C pronunciation lexicon (PLS) with a language")
    said: dict[str, str] = {}
    for lexeme in root.iterfind(f"{PLS}lexeme"):
        pronunciation = _pronunciation(path, lexeme, root.get("alphabet", ""))
        for grapheme in lexeme.iterfind(f"{PLS}grapheme"):
            if word := _text(grapheme):
                said[word] = pronunciation
    return language, said


def _pronunciation(path: Path, lexeme: Any, alphabet: str) -> str:
    """The first that a lexeme gives, which is the one that is preferred."""
    for entry in lexeme:
        if entry.tag == f"{PLS}alias" and _text(entry):
            return _text(entry)
        if entry.tag == f"{PLS}phoneme" and _text(entry):
            if entry.get("alphabet", alphabet) != "ipa":
                raise _unreadable(path, f"line {entry.sourceline} is not in IPA")
            return f"/{_text(entry)}/"
    raise _unreadable(path, f"line {lexeme.sourceline} does not say how its word is said")


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def pronunciations_in(text: str, lexicon: Mapping[str, str]) -> dict[str, str]:
    """Those of a lexicon's words that a text has."""
    plain = speakable(text)
    return {word: said for word, said in lexicon.items() if _pattern((word,)).search(plain)}


def respelled(text: str, pronunciations: Mapping[str, str]) -> str:
    """A text in which words are spelled as they sound; what is given in IPA stays."""
    spelled = {word: said for word, said in pronunciations.items() if not said.startswith("/")}
    return replaced(text, spelled)


def replaced(text: str, words: Mapping[str, str]) -> str:
    """A text with other words for some of its own; where several begin, the longest counts."""
    if not words:
        return text
    others = {word.lower(): other for word, other in words.items()}
    longest_first = tuple(sorted(words, key=len, reverse=True))
    return _pattern(longest_first).sub(lambda found: others[found[0].lower()], text)


@lru_cache(maxsize=4096)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Words that stand by themselves, in capitals or not."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)


def _unreadable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "A lexicon cannot be read",
        where=str(path),
        why=why,
        repair='give a PLS 1.0 file: <lexicon alphabet="ipa" xml:lang="es"> with lexemes, each of '
        "graphemes and a phoneme or an alias",
    )
