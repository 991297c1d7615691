"""Translations with timing in mind: which of several candidates can be said in the line's time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.dialogue.glossary import Glossary
from dubwright.engines import Speech
from dubwright.errors import DubwrightError
from dubwright.speech.fit import FASTEST, FLAGGED_ABOVE, SLOWEST

__all__ = ["Ranked", "Wanted", "ranked"]

CLOSED: Final = frozenset("pbm")
TOGETHER_MS: Final = 80
# What a candidate's faults cost beside each other, and beside each place further down the list.
TOO_LONG: Final = 4.0
TOO_SHORT: Final = 0.5
LIPS_APART: Final = 0.3
NOT_THE_TERM: Final = 1.0
NOT_THE_FIRST: Final = 0.05

NO_GLOSSARY: Final = Glossary()

Read = Callable[[str, str], Speech]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line that is to be translated.

    Attributes:
        text: in the original.
        slot_ms: how long the original line is.
        room_ms: how long a take may be.
        on_screen: whether its closed lips are seen.
    """

    text: str
    slot_ms: int
    room_ms: int
    on_screen: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate.

    Attributes:
        text: the line.
        estimated_ms: how long it is said at a natural pace.
        pace: that it would have to be said at; above 1.3 it is refused.
        closures: what part of the original's closed lips it closes too, None if nobody sees them.
        violations: of the glossary, for people.
    """

    text: str
    estimated_ms: int
    pace: float
    closures: float | None
    violations: tuple[str, ...]

    @property
    def flag(self) -> str:
        """What is wrong with it, for people; "" where nothing is."""
        told = [*self.violations]
        if self.pace > FASTEST:
            told.append(f"too long: it would have to be said at {self.pace:.2f} times its pace")
        elif self.pace > FLAGGED_ABOVE:
            told.append(f"tight: it has to be said at {self.pace:.2f} times its pace")
        return "; ".join(told)


def ranked(
    wanted: Wanted,
    candidates: Sequence[str],
    source: str,
    target: str,
    read: Read,
    pace: float = 1.0,
    glossary: Glossary = NO_GLOSSARY,
) -> list[Ranked]:
    """Candidates for a line, the best first.

    Args:
        wanted: the line.
        candidates: as the translator ranks them.
        source, target: language tags.
        read: says a text in a language at a natural pace: lengths and lips are told by that.
        pace: how much faster the voice that will speak is than that.
        glossary: what terms are to be called.
    """
    original = _closures_of(read, wanted.text, source) if wanted.on_screen else None
    rows = []
    for place, candidate in enumerate(candidates):
        text = glossary.kept(wanted.text, source, candidate, target)
        try:
            speech = read(text, target)
        except DubwrightError:
            continue  # it has nothing that can be spoken
        estimated = len(speech.samples) * 1000 / speech.sample_rate / pace
        needed = estimated / wanted.room_ms
        closures = None
        if original is not None and len(original):
            closures = _met(original, _closures(speech), wanted.slot_ms)
        violations = glossary.violations(wanted.text, source, text, target)
        row = Ranked(text, round(estimated), round(needed, 3), closures, tuple(violations))
        cost = (
            TOO_LONG * max(0.0, needed - 1)
            + TOO_SHORT * max(0.0, SLOWEST - estimated / wanted.slot_ms)
            + LIPS_APART * (0.0 if closures is None else 1 - closures)
            + NOT_THE_TERM * len(violations)
            + NOT_THE_FIRST * place
        )
        rows.append((cost, place, row))
    return [row for _, _, row in sorted(rows, key=lambda item: item[:2])]


def _closures_of(read: Read, text: str, language: str) -> NDArray[np.float64] | None:
    try:
        return _closures(read(text, language))
    except DubwrightError:
        return None  # nobody knows what lips do in a line that cannot be spoken


def _closures(speech: Speech) -> NDArray[np.float64]:
    """When lips are closed, as parts of the line's length."""
    length = max(1, len(speech.samples))
    return np.array(
        [
            (phone.start + phone.end) / 2 / length
            for phone in speech.phones
            if phone.symbol[:1] in CLOSED
        ]
    )


def _met(original: NDArray[np.float64], candidate: NDArray[np.float64], slot_ms: int) -> float:
    """What part of the original's closures has one of the candidate's near it."""
    if not len(candidate):
        return 0.0
    apart_ms = np.abs(original[:, None] - candidate).min(axis=1) * slot_ms
    return round(float((apart_ms <= TOGETHER_MS).mean()), 3)
