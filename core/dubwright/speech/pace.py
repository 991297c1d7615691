"""How long lines will be, before they are spoken: by a reading, and by how a voice differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dubwright.engines import Speech
from dubwright.errors import DubwrightError
from dubwright.speech.fit import FASTEST

__all__ = ["READER", "Planned", "overlong", "pace_beside"]

# The engine by whose reading lengths and lips are told.
READER: Final = "espeak-ng"
# So many lines, evenly spread, tell how long a letter is in a language.
SAMPLED: Final = 12
# A line that by its letters comes this near its limit is read.
READ_ABOVE: Final = 0.7

Read = Callable[[str, str], Speech]


@dataclass(frozen=True, slots=True)
class Planned:
    """A line that is to be spoken, how long a take of it may be, and how fast it is asked for."""

    cue: str
    text: str
    room_ms: int
    pace: float = 1.0


def pace_beside(
    read: Read, speak: Callable[[str], Speech], texts: Sequence[str], language: str
) -> float:
    """How many times as fast as espeak-ng's reading a voice is, in the middle of some texts; 1 if
    neither can say any."""
    paces = []
    for text in texts:
        try:
            ours, theirs = read(text, language), speak(text)
        except DubwrightError:
            continue  # what cannot be spoken tells nothing of a pace
        if len(theirs.samples):
            paces.append(_seconds(ours) / _seconds(theirs))
    return float(np.median(paces)) if paces else 1.0


def overlong(
    lines: Sequence[Planned], language: str, read: Read, pace: float = 1.0
) -> list[tuple[Planned, float]]:
    """Lines that a voice would have to rush beyond bounds, with the pace that each would need.

    Args:
        lines: of one language.
        language: its tag.
        read: says a text in a language at a natural pace.
        pace: how many times as fast as that the voice is.
    """
    found = []
    step = max(1, len(lines) // SAMPLED)
    sampled = [
        seconds / max(1, len(line.text))
        for line in lines[::step]
        if (seconds := _read_s(line.text, language, read)) is not None
    ]
    if not sampled:
        return []
    letter = float(np.median(sampled))
    for line in lines:
        room = line.room_ms / 1000 * pace * line.pace
        if len(line.text) * letter / room < READ_ABOVE * FASTEST:
            continue
        seconds = _read_s(line.text, language, read)
        if seconds is not None and seconds / room > FASTEST:
            found.append((line, seconds / room))
    return found


def _read_s(text: str, language: str, read: Read) -> float | None:
    try:
        return _seconds(read(text, language))
    except DubwrightError:
        return None  # it is met when it is to be spoken


def _seconds(speech: Speech) -> float:
    said = [phone for phone in speech.phones if phone.symbol]
    if not said:
        return len(speech.samples) / speech.sample_rate
    return (said[-1].end - said[0].start) / speech.sample_rate
