"""A plate: the frames that a clip uses, from an image sequence or a movie, scene-linear."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dubwright.errors import DubwrightError
from dubwright.media.colour import ColourConfig, interop_id
from dubwright.media.exr import read_header, read_rgb
from dubwright.media.movie import MovieInfo, probe_movie, read_frames
from dubwright.model import Box, FrameRange

__all__ = ["Plate", "PlateSpec", "probe_plate"]

RETIMED_AT_ONCE: Final = 16


class PlateSpec(BaseModel):
    """Where a plate's frames are. Frame 0 is the first that the clip uses.

    For a sequence `path` holds `{frame}` where the padded number stands.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["sequence", "movie"]
    path: str
    first: int = Field(description="Number of frame 0: in the file names, or in the movie from 0.")
    step: int = Field(1, description="From one image's number to the next.")
    padding: int = 0
    frames: int
    rate: Fraction
    speed: Fraction = Field(Fraction(1), description="Images of the media for each frame.")
    phase: Fraction = Field(
        Fraction(0), description="How far, in media frames, frame 0 is past the one it shows."
    )
    colour_space: str = Field("", description="Of the media.")
    working_space: str = Field("", description="Scene-linear; what edits are made and written in.")
    ocio: str | None = None
    width: int = 0
    height: int = 0
    pixel_aspect: float = 1.0
    lossy_codec: str = Field("", description="Of EXR frames, where it is one.")
    missing: dict[int, int | None] = Field(
        {},
        description="Frames of a sequence that have no file, and the frame that is shown in the "
        "place of each; null for black.",
    )

    def media_frame(self, frame: int) -> int:
        """The frame of the media that a frame shows, counted from the one that frame 0 shows."""
        return math.floor(self.phase + frame * self.speed)

    @property
    def media_frames(self) -> range:
        """The frames of the media from the first to the last that is shown, see media_frame."""
        ends = self.media_frame(0), self.media_frame(self.frames - 1)
        return range(min(ends), max(ends) + 1)

    def number(self, frame: int) -> int:
        """The number of what a frame shows: in the file names, or in the movie from 0."""
        return self.first + self.media_frame(frame) * self.step

    def media_file(self, media_frame: int) -> Path:
        """The file of a sequence that holds a frame of the media, see media_frame."""
        number = self.first + media_frame * self.step
        return Path(self.path.replace("{frame}", f"{number:0{self.padding}d}"))

    def file(self, frame: int) -> Path | None:
        """The file that a frame is shown from; None where it is black for want of one."""
        if self.kind == "movie":
            return Path(self.path)
        shown = self.missing.get(frame, frame)
        if shown is None:
            return None
        return self.media_file(self.media_frame(shown))

    def files(self) -> list[Path]:
        """Every file of the plate, in order."""
        files = (self.file(frame) for frame in range(1 if self.kind == "movie" else self.frames))
        return list(dict.fromkeys(file for file in files if file is not None))


def probe_plate(spec: PlateSpec, named_space: str | None, config: ColourConfig) -> PlateSpec:
    """Complete a spec with size and colour space, and check every frame against the first.

    Args:
        spec: the frames.
        named_space: the colour space that the user gave, for media that do not name theirs.
        config: to look the space up in.

    Raises:
        DubwrightError: a frame is missing or of another size, the colour space is unknown, or
            the media cannot be edited.
    """
    if spec.kind == "movie":
        return _probed_movie(spec, named_space, config)
    first, *others = spec.files()
    header = read_header(first)
    for file in others:
        other = read_header(file)
        if (other.width, other.height) != (header.width, header.height):
            raise DubwrightError(
                "The frames of a sequence differ in size",
                where=str(file),
                why=f"it is {other.width}x{other.height}; {first.name} is "
                f"{header.width}x{header.height}",
                repair="render the sequence at one size, or cut the clip where the size changes",
            )
    space = config.of_exr(header.attributes, named_space, first)
    config.require_linear(space, str(first))
    return spec.model_copy(
        update={
            "colour_space": space,
            "working_space": space,
            "width": header.width,
            "height": header.height,
            "pixel_aspect": header.pixel_aspect,
            "lossy_codec": header.lossy_codec,
        }
    )


