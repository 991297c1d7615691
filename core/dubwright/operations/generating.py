"""How tasks that have a mouth generated are told by which engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dubwright.engines import EngineKind, engine_card
from dubwright.engines.choice import chosen_weights
from dubwright.operations.request import EngineChoice
from dubwright.operations.task_list import TaskList
from dubwright.store import Access

__all__ = ["GENERATED_FRAMES", "Generator", "generator"]

# Frames of a task: what is lost at most where work is broken off.
GENERATED_FRAMES: Final = 48


@dataclass(frozen=True)
class Generator:
    """What a task that generates a mouth is told besides; the fields are those of Task."""

    parameters: dict[str, Any]
    where: dict[str, Any]


def generator(engines: EngineChoice, tasks: TaskList, access: Access) -> Generator | None:
    """By which engine mouths are generated; None if that is not asked for.

    Raises:
        DubwrightError: there is no such generator, or it has no weights.
    """
    if engines.mouth_generator is None:
        return None
    card = engine_card(engines.mouth_generator, EngineKind.MOUTH_GENERATOR)
    named = engines.weights_for(card.name, "")
    weights = chosen_weights(card, named, tasks.fingerprints, access)
    return Generator(
        {"generator": card.name, "generator_card": card.identity,
         "generator_weights": weights.identity},
        {"generator_weights": str(weights.path)},
    )  # fmt: skip
