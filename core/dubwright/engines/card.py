"""The engine card: what a user and a lawyer need to know before running an engine."""

from __future__ import annotations

from enum import StrEnum
from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Ability", "EngineCard", "EngineKind", "SuggestedWeights"]


class EngineKind(StrEnum):
    """The step that an engine does."""

    TRANSCRIBER = "transcriber"
    DIARIZER = "diarizer"
    TRANSLATOR = "translator"
    SYNTHESIZER = "synthesizer"
    SEPARATOR = "separator"
    ALIGNER = "aligner"
    PHONE_RECOGNIZER = "phone recognizer"
    SPEECH_ENCODER = "speech encoder"
    FACE_TRACKER = "face tracker"
    FACE_PARSER = "face parser"
    MOUTH_PREDICTOR = "mouth predictor"
    MOUTH_GENERATOR = "mouth generator"
    MOUTH_RENDERER = "mouth renderer"


class Ability(StrEnum):
    """What a synthesizer may be able to do besides saying a text."""

    PHONES = "phones"  # it tells when it says each phone
    PACE = "pace"
    PITCH = "pitch"
    STYLE = "style"
    IPA = "IPA"  # it says words as IPA tells it to
    READINGS = "readings"  # it says a line in more than one way
    CLONING = "cloning"  # it speaks in the voice of a sample


class SuggestedWeights(BaseModel):
    """Weights that an engine is known to work with, for people who have none yet."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="Of the repository, as `dubwright models pull` takes it.")
    licence: str = Field(description="As its host states it; asked again before anything is sent.")
    megabytes: int = Field(gt=0, description="What is downloaded, about.")
    language: str = Field("", description="The one that they are for, if they are for one only.")


class EngineCard(BaseModel):
    """Facts about an engine. `version` is part of every key: raise it when results change."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: EngineKind
    version: int = Field(ge=1)
    licence: str
    commercial_use: bool
    packages: tuple[str, ...] = Field(
        (), description="What it imports besides Dubwright's own requirements."
    )
    needs_weights: bool = False
    suggested: tuple[SuggestedWeights, ...] = ()
    way_around: str = Field("", description="What to do without weights, for people.")
    learns: bool = Field(
        False, description="It is made with what it learned of an actor from the plate."
    )
    trained: bool = Field(
        False, description="What it makes is made by a model that was trained on data."
    )
    approximate: bool = Field(False, description="Its results are a guide, not final quality.")
    abilities: tuple[Ability, ...] = Field(
        (), description="What a synthesizer can be asked for; the rest is done around it."
    )
    styles: tuple[str, ...] = Field(
        (), description="Those that a synthesizer knows; none for any, where it knows STYLE."
    )
    limits: str = Field("", description="What it cannot do, for people.")
    usable: bool = Field(True, description="False where what the user wrote of it is not valid.")
    content: str = Field(
        "", description="Identity of what else decides its results: what the user wrote, an engine."
    )

    @property
    def missing_packages(self) -> tuple[str, ...]:
        """Those of its packages that are not installed."""
        return tuple(name for name in self.packages if find_spec(name) is None)

    @property
    def identity(self) -> str:
        """The engine as keys and reports name it."""
        return f"{self.name}/{self.version}" + (f"@{self.content}" if self.content else "")
