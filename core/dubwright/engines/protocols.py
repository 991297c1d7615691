"""The steps that an engine can do. Each protocol speaks in the model's types only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from dubwright.engines.card import EngineCard
from dubwright.model import (
    Articulation,
    Box,
    FaceTrack,
    MouthCurves,
    Patch,
    Performance,
    Phone,
)

__all__ = [
    "Aligner",
    "Choice",
    "Diarizer",
    "Encoding",
    "FaceParser",
    "FaceTracker",
    "Framing",
    "FrontMatte",
    "GeneratedFace",
    "Heard",
    "HeardWord",
    "LibraryView",
    "MouthGenerator",
    "MouthPredictor",
    "MouthRenderer",
    "PhoneRecognizer",
    "PlateView",
    "Region",
    "Separator",
    "Speech",
    "SpeechEncoder",
    "Synthesizer",
    "Transcriber",
    "Translator",
    "VoiceSample",
]

PLAIN: Final = Performance()


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """Synthesised speech: mono float32 samples between -1 and 1, and their phones.

    An engine that does not list PHONES among its abilities gives none.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    phones: tuple[Phone, ...]


@dataclass(frozen=True, slots=True, eq=False)
class VoiceSample:
    """A few seconds of somebody's speech, mono float32, and its words, "" if nobody knows them."""

    samples: NDArray[np.float32]
    sample_rate: int
    text: str


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word and its punctuation, in samples of the recording, and how sure it is, 0 to 1."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What is said in a recording: the language's tag, and its words in order."""

    language: str
    words: tuple[HeardWord, ...]


class Transcriber(Protocol):
    """Made with the folder or the file of its weights, where its card says that it needs some."""

    card: EngineCard

    def languages(self) -> frozenset[str]:
        """Language tags that it can be told to hear."""

    def transcribe(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        speech: Sequence[tuple[int, int]],
        language: str | None,
    ) -> Heard:
        """The words of a recording, mono float32.

        Args:
            samples: a few minutes at most.
            sample_rate: in Hz.
            speech: the ranges of samples in which somebody speaks.
            language: what is spoken; found out if None.
        """


class Translator(Protocol):
    """Made with the folder of its weights, where its card says that it needs some."""

    card: EngineCard

    def translates(self, source: str, target: str) -> bool:
        """Whether it knows this pair of language tags."""

    def translate(
        self, lines: Sequence[str], source: str, target: str, candidates: int
    ) -> list[tuple[str, ...]]:
        """Each line in the target language: the best first, at most so many different ones.

        Raises:
            DubwrightError: it does not know the pair.
        """


class Diarizer(Protocol):
    """Tells voices apart.

    Attributes:
        same_voice: the cosine of two voice prints above which they are one person's.
    """

    card: EngineCard
    same_voice: float

    def prints(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        ranges: Sequence[tuple[int, int]],
    ) -> NDArray[np.float32]:
        """What the voice in each range of samples is like, [ranges, values], each of length 1."""


class Synthesizer(Protocol):
    """Made with the folder of its weights, where its card says that it needs some."""

    card: EngineCard

    def languages(self) -> dict[str, str]:
        """Language tags that it speaks, with their names; none where its weights do not say."""

    def voices(self, language: str) -> dict[str, str]:
        """The voices of a language that it speaks, with their names; "" is the usual one."""

    def speak(
        self,
        text: str,
        language: str,
        speed: float,
        voice: str = "",
        performance: Performance = PLAIN,
        sample: VoiceSample | None = None,
    ) -> Speech:
        """Say a text. It does what its card's abilities name, and leaves out the rest.

        Args:
            text: the line.
            language: its tag.
            speed: times the engine's natural pace; that of the performance is in it already.
            voice: one of the language's.
            performance: how it is to be said.
            sample: speak in this voice.

        Raises:
            DubwrightError: the engine has no such language or voice, or cannot say the text.
        """


