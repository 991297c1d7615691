"""Plans a dub of a new cut, from a version of an earlier one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from dubwright.conform.read import ConformedTimeline, read_timeline
from dubwright.conform.reconform import Seen, places
from dubwright.dialogue import REVIEW_FILE, Cast, CueSheet
from dubwright.errors import DubwrightError
from dubwright.model import Cue, FrameRange, exact_rate, frame_of_ms
from dubwright.operations.carry import RECORD, DubRecord
from dubwright.operations.dub import DubPlanner, recordings_of
from dubwright.operations.plan import DubPlan
from dubwright.operations.request import DubRequest, ReconformRequest, request_paths
from dubwright.store import EVERYWHERE, Access, Store

__all__ = ["RECONFORM", "MovedCue", "Reconform", "plan_reconform", "take_review_along"]

RECONFORM: Final = "reconform.json"


class MovedCue(BaseModel):
    """Where a cue went.

    Attributes:
        cue: its id in the new cut.
        was: its id in the old one; another where the new cut shows it twice.
        start_ms, was_ms: when it begins and began.
        frames, shown: how many frames it lasts, and how many of those that it was seen on are seen.
    """

    model_config = ConfigDict(frozen=True)

    cue: str
    was: str
    start_ms: int
    was_ms: int
    frames: int
    shown: int


class Reconform(BaseModel):
    """What became of a version's lines in a new cut.

    Attributes:
        old: the folder of the version.
        moved: cues that are in the new cut.
        lost: ids of those whose frames are not in it.
        kept: by language, the (cue, shot) whose frames were kept.
        anew: by language, those that are drawn anew.
    """

    model_config = ConfigDict(frozen=True)

    document: Literal["dubwright.reconform"] = "dubwright.reconform"
    version: Literal[1] = 1
    old: str
    moved: tuple[MovedCue, ...]
    lost: tuple[str, ...]
    kept: dict[str, tuple[tuple[str, str], ...]]
    anew: dict[str, tuple[tuple[str, str], ...]]


def plan_reconform(
    request: ReconformRequest, store: Store, today: date, access: Access = EVERYWHERE
) -> DubPlan:
    """Plan a dub of a new cut that keeps what an earlier version holds of it.

    Lines go where the frames went that they were spoken on, with their takes, their mouths and what
    was decided of them. What has no frames in the new cut is left out, and said.

    Raises:
        DubwrightError: something in the request or its media must be repaired first.
    """
    for _, path in request_paths(request):
        access.check(path)
    record = DubRecord.read(request.version / RECORD)
    for shot in record.shots.values():
        for file in shot.plate.files():
            access.check(file)
    sheet = CueSheet.read(request.version / "cue_sheet.json")
    cast = Cast.read(request.version / "cast.json")
    rate = exact_rate(Fraction(request.rate)) if request.rate else None
    timeline, _ = read_timeline(request.timeline, access, rate)
    if timeline.rate != record.rate:
        raise DubwrightError(
            "The new cut has another frame rate",
            where=str(request.timeline),
            why=f"it is at {float(timeline.rate):g} frames a second, the version at "
            f"{float(record.rate):g}",
            repair="export the cut at the rate of the version, or dub it anew",
        )
    moved = _moved(sheet, record, timeline)
    dub = record.request.model_copy(
        update={"timeline": request.timeline, "output": request.output, "rate": request.rate}
    )
    for _, path in request_paths(dub):
        access.check(path)
    cues = {cue.id: cue for cue in sheet.cues}
    new = CueSheet(
        original=sheet.original,
        cues=tuple(_placed(cues[move.was], move, timeline) for move in moved),
    )
    origins = {move.cue: move.was for move in moved}
    recordings = _recordings(dub, sheet, moved)
    planner = DubPlanner(dub, timeline, new, cast, store, today, recordings, access=access)
    planner.carry(record, sheet, origins)
    plan = planner.plan()
    plan.documents[RECONFORM] = _summary(request, sheet, moved, plan)
    return plan


def take_review_along(version: Path, output: Path) -> None:
    """Copy what was decided beside a version into another output folder that has no review."""
    review, there = version.parent / REVIEW_FILE, output / REVIEW_FILE
    if review.is_file() and not there.exists():
        shutil.copyfile(review, there)


def _moved(sheet: CueSheet, record: DubRecord, timeline: ConformedTimeline) -> list[MovedCue]:
    """Where each cue is in a new cut; twice where it is twice."""
    old = [Seen(FrameRange(*shot.record), shot.plate) for shot in record.shots.values()]
    new = [Seen(shot.record, shot.plate) for shot in timeline.shots if shot.plate is not None]
    moved = []
    for cue in sheet.cues:
        start = frame_of_ms(cue.start_ms, record.rate)
        frames = FrameRange(start, max(start + 1, frame_of_ms(cue.end_ms, record.rate)))
        for number, place in enumerate(places(frames, old, new), start=1):
            later = round(Fraction(place.later * 1000) / timeline.rate)
            if cue.end_ms + later > 0 and cue.start_ms + later < timeline.duration_ms:
                moved.append(
                    MovedCue(
                        cue=cue.id if number == 1 else f"{cue.id}-{number}",
                        was=cue.id,
                        start_ms=cue.start_ms + later,
                        was_ms=cue.start_ms,
                        frames=len(frames),
                        shown=place.shown,
                    )
                )
    return moved


def _placed(cue: Cue, move: MovedCue, timeline: ConformedTimeline) -> Cue:
    """A cue where it went; what would lie outside the timeline is cut off."""
    end = min(cue.end_ms + move.start_ms - move.was_ms, timeline.duration_ms)
    start = max(0, move.start_ms)
    return cue.model_copy(update={"id": move.cue, "start_ms": start, "end_ms": end})


def _recordings(
    dub: DubRequest, sheet: CueSheet, moved: Sequence[MovedCue]
) -> dict[tuple[str, str], Path]:
    """The recordings of moved cues, by cue id and language: those that they had."""
    known = recordings_of(dub, sheet)
    return {
        (move.cue, language): known[move.was, language]
        for move in moved
        for language in dub.languages
        if (move.was, language) in known
    }


def _summary(
    request: ReconformRequest, sheet: CueSheet, moved: Sequence[MovedCue], plan: DubPlan
) -> Reconform:
    kept: dict[str, Any] = {part.language: [] for part in plan.languages}
    anew: dict[str, Any] = {part.language: [] for part in plan.languages}
    for part in plan.languages:
        for planned in part.spans:
            into = kept if plan.tasks[planned.check].stage == "keep" else anew
            into[part.language].append((planned.span.cue, planned.span.shot))
    there = {move.was for move in moved}
    return Reconform(
        old=str(request.version),
        moved=tuple(moved),
        lost=tuple(cue.id for cue in sheet.cues if cue.id not in there),
        kept={language: tuple(spans) for language, spans in kept.items()},
        anew={language: tuple(spans) for language, spans in anew.items()},
    )
