"""How tasks that encode speech are told by which engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dubwright.engines import EngineKind, engine_card
from dubwright.engines.choice import chosen_weights
from dubwright.operations.request import EngineChoice
from dubwright.operations.task_list import TaskList
from dubwright.store import Access

__all__ = ["Encoder", "encoder"]


@dataclass(frozen=True)
class Encoder:
    """What a task that encodes speech is told besides; the fields are those of Task."""

    parameters: dict[str, Any]
    where: dict[str, Any] = field(default_factory=dict)
    loads_weights: bool = False


def encoder(engines: EngineChoice, tasks: TaskList, access: Access) -> Encoder | None:
    """By which engine speech is encoded; None if that is not asked for.

    Raises:
        DubwrightError: there is no such encoder, or it has no weights.
    """
    if engines.speech_encoder is None:
        return None
    card = engine_card(engines.speech_encoder, EngineKind.SPEECH_ENCODER)
    parameters: dict[str, Any] = {"encoder": card.name, "encoder_card": card.identity}
    if not card.needs_weights:
        return Encoder(parameters)
    weights = chosen_weights(card, engines.weights_for(card.name, ""), tasks.fingerprints, access)
    return Encoder(
        parameters | {"encoder_weights": weights.identity},
        {"encoder_weights": str(weights.path)},
        loads_weights=True,
    )
