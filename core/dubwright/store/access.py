"""Which folders work may read and write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dubwright.errors import DubwrightError

__all__ = ["EVERYWHERE", "Access"]


class Access:
    """Folders that the user has let Dubwright use, with everything below them.

    Args:
        folders: None lets it use every place, as for a command that the user typed.
    """

    def __init__(self, folders: Iterable[Path] | None = None) -> None:
        self.folders = None if folders is None else tuple(Path(f).resolve() for f in folders)

    def check(self, path: Path) -> None:
        """See that a path, with links followed, may be used; it need not be there.

        Raises:
            DubwrightError: it lies outside the folders.
        """
        if self.folders is None:
            return
        # Even to look for a share of another computer would tell that computer who asks.
        elsewhere = path.drive.startswith("\\\\") and path.drive not in {
            folder.drive for folder in self.folders
        }
        real = path if elsewhere else path.resolve()
        if not any(real.is_relative_to(folder) for folder in self.folders):
            raise DubwrightError(
                "A place was not opened to Dubwright",
                where=str(path),
                why=f"{real} lies outside {', '.join(map(str, self.folders)) or 'every folder'}",
                repair=f"if it may be used, run: dubwright allow '{real.parent}'",
            )


EVERYWHERE: Final = Access()
