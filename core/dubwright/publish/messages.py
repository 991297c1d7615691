"""What a publish process is asked, and what it tells."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PartView", "Told", "Wish"]


class Wish(BaseModel):
    """What is to be published, and how; every path is absolute."""

    model_config = ConfigDict(extra="forbid")

    version: Path
    languages: tuple[str, ...] = Field((), description="All of them if there are none.")
    preset: str = Field("streamer", max_length=4096)
    output: Path | None = Field(
        None, description="Folder of the deliverables; without it the version is looked through."
    )
    qc: Path = Field(description="Folder of the QC reports.")
    commercial: bool | None = Field(None, description="As the preset says if None.")
    territories: tuple[str, ...] = ()


class Told(BaseModel):
    """Something that was found."""

    check: str
    where: str
    what: str
    repair: str
    cue: str
    anew: bool = Field(description="Whether delivering the version anew mends it.")


class PartView(BaseModel):
    """A language, or a shot of it, as it was found. `published` is its deliverable's folder."""

    language: str
    shot: str
    passed: bool
    published: str
    findings: tuple[Told, ...]
