"""Phones timed again by how this speaker sounds: alignment that teaches itself.

Each phone is three states with a diagonal Gaussian each, trained on the speaker's own lines as they
are aligned so far and drawn to espeak-ng's reading of the same words (MAP adaptation: Gauvain and
Lee, 1994); then the lines are aligned anew, a few times over (embedded training: Young et al., The
HTK Book, 2006).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.model import Phone
from dubwright.speech.features import HOP_RATE, cepstra, normalised

__all__ = ["LEAST_S", "Example", "SpeakerModel", "retimed", "trained"]

# With less speech than this a speaker's phones are not heard often enough.
LEAST_S: Final = 20
ROUNDS: Final = 6
STATES: Final = 3
PRIOR_FRAMES: Final = 30
SPREAD_FRAMES: Final = 10
LEAST_SPREAD: Final = 0.1
SPREAD_GUESS: Final = 0.5
ACOUSTIC_SCALE: Final = 0.3
PAUSE_COST: Final = 4.0
# Boundaries come late by a frame: five milliseconds over two of Festival's three voices.
LATE_FRAMES: Final = 1

Array = NDArray[np.floating[Any]]
Key = tuple[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A recording whose phones are timed, pauses among them: a line, or a reading of it."""

    samples: NDArray[np.float32]
    sample_rate: int
    phones: tuple[Phone, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """Frames of a line, 200 a second.

    Attributes:
        features: [frames, 26].
        symbols: its phones in order, without pauses.
        owners: for each frame the index of its phone, -1 for a pause, [frames].
    """

    features: Array
    symbols: tuple[str, ...]
    owners: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SpeakerModel:
    """How a speaker's phones sound: mean and variance of each state, and of pauses."""

    means: Mapping[Key, Array]
    spreads: Mapping[Key, Array]
    silence: tuple[Array, Array]


def trained(lines: Sequence[Example], readings: Sequence[Example]) -> SpeakerModel | None:
    """Learn how a speaker sounds; None where nothing is heard.

    Args:
        lines: of one speaker, 20 s or more in all, aligned as well as could be; some minutes at
            most, for all of them are held at once.
        readings: the same words from a voice whose phones are exact.
    """
    spoken = [_line(example) for example in lines]
    prior = _sums(map(_line, readings))
    usual = np.concatenate([line.features for line in spoken]).var(axis=0)
    if not usual.all():
        return None
    for _ in range(ROUNDS - 1):
        model = _model(spoken, prior, usual)
        spoken = [_aligned(line, model) or line for line in spoken]
    return _model(spoken, prior, usual)


def retimed(example: Example, model: SpeakerModel) -> tuple[Phone, ...]:
    """The phones of a line of this speaker, timed anew, each as sure as it was.

    As they are where the line holds phones that the model does not know, or more of them than can
    be told apart in its time.
    """
    aligned = _aligned(_line(example), model)
    return example.phones if aligned is None else _phones(aligned, example)


def _line(example: Example) -> _Line:
    features, energy = cepstra(example.samples, example.sample_rate)
    owners = np.full(len(features), -1, np.int64)
    said = [phone for phone in example.phones if phone.symbol]
    for index, phone in enumerate(said):
        start = round(phone.start * HOP_RATE / example.sample_rate)
        end = round(phone.end * HOP_RATE / example.sample_rate)
        owners[start : max(end, start + 1)] = index
    symbols = tuple(phone.symbol for phone in said)
    return _Line(normalised(features, energy), symbols, owners)


@dataclass(slots=True, eq=False)
class _Sums:
    count: float
    first: Array
    second: Array


def _sums(lines: Iterator[_Line] | Sequence[_Line]) -> dict[Key, _Sums]:
    """How often each state was heard, and the sums of what it was like."""
    sums: dict[Key, _Sums] = {}
    for line in lines:
        for index, symbol in enumerate(line.symbols):
            frames = np.flatnonzero(line.owners == index)
            for state, part in enumerate(np.array_split(frames, STATES)):
                heard = line.features[part]
                if len(part):
                    here = sums.setdefault((symbol, state), _Sums(0, 0 * heard[0], 0 * heard[0]))
                    here.count += len(part)
                    here.first += heard.sum(axis=0)
                    here.second += (heard**2).sum(axis=0)
    return sums


def _model(lines: Sequence[_Line], prior: Mapping[Key, _Sums], usual: Array) -> SpeakerModel:
    heard = _sums(lines)
    means, spreads = {}, {}
    for key in heard.keys() | prior.keys():
        count, first, second = 1e-9, np.zeros_like(usual), np.zeros_like(usual)
        if key in heard:
            count += heard[key].count
            first, second = first + heard[key].first, second + heard[key].second
        if key in prior:
            told = prior[key]
            weight = min(PRIOR_FRAMES, told.count) / told.count
            count += weight * told.count
            first, second = first + weight * told.first, second + weight * told.second
        mean = first / count
        spread = (second / count - mean**2) * count + SPREAD_FRAMES * SPREAD_GUESS * usual
        means[key] = mean
        spreads[key] = np.maximum(spread / (count + SPREAD_FRAMES), LEAST_SPREAD * usual)
    return SpeakerModel(means, spreads, _silence(lines, usual))


def _silence(lines: Sequence[_Line], usual: Array) -> tuple[Array, Array]:
    """Mean and variance of the pauses; of the quietest sound where there are none."""
    frames = np.concatenate([line.features[line.owners < 0] for line in lines])
    if len(frames) < SPREAD_FRAMES:
        everything = np.concatenate([line.features for line in lines])
        frames = everything[np.argsort(everything[:, 0])[: max(SPREAD_FRAMES, len(lines))]]
    return frames.mean(axis=0), frames.var(axis=0) + 0.05 * usual


def _aligned(line: _Line, model: SpeakerModel) -> _Line | None:
    """The line with its phones where the model hears them (Viterbi); None where it cannot."""
    keys = [(symbol, state) for symbol in line.symbols for state in range(STATES)]
    unknown = any(key not in model.means for key in keys)
    if not keys or unknown or len(line.features) < len(keys):
        return None
    likely = np.stack(
        [_likelihood(line.features, model.means[key], model.spreads[key]) for key in keys], axis=1
    )
    quiet = _likelihood(line.features, *model.silence)
    states = _path(likely, quiet, STATES)
    owners = np.where(states < len(keys), states // STATES, -1)
    return _Line(line.features, line.symbols, owners)


def _likelihood(features: Array, mean: Array, spread: Array) -> Array:
    distance = ((features - mean) ** 2 / spread).sum(axis=1) + np.log(spread).sum()
    likelihood: Array = -0.5 * ACOUSTIC_SCALE * distance
    return likelihood


def _path(likely: Array, quiet: Array, per_phone: int) -> NDArray[np.int64]:
    """The best state of each frame: a column of `likely`, in order, or their number for silence.

    Silence may stand before each phone and at the end.
    """
    frames, states = likely.shape
    rests = np.arange(0, states + 1, per_phone)  # the state that follows each silence
    speech, pause = np.full(states, -np.inf), np.full(len(rests), -np.inf)
    speech[0], pause[0] = likely[0, 0], quiet[0]
    came = np.zeros((frames, states), np.int8)  # 0 stays, 1 goes on, 2 comes out of a pause
    rested = np.zeros((frames, len(rests)), bool)  # whether a pause goes on
    into = rests[:-1]
    for frame in range(1, frames):
        before = np.append(-np.inf, speech[:-1])
        best = np.maximum(speech, before)
        came[frame] = before > speech
        out = pause[:-1] > best[into]
        came[frame, into[out]] = 2
        best[into[out]] = pause[:-1][out]
        falls = np.append(-np.inf, speech[rests[1:] - 1]) - PAUSE_COST
        rested[frame] = pause >= falls
        pause = np.maximum(pause, falls) + quiet[frame]
        speech = best + likely[frame]
    path = np.empty(frames, np.int64)
    at, resting = states - 1, bool(pause[-1] > speech[-1])
    rest = len(rests) - 1
    for frame in range(frames - 1, -1, -1):
        path[frame] = states if resting else at
        if resting:
            if not rested[frame, rest] and frame:
                at, resting = int(rests[rest]) - 1, False
        elif came[frame, at] == 1:
            at -= 1
        elif came[frame, at] == 2:
            rest, resting = at // per_phone, True
    return path


def _phones(line: _Line, example: Example) -> tuple[Phone, ...]:
    changes = np.flatnonzero(np.r_[True, line.owners[1:] != line.owners[:-1]])
    ends = [*changes[1:], len(line.owners) + LATE_FRAMES]
    said = [phone for phone in example.phones if phone.symbol]
    phones = []
    for start, end in zip(changes, ends, strict=True):
        first, last = (
            (int(frame) - LATE_FRAMES) * example.sample_rate // HOP_RATE for frame in (start, end)
        )
        first, last = max(0, first), min(last, len(example.samples))
        owner = line.owners[start]
        phone = said[owner] if owner >= 0 else Phone(symbol="", start=first, end=last)
        if last > first:
            phones.append(phone.model_copy(update={"start": first, "end": last}))
    return tuple(phones)
