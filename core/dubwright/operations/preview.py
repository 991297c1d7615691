"""Previews: the timeline's picture in one language, labelled, with every language's sound."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.media.audio import audio_blocks
from dubwright.media.colour import ColourConfig, display_preview
from dubwright.media.exr import read_rgb
from dubwright.media.movie import Sound, write_picture, write_preview
from dubwright.media.plate import Plate, PlateSpec
from dubwright.model import FrameRange
from dubwright.operations.results import drawn_frames
from dubwright.operations.task import Context
from dubwright.trust import Disclosure, burnt_in

__all__ = ["preview_size", "write_language_picture", "write_language_preview", "write_thumbnail"]

LONGEST_SIDE: Final = 1280
STEREO: Final = 2
PREVIEW_BLOCK: Final = 4800
THUMBNAIL_WIDTH: Final = 320
THUMBNAIL_QUALITY: Final = 85
# ISO 639-1 to 639-2/T, which is what MP4 stores, for the languages people dub most.
MP4_LANGUAGES: Final = {
    "ar": "ara", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa",
    "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin", "hu": "hun", "id": "ind", "it": "ita",
    "ja": "jpn", "ko": "kor", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sv": "swe", "th": "tha", "tr": "tur", "uk": "ukr", "vi": "vie", "zh": "zho",
}  # fmt: skip


def write_language_picture(context: Context) -> None:
    """Write picture.mp4 into the task's folder."""
    rate = Fraction(context.parameters["rate"])
    write_picture(context.folder / "picture.mp4", _pictures(context), rate)


def write_language_preview(context: Context) -> None:
    """Write preview.mp4, the picture with its sounds, into the task's folder."""
    tracks = []
    for number, (language, title) in enumerate(context.parameters["sounds"]):
        plain = language.partition("-")[0]
        code = MP4_LANGUAGES.get(plain, plain if len(plain) == 3 else "und")
        blocks = audio_blocks(context.inputs[f"mix:{number}"] / "mix.wav", PREVIEW_BLOCK)
        tracks.append(Sound(blocks, STEREO, code, title))
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


def _pictures(context: Context) -> Iterator[NDArray[np.uint8]]:
    """Every frame of the timeline: the topmost shot, or black."""
    parameters = context.parameters
    disclosure = Disclosure(parameters["disclosure"])
    width, height = parameters["size"]
    black = np.zeros((height, width, 3), np.uint8)
    at = 0
    for start, end, shot, first in parameters["cut"]:
        for _ in range(at, start):
            yield burnt_in(black, disclosure)
            context.step()
        at = end
        frames = FrameRange(first, first + end - start)
        for picture in _shot_pictures(context, shot, frames):
            fitted = _fitted(picture, width, height)
            yield burnt_in(fitted, disclosure)
            context.step()
    for _ in range(at, parameters["frames"]):
        yield burnt_in(black, disclosure)
        context.step()


def _shot_pictures(context: Context, shot: str, frames: FrameRange) -> Iterator[NDArray[np.uint8]]:
    spec = PlateSpec.model_validate(context.where["plates"][shot])
    drawn = drawn_frames(
        folder for name, folder in context.inputs.items() if name.startswith(f"draw:{shot}:")
    )
    plate = Plate(spec)
    for frame, original in zip(count(frames.start), _originals(plate, frames, drawn)):
        linear = read_rgb(drawn[frame]) if frame in drawn else original
        yield display_preview(linear, spec.working_space, plate.config)


def _originals(
    plate: Plate, frames: FrameRange, drawn: dict[int, Path]
) -> Iterator[NDArray[np.float32]]:
    """The plate's frames; those of a sequence that were drawn are not read."""
    if plate.spec.kind == "movie":
        yield from plate.frames(frames)
        return
    unread = np.zeros((0, 0, 3), np.float32)
    for frame in frames:
        yield unread if frame in drawn else plate.frame(frame)


def _fitted(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[Any]:
    if picture.shape[:2] == (height, width):
        return picture
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def preview_size(spec: PlateSpec) -> tuple[int, int]:
    """Width and height, both even, in square pixels, of a preview of this plate."""
    width = spec.width * spec.pixel_aspect
    shrink = min(1.0, LONGEST_SIDE / max(width, spec.height))
    return round(width * shrink) // 2 * 2, round(spec.height * shrink) // 2 * 2
