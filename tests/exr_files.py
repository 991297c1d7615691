"""EXR files that the OpenEXR module cannot write: mipmaps, ripmaps, subsampled, shuffled tiles.

Written with numpy from "The OpenEXR File Layout", uncompressed, for tests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float16]
MIPMAP, RIPMAP, ROUND_UP = 1, 2, 16
HALF = 1


def write_subsampled(path: Path, planes: Mapping[str, tuple[Plane, int]]) -> None:
    """Scan lines of channels that hold a sample for every so many pixels in each direction."""
    height, width = (side * next(iter(planes.values()))[1] for side in _first(planes).shape)
    chunks = []
    for y in range(height):
        rows = (plane[y // step] for plane, step in _sorted(planes) if y % step == 0)
        held = b"".join(row.tobytes() for row in rows)
        chunks.append(struct.pack("<ii", y, len(held)) + held)
    channels = [(name, step) for name, (_, step) in sorted(planes.items())]
    _write(path, _header(channels, width, height, None), chunks, range(len(chunks)))


def write_tiles(
    path: Path,
    planes: Mapping[str, Plane],
    tile: tuple[int, int],
    mode: int = 0,
    order: Sequence[int] | None = None,
) -> None:
    """Tiles, with all levels of their mode, placed in the file in this order of their table."""
    height, width = next(iter(planes.values())).shape
    chunks = []
    for column_level, row_level, across, down in _levels(width, height, mode):
        small = {n: p[:: 1 << row_level, :: 1 << column_level] for n, p in planes.items()}
        for y in range(0, down, tile[1]):
            for x in range(0, across, tile[0]):
                cut = [
                    small[n][y : min(y + tile[1], down), x : min(x + tile[0], across)]
                    for n in sorted(small)
                ]
                held = b"".join(row.tobytes() for rows in zip(*cut, strict=True) for row in rows)
                place = (x // tile[0], y // tile[1], column_level, row_level, len(held))
                chunks.append(struct.pack("<5i", *place) + held)
    header = _header([(name, 1) for name in sorted(planes)], width, height, (*tile, mode))
    _write(path, header, chunks, order or range(len(chunks)))


def _first(planes: Mapping[str, tuple[Plane, int]]) -> Plane:
    return next(iter(planes.values()))[0]


def _sorted(planes: Mapping[str, tuple[Plane, int]]) -> list[tuple[Plane, int]]:
    return [planes[name] for name in sorted(planes)]


def _levels(width: int, height: int, mode: int) -> Iterator[tuple[int, int, int, int]]:
    up = mode & ROUND_UP

    def count(side: int) -> int:
        return (side - 1).bit_length() + 1 if up else side.bit_length()

    def size(side: int, level: int) -> int:
        return max(1, -(-side // (1 << level)) if up else side >> level)

    if mode & 15 == MIPMAP:
        pairs = [(level, level) for level in range(count(max(width, height)))]
    elif mode & 15 == RIPMAP:
        pairs = [(x, y) for y in range(count(height)) for x in range(count(width))]
    else:
        pairs = [(0, 0)]
    for x, y in pairs:
        yield x, y, size(width, x), size(height, y)


def _header(
    channels: Sequence[tuple[str, int]], width: int, height: int, tiles: tuple[int, int, int] | None
) -> bytes:
    listed = b"".join(
        name.encode() + b"\0" + struct.pack("<iB3xii", HALF, 0, step, step)
        for name, step in channels
    )
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    attributes = [
        ("channels", "chlist", listed + b"\0"),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", bytes([2 if tiles else 0])),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ]
    if tiles:
        attributes.append(("tiles", "tiledesc", struct.pack("<IIB", *tiles)))
    packed = (
        name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
        for name, kind, value in attributes
    )
    return struct.pack("<II", 20000630, 2 | (0x200 if tiles else 0)) + b"".join(packed) + b"\0"


def _write(path: Path, header: bytes, chunks: Sequence[bytes], order: Sequence[int]) -> None:
    table, at = [0] * len(chunks), len(header) + 8 * len(chunks)
    for index in order:
        table[index] = at
        at += len(chunks[index])
    body = b"".join(chunks[index] for index in order)
    path.write_bytes(header + struct.pack(f"<{len(table)}Q", *table) + body)
