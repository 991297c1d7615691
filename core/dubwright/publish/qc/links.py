"""Links into the review page: dubwright://review?version=...&language=...&cue=...

A browser hands them to this installation where it is their handler; `dubwright review LINK` opens
one anywhere.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

__all__ = ["review_link"]


def review_link(version: Path, language: str, cue: str = "") -> str:
    """Where a cue of a version is looked at.

    Args:
        version: its folder.
        cue: none shows the language from its beginning.
    """
    fields = {"version": str(version.absolute()), "language": language}
    return "dubwright://review?" + urlencode(fields | ({"cue": cue} if cue else {}))
