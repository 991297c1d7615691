"""Chunks as they were read, and the planes of those that are not compressed."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.media.exr.layout import Part, damaged
from dubwright.model import Box

__all__ = ["UNCOMPRESSED", "Chunk", "Planes", "Run", "store_planes", "stored_planes"]

# By channel, [height, width] of the channel's own type: uint32, float16 or float32.
Planes = dict[str, NDArray[Any]]

UNCOMPRESSED: Final = "NONE"
SAMPLE_TYPES: Final[dict[int, np.dtype[Any]]] = {
    0: np.dtype("<u4"),
    1: np.dtype("<f2"),
    2: np.dtype("<f4"),
}


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the file that was read at once, which may be written into."""

    offset: int
    held: memoryview

    def between(self, begin: int, end: int) -> memoryview:
        """What lies between two offsets of the file."""
        return self.held[begin - self.offset : end - self.offset]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as it stands in the file: its leader, which ends with its size, and what it holds."""

    run: Run
    offset: int
    leader: bytes
    content: memoryview

    @property
    def end(self) -> int:
        return self.offset + len(self.leader) + len(self.content)

    def leader_of(self, content: memoryview) -> bytes:
        """The leader of this chunk with another content."""
        return self.leader[:-4] + struct.pack("<i", len(content))


def stored_planes(part: Part, chunks: Sequence[Chunk], covered: Box, path: Path) -> Planes:
    """The planes of uncompressed chunks that cover a box exactly.

    Raises:
        DubwrightError: a chunk does not hold what its size needs.
    """
    for chunk, box in zip(chunks, _boxes(part, covered), strict=True):
        if len(chunk.content) != box.width * box.height * part.pixel_bytes:
            raise damaged(path, f"a chunk of {part.name} is cut short")
    in_place = _in_place(part, chunks, covered)
    return _laid_out(part, chunks, covered) if in_place is None else in_place


def store_planes(part: Part, planes: Planes, chunks: Sequence[Chunk], covered: Box) -> None:
    """Write planes that stored_planes gave, and that were changed in place, into their chunks."""
    held = np.frombuffer(chunks[0].run.held, np.uint8)
    if any(np.may_share_memory(held, plane) for plane in planes.values()):
        return  # they are views of the chunks
    for chunk, box in zip(chunks, _boxes(part, covered), strict=True):
        rows = _rows(chunk, box)
        for name, samples in _columns(part, rows, box):
            samples[:] = planes[name][box.within(covered)]


def _in_place(part: Part, chunks: Sequence[Chunk], covered: Box) -> Planes | None:
    """The planes of uncompressed scan lines as views of what was read; None where it is scattered.

    A change of them is a change of the chunks.
    """
    run = chunks[0].run
    if part.tile is not None or any(chunk.run is not run for chunk in chunks):
        return None
    starts = [chunk.offset + len(chunk.leader) - run.offset for chunk in chunks]
    steps = {after - before for before, after in itertools.pairwise(starts)} or {0}
    if len(steps) > 1:
        return None
    rows = np.lib.stride_tricks.as_strided(
        np.frombuffer(run.held, np.uint8)[starts[0] :],
        (len(chunks), covered.width * part.pixel_bytes),
        (steps.pop(), 1),
    )
    return dict(_columns(part, rows, covered))


def _laid_out(part: Part, chunks: Sequence[Chunk], covered: Box) -> Planes:
    """The planes of uncompressed chunks: row by row, in each row channel by channel."""
    planes = {
        channel.name: np.empty((covered.height, covered.width), SAMPLE_TYPES[channel.sample])
        for channel in part.channels
    }
    for chunk, box in zip(chunks, _boxes(part, covered), strict=True):
        for name, samples in _columns(part, _rows(chunk, box), box):
            planes[name][box.within(covered)] = samples
    return planes


def _rows(chunk: Chunk, box: Box) -> NDArray[np.uint8]:
    return np.frombuffer(chunk.content, np.uint8).reshape(box.height, -1)


def _columns(part: Part, rows: NDArray[np.uint8], box: Box) -> Iterator[tuple[str, NDArray[Any]]]:
    """Each channel's samples in rows of bytes, as they lie there."""
    at = 0
    for channel in part.channels:
        kind = SAMPLE_TYPES[channel.sample]
        size = box.width * kind.itemsize
        yield channel.name, rows[:, at : at + size].view(kind)
        at += size


def _boxes(part: Part, covered: Box) -> list[Box]:
    """The boxes of the chunks that cover a box, in the order of chunks_over."""
    width, height = part.tile or (covered.width, part.lines_per_chunk)
    return [
        Box(x, y, min(x + width, covered.x1), min(y + height, covered.y1))
        for y in range(covered.y0, covered.y1, height)
        for x in range(covered.x0, covered.x1, width)
    ]
