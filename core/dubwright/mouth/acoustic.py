"""Sound to mouth curves where no words are known, adapted to the actor.

Five guesses are averaged, each weak in another way: kernel ridge regression (Saunders et al., 1998)
and ridge regression from what the actor's own sound was like to what the mouth did; the actor's
articulation and the usual one of the phones that are heard; and ridge regression from those phones.
Phones are heard several times over, more or less led by what is likely to follow what, and their
guesses are averaged too: where the hearings disagree, the mouth does something between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.model import Articulation
from dubwright.mouth.articulation import CLASSES, Observation, Timed, learned, shaped, shares
from dubwright.mouth.visemes import Viseme
from dubwright.speech.features import interpolated

__all__ = ["Acoustics", "Hearing", "closed_where_heard", "learned_acoustics"]

Array = NDArray[np.floating[Any]]

# Sound from so long before a frame to so long after it tells what its mouth does.
CONTEXT_S: Final = np.linspace(-0.12, 0.12, 7)
PHONE_CONTEXT_S: Final = (-0.06, 0.0, 0.06)
KERNEL_SHARPNESS: Final = 0.5
KERNEL_RIDGE: Final = 1.0
SOUND_RIDGE: Final = 1000.0
PHONE_RIDGE: Final = 300.0
LEAST_FRAMES: Final = 24
MOST_FRAMES: Final = 2000
# Of the hearings, how many must hear a p, b or m, or silence, for it to be believed.
BELIEVED: Final = 0.6
# A mouth opens before it is heard and closes after: only longer silences are rests.
BREATH_S: Final = 0.25
# A guess that moves less than this share of what the mouth does says nothing.
STILL: Final = 0.1
LEAST_SPREAD: Final = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """How a recording sounds.

    Attributes:
        features: [frames, features].
        rate: frames of features a second.
        phones: of each hearing, (start, end, symbol) in seconds.
    """

    features: Array
    rate: int
    phones: Sequence[Sequence[Timed]]

    def sound(self, times: Array) -> Array:
        """The features around each time, in seconds, [times, context * features]."""
        place = (times[:, None] + CONTEXT_S) * self.rate
        return interpolated(self.features, place).reshape(len(times), -1)

    def shares(self, times: Array, usual: Articulation) -> Array:
        """How much each class of phones shapes the mouth, [times, classes]."""
        heard = [shares(times, phones, usual.timing) for phones in self.phones]
        return np.asarray(np.mean(heard, axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Acoustics:
    """What is known of how one actor's mouth goes with the sound.

    Attributes:
        usual: the usual articulation, in this actor's range.
        own: the actor's articulation by each hearing.
        sound, phones: of each frame that was learned from, [frames, values].
        curves: what the mouth did there, [frames, 4].
    """

    usual: Articulation
    own: tuple[Articulation, ...]
    sound: Array
    phones: Array
    curves: Array

    def predict(self, hearing: Hearing, times: Array) -> NDArray[np.float32]:
        """The curves at each time, in seconds from the start of the hearing, [times, 4]."""
        usual = np.mean([shaped(times, heard, self.usual) for heard in hearing.phones], axis=0)
        if len(self.curves) < LEAST_FRAMES:
            curves = usual
        else:
            around = _around(hearing, times, self.usual)
            own = [
                shaped(times, phones, articulation)
                for phones, articulation in zip(hearing.phones, self.own, strict=True)
            ]
            guesses = [
                usual,
                np.mean(own, axis=0),
                _kernel_ridge(self.sound, self.curves, hearing.sound(times)),
                _ridge(self.sound, self.curves, hearing.sound(times), SOUND_RIDGE),
                _ridge(self.phones, self.curves, around, PHONE_RIDGE),
            ]
            spread = self.curves.std(axis=0)
            mean = np.mean([_standard(guess, STILL * spread) for guess in guesses], axis=0)
            curves = self.curves.mean(axis=0) + _standard(mean, STILL) * spread
        return closed_where_heard(curves, hearing, times, self.usual).astype(np.float32)

    def sureness(self) -> float:
        """r of the aperture where each half of what was learned from is predicted by the other.

        0 where too little was seen to say.
        """
        half = len(self.curves) // 2
        if half < LEAST_FRAMES:
            return 0.0
        found = []
        first, second = slice(0, half), slice(half, None)
        for known, asked in ((first, second), (second, first)):
            guesses = [
                _kernel_ridge(self.sound[known], self.curves[known], self.sound[asked]),
                _ridge(self.sound[known], self.curves[known], self.sound[asked], SOUND_RIDGE),
                _ridge(self.phones[known], self.curves[known], self.phones[asked], PHONE_RIDGE),
            ]
            still = STILL * self.curves.std(axis=0)
            guess = np.mean([_standard(each, still)[:, 0] for each in guesses], axis=0)
            found.append(np.corrcoef(guess, self.curves[asked, 0])[0, 1])
        return float(np.clip(np.nan_to_num(np.mean(found)), 0, 1))


def learned_acoustics(
    usual: Articulation, lines: Sequence[tuple[Array, Hearing, NDArray[np.float32]]]
) -> Acoustics:
    """What the lines on the plate show.

    Args:
        usual: the usual articulation, in this actor's range.
        lines: of each the middles of its frames in seconds from the start of its hearing, [frames];
            how it sounds; what the mouth did, [frames, 4].
    """
    lines = [line for line in lines if len(line[0])]
    frames = sum(len(times) for times, _, _ in lines)
    if frames < LEAST_FRAMES:
        return Acoustics(usual, (), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 4)))
    hearings = min(len(hearing.phones) for _, hearing, _ in lines)
    own = tuple(
        learned(usual, [Observation(times, h.phones[n], curves) for times, h, curves in lines])
        for n in range(hearings)
    )
    sound = np.vstack([hearing.sound(times) for times, hearing, _ in lines])
    phones = np.vstack([_around(hearing, times, usual) for times, hearing, _ in lines])
    curves = np.vstack([curves for _, _, curves in lines]).astype(np.float64)
    spread = np.linspace(0, frames - 1, min(frames, MOST_FRAMES)).astype(int)
    return Acoustics(usual, own, sound[spread], phones[spread], curves[spread])


def closed_where_heard(curves: Array, hearing: Hearing, times: Array, usual: Articulation) -> Array:
    """Lips meet on most hearings' p, b and m, and the mouth rests in their long silences.

    Args:
        curves: [times, 4].
        hearing: of the recording.
        times: in seconds from its start.
        usual: the usual articulation, in this actor's range.
    """
    held = hearing.shares(times, usual)
    rest = np.array(usual.targets[Viseme.SIL])
    silent = _belief(_least_around(held[:, CLASSES.index(Viseme.SIL)], times))[:, None]
    closed = _belief(held[:, CLASSES.index(Viseme.PP)])
    curves = curves * (1 - silent) + rest * silent
    lips = max(0.0, usual.targets[Viseme.PP][0])
    shut = np.minimum(curves[:, 0], curves[:, 0] * (1 - closed) + lips * closed)
    curves[:, 0] = np.maximum(shut, 0)
    return curves


def _around(hearing: Hearing, times: Array, usual: Articulation) -> Array:
    return np.hstack([hearing.shares(times + away, usual) for away in PHONE_CONTEXT_S])


def _belief(share: Array) -> Array:
    """0 below what must be believed, 1 where it is certain, straight between."""
    return np.asarray(np.clip((share - BELIEVED) / (1 - BELIEVED), 0, 1) ** 0.5)


def _least_around(values: Array, times: Array) -> Array:
    """The least value within BREATH_S of each time."""
    apart = np.abs(times[:, None] - times)
    return np.asarray(np.where(apart <= BREATH_S, values, np.inf).min(axis=1))


def _standard(values: Array, still: Array | float) -> Array:
    """Values of mean 0 and spread 1; those that spread less than what is `still` stay small."""
    return np.asarray((values - values.mean(axis=0)) / (values.std(axis=0) + still + 1e-9))


def _kernel_ridge(known: Array, curves: Array, asked: Array) -> Array:
    known, asked = _scaled(known, asked)

    def kernel(a: Array, b: Array) -> Array:
        apart = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
        return np.asarray(np.exp(-KERNEL_SHARPNESS * apart / a.shape[1]))

    mean = curves.mean(axis=0)
    ridge = KERNEL_RIDGE * np.eye(len(known))
    weights = np.linalg.solve(kernel(known, known) + ridge, curves - mean)
    return np.asarray(kernel(asked, known) @ weights + mean)


def _ridge(known: Array, curves: Array, asked: Array, strength: float) -> Array:
    known, asked = _scaled(known, asked)
    mean = curves.mean(axis=0)
    normal = known.T @ known + strength * np.eye(known.shape[1])
    return np.asarray(asked @ np.linalg.solve(normal, known.T @ (curves - mean)) + mean)


def _scaled(known: Array, asked: Array) -> tuple[Array, Array]:
    # What was hardly heard while learning must not shout when it is heard.
    mean, spread = known.mean(axis=0), np.maximum(known.std(axis=0), LEAST_SPREAD)
    return (known - mean) / spread, (asked - mean) / spread
