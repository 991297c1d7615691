"""Movies by PyAV: what they are, exact frames of a constant rate, and their sound."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.media.movie.ycbcr import (
    LUMA,
    MATRIX_BT601,
    MATRIX_BT709,
    Coding,
    planes_of,
    rgb_of,
)
from dubwright.model import FrameRange

__all__ = [
    "MovieInfo",
    "coding_of",
    "movie_audio_format",
    "opened",
    "probe_movie",
    "read_frames",
    "read_movie_audio",
    "unreadable",
]

UNTAGGED, RGB_MATRIX, UNTOLD_RANGE, FULL_RANGE = 2, 0, 0, 2
# Untagged pictures of fewer lines are taken for standard definition.
HD_LINES: Final = 720
LOOK_BACK: Final = (0, 2, 8, 32, 128, 1 << 62)
PREROLL: Final = Fraction(1, 2)
PROGRESSIVE, UNKNOWN_FIELDS = 1, 0
# A frame further than this from where its number puts it makes the rate not constant. Containers
# that round their times to milliseconds stay under 0.06; recordings of phones are at 0.2 and more.
MOST_DRIFT: Final = Fraction(1, 10)
RATE_TOLERANCE: Final = Fraction(1, 5000)
STANDARD_RATES: Final = tuple(
    Fraction(rate) for rate in (12, 15, 24, 25, 30, 48, 50, 60, 90, 96, 100, 120)
) + tuple(Fraction(rate * 1000, 1001) for rate in (12, 24, 30, 48, 60, 120))


@dataclass(frozen=True, slots=True)
class MovieInfo:
    """What a movie says of itself.

    Attributes:
        rate: frames a second, exact.
        frames: that are shown; those that an edit list hides do not count.
        timecode: of the first frame, as the container has it, with ; before the frames where it is
            drop-frame; "" where it has none.
        reel: the name of the reel or tape; "" where none is named.
        primaries, transfer, matrix: the tags of H.273; 2 where there is none.
        codec: FFmpeg's name of the picture's codec.
    """

    width: int
    height: int
    pixel_aspect: Fraction
    rate: Fraction
    frames: int
    has_audio: bool
    timecode: str
    reel: str
    primaries: int
    transfer: int
    matrix: int
    codec: str


def probe_movie(path: Path) -> MovieInfo:
    """Read a movie's properties and check that it can be edited.

    Raises:
        DubwrightError: missing, not a movie, interlaced, or without a constant frame rate.
    """
    with opened(path) as container:
        if not container.streams.video:
            raise unreadable(path, "it has no picture")
        stream = container.streams.video[0]
        context = stream.codec_context
        if container.format.name == "avi" and context.has_b_frames:
            raise unreadable(
                path, "AVI does not say when frames like these are shown: rewrap it as MOV"
            )
        _require_planes(context.pix_fmt or "", path)
        _require_progressive(container, stream, path)
        rate, frames = _rate_and_frames(container, stream, path)
        aspect = context.sample_aspect_ratio or Fraction(1)
        timecode, reel = _timecode_and_reel(container)
        return MovieInfo(
            width=context.width,
            height=context.height,
            pixel_aspect=Fraction(aspect),
            rate=rate,
            frames=frames,
            has_audio=bool(container.streams.audio),
            timecode=timecode,
            reel=reel,
            primaries=int(context.color_primaries),
            transfer=int(context.color_trc),
            matrix=int(context.colorspace),
            codec=context.name,
        )


def read_frames(path: Path, frames: FrameRange, rate: Fraction) -> Iterator[NDArray[np.float32]]:
    """Decoded frames, float32 [height, width, 3], R'G'B' with black 0 and white 1.

    What the movie has above white and below black is kept.

    Args:
        path: of the movie.
        frames: which, as they are shown.
        rate: of the movie, see MovieInfo.

    Raises:
        DubwrightError: the movie ends before the range does, or its matrix is not known here.
    """
    if not len(frames):
        return
    with opened(path) as container:
        stream = container.streams.video[0]
        origin = max(0, stream.start_time or 0)
        per_frame = 1 / (rate * stream.time_base)
        following = frames.start
        for picture in _decoded_from(container, stream, frames.start, origin, per_frame):
            number = round((picture.pts - origin) / per_frame)
            if number < following:
                continue
            if number > following:
                raise unreadable(path, f"frame {following} is missing: its rate is not constant")
            yield rgb_of(planes_of(_planar(picture)), coding_of(picture, stream, path))
            following += 1
            if following == frames.end:
                return
    raise unreadable(path, f"it ends at frame {following}, before frame {frames.end}")


def _decoded_from(
    container: Any, stream: Any, first: int, origin: int, per_frame: Fraction
) -> Iterator[Any]:
    """Decoded pictures from one on that is not after a frame.

    FFmpeg finds keyframes by when they are decoded, and where groups of pictures lean on each other
    the frame that was meant may not follow: then it is looked for from further back.
    """
    for back in LOOK_BACK:
        sought = max(0, first - back)
        container.seek(origin + int(sought * per_frame), stream=stream, backward=True)
        pictures = container.decode(stream)
        head = next(pictures, None)
        if head is not None and round((head.pts - origin) / per_frame) <= first:
            break
        if not sought:
            break
    return itertools.chain([] if head is None else [head], pictures)


def coding_of(picture: Any, stream: Any, path: Path) -> Coding:
    """How a decoded frame's codes stand for R'G'B'.

    Raises:
        DubwrightError: by a matrix that is not known here.
    """
    picture_format = _planar(picture).format
    components = picture_format.components
    # Containers are right where codecs are silent or, as DNxHR's, say 709 of everything.
    tagged = int(stream.codec_context.colorspace)
    matrix: int | None = tagged if tagged != UNTAGGED else int(picture.colorspace)
    if picture_format.is_rgb:
        matrix = None
    elif matrix in (UNTAGGED, RGB_MATRIX):
        matrix = MATRIX_BT709 if picture.height >= HD_LINES else MATRIX_BT601
    if matrix is not None and matrix not in LUMA:
        raise unreadable(path, f"its matrix, number {matrix} of ITU-T H.273, is not known here")
    is_full = (
        int(picture.color_range) == FULL_RANGE
        or picture_format.name.startswith("yuvj")
        or (picture_format.is_rgb and int(picture.color_range) == UNTOLD_RANGE)
    )
    across = picture_format.chroma_width(picture.width) < picture.width
    down = picture_format.chroma_height(picture.height) < picture.height
    return Coding(components[0].bits, is_full, matrix, (across, down))


def movie_audio_format(path: Path) -> tuple[int, int]:
    """Samples a second of a movie's first audio stream, and its channels.

    Raises:
        DubwrightError: the movie has no sound.
    """
    with opened(path) as container:
        if not container.streams.audio:
            raise unreadable(path, "it has no sound")
        stream = container.streams.audio[0]
        return int(stream.rate), int(stream.channels)


def read_movie_audio(
    path: Path, start: Fraction = Fraction(0), seconds: Fraction | None = None
) -> tuple[NDArray[np.float32], int]:
    """The first audio stream, float32 [samples, channels], and its rate.

    Args:
        path: of the movie.
        start: the first moment to read, in seconds after the first picture.
        seconds: how long to read; to the end if None. Where the sound ends earlier, so does this.

    Raises:
        DubwrightError: the movie has no sound.
    """
    with opened(path) as container:
        if not container.streams.audio:
            raise unreadable(path, "it has no sound")
        stream = container.streams.audio[0]
        rate = int(stream.rate)
        origin = Fraction(0)
        if container.streams.video:
            video = container.streams.video[0]
            origin = Fraction((video.start_time or 0) * video.time_base)
        first = round(start * rate)
        end = None if seconds is None else first + round(seconds * rate)
        # Decoders need a little before what they are asked for.
        begin = max(Fraction(0), start - PREROLL + origin)
        container.seek(int(begin / stream.time_base), stream=stream, backward=True)
        resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=rate)
        blocks: list[NDArray[np.float32]] = []
        at = first
        for frame in container.decode(stream):
            place = round((Fraction(frame.pts * frame.time_base) - origin) * rate)
            for block in resampler.resample(frame):
                samples = block.to_ndarray().T.astype(np.float32)
                place, samples = _from(place, samples, at)
                if len(samples):
                    if place > at:
                        blocks.append(np.zeros((place - at, samples.shape[1]), np.float32))
                    blocks.append(samples)
                    at = place + len(samples)
            if end is not None and at >= end:
                break
        if not blocks and first == 0:
            raise unreadable(path, "its audio stream is empty")
        silence = np.zeros((0, stream.channels), np.float32)
        return np.concatenate([silence, *blocks])[: None if end is None else end - first], rate


def _from(place: int, samples: NDArray[np.float32], at: int) -> tuple[int, NDArray[np.float32]]:
    """Samples that lie at a place, without those before another one."""
    skipped = max(0, at - place)
    return place + min(skipped, len(samples)), samples[skipped:]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The movie's container; what FFmpeg finds wrong in it is told as ours."""
    try:
        with av.open(str(path)) as container:
            yield container
    except (av.FFmpegError, OSError) as error:
        raise unreadable(path, getattr(error, "strerror", None) or str(error)) from error


