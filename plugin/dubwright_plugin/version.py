"""What a version of a dub holds, for a host that brings it in.

A version is a folder (v001, v002...) that the service delivered: a timeline for each language,
stems, subtitles, frames, and a report. Only what Dubwright writes itself is read here.
"""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

__all__ = ["Cue", "DubbedShot", "LanguageVersion", "PassedThrough", "read_version"]

NUMBERED = re.compile(r"(.*?)([0-9]+)([.]exr)")


class PassedThrough(NamedTuple):
    """Frames of a shot that stay the plate's, counted from the shot's first, and why."""

    first: int
    end: int
    reason: str


class DubbedShot(NamedTuple):
    """A shot with new frames.

    name: as the report calls it. track: its video track, the lowest is 1. record_start: its first
    frame, counted from the timeline's first. frames: how many. in_the_way: why its files cannot
    stand for its clip, frame for frame; "" if they can. folder, prefix, suffix, padding, first: its
    EXR files, one for every frame. patches: the files with the redrawn mouths alone, as
    pattern names them; frames that were not redrawn have none. drawn: how many were redrawn.
    passed_through: the others.
    """

    name: str
    track: int
    record_start: int
    frames: int
    in_the_way: str
    folder: Path
    prefix: str
    suffix: str
    padding: int
    first: int
    patches: str
    drawn: int
    passed_through: Tuple[PassedThrough, ...]

    @property
    def pattern(self) -> str:
        """Its files as FFmpeg and Resolve name them, such as /shots/010.es.%04d.exr."""
        number = "%0{}d".format(self.padding)
        return str(self.folder / (self.prefix + number + self.suffix))

    @property
    def first_file(self) -> Path:
        return self.folder / "{}{:0{}d}{}".format(
            self.prefix, self.first, self.padding, self.suffix
        )


class Cue(NamedTuple):
    """A line, in milliseconds from the timeline's first frame, and what became of it."""

    id: str
    speaker: str
    start_ms: int
    end_ms: int
    text: str
    dubbed: bool
    reason: str


class LanguageVersion(NamedTuple):
    """One language of a version. `frames` and `rate` are the whole timeline's."""

    language: str
    folder: Path
    timeline: Path
    rate: Fraction
    frames: int
    dialogue: Path
    effects: Path
    subtitles: Optional[Path]
    shots: Tuple[DubbedShot, ...]
    cues: Tuple[Cue, ...]


def read_version(folder: Path) -> List[LanguageVersion]:
    """The languages of a delivered version.

    Raises OSError, ValueError or KeyError where the folder does not hold one.
    """
    report = _json(folder / "report.json")
    if "files" not in report:
        raise ValueError("{} is of an earlier Dubwright; dub it again".format(folder))
    cues = _json(folder / "cue_sheet.json")["cues"]
    return [_language(folder, report, told, cues) for told in report["languages"]]


def _language(
    folder: Path, report: Dict[str, Any], told: Dict[str, Any], cues: List[Dict[str, Any]]
) -> LanguageVersion:
    language, stem = told["language"], "{}.{}".format(report["files"], told["language"])
    subtitles = folder / "subtitles" / (stem + ".srt")
    became = {cue["cue"]: cue for cue in told["cues"]}
    shots = (_shot(folder, language, shot) for shot in told["shots"])
    return LanguageVersion(
        language=language,
        folder=folder,
        timeline=folder / (stem + ".otio"),
        rate=Fraction(report["rate"]),
        frames=report["frames"],
        dialogue=folder / "stems" / (stem + ".DX.wav"),
        effects=folder / "stems" / (stem + ".ME.wav"),
        subtitles=subtitles if subtitles.is_file() else None,
        shots=tuple(shot for shot in shots if shot is not None),
        cues=tuple(
            Cue(
                id=cue["id"],
                speaker=cue["speaker"],
                start_ms=cue["start_ms"],
                end_ms=cue["end_ms"],
                text=cue["text"].get(language, ""),
                dubbed=bool(became[cue["id"]]["dubbed"]),
                reason=became[cue["id"]]["reason"],
            )
            for cue in cues
            if cue["id"] in became
        ),
    )


def _shot(version: Path, language: str, told: Dict[str, Any]) -> Optional[DubbedShot]:
    """A shot with its files; None where nothing of it was redrawn."""
    folder = version / "frames" / language / told["shot"]
    if not told["drawn"] or not folder.is_dir():
        return None
    names = (NUMBERED.fullmatch(path.name) for path in sorted(folder.iterdir()))
    numbered = [name for name in names if name is not None]
    if len(numbered) != told["frames"]:
        raise ValueError("{} holds {} of {} frames".format(folder, len(numbered), told["frames"]))
    prefix, number, suffix = numbered[0].groups()
    return DubbedShot(
        name=told["shot"],
        track=told["track"],
        record_start=told["record_start"],
        frames=told["frames"],
        in_the_way=told["in_the_way"],
        folder=folder,
        prefix=prefix,
        suffix=suffix,
        padding=len(number),
        first=int(number),
        patches=str(
            version
            / "patches"
            / language
            / told["shot"]
            / "{}patch.%0{}d{}".format(prefix, len(number), suffix)
        ),
        drawn=told["drawn"],
        passed_through=tuple(
            PassedThrough(run["first"], run["end"], run["reason"]) for run in told["passed_through"]
        ),
    )


def _json(path: Path) -> Dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))
