"""The engine card: what a user and a lawyer need to know before running an engine."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["EngineCard", "EngineKind"]


class EngineKind(StrEnum):
    """The step that an engine does."""

    SYNTHESIZER = "synthesizer"
    ALIGNER = "aligner"
    PHONE_RECOGNIZER = "phone recognizer"
    FACE_TRACKER = "face tracker"
    MOUTH_PREDICTOR = "mouth predictor"
    MOUTH_RENDERER = "mouth renderer"


class EngineCard(BaseModel):
    """Facts about an engine. `version` is part of every key: raise it when results change."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: EngineKind
    version: int = Field(ge=1)
    licence: str
    commercial_use: bool
    needs_weights: bool = False
    approximate: bool = Field(False, description="Its results are a guide, not final quality.")
    limits: str = Field("", description="What it cannot do, for people.")

    @property
    def identity(self) -> str:
        """The engine as keys and reports name it."""
        return f"{self.name}/{self.version}"
