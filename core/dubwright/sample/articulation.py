"""How the actor articulates: phones to control weights and back to nothing the product knows.

The actor's jaw and lips are masses on springs that chase the current phone's target, as in task
dynamics (Saltzman and Munhall, 1989). Targets, stiffness, timing and the difference between left
and right are the actor's own, drawn from its seed. No product room imports this module: what it
computes is the truth that the product is measured against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.model import Phone
from dubwright.mouth.visemes import CLOSE_FRONT_ROUNDED, Viseme, viseme_of

__all__ = ["Articulator"]

STEP_S: Final = 0.002
SIDED: Final = ("mouthSmile", "mouthStretch", "mouthUpperUp", "mouthLowerDown", "mouthPress")

GESTURES: Final[Mapping[Viseme, Mapping[str, float]]] = {
    Viseme.SIL: {},
    Viseme.PP: {"jawOpen": 0.08, "mouthClose": 0.08, "mouthPress": 0.5, "mouthRollLower": 0.2,
                "mouthRollUpper": 0.2},
    Viseme.FF: {"jawOpen": 0.10, "mouthRollLower": 0.6, "mouthUpperUp": 0.25},
    Viseme.TH: {"jawOpen": 0.17, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15},
    Viseme.DD: {"jawOpen": 0.15, "mouthLowerDown": 0.30, "mouthUpperUp": 0.12},
    Viseme.KK: {"jawOpen": 0.21, "mouthLowerDown": 0.22, "mouthUpperUp": 0.10},
    Viseme.CH: {"jawOpen": 0.14, "mouthFunnel": 0.50, "mouthPucker": 0.10},
    Viseme.SS: {"jawOpen": 0.08, "mouthStretch": 0.35, "mouthLowerDown": 0.35,
                "mouthUpperUp": 0.20},
    Viseme.NN: {"jawOpen": 0.17, "mouthLowerDown": 0.25, "mouthUpperUp": 0.10},
    Viseme.RR: {"jawOpen": 0.17, "mouthFunnel": 0.30, "mouthPucker": 0.10},
    Viseme.AA: {"jawOpen": 0.62, "mouthLowerDown": 0.35, "mouthUpperUp": 0.20},
    Viseme.E: {"jawOpen": 0.36, "mouthStretch": 0.30, "mouthLowerDown": 0.40,
               "mouthUpperUp": 0.18},
    Viseme.IH: {"jawOpen": 0.15, "mouthStretch": 0.45, "mouthSmile": 0.15,
                "mouthLowerDown": 0.40, "mouthUpperUp": 0.22},
    Viseme.OH: {"jawOpen": 0.42, "mouthFunnel": 0.55, "mouthPucker": 0.15},
    Viseme.OU: {"jawOpen": 0.15, "mouthPucker": 0.50, "mouthFunnel": 0.30},
}  # fmt: skip

# How quickly a gesture is made, in radians a second of the critically damped spring.
QUICKNESS: Final = {
    Viseme.PP: 110.0, Viseme.FF: 95.0, Viseme.CH: 60.0, Viseme.SS: 60.0, Viseme.AA: 48.0,
    Viseme.SIL: 22.0,
}  # fmt: skip
USUAL_QUICKNESS: Final = 48.0
TIMING_SPREAD_S: Final = 0.006


class Articulator:
    """One actor's way of speaking."""

    def __init__(self, seed: int = 1) -> None:
        rng = np.random.default_rng((seed, 7))
        self.controls = tuple(
            sorted({control for gesture in GESTURES.values() for control in gesture})
        )
        self._targets = {
            viseme: np.array([gesture.get(control, 0.0) for control in self.controls])
            * rng.normal(1, 0.12, len(self.controls)).clip(0.7, 1.3)
            for viseme, gesture in GESTURES.items()
        }
        # A critically damped spring arrives 2 / omega late; the actor starts that much early.
        self._lead = {
            viseme: 2 / QUICKNESS.get(viseme, USUAL_QUICKNESS) + rng.normal(0, TIMING_SPREAD_S)
            for viseme in GESTURES
        }
        self._lopsided = dict(zip(SIDED, rng.normal(0, 0.10, len(SIDED)), strict=True))

    def weights(
        self,
        phones: Sequence[Phone],
        sample_rate: int,
        start: Fraction,
        frames: int,
        rate: Fraction,
    ) -> list[dict[str, float]]:
        """Control weights for each frame; the first sample sounds `start` seconds into frame 0."""
        margin = 0.5
        steps = round((frames / float(rate) + 2 * margin) / STEP_S)
        times = np.arange(steps) * STEP_S - margin - float(start)
        targets, quickness = self._score(times, phones, sample_rate)
        path = _chase(targets, quickness)
        middles = (np.arange(frames) + 0.5) / float(rate)
        rows = np.round((middles + margin) / STEP_S).astype(int)
        return [self._sided(path[row]) for row in rows]

    def _score(
        self, times: NDArray[np.floating[Any]], phones: Sequence[Phone], sample_rate: int
    ) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
        targets = np.tile(self._targets[Viseme.SIL], (len(times), 1))
        quickness = np.full(len(times), QUICKNESS[Viseme.SIL])
        for phone in phones:
            viseme = viseme_of(phone.symbol)
            lead = self._lead[viseme]
            active = (times >= phone.start / sample_rate - lead) & (
                times < phone.end / sample_rate - lead
            )
            target = self._targets[viseme].copy()
            if set(phone.symbol) & CLOSE_FRONT_ROUNDED:
                target[self.controls.index("mouthPucker")] += 0.35
            targets[active] = target
            quickness[active] = QUICKNESS.get(viseme, USUAL_QUICKNESS)
        return targets, quickness

    def _sided(self, weights: NDArray[np.floating[Any]]) -> dict[str, float]:
        sided = {}
        for control, weight in zip(self.controls, weights.tolist(), strict=True):
            if control in SIDED:
                lean = self._lopsided[control]
                sided[control + "Left"] = weight * (1 + lean)
                sided[control + "Right"] = weight * (1 - lean)
            else:
                sided[control] = weight
        return sided


def _chase(
    targets: NDArray[np.floating[Any]], quickness: NDArray[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """Critically damped springs chasing a moving target, semi-implicit Euler."""
    position = targets[0].copy()
    velocity = np.zeros_like(position)
    path = np.empty_like(targets)
    for row, (target, omega) in enumerate(zip(targets, quickness, strict=True)):
        pull = omega**2 * (target - position) - 2 * omega * velocity
        velocity += pull * STEP_S
        position += velocity * STEP_S
        path[row] = position
    return path
