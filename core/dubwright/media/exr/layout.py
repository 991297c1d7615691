"""Where everything lies in an OpenEXR file: headers, chunk tables, chunks.

After "The OpenEXR File Layout" of the OpenEXR technical documentation. Nothing here looks at a
pixel; what a hostile file claims is checked against its size before it is believed.

Boxes are in the file's own pixel coordinates, those of its data and display windows.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.model import Box

__all__ = [
    "DWA_CODECS",
    "LOSSY_CODECS",
    "Attribute",
    "Channel",
    "Layout",
    "Part",
    "damaged",
    "header_bytes",
    "open_frame",
    "read_bytes",
    "read_into",
    "read_layout",
]

MAGIC: Final = b"\x76\x2f\x31\x01"
FILE_VERSION: Final = 2
TILED, LONG_NAMES, DEEP, MULTI_PART = 0x200, 0x400, 0x800, 0x1000
KNOWN_FLAGS: Final = FILE_VERSION | TILED | LONG_NAMES | DEEP | MULTI_PART
LONGEST_SHORT_NAME: Final = 31
MOST_HEADER_BYTES: Final = 1 << 24
FIRST_READ: Final = 1 << 16
# A window's corner lies within what 32-bit arithmetic of other readers survives.
FARTHEST: Final = 1 << 30

# Name and scan lines per chunk, by the code that stands in the file.
CODECS: Final = (
    ("NONE", 1),
    ("RLE", 1),
    ("ZIPS", 1),
    ("ZIP", 16),
    ("PIZ", 32),
    ("PXR24", 16),
    ("B44", 32),
    ("B44A", 32),
    ("DWAA", 32),
    ("DWAB", 256),
    ("HTJ2K256", 256),
    ("HTJ2K32", 32),
    ("LJ2K", 256),
    ("ZSTD", 1),
)
DWA_CODECS: Final = frozenset({"DWAA", "DWAB"})
LOSSY_CODECS: Final = frozenset({"B44", "B44A", "PXR24", "LJ2K"}) | DWA_CODECS
SAMPLE_BYTES: Final = {0: 4, 1: 2, 2: 4}  # uint, half, float
FLAT_TYPES: Final = ("scanlineimage", "tiledimage")
DEEP_TYPES: Final = ("deepscanline", "deeptile")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A header attribute as it stands in the file. Names are Latin-1, so that any byte survives."""

    name: str
    kind: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel; `sample` is 0 for uint, 1 for half, 2 for float."""

    name: str
    sample: int
    perceptually_linear: bool
    x_sampling: int
    y_sampling: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part's header, and where its chunks begin.

    Attributes:
        kind: scanlineimage, tiledimage, deepscanline or deeptile.
        tile: width and height of a tile; None for scan lines.
        levels: the mode of its tiles: 0 for one level, 1 for mipmaps, 2 for ripmaps; 16 more where
            sizes of levels are rounded up.
        offsets: uint64 [chunks], in the order of the part's table.
    """

    index: int
    attributes: tuple[Attribute, ...]
    kind: str
    codec: str
    data_window: Box
    display_window: Box
    channels: tuple[Channel, ...]
    tile: tuple[int, int] | None
    levels: int
    offsets: NDArray[np.uint64]

    @property
    def name(self) -> str:
        """How people know the part."""
        found = self.value("name")
        return found.decode("utf-8", "replace") if found else f"part {self.index}"

    @property
    def is_deep(self) -> bool:
        return self.kind in DEEP_TYPES

    @property
    def is_subsampled(self) -> bool:
        return any(c.x_sampling != 1 or c.y_sampling != 1 for c in self.channels)

    @property
    def codec_code(self) -> int:
        """The codec as the file has it."""
        return [name for name, _ in CODECS].index(self.codec)

    @property
    def lines_per_chunk(self) -> int:
        """Of a part of scan lines."""
        return CODECS[self.codec_code][1]

    @property
    def pixel_bytes(self) -> int:
        """What one pixel of a flat part takes."""
        return sum(SAMPLE_BYTES[channel.sample] for channel in self.channels)

    def value(self, name: str) -> bytes | None:
        return next((a.value for a in self.attributes if a.name == name), None)

    def chunks_over(self, box: Box) -> tuple[NDArray[np.int64], Box]:
        """The chunks of a one-level part that share pixels with a box, and the box that they cover.

        Both are empty where the box lies outside the data window.
        """
        window = self.data_window
        x0, y0 = max(box.x0, window.x0), max(box.y0, window.y0)
        x1, y1 = min(box.x1, window.x1), min(box.y1, window.y1)
        if x0 >= x1 or y0 >= y1:
            return np.empty(0, np.int64), Box(x0, y0, x0, y0)
        width, height = self.tile or (window.width, self.lines_per_chunk)
        columns = range((x0 - window.x0) // width, (x1 - 1 - window.x0) // width + 1)
        rows = range((y0 - window.y0) // height, (y1 - 1 - window.y0) // height + 1)
        across = -(-window.width // width)
        indexes = (np.array(rows)[:, None] * across + np.array(columns)[None, :]).ravel()
        covered = Box(
            window.x0 + columns.start * width,
            window.y0 + rows.start * height,
            min(window.x0 + columns.stop * width, window.x1),
            min(window.y0 + rows.stop * height, window.y1),
        )
        return indexes, covered


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole file.

    Attributes:
        version: the version field with its flags.
        parts: in order.
        body: where the chunks begin: after the headers and the tables.
        size: of the file.
    """

    version: int
    parts: tuple[Part, ...]
    body: int
    size: int

    @property
    def is_multi_part(self) -> bool:
        return bool(self.version & MULTI_PART)

    @property
    def leader_bytes(self) -> int:
        """What stands before the leader of a chunk of its own: the number of its part."""
        return 4 if self.is_multi_part else 0


def open_frame(path: Path) -> BinaryIO:
    """A frame's file, unbuffered.

    Raises:
        DubwrightError: it cannot be opened.
    """
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise DubwrightError(
            "A frame cannot be read",
            where=str(path),
            why=error.strerror or str(error),
            repair="check that the sequence is complete and its drive connected",
        ) from error


def read_bytes(file: BinaryIO, count: int) -> bytes:
    """So many bytes, or those up to the end: unbuffered files may give fewer at once."""
    held = bytearray(count)
    return bytes(held[: read_into(file, memoryview(held))])


def read_into(file: BinaryIO, place: memoryview) -> int:
    """Fill a place from a file; how far there was anything."""
    at = 0
    while at < len(place) and (count := file.readinto(place[at:])):  # type: ignore[attr-defined]
        at += count
    return at


def read_layout(file: BinaryIO, path: Path) -> Layout:
    """The layout of an open file.

    Args:
        file: read from its beginning.
        path: of the file, for errors.

    Raises:
        DubwrightError: it is not OpenEXR, or it is damaged or cut short.
    """
    size = file.seek(0, 2)
    wanted = FIRST_READ
    while True:
        file.seek(0)
        head = read_bytes(file, min(wanted, size))
        if head[:4] != MAGIC:
            raise DubwrightError(
                "A file is not an OpenEXR image",
                where=str(path),
                why="it does not begin with OpenEXR's signature, whatever its name says",
                repair="render or copy the frame again",
            )
        try:
            return _parsed(head, size)
        except _CutShort:
            if len(head) >= size:
                raise damaged(path, "its header is cut short") from None
            if wanted >= MOST_HEADER_BYTES:
                raise damaged(path, "its header does not end") from None
            wanted *= 4
        except _Malformed as error:
            raise damaged(path, str(error)) from None


def damaged(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "A frame is damaged",
        where=str(path),
        why=why,
        repair="render or copy the frame again; the file may have been cut short",
    )


def header_bytes(version: int, headers: list[tuple[Attribute, ...]]) -> bytes:
    """The beginning of a file with these parts, up to their tables."""
    out = bytearray(MAGIC)
    names = [text for header in headers for a in header for text in (a.name, a.kind)]
    if any(len(name) > LONGEST_SHORT_NAME for name in names):
        version |= LONG_NAMES
    out += struct.pack("<I", version)
    for header in headers:
        for attribute in header:
            out += attribute.name.encode("latin-1") + b"\0"
            out += attribute.kind.encode("latin-1") + b"\0"
            out += struct.pack("<i", len(attribute.value)) + attribute.value
        out += b"\0"
    if version & MULTI_PART:
        out += b"\0"
    return bytes(out)


class _CutShort(Exception):  # noqa: N818 - it is caught where more is read
    """What was read ends before the headers do."""


class _Malformed(Exception):  # noqa: N818 - it is caught where the file is known
    """The headers contradict themselves or the file."""


def _parsed(head: bytes, size: int) -> Layout:
    if len(head) < 8:
        raise _CutShort
    (version,) = struct.unpack_from("<I", head, 4)
    if version & 0xFF != FILE_VERSION or version & ~KNOWN_FLAGS:
        raise _Malformed(f"it is of an unknown version, {version:#x}")
    headers, at = _headers(head, version)
    parts = []
    for index, attributes in enumerate(headers):
        part = _part(index, attributes, version)
        count = _chunk_count(part)
        if at + 8 * count > size:
            raise _Malformed(f"{part.name} has more chunks than fit into the file")
        told = part.value("chunkCount") if version & (MULTI_PART | DEEP) else None
        if told not in (None, struct.pack("<Q", count)[:4]):
            raise _Malformed(f"{part.name} tells another number of chunks than its size has")
        if at + 8 * count > len(head):
            raise _CutShort
        parts.append(replace(part, offsets=np.frombuffer(head, "<u8", count, at)))
        at += 8 * count
    for part in parts:
        if (part.offsets < at).any() or (part.offsets >= size).any():
            raise _Malformed(
                f"{part.name} is not complete: its writer stopped, or it was cut short"
            )
    return Layout(version, tuple(parts), at, size)


def _headers(head: bytes, version: int) -> tuple[list[tuple[Attribute, ...]], int]:
    """Every part's attributes, and where the tables begin."""
    at = 8
    headers = []
    while True:
        attributes = []
        while name := _text(head, at):
            at += len(name) + 1
            kind = _text(head, at)
            at += len(kind) + 1
            if at + 4 > len(head):
                raise _CutShort
            (length,) = struct.unpack_from("<i", head, at)
            at += 4
            if length < 0:
                raise _Malformed(f"attribute {name!r} has a negative size")
            if at + length > len(head):
                raise _CutShort
            attributes.append(Attribute(name, kind, head[at : at + length]))
            at += length
        at += 1
        if attributes:
            headers.append(tuple(attributes))
        if not version & MULTI_PART:
            if not headers:
                raise _Malformed("its header is empty")
            return headers, at
        if not attributes:
            if not headers:
                raise _Malformed("it has no parts")
            return headers, at


def _text(head: bytes, at: int) -> str:
    end = head.find(b"\0", at)
    if end < 0:
        raise _CutShort
    return head[at:end].decode("latin-1")


def _part(index: int, attributes: tuple[Attribute, ...], version: int) -> Part:
    values = {attribute.name: attribute.value for attribute in attributes}
    if len(values) != len(attributes):
        raise _Malformed("an attribute stands twice in a header")
    code = _unpacked("<B", values, "compression")[0]
    if code >= len(CODECS):
        raise _Malformed(f"its codec, number {code}, is unknown")
    if version & (MULTI_PART | DEEP):
        kind = values.get("type", b"").decode("latin-1")
        if kind not in (*FLAT_TYPES, *DEEP_TYPES):
            raise _Malformed(f"a part is of an unknown type, {kind!r}")
    else:
        # A single flat part may carry the type of a file that it was taken from.
        kind = FLAT_TYPES[1] if version & TILED else FLAT_TYPES[0]
    tile, levels = None, 0
    if kind in (FLAT_TYPES[1], DEEP_TYPES[1]):
        width, height, mode = _unpacked("<IIB", values, "tiles")
        if not 1 <= width < FARTHEST or not 1 <= height < FARTHEST or mode & 15 > 2 or mode > 31:
            raise _Malformed("its tiles are malformed")
        tile, levels = (width, height), mode
    return Part(
        index=index,
        attributes=attributes,
        kind=kind,
        codec=CODECS[code][0],
        data_window=_window(values, "dataWindow"),
        display_window=_window(values, "displayWindow"),
        channels=_channels(values),
        tile=tile,
        levels=levels,
        offsets=np.empty(0, np.uint64),
    )


def _unpacked(form: str, values: Mapping[str, bytes], name: str) -> tuple[int, ...]:
    value = values.get(name)
    if value is None or len(value) != struct.calcsize(form):
        raise _Malformed(f"its attribute {name} is missing or malformed")
    return struct.unpack(form, value)


def _window(values: Mapping[str, bytes], name: str) -> Box:
    x0, y0, x1, y1 = _unpacked("<4i", values, name)
    if x1 < x0 or y1 < y0 or max(map(abs, (x0, y0, x1, y1))) > FARTHEST:
        raise _Malformed(f"its {name} is empty or too large")
    return Box(x0, y0, x1 + 1, y1 + 1)


def _channels(values: Mapping[str, bytes]) -> tuple[Channel, ...]:
    listed = values.get("channels", b"")
    channels, at = [], 0
    while at < len(listed) and listed[at]:
        end = listed.find(b"\0", at)
        if end < 0 or end + 17 > len(listed):
            raise _Malformed("its list of channels is cut short")
        sample, linear, across, down = struct.unpack_from("<iB3xii", listed, end + 1)
        if sample not in SAMPLE_BYTES or across < 1 or down < 1:
            raise _Malformed("its list of channels is malformed")
        name = listed[at:end].decode("latin-1")
        channels.append(Channel(name, sample, bool(linear), across, down))
        at = end + 17
    if not channels or at + 1 != len(listed):
        raise _Malformed("its list of channels is malformed")
    return tuple(channels)


def _chunk_count(part: Part) -> int:
    width, height = part.data_window.width, part.data_window.height
    if part.tile is None:
        return -(-height // part.lines_per_chunk)
    across, down = part.tile
    rounds_up = bool(part.levels >> 4)
    if part.levels & 15 == 0:
        return -(-width // across) * -(-height // down)
    if part.levels & 15 == 1:
        sizes = zip(
            _level_sizes(width, max(width, height), rounds_up),
            _level_sizes(height, max(width, height), rounds_up),
            strict=True,
        )
        return sum(-(-w // across) * -(-h // down) for w, h in sizes)
    columns = sum(-(-w // across) for w in _level_sizes(width, width, rounds_up))
    return columns * sum(-(-h // down) for h in _level_sizes(height, height, rounds_up))


def _level_sizes(size: int, largest: int, rounds_up: bool) -> list[int]:
    """A side's length in each level, as many levels as the largest side has."""
    levels = (largest - 1).bit_length() if rounds_up else largest.bit_length() - 1
    return [
        max(1, -(-size // (1 << level)) if rounds_up else size >> level)
        for level in range(levels + 1)
    ]
