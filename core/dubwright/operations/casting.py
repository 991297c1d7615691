"""Plans and delivers a cast to look through: who is seen in which shot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dubwright.dialogue import Cast
from dubwright.errors import DubwrightError
from dubwright.operations.actors import Actors
from dubwright.operations.cast_stage import CAST, FACES, SHEET
from dubwright.operations.chosen_engine import tracker
from dubwright.operations.deliver import copied, deliver_once, write_manifest
from dubwright.operations.lines import opened
from dubwright.operations.material import Colours, plates_of, speech_of
from dubwright.operations.request import CastRequest
from dubwright.operations.slots import Slots
from dubwright.operations.task import Task
from dubwright.operations.task_list import TaskList
from dubwright.store import EVERYWHERE, Access, Store
from dubwright.trust import Authority

__all__ = ["CastPlan", "deliver_cast", "plan_cast"]

STATEMENT: Final = "Faces and speakers as they were found; look them through."


@dataclass(frozen=True)
class CastPlan:
    """The key of the cast, and the tasks that find it."""

    cast: str
    tasks: dict[str, Task]


def plan_cast(
    request: CastRequest, store: Store, _authority: Authority, access: Access = EVERYWHERE
) -> CastPlan:
    """Plan to find every face of a timeline and whose it is. See plan_dub for the arguments."""
    timeline, known, sheet = opened(request, access)
    tasks = TaskList(store)
    colours = Colours.found(request.timeline, request.ocio, access)
    plates = plates_of(timeline, request.colour_space, colours, tasks.fingerprints)
    if not plates.specs:
        raise DubwrightError(
            "No shot of this timeline can be looked at",
            where=str(request.timeline),
            why="; ".join(sorted({shot.problem for shot in timeline.shots})) or "it has no shots",
            repair="see that its media are there, and are movies or EXR sequences",
        )
    # What is known of a face so far is looked at again.
    nameless = Cast(speakers=tuple(s.model_copy(update={"faces": {}}) for s in known.speakers))
    slots = Slots(timeline, sheet)
    actors = Actors(
        tasks, timeline, sheet, nameless, slots, plates,
        speech_of(timeline, tasks.fingerprints), request.engines,
        {}, tracker(request.engines, tasks, access), access,
    )  # fmt: skip
    shots = [shot for shot in timeline.shots if shot.uid in plates.specs]
    inputs = {f"faces:{shot.uid}": actors.faces(shot) for shot in shots}
    frames: Counter[tuple[str, str]] = Counter()
    for cue in sheet.cues:
        for shot, speech, _ in slots.of(cue):
            frames[cue.speaker, shot.uid] += len(speech)
    spoken = [(name, uid, count) for (name, uid), count in frames.items()]
    by_uid = {shot.uid: shot for shot in shots}
    for number, (name, uid, _) in enumerate(spoken):
        inputs[f"track:{number}"] = actors.track(by_uid[uid], name)
    cast = tasks.add(
        "cast",
        {
            "shots": [shot.uid for shot in shots],
            "spoken": spoken,
            "cast": known.model_dump(mode="json"),
        },
        inputs=inputs,
        label="finding who is who",
    )
    return CastPlan(cast, tasks.tasks)


def deliver_cast(plan: CastPlan, store: Store, output: Path) -> Path:
    """Write cast.json, faces.json and the sheets of faces into the next version; its folder."""
    found = store.path(plan.cast)

    def write(folder: Path, _: Path) -> None:
        sheets = sorted(sheet.name for sheet in found.glob(SHEET.format("*")))
        for name in (CAST, FACES, *sheets):
            copied(found / name, folder / name)
        write_manifest(folder, plan.cast, STATEMENT)

    return deliver_once(plan.cast, store, output, write)
