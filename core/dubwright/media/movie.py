"""Movies by PyAV: exact frames of a constant-rate video, their sound, and writing previews."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.model import FrameRange

__all__ = [
    "AudioTrack",
    "MovieInfo",
    "probe_movie",
    "read_frames",
    "read_movie_audio",
    "write_picture",
    "write_preview",
]

# AVColorSpace values (ITU-T H.273) to the names that swscale knows them by.
MATRIX: Final = {1: "ITU709", 5: "ITU601", 6: "ITU601", 7: "SMPTE240M", 9: "ITU2020"}
UNTAGGED_MATRIX: Final = "ITU709"
FULL_RANGE: Final = 2
PREVIEW_AUDIO_RATE: Final = 48000
# Short, so that a player steps and scrubs without waiting.
PREVIEW_KEYFRAME_EVERY: Final = 12


@dataclass(frozen=True, slots=True)
class MovieInfo:
    """What a movie's first video stream says of itself."""

    width: int
    height: int
    pixel_aspect: Fraction
    rate: Fraction
    frames: int
    has_audio: bool


@dataclass(frozen=True, slots=True, eq=False)
class AudioTrack:
    """Sound for a preview: float32 [samples, channels] at 48 kHz, and its ISO 639-2 language."""

    samples: NDArray[np.float32]
    language: str
    title: str


def probe_movie(path: Path) -> MovieInfo:
    """Read a movie's properties and check that it can be edited.

    Raises:
        DubwrightError: missing, not a movie, interlaced, or without a constant frame rate.
    """
    with _opened(path) as container:
        if not container.streams.video:
            raise _unreadable(path, "it has no picture")
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate
        first = next(container.decode(stream), None)
        if first is None or rate is None:
            raise _unreadable(path, "it has no picture")
        if first.interlaced_frame:
            raise DubwrightError(
                "A movie is interlaced",
                where=str(path),
                why="its frames are made of two fields from two moments, and a mouth cannot be "
                "redrawn in half a frame",
                repair="deinterlace it first, and conform the timeline to the result",
            )
        frames = stream.frames or _count_frames(path)
        aspect = stream.codec_context.sample_aspect_ratio or Fraction(1)
        return MovieInfo(
            stream.codec_context.width,
            stream.codec_context.height,
            Fraction(aspect),
            Fraction(rate),
            frames,
            bool(container.streams.audio),
        )


