"""Merges a language's timeline, edited again in an editor, back into a master."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from dubwright.conform.document import NAMESPACE, write_timeline
from dubwright.conform.merge import Conflict, merged
from dubwright.conform.read import read_timeline
from dubwright.errors import DubwrightError
from dubwright.model import FrameRange, exact_rate
from dubwright.operations.deliver import MANIFEST

__all__ = ["merge_back"]


def merge_back(
    version: Path, edited: Path, destination: Path, rate: str | None = None
) -> list[Conflict]:
    """Write the master of a version as a person cut one of its languages' timelines.

    Args:
        version: folder of the version.
        edited: the timeline, as it came back.
        destination: receives the master, an .otio file that is not there yet.
        rate: frames a second of an EDL, as in 24000/1001.

    Returns:
        What a person should look at.

    Raises:
        DubwrightError: a timeline cannot be read or written.
    """
    if destination.exists():
        raise DubwrightError(
            "A file is in the way",
            where=str(destination),
            why="merging never writes over a timeline",
            repair="choose another name with --out",
        )
    named = exact_rate(Fraction(rate)) if rate else None
    master = read_timeline(_master(version))
    came_back = read_timeline(edited, rate_named=named)
    timeline, conflicts = merged(master, came_back, _changed(version))
    write_timeline(timeline, destination)
    return conflicts


def _changed(version: Path) -> dict[str, dict[str, list[FrameRange]]]:
    """By language and shot, the frames of the shot that a version has dubbed."""
    path = version / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return {
            language: {
                shot: [FrameRange(*run) for run in runs]
                for shot, runs in about["changed_frames"].items()
            }
            for language, about in manifest["languages"].items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DubwrightError(
            "The manifest of a version cannot be read",
            where=str(path),
            why=str(error),
            repair="give the folder of a delivered version, such as dubs/v003",
        ) from error


def _master(version: Path) -> Path:
    """The master among a version's timelines."""
    for path in sorted(version.glob("*.otio")):
        timeline = otio.adapters.read_from_file(str(path))
        if "languages" in timeline.metadata.get(NAMESPACE, {}):
            return path
    raise DubwrightError(
        "A version has no master",
        where=str(version),
        why="none of its timelines holds every language",
        repair="give the folder of a delivered version, such as dubs/v003",
    )
