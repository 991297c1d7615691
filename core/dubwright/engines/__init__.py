"""What an engine is, and how the installed ones are found."""

from dubwright.engines.card import EngineCard, EngineKind
from dubwright.engines.protocols import (
    Aligner,
    FaceTracker,
    MouthPredictor,
    MouthRange,
    MouthRenderer,
    MouthSource,
    RenderedMouth,
    Speech,
    Synthesizer,
)
from dubwright.engines.registry import engine, engines

__all__ = [
    "Aligner",
    "EngineCard",
    "EngineKind",
    "FaceTracker",
    "MouthPredictor",
    "MouthRange",
    "MouthRenderer",
    "MouthSource",
    "RenderedMouth",
    "Speech",
    "Synthesizer",
    "engine",
    "engines",
]
