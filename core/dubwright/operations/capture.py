"""Plans the capture of a character's mouth from an actor's, as a plate shows it."""

from __future__ import annotations

from dubwright.conform.read import read_timeline
from dubwright.errors import DubwrightError
from dubwright.model import FrameRange
from dubwright.operations.animate import AnimatePlan
from dubwright.operations.chosen_engine import tracker
from dubwright.operations.material import Colours, plates_of
from dubwright.operations.request import CaptureRequest, request_paths
from dubwright.operations.task_list import TaskList
from dubwright.store import EVERYWHERE, Access, Store
from dubwright.trust import Authority

__all__ = ["plan_capture"]


def plan_capture(
    request: CaptureRequest, store: Store, _authority: Authority, access: Access = EVERYWHERE
) -> AnimatePlan:
    """Plan a capture: the faces of a plate, one of them, its mouth. See plan_dub for the arguments.

    Raises:
        DubwrightError: the plate cannot be read, or is not one shot.
    """
    for _, path in request_paths(request):
        access.check(path)
    part = FrameRange(request.frames[0], request.frames[1] + 1) if request.frames else None
    timeline, _ = read_timeline(request.plate, access, part=part)
    tasks = TaskList(store)
    colours = Colours.found(request.plate, request.ocio, access)
    plates = plates_of(timeline, request.colour_space, colours, tasks.fingerprints)
    if len(plates.specs) != 1:
        raise DubwrightError(
            "This is not one plate",
            where=str(request.plate),
            why="; ".join(sorted({shot.problem for shot in timeline.shots if shot.problem}))
            or f"{len(timeline.shots)} shots are in it",
            repair="give a movie, or an EXR sequence such as plate.####.exr",
        )
    ((uid, spec),) = plates.specs.items()
    told = tracker(request.engines, tasks, access)
    faces = tasks.add(
        "faces",
        {"plate": plates.contents[uid]} | told.parameters,
        where=plates.where(uid) | told.where,
        label=f"following the faces in {uid}",
        units=spec.frames,
    )
    track = tasks.add(
        "track",
        {"face": request.face, "frames": spec.frames},
        inputs={"faces": faces},
        label=f"finding face {request.face} in {uid}",
    )
    captured = tasks.add(
        "capture",
        {"rate": str(spec.rate)},
        inputs={"track": track},
        label="reading the mouth",
    )
    return AnimatePlan.of(request, captured, tasks.tasks, spec.rate)
