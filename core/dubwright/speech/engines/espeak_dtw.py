"""Times the phones of a recording against espeak-ng saying the same words.

Dynamic time warping (Sakoe and Chiba, 1978) as a Viterbi search over the frames of the synthetic
line, with optional silences between words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind
from dubwright.errors import DubwrightError
from dubwright.model import Phone
from dubwright.speech.engines.espeak import EspeakSynthesizer, Reference
from dubwright.speech.features import HOP_RATE, cepstra, frame_energy, normalised

__all__ = ["EspeakDtwAligner"]

STAY_COST: Final = 0.35
SKIP_COST: Final = 0.35
SILENCE_COST: Final = 0.5
LONGEST_S: Final = 40
SPEECH_LEVEL: Final = 0.35
# Boundaries come late by as much as the voice is unlike the reference: by two frames against hand
# labels of people (nine utterances, an earlier implementation), and not at all where the recording
# is espeak-ng itself. The mean distance tells which: about 1 for the one real speaker that was
# tried, under 0.15 for espeak-ng.
LATENESS_FRAMES: Final = 2.0

# How often a phone began within 40 ms of where it does, by its frames' mean distance, over three of
# Festival's voices that are made of recordings; espeak-ng against itself is exact.
DISTANCES: Final = (0.2, 0.7, 0.9, 1.1, 1.35, 2.0)
CONFIDENCES: Final = (1.0, 0.92, 0.91, 0.86, 0.70, 0.2)

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """The synthetic line without its pauses.

    Attributes:
        features: [frames, features].
        phones: for each frame the index of its phone.
        breaks: frames after which the recording may fall silent; -1 is before the first.
    """

    features: Array
    phones: NDArray[np.int64]
    breaks: NDArray[np.int64]


class EspeakDtwAligner:
    card = EngineCard(
        name="espeak-dtw",
        kind=EngineKind.ALIGNER,
        version=3,
        licence="Apache-2.0",
        commercial_use=True,
        limits="Best on lines under ten seconds; refuses more than 40. On voices cut from "
        "recordings 11 to 15 ms off in the middle, 32 to 61 at the 90th hundredth.",
    )

    def __init__(self) -> None:
        self._voice = EspeakSynthesizer()

    def languages(self) -> dict[str, str]:
        return self._voice.languages()

    def align(
        self, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
    ) -> tuple[Phone, ...]:
        path, apart, line, reference = self._warped(samples, sample_rate, text, language)
        late = LATENESS_FRAMES * min(1.0, float(apart[path >= 0].mean())) / HOP_RATE
        return _timed(path, apart, line, reference.speech.phones, sample_rate, len(samples), late)

    def unlikeness(
        self, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
    ) -> float:
        """How unlike its text a recording sounds: about 1 for a person who says it.

        Voices differ more than words do, so that this is worth something only beside that of
        other texts. See align for the arguments.
        """
        path, apart, _, _ = self._warped(samples, sample_rate, text, language)
        return float(apart[path >= 0].mean())

    def _warped(
        self, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
    ) -> tuple[NDArray[np.int64], Array, _Line, Reference]:
        """The best path, how far it is from the line in each frame, the line and its reading."""
        if np.abs(samples).max(initial=0) < 1e-4:
            raise DubwrightError(
                "A recording is silent",
                where=f"the take of {text!r}",
                why="no sample is louder than -80 dB",
                repair="record the line again, or remove the file to have it synthesised",
            )
        if len(samples) > LONGEST_S * sample_rate:
            raise DubwrightError(
                "A recording is too long to be timed at once",
                where=f"the take of {text!r}",
                why=f"it lasts {len(samples) / sample_rate:.0f} s; {LONGEST_S} s are the most",
                repair="split it into lines, each a cue of its own",
            )
        features, energy = cepstra(samples, sample_rate)
        recording, loudness = normalised(features, energy), frame_energy(energy)
        reference = self._reference(text, language, _speech_frames(loudness))
        line = _line(reference)
        distance = _distances(recording, line.features)
        path = _search(distance, loudness, line.breaks)
        return path, _distances_along(distance, path), line, reference

    def _reference(self, text: str, language: str, speech_frames: int) -> Reference:
        """The line as espeak-ng says it at the recording's own pace."""
        natural = self._voice.speak_with_words(text, language, 1.0)
        _, energy = cepstra(natural.speech.samples, natural.speech.sample_rate)
        pace = _speech_frames(frame_energy(energy)) / max(1, speech_frames)
        return self._voice.speak_with_words(text, language, pace)


