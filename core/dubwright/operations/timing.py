"""How tasks that time phones are told by which engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dubwright.engines import EngineKind, engine, engine_card
from dubwright.engines.choice import chosen_weights
from dubwright.operations.request import EngineChoice
from dubwright.operations.task_list import TaskList
from dubwright.store import Access

__all__ = ["Timing", "timing"]


@dataclass(frozen=True)
class Timing:
    """What a task that times phones is told besides; the fields are those of Task.

    Attributes:
        languages: tags that the aligner knows.
        engine: as reports name it.
    """

    parameters: dict[str, Any]
    languages: frozenset[str]
    engine: str
    where: dict[str, Any] = field(default_factory=dict)
    loads_weights: bool = False

    def knows(self, language: str) -> bool:
        tag = language.lower()
        return tag in self.languages or tag.partition("-")[0] in self.languages


def timing(engines: EngineChoice, tasks: TaskList, access: Access, language: str) -> Timing:
    """By which engine the phones of a language are timed.

    Raises:
        DubwrightError: there is no such aligner, or it has no weights.
    """
    card = engine_card(engines.aligner, EngineKind.ALIGNER)
    parameters: dict[str, Any] = {"aligner": card.name, "aligner_card": card.identity}
    if not card.needs_weights:
        known = frozenset(engine(card.name, EngineKind.ALIGNER).languages())
        return Timing(parameters, known, card.identity)
    named = engines.weights_for(card.name, language)
    weights = chosen_weights(card, named, tasks.fingerprints, access, language=language)
    return Timing(
        parameters | {"aligner_weights": weights.identity},
        frozenset(engine(card.name, EngineKind.ALIGNER, weights.path).languages()),
        f"{card.identity} {weights.identity}",
        {"aligner_weights": str(weights.path)},
        loads_weights=True,
    )
