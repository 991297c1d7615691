"""Content hashes of media files, remembered by path, size and time of change."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dubwright.errors import DubwrightError, StorageUnavailable
from dubwright.store.whole import disk_is_full

__all__ = ["Fingerprints"]

BLOCK: Final = 1 << 20


class Fingerprints:
    """BLAKE2b hashes of files. Safe for several processes on one store."""

    def __init__(self, folder: Path) -> None:
        self._database = folder / "fingerprints.sqlite"
        with self._connected() as connection:
            connection.execute("pragma journal_mode=wal")
            connection.execute(
                "create table if not exists file"
                " (path text primary key, size integer, changed integer, hash text)"
            )

    def of_file(self, path: Path) -> str:
        """The hash of one file's content, in hexadecimal.

        Raises:
            DubwrightError: the file is missing or cannot be read.
        """
        return self.of_files([path])[0]

    def of_files(self, paths: Iterable[Path]) -> list[str]:
        """The hashes of many files, in their order. See of_file."""
        with self._connected() as connection:
            return [self._remembered(connection, path.absolute()) for path in paths]

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection on which every statement commits itself: a hash once made is kept.

        Raises:
            StorageUnavailable: the disk is full.
            DubwrightError: the database cannot be written for another reason.
        """
        try:
            connection = sqlite3.connect(self._database, timeout=30, isolation_level=None)
            try:
                yield connection
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            # Where its shared memory finds no room, SQLite calls a full disk an "I/O error".
            if disk_is_full(error, self._database.parent):
                raise StorageUnavailable(
                    "The disk is full",
                    where=str(self._database),
                    why=str(error),
                    repair="free some space, or choose another disk with --store",
                ) from error
            raise DubwrightError(
                "The store cannot be written",
                where=str(self._database),
                why=str(error),
                repair="check the drive, or choose another disk with --store",
            ) from error

    def _remembered(self, connection: sqlite3.Connection, path: Path) -> str:
        try:
            state = path.stat()
            row = connection.execute(
                "select hash from file where path=? and size=? and changed=?",
                (str(path), state.st_size, state.st_mtime_ns),
            ).fetchone()
            if row:
                return str(row[0])
            content = _hash(path)
        except OSError as error:
            raise DubwrightError(
                "A media file cannot be read",
                where=str(path),
                why=error.strerror or str(error),
                repair="check that the file is there and that its drive is connected",
            ) from error
        connection.execute(
            "insert or replace into file values (?,?,?,?)",
            (str(path), state.st_size, state.st_mtime_ns, content),
        )
        return content


def _hash(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
