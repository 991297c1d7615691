"""Movies for delivery: ProRes and DNxHR in QuickTime, with timecode, reel and sound by language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.media.movie.read import probe_movie
from dubwright.media.movie.sound import PCM_24, Sound, SoundTrack
from dubwright.media.movie.ycbcr import MATRIX_BT709, MATRIX_BT2020, Coding, codes_of
from dubwright.store import whole

__all__ = ["MOVIE_FORMATS", "ColourTags", "MovieFormat", "frame_of", "write_movie"]

VIDEO_RANGE: Final = 1
DNXHR_LEAST: Final = (256, 120)
# QuickTime knows languages by these codes, where ISO 639-2 has two.
QUICKTIME_LANGUAGES: Final[Mapping[str, str]] = {
    "fre": "fra",
    "deu": "ger",
    "zho": "chi",
    "nld": "dut",
    "swe": "sve",
    "ell": "gre",
}


@dataclass(frozen=True, slots=True)
class MovieFormat:
    """A codec as deliveries name it."""

    name: str
    codec: str
    pixels: str
    options: Mapping[str, str]
    halves: tuple[bool, bool]
    least_size: tuple[int, int] = (16, 16)


MOVIE_FORMATS: Final[Mapping[str, MovieFormat]] = {
    "prores_4444": MovieFormat(
        "ProRes 4444", "prores_ks", "yuv444p10le", {"profile": "4444", "vendor": "apl0"},
        (False, False),
    ),
    "prores_422_hq": MovieFormat(
        "ProRes 422 HQ", "prores_ks", "yuv422p10le", {"profile": "hq", "vendor": "apl0"},
        (True, False),
    ),
    "dnxhr_hqx": MovieFormat(
        "DNxHR HQX", "dnxhd", "yuv422p10le", {"profile": "dnxhr_hqx"}, (True, False), DNXHR_LEAST
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ColourTags:
    """What a movie says of its colour, by the numbers of ITU-T H.273; 2 says nothing."""

    primaries: int = 2
    transfer: int = 2

    @property
    def matrix(self) -> int:
        """Wide primaries go with the matrix of BT.2020, all others with that of BT.709."""
        return MATRIX_BT2020 if self.primaries == MATRIX_BT2020 else MATRIX_BT709


def write_movie(
    path: Path,
    frames: Iterable[NDArray[np.float32]],
    size: tuple[int, int],
    rate: Fraction,
    movie_format: MovieFormat,
    tags: ColourTags,
    sounds: Sequence[Sound] = (),
    timecode: str = "",
    reel: str = "",
    pixel_aspect: Fraction = Fraction(1),
) -> None:
    """Write a QuickTime movie of 10-bit video range; whole or not at all.

    Args:
        path: of the movie.
        frames: R'G'B' float32 [height, width, 3], black 0 and white 1, as the tags say.
        size: width and height of every frame.
        rate: frames a second.
        movie_format: one of MOVIE_FORMATS.
        tags: of the colour.
        sounds: one track each, the first heard by default.
        timecode: of the first frame, with ; before the frames where it is drop-frame.
        reel: the name of the reel or tape.
        pixel_aspect: width of a pixel over its height.

    Raises:
        DubwrightError: the codec does not take the size, or the timecode is none at this rate.
    """
    width, height = size
    if width < movie_format.least_size[0] or height < movie_format.least_size[1]:
        least = "x".join(map(str, movie_format.least_size))
        raise _unwritable(
            path, f"{movie_format.name} has at least {least} pixels, these are {width}x{height}"
        )
    if width % 2 and movie_format.codec == "prores_ks" and movie_format.halves[0]:
        # FFmpeg's encoder writes a coloured stripe at the right edge then.
        raise _unwritable(path, f"{movie_format.name} has an even width, this one is {width}")
    coding = Coding(10, False, tags.matrix, movie_format.halves)
    with whole(path) as partial:
        with av.open(str(partial), "w", format="mov") as container:
            video = _add_picture(container, movie_format, size, rate, tags, timecode, reel)
            video.codec_context.sample_aspect_ratio = pixel_aspect
            tracks = [
                SoundTrack(container, _for_quicktime(sound), PCM_24, n == 0)
                for n, sound in enumerate(sounds)
            ]
            for number, rgb in enumerate(frames):
                for track in tracks:
                    track.write_until(Fraction(number + 1) / rate)
                frame = frame_of(codes_of(rgb, coding), movie_format.pixels, tags)
                frame.pts = number
                container.mux(video.encode(frame))
            container.mux(video.encode())
            for track in tracks:
                track.finish()
        if timecode and probe_movie(partial).timecode != timecode:
            raise _unwritable(path, f"{timecode} is no timecode at {float(rate):g} frames a second")


def frame_of(planes: Sequence[NDArray[Any]], pixels: str, tags: ColourTags) -> Any:
    """A frame of exactly these codes."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixels)
    for plane, codes in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size // codes.itemsize), codes.dtype)
        rows[:, : plane.width] = codes
        plane.update(rows.tobytes())
    frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
    frame.colorspace, frame.color_range = tags.matrix, VIDEO_RANGE
    return frame


def _add_picture(
    container: Any,
    movie_format: MovieFormat,
    size: tuple[int, int],
    rate: Fraction,
    tags: ColourTags,
    timecode: str,
    reel: str,
) -> Any:
    video = container.add_stream(movie_format.codec, rate=rate)
    video.width, video.height, video.pix_fmt = *size, movie_format.pixels
    video.options = dict(movie_format.options)
    context = video.codec_context
    context.color_primaries, context.color_trc = tags.primaries, tags.transfer
    context.colorspace, context.color_range = tags.matrix, VIDEO_RANGE
    for name, value in (("timecode", timecode), ("reel_name", reel)):
        if value:
            video.metadata[name] = value
    return video


def _for_quicktime(sound: Sound) -> Sound:
    return replace(sound, language=QUICKTIME_LANGUAGES.get(sound.language, sound.language))


def _unwritable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "A movie cannot be written",
        where=str(path),
        why=why,
        repair="choose another format for the delivery, or correct the timeline's start timecode",
    )
