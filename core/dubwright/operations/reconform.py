"""Plans a dub of a new cut, from a version of an earlier one."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from dubwright.conform.read import ConformedTimeline, read_timeline
from dubwright.conform.reconform import Use, frames_later, places
from dubwright.dialogue import REVIEW_FILE, Cast, CueSheet, Review
from dubwright.errors import DubwrightError
from dubwright.model import Cue, FrameRange, exact_rate, frame_of_ms
from dubwright.operations.carry import RECORD, DubRecord
from dubwright.operations.dub import DubPlanner
from dubwright.operations.plan import DubPlan
from dubwright.operations.request import DubRequest, ReconformRequest, request_paths, validated
from dubwright.store import EVERYWHERE, Access, Store
from dubwright.trust import Authority, anchors, keys_folder, require_as_made

__all__ = [
    "RECONFORM",
    "MovedCue",
    "Reconform",
    "anew",
    "as_it_was",
    "plan_reconform",
    "take_review_along",
]

READ_ANEW: Final = (RECORD, "cue_sheet.json", "cast.json")
RECONFORM: Final = "reconform.json"


class MovedCue(BaseModel):
    """Where a cue went.

    Attributes:
        cue: its id in the new cut.
        was: its id in the old one; another where the new cut shows it twice.
        start_ms, was_ms: when it begins and began.
        frames, shown: on how many frames it was seen, and how many of them the new cut shows.
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


def anew(version: Path) -> ReconformRequest:
    """See as_it_was: of a version whose documents are what they were when it was made.

    Raises:
        DubwrightError: it is no version of a dub, or somebody changed what it says of itself.
    """
    asked = as_it_was(version)
    require_as_made(version, READ_ANEW, anchors(keys_folder()))
    return asked


def as_it_was(version: Path) -> ReconformRequest:
    """The request that delivers a version again, as the next one beside it: the same timeline,
    with the version's own lines, cast and takes.

    Raises:
        DubwrightError: it is no version of a dub.
    """
    record = DubRecord.of(version)
    return validated(
        ReconformRequest,
        version=version,
        timeline=record.request.timeline,
        output=version.absolute().parent,
    )


def plan_reconform(
    request: ReconformRequest, store: Store, authority: Authority, access: Access = EVERYWHERE
) -> DubPlan:
    """Plan a dub of a new cut that keeps what an earlier version holds of it.

    Lines go where the frames went that they were spoken on, with their takes, their mouths and what
    was decided of them. What has no frames in the new cut is left out, and said.

    Raises:
        DubwrightError: something in the request or its media must be repaired first.
    """
    for _, path in request_paths(request):
        access.check(path)
    record = DubRecord.of(request.version)
    for shot in record.shots.values():
        for file in shot.plate.files():
            access.check(file)
    sheet = CueSheet.read(request.version / "cue_sheet.json")
    earlier = Cast.read(request.version / "cast.json")
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
    earlier = _recut(earlier, record, timeline)
    cast = Cast.read(request.cast) if request.cast else earlier
    asked = {name: value for name, value in request if name in DubRequest.model_fields and value}
    dub = record.request.model_copy(update=asked)
    if request.not_for_sale:
        free = dub.engines.model_copy(update={"not_for_sale": True})
        dub = dub.model_copy(update={"engines": free})
    for _, path in request_paths(dub):
        access.check(path)
    access.check(request.version.parent / REVIEW_FILE)
    if request.cue_sheet is None:
        moved = _moved(sheet, record, timeline)
        new = _moved_sheet(sheet, moved, timeline)
    else:
        new = CueSheet.read(request.cue_sheet).with_takes_in(request.cue_sheet.parent.absolute())
        moved = _given(sheet, new)
    origins = {move.cue: move.was for move in moved}
    recordings = _recordings(record, moved) | {
        (cue.id, language): take for cue in new.cues for language, take in cue.takes.items()
    }
    planner = DubPlanner(
        dub, timeline, new, cast, store, authority, recordings, record.recorded_stage, access
    )
    recast = {
        cue.speaker
        for cue in new.cues
        if cast.speaker(cue.speaker).faces != earlier.speaker(cue.speaker).faces
    }
    planner.carry(record, sheet, origins, recast)
    plan = planner.plan()
    plan.documents[RECONFORM] = _summary(request, sheet, moved, plan)
    return plan


