"""Movies for delivery: the timeline's picture in one language at full size, with every sound."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.media.colour import ColourConfig, movie_tags
from dubwright.media.movie import MOVIE_FORMATS, ColourTags, write_movie
from dubwright.media.plate import PlateSpec
from dubwright.operations.pictures import timeline_pictures, timeline_sounds
from dubwright.operations.task import Context

__all__ = ["MOVIE", "write_language_movie"]

MOVIE: Final = "movie.mov"
SOUND_BLOCK: Final = 48000


def write_language_movie(context: Context) -> None:
    """Write movie.mov into the task's folder."""
    parameters = context.parameters
    width, height = parameters["size"]

    def encoded(
        linear: NDArray[np.float32], spec: PlateSpec, config: ColourConfig
    ) -> NDArray[np.float32]:
        return config.converted(linear, spec.working_space, parameters["space"])

    write_movie(
        context.folder / MOVIE,
        timeline_pictures(context, encoded, np.zeros((height, width, 3), np.float32)),
        (width, height),
        Fraction(parameters["rate"]),
        MOVIE_FORMATS[parameters["format"]],
        ColourTags(*movie_tags(parameters["space"])),
        timeline_sounds(context, SOUND_BLOCK),
        parameters["timecode"],
        pixel_aspect=Fraction(parameters["pixel_aspect"]).limit_denominator(1000),
    )
