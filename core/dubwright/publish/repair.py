"""Delivers a version anew from the results that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dubwright.api import perform
from dubwright.operations.reconform import anew
from dubwright.store import Store, default_store_folder
from dubwright.trust import anchors, keys_folder, require_as_made

__all__ = ["deliver_anew"]

EVERYTHING: Final = ("",)


def deliver_anew(folder: Path, store: Path | None = None) -> Path:
    """The next version of the same timeline, with the same lines, cast and takes.

    What is in the store is not made again; the version that is mended stays as it is.

    Args:
        folder: of the version.
        store: that it was made in; the user's own if None.

    Returns:
        The new version's folder.

    Raises:
        DubwrightError: what it says of itself was changed, its timeline or its plates are not there
            any more, or what it was mended as before was changed too.
    """
    delivered = perform("reconform", anew(folder), Store(store or default_store_folder()))
    made = Path(delivered["folder"])
    # The same was delivered before, perhaps: then nothing was written now.
    require_as_made(made, EVERYTHING, anchors(keys_folder()))
    return made
