"""What a deliverable is made of, and how it is named."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dubwright.dialogue.documents import read_document
from dubwright.errors import DubwrightError

__all__ = ["PRESETS", "Content", "Preset", "find_preset"]

NOT_IN_NAME: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')
FIELDS: Final = frozenset({"name", "project", "language", "shot", "version"})


class Content(StrEnum):
    """Something that a deliverable may hold."""

    FRAMES = "frames"
    PATCHES = "patches"
    MOVIES = "movies"
    PREVIEW = "preview"
    STEMS = "stems"
    IMSC = "imsc"
    SUBTITLES = "subtitles"
    TIMELINES = "timelines"
    QC = "qc"


OF_SHOTS: Final = (Content.FRAMES, Content.PATCHES)


class Preset(BaseModel):
    """One kind of deliverable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.publish_preset"] = "dubwright.publish_preset"
    version: Literal[1] = 1
    title: str = Field(description="For people.")
    per: Literal["language", "shot"] = Field(
        "language", description="Whether a language is one deliverable, or each of its shots."
    )
    folder: str = Field(
        description="Its name: {name} of the timeline, {project} of the cast, {language}, {shot}, "
        "{version}; several levels with '/'."
    )
    contents: tuple[Content, ...] = Field(min_length=1)
    commercial: bool = Field(True, description="It is sold, or shown for money.")
    territories: tuple[str, ...] = Field((), description="Where it will be shown (ISO 3166-1).")

    @field_validator("folder")
    @classmethod
    def _names_what_there_is(cls, folder: str) -> str:
        try:
            fields = {
                name for _, name, _, _ in string.Formatter().parse(folder) if name is not None
            }
            folder.format(**dict.fromkeys(FIELDS, "a") | {"version": 1})
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"it cannot be filled in: {error}") from error
        parts = Path(folder).parts
        if fields - FIELDS or "version" not in fields:
            raise ValueError(f"it names {{version}}, and of the rest {', '.join(sorted(FIELDS))}")
        if not parts or Path(folder).is_absolute() or ".." in parts:
            raise ValueError("it is a place beneath the output folder")
        return folder

    @model_validator(mode="after")
    def _reports_on_languages(self) -> Preset:
        if Content.QC in self.contents and self.per == "shot":
            raise ValueError("a QC report is of a language, and here each shot goes by itself")
        return self

    def place(self, fields: Mapping[str, str], version: int) -> Path:
        """The deliverable's place beneath the output folder, whatever the fields hold."""
        named = {
            name: NOT_IN_NAME.sub("-", value).strip(" .") or "-" for name, value in fields.items()
        }
        return Path(self.folder.format(**named, version=version))


PRESETS: Final[Mapping[str, Preset]] = {
    "streamer": Preset(
        title="A streamer's package: frames or ProRes, stems, IMSC subtitles",
        folder="{name}/{language}/{name}_{language}_v{version:03d}",
        contents=(
            Content.FRAMES, Content.MOVIES, Content.STEMS, Content.IMSC, Content.PREVIEW,
            Content.TIMELINES, Content.QC,
        ),
    ),
    "social": Preset(
        title="An MP4 for each language, with subtitles",
        folder="{name}_{language}_v{version:03d}",
        contents=(Content.PREVIEW, Content.SUBTITLES),
    ),
    "vfx": Preset(
        title="Patches of each shot with the timeline, for compositing",
        per="shot",
        folder="{shot}/{shot}_{language}_v{version:03d}",
        contents=(Content.PATCHES, Content.TIMELINES, Content.PREVIEW),
    ),
}  # fmt: skip


def find_preset(named: str) -> Preset:
    """A preset by its name, or a file of one's own.

    Raises:
        DubwrightError: there is none of this name, or the file is not valid.
    """
    if named in PRESETS:
        return PRESETS[named]
    if Path(named).suffix == ".json":
        return read_document(Path(named), Preset, "publish preset")
    raise DubwrightError(
        f"There is no preset {named!r}",
        where="--preset",
        why=f"there are {', '.join(PRESETS)}",
        repair="name one of these, or a file of your own (JSON); docs/trust.md describes it",
    )
