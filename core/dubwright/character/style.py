"""Styles of a character's mouth.

Realistic moves as a person does. Cartoon goes from pose to pose: what pulls most is shown further,
and what pulls less hardly. Anime has three mouths, closed, half and open, each held for some frames
("on twos", "on threes").
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.character.flaps import FLAP_SETS, flaps
from dubwright.character.visemes import CONTACT
from dubwright.mouth.visemes import Viseme

__all__ = ["Style", "styled"]

Array = NDArray[np.floating[Any]]


class Style(StrEnum):
    REALISTIC = "realistic"
    CARTOON = "cartoon"
    ANIME = "anime"


# How much sharper the pull of a cartoon's visemes is, and how much further its mouth goes.
SHARPER: Final = 2.0
FURTHER: Final = 1.3
ANIME_MOUTHS: Final[Mapping[str, tuple[Viseme, float]]] = {
    "closed": (Viseme.SIL, 1.0),
    "half": (Viseme.E, 0.6),
    "open": (Viseme.AA, 1.0),
}


def styled(weights: Array, style: Style, on: int = 1) -> NDArray[np.float32]:
    """Weights of the visemes in a style, float32 [frames, 15], from 0 to 1.

    Args:
        weights: in the order of Viseme, [frames, 15].
        style: which.
        on: frames that a mouth of anime is held.
    """
    if style is Style.CARTOON:
        return _cartoon(weights)
    if style is Style.ANIME:
        return _anime(weights, on)
    return weights.astype(np.float32)


def _cartoon(weights: Array) -> NDArray[np.float32]:
    sharp = weights**SHARPER
    whole = np.maximum(sharp.sum(axis=1, keepdims=True), 1e-6)
    further = np.array([1.0 if viseme is Viseme.SIL else FURTHER for viseme in Viseme])
    moved = sharp / whole * weights.sum(axis=1, keepdims=True) * further
    columns = [list(Viseme).index(viseme) for viseme in CONTACT]
    moved[:, columns] = np.maximum(moved[:, columns], weights[:, columns])
    clipped: NDArray[np.float32] = moved.clip(0, 1).astype(np.float32)
    return clipped


def _anime(weights: Array, on: int) -> NDArray[np.float32]:
    held = np.zeros((len(weights), len(Viseme)), np.float32)
    for flap in flaps(weights, FLAP_SETS["three"], on):
        viseme, weight = ANIME_MOUTHS[flap.shape]
        held[flap.start : flap.end, list(Viseme).index(viseme)] = weight
    return held
