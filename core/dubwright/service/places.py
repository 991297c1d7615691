"""Folders and files that the page lets a person choose from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from dubwright.errors import DubwrightError
from dubwright.store.access import Access

__all__ = ["Places", "places"]

MOST: Final = 2000


class Places(BaseModel):
    """What is in a folder. `parent` is None at the top of what was opened."""

    folder: str
    parent: str | None
    folders: list[str]
    files: list[str]


def places(folder: Path | None, opened: Sequence[Path] | None) -> Places:
    """The names in a folder, or the opened folders themselves; nothing hidden.

    Args:
        folder: None for the top.
        opened: the folders that may be used; every one if None.

    Raises:
        DubwrightError: the folder was not opened, or cannot be read.
    """
    tops = [Path.home()] if opened is None else list(opened)
    if folder is None:
        return Places(folder="", parent=None, folders=[str(top) for top in tops], files=[])
    access = Access(opened)
    access.check(folder)
    try:
        names = sorted((p for p in folder.iterdir() if p.name[0] != "."), key=_as_people_sort)
        inside = [path for path in names[:MOST] if _may_use(path, access)]
        folders = [path.name for path in inside if path.is_dir()]
        files = [path.name for path in inside if path.is_file()]
    except OSError as error:
        raise DubwrightError(
            "A folder cannot be read",
            where=str(folder),
            why=error.strerror or str(error),
            repair="check the path and that its drive is connected",
        ) from error
    at_top = any(folder.resolve() == top.resolve() for top in tops)
    parent = "" if at_top else str(folder.parent)
    return Places(folder=str(folder), parent=parent, folders=folders, files=files)


def _may_use(path: Path, access: Access) -> bool:
    """Links out of the opened folders are not shown."""
    try:
        access.check(path)
    except DubwrightError:
        return False
    return True


def _as_people_sort(path: Path) -> tuple[str, str]:
    return path.name.casefold(), path.name
