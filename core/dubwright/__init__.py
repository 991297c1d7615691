"""Dubbing and lip-sync on OpenTimelineIO timelines and EXR plates.

    import dubwright
    result = dubwright.dub("reel.otio", to=["es"], out="dubs", subtitles={"es": "reel.es.srt"})

What stands here is imported when it is first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dubwright._version import __version__
from dubwright.errors import DubwrightError

if TYPE_CHECKING:
    from dubwright.api import Dub, animate, capture, dub, lip_sync, merge, reconform

__all__ = [
    "Dub",
    "DubwrightError",
    "__version__",
    "animate",
    "capture",
    "dub",
    "lip_sync",
    "merge",
    "reconform",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from dubwright import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
