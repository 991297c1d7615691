"""Timeline files: written whole, and what of ours they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import opentimelineio as otio

from dubwright.errors import DubwrightError
from dubwright.store import whole

__all__ = ["CUE_COLOUR", "NAMESPACE", "unreadable", "write_timeline"]

NAMESPACE: Final = "dubwright"
CUE_COLOUR: Final = otio.schema.MarkerColor.CYAN


def unreadable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "The timeline cannot be read",
        where=str(path),
        why=why,
        repair="export it again, as OpenTimelineIO (.otio) where the editor can, or give a movie",
    )


def write_timeline(timeline: otio.schema.Timeline, path: Path) -> None:
    """Write a timeline as OTIO; whole or not at all.

    Raises:
        DubwrightError: the file cannot be written.
    """
    try:
        with whole(path) as partial:
            otio.adapters.write_to_file(timeline, str(partial), "otio_json")
    except (otio.exceptions.OTIOError, OSError) as error:
        raise DubwrightError(
            "A timeline cannot be written",
            where=str(path),
            why=str(error),
            repair="check that the folder may be written, that no other program holds the file "
            "open, and that the disk is not full",
        ) from error
