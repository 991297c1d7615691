"""Making a take last as long as its slot, and refusing what would have to be rushed.

First a take has the silence of its neighbours, then the engine speaks faster, then what it said is
stretched. On screen the phrases of a line begin where the original's do (isochrony: Öktem et al.,
2019, Prosodic phrase alignment for automatic dubbing).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import Speech
from dubwright.model import Fit, Phone
from dubwright.speech.perform import stretched

__all__ = ["FASTEST", "SLOWEST", "Slot", "fit_recording", "fit_synthesis", "phrases_of_text"]

SLOWEST: Final = 0.85
FASTEST: Final = 1.30
FLAGGED_ABOVE: Final = 1.15
CLOSE_ENOUGH: Final = 0.01
ATTEMPTS: Final = 3
KEPT_SILENCE_S: Final = 0.03
# Between a phrase and the next, at least.
LEAST_PAUSE_MS: Final = 80
PAUSE_IN_RECORDING_S: Final = 0.2
SILENCE_DB: Final = -40.0
BLOCK_S: Final = 0.01
# Where a phrase may end, best first: after a sentence, after a comma, between words.
ENDS: Final = (
    (re.compile(r"(?:[.!?…؟।;:][\"'»”’)]*\s+|[。！？；])"), 0.0),
    (re.compile(r"(?:[,،–—]\s+|[、，])"), 0.02),
    (re.compile(r"\s+"), 0.15),
)

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Slot:
    """The time that a take has, in milliseconds.

    Attributes:
        length: of the original line.
        room: until the take would run into the next line.
        phrases: where the original speaks within the line, start and end from the line's start, if
            the take is to pause where it does.
    """

    length: int
    room: int
    phrases: tuple[tuple[int, int], ...] = ()


def fit_synthesis(
    speak: Callable[[str, float], Speech], text: str, slot: Slot
) -> tuple[Speech, Fit]:
    """Speak a line to its slot, within bounds.

    Args:
        speak: says a text at so many times its natural pace; what it lacks is stretched.
        text: the line.
        slot: the time that it has.

    Returns:
        Where the fit is refused, the line at the highest pace that is allowed.
    """

    def said(part: str, length: int, room: int) -> _Fitted:
        return _spoken(lambda speed: speak(part, speed), length, room)

    parts = phrases_of_text(text, [end - start for start, end in slot.phrases])
    if len(parts) > 1:
        fitted = [said(part, *room) for part, room in zip(parts, _rooms(slot), strict=True)]
        if not any(part.refused for part in fitted):
            return _joined(fitted, slot)
    whole = said(text, slot.length, slot.room)
    return whole.speech, _fit(whole, slot, len(parts) > 1)


def fit_recording(samples: Samples, sample_rate: int, slot: Slot) -> tuple[Samples, Fit]:
    """Fit a recording to its slot, within bounds, leaving its pitch.

    Its phrases are moved where it has as many of them as the original; they are stretched only if
    they must be: an actor's own timing is worth more than filling the slot to the frame.

    Returns:
        Mono float32 samples at the same rate, and the fit.
    """
    parts = _phrases_of_recording(samples, sample_rate)
    if len(parts) == len(slot.phrases) > 1:
        rooms = _rooms(slot)
        fitted = [
            _kept(Speech(samples[start:end], sample_rate, ()), room)
            for (start, end), (_, room) in zip(parts, rooms, strict=True)
        ]
        if not any(part.refused for part in fitted):
            speech, fit = _joined(fitted, slot)
            return speech.samples, fit
    whole = _kept(Speech(samples, sample_rate, ()), slot.room)
    return whole.speech.samples, _fit(whole, slot, len(slot.phrases) > 1)


def phrases_of_text(text: str, durations: Sequence[int]) -> list[str]:
    """A line in as many phrases as there are durations, about as long as they are.

    Sentences and commas end phrases rather than words do. One phrase where there are too few
    places to end them.
    """
    ends = {
        match.end(): cost
        for pattern, cost in reversed(ENDS)
        for match in pattern.finditer(text.strip())
        if _says(text.strip()[: match.end()]) and _says(text.strip()[match.end() :])
    }
    text, places = text.strip(), sorted(ends)
    if len(durations) < 2 or len(places) < len(durations) - 1:
        return [text]
    shares = np.cumsum(durations)[:-1] / sum(durations)
    # The cheapest places in order, by dynamic programming over phrases.
    best = [(0.0, [0])]
    for number, share in enumerate(shares):
        left = len(shares) - number - 1
        reached = []
        for index, place in enumerate(places):
            if index < number or len(places) - index - 1 < left:
                continue
            cost = abs(place / len(text) - share) + ends[place]
            before = [(c + cost, [*path, place]) for c, path in best if path[-1] < place]
            if before:
                reached.append(min(before))
        best = reached
    if not best:
        return [text]
    _, path = min(best)
    parts = [text[start:end].strip() for start, end in pairwise([*path, len(text)])]
    return parts if all(map(_says, parts)) else [text]


def _says(text: str) -> bool:
    """Whether there is something to say in a text."""
    return any(letter.isalnum() for letter in text)


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """Speech at a pace; `needed` is the pace that its room asks for, at least 1."""

    speech: Speech
    pace: float
    needed: float

    @property
    def refused(self) -> bool:
        return self.needed > FASTEST * (1 + CLOSE_ENOUGH)


def _spoken(speak: Callable[[float], Speech], length_ms: int, room_ms: int) -> _Fitted:
    """What an engine says at the pace that its slot asks for."""
    natural = _without_silence(speak(1.0))
    said, rate = len(natural.samples), natural.sample_rate
    length, room = length_ms * rate // 1000, room_ms * rate // 1000
    needed = max(1.0, said / max(1, room))
    pace = min(needed, FASTEST) if said > length else max(said / max(1, length), SLOWEST)
    if abs(pace - 1) < CLOSE_ENOUGH / 2:
        return _Fitted(natural, 1.0, needed)
    target, asked, speech = said / pace, pace, natural
    for _ in range(ATTEMPTS):
        spoken = _without_silence(speak(asked))
        if abs(len(spoken.samples) - target) < abs(len(speech.samples) - target):
            speech = spoken
        if abs(len(spoken.samples) / target - 1) <= CLOSE_ENOUGH / 2:
            break
        asked *= len(spoken.samples) / target
    left = len(speech.samples) / target
    if abs(left - 1) > CLOSE_ENOUGH / 2:
        speech = stretched(speech, left)
    return _Fitted(speech, said / len(speech.samples), needed)


def _kept(speech: Speech, room_ms: int) -> _Fitted:
    """A recording as it is, or faster if it has no room."""
    room = room_ms * speech.sample_rate // 1000
    needed = max(1.0, len(speech.samples) / max(1, room))
    if needed <= 1 + CLOSE_ENOUGH:
        return _Fitted(speech, 1.0, 1.0)
    pace = min(needed, FASTEST)
    return _Fitted(stretched(speech, pace), pace, needed)


def _without_silence(speech: Speech) -> Speech:
    """Speech without what an engine adds before its first phone and after its last."""
    said = [phone for phone in speech.phones if phone.symbol]
    if not said:
        return speech
    kept = int(KEPT_SILENCE_S * speech.sample_rate)
    first = max(0, said[0].start - kept)
    last = min(len(speech.samples), said[-1].end + kept)
    return Speech(
        speech.samples[first:last],
        speech.sample_rate,
        tuple(
            phone.model_copy(
                update={"start": max(0, phone.start - first), "end": min(phone.end, last) - first}
            )
            for phone in speech.phones
            if phone.end > first and phone.start < last
        ),
    )


def _rooms(slot: Slot) -> list[tuple[int, int]]:
    """How long each of the slot's phrases is, and how long a phrase of a take may be there."""
    starts = [start for start, _ in slot.phrases]
    lasts = [*(start - LEAST_PAUSE_MS for start in starts[1:]), slot.room]
    return [
        (end - start, max(end - start, last - start))
        for (start, end), last in zip(slot.phrases, lasts, strict=True)
    ]


