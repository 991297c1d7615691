"""What callers may ask for, as documents: the command line, the service and a farm send these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dubwright.character.rig import RIGS, Rig
from dubwright.character.style import Style
from dubwright.errors import DubwrightError
from dubwright.media.names import is_config_file
from dubwright.model import LanguageTag, MouthControls, SpokenPhone

__all__ = [
    "RATE",
    "REQUESTS",
    "AlignRequest",
    "AnimateRequest",
    "BoothRequest",
    "CaptureRequest",
    "CastRequest",
    "CharacterRequest",
    "DubRequest",
    "EngineChoice",
    "LipSyncRequest",
    "ReconformRequest",
    "Request",
    "RigName",
    "TranscribeRequest",
    "TranslateRequest",
    "request_paths",
    "rig_fields",
    "validated",
]

Kind = TypeVar("Kind", bound=BaseModel)

RigName = Literal["arkit", "oculus", "vrm1", "vrm0", "cc4"]
MOST_PHONES: Final = 100_000
RATE: Final = r"^[1-9]\d*(/[1-9]\d*)?$"


def validated(kind: type[Kind], **content: Any) -> Kind:
    """A request of this kind.

    Raises:
        DubwrightError: a value is not one that it can have; the first is named.
    """
    try:
        return kind(**content)
    except ValidationError as error:
        fault = error.errors()[0]
        raise DubwrightError(
            "The request is not valid",
            where=" > ".join(str(step) for step in fault["loc"]) or "the request",
            why=fault["msg"],
            repair="correct this value; language tags look like es or pt-BR",
        ) from error


def rig_fields(named: str | Path) -> dict[str, Any]:
    """How a request names a rig that comes along, or a rig's file."""
    return {"rig": named} if named in RIGS else {"rig_file": Path(named)}


class EngineChoice(BaseModel):
    """Which engine does which step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transcriber: str = "whisper-timestamped"
    diarizer: str = "resemblyzer"
    translator: str = "transformers-translator"
    synthesizer: str = "espeak-ng"
    separator: str | None = Field(
        None,
        description="Takes voices out of a mix that has no M&E stem; its middle, if None.",
    )
    aligner: str = "embedded-aligner"
    phone_recognizer: str = "pocketsphinx"
    speech_encoder: str | None = Field(
        None,
        description="What it hears in the plate's own lines teaches the mouth more than their "
        "phones do; the phones alone, if None.",
    )
    face_tracker: str = "facemesh"
    face_parser: str | None = Field(
        None,
        description="Tells hands, hair and whatever else is in front of a face, which then stays "
        "as it is; frames in which something covers the mouth are left alone, if None.",
    )
    mouth_predictor: str = "dominance"
    mouth_generator: str | None = Field(
        None,
        description="A network that draws what the mouth looks like in the large, from the sound; "
        "what is said alone decides that, if None.",
    )
    mouth_renderer: str = "retrieval"
    weights: dict[str, str] = Field(
        default_factory=dict,
        description="By engine, or by engine:language, what it loads: a name that was pulled or "
        "imported, a folder or a file; of what it is known to work with, what you have, where none "
        "is named.",
    )

    not_for_sale: bool = Field(
        False,
        description="What is made is neither sold nor shown for money: engines and weights that "
        "forbid that may be used.",
    )

    def weights_for(self, name: str, language: str) -> str | None:
        """What an engine is to load for a language, if that is named."""
        tags = (language, language.partition("-")[0])
        keys = [*(f"{name}:{tag}" for tag in tags), name]
        return next((self.weights[key] for key in keys if key in self.weights), None)


class SoundRequest(BaseModel):
    """What every operation on what is heard begins with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeline: Path = Field(description="An OpenTimelineIO timeline, a movie, or a recording.")
    output: Path = Field(description="Folder that receives v001, v002...")
    cast: Path | None = Field(None, description="Speakers, as far as they are known.")
    original: LanguageTag | None = Field(
        None, description="Language of the dialogue; found out if None."
    )
    rate: str | None = Field(
        None,
        pattern=RATE,
        description="Frames a second of an EDL, as in 24000/1001, where its media do not say.",
    )
    engines: EngineChoice = EngineChoice()


class TranscribeRequest(SoundRequest):
    """Find who says what when, as a cue sheet and a cast to look through."""

    voices: bool = Field(True, description="Whether voices are told apart.")


class AlignRequest(SoundRequest):
    """Find when lines are said whose words are known."""

    original: LanguageTag = Field(description="Language of the lines.")
    script: Path | None = Field(
        None, description="Who says what in order, without times: text, Fountain or .fdx."
    )
    subtitles: Path | None = Field(None, description="SubRip or WebVTT.")
    cue_sheet: Path | None = Field(None, description="A cue sheet.")

    @model_validator(mode="after")
    def _lines_are_given_once(self) -> AlignRequest:
        given = [self.script, self.subtitles, self.cue_sheet]
        if sum(path is not None for path in given) != 1:
            raise ValueError("give a script, subtitles or a cue sheet: one of them")
        return self


