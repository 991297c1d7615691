"""The sound of movies, written little by little so that it lies beside its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["AAC", "PCM_24", "Sound", "SoundCodec", "SoundTrack"]

RATE: Final = 48000
BITS_24: Final = 8388607
LAYOUTS: Final = {1: "mono", 2: "stereo", 6: "5.1"}


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound track: blocks of float32 [samples, channels] at 48 kHz; an ISO 639-2 language."""

    blocks: Iterable[NDArray[np.float32]]
    channels: int
    language: str
    title: str


@dataclass(frozen=True, slots=True)
class SoundCodec:
    """A codec by FFmpeg's names, and how a block of samples is laid out for it."""

    name: str
    samples: str
    laid_out: Callable[[NDArray[np.float32]], NDArray[Any]]


def _planes(block: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(block.T)


def _codes(block: NDArray[np.float32]) -> NDArray[np.int32]:
    codes = np.rint(block.clip(-1, 1).astype(np.float64) * BITS_24).astype(np.int32) << 8
    return np.ascontiguousarray(codes.reshape(1, -1))


AAC: Final = SoundCodec("aac", "fltp", _planes)
PCM_24: Final = SoundCodec("pcm_s24le", "s32", _codes)


class SoundTrack:
    """A sound track of a container that is being written.

    Args:
        container: to write into; no packet of it may be written yet.
        sound: what is heard.
        codec: AAC or PCM_24.
        is_default: whether players choose it by themselves.
    """

    def __init__(self, container: Any, sound: Sound, codec: SoundCodec, is_default: bool) -> None:
        self._container = container
        self._codec = codec
        self._blocks = iter(sound.blocks)
        self._at = 0
        self._layout = LAYOUTS[sound.channels]
        self._stream = container.add_stream(codec.name, rate=RATE, layout=self._layout)
        self._stream.metadata["language"] = sound.language
        self._stream.metadata["title"] = sound.title
        self._stream.disposition = av.stream.Disposition.default if is_default else 0

    def write_until(self, seconds: Fraction) -> None:
        while self._at < seconds * RATE:
            block = next(self._blocks, None)
            if block is None:
                return
            self._write(block)

    def finish(self) -> None:
        for block in self._blocks:
            self._write(block)
        self._container.mux(self._stream.encode())

    def _write(self, block: NDArray[np.float32]) -> None:
        frame = av.AudioFrame.from_ndarray(
            self._codec.laid_out(block), format=self._codec.samples, layout=self._layout
        )
        frame.sample_rate, frame.pts = RATE, self._at
        self._at += len(block)
        self._container.mux(self._stream.encode(frame))
