"""A plate: the frames that a clip uses, from an image sequence or a movie, scene-linear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dubwright.errors import DubwrightError
from dubwright.media.colour import ColourConfig, interop_id
from dubwright.media.exr import read_header, read_rgb
from dubwright.media.movie import MovieInfo, probe_movie, read_frames
from dubwright.model import Box, FrameRange

__all__ = ["Plate", "PlateSpec", "probe_plate"]


class PlateSpec(BaseModel):
    """Where a plate's frames are. Frame 0 is the first that the clip uses.

    For a sequence `path` holds `{frame}` where the padded number stands.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["sequence", "movie"]
    path: str
    first: int = Field(description="Number of frame 0: in the file names, or in the movie from 0.")
    step: int = 1
    padding: int = 0
    frames: int
    rate: Fraction
    colour_space: str = Field("", description="Of the media.")
    working_space: str = Field("", description="Scene-linear; what edits are made and written in.")
    ocio: str | None = None
    width: int = 0
    height: int = 0
    pixel_aspect: float = 1.0
    lossy_codec: str = Field("", description="Of EXR frames, where it is one.")

    def file(self, frame: int) -> Path:
        """The file that holds a frame."""
        if self.kind == "movie":
            return Path(self.path)
        number = self.first + frame * self.step
        return Path(self.path.replace("{frame}", f"{number:0{self.padding}d}"))

    def files(self) -> list[Path]:
        """Every file of the plate, in order."""
        if self.kind == "movie":
            return [Path(self.path)]
        return [self.file(frame) for frame in range(self.frames)]


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
    first = spec.file(0)
    header = read_header(first)
    for frame in range(1, spec.frames):
        other = read_header(spec.file(frame))
        if (other.width, other.height) != (header.width, header.height):
            raise DubwrightError(
                "The frames of a sequence differ in size",
                where=str(spec.file(frame)),
                why=f"it is {other.width}x{other.height}; {first.name} is "
                f"{header.width}x{header.height}",
                repair="render the sequence at one size, or cut the clip where the size changes",
            )
    space = config.of_exr(header.attributes, named_space, str(first))
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
    if spec.first + spec.frames > info.frames:
        raise DubwrightError(
            "A clip uses frames that its movie does not have",
            where=spec.path,
            why=f"it uses frames {spec.first} to {spec.first + spec.frames - 1}; the movie has "
            f"{info.frames}",
            repair="relink the clip to the right movie, or trim it",
        )
    if named_space is None:
        raise DubwrightError(
            "The colour space of a movie is unknown",
            where=spec.path,
            why="how its code values relate to light is not written in it",
            repair="name it with --colorspace, for example --colorspace 'Camera Rec.709'",
        )
    return spec.model_copy(
        update={
            "colour_space": config.resolve(named_space, spec.path),
            "working_space": config.scene_linear,
            "width": info.width,
            "height": info.height,
            "pixel_aspect": float(info.pixel_aspect),
        }
    )


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
        files = [self._file(frame) for frame in frames]
        if all(files):
            for file in files:
                assert file is not None
                yield read_rgb(file)
            return
        for codes in read_frames(Path(self.spec.path), frames.shifted(self.spec.first)):
            yield self.config.converted(codes, self.spec.colour_space, self.spec.working_space)

    def regions(self, wanted: Sequence[tuple[int, Box]]) -> Iterator[NDArray[np.float32]]:
        """Parts of frames that are given in order; of EXR no more than the parts is decoded.

        Args:
            wanted: frames, each later than the one before, and the pixels of each.
        """
        files = [self._file(frame) for frame, _ in wanted]
        if all(files):
            for file, (_, box) in zip(files, wanted, strict=True):
                assert file is not None
                yield read_rgb(file, box)
            return
        boxes = dict(wanted)
        if wanted:
            span = FrameRange(wanted[0][0], wanted[-1][0] + 1)
            for frame, picture in zip(span, self.frames(span), strict=True):
                if frame in boxes:
                    yield picture[boxes[frame].slices]

    def _file(self, frame: int) -> Path | None:
        """The EXR that holds a frame; None where it is decoded from a movie."""
        if frame in self._decoded:
            return self._decoded[frame]
        return self.spec.file(frame) if self.spec.kind == "sequence" else None

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
