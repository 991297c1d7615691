"""Mouths that are drawn: one shape at a time, held for frames, as in 2D animation.

Shapes are those of Rhubarb (A to H and X), of Preston Blair, Microsoft's 22 viseme numbers, or
three mouths as limited animation uses them: closed, half, open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.character.visemes import CONTACT
from dubwright.mouth.visemes import Viseme

__all__ = ["FLAP_SETS", "Flap", "flaps"]

Array = NDArray[np.floating[Any]]


def _set(shapes: str) -> Mapping[Viseme, str]:
    return dict(zip(Viseme, shapes.split(), strict=True))


# In the order of Viseme: sil PP FF TH DD kk CH SS nn RR aa E ih oh ou.
FLAP_SETS: Final[Mapping[str, Mapping[Viseme, str]]] = {
    # Rhubarb's README: A closed, B teeth, C open, D wide, E rounded, F puckered, G f, H l, X rest.
    "rhubarb": _set("X A G B B B B B H E D C B E F"),
    "preston_blair": _set("rest MBP FV L etc etc WQ etc L WQ AI E E O U"),
    # SPVISEMES: the first of the numbers that a viseme has.
    "sapi": _set("0 21 18 17 19 20 16 15 14 13 2 4 6 8 7"),
    "three": _set("closed closed half half half half half half half half open open half open half"),
}
# A contact that is at least so sure is shown, whatever lasts longer.
SURE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Flap:
    """A shape, from a frame on to before another."""

    start: int
    end: int
    shape: str


def flaps(weights: Array, shapes: Mapping[Viseme, str], on: int = 1) -> list[Flap]:
    """The shape of each frame, as runs that cover all frames.

    Within a drawing the shape that the visemes pull to most is shown; lips that meet are, too.

    Args:
        weights: of the visemes in the order of Viseme, [frames, 15].
        shapes: one of FLAP_SETS.
        on: frames that a drawing is held: 1, 2 ("on twos"), 3...
    """
    drawings = [weights[first : first + on] for first in range(0, len(weights), on)]
    shown = [_shape(drawing, shapes) for drawing in drawings]
    return list(_runs(shown, on, len(weights)))


def _shape(drawing: Array, shapes: Mapping[Viseme, str]) -> str:
    visemes = list(Viseme)
    for viseme in CONTACT:
        if drawing[:, visemes.index(viseme)].max() >= SURE:
            return shapes[viseme]
    pull: dict[str, float] = {}
    for viseme, weight in zip(visemes, drawing.sum(axis=0), strict=True):
        pull[shapes[viseme]] = pull.get(shapes[viseme], 0.0) + float(weight)
    return max(pull, key=lambda shape: pull[shape])


def _runs(shown: Sequence[str], on: int, frames: int) -> Iterator[Flap]:
    first = 0
    for shape, run in groupby(shown):
        drawings = len(list(run))
        yield Flap(first * on, min((first + drawings) * on, frames), shape)
        first += drawings
