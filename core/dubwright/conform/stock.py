"""Timelines as any OpenTimelineIO takes them: its own schemas, media that are there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from dubwright.conform.document import unreadable, write_timeline
from dubwright.conform.media import media_path
from dubwright.errors import first_line

__all__ = ["foreign_schemas", "missing_media", "relinked"]

# Values of the library, which are no schemas that can be registered.
OF_TIME: Final = ("RationalTime", "TimeRange", "TimeTransform")


def foreign_schemas(path: Path) -> list[str]:
    """The schemas of a timeline that OpenTimelineIO does not know without plug-ins.

    Raises:
        DubwrightError: it is no timeline.
    """
    _opened(path)
    known = {*otio.core.type_version_map(), *OF_TIME}
    content = json.loads(path.read_bytes())
    return sorted({name for name in _schemas(content) if name.rpartition(".")[0] not in known})


def missing_media(path: Path) -> list[str]:
    """What a timeline refers to that is not there; of a sequence its first image is looked for.

    Raises:
        DubwrightError: it is no timeline.
    """
    return sorted(
        {url for url in _media(_opened(path)) if not _is_there(media_path(url, path.parent))}
    )


def relinked(source: Path, destination: Path, places: Mapping[Path, str]) -> None:
    """Write a timeline whose media lie elsewhere.

    Args:
        source: the timeline.
        destination: it is written there.
        places: folders of media, each with where they lie from now on, seen from the destination.

    Raises:
        DubwrightError: it is no timeline, or cannot be written.
    """
    timeline = _opened(source)
    for reference in _references(timeline):
        if isinstance(reference, otio.schema.ExternalReference):
            reference.target_url = _moved(reference.target_url, places)
        elif isinstance(reference, otio.schema.ImageSequenceReference):
            base = _moved(reference.target_url_base.rstrip("/"), places)
            reference.target_url_base = f"{base}/"
    write_timeline(timeline, destination)


def _opened(path: Path) -> otio.schema.Timeline:
    try:
        return otio.adapters.read_from_file(str(path), "otio_json")
    except (OSError, ValueError, otio.exceptions.OTIOError) as error:
        raise unreadable(path, first_line(error)) from error


def _schemas(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _schemas(each)
    elif isinstance(value, dict):
        if "OTIO_SCHEMA" in value:
            yield value["OTIO_SCHEMA"]
        for each in value.values():
            yield from _schemas(each)


def _references(timeline: otio.schema.Timeline) -> Iterator[Any]:
    for clip in timeline.find_clips():
        yield from clip.media_references().values()


def _media(timeline: otio.schema.Timeline) -> Iterator[str]:
    for reference in _references(timeline):
        if isinstance(reference, otio.schema.ExternalReference):
            yield reference.target_url
        elif isinstance(reference, otio.schema.ImageSequenceReference):
            yield reference.target_url_for_image_number(0)


def _is_there(path: Path) -> bool:
    # Resolve names a sequence plate.[1001-1100].exr.
    return path.parent.is_dir() if "[" in path.name else path.exists()


def _moved(url: str, places: Mapping[Path, str]) -> str:
    for folder, place in places.items():
        if Path(url).is_relative_to(folder):
            return (Path(place) / Path(url).relative_to(folder)).as_posix()
    return url
