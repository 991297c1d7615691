"""What the media that a task reads hold: known when it is planned, seen again when it is done.

A result is kept under what its media held when it was planned. Media that were changed in between
would leave a wrong result there, to be found again when they are changed back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dubwright.media.plate import PlateSpec
from dubwright.store import Fingerprints, content_key

__all__ = ["media_content"]


def media_content(where: Mapping[str, Any], fingerprints: Fingerprints) -> str:
    """A key of the content of every media file that a task's `where` names; "" where none is."""
    files = list(_files(where))
    return content_key(fingerprints.of_files(files)) if files else ""


def _files(where: Mapping[str, Any]) -> Iterator[Path]:
    plates = [where["plate"]] if "plate" in where else list(where.get("plates", {}).values())
    for spec in plates:
        yield from PlateSpec.model_validate(spec).files()
    yield from (Path(sound["path"]) for sound in where.get("sounds", ()))
    if "recording" in where:
        yield Path(where["recording"])
