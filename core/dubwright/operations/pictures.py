"""A timeline's pictures and sounds in one language, as they go into a movie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import soxr
from numpy.typing import NDArray

from dubwright.media.audio import audio_blocks, audio_format
from dubwright.media.colour import ColourConfig
from dubwright.media.exr import read_rgb
from dubwright.media.mastering import limited
from dubwright.media.movie import Sound
from dubwright.media.plate import Plate, PlateSpec
from dubwright.model import FrameRange
from dubwright.operations.cut import Layer, Segment
from dubwright.operations.results import drawn_frames
from dubwright.operations.task import Context
from dubwright.speech.layout import STEREO, Layout, laid_out
from dubwright.trust import Disclosure, burnt_in

__all__ = ["Finish", "timeline_pictures", "timeline_sounds"]

FOLDED_DBTP: Final = -1.0
# ISO 639-1 to 639-2/T, which is what MP4 stores, for the languages people dub most.
MP4_LANGUAGES: Final = {
    "ar": "ara", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa",
    "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin", "hu": "hun", "id": "ind", "it": "ita",
    "ja": "jpn", "ko": "kor", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sv": "swe", "th": "tha", "tr": "tur", "uk": "ukr", "vi": "vie", "zh": "zho",
}  # fmt: skip

# Of a scene-linear picture in a plate's working space, what the movie holds of it.
Finish = Callable[[NDArray[np.float32], PlateSpec, ColourConfig], NDArray[Any]]


def timeline_sounds(context: Context, block: int) -> list[Sound]:
    """The mixes of a task that has inputs mix:0, mix:1... in blocks of so many samples."""
    sounds = []
    for number, (language, title) in enumerate(context.parameters["sounds"]):
        plain = language.partition("-")[0]
        code = MP4_LANGUAGES.get(plain, plain if len(plain) == 3 else "und")
        blocks = _in_stereo(context.inputs[f"mix:{number}"] / "mix.wav", block)
        sounds.append(Sound(blocks, STEREO.channels, code, title))
    return sounds


def _in_stereo(path: Path, block: int) -> Iterator[NDArray[np.float32]]:
    """A mix as movies hold it: stereo at 48 kHz, in blocks of so many samples."""
    rate, channels = audio_format(path)
    if Layout(rate, channels) == STEREO:
        yield from audio_blocks(path, block)
        return
    stream = soxr.ResampleStream(rate, STEREO.rate, STEREO.channels, dtype="float32")

    def folded() -> Iterator[NDArray[np.float32]]:
        for heard in audio_blocks(path, rate):
            yield stream.resample_chunk(laid_out(heard, STEREO.channels))
        yield stream.resample_chunk(np.zeros((0, STEREO.channels), np.float32), last=True)

    held = np.zeros((0, STEREO.channels), np.float32)
    # Six channels in two may be louder than either can be.
    for part in limited(folded(), 1.0, FOLDED_DBTP, STEREO.rate):
        held = np.concatenate([held, part])
        while len(held) >= block:
            yield held[:block]
            held = held[block:]
    if len(held):
        yield held


def timeline_pictures(
    context: Context, finish: Finish, black: NDArray[Any]
) -> Iterator[NDArray[Any]]:
    """Every frame of the timeline: what its cut shows, with what was drawn and the disclosure.

    Dissolves mix finished pictures, as editors do by default.

    Args:
        context: of a task with a cut, plates, a disclosure, and draw tasks as its inputs.
        finish: makes each picture what the movie holds.
        black: a finished picture.
    """
    disclosure = Disclosure(context.parameters["disclosure"])
    for content in context.parameters["cut"]:
        segment = Segment.model_validate(content)
        frames = segment.end - segment.start
        pictures = [_pictures(context, layer, frames, finish) for layer in segment.layers]
        for frame in range(segment.start, segment.end):
            seen = black
            for layer, coming in zip(segment.layers, pictures, strict=True):
                opacity = layer.opacity(frame)
                above = next(coming)
                seen = above if opacity == 1 else _mixed(seen, above, opacity)
            yield burnt_in(seen, disclosure)
            context.step()


def _mixed(below: NDArray[Any], above: NDArray[Any], opacity: float) -> NDArray[Any]:
    return cv2.addWeighted(above, opacity, below, 1 - opacity, 0)


def _pictures(
    context: Context, layer: Layer, frames: int, finish: Finish
) -> Iterator[NDArray[Any]]:
    """Frames of a shot, finished: those that were drawn, and else the plate's."""
    spec = PlateSpec.model_validate(context.where["plates"][layer.shot])
    drawn = drawn_frames(
        folder for name, folder in context.inputs.items() if name.startswith(f"draw:{layer.shot}:")
    )
    plate = Plate(spec)
    wanted = FrameRange(layer.first, layer.first + frames)
    for frame, original in zip(wanted, _originals(plate, wanted, drawn), strict=True):
        linear = read_rgb(drawn[frame]) if frame in drawn else original
        yield finish(linear, spec, plate.config)


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