def unreadable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "A movie cannot be read",
        where=str(path),
        why=why,
        repair="check the path; give a movie of constant frame rate that FFmpeg decodes",
    )


def _require_planes(pixels: str, path: Path) -> None:
    """Check that a pixel format can be read as three planes of codes."""
    pixel_format = av.VideoFormat(PLANES_OF_PACKED.get(pixels, pixels), 8, 8) if pixels else None
    if pixel_format is not None:
        components = pixel_format.components
        planes = [component.plane for component in components]
        thirds = (pixel_format.chroma_width(8), pixel_format.chroma_height(8))
        if (
            len(components) >= 3
            and sorted(planes) == list(range(len(components)))
            and components[0].bits in (8, 9, 10, 12, 14, 16)
            and thirds in ((8, 8), (4, 8), (4, 4))
        ):
            return
    raise unreadable(path, f"its pixels, {pixels or 'of an unknown format'}, are not read here")


def _planar(picture: Any) -> Any:
    """The picture in planes; formats that interleave their samples are sorted, not converted."""
    packed = PLANES_OF_PACKED.get(picture.format.name)
    return picture.reformat(format=packed) if packed else picture


# Formats that interleave their samples, and the planes that hold the same codes.
PLANES_OF_PACKED: Final = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "uyvy422": "yuv422p",
    "yuyv422": "yuv422p",
    "p010le": "yuv420p10le",
    "rgb24": "gbrp",
    "bgr24": "gbrp",
    "rgba": "gbrap",
    "bgra": "gbrap",
    "argb": "gbrap",
    "abgr": "gbrap",
    "rgb0": "gbrp",
    "bgr0": "gbrp",
    "0rgb": "gbrp",
    "0bgr": "gbrp",
    "nv16": "yuv422p",
    "p210le": "yuv422p10le",
    "rgb48le": "gbrp16le",
    "rgb48be": "gbrp16le",
    "rgba64le": "gbrap16le",
    "rgba64be": "gbrap16le",
    "yuv422p10be": "yuv422p10le",
    "yuv444p10be": "yuv444p10le",
}


