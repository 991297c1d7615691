"""The engines that a task was told to use."""

from __future__ import annotations

from pathlib import Path

from dubwright.engines import Aligner, Diarizer, EngineKind, FaceTracker, engine
from dubwright.operations.task import Context

__all__ = ["aligner_of", "diarizer_of", "tracker_of"]


def aligner_of(context: Context) -> Aligner:
    """What times phones; see dubwright.operations.timing."""
    weights = context.where.get("aligner_weights")
    aligner: Aligner = engine(
        context.parameters["aligner"], EngineKind.ALIGNER, Path(weights) if weights else None
    )
    return aligner


def diarizer_of(name: str, context: Context) -> Diarizer:
    """What tells voices apart, of this name; see dubwright.operations.chosen_engine."""
    weights = context.where.get("diarizer_weights")
    diarizer: Diarizer = engine(name, EngineKind.DIARIZER, Path(weights) if weights else None)
    return diarizer


def tracker_of(context: Context) -> FaceTracker:
    """What follows faces; see dubwright.operations.chosen_engine."""
    weights = context.where.get("tracker_weights")
    tracker: FaceTracker = engine(
        context.parameters["tracker"], EngineKind.FACE_TRACKER, Path(weights) if weights else None
    )
    return tracker