class Separator(Protocol):
    """Made with the folder or the file of its weights, where its card says that it needs some."""

    card: EngineCard

    def background(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """What of a mix is not speech, float32 [samples, 2], as long as the mix.

        Args:
            samples: the mix, [samples, 2], a minute at most.
            sample_rate: in Hz.
        """


class Aligner(Protocol):
    card: EngineCard

    def languages(self) -> dict[str, str]:
        """Language tags that the engine knows, with their names."""

    def align(
        self, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
    ) -> tuple[Phone, ...]:
        """The phones of a recording whose words are known. Mono float32 samples."""


@runtime_checkable
class PhoneRecognizer(Protocol):
    card: EngineCard

    def knows(self, language: str) -> bool:
        """Whether it hears this language's own phones, or takes them for another's."""

    def recognize(
        self, samples: NDArray[np.float32], sample_rate: int
    ) -> tuple[tuple[Phone, ...], ...]:
        """The phones of a recording whose words are not known. Mono float32 samples.

        Returns:
            One hearing or several that may disagree, always as many.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """A recording as a network hears it.

    Attributes:
        values: float32 [frames, values]; at least one frame.
        rate: frames a second.
        first: the middle of what the first frame is about, in seconds from the first sample.
    """

    values: NDArray[np.float32]
    rate: Fraction
    first: Fraction


class SpeechEncoder(Protocol):
    """Hears what moves a mouth, in any language. Made with the folder of its weights."""

    card: EngineCard

    def encode(self, samples: NDArray[np.float32], sample_rate: int) -> Encoding:
        """A recording of any length, mono float32."""


class FaceTracker(Protocol):
    card: EngineCard

    def follow(self, frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        """Landmarks [faces, 478, 3] of the faces in each frame, in any order.

        Frames are uint8 [height, width, 3], sRGB, square pixels.
        """


class MouthPredictor(Protocol):
    card: EngineCard

    def predict(
        self,
        phones: Sequence[Phone],
        sample_rate: int,
        start: Fraction,
        frames: int,
        rate: Fraction,
        articulation: Articulation,
    ) -> MouthCurves:
        """Curves for `frames` frames; the first sample sounds `start` seconds into frame 0."""


class Region(IntEnum):
    """What a part of a face's picture shows: the last axis of what a FaceParser gives."""

    FACE = 0
    NECK = 1
    HAIR = 2
    OTHER = 3  # what is behind or in front of it: hands, clothes, glasses


class FaceParser(Protocol):
    """Tells the parts of a face's picture apart. Made with the folder or the file of its weights.

    Attributes:
        side: of the pictures that it is given, in pixels.
    """

    card: EngineCard

    @property
    def side(self) -> int: ...

    def parse(self, faces: NDArray[np.float32]) -> NDArray[np.float32]:
        """The share of each region in each pixel, [faces, side, side, regions], their sum 1.

        Args:
            faces: upright, with hair and neck, [faces, side, side, 3], sRGB between 0 and 1.
        """


@dataclass(frozen=True, slots=True)
class Framing:
    """What of a face a network is shown: upright, and squeezed into a square.

    Attributes:
        left, top, right, bottom: of the face, in distances between the outer corners of the eyes,
            from the middle between them.
        side: of the square, in pixels.
        resolves: the finest that the network draws, as sigma of a Gaussian, in the square's pixels.
        known: the share of the square, from its top, that the network only gives back: by this
            its drawings are laid over the plate.
    """

    left: float
    top: float
    right: float
    bottom: float
    side: int
    resolves: float
    known: float


class MouthGenerator(Protocol):
    """Draws faces that say what is heard, in small, for a renderer to follow.

    Made with the folder or the file of its weights.

    Attributes:
        together: frames that are drawn as one; 1 where each is drawn by itself.
        overlap: of these, how many are drawn again with those that follow, and faded over.
    """

    card: EngineCard
    together: int
    overlap: int

    @property
    def framing(self) -> Framing: ...

    def hear(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        start: Fraction,
        frames: int,
        rate: Fraction,
    ) -> NDArray[np.float32]:
        """What it goes by in each of `frames` frames, [frames, ...].

        Args:
            samples: of speech, mono.
            sample_rate: in Hz.
            start: when the first sample sounds, in seconds from frame 0; silence is around them.
            frames: how many.
            rate: frames a second.
        """

    def draw(self, faces: NDArray[np.float32], heard: NDArray[np.float32]) -> NDArray[np.float32]:
        """Faces that say what is heard.

        Args:
            faces: as the plate shows them, [frames, side, side, 3], sRGB between 0 and 1;
                `together` of them, or any number where that is 1.
            heard: for each of them.

        Returns:
            As many, of the same kind.
        """


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedFace:
    """A face as a mouth generator drew it for a frame of the plate.

    Attributes:
        picture: log-encoded, [side, side, 3], under the plate's light.
        placement: takes x and y of the plate's pixels to the picture's, [2, 3].
        points: where the plate would show this face's mesh, in its pixels, [468, 2].
        curves: what its mouth does, [4]; see dubwright.model.MouthCurves.
        resolves: see Framing.
    """

    picture: NDArray[np.float32]
    placement: NDArray[np.floating[Any]]
    points: NDArray[np.floating[Any]]
    curves: NDArray[np.float32]
    resolves: float


@dataclass(frozen=True, slots=True, eq=False)
class FrontMatte:
    """What lies in front of a face in a frame of the plate, such as a hand or hair.

    Attributes:
        matte: 1 where the face is hidden, 0 where it is seen, [side, side].
        placement: takes x and y of the plate's pixels to the matte's, [2, 3].
    """

    matte: NDArray[np.float32]
    placement: NDArray[np.floating[Any]]


class PlateView(Protocol):
    """The plate that a mouth is drawn on. Frames count from the shot's first, 0."""

    @property
    def track(self) -> FaceTrack: ...

    @property
    def pixel_aspect(self) -> float: ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""

    @property
    def shutter(self) -> float:
        """For how much of a frame the shutter is open, from 0 to 0.5."""

    @property
    def follows(self) -> NDArray[np.float32] | None:
        """What around the head follows the jaw, where that is known; see dubwright.picture.jaw."""

    def region(self, index: int, box: Box) -> NDArray[np.float32]:
        """A part of a frame, float32 [height, width, 3], scene-linear."""

    def generated(self, index: int) -> GeneratedFace | None:
        """What the mouth of a frame is to look like in the large, if a generator drew it."""

    def front(self, index: int) -> FrontMatte | None:
        """What lies in front of the face of a frame, where that is known: it stays as it is."""


class LibraryView(Protocol):
    """Footage of the same actor that a renderer draws on."""

    @property
    def track(self) -> FaceTrack: ...

    @property
    def pixel_aspect(self) -> float: ...

    @property
    def shutter(self) -> float:
        """For how much of a frame the shutter is open, from 0 to 0.5."""

    @property
    def sharpness(self) -> NDArray[np.float32]:
        """Variance of the mouth's Laplacian, [frames]; 0 where the frame cannot be used."""

    @property
    def looks(self) -> NDArray[np.float32]:
        """What each mouth looks like, [frames, values]; see dubwright.picture.library."""

    @property
    def visemes(self) -> NDArray[np.float32] | None:
        """What is said in each frame, [frames, visemes]; see dubwright.model.MouthCurves."""

    def crop(self, index: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
        """The lower face, float32 [h, w, 3], and its corner (x, y) in the frame.

        Log-encoded: see dubwright.media.colour.encode_log.
        """


class Choice(BaseModel):
    """What one frame is drawn from.

    Attributes:
        mouth: (source, frame) of the library; None to pass through.
        strength: from 0, the plate's own mouth, to 1, the new one.
        reason: why the plate passes through, or why the mouth could not do all that was asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mouth: tuple[int, int] | None = None
    strength: float = 0.0
    reason: str = ""


class MouthRenderer(Protocol):
    card: EngineCard

    def choose(
        self,
        plate: PlateView,
        library: Sequence[LibraryView],
        curves: MouthCurves,
        first_frame: int,
        joins: tuple[bool, bool],
    ) -> list[Choice]:
        """Decide for each frame of a span what it will be drawn from.

        `joins` says whether other spans touch this one's start and end: there the mouth stays new.
        """

    def draw(
        self,
        plate: PlateView,
        library: Sequence[LibraryView],
        curves: MouthCurves,
        first_frame: int,
        choices: Sequence[Choice],
        only: range,
    ) -> Iterator[Patch | None]:
        """Draw the frames `only` of the span, counted from its first; None passes through."""
