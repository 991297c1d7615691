"""Where the media of a timeline are."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from dubwright.errors import DubwrightError
from dubwright.media.movie import MovieInfo, probe_movie
from dubwright.store import Access

__all__ = ["MOVIES", "Media", "media_path", "missing_media"]

MOVIES: Final = frozenset({".mp4", ".mov", ".mxf", ".mkv", ".avi", ".webm", ".m4v"})


class Media:
    """Finds the media of a timeline, and looks into each movie once.

    Args:
        folder: that paths count from where they are relative.
        access: the folders that media may lie in.
    """

    def __init__(self, folder: Path, access: Access) -> None:
        self.folder = folder
        self.access = access
        self._movies: dict[Path, MovieInfo] = {}

    def path(self, url: str) -> Path:
        """The file that a reference names, which need not be there.

        Raises:
            DubwrightError: it lies where media may not lie.
        """
        path = media_path(url, self.folder)
        self.access.check(path)
        return path

    def movie(self, path: Path) -> MovieInfo:
        """What a movie says of itself.

        Raises:
            DubwrightError: it lies where media may not lie, or cannot be edited.
        """
        if path not in self._movies:
            self.access.check(path)
            self._movies[path] = probe_movie(path)
        return self._movies[path]


def media_path(url: str, folder: Path) -> Path:
    """The file that a media reference names: a file URL, a bare path, or one relative to the
    timeline's folder."""
    if url.startswith("file:"):
        parsed = urlparse(url, allow_fragments=False)
        host = f"//{parsed.netloc}" if parsed.netloc not in ("", "localhost") else ""
        return Path(url2pathname(host + parsed.path))
    path = Path(unquote(url) if "%20" in url else url)
    return path if path.is_absolute() else folder / path


def missing_media(path: Path, clip: str, why: str) -> DubwrightError:
    return DubwrightError(
        "The media of a clip is missing",
        where=f"clip {clip!r}: {path}",
        why=why,
        repair="connect its drive or relink the clip, and export the timeline again",
    )
