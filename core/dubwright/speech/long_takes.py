"""Long recordings are timed in parts: their phrases are found, then timed one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import Speech
from dubwright.errors import DubwrightError
from dubwright.media.audio import resampled
from dubwright.model import Phone
from dubwright.speech.activity import ACTIVITY_RATE, speech_ranges
from dubwright.speech.fit import phrases_of_text
from dubwright.speech.locate import (
    FOUND_RATE,
    LocatedLine,
    heard_features,
    located_lines,
    read_features,
)

__all__ = ["LONG_S", "timed_in_parts"]

# What is longer is timed in parts of about so many seconds.
LONG_S: Final = 15
PART_S: Final = 8
# A cut is looked for this far on both sides of where one phrase ends and the next begins.
NEAR_S: Final = 0.3
QUIET_S: Final = 0.04
SHORTEST_S: Final = 0.5

Samples = NDArray[np.float32]
Align = Callable[[Samples, int, str, str], tuple[Phone, ...]]
Read = Callable[[str, str], Speech]


def timed_in_parts(
    align: Align, read: Read, samples: Samples, sample_rate: int, text: str, language: str
) -> tuple[Phone, ...]:
    """The phones of a long recording whose words are known.

    Args:
        align: times the phones of a part; see Aligner.
        read: says a text, by which it is looked for.
        samples: mono float32.
        sample_rate: in Hz.
        text: what is said.
        language: its tag.

    Raises:
        DubwrightError: none of its phrases is heard, or one cannot be timed.
    """
    phrases = phrases_of_text(text, [1] * math.ceil(len(samples) / sample_rate / PART_S))
    found = _found(samples, sample_rate, phrases, language, read)
    if not found:
        raise DubwrightError(
            "A recording does not say its text",
            where=f"the take of {text[:60]!r}",
            why="none of its phrases is heard in it",
            repair="correct the text, or give the recording of this line",
        )
    cuts = _cuts(samples, sample_rate, found)
    edges = [0, *(cut for cut, _ in cuts), len(samples)]
    texts = [
        " ".join(phrases[first:last])
        for first, last in pairwise([0, *(phrase for _, phrase in cuts), len(phrases)])
    ]
    phones: list[Phone] = []
    for (start, end), part in zip(pairwise(edges), texts, strict=True):
        phones += [
            phone.model_copy(update={"start": phone.start + start, "end": phone.end + start})
            for phone in align(samples[start:end], sample_rate, part, language)
        ]
    return tuple(phones)


def _found(
    samples: Samples, sample_rate: int, phrases: Sequence[str], language: str, read: Read
) -> list[LocatedLine]:
    """Where phrases are said; those without a speakable word are nowhere."""
    sound = resampled(samples, sample_rate, ACTIVITY_RATE)
    features = heard_features(sound, ACTIVITY_RATE)
    speaks = np.zeros(len(features), bool)
    for start, end in speech_ranges([sound]):
        frames = slice(
            start * FOUND_RATE // ACTIVITY_RATE, math.ceil(end * FOUND_RATE / ACTIVITY_RATE)
        )
        speaks[frames] = True
    readings, spoken = [], []
    for number, phrase in enumerate(phrases):
        try:
            readings.append(read(phrase, language))
        except DubwrightError:
            continue  # it goes with its neighbour
        spoken.append(number)
    if not readings:
        return []
    return [
        LocatedLine(spoken[line.line], line.start, line.end, line.cost)
        for line in located_lines([(features, speaks)], read_features(readings))
    ]


def _cuts(
    samples: Samples, sample_rate: int, found: Sequence[LocatedLine]
) -> list[tuple[int, int]]:
    """Where the recording is cut, and which phrase begins there: where it is quietest between two.

    What would be a part of nothing much goes with the part before it.
    """
    size, least = round(QUIET_S * sample_rate), round(SHORTEST_S * sample_rate)
    cuts: list[tuple[int, int]] = []
    for before, after in pairwise(found):
        first = int((min(before.end, after.start) / FOUND_RATE - NEAR_S) * sample_rate)
        last = int((max(before.end, after.start) / FOUND_RATE + NEAR_S) * sample_rate)
        first = max(first, (cuts[-1][0] if cuts else 0) + least)
        last = min(last, len(samples) - least)
        if last - first < size:
            continue
        windows = samples[first:last]
        windows = windows[: len(windows) // size * size].reshape(-1, size)
        quietest = int((windows**2).mean(axis=1).argmin())
        cuts.append((first + quietest * size + size // 2, after.line))
    return cuts
