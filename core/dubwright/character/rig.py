"""Rigs: which of a character's controls make which viseme.

The rigs that come along name their controls as the industry does: ARKit's 52 blend shapes, Meta's
15 visemes, the VRM expressions of 1.0 and 0.x, and Character Creator 4's extended shapes. The
weights are ours. Any other rig is a small JSON document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from dubwright.character.acting import Gesture
from dubwright.dialogue.documents import read_document
from dubwright.errors import DubwrightError
from dubwright.mouth.visemes import Viseme

__all__ = ["RIGS", "Rig", "controls_of", "emotion_of", "find_rig", "reach_of"]

MOST_CONTROLS: Final = 1024
MOST_WEIGHT: Final = 1000


class Rig(BaseModel):
    """A character's controls, and how far each goes for each viseme, in its own unit.

    A shape key goes from 0 to 1; a bone goes by lengths and radians.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.rig"] = "dubwright.rig"
    version: Literal[1] = 1
    controls: tuple[str, ...] = Field(min_length=1, max_length=MOST_CONTROLS)
    visemes: Mapping[Viseme, Mapping[str, float]] = Field(
        description="Weights by control, of each viseme that moves any."
    )
    gestures: Mapping[Gesture, Mapping[str, float]] = Field(
        default_factory=dict, description="Weights by control, of blinks, brows and nods."
    )
    emotions: Mapping[str, Mapping[str, float]] = Field(
        default_factory=dict, description="Weights by control that are added all along."
    )
    jaw: tuple[str, ...] = Field((), description="Controls that open the jaw.")
    width: tuple[str, ...] = Field((), description="Controls that widen or narrow the mouth.")

    @model_validator(mode="after")
    def _controls_are_named_once_and_known(self) -> Rig:
        if len(set(self.controls)) < len(self.controls):
            raise ValueError("a control is named twice")
        movers = [*self.visemes.items(), *self.gestures.items(), *self.emotions.items()]
        for mover, weights in movers:
            for control, weight in weights.items():
                if control not in self.controls:
                    raise ValueError(f"{mover} moves {control}, which is not among the controls")
                if not abs(weight) <= MOST_WEIGHT:
                    raise ValueError(
                        f"{mover} moves {control} by {weight}; at most {MOST_WEIGHT} is possible"
                    )
        if unknown := {*self.jaw, *self.width} - {*self.controls}:
            raise ValueError(f"{min(unknown)} is not among the controls")
        return self


@cache
def _built_in() -> dict[str, Rig]:
    text = files("dubwright.character").joinpath("rigs.json").read_text(encoding="utf-8")
    return {name: Rig.model_validate(rig) for name, rig in json.loads(text).items()}


RIGS: Final = tuple(_built_in())


def find_rig(name: str) -> Rig:
    """A rig by its name, or from a JSON document by its path.

    Raises:
        DubwrightError: there is no such rig; see read_document for what else it raises.
    """
    known = _built_in()
    if name in known:
        return known[name]
    if not Path(name).suffix:
        raise DubwrightError(
            "There is no such rig",
            where=name,
            why=f"it is none of {', '.join(known)}",
            repair="name one of these, or give the path of a JSON document",
        )
    return read_document(Path(name), Rig, "rig")


def controls_of(
    weights: NDArray[np.floating[Any]],
    rig: Rig,
    gestures: NDArray[np.floating[Any]] | None = None,
    emotion: str | None = None,
    jaw: NDArray[np.floating[Any]] | float = 1.0,
    width: NDArray[np.floating[Any]] | float = 1.0,
) -> dict[str, NDArray[np.float32]]:
    """What a rig's controls do.

    Args:
        weights: of the visemes in the order of Viseme, [frames, 15].
        rig: the rig.
        gestures: in the order of Gesture, [frames, 3]; none if None.
        emotion: one of the rig's, all along; none if None.
        jaw, width: how far the controls of each go, 1 as usual, [frames] or all along.

    Returns:
        Each control's values, float32 [frames], in the rig's order; at most 1, or as much as one
        viseme, gesture or emotion moves it.

    Raises:
        DubwrightError: the rig does not know the emotion.
    """
    shapes = _table(rig, [rig.visemes.get(viseme, {}) for viseme in Viseme])
    moves = _table(rig, [rig.gestures.get(gesture, {}) for gesture in Gesture])
    moods = _table(rig, [emotion_of(rig, emotion)] if emotion is not None else [])
    values = weights @ shapes
    for moved, share in ((rig.jaw, jaw), (rig.width, width)):
        columns = [rig.controls.index(control) for control in moved]
        values[:, columns] *= np.reshape(share, (-1, 1))
    if gestures is not None:
        values = values + gestures @ moves
    values = values + moods.sum(axis=0)
    furthest = np.array(list(reach_of(rig).values())).clip(1)
    return dict(zip(rig.controls, _columns(values.clip(-furthest, furthest)), strict=True))


def reach_of(rig: Rig) -> dict[str, float]:
    """How far each control goes for what moves it furthest, in the rig's order."""
    movers = [*rig.visemes.values(), *rig.gestures.values(), *rig.emotions.values()]
    return {
        control: max((abs(weights.get(control, 0.0)) for weights in movers), default=0.0)
        for control in rig.controls
    }


def emotion_of(rig: Rig, emotion: str) -> Mapping[str, float]:
    """Weights by control of one of a rig's emotions.

    Raises:
        DubwrightError: the rig does not know it.
    """
    if emotion not in rig.emotions:
        raise DubwrightError(
            "The rig does not know this emotion",
            where=emotion,
            why=f"it knows {', '.join(rig.emotions) or 'none'}",
            repair="choose one of these, or add it to a rig of your own",
        )
    return rig.emotions[emotion]


def _table(rig: Rig, rows: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
    table = [[row.get(name, 0.0) for name in rig.controls] for row in rows]
    return np.array(table, np.float64).reshape(len(rows), len(rig.controls))


def _columns(values: NDArray[np.floating[Any]]) -> Sequence[NDArray[np.float32]]:
    return [np.ascontiguousarray(column, np.float32) for column in values.T]
