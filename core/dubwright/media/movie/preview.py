"""Previews: H.264 in MP4 with one sound track per language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from dubwright.media.movie.read import opened
from dubwright.media.movie.sound import AAC, Sound, SoundTrack
from dubwright.store import whole

__all__ = ["write_picture", "write_preview"]

FAST_START: Final[Mapping[str, Any]] = {"format": "mp4", "options": {"movflags": "faststart"}}
# Short, so that a player steps and scrubs without waiting.
PREVIEW_KEYFRAME_EVERY: Final = 12


def write_picture(path: Path, frames: Iterable[NDArray[np.uint8]], rate: Fraction) -> None:
    """Write the picture of a preview, H.264 in MP4; whole or not at all.

    Args:
        path: of the movie.
        frames: uint8 [height, width, 3] sRGB, all of one size; at least one.
        rate: frames a second.
    """
    with whole(path) as partial, av.open(str(partial), "w", **FAST_START) as container:
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


def write_preview(path: Path, picture: Path, tracks: Sequence[Sound]) -> None:
    """Write an MP4 with one AAC track per language; whole or not at all.

    Args:
        path: of the movie.
        picture: what write_picture wrote; it is copied, not encoded again.
        tracks: in the order that players list them; the first is the default.
    """
    with (
        opened(picture) as source,
        whole(path) as partial,
        av.open(str(partial), "w", **FAST_START) as container,
    ):
        seen = source.streams.video[0]
        video = container.add_stream_from_template(seen)
        sounds = [SoundTrack(container, track, AAC, n == 0) for n, track in enumerate(tracks)]
        for packet in source.demux(seen):
            if packet.dts is None:
                continue
            for sound in sounds:
                sound.write_until(Fraction(packet.dts * packet.time_base))
            packet.stream = video
            container.mux(packet)
        for sound in sounds:
            sound.finish()


def _add_video(container: Any, rate: Fraction, width: int, height: int) -> Any:
    stream = container.add_stream("libx264", rate=rate)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.options = {"crf": "18", "preset": "veryfast", "g": str(PREVIEW_KEYFRAME_EVERY)}
    context = stream.codec_context
    context.color_primaries = context.color_trc = context.colorspace = 1  # Rec.709 (H.273)
    context.color_range = 1
    return stream
