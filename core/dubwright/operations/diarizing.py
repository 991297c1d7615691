"""How tasks that tell voices apart are told by which engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dubwright.engines import EngineKind, engine_card
from dubwright.engines.choice import chosen_weights
from dubwright.operations.request import EngineChoice
from dubwright.operations.task_list import TaskList
from dubwright.store import Access

__all__ = ["Diarizing", "diarizing"]


@dataclass(frozen=True)
class Diarizing:
    """What a task that tells voices apart is told besides; the fields are those of Task.

    Attributes:
        identity: of the engine and of what it loads, by which prints are kept.
    """

    identity: str
    parameters: dict[str, Any]
    where: dict[str, Any] = field(default_factory=dict)


def diarizing(engines: EngineChoice, tasks: TaskList, access: Access) -> Diarizing | None:
    """By which engine voices are told apart; None where its packages are not installed.

    Raises:
        DubwrightError: there is no such engine, or it has no weights.
    """
    card = engine_card(engines.diarizer, EngineKind.DIARIZER)
    if card.missing_packages:
        return None
    parameters: dict[str, Any] = {"diarizer": card.name, "diarizer_card": card.identity}
    if not card.needs_weights:
        return Diarizing(card.identity, parameters)
    named = engines.weights_for(card.name, "")
    weights = chosen_weights(card, named, tasks.fingerprints, access)
    return Diarizing(
        f"{card.identity} {weights.identity}",
        parameters | {"diarizer_weights": weights.identity},
        {"diarizer_weights": str(weights.path)},
    )
