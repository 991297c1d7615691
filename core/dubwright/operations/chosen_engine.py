"""How tasks are told by which engine of the user's choice they work, and what it loads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dubwright.engines import EngineCard, EngineKind, engine_card
from dubwright.engines.choice import chosen_weights, require_packages
from dubwright.operations.request import EngineChoice
from dubwright.operations.task_list import TaskList
from dubwright.store import Access

__all__ = ["ChosenEngine", "diarizer", "encoder", "generator", "likeness", "parser", "tracker"]


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


def encoder(engines: EngineChoice, tasks: TaskList, access: Access) -> ChosenEngine | None:
    """By which engine speech is encoded; None if that is not asked for.

    Raises:
        DubwrightError: there is no such encoder, or it has no weights.
    """
    if engines.speech_encoder is None:
        return None
    card = engine_card(engines.speech_encoder, EngineKind.SPEECH_ENCODER)
    return _chosen("encoder", card, engines, tasks, access)


def generator(engines: EngineChoice, tasks: TaskList, access: Access) -> ChosenEngine | None:
    """By which engine mouths are generated; None if that is not asked for.

    Raises:
        DubwrightError: there is no such generator, or it has no weights.
    """
    if engines.mouth_generator is None:
        return None
    card = engine_card(engines.mouth_generator, EngineKind.MOUTH_GENERATOR)
    return _chosen("generator", card, engines, tasks, access)


def parser(engines: EngineChoice, tasks: TaskList, access: Access) -> ChosenEngine | None:
    """By which engine a face is told from what hides it; None if that is not asked for.

    Raises:
        DubwrightError: there is no such parser, or it has no weights.
    """
    if engines.face_parser is None:
        return None
    card = engine_card(engines.face_parser, EngineKind.FACE_PARSER)
    return _chosen("parser", card, engines, tasks, access)


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
    if named is None:
        return ChosenEngine(card.identity, {})
    weights = chosen_weights(card, named, tasks.fingerprints, access)
    return ChosenEngine(
        f"{card.identity} {weights.identity}",
        {"likeness_weights": weights.identity},
        {"likeness_weights": str(weights.path)},
        loads_weights=True,
    )


def _chosen(
    step: str, card: EngineCard, engines: EngineChoice, tasks: TaskList, access: Access
) -> ChosenEngine:
    parameters: dict[str, Any] = {step: card.name, f"{step}_card": card.identity}
    if not card.needs_weights:
        return ChosenEngine(card.identity, parameters)
    named = engines.weights_for(card.name, "")
    weights = chosen_weights(card, named, tasks.fingerprints, access)
    return ChosenEngine(
        f"{card.identity} {weights.identity}",
        parameters | {f"{step}_weights": weights.identity},
        {f"{step}_weights": str(weights.path)},
        loads_weights=True,
    )
