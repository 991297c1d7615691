"""Hears what shapes a mouth, in any language and without words, as the sound comes.

Learned from an artificial voice that says when each of its phones is spoken: syllables of many
languages' sounds, at many paces, by voices whose tracts are stretched (Jaitly and Hinton, "Vocal
tract length perturbation improves speech recognition", 2013), in rooms, behind noise and through
filters that no two lines share. Then ridge regression on random rectified features (Rahimi and
Recht, "Random features for large-scale kernel machines", 2007), which needs no training steps.

A stream hears no further ahead than the listener that it is of, and what was heard never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.signal import fftconvolve

from dubwright.mouth.visemes import Viseme
from dubwright.speech.features import FFT, MELS, SAMPLE_RATE, mel_energies

__all__ = [
    "HEARD_RATE",
    "LISTENER_RATE",
    "Listener",
    "Stream",
    "heard",
    "learned_listener",
    "practice",
]

Array = NDArray[np.floating[Any]]
Samples = NDArray[np.float32]

LISTENER_RATE: Final = SAMPLE_RATE
# Moments a second at which it is told what is heard.
HEARD_RATE: Final = 100
HOP: Final = LISTENER_RATE // HEARD_RATE
BEHIND, STEP = 12, 2
# Samples of a recording that are heard at once.
BLOCK: Final = 4 * LISTENER_RATE
COEFFICIENTS: Final = 20
QUIET: Final = 1e-7
EMPHASIS: Final = 0.97
# The level of speech is followed with this share of each moment that is louder than half way
# between the quietest and the loudest, which are themselves forgotten so much a moment, in nepers.
FOLLOWED, FORGOTTEN = 0.01, 0.002
LEAST_RANGE: Final = 3.0
FEATURES: Final = 1200
RIDGE: Final = 300.0
# Least squares tell less than they know: a mouth at rest, or closed, is to be it.
DECIDED: Final = 1.5
# How far what is rare in speech is brought to what is common: f would never be heard.
EVENED: Final = 0.75
# Lips that do not meet, or teeth not on them, are seen sooner than once too often.
TOUCHED: Final = 1.5
# As much more is silence, so that noise moves no mouth.
RESTED: Final = 2.5

# What lips touch for is said more often: it must be seen. So are k and g, which take after vowels.
TOUCHING: Final = "p b m f v p b m f v f v".split()  # noqa: SIM905
LIKE_VOWELS: Final = ["k", "g", "k", "g"]
CONSONANTS: Final = (
    TOUCHING
    + "t d s n l r k g sh ch z j w y h th br pl st tr kl gr mp nd".split()  # noqa: SIM905
    + LIKE_VOWELS
)
VOWELS: Final = ["a", "e", "i", "o", "u", "ai", "ou", "ee", "oo"]


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """What was learned.

    Attributes:
        ahead: moments that it hears ahead of the one that it tells of.
        level: the mean cepstrum of speech until more is known, [coefficients].
        centre, spread: of what it hears, [inputs].
        directions, offsets: of the random features, [inputs, features] and [features].
        answers: [features + 1, 15].
    """

    ahead: int
    level: Array
    centre: Array
    spread: Array
    directions: Array
    offsets: Array
    answers: Array

    def weights(self, around: Array) -> Array:
        """Of the visemes in the order of Viseme, [moments, 15]; they sum to 1 in each moment."""
        features = _features((around - self.centre) / self.spread, self.directions, self.offsets)
        told = np.maximum(features @ self.answers, 0) ** DECIDED
        return np.asarray(told / (told.sum(axis=1, keepdims=True) + 1e-6))


class Stream:
    """One sound that a listener hears as it comes. Moment n is at n / HEARD_RATE seconds."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._offsets = _context(listener.ahead)
        self._surroundings = _Surroundings(listener.level)
        self._sound = np.zeros(FFT // 2, np.float64)
        self._before = np.zeros((0, COEFFICIENTS))

    def push(self, samples: Samples) -> Array:
        """What is known now that so much more is heard, [moments, 15], after what was told.

        Args:
            samples: mono, at LISTENER_RATE.
        """
        self._sound = np.append(self._sound, samples)
        windows = max(0, 1 + (len(self._sound) - FFT) // HOP)
        if windows:
            coefficients = self._surroundings.of(_mels(self._sound, windows))
            self._sound = self._sound[windows * HOP :]
            if not len(self._before):
                # Before the first moment it was as in the first.
                self._before = np.repeat(coefficients[:1], BEHIND, axis=0)
            self._before = np.vstack([self._before, coefficients])
        return self._known()

    def finish(self) -> Array:
        """What is left to tell, as if silence followed."""
        return self.push(np.zeros(FFT // 2 + (self._listener.ahead + 1) * HOP, np.float32))

    def _known(self) -> Array:
        moments = len(self._before) - BEHIND - self._listener.ahead
        if moments <= 0:
            return np.zeros((0, len(Viseme)))
        at = BEHIND + np.arange(moments)[:, None] + self._offsets
        weights = self._listener.weights(self._before[at].reshape(moments, -1))
        self._before = self._before[moments:]
        return weights


def heard(listener: Listener, samples: Samples, sample_rate: int) -> Array:
    """What shapes the mouth in a whole recording, [moments, 15]; one each HEARD_RATE-th."""
    sound = soxr.resample(samples.astype(np.float32), sample_rate, LISTENER_RATE)
    stream = Stream(listener)
    blocks = [sound[start : start + BLOCK] for start in range(0, len(sound), BLOCK)]
    told = np.vstack([*(stream.push(block) for block in blocks), stream.finish()])
    return np.asarray(told[: len(sound) // HOP + 1])


def practice(lines: int) -> Iterator[str]:
    """Lines of syllables that a voice of any language may speak; the same each time."""
    chance = np.random.default_rng(1)
    for _ in range(lines):
        yield " ".join(_word(chance) for _ in range(chance.integers(5, 10))) + "."


def learned_listener(
    lessons: Iterable[tuple[Samples, NDArray[np.float32]]], ahead: int
) -> Listener:
    """A listener that learned from lines of which it is known what shapes the mouth.

    Args:
        lessons: of each line its samples, mono, at LISTENER_RATE, with some silence around; and
            the weights of the visemes at each moment, [moments, 15].
        ahead: moments that it may hear ahead.
    """
    chance = np.random.default_rng(2)
    mels, said = [], []
    for samples, weights in lessons:
        mels.append(_recorded(samples, chance)[: len(weights)])
        said.append(weights[: len(mels[-1])])
    level = np.mean([_cepstra(each[_loud(each)]).mean(axis=0) for each in mels], axis=0)
    offsets = _context(ahead)

    def around() -> Iterator[Array]:
        for each in mels:
            yield _around(_Surroundings(level).of(each), offsets)

    moments = sum(map(len, mels))
    centre = sum(each.sum(axis=0) for each in around()) / moments
    variance = sum(((each - centre) ** 2).sum(axis=0) for each in around()) / moments
    spread = np.sqrt(variance) + 1e-6
    directions = chance.standard_normal((len(centre), FEATURES)) / np.sqrt(len(centre))
    shifts = chance.uniform(-1, 1, FEATURES)
    normal = RIDGE * np.eye(FEATURES + 1)
    wanted = np.zeros((FEATURES + 1, len(Viseme)))
    for each, shown in zip(around(), said, strict=True):
        features = _features((each - centre) / spread, directions, shifts)
        normal += features.T @ features
        wanted += features.T @ shown
    answers = np.linalg.solve(normal, wanted)
    rarer = _rarity(np.vstack(said)) ** (1 / DECIDED)
    return Listener(ahead, level, centre, spread, directions, shifts, answers * rarer)


def _rarity(said: Array) -> Array:
    """How much more a viseme is to be believed since it is rare, or seen, [15]."""
    often = said.mean(axis=0)
    speech = np.array([viseme is not Viseme.SIL for viseme in Viseme])
    touching = np.array([viseme in (Viseme.PP, Viseme.FF) for viseme in Viseme])
    rarer = (often[speech].mean() / np.maximum(often, 1e-4)) ** EVENED
    return np.where(speech, rarer * np.where(touching, TOUCHED, 1), RESTED)


class _Surroundings:
    """Cepstra against the level of the speech so far."""

    def __init__(self, level: Array) -> None:
        self._level = level.copy()
        self._loudest, self._quietest = -np.inf, np.inf

    def of(self, mels: Array) -> Array:
        """Of the next moments, [moments, coefficients]."""
        cepstra = _cepstra(mels)
        told = np.empty_like(cepstra)
        for index, (cepstrum, loudness) in enumerate(zip(cepstra, mels.mean(axis=1), strict=True)):
            self._loudest = max(loudness, self._loudest - FORGOTTEN)
            self._quietest = min(loudness, self._quietest + FORGOTTEN)
            middle = (self._loudest + self._quietest) / 2
            if loudness > middle and self._loudest - self._quietest > LEAST_RANGE:
                self._level += FOLLOWED * (cepstrum - self._level)
            told[index] = cepstrum - self._level
        return told


def _context(ahead: int) -> NDArray[np.int64]:
    return np.arange(-BEHIND, ahead + 1, STEP)


def _around(told: Array, offsets: NDArray[np.int64]) -> Array:
    moments = np.arange(len(told))[:, None]
    return np.asarray(told[np.clip(moments + offsets, 0, len(told) - 1)].reshape(len(told), -1))


def _features(inputs: Array, directions: Array, offsets: Array) -> Array:
    rectified = np.maximum(inputs @ directions + offsets, 0)
    return np.hstack([rectified, np.ones((len(inputs), 1))])


def _mels(sound: Array, windows: int) -> Array:
    """Log mel energies of as many windows, whose middles are HOP apart, [windows, MELS]."""
    each = np.lib.stride_tricks.sliding_window_view(sound, FFT)[: windows * HOP : HOP].copy()
    each[:, 1:] -= EMPHASIS * each[:, :-1]
    return np.asarray(np.log(mel_energies(each) + QUIET))


def _cepstra(mels: Array) -> Array:
    return np.asarray(dct(mels, axis=1, norm="ortho")[:, :COEFFICIENTS])


def _loud(mels: Array) -> NDArray[np.bool_]:
    loudness = mels.mean(axis=1)
    return np.asarray(loudness > (loudness.max() + loudness.min()) / 2)


def _word(chance: np.random.Generator) -> str:
    syllables = [
        chance.choice(CONSONANTS) + chance.choice(VOWELS) for _ in range(chance.integers(1, 4))
    ]
    return "".join(syllables) + (chance.choice(list("mnsptkrl")) if chance.random() < 0.4 else "")


def _recorded(samples: Samples, chance: np.random.Generator) -> Array:
    """A line as it might be recorded, as log mel energies, [moments, MELS]."""
    sound: Array = samples.astype(np.float64)
    if chance.random() < 0.6:
        sound = _in_a_room(sound, chance)
    sound = sound * 0.5 * 10 ** chance.uniform(-1, 0) / (np.abs(sound).max() + 1e-9)
    mels = _mels(np.pad(sound, FFT // 2), len(sound) // HOP + 1)
    mels = _stretched(mels, chance.uniform(0.85, 1.15)) + _filter(chance, 1.2)
    noise = _filter(chance, 1.5) + mels.max() - chance.uniform(5, 14)
    return np.logaddexp(mels, noise + np.log(0.3 + 0.7 * chance.exponential(1, mels.shape)))


def _in_a_room(sound: Array, chance: np.random.Generator) -> Array:
    """With an echo that dies away by 60 dB in a tenth to half a second."""
    length = round(chance.uniform(0.1, 0.5) * LISTENER_RATE)
    echo = chance.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    echo *= chance.uniform(0.1, 0.5) / np.linalg.norm(echo)
    echo[0] = 1
    return np.asarray(fftconvolve(sound, echo)[: len(sound)])


def _stretched(mels: Array, by: float) -> Array:
    """As of a vocal tract that is longer or shorter."""
    places = np.clip(np.arange(MELS) * by, 0, MELS - 1)
    low = places.astype(int)
    share = places - low
    return np.asarray(mels[:, low] * (1 - share) + mels[:, np.minimum(low + 1, MELS - 1)] * share)


def _filter(chance: np.random.Generator, strength: float) -> Array:
    """A smooth curve over the mel bands, in nepers."""
    turns = np.arange(1, 6)
    waves = np.cos(turns[:, None] * np.linspace(0, np.pi, MELS))
    return np.asarray(chance.normal(0, strength / (turns + 1)) @ waves)
