"""A delivered version, as publish looks at it: one language, or one shot of it, at a time."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dubwright.dialogue import Cast, CueSheet
from dubwright.errors import DubwrightError, first_line
from dubwright.media.plate import PlateSpec
from dubwright.operations.carry import DubRecord
from dubwright.operations.deliver import MANIFEST
from dubwright.quality.report import LanguageReport, Report

__all__ = ["DOCUMENTS", "DeliveredFrame", "Delivery", "Finding", "Part", "SteadinessFigures"]


PLAYER: Final = "preview/player.json"
# What every part is looked at by.
DOCUMENTS: Final = (
    "cast.json",
    "cue_sheet.json",
    "dub.json",
    "manifest.json",
    "report.",
    PLAYER,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must be mended before a delivery goes out.

    Attributes:
        where: the file, frame, cue or setting.
        what: what is wrong there, in one plain clause.
        repair: what to do about it.
        cue: that it is about, for a link into the review page; "" for none.
    """

    where: str
    what: str
    repair: str
    cue: str = ""


@dataclass(frozen=True, slots=True)
class DeliveredFrame:
    """A frame of a shot in one language.

    Attributes:
        number: as its file and its plate count it.
        path: where it is delivered.
        source: the plate's file; None of a movie.
        patch: what was laid over it; None where it was not edited.
    """

    number: int
    path: Path
    source: Path | None
    patch: Path | None


@dataclass(frozen=True, slots=True)
class SteadinessFigures:
    """What was measured around the mouths of a shot, by the number of a frame.

    Attributes:
        seams: gradient that the edit adds where its matte fades, over the plate's own there.
        pops: how far a frame is off the middle of its neighbours, over how far these are apart.
        changes: second differences in time, in code values.
        flicker: their mean over the plate's; None where nothing was measured.
    """

    seams: dict[int, float]
    pops: dict[int, float]
    changes: dict[int, float]
    flicker: float | None


class Delivery:
    """A version's folder.

    Args:
        folder: of a dub, a lip-sync or a reconform.

    Raises:
        DubwrightError: it is no version, or a document of it is not valid.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.record = DubRecord.of(folder)
        self.sheet = CueSheet.read(folder / "cue_sheet.json")
        self.cast = Cast.read(folder / "cast.json")
        try:
            self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
            self.report = Report.model_validate_json((folder / "report.json").read_bytes())
        except (OSError, ValueError) as error:
            raise DubwrightError(
                "A version cannot be read",
                where=str(folder),
                why=first_line(error),
                repair="deliver it anew: run the same command again into another folder",
            ) from error

    @cached_property
    def player(self) -> dict[str, Any]:
        """What its player reads: lengths, and when each phone is said."""
        told: dict[str, Any] = json.loads((self.folder / PLAYER).read_bytes())
        return told

    @property
    def name(self) -> str:
        """What its files' names begin with."""
        return self.report.files

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.record.languages)

    def shots(self, language: str) -> tuple[str, ...]:
        """The shots of which a language has frames."""
        return tuple(self.manifest["languages"][language]["changed_frames"])

    def part(self, language: str, shot: str = "") -> Part:
        return Part(self, language, shot)


@dataclass
class Part:
    """One language of a delivery, or one shot of a language, while it is looked at.

    Attributes:
        shot: its uid; "" for what is the whole language's.
        spoiled: files that are not what they were, which nothing more is found out about.
        steadiness: what was measured of the shot so far.
    """

    delivery: Delivery
    language: str
    shot: str = ""
    spoiled: set[Path] = field(default_factory=set)
    steadiness: SteadinessFigures | None = None

    @property
    def folder(self) -> Path:
        return self.delivery.folder

    @property
    def has_player(self) -> bool:
        """Whether what times and waveforms are read from is what it was."""
        return self.folder / PLAYER not in self.spoiled

    @property
    def plate(self) -> PlateSpec:
        return self.delivery.record.shots[self.shot].plate

    @cached_property
    def report(self) -> LanguageReport:
        return next(r for r in self.delivery.report.languages if r.language == self.language)

    @cached_property
    def told(self) -> dict[str, Any]:
        """What the manifest says of the language."""
        told: dict[str, Any] = self.delivery.manifest["languages"][self.language]
        return told

    @cached_property
    def edited(self) -> frozenset[int]:
        """The numbers of the frames of the shot that were edited."""
        runs = self.told["changed_frames"].get(self.shot, ())
        return frozenset(self.plate.number(frame) for run in runs for frame in range(*run))

    def frames(self) -> list[DeliveredFrame]:
        """Every frame that the shot must have, in order, whether it is there or not."""
        return list(self._frames())

    def sound_frames(self) -> list[DeliveredFrame]:
        """Those that are what they were, and can be looked at."""
        return [frame for frame in self._frames() if frame.path not in self.spoiled]

    def _frames(self) -> Iterator[DeliveredFrame]:
        spec = self.plate
        padding = max(4, spec.padding)
        folder = self.folder / "frames" / self.language / self.shot
        patches = self.folder / "patches" / self.language / self.shot
        prefix = f"{self.shot}.{self.language}."
        # Of a movie only what is shown was decoded.
        shown = sorted({spec.media_frame(frame) for frame in range(spec.frames)})
        for media_frame in spec.media_frames if spec.kind == "sequence" else shown:
            number = spec.first + media_frame * spec.step
            source = spec.media_file(media_frame) if spec.kind == "sequence" else None
            if number not in self.edited and source is not None and not source.is_file():
                continue
            patch = patches / f"{prefix}patch.{number:0{padding}d}.exr"
            yield DeliveredFrame(
                number,
                folder / f"{prefix}{number:0{padding}d}.exr",
                source,
                patch if number in self.edited else None,
            )

    def stem(self, name: str) -> Path:
        """DX, ME or mix."""
        return self.folder / "stems" / f"{self.delivery.name}.{self.language}.{name}.wav"

    @property
    def preview(self) -> Path:
        return self.folder / "preview" / f"{self.delivery.name}.{self.language}.mp4"

    @property
    def movies(self) -> list[Path]:
        return sorted(
            self.folder.glob(f"movies/{glob.escape(self.delivery.name)}.{self.language}.*.mov")
        )

    @property
    def timelines(self) -> list[Path]:
        name = f"{self.delivery.name}.{self.language}"
        return [self.folder / f"{name}.otio", self.folder / f"{name}.resolve.otio"]

    @property
    def subtitles(self) -> list[Path]:
        folder, name = self.folder / "subtitles", f"{self.delivery.name}.{self.language}"
        return [folder / f"{name}.{suffix}" for suffix in ("srt", "vtt", "ttml")]

    @property
    def disclosure(self) -> Path:
        return self.folder / "disclosure" / f"{self.delivery.name}.{self.language}.txt"

    def files(self) -> Iterator[str]:
        """What the paths of a part's own files begin with, as the version's sidecar names them.

        They are those that it is looked at by, and those that go out with it: of a shot its frames
        and patches, and what is small of its language; of a language all but its shots' frames.
        """
        name = f"{self.delivery.name}.{self.language}."
        yield from DOCUMENTS
        for folder in ("subtitles", "preview", "disclosure"):
            yield f"{folder}/{name}"
        yield name
        if self.shot:
            yield f"frames/{self.language}/{self.shot}/"
            yield f"patches/{self.language}/{self.shot}/"
            return
        yield from (f"stems/{name}", f"movies/{name}", f"sheets/{self.language}.")
