"""What holds for a whole show: its OCIO config, and the colour spaces that its media do not name.

The file stands in the show's folder. It holds for every timeline in that folder and below it,
unless one of theirs is nearer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dubwright.dialogue.documents import read_document, write_document
from dubwright.errors import DubwrightError
from dubwright.media.colour import ColourConfig
from dubwright.media.names import is_config_file
from dubwright.store import EVERYWHERE, Access

__all__ = ["SHOW_FILE", "Show", "colour_config", "find_show", "remember"]

SHOW_FILE: Final = "dubwright.show.json"


class Show(BaseModel):
    """Answers that were given once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.show"] = "dubwright.show"
    version: Literal[1] = 1
    ocio: str | None = Field(
        None, description="An OCIO config: a path, from this file's folder, or a built-in's name."
    )
    colour_space: str | None = Field(None, description="Of EXR plates that do not name theirs.")
    movie_colour_space: str | None = Field(None, description="Of movies that do not name theirs.")

    def space_of(self, kind: Literal["sequence", "movie"]) -> str | None:
        """The colour space of plates of a kind that do not name theirs."""
        return self.movie_colour_space if kind == "movie" else self.colour_space


def find_show(folder: Path, access: Access = EVERYWHERE) -> Show:
    """What the nearest show file says, in a folder or above it; nothing where there is none.

    Args:
        folder: of a timeline.
        access: the folders that may be looked into.

    Raises:
        DubwrightError: the file is not valid.
    """
    for place in (folder.absolute(), *folder.absolute().parents):
        try:
            access.check(place)
        except DubwrightError:
            break  # what lies above is not open to Dubwright
        if (file := place / SHOW_FILE).is_file():
            access.check(file)
            show = read_document(file, Show, "show file")
            if show.ocio and is_config_file(show.ocio):
                show = show.model_copy(update={"ocio": str(place / show.ocio)})
            return show
    return Show()


def colour_config(ocio: str | None, access: Access) -> ColourConfig:
    """An OCIO config, none of whose files lies where media may not lie.

    Args:
        ocio: see ColourConfig.
        access: the folders that the config and its tables may lie in.

    Raises:
        DubwrightError: one lies elsewhere, or the config cannot be loaded.
    """
    if ocio is None or not is_config_file(ocio):
        return ColourConfig(ocio)
    access.check(Path(ocio))
    config = ColourConfig(ocio)
    for place in config.table_places():
        access.check(place)
    return config


def remember(folder: Path, **answers: str) -> Path:
    """Add answers to a folder's show file, which is made where there is none.

    Raises:
        DubwrightError: the file is not valid, or cannot be written.
    """
    file = folder / SHOW_FILE
    show = read_document(file, Show, "show file") if file.is_file() else Show()
    try:
        write_document(file, Show.model_validate(show.model_dump() | answers))
    except OSError as error:
        raise DubwrightError(
            "The show file cannot be written",
            where=str(file),
            why=error.strerror or str(error),
            repair="check that the folder is there and may be written",
        ) from error
    return file
