"""What the user has decided about the service: one small JSON file."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dubwright.errors import DubwrightError
from dubwright.store import whole

__all__ = ["Settings", "read_settings", "settings_file", "write_settings"]


class Settings(BaseModel):
    """The user's settings of the service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folders: tuple[Path, ...] = Field(
        default_factory=lambda: (Path.home(),),
        description="Folders that jobs may read and write, with all below them.",
    )
    idle_minutes: float = Field(
        30, gt=0, description="The service stops when nothing happened for so long."
    )
    workers: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Worker processes; one for each processor, at most 8, if null.",
    )


def settings_file() -> Path:
    """Where the settings lie: $DUBWRIGHT_SETTINGS, or the user's own place."""
    named = os.environ.get("DUBWRIGHT_SETTINGS")
    return (
        Path(named) if named else Path(platformdirs.user_config_dir("dubwright")) / "service.json"
    )


def read_settings(path: Path) -> Settings:
    """The settings in a file; the usual ones where there is none.

    Raises:
        DubwrightError: the file is not valid.
    """
    try:
        return Settings.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Settings()
    except (OSError, ValidationError) as error:
        raise DubwrightError(
            "The settings of the service cannot be read",
            where=str(path),
            why=str(error).splitlines()[-1].strip(),
            repair="correct the file, or remove it to go back to the usual settings",
        ) from error


def write_settings(settings: Settings, path: Path) -> None:
    """Write the settings, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        partial.write_text(settings.model_dump_json(indent=1) + "\n", encoding="utf-8")