def _count_frames(path: Path) -> int:
    """The pictures of a movie whose container does not say how many there are."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        return sum(1 for packet in container.demux(stream) if packet.pts is not None)


def read_frames(path: Path, frames: FrameRange) -> Iterator[NDArray[np.float32]]:
    """Decoded frames, float32 [height, width, 3], R'G'B' code values between 0 and 1.

    Raises:
        DubwrightError: the movie ends before the range does.
    """
    if not len(frames):
        return
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or stream.guessed_rate)
        origin = stream.start_time or 0
        per_frame = 1 / (rate * stream.time_base)
        container.seek(origin + int(frames.start * per_frame), stream=stream, backward=True)
        following = frames.start
        for picture in container.decode(stream):
            number = round((picture.pts - origin) / per_frame)
            if number < following:
                continue
            if number > following:
                raise _unreadable(path, f"frame {following} is missing: its rate is not constant")
            yield _code_values(picture)
            following += 1
            if following == frames.end:
                return
    raise _unreadable(path, f"it ends at frame {following}, before frame {frames.end}")


def read_movie_audio(path: Path) -> tuple[NDArray[np.float32], int]:
    """The first audio stream from the first picture on, float32 [samples, channels], and its rate.

    Raises:
        DubwrightError: the movie has no sound.
    """
    with _opened(path) as container:
        if not container.streams.audio:
            raise _unreadable(path, "it has no sound")
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=stream.rate)
        blocks = [
            block.to_ndarray()
            for frame in container.decode(stream)
            for block in resampler.resample(frame)
        ]
        if not blocks:
            raise _unreadable(path, "its audio stream is empty")
        samples = np.concatenate(blocks, axis=1).T.astype(np.float32)
        begins = Fraction((stream.start_time or 0) * stream.time_base)
        if container.streams.video:
            video = container.streams.video[0]
            begins -= Fraction((video.start_time or 0) * video.time_base)
        lead = round(begins * stream.rate)
        return np.pad(samples[max(0, -lead) :], ((max(0, lead), 0), (0, 0))), int(stream.rate)


def write_picture(path: Path, frames: Iterable[NDArray[np.uint8]], rate: Fraction) -> None:
    """Write the picture of a preview, H.264 in MP4; whole or not at all.

    Args:
        path: of the movie.
        frames: uint8 [height, width, 3] sRGB, all of one size; at least one.
        rate: frames a second.
    """
    with _written(path) as container:
        video: Any = None
        for picture in frames:
            even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
            if video is None:
                video = _add_video(container, rate, even.shape[1], even.shape[0])
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            converted = frame.reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            for packet in video.encode(converted):
                container.mux(packet)
        for packet in video.encode():
            container.mux(packet)


def write_preview(path: Path, picture: Path, tracks: Sequence[AudioTrack]) -> None:
    """Write an MP4 with one AAC track per language; whole or not at all.

    Args:
        path: of the movie.
        picture: what write_picture wrote; it is copied, not encoded again.
        tracks: in the order that players list them; the first is the default.
    """
    with _opened(picture) as source, _written(path) as container:
        seen = source.streams.video[0]
        video = container.add_stream_from_template(seen)
        sounds = [_Sound(container, track) for track in tracks]
        for packet in source.demux(seen):
            if packet.dts is None:
                continue
            for sound in sounds:
                sound.encode_until(float(packet.dts * packet.time_base))
            packet.stream = video
            container.mux(packet)
        for sound in sounds:
            sound.finish()


@contextmanager
def _written(path: Path) -> Iterator[Any]:
    partial = path.with_name(path.stem + ".partial" + path.suffix)
    with av.open(str(partial), "w", format="mp4", options={"movflags": "faststart"}) as container:
        yield container
    partial.replace(path)


class _Sound:
    """One track of a preview, encoded little by little so that it lies beside its picture."""

    def __init__(self, container: Any, track: AudioTrack) -> None:
        self._container = container
        self._planes = track.samples[:, :2].T
        self._at = 0
        layout = "mono" if track.samples.shape[1] == 1 else "stereo"
        self._stream = container.add_stream("aac", rate=PREVIEW_AUDIO_RATE, layout=layout)
        self._stream.metadata["language"] = track.language
        self._stream.metadata["title"] = track.title

    def encode_until(self, seconds: float) -> None:
        self._encode(min(round(seconds * PREVIEW_AUDIO_RATE), self._planes.shape[1]))

    def finish(self) -> None:
        self._encode(self._planes.shape[1])
        for packet in self._stream.encode():
            self._container.mux(packet)

    def _encode(self, end: int) -> None:
        if end <= self._at:
            return
        planes = np.ascontiguousarray(self._planes[:, self._at : end])
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=self._stream.layout.name)
        frame.sample_rate = PREVIEW_AUDIO_RATE
        frame.pts = self._at
        self._at = end
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


def _add_video(container: Any, rate: Fraction, width: int, height: int) -> Any:
    stream = container.add_stream("libx264", rate=rate)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.options = {"crf": "18", "preset": "veryfast", "g": str(PREVIEW_KEYFRAME_EVERY)}
    context = stream.codec_context
    context.color_primaries = context.color_trc = context.colorspace = 1  # Rec.709 (H.273)
    context.color_range = 1
    return stream


def _code_values(picture: Any) -> NDArray[np.float32]:
    converted = picture.reformat(
        format="rgb48le",
        src_colorspace=MATRIX.get(picture.colorspace, UNTAGGED_MATRIX),
        src_color_range="JPEG" if picture.color_range == FULL_RANGE else "MPEG",
        dst_color_range="JPEG",
    )
    codes: NDArray[np.float32] = converted.to_ndarray().astype(np.float32) / np.float32(65535)
    return codes


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The movie's container; what FFmpeg finds wrong in it is told as ours."""
    try:
        with av.open(str(path)) as container:
            yield container
    except (av.FFmpegError, OSError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error


def _unreadable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "A movie cannot be read",
        where=str(path),
        why=why,
        repair="check the path; give a movie of constant frame rate that FFmpeg decodes",
    )
