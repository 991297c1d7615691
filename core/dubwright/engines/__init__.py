"""What an engine is, and how the installed ones are found."""

from dubwright.engines.card import Ability, EngineCard, EngineKind, SuggestedWeights
from dubwright.engines.protocols import (
    Aligner,
    Choice,
    Diarizer,
    FaceTracker,
    Heard,
    HeardWord,
    LibraryView,
    MouthPredictor,
    MouthRenderer,
    PhoneRecognizer,
    PlateView,
    Speech,
    Synthesizer,
    Transcriber,
    Translator,
    VoiceSample,
)
from dubwright.engines.registry import engine, engine_card, engines

__all__ = [
    "Ability",
    "Aligner",
    "Choice",
    "Diarizer",
    "EngineCard",
    "EngineKind",
    "FaceTracker",
    "Heard",
    "HeardWord",
    "LibraryView",
    "MouthPredictor",
    "MouthRenderer",
    "PhoneRecognizer",
    "PlateView",
    "Speech",
    "SuggestedWeights",
    "Synthesizer",
    "Transcriber",
    "Translator",
    "VoiceSample",
    "engine",
    "engine_card",
    "engines",
]
