"""A folder of results, each in a folder named by its key.

A result appears whole or not at all: it is made in a folder beside the others and renamed into
place. Two processes that make the same result at once both succeed; one copy stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import platformdirs
from filelock import FileLock

from dubwright.errors import DubwrightError, StorageUnavailable
from dubwright.store.whole import disk_is_full

__all__ = ["Store", "content_key", "default_store_folder", "rename"]

DEFAULT_SIZE_LIMIT: Final = 50 * 2**30
ABANDONED_AFTER_S: Final = 24 * 3600
RENAME_WITHIN_S: Final = 2.0
KEY: Final = re.compile("[0-9a-f]{4,64}")


def content_key(content: Any) -> str:
    """The SHA-256, in hexadecimal, of any JSON value in canonical form."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def rename(source: Path, destination: Path) -> None:
    """Rename a file or a folder. Windows refuses while a scanner looks into it: it is asked again.

    Raises:
        OSError: it cannot be renamed.
    """
    deadline = time.monotonic() + RENAME_WITHIN_S
    while True:
        try:
            source.rename(destination)
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def default_store_folder() -> Path:
    """Where results are kept unless a command says otherwise: $DUBWRIGHT_STORE, or the user's own.

    The variable reaches a service that a host starts, too.
    """
    named = os.environ.get("DUBWRIGHT_STORE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("dubwright")) / "store"


class Store:
    """Results under one folder.

    Args:
        folder: made if it is not there.
        size_limit: in bytes; `evict` removes the results unused for longest until they fit.

    Raises:
        DubwrightError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, size_limit: int = DEFAULT_SIZE_LIMIT) -> None:
        self.folder = folder.absolute()
        self.size_limit = size_limit
        self._objects = self.folder / "objects"
        self._making = self.folder / "making"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._objects.mkdir(exist_ok=True)
            self._making.mkdir(exist_ok=True)
        except OSError as error:
            raise DubwrightError(
                "The store cannot be written",
                where=str(self.folder),
                why=error.strerror or str(error),
                repair="choose a folder that you may write to with --store",
            ) from error

    @classmethod
    def found(cls, folder: Path) -> Store:
        """A store that was made before.

        Raises:
            StorageUnavailable: it is not there: making it anew where its drive was mounted would
                fill another disk.
        """
        if not (folder / "objects").is_dir():
            raise _gone(folder)
        return cls(folder)

    def lock(self, name: str) -> FileLock:
        """A lock of this name that one process at a time can hold, as a context."""
        locks = self.folder / "locks"
        locks.mkdir(exist_ok=True)
        return FileLock(locks / f"{content_key(name)[:32]}.lock")

    def path(self, key: str) -> Path:
        """Where the result of this key lies or will lie."""
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key")
        return self._objects / key[:2] / key

    def find(self, key: str) -> Path | None:
        """The folder of a finished result, marked as used now; None if it is not there."""
        folder = self.path(key)
        try:
            os.utime(folder)
        except FileNotFoundError:
            return None
        return folder

    @contextmanager
    def making(self, key: str) -> Iterator[Path]:
        """An empty folder to make a result in; it is committed when the block ends well.

        Raises:
            DubwrightError: the disk is full.
        """
        maker = _maker(os.getpid())
        folder = Path(tempfile.mkdtemp(dir=self._making, prefix=f"{key[:12]}-{maker}-"))
        try:
            yield folder
            final = self.path(key)
            final.parent.mkdir(exist_ok=True)
            try:
                rename(folder, final)
            except OSError:
                if not final.is_dir():  # otherwise another process made the same result first
                    raise
        except Exception as error:
            if not self._making.is_dir():
                raise _gone(self.folder) from error
            if disk_is_full(error, self.folder):
                raise StorageUnavailable(
                    "The disk is full",
                    where=str(self.folder),
                    why="the store could not write a result",
                    repair="free some space, or choose another disk with --store; "
                    "what is finished is kept and will not be made again",
                ) from error
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def clear_after(self, process: int) -> None:
        """Remove what a process of this machine left half made, which has ended.

        Args:
            process: its number.
        """
        for folder in self._making.glob(f"*-{_maker(process)}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def evict(self, keep: frozenset[str] = frozenset()) -> list[str]:
        """Remove the results unused for longest until the store fits, and abandoned work.

        Args:
            keep: keys that stay whatever their age.

        Returns:
            The keys that were removed.
        """
        for folder in self._making.iterdir():
            if time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)
        results = sorted(self._objects.glob("*/*"), key=lambda folder: folder.stat().st_mtime)
        sizes = {folder: _size(folder) for folder in results}
        total = sum(sizes.values())
        removed = []
        for folder in results:
            if total <= self.size_limit:
                break
            if folder.name not in keep:
                # Out of sight first: half a result must never be found.
                leaving = Path(tempfile.mkdtemp(dir=self._making, prefix="evicted-")) / folder.name
                folder.rename(leaving)
                shutil.rmtree(leaving.parent)
                total -= sizes[folder]
                removed.append(folder.name)
        return removed


def _maker(process: int) -> str:
    """A name for a process, for stores that several machines share."""
    return content_key([platform.node(), process])[:12]


def _gone(folder: Path) -> StorageUnavailable:
    return StorageUnavailable(
        "The store is gone",
        where=str(folder),
        why="its folder is not there any more",
        repair="connect its drive again; what is finished is kept on it",
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