class TranslateRequest(BaseModel):
    """Translate a cue sheet with an engine; what a person wrote stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cue_sheet: Path
    languages: tuple[LanguageTag, ...] = Field(min_length=1, description="Target languages.")
    output: Path = Field(description="Folder that receives v001, v002...")
    original: LanguageTag | None = Field(None, description="Of the lines; as the sheet says.")
    glossary: Path | None = Field(
        None, description="CSV with a column for each language: what terms are to be called."
    )
    engines: EngineChoice = EngineChoice()


class BoothRequest(BaseModel):
    """Make what actors record to: ADR cue sheets, a guide, countdowns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeline: Path = Field(description="An OpenTimelineIO timeline, or a movie.")
    cue_sheet: Path
    languages: tuple[LanguageTag, ...] = Field(min_length=1, description="That are recorded.")
    output: Path = Field(description="Folder that receives v001, v002...")
    rate: str | None = Field(
        None,
        pattern=RATE,
        description="Frames a second of an EDL, as in 24000/1001, where its media do not say.",
    )


class TimelineRequest(BaseModel):
    """What every operation on a whole timeline begins with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeline: Path = Field(description="An OpenTimelineIO timeline, or a movie.")
    output: Path = Field(description="Folder that receives v001, v002...")
    subtitles: dict[LanguageTag, Path] = Field(
        default_factory=dict, description="SubRip or WebVTT files by language."
    )
    cue_sheet: Path | None = Field(None, description="A cue sheet, instead of subtitles.")
    cast: Path | None = Field(
        None, description="Speakers, likenesses and consents, as far as they are known."
    )
    original: LanguageTag | None = Field(None, description="Language of the plate's dialogue.")
    rate: str | None = Field(
        None,
        pattern=RATE,
        description="Frames a second of an EDL, as in 24000/1001, where its media do not say.",
    )
    colour_space: str | None = Field(None, description="Of the plates, where they do not say.")
    ocio: str | None = Field(None, description="An OCIO config: a path, or a built-in's name.")
    engines: EngineChoice = EngineChoice()


class DubRequest(TimelineRequest):
    """Dub a timeline, or a movie, into other languages."""

    languages: tuple[LanguageTag, ...] = Field(min_length=1, description="Target languages.")
    takes: Path | None = Field(
        None, description="Folder of recordings named <cue>.<language>.wav or <cue>.wav."
    )
    lip_sync: bool = Field(True, description="False dubs the sound alone.")
    movies: tuple[Literal["prores_4444", "prores_422_hq", "dnxhr_hqx"], ...] = Field(
        (), description="Movies of each language to deliver besides the frames."
    )
    loudness: Literal["ebu_r128", "atsc_a85", "streaming_dialogue", "streaming"] | None = Field(
        None, description="What the mixes are brought to; as loud as the original if None."
    )
    lexicons: tuple[Path, ...] = Field(
        (), description="Pronunciation lexicons (W3C PLS 1.0), one for each language."
    )
    unmarked: bool = Field(
        False, description="Leave the visible label off, where every consent allows that."
    )
    movie_space: str | None = Field(
        None, description="Colour space of these movies; that of the plates where they are movies."
    )


class LipSyncRequest(BaseModel):
    """Redraw the mouth on a plate to match a finished recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plate: Path = Field(description="A movie, or an EXR sequence such as plate.####.exr.")
    dialogue: Path = Field(description="The recording, WAV.")
    text: str = Field(
        "", description="What it says; without it the mouth is guessed from the sound."
    )
    language: LanguageTag
    output: Path = Field(description="Folder that receives v001, v002...")
    frames: tuple[int, int] | None = Field(
        None,
        description="The first and the last frame of the plate to work on: of a sequence by its "
        "files' numbers, of a movie from 0. All of them if None.",
    )
    start_ms: int = Field(0, ge=0, description="When it begins, from the first of these frames.")
    mouth: MouthControls = Field(
        MouthControls(), description="How the mouth moves; keys count from where it begins."
    )
    speaker: str = "Speaker 1"
    face: int = Field(
        1, ge=1, description="Which face of the plate speaks, unless the cast says: 1, the largest."
    )
    cast: Path | None = None
    colour_space: str | None = None
    ocio: str | None = None
    engines: EngineChoice = EngineChoice()