def _probed_movie(spec: PlateSpec, named_space: str | None, config: ColourConfig) -> PlateSpec:
    info: MovieInfo = probe_movie(Path(spec.path))
    used = spec.media_frames
    first, last = spec.first + used.start, spec.first + used.stop - 1
    if first < 0 or last >= info.frames:
        raise DubwrightError(
            "A clip uses frames that its movie does not have",
            where=spec.path,
            why=f"it uses frames {first} to {last}; the movie has {info.frames}",
            repair="relink the clip to the right movie, or trim it",
        )
    return spec.model_copy(
        update={
            "colour_space": config.of_movie(
                info.transfer, info.primaries, named_space, Path(spec.path)
            ),
            "working_space": config.scene_linear,
            "width": info.width,
            "height": info.height,
            "pixel_aspect": float(info.pixel_aspect),
        }
    )


def _frames_at_once(spec: PlateSpec) -> int:
    """How many frames of a movie are decoded in one go: few where they have to be kept."""
    return spec.frames if spec.speed == 1 else RETIMED_AT_ONCE


class Plate:
    """Reads the frames of a probed spec, float32 [height, width, 3] in its working space.

    Args:
        spec: the frames.
        decoded: frames of a movie that stand already as scene-linear EXR.
    """

    def __init__(self, spec: PlateSpec, decoded: Mapping[int, Path] | None = None) -> None:
        self.spec = spec
        self._decoded = decoded or {}
        self._config: ColourConfig | None = None

    def frames(self, frames: FrameRange) -> Iterator[NDArray[np.float32]]:
        """Frames in order; one is in memory at a time."""
        if self._is_on_disk(frames):
            whole = Box(0, 0, self.spec.width, self.spec.height)
            yield from (self._read(frame, whole) for frame in frames)
            return
        for block in frames.chunks(_frames_at_once(self.spec)):
            yield from self._decoded_block(block)

    def _decoded_block(self, frames: FrameRange) -> Iterator[NDArray[np.float32]]:
        """Frames of a movie, each decoded once; those of a retimed clip are kept until shown."""
        spec = self.spec
        shown = [spec.first + spec.media_frame(frame) for frame in frames]
        wanted = set(shown)
        first, end = min(shown), max(shown) + 1
        decoded = zip(
            range(first, end),
            read_frames(Path(spec.path), FrameRange(first, end), spec.rate),
            strict=True,
        )
        converted = (
            (number, self.config.converted(codes, spec.colour_space, spec.working_space))
            for number, codes in decoded
            if number in wanted
        )
        if spec.speed == 1:
            yield from (picture for _, picture in converted)
            return
        kept = dict(converted)
        yield from (kept[number] for number in shown)

    def regions(self, wanted: Sequence[tuple[int, Box]]) -> Iterator[NDArray[np.float32]]:
        """Parts of frames that are given in order; of EXR no more than the parts is decoded.

        Args:
            wanted: frames, each later than the one before, and the pixels of each.
        """
        boxes = dict(wanted)
        if self._is_on_disk(boxes):
            yield from (self._read(frame, box) for frame, box in wanted)
            return
        span = FrameRange(wanted[0][0], wanted[-1][0] + 1)
        for frame, picture in zip(span, self.frames(span), strict=True):
            if frame in boxes:
                yield picture[boxes[frame].slices]

    def _is_on_disk(self, frames: Iterable[int]) -> bool:
        """Whether frames are read from EXR, and not decoded from a movie."""
        return self.spec.kind == "sequence" or all(frame in self._decoded for frame in frames)

    def _read(self, frame: int, box: Box) -> NDArray[np.float32]:
        file = self._decoded.get(frame) or self.spec.file(frame)
        return read_rgb(file, box) if file else np.zeros((box.height, box.width, 3), np.float32)

    def frame(self, frame: int) -> NDArray[np.float32]:
        """One frame."""
        return next(iter(self.frames(FrameRange(frame, frame + 1))))

    @property
    def config(self) -> ColourConfig:
        if self._config is None:
            self._config = ColourConfig(self.spec.ocio)
        return self._config

    def attributes(self) -> dict[str, Any]:
        """Header attributes for frames of a movie plate that are written as EXR."""
        space = self.spec.working_space
        return {
            **({"colorInteropID": interop_id(space)} if interop_id(space) else {}),
            "oiio:ColorSpace": space,
            "framesPerSecond": self.spec.rate,
            "pixelAspectRatio": self.spec.pixel_aspect,
        }
