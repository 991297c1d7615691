"""What is looked at in a language's timelines: can any OpenTimelineIO read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlparse

import opentimelineio as otio

from dubwright.publish.delivery import Finding, Part

__all__ = ["opens"]

# They are values of the library, and no schemas that can be registered.
OF_TIME: Final = ("RationalTime", "TimeRange", "TimeTransform")
AGAIN: Final = "deliver it anew: see `dubwright publish --repair`"


def opens(part: Part) -> Iterator[Finding]:
    """Timelines hold OpenTimelineIO's own schemas only, and what they refer to is there."""
    for path in part.timelines:
        if path in part.spoiled:
            continue
        try:
            content = json.loads(path.read_bytes())
            timeline = otio.adapters.read_from_file(str(path), "otio_json")
        except (OSError, ValueError, otio.exceptions.OTIOError) as error:
            yield Finding(path.name, f"it cannot be read: {error}", AGAIN)
            continue
        known = {*otio.core.type_version_map(), *OF_TIME}
        foreign = sorted(
            {name for name in _schemas(content) if name.rpartition(".")[0] not in known}
        )
        if foreign:
            why = f"{', '.join(foreign)} is no schema of OpenTimelineIO"
            yield Finding(
                path.name, why, "take it out in the editor that put it there, or " + AGAIN
            )
            continue
        gone = sorted({url for url in _media(timeline) if not _there(url, path.parent)})
        for url in gone:
            yield Finding(path.name, f"its media {url} is not there", AGAIN)


def _schemas(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _schemas(each)
    elif isinstance(value, dict):
        if "OTIO_SCHEMA" in value:
            yield value["OTIO_SCHEMA"]
        for each in value.values():
            yield from _schemas(each)


def _media(timeline: otio.schema.Timeline) -> Iterator[str]:
    for clip in timeline.find_clips():
        reference = clip.media_reference
        if isinstance(reference, otio.schema.ExternalReference):
            yield reference.target_url
        elif isinstance(reference, otio.schema.ImageSequenceReference):
            yield reference.target_url_for_image_number(0)


def _there(url: str, folder: Path) -> bool:
    place = unquote(urlparse(url).path) if url.startswith("file:") else url
    path = folder / place
    if "[" in path.name:  # plate.[1001-1100].exr
        return path.parent.is_dir()
    return path.exists()
