"""What is looked at in a language's timelines: can any OpenTimelineIO read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dubwright.conform.stock import foreign_schemas, missing_media
from dubwright.errors import DubwrightError
from dubwright.publish.delivery import Finding, Part

__all__ = ["opens"]

AGAIN: Final = "deliver it anew: see `dubwright publish --repair`"


def opens(part: Part) -> Iterator[Finding]:
    """Timelines hold OpenTimelineIO's own schemas only, and what they refer to is there."""
    for path in part.timelines:
        if path in part.spoiled:
            continue
        try:
            foreign, missing = foreign_schemas(path), missing_media(path)
        except DubwrightError as error:
            yield Finding(path.name, f"it cannot be read: {error.why}", AGAIN)
            continue
        if foreign:
            why = f"{', '.join(foreign)} is no schema of OpenTimelineIO"
            yield Finding(
                path.name, why, f"take it out in the editor that put it there, or {AGAIN}"
            )
        for url in missing:
            yield Finding(path.name, f"its media {url} is not there", AGAIN)
