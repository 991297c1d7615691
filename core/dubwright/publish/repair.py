"""Delivers a version anew from the results that it was made of."""

from __future__ import annotations

from pathlib import Path

from dubwright.api import perform
from dubwright.operations.reconform import anew
from dubwright.store import Store, default_store_folder

__all__ = ["deliver_anew"]


def deliver_anew(folder: Path, store: Path | None = None) -> Path:
    """The next version of the same timeline, with the same lines, cast and takes.

    What is in the store is not made again; the version that is mended stays as it is.

    Args:
        folder: of the version.
        store: that it was made in; the user's own if None.

    Returns:
        The new version's folder.

    Raises:
        DubwrightError: its timeline or its plates are not there any more.
    """
    made = perform("reconform", anew(folder), Store(store or default_store_folder()))
    return Path(made["folder"])
