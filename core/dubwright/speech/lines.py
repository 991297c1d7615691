"""Words that were heard, as lines: what one speaker says in one go."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from dubwright.model import Word

__all__ = ["joined", "lines_of", "phrases_of"]

LONGEST_MS: Final = 7000
PAUSE_MS: Final = 700
PHRASE_PAUSE_MS: Final = 250
PAUSE_AFTER_SENTENCE_MS: Final = 200
SENTENCE_END: Final = re.compile(r"[.!?…。！？؟।]['\"»”’)]*$")
# Languages that are written without spaces between words.
UNSPACED: Final = frozenset({"ja", "km", "lo", "my", "th", "yue", "zh"})


def lines_of(words: Sequence[Word], speaker: Callable[[Word], str]) -> list[tuple[Word, ...]]:
    """Words in order of time, in lines: cut where another speaks, where a sentence ends, at pauses.

    What would last more than seven seconds is cut at its longest pause.
    """
    lines: list[list[Word]] = []
    for word in words:
        if lines and _goes_on(lines[-1][-1], word) and speaker(lines[-1][-1]) == speaker(word):
            lines[-1].append(word)
        else:
            lines.append([word])
    return [part for line in lines for part in _shortened(tuple(line))]


def joined(words: Sequence[Word]) -> str:
    """The words of a line as their language writes them."""
    unspaced = bool(words) and words[0].language.partition("-")[0] in UNSPACED
    return ("" if unspaced else " ").join(word.text for word in words)


def phrases_of(said: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Where somebody speaks within a line, from ranges in milliseconds in which they do.

    Returns:
        Starts and ends, counted from the first; none where there is no pause of a quarter second.
    """
    phrases: list[list[int]] = []
    first = said[0][0] if said else 0
    for start, until in said:
        end = max(until, start + 1)
        if phrases and start - first - phrases[-1][1] < PHRASE_PAUSE_MS:
            phrases[-1][1] = max(phrases[-1][1], end - first)
        else:
            phrases.append([start - first, end - first])
    return tuple((start, end) for start, end in phrases) if len(phrases) > 1 else ()


def _goes_on(before: Word, word: Word) -> bool:
    pause = word.start_ms - before.end_ms
    least = PAUSE_AFTER_SENTENCE_MS if SENTENCE_END.search(before.text) else PAUSE_MS
    return pause < least and before.language == word.language


def _shortened(line: tuple[Word, ...]) -> list[tuple[Word, ...]]:
    if line[-1].end_ms - line[0].start_ms <= LONGEST_MS or len(line) < 2:
        return [line]
    middle = (line[0].start_ms + line[-1].end_ms) / 2

    def worth(at: int) -> tuple[int, float]:
        """The longest pause, and of equal ones that nearest to the middle."""
        before, after = line[at - 1], line[at]
        return after.start_ms - before.end_ms, -abs(after.start_ms - middle)

    cut = max(range(1, len(line)), key=worth)
    return [*_shortened(line[:cut]), *_shortened(line[cut:])]
