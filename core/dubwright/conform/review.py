"""Shows in delivered timelines what reviewers decided, on the markers of the cues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import opentimelineio as otio

from dubwright.conform.document import CUE_COLOUR, NAMESPACE, write_timeline
from dubwright.dialogue import Decision

__all__ = ["mark_timelines"]

APPROVED: Final = otio.schema.MarkerColor.GREEN
REJECTED: Final = otio.schema.MarkerColor.RED


def mark_timelines(folder: Path, decisions: Mapping[tuple[str, str], Decision]) -> None:
    """Colour the markers of the cues in every timeline of a delivery and write the notes on them.

    A language's timeline shows what was decided of that language. In the master a cue is approved
    when all its languages are, and rejected when one is.

    Args:
        folder: of the version.
        decisions: by cue id and language.
    """
    for path in sorted(folder.glob("*.otio")):
        timeline = otio.adapters.read_from_file(str(path))
        about = timeline.metadata.get(NAMESPACE)
        if about is None:  # somebody else's, put here
            continue
        languages = [about["language"]] if "language" in about else list(about["languages"])
        for marker in timeline.tracks.markers:
            ours = marker.metadata.get(NAMESPACE, {})
            if "cue" in ours:
                of_cue = {
                    language: decisions[ours["cue"], language]
                    for language in languages
                    if (ours["cue"], language) in decisions
                }
                _mark(marker, of_cue, languages)
        write_timeline(timeline, path)


def _mark(
    marker: otio.schema.Marker, decisions: Mapping[str, Decision], languages: Sequence[str]
) -> None:
    """Show on one cue's marker what was decided of it, by language."""
    verdicts = [decision.verdict for decision in decisions.values()]
    if "rejected" in verdicts:
        marker.color = REJECTED
    elif len(verdicts) == len(languages):
        marker.color = APPROVED
    else:
        marker.color = CUE_COLOUR
    marker.comment = "\n".join(_sentence(decision) for decision in decisions.values())
    marker.metadata[NAMESPACE]["review"] = {
        language: decision.model_dump(mode="json", include={"verdict", "note", "by", "at"})
        for language, decision in decisions.items()
    }


def _sentence(decision: Decision) -> str:
    by = f" by {decision.by}" if decision.by else ""
    note = f": {decision.note}" if decision.note else ""
    return f"{decision.language} {decision.verdict}{by}{note}"
