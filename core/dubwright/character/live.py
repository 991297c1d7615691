"""A character's mouth while somebody speaks: sound in, a rig's controls out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from dubwright.character.controls import controlled_weights
from dubwright.character.rig import Rig, controls_of
from dubwright.model import MouthControls
from dubwright.mouth.listener import HEARD_RATE, Listener, Stream
from dubwright.mouth.visemes import Viseme

__all__ = ["LiveMouth"]


class LiveMouth:
    """The controls of one character, frame by frame. Frame n is at n / rate of the sound.

    Args:
        listener: what it hears with; how far that hears ahead, the mouth comes late.
        rig: whose controls it moves.
        rate: frames a second.
        intensity: how far the mouth moves from rest, 0 to 2.
    """

    def __init__(self, listener: Listener, rig: Rig, rate: Fraction, intensity: float = 1) -> None:
        self._stream = Stream(listener)
        self._rig = rig
        self._rate = rate
        self._controls = MouthControls(intensity=intensity)
        self._heard = np.zeros((0, len(Viseme)))
        self._dropped = 0
        self.frame = 0

    def push(self, samples: NDArray[np.float32]) -> list[dict[str, float]]:
        """The frames that are known now that so much more is heard: each control's value.

        Args:
            samples: mono, at LISTENER_RATE.
        """
        self._heard = np.vstack([self._heard, self._stream.push(samples)])
        frames = []
        while (weights := self._next()) is not None:
            frames.append(self._moved(weights))
            self.frame += 1
        return frames

    def at_rest(self) -> dict[str, float]:
        """Each control's value when nobody speaks."""
        weights = np.zeros(len(Viseme))
        weights[list(Viseme).index(Viseme.SIL)] = 1
        return self._moved(weights)

    def _next(self) -> NDArray[np.float64] | None:
        """The weights in the next frame, straight between two moments; None if not yet known."""
        place = self.frame * HEARD_RATE / self._rate - self._dropped
        moment = int(place)
        if moment + 1 >= len(self._heard):
            return None
        share = float(place - moment)
        weights = self._heard[moment] * (1 - share) + self._heard[moment + 1] * share
        self._heard = self._heard[moment:]
        self._dropped += moment
        return np.asarray(weights)

    def _moved(self, weights: NDArray[np.float64]) -> dict[str, float]:
        asked = controlled_weights(weights[None], self._controls, np.zeros(1))
        return {name: float(values[0]) for name, values in controls_of(asked, self._rig).items()}
