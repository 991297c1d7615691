"""Japanese as it is read: kanji as kana, and particles as they are said."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

__all__ = ["kana"]

PARTICLES: Final = {"は": "ワ", "へ": "エ", "を": "オ"}
# Written for what most people say where dictionaries give the formal reading.
USUAL: Final = {"私": "ワタシ"}
# What goes with the word before it: particles, endings, and punctuation.
DEPENDENT: Final = frozenset({"助詞", "助動詞", "接尾辞", "補助記号"})


def kana(text: str) -> str:
    """A text in katakana, words apart, particles with the word before them."""
    said = []
    for word in _tokenizer().tokenize(text):
        kind, written = word.part_of_speech()[0], word.surface()
        if kind == "補助記号" or not written.strip():
            said.append(written)
            continue
        reading = USUAL.get(written) or word.reading_form() or written
        if kind == "助詞":
            reading = PARTICLES.get(written, reading)
        said.append(reading if kind in DEPENDENT else f" {reading}")
    return "".join(said).strip()


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from sudachipy import Dictionary, SplitMode

    return Dictionary(dict="small").tokenizer(mode=SplitMode.C)
