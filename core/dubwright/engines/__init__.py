"""What an engine is, and how the installed ones are found."""

from dubwright.engines.card import EngineCard, EngineKind
from dubwright.engines.protocols import (
    Aligner,
    Choice,
    FaceTracker,
    LibraryView,
    MouthPredictor,
    MouthRenderer,
    PhoneRecognizer,
    PlateView,
    Speech,
    Synthesizer,
)
from dubwright.engines.registry import engine, engines

__all__ = [
    "Aligner",
    "Choice",
    "EngineCard",
    "EngineKind",
    "FaceTracker",
    "LibraryView",
    "MouthPredictor",
    "MouthRenderer",
    "PhoneRecognizer",
    "PlateView",
    "Speech",
    "Synthesizer",
    "engine",
    "engines",
]
