"""How an engine says that it cannot load what it was given."""

from __future__ import annotations

from pathlib import Path

from dubwright.errors import DubwrightError, first_line

__all__ = ["weights_refused"]


def weights_refused(what: str, weights: Path, error: BaseException, repair: str) -> DubwrightError:
    """The error to raise from a library's own.

    Args:
        what: whose weights they are, such as "A separator's weights".
        weights: their file or folder.
        error: what the library raised.
        repair: which ones to give instead.
    """
    return DubwrightError(
        f"{what} cannot be loaded", where=str(weights), why=first_line(error), repair=repair
    )
