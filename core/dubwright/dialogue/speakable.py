"""What of a written line can be said."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["is_speakable", "speakable"]

# Joiners, variation selectors and tags, which make one picture of several.
INVISIBLE: Final = re.compile("[\u200d\ufe00-\ufe0f\U000e0000-\U000e007f]")
UNSPOKEN: Final = frozenset({"So", "Sk", "Co", "Cn", "Cc"})
# Of the symbols, those that are words: degrees, and signs of trade and copyright.
SPOKEN_SYMBOLS: Final = frozenset("°©®™№")


def speakable(text: str) -> str:
    """A line without control characters, and without emoji, which voices would name aloud."""
    kept = "".join(
        letter if letter in SPOKEN_SYMBOLS or unicodedata.category(letter) not in UNSPOKEN else " "
        for letter in INVISIBLE.sub("", text)
    )
    return " ".join(kept.split())


def is_speakable(text: str) -> bool:
    """Whether a line has a letter or a digit."""
    return any(letter.isalnum() for letter in speakable(text))
