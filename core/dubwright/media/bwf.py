"""The broadcast extension of WAV: when, on the clock, a recording begins.

After EBU Tech 3285 version 2, and EBU Tech 3306 for files over 4 GiB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from dubwright.errors import DubwrightError
from dubwright.store import whole

__all__ = ["add_time_reference", "read_time_reference"]

EXTENSION: Final = struct.Struct("<256s32s32s10s8sII H64s5H180s")
TIME_REFERENCE: Final = struct.Struct("<II")
TIME_REFERENCE_AT: Final = 338
UNSAID: Final = 0xFFFFFFFF
LARGEST_SIZES_TABLE: Final = 1 << 16
BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    begin: int
    size: int


def read_time_reference(path: Path) -> int | None:
    """Samples from midnight to the first one of a WAV file; None where it does not say.

    Raises:
        DubwrightError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for chunk in _chunks(file):
                if chunk.name == b"bext" and chunk.size >= TIME_REFERENCE_AT + TIME_REFERENCE.size:
                    file.seek(chunk.begin + TIME_REFERENCE_AT)
                    low, high = TIME_REFERENCE.unpack(file.read(TIME_REFERENCE.size))
                    return int(low | high << 32)
    except (OSError, struct.error) as error:
        raise DubwrightError(
            "An audio file cannot be read",
            where=str(path),
            why=str(error) or "it is cut short",
            repair="check the path and the drive",
        ) from error
    return None


def add_time_reference(path: Path, samples: int, description: str = "") -> None:
    """Say in a WAV file when it begins; the sound stays as it is.

    Args:
        path: of a WAV file under 4 GiB without a broadcast extension; it is replaced whole.
        samples: from midnight to its first one.
        description: for people, at most 256 bytes.
    """
    extension = EXTENSION.pack(
        description.encode()[:256], b"dubwright", b"", b"", b"",
        samples & 0xFFFFFFFF, samples >> 32, 2, b"", *[0x7FFF] * 5, b"",
    )  # fmt: skip
    with whole(path) as partial, path.open("rb") as file, partial.open("wb") as out:
        chunks = list(_chunks(file))
        total = 4 + sum(8 + c.size + c.size % 2 for c in chunks) + 8 + len(extension)
        out.write(b"RIFF" + struct.pack("<I", total) + b"WAVE")
        out.write(b"bext" + struct.pack("<I", len(extension)) + extension)
        for chunk in chunks:
            out.write(chunk.name + struct.pack("<I", chunk.size))
            file.seek(chunk.begin)
            left = chunk.size + chunk.size % 2
            while left and (block := file.read(min(BLOCK, left))):
                out.write(block)
                left -= len(block)
            out.write(bytes(left))


def _chunks(file: BinaryIO) -> Iterator[_Chunk]:
    """The chunks of a WAV file; none where it is another kind of file."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
        return
    large: dict[bytes, int] = {}
    at = 12
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"ds64":
            table = file.read(min(length, LARGEST_SIZES_TABLE))
            _, large[b"data"] = struct.unpack_from("<QQ", table)
        if length == UNSAID:
            length = large.get(name, size - at - 8)
        length = min(length, size - at - 8)
        yield _Chunk(name, at + 8, length)
        at += 8 + length + length % 2