def _speech_frames(loudness: Array) -> int:
    return int((loudness > SPEECH_LEVEL).sum())


def _line(reference: Reference) -> _Line:
    speech = reference.speech
    features, energy = cepstra(speech.samples, speech.sample_rate)
    to_frame = HOP_RATE / speech.sample_rate
    owner = np.full(len(features), -1)
    for index, phone in enumerate(speech.phones):
        if phone.symbol:
            start = round(phone.start * to_frame)
            owner[start : max(start + 1, round(phone.end * to_frame))] = index
    kept = np.flatnonzero(owner >= 0)
    owners = owner[kept]
    starts = np.array([phone.start for phone in speech.phones])
    sounding = np.unique(owners)
    # A word begins with the phone that sounds nearest to its event.
    first_phones = [sounding[np.abs(starts[sounding] - word).argmin()] for word in reference.words]
    first_frames = np.searchsorted(owners, first_phones)
    breaks = np.unique(np.r_[-1, first_frames - 1, len(kept) - 1])
    return _Line(normalised(features, energy)[kept], owners, breaks)


def _search(distance: Array, loudness: Array, breaks: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each frame of the recording the frame of the line that it is, or -1 for silence."""
    silence = np.clip(0.25 + 2.6 * (loudness - 0.12), 0.25, 3.0)
    frames, speech = distance.shape
    after = breaks + 1  # the speech state that follows each silence
    resumes = after < speech
    states = speech + len(breaks)
    cost = np.full(states, np.inf)
    cost[0] = distance[0, 0]
    cost[speech + np.flatnonzero(breaks == -1)] = silence[0]
    back = np.zeros((frames, states), np.int32)
    here = np.arange(states)
    for t in range(1, frames):
        best, came = cost + STAY_COST, here.copy()
        best[speech:] = cost[speech:]
        for stride, penalty in ((1, 0.0), (2, SKIP_COST), (3, 2 * SKIP_COST)):
            step = cost[: speech - stride] + penalty
            better = step < best[stride:speech]
            best[stride:speech][better] = step[better]
            came[stride:speech][better] = here[: speech - stride][better]
        from_silence = cost[speech:][resumes]
        into = after[resumes]
        better = from_silence < best[into]
        best[into[better]] = from_silence[better]
        came[into[better]] = speech + np.flatnonzero(resumes)[better]
        spoken = breaks >= 0
        falls_silent = cost[breaks[spoken]] + SILENCE_COST
        rows = speech + np.flatnonzero(spoken)
        better = falls_silent < best[rows]
        best[rows[better]] = falls_silent[better]
        came[rows[better]] = breaks[spoken][better]
        cost = best + np.r_[distance[t], np.full(len(breaks), silence[t])]
        back[t] = came
    ends = [speech - 1, states - 1]
    state = min(ends, key=lambda s: cost[s])
    path = np.empty(frames, np.int64)
    for t in range(frames - 1, -1, -1):
        path[t] = state if state < speech else -1
        state = back[t, state]
    return path


def _distances(a: Array, b: Array) -> Array:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    distances: Array = np.sqrt(np.maximum(squares, 0) / a.shape[1])
    return distances


def _distances_along(distance: Array, path: NDArray[np.int64]) -> Array:
    """How unlike each frame of the recording is what the line has there; 0 where it is silent."""
    here = np.zeros(len(path))
    spoken = np.flatnonzero(path >= 0)
    here[spoken] = distance[spoken, path[spoken]]
    return here


def _timed(
    path: NDArray[np.int64],
    distances: Array,
    line: _Line,
    phones: tuple[Phone, ...],
    sample_rate: int,
    length: int,
    late_s: float,
) -> tuple[Phone, ...]:
    owner = np.where(path >= 0, line.phones[np.maximum(path, 0)], -1)
    changes = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    timed = []
    for start, end in zip(changes, [*changes[1:], len(owner)], strict=True):
        first, last = (
            min(max(0, round((int(frame) / HOP_RATE - late_s) * sample_rate)), length)
            for frame in (start, end)
        )
        if last > first:
            symbol, sure = "", None
            if owner[start] >= 0:
                symbol = phones[owner[start]].symbol
                mean = distances[start:end].mean()
                sure = round(float(np.interp(mean, DISTANCES, CONFIDENCES)), 3)
            timed.append(Phone(symbol=symbol, start=first, end=last, confidence=sure))
    return tuple(timed)