def _require_progressive(container: Any, stream: Any, path: Path) -> None:
    fields = int(stream.codec_context.field_order)
    if fields == UNKNOWN_FIELDS:
        first = next(container.decode(stream), None)
        if first is None:
            raise unreadable(path, "it has no picture")
        container.seek(0)
        fields = UNKNOWN_FIELDS if first.interlaced_frame else PROGRESSIVE
    if fields != PROGRESSIVE:
        raise DubwrightError(
            "A movie is interlaced",
            where=str(path),
            why="its frames are made of two fields from two moments, and a mouth cannot be "
            "redrawn in half a frame",
            repair="deinterlace it first, and conform the timeline to the result",
        )


def _rate_and_frames(container: Any, stream: Any, path: Path) -> tuple[Fraction, int]:
    """The exact rate, and the number of frames that are shown.

    Raises:
        DubwrightError: frames do not lie evenly.
    """
    if container.format.name == "mxf":
        # Its edit unit is its frame; what FFmpeg estimates beside it may be wrong or missing.
        return 1 / Fraction(stream.time_base), stream.frames or _moments(container, stream)[1]
    moments, count = _moments(container, stream)
    told = [rate for rate in (stream.guessed_rate, stream.average_rate) if rate]
    if count < 2:
        if not count or not told:
            raise unreadable(path, "it has no picture")
        return _standard(Fraction(told[0])), count
    span = Fraction(moments[-1] - moments[0]) * stream.time_base
    measured = (count - 1) / span if span else Fraction(0)
    rates = {_standard(Fraction(rate)) for rate in (measured, *told) if rate}
    drift = {rate: _drift(moments, rate * stream.time_base) for rate in rates}
    best = min(drift, key=drift.__getitem__)
    if drift[best] > MOST_DRIFT:
        raise DubwrightError(
            "The frame rate of a movie is not constant",
            where=str(path),
            why=f"at {float(best):g} frames a second its frames are up to "
            f"{float(drift[best]):.1f} frames from where they belong",
            repair="convert it to a constant frame rate, and conform the timeline to the result",
        )
    return best, count


def _moments(container: Any, stream: Any) -> tuple[Sequence[int], int]:
    """When the frames that are shown are, in the stream's units, ascending, and how many they are.

    Of the container's index where it has one, else of its packets, which are read then.
    """
    entries = stream.index_entries
    if len(entries) and len(entries) == stream.frames:
        moments = sorted(entry.timestamp for entry in entries if not entry.is_discard)
    else:
        packets = (p for p in container.demux(stream) if p.pts is not None and not p.is_discard)
        moments = sorted(packet.pts for packet in packets)
        container.seek(0)
    return moments, len(moments)


def _drift(moments: Sequence[int], units: Fraction) -> Fraction:
    """How far, in frames, the moments are from evenly spaced ones, at most."""
    return max(abs((moment - moments[0]) * units - n) for n, moment in enumerate(moments))


def _standard(rate: Fraction) -> Fraction:
    """The standard rate that a measured one stands for, or the rate itself."""
    near = min(STANDARD_RATES, key=lambda standard: abs(standard / rate - 1))
    return near if abs(near / rate - 1) < RATE_TOLERANCE else rate


def _timecode_and_reel(container: Any) -> tuple[str, str]:
    """What the picture's stream says, or else a stream of timecode, or else the container."""
    told: dict[str, str] = {}
    streams = [*container.streams.video, *container.streams.data]
    for metadata in (*(stream.metadata for stream in streams), container.metadata):
        for name, value in metadata.items():
            told.setdefault(name.lower(), value)
    return told.get("timecode", ""), told.get("reel_name", "")