def _joined(fitted: Sequence[_Fitted], slot: Slot) -> tuple[Speech, Fit]:
    """Phrases where the original's begin, with silence between them."""
    rate = fitted[0].speech.sample_rate
    parts: list[Samples] = []
    phones: list[Phone] = []
    at = 0
    first = slot.phrases[0][0]
    for (start, _), part in zip(slot.phrases, fitted, strict=True):
        begins = max(at, (start - first) * rate // 1000)
        if begins > at:
            parts.append(np.zeros(begins - at, np.float32))
            phones.append(Phone(symbol="", start=at, end=begins))
        parts.append(part.speech.samples)
        phones += [
            phone.model_copy(update={"start": phone.start + begins, "end": phone.end + begins})
            for phone in part.speech.phones
        ]
        at = begins + len(part.speech.samples)
    speech = Speech(np.concatenate(parts), rate, tuple(phones))
    fastest = max(fitted, key=lambda part: part.pace)
    together = _Fitted(speech, fastest.pace, fastest.needed)
    return speech, _fit(together, slot, False).model_copy(update={"phrases": len(fitted)})


def _phrases_of_recording(samples: Samples, sample_rate: int) -> list[tuple[int, int]]:
    """What lies between the pauses of a recording, in samples."""
    block = max(1, round(BLOCK_S * sample_rate))
    whole = len(samples) // block
    if not whole:
        return [(0, len(samples))]
    level = np.sqrt((samples[: whole * block].reshape(whole, block) ** 2).mean(axis=1))
    loud = np.flatnonzero(level > level.max() * 10 ** (SILENCE_DB / 20))
    if not len(loud):
        return [(0, len(samples))]
    cuts = np.flatnonzero(np.diff(loud) * BLOCK_S >= PAUSE_IN_RECORDING_S)
    starts = [0, *(int(loud[cut + 1]) * block for cut in cuts)]
    ends = [*((int(loud[cut]) + 1) * block for cut in cuts), len(samples)]
    return list(zip(starts, ends, strict=True))


def _fit(fitted: _Fitted, slot: Slot, loses_phrases: bool) -> Fit:
    length, rate = len(fitted.speech.samples), fitted.speech.sample_rate
    slot_samples = slot.length * rate // 1000
    pace = round(fitted.pace, 3)
    reasons = []
    if fitted.refused:
        return Fit(
            slot=slot_samples,
            speed=pace,
            verdict="refused",
            reason=f"it would have to be said at {fitted.needed:.2f} times its pace, and "
            f"{FASTEST:g} is the most: shorten the text by {1 - FASTEST / fitted.needed:.0%}",
        )
    if pace > FLAGGED_ABOVE:
        reasons.append(f"hurried to {pace:g} times the pace: a shorter text would sound better")
    if loses_phrases:
        reasons.append("its pauses are its own, not the original's")
    if length < slot_samples * (1 - CLOSE_ENOUGH):
        reasons.append(f"ends {1 - length / slot_samples:.0%} of the slot early; the mouth rests")
        return Fit(slot=slot_samples, speed=pace, verdict="short", reason="; ".join(reasons))
    return Fit(slot=slot_samples, speed=pace, verdict="fits", reason="; ".join(reasons))
