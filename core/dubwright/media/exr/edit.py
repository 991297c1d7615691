"""Edits of an OpenEXR frame that copy what they do not touch byte for byte.

Everything in the file but the chunks under the edit goes to the new file as it is: other chunks,
other parts, deep ones too, and whatever lies between them. Only offsets and, where asked,
attributes of the first header change.
"""

from __future__ import annotations

import errno
import io
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from dubwright.errors import DubwrightError
from dubwright.media.exr.chunks import Change, change, read_chunks, require_flat
from dubwright.media.exr.layout import (
    Attribute,
    Layout,
    Part,
    header_bytes,
    open_frame,
    read_bytes,
    read_into,
    read_layout,
)
from dubwright.media.exr.stored import Chunk
from dubwright.model import Box
from dubwright.store import whole

__all__ = ["Edited", "PlaneEdit", "edit_file", "text_attributes", "with_attributes"]

BLOCK: Final = 1 << 20
OFFSET_BYTES: Final = 8
NOT_BY_SYSTEM: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})

# Bytes of the copy's own, or a range of the source's.
Piece = bytes | memoryview | range


@dataclass(frozen=True, slots=True)
class PlaneEdit:
    """A change of a part's pixels.

    Attributes:
        part: its index.
        box: in the file's pixel coordinates; only pixels inside it change.
        change: is called with the planes [height, width], which it changes in place, and the box
            that they cover; not called where the box lies outside the data window.
    """

    part: int
    box: Box
    change: Change


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit did: how many chunks were encoded anew, and how many the file has."""

    encoded: int
    chunks: int


def edit_file(
    source: Path,
    destination: Path,
    edit: PlaneEdit | None = None,
    attributes: Mapping[str, str] | None = None,
    *,
    verify: bool = True,
) -> Edited:
    """Write an edited copy of a frame; it appears whole or not at all.

    Args:
        source: of the frame, which is not changed.
        destination: of the copy.
        edit: of its pixels.
        attributes: text attributes to set on the first part.
        verify: whether the copy is read back and compared with what it must hold.

    Raises:
        DubwrightError: the source is damaged, or its part cannot be edited in place.
    """
    with open_frame(source) as file:
        layout = read_layout(file, source)
        new = _encoded(file, layout, edit, source) if edit else []
        told = text_attributes(attributes or {})
        pieces = _pieces(layout, _head(layout, new, told), new)
        with whole(destination) as partial:
            with partial.open("wb", buffering=0) as out:
                for piece in pieces:
                    if isinstance(piece, range):
                        _copy(file, out, piece, source)
                    else:
                        _write(out, piece)
                os.fsync(out.fileno())
            if verify:
                _verify(file, partial, pieces, destination)
    return Edited(len(new), sum(len(part.offsets) for part in layout.parts))


def text_attributes(texts: Mapping[str, str]) -> list[Attribute]:
    """Text attributes by name."""
    return [Attribute(name, "string", text.encode()) for name, text in texts.items()]


def with_attributes(file: io.BytesIO, attributes: Sequence[Attribute], path: Path) -> bytes:
    """A file in memory with attributes added to its first part, instead of those of their names.

    Args:
        file: of one part.
        attributes: to add.
        path: of what is written, for errors.
    """
    layout = read_layout(file, path)
    return _head(layout, [], attributes) + file.getvalue()[layout.body :]


def _encoded(
    file: BinaryIO, layout: Layout, edit: PlaneEdit, path: Path
) -> list[tuple[Chunk, memoryview]]:
    """The chunks under an edit, and what they hold from now on, in the order of the file."""
    part = layout.parts[edit.part]
    require_flat(part, path)
    indexes, covered = part.chunks_over(edit.box)
    if not len(indexes):
        return []
    chunks = read_chunks(file, layout, part, indexes, path)
    contents = change(part, chunks, covered, edit.change, path)
    return sorted(zip(chunks, contents, strict=True), key=lambda pair: pair[0].offset)


def _head(
    layout: Layout, new: list[tuple[Chunk, memoryview]], attributes: Sequence[Attribute]
) -> bytes:
    """Headers and tables of the copy."""
    first, *others = layout.parts
    headers = [_with(first, attributes), *(part.attributes for part in others)]
    head = header_bytes(layout.version, headers)
    tables = sum(OFFSET_BYTES * len(part.offsets) for part in layout.parts)
    moved = len(head) + tables - layout.body
    begins = np.array([chunk.offset for chunk, _ in new], np.int64)
    grown = np.array([0, *itertools.accumulate(len(held) - len(was.content) for was, held in new)])
    for part in layout.parts:
        offsets = part.offsets.astype(np.int64)
        shifts = moved + grown[np.searchsorted(begins, offsets, side="left")]
        head += (offsets + shifts).astype("<u8").tobytes()
    return head


def _with(part: Part, attributes: Sequence[Attribute]) -> tuple[Attribute, ...]:
    names = {attribute.name for attribute in attributes}
    return (*(a for a in part.attributes if a.name not in names), *attributes)


def _pieces(layout: Layout, head: bytes, new: list[tuple[Chunk, memoryview]]) -> list[Piece]:
    """The copy from its beginning."""
    pieces: list[Piece] = [head]
    at = layout.body
    for run, changed in itertools.groupby(new, lambda pair: pair[0].run):
        chunks, contents = zip(*changed, strict=True)
        if contents[0] is chunks[0].content:
            pieces.append(range(at, chunks[0].offset))
            # Changed where it was read: the whole run is as it shall be.
            pieces.append(run.between(chunks[0].offset, chunks[-1].end))
        else:
            for chunk, content in zip(chunks, contents, strict=True):
                # Writers may leave a gap between chunks.
                pieces += [range(at, chunk.offset), chunk.leader_of(content), content]
                at = chunk.end
        at = chunks[-1].end
    pieces.append(range(at, layout.size))
    return [piece for piece in pieces if len(piece)]


def _write(out: BinaryIO, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while len(rest):
        rest = rest[out.write(rest) :]


def _copy(file: BinaryIO, out: BinaryIO, places: range, path: Path) -> None:
    """Copy a range of the source, within the system where it can."""
    at, end = places.start, places.stop
    if hasattr(os, "copy_file_range"):
        at = _copied_by_system(file, out, at, end)
    file.seek(at)
    while at < end:
        block = read_bytes(file, min(BLOCK, end - at))
        if not block:
            raise _changed_meanwhile(path)
        _write(out, block)
        at += len(block)


def _copied_by_system(file: BinaryIO, out: BinaryIO, at: int, end: int) -> int:
    """How far a range was copied; not at all between file systems that cannot."""
    while at < end:
        try:
            count = os.copy_file_range(file.fileno(), out.fileno(), end - at, offset_src=at)
        except OSError as error:
            if error.errno in NOT_BY_SYSTEM:
                return at
            raise
        if not count:
            return at
        at += count
    return at


def _verify(file: BinaryIO, copy: Path, pieces: list[Piece], destination: Path) -> None:
    """Check that a copy holds what it must, as the system gives it back.

    Raises:
        DubwrightError: it does not.
    """
    with open_frame(copy) as written:
        for piece in pieces:
            if isinstance(piece, range):
                file.seek(piece.start)
                same = _same(file, written, len(piece))
            else:
                same = _holds(written, piece)
            if not same:
                raise _not_written(destination)
        if written.read(1):
            raise _not_written(destination)


def _holds(written: BinaryIO, piece: bytes | memoryview) -> bool:
    """Whether a file goes on with these bytes."""
    block = np.empty(min(BLOCK, len(piece)), np.uint8)
    wanted = np.frombuffer(piece, np.uint8)
    for begin in range(0, len(piece), BLOCK):
        part = wanted[begin : begin + BLOCK]
        count = read_into(written, block[: len(part)].data)
        if count != len(part) or not np.array_equal(block[:count], part):
            return False
    return True


def _same(one: BinaryIO, other: BinaryIO, count: int) -> bool:
    """Whether the next bytes of two files are the same."""
    here, there = bytearray(BLOCK), bytearray(BLOCK)
    for begin in range(0, count, BLOCK):
        length = min(BLOCK, count - begin)
        if read_into(one, memoryview(here)[:length]) != length:
            return False
        if read_into(other, memoryview(there)[:length]) != length:
            return False
        # What lies behind the end of a shorter last block was the same before.
        if here != there:
            return False
    return True


def _not_written(path: Path) -> DubwrightError:
    return DubwrightError(
        "A frame was not written as it should be",
        where=str(path),
        why="what was read back is not what was written, or the plate was changed meanwhile",
        repair="check the drive, and run the same command again",
    )


def _changed_meanwhile(path: Path) -> DubwrightError:
    return DubwrightError(
        "A frame was changed while it was read",
        where=str(path),
        why="it has become shorter",
        repair="wait until the sequence is rendered, and run the same command again",
    )
