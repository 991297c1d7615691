"""Movies for delivery: the timeline's picture in one language at full size, with every sound."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.media.audio import audio_blocks
from dubwright.media.colour import movie_tags
from dubwright.media.exr import read_rgb
from dubwright.media.movie import MOVIE_FORMATS, ColourTags, Sound, write_movie
from dubwright.media.plate import Plate, PlateSpec
from dubwright.model import FrameRange
from dubwright.operations.preview import MP4_LANGUAGES, STEREO
from dubwright.operations.results import drawn_frames
from dubwright.operations.task import Context
from dubwright.trust import Disclosure, burnt_in

__all__ = ["MOVIE", "write_language_movie"]

MOVIE: Final = "movie.mov"


def write_language_movie(context: Context) -> None:
    """Write movie.mov into the task's folder."""
    parameters = context.parameters
    sounds = []
    for number, (language, title) in enumerate(parameters["sounds"]):
        plain = language.partition("-")[0]
        code = MP4_LANGUAGES.get(plain, plain if len(plain) == 3 else "und")
        blocks = audio_blocks(context.inputs[f"mix:{number}"] / "mix.wav")
        sounds.append(Sound(blocks, STEREO, code, title))
    width, height = parameters["size"]
    write_movie(
        context.folder / MOVIE,
        _frames(context),
        (width, height),
        Fraction(parameters["rate"]),
        MOVIE_FORMATS[parameters["format"]],
        ColourTags(*movie_tags(parameters["space"])),
        sounds,
        parameters["timecode"],
        pixel_aspect=Fraction(parameters["pixel_aspect"]).limit_denominator(1000),
    )


def _frames(context: Context) -> Iterator[NDArray[np.float32]]:
    """Every frame of the timeline in the movie's colour space: the topmost shot, or black."""
    parameters = context.parameters
    disclosure = Disclosure(parameters["disclosure"])
    width, height = parameters["size"]
    black = np.zeros((height, width, 3), np.float32)
    at = 0
    for start, end, shot, first in [*parameters["cut"], [parameters["frames"]] * 2 + ["", 0]]:
        for _ in range(at, start):
            yield burnt_in(black, disclosure)
            context.step()
        at = end
        for picture in _shot_frames(context, shot, FrameRange(first, first + end - start)):
            yield burnt_in(picture, disclosure)
            context.step()


def _shot_frames(context: Context, shot: str, frames: FrameRange) -> Iterator[NDArray[np.float32]]:
    if not len(frames):
        return
    spec = PlateSpec.model_validate(context.where["plates"][shot])
    drawn = drawn_frames(
        folder for name, folder in context.inputs.items() if name.startswith(f"draw:{shot}:")
    )
    plate = Plate(spec)
    for frame, picture in zip(frames, plate.frames(frames), strict=True):
        light = read_rgb(drawn[frame]) if frame in drawn else picture
        yield plate.config.converted(light, spec.working_space, context.parameters["space"])
