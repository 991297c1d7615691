"""Previews: the timeline's picture in one language, labelled, with every language's sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.media.colour import ColourConfig, display_preview
from dubwright.media.exr import read_rgb
from dubwright.media.movie import write_picture, write_preview
from dubwright.media.plate import PlateSpec
from dubwright.operations.pictures import timeline_pictures, timeline_sounds
from dubwright.operations.task import Context

__all__ = ["preview_size", "write_language_picture", "write_language_preview", "write_thumbnail"]

LONGEST_SIDE: Final = 1280
PREVIEW_BLOCK: Final = 4800
THUMBNAIL_WIDTH: Final = 320
THUMBNAIL_QUALITY: Final = 85


def write_language_picture(context: Context) -> None:
    """Write picture.mp4 into the task's folder."""
    width, height = context.parameters["size"]

    def displayed(
        linear: NDArray[np.float32], spec: PlateSpec, config: ColourConfig
    ) -> NDArray[np.uint8]:
        return _fitted(display_preview(linear, spec.working_space, config), width, height)

    pictures = timeline_pictures(context, displayed, np.zeros((height, width, 3), np.uint8))
    write_picture(context.folder / "picture.mp4", pictures, Fraction(context.parameters["rate"]))


def write_language_preview(context: Context) -> None:
    """Write preview.mp4, the picture with its sounds, into the task's folder."""
    tracks = timeline_sounds(context, PREVIEW_BLOCK)
    picture = context.inputs["picture"] / "picture.mp4"
    write_preview(context.folder / "preview.mp4", picture, tracks)


def write_thumbnail(path: Path, drawn: Path, spec: PlateSpec) -> None:
    """A small JPEG of a drawn frame, for those who watch the work."""
    picture = display_preview(read_rgb(drawn), spec.working_space, ColourConfig(spec.ocio))
    width, height = preview_size(spec)
    shrink = THUMBNAIL_WIDTH / width
    small = cv2.resize(
        picture, (THUMBNAIL_WIDTH, max(1, round(height * shrink))), interpolation=cv2.INTER_AREA
    )
    quality = [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), quality)
    path.write_bytes(encoded.tobytes())


def _fitted(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[Any]:
    if picture.shape[:2] == (height, width):
        return picture
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def preview_size(spec: PlateSpec) -> tuple[int, int]:
    """Width and height, both even, in square pixels, of a preview of this plate."""
    width = spec.width * spec.pixel_aspect
    shrink = min(1.0, LONGEST_SIDE / max(width, spec.height))
    return round(width * shrink) // 2 * 2, round(spec.height * shrink) // 2 * 2
