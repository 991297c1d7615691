"""How tasks are told by which engine of the user's choice they work, and what it loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from dubwright.engines import EngineCard, EngineKind, engine_card
from dubwright.engines.choice import chosen_weights, require_packages
from dubwright.operations.request import EngineChoice
from dubwright.operations.task_list import TaskList
from dubwright.store import Access

__all__ = ["ChosenEngine", "diarizer", "likeness", "optional_engine", "tracker"]


OptionalStep = Literal["encoder", "generator", "parser"]
# The field of EngineChoice that names it, and its kind.
OPTIONAL: Final[Mapping[OptionalStep, tuple[str, EngineKind]]] = {
    "encoder": ("speech_encoder", EngineKind.SPEECH_ENCODER),
    "generator": ("mouth_generator", EngineKind.MOUTH_GENERATOR),
    "parser": ("face_parser", EngineKind.FACE_PARSER),
}


@dataclass(frozen=True)
class ChosenEngine:
    """What a task is told besides; the fields are those of Task.

    Attributes:
        identity: of the engine and of what it loads, by which results are kept.
    """

    identity: str
    parameters: dict[str, Any]
    where: dict[str, Any] = field(default_factory=dict)
    loads_weights: bool = False


def diarizer(engines: EngineChoice, tasks: TaskList, access: Access) -> ChosenEngine | None:
    """By which engine voices are told apart; None where nobody chose one, and the usual one's
    packages are not installed.

    Raises:
        DubwrightError: there is no such engine, it has no weights, or its packages are missing.
    """
    card = engine_card(engines.diarizer, EngineKind.DIARIZER)
    if card.missing_packages and engines.diarizer == EngineChoice().diarizer:
        return None
    require_packages(card)
    return _chosen("diarizer", card, engines, tasks, access)


def optional_engine(
    step: OptionalStep, engines: EngineChoice, tasks: TaskList, access: Access
) -> ChosenEngine | None:
    """By which engine a step is done that is left out unless it is asked for; None if it is not.

    Raises:
        DubwrightError: there is no such engine, or it has no weights.
    """
    field, kind = OPTIONAL[step]
    name: str | None = getattr(engines, field)
    return _chosen(step, engine_card(name, kind), engines, tasks, access) if name else None


def tracker(engines: EngineChoice, tasks: TaskList, access: Access) -> ChosenEngine:
    """By which engine faces are followed.

    Raises:
        DubwrightError: there is no such tracker, or it has no weights.
    """
    card = engine_card(engines.face_tracker, EngineKind.FACE_TRACKER)
    return _chosen("tracker", card, engines, tasks, access)


def likeness(
    engines: EngineChoice, card: EngineCard, tasks: TaskList, access: Access
) -> ChosenEngine:
    """By which weights a renderer that learns judges likeness, if the user names some for it.

    Raises:
        DubwrightError: there are no such weights.
    """
    named = engines.weights_for(card.name, "")
    chosen = ChosenEngine(card.identity, {})
    return _with_weights("likeness", chosen, card, named, tasks, access) if named else chosen


def _chosen(
    step: str, card: EngineCard, engines: EngineChoice, tasks: TaskList, access: Access
) -> ChosenEngine:
    chosen = ChosenEngine(card.identity, {step: card.name, f"{step}_card": card.identity})
    named = engines.weights_for(card.name, "")
    return _with_weights(step, chosen, card, named, tasks, access) if card.needs_weights else chosen


def _with_weights(
    step: str,
    chosen: ChosenEngine,
    card: EngineCard,
    named: str | None,
    tasks: TaskList,
    access: Access,
) -> ChosenEngine:
    weights = chosen_weights(card, named, tasks.fingerprints, access)
    return ChosenEngine(
        f"{card.identity} {weights.identity}",
        chosen.parameters | {f"{step}_weights": weights.identity},
        {f"{step}_weights": str(weights.path)},
        loads_weights=True,
    )