def _recut(cast: Cast, record: DubRecord, timeline: ConformedTimeline) -> Cast:
    """The cast of an earlier cut with its faces in the shots of a new one that show the same."""

    def recut(faces: Mapping[str, int]) -> dict[str, int]:
        found = {}
        for shot in timeline.shots:
            for uid, face in faces.items():
                was = record.shots.get(uid)
                if shot.plate is None or was is None:
                    continue
                later = frames_later(shot.plate, was.plate)
                if later is not None and -len(shot.record) < later < was.plate.frames:
                    found[shot.uid] = face
        return found

    speakers = [
        speaker.model_copy(update={"faces": recut(speaker.faces)}) for speaker in cast.speakers
    ]
    return cast.model_copy(update={"speakers": tuple(speakers)})


def take_review_along(version: Path, output: Path) -> None:
    """Copy what was decided beside a version into another output folder that has no review."""
    review, there = version.parent / REVIEW_FILE, output / REVIEW_FILE
    if review.is_file() and not there.exists():
        Review.read(review).write(there)


def _moved(sheet: CueSheet, record: DubRecord, timeline: ConformedTimeline) -> list[MovedCue]:
    """Where each cue is in a new cut; more than once where it shows its frames once more."""
    old = [Use(FrameRange(*shot.record), shot.plate) for shot in record.shots.values()]
    new = [Use(shot.record, shot.plate) for shot in timeline.shots if shot.plate is not None]
    taken = {cue.id for cue in sheet.cues}
    moved = []
    for cue in sheet.cues:
        start = frame_of_ms(cue.start_ms, record.rate)
        frames = FrameRange(start, max(start + 1, frame_of_ms(cue.end_ms, record.rate)))
        for number, place in enumerate(places(frames, old, new)):
            begins = cue.start_ms + _later_ms(cue, place.later, record)
            if begins < timeline.duration_ms and begins + cue.end_ms > cue.start_ms:
                name = cue.id if number == 0 else _free(cue.id, taken)
                taken.add(name)
                moved.append(
                    MovedCue(
                        cue=name,
                        was=cue.id,
                        start_ms=begins,
                        was_ms=cue.start_ms,
                        frames=place.seen,
                        shown=place.shown,
                    )
                )
    return moved


def _free(cue: str, taken: Collection[str]) -> str:
    """An id for another use of a cue."""
    return next(name for n in itertools.count(2) if (name := f"{cue}-{n}") not in taken)


def _later_ms(cue: Cue, frames: int, record: DubRecord) -> int:
    """Milliseconds that are some frames, rounded so that a cue falls on the frames that it did."""
    rooms = [
        part.takes[cue.id].room_ms for part in record.languages.values() if cue.id in part.takes
    ]
    moments = [cue.start_ms, cue.end_ms, *(cue.start_ms + room for room in rooms[:1])]
    exact = round(Fraction(frames * 1000) / record.rate)

    def misplaced(later: int) -> int:
        return sum(
            frame_of_ms(moment + later, record.rate) != frame_of_ms(moment, record.rate) + frames
            for moment in moments
            if moment + later >= 0
        )

    return min((exact, exact - 1, exact + 1), key=misplaced)


def _moved_sheet(
    sheet: CueSheet, moved: Sequence[MovedCue], timeline: ConformedTimeline
) -> CueSheet:
    """The lines of a new cut."""
    cues = {cue.id: cue for cue in sheet.cues}
    placed = tuple(_placed(cues[move.was], move, timeline) for move in moved)
    return CueSheet(original=sheet.original, cues=placed)


def _given(sheet: CueSheet, new: CueSheet) -> list[MovedCue]:
    """The lines that are in both sheets, by id."""
    old = {cue.id: cue for cue in sheet.cues}
    return [
        MovedCue(
            cue=cue.id, was=cue.id, start_ms=cue.start_ms, was_ms=old[cue.id].start_ms,
            frames=0, shown=0,
        )
        for cue in new.cues
        if cue.id in old
    ]  # fmt: skip


def _placed(cue: Cue, move: MovedCue, timeline: ConformedTimeline) -> Cue:
    """A cue where it went; what would lie outside the timeline is cut off."""
    end = min(cue.end_ms + move.start_ms - move.was_ms, timeline.duration_ms)
    start = max(0, move.start_ms)
    return cue.model_copy(update={"id": move.cue, "start_ms": start, "end_ms": end})


def _recordings(record: DubRecord, moved: Sequence[MovedCue]) -> dict[tuple[str, str], Path]:
    """The recordings of moved cues, by cue id and language: those that they had."""
    return {
        (move.cue, language): take.recording
        for move in moved
        for language, part in record.languages.items()
        if (take := part.takes.get(move.was)) is not None and take.recording is not None
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
