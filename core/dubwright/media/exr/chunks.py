"""Chunks of an OpenEXR file, decoded and encoded without touching the rest of it.

Chunks are decoded by laying them into a small, complete file in memory that the OpenEXR library
reads, and encoded by having it write such a file and taking its chunks out. So every codec of the
library is known here, and none is written anew.

Planes are arrays [height, width] of the channel's own type: uint32, float16 or float32.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import OpenEXR
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.media.exr.layout import (
    DWA_CODECS,
    LONG_NAMES,
    TILED,
    Attribute,
    Layout,
    Part,
    damaged,
    header_bytes,
    read_into,
    read_layout,
)
from dubwright.media.exr.stored import (
    UNCOMPRESSED,
    Chunk,
    Planes,
    Run,
    store_planes,
    stored_planes,
)
from dubwright.model import Box

__all__ = [
    "DWA_LEVEL",
    "MOST_PIXELS",
    "Change",
    "change",
    "decode",
    "read_chunks",
    "read_planes",
    "require_flat",
]

Change = Callable[[Planes, Box], None]

# Of chunks that are encoded again. A reader of DWA need not know the level, so that one file may
# hold several: a finer one keeps what the second generation loses far below the grain.
DWA_LEVEL: Final = 5.0
MOST_PIXELS: Final = 1 << 28
# What the library needs to know of a header to make sense of chunks.
STRUCTURAL: Final = ("channels", "compression", "displayWindow", "tiles")


def require_flat(part: Part, path: Path) -> None:
    """Check that a part's pixels can be read and edited here.

    Raises:
        DubwrightError: it is deep, or has several levels or subsampled channels; the part is named.
    """
    if part.is_deep:
        why = f"{part.name} is deep: its pixels hold many samples at many depths"
    elif part.levels & 15:
        why = f"{part.name} is mipmapped or ripmapped: every level would need the change"
    elif part.is_subsampled:
        why = f"{part.name} has channels with fewer samples than pixels"
    else:
        return
    raise DubwrightError(
        "A part of a frame cannot be edited",
        where=f"{path}: {part.name}",
        why=why,
        repair="give the picture as a flat part of full resolution, with one level",
    )


def read_planes(
    file: BinaryIO, layout: Layout, part: Part, box: Box, path: Path
) -> tuple[Planes, Box]:
    """The channels of a flat part in those chunks that a box touches.

    Returns:
        The planes, and the box that they cover; no planes where the box touches none.
    """
    indexes, covered = part.chunks_over(box)
    if not len(indexes):
        return {}, covered
    return decode(part, read_chunks(file, layout, part, indexes, path), covered, path), covered


def read_chunks(
    file: BinaryIO, layout: Layout, part: Part, indexes: NDArray[np.int64], path: Path
) -> list[Chunk]:
    """Chunks of a flat part by their places in its table.

    Raises:
        DubwrightError: a chunk is not what the table says, or lies over another one.
    """
    starts = np.sort(np.concatenate([each.offsets for each in layout.parts]))
    offsets = part.offsets[indexes]
    after = np.append(starts, np.uint64(layout.size))
    fixed = layout.leader_bytes + (20 if part.tile else 8)
    longest = offsets + np.uint64(min(fixed + _most_bytes(part), layout.size))
    ends = np.minimum(after[np.searchsorted(starts, offsets, side="right")], longest)
    chunks: list[Chunk] = []
    places = zip(indexes.tolist(), offsets.tolist(), ends.tolist(), strict=True)
    for (index, offset, end), run in _read_runs(file, list(places)):
        held = run.between(offset, end)
        if len(held) < fixed:
            raise damaged(path, f"chunk {index} of {part.name} is cut short")
        leader = bytes(held[:fixed])
        *place, size = struct.unpack(f"<{fixed // 4}i", leader)
        if place != _place(layout, part, index):
            raise damaged(path, f"chunk {index} of {part.name} is another one")
        if not 0 <= size <= end - offset - fixed:
            raise damaged(path, f"chunk {index} of {part.name} is cut short or lies over another")
        chunks.append(Chunk(run, offset, leader, held[fixed : fixed + size]))
    return chunks


def decode(part: Part, chunks: Sequence[Chunk], covered: Box, path: Path) -> Planes:
    """The planes of chunks that cover a box exactly.

    Raises:
        DubwrightError: they are damaged, or the box is larger than any picture.
    """
    require_flat(part, path)
    if covered.width * covered.height > MOST_PIXELS:
        raise damaged(path, f"{part.name} claims {covered.width}x{covered.height} pixels")
    if part.codec == UNCOMPRESSED:
        return stored_planes(part, chunks, covered, path)
    said = io.StringIO()
    try:
        # The library prints what it cannot read, and leaves the part out.
        with contextlib.redirect_stdout(said):
            file = OpenEXR.File(io.BytesIO(_lifted(part, chunks, covered)), separate_channels=True)
    except (RuntimeError, ValueError, MemoryError) as error:
        raise damaged(path, f"{part.name}: {error}") from error
    if not file.parts:
        raise damaged(path, f"the pixels of {part.name} cannot be read")
    channels = file.parts[0].channels
    return {channel.name: channels[channel.name].pixels for channel in part.channels}


def change(
    part: Part, chunks: Sequence[Chunk], covered: Box, make: Change, path: Path
) -> list[memoryview]:
    """What chunks that cover a box exactly hold once their planes were changed.

    Args:
        part: of the chunks.
        chunks: as chunks_over orders them.
        covered: the box.
        make: is called with the planes, which it changes in place, and the box.
        path: of the file, for errors.

    Raises:
        DubwrightError: see decode.
    """
    planes = decode(part, chunks, covered, path)
    make(planes, covered)
    if part.codec == UNCOMPRESSED:
        store_planes(part, planes, chunks, covered)
        return [chunk.content for chunk in chunks]
    return _encoded(part, planes, covered)


def _encoded(part: Part, planes: Planes, covered: Box) -> list[memoryview]:
    header: dict[str, Any] = {
        "compression": OpenEXR.Compression(part.codec_code),
        "dataWindow": _corners(covered),
        "displayWindow": _corners(covered),
        "type": OpenEXR.tiledimage if part.tile else OpenEXR.scanlineimage,
    }
    if part.codec in DWA_CODECS:
        header["dwaCompressionLevel"] = DWA_LEVEL
    if part.tile:
        tiles = OpenEXR.TileDescription()
        tiles.xSize, tiles.ySize = part.tile
        tiles.mode = OpenEXR.LevelMode.ONE_LEVEL
        header["tiles"] = tiles
    channels = {
        channel.name: OpenEXR.Channel(
            # The library takes strided arrays for contiguous ones.
            np.ascontiguousarray(planes[channel.name]), 1, 1, channel.perceptually_linear
        )
        for channel in part.channels
    }  # fmt: skip
    written = io.BytesIO()
    OpenEXR.File(header, channels).write(written)
    path = Path("what was encoded")
    layout = read_layout(written, path)
    (made,) = layout.parts
    every = np.arange(len(made.offsets))
    return [chunk.content for chunk in read_chunks(written, layout, made, every, path)]


def _lifted(part: Part, chunks: Sequence[Chunk], covered: Box) -> bytes:
    """A small file of these chunks alone."""
    window = struct.pack("<4i", covered.x0, covered.y0, covered.x1 - 1, covered.y1 - 1)
    kept = [a for a in part.attributes if a.name in STRUCTURAL]
    kept.append(Attribute("dataWindow", "box2i", window))
    # Chunks lie in the order of the table, whatever order the file has them in.
    kept.append(Attribute("lineOrder", "lineOrder", b"\0"))
    kept.append(Attribute("pixelAspectRatio", "float", struct.pack("<f", 1.0)))
    kept.append(Attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)))
    kept.append(Attribute("screenWindowWidth", "float", struct.pack("<f", 1.0)))
    version = 2 | (TILED if part.tile else 0)
    if any(len(channel.name) > 31 for channel in part.channels):
        version |= LONG_NAMES
    head = header_bytes(version, [tuple(kept)])
    leaders = [_leader_at(part, chunk, covered) for chunk in chunks]
    sizes = [
        len(leader) + len(chunk.content) for leader, chunk in zip(leaders, chunks, strict=True)
    ]
    first = len(head) + 8 * len(chunks)
    table = np.array([first, *sizes[:-1]], "<u8").cumsum(dtype="<u8")
    body = (
        b for leader, chunk in zip(leaders, chunks, strict=True) for b in (leader, chunk.content)
    )
    return b"".join([head, table.tobytes(), *body])


def _leader_at(part: Part, chunk: Chunk, covered: Box) -> bytes:
    """The leader of a chunk in a file whose data window begins at the covered box."""
    if part.tile is None:
        return chunk.leader[-8:]
    across, down = part.tile
    column, row = struct.unpack_from("<2i", chunk.leader, len(chunk.leader) - 20)
    column -= (covered.x0 - part.data_window.x0) // across
    row -= (covered.y0 - part.data_window.y0) // down
    return struct.pack("<5i", column, row, 0, 0, len(chunk.content))


def _place(layout: Layout, part: Part, index: int) -> list[int]:
    """What a chunk's leader must say before its size."""
    number = [part.index] if layout.is_multi_part else []
    if part.tile is None:
        return [*number, part.data_window.y0 + index * part.lines_per_chunk]
    across = -(-part.data_window.width // part.tile[0])
    return [*number, index % across, index // across, 0, 0]


def _most_bytes(part: Part) -> int:
    """A chunk is stored as it is where its codec does not make it smaller."""
    width, height = part.tile or (part.data_window.width, part.lines_per_chunk)
    return width * height * part.pixel_bytes


def _read_runs(
    file: BinaryIO, places: list[tuple[int, int, int]]
) -> Iterator[tuple[tuple[int, int, int], Run]]:
    """Each (index, begin, end) with the run that holds it; what lies together is read together."""
    ordered = sorted(places, key=lambda place: place[1])
    runs: list[list[tuple[int, int, int]]] = []
    for place in ordered:
        if runs and runs[-1][-1][2] == place[1]:
            runs[-1].append(place)
        else:
            runs.append([place])
    found = {}
    for run in runs:
        begin, end = run[0][1], run[-1][2]
        held = bytearray(end - begin)
        file.seek(begin)
        read = Run(begin, memoryview(held)[: read_into(file, memoryview(held))])
        found.update(dict.fromkeys(run, read))
    return ((place, found[place]) for place in places)


def _corners(box: Box) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    return np.array([box.x0, box.y0], np.int32), np.array([box.x1 - 1, box.y1 - 1], np.int32)