class ReconformRequest(BaseModel):
    """Dub a new cut, keeping what a version of an earlier one holds of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Path = Field(description="Folder of the version, such as dubs/v003.")
    timeline: Path = Field(description="The new cut.")
    output: Path = Field(description="Folder that receives v001, v002...")
    rate: str | None = Field(
        None,
        pattern=RATE,
        description="Frames a second of an EDL, as in 24000/1001, where its media do not say.",
    )
    colour_space: str | None = Field(None, description="Of plates, where they do not say.")
    ocio: str | None = Field(None, description="Another OCIO config than the version's.")
    cue_sheet: Path | None = Field(
        None, description="Lines of the new cut, instead of the version's where they went."
    )
    cast: Path | None = Field(None, description="Instead of the version's.")
    not_for_sale: bool = Field(
        False,
        description="What is made is neither sold nor shown for money, whatever the version was "
        "made for.",
    )


class CharacterRequest(BaseModel):
    """What moves a character's mouth is asked for with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rig: RigName = Field("arkit", description="How the character's controls are named.")
    rig_file: Path | None = Field(None, description="A rig of your own (JSON), instead.")
    rig_document: Rig | None = Field(None, description="The same, as its content.")
    flaps: Literal["rhubarb", "preston_blair", "sapi", "three"] = Field(
        "rhubarb", description="The shapes of a drawn mouth."
    )
    flaps_on: int = Field(1, ge=1, le=6, description="Frames that a drawn mouth is held at least.")
    style: Style = Field(
        Style.REALISTIC,
        description="Moves as a person does, from pose to pose, or has three mouths that are held.",
    )
    mouth: MouthControls = Field(
        MouthControls(), description="How the mouth moves; keys count from where the line begins."
    )
    emotion: str | None = Field(
        None, description="One that the rig knows, shown all along; arkit: happy, sad, angry..."
    )
    output: Path = Field(description="Folder that receives v001, v002...")
    engines: EngineChoice = EngineChoice()

    @model_validator(mode="after")
    def _no_plate_to_leave(self) -> CharacterRequest:
        if self.mouth.leave or any(part.does == "leave" for part in self.mouth.ranges):
            raise ValueError(
                "a character has no plate whose mouth could stay; have it rest or hold"
            )
        return self


class AnimateRequest(CharacterRequest):
    """Mouth curves for a character that speaks a line: its text, a recording of it, or both."""

    text: str = Field(
        "", description="What is said; without it the phones are heard in the recording."
    )
    language: LanguageTag
    recording: Path | None = Field(None, description="An actor's take; synthesised if None.")
    phones: tuple[SpokenPhone, ...] = Field(
        (), max_length=MOST_PHONES, description="Of the recording, one after another; else timed."
    )
    rate: str = Field("24", pattern=RATE, description="Frames a second, as in 24000/1001.")
    acting: float = Field(
        0.0, ge=0, le=1, description="How much the rest of the face acts: blinks, brows, nods."
    )

    @model_validator(mode="after")
    def _phones_follow_each_other(self) -> AnimateRequest:
        if self.phones and self.recording is None:
            raise ValueError("phones are of a recording, and there is none")
        edges = [edge for phone in self.phones for edge in (phone.start_ms, phone.end_ms)]
        if edges != sorted(edges):
            raise ValueError("the phones do not follow each other")
        return self

    @model_validator(mode="after")
    def _something_is_said(self) -> AnimateRequest:
        if not self.text.strip() and self.recording is None:
            raise ValueError("neither a text nor a recording is given")
        return self


class CaptureRequest(CharacterRequest):
    """Mouth curves for a character that follows an actor's mouth, as a plate shows it."""

    plate: Path = Field(description="A movie, or an EXR sequence such as plate.####.exr.")
    frames: tuple[int, int] | None = Field(
        None,
        description="The first and the last frame of the plate: of a sequence by its files' "
        "numbers, of a movie from 0. All of them if None.",
    )
    face: int = Field(1, ge=1, description="Which face of the plate: 1, the largest.")
    colour_space: str | None = None
    ocio: str | None = None


class CastRequest(TimelineRequest):
    """Find who is seen in which shot, as a cast to look through."""


Request = (
    DubRequest
    | LipSyncRequest
    | ReconformRequest
    | AnimateRequest
    | CaptureRequest
    | CastRequest
    | TranscribeRequest
    | AlignRequest
    | TranslateRequest
    | BoothRequest
)

REQUESTS: Final[Mapping[str, type[Request]]] = {
    "dub": DubRequest,
    "lip_sync": LipSyncRequest,
    "reconform": ReconformRequest,
    "animate": AnimateRequest,
    "capture": CaptureRequest,
    "cast": CastRequest,
    "transcribe": TranscribeRequest,
    "align": AlignRequest,
    "translate": TranslateRequest,
    "booth": BoothRequest,
}


def request_paths(request: Request) -> Iterator[tuple[str, Path]]:
    """The paths in a request, each with the name of its field."""
    for name, value in request:
        inside: Any = value.values() if isinstance(value, dict) else [value]
        inside = value if isinstance(value, tuple) else inside
        yield from ((name, item) for item in inside if isinstance(item, Path))
        if name == "ocio" and value is not None and is_config_file(value):
            yield name, Path(value)
