"""The engines that a task was told to use."""

from __future__ import annotations

from pathlib import Path

from dubwright.engines import Aligner, EngineKind, engine
from dubwright.operations.task import Context

__all__ = ["aligner_of"]


def aligner_of(context: Context) -> Aligner:
    """What times phones; see dubwright.operations.timing."""
    weights = context.where.get("aligner_weights")
    aligner: Aligner = engine(
        context.parameters["aligner"], EngineKind.ALIGNER, Path(weights) if weights else None
    )
    return aligner
