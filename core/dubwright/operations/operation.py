"""The operations that Dubwright offers: what each is asked, how it is planned and delivered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import BaseModel

from dubwright.operations.align import deliver_alignment, plan_alignment
from dubwright.operations.animate import AnimatePlan, deliver_animation, plan_animate
from dubwright.operations.booth import BoothPlan, deliver_booth, plan_booth
from dubwright.operations.capture import plan_capture
from dubwright.operations.casting import CastPlan, deliver_cast, plan_cast
from dubwright.operations.deliver import deliver
from dubwright.operations.dub import plan_dub
from dubwright.operations.lip_sync import plan_lip_sync
from dubwright.operations.plan import DubPlan
from dubwright.operations.reconform import (
    RECONFORM,
    Reconform,
    plan_reconform,
    take_review_along,
)
from dubwright.operations.request import REQUESTS, AnimateRequest
from dubwright.operations.speech_stages import CUE_SHEET
from dubwright.operations.task import Task
from dubwright.operations.transcribe import deliver_transcript, plan_transcript
from dubwright.operations.translate import (
    deliver_translation,
    plan_translation,
)
from dubwright.store import Access, Store
from dubwright.trust import Authority

__all__ = ["OPERATIONS", "Operation", "Plan", "version_result"]


class Plan(Protocol):
    """What every plan has: its tasks by key."""

    @property
    def tasks(self) -> Mapping[str, Task]: ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for.

    Attributes:
        request: the kind of document that asks for it; it names an `output` folder.
        plan: (request, store, what consents are judged by, folders that may be used) -> plan.
        deliver: (plan whose tasks are done, store, output) -> JSON: at least the version's folder.
    """

    request: type[BaseModel]
    plan: Callable[[Any, Store, Authority, Access], Plan]
    deliver: Callable[[Any, Store, Path], dict[str, Any]]


def _deliver_dub(plan: DubPlan, store: Store, output: Path) -> dict[str, Any]:
    folder = deliver(plan, store, output)
    tags = [part.language for part in plan.languages]
    return version_result(folder, plan.timeline.file_stem, tags)


def version_result(folder: Path, name: str, tags: Iterable[str]) -> dict[str, Any]:
    """A delivered dub as JSON.

    Args:
        folder: of the version.
        name: what its files' names begin with.
        tags: of its languages.
    """
    tags = list(tags)
    return {
        "folder": str(folder),
        "name": name,
        "timelines": {tag: str(folder / f"{name}.{tag}.otio") for tag in tags},
        "previews": {tag: str(folder / "preview" / f"{name}.{tag}.mp4") for tag in tags},
        "report": str(folder / "report.html"),
    }


def _deliver_reconform(plan: DubPlan, store: Store, output: Path) -> dict[str, Any]:
    note = plan.documents[RECONFORM]
    assert isinstance(note, Reconform)
    take_review_along(Path(note.old), output)
    return _deliver_dub(plan, store, output) | {"reconform": note.model_dump(mode="json")}


def _plan_animation(
    request: AnimateRequest, store: Store, _authority: Authority, access: Access
) -> AnimatePlan:
    return plan_animate(request, store, access)


def _deliver_animation(plan: AnimatePlan, store: Store, output: Path) -> dict[str, Any]:
    return {"folder": str(deliver_animation(plan, store, output))}


def _deliver_cast(plan: CastPlan, store: Store, output: Path) -> dict[str, Any]:
    folder = deliver_cast(plan, store, output)
    return {"folder": str(folder), "cast": str(folder / "cast.json")}


def _with_cue_sheet(
    deliver: Callable[[Any, Store, Path], Path],
) -> Callable[[Any, Store, Path], dict[str, Any]]:
    """A delivery whose version holds a cue sheet, as an operation tells of it."""

    def delivered(plan: Any, store: Store, output: Path) -> dict[str, Any]:
        folder = deliver(plan, store, output)
        return {"folder": str(folder), "cue_sheet": str(folder / CUE_SHEET)}

    return delivered


def _deliver_booth(plan: BoothPlan, store: Store, output: Path) -> dict[str, Any]:
    return {"folder": str(deliver_booth(plan, store, output))}


OPERATIONS: Final[Mapping[str, Operation]] = {
    "dub": Operation(REQUESTS["dub"], plan_dub, _deliver_dub),
    "lip_sync": Operation(REQUESTS["lip_sync"], plan_lip_sync, _deliver_dub),
    "reconform": Operation(REQUESTS["reconform"], plan_reconform, _deliver_reconform),
    "animate": Operation(REQUESTS["animate"], _plan_animation, _deliver_animation),
    "capture": Operation(REQUESTS["capture"], plan_capture, _deliver_animation),
    "cast": Operation(REQUESTS["cast"], plan_cast, _deliver_cast),
    "transcribe": Operation(
        REQUESTS["transcribe"], plan_transcript, _with_cue_sheet(deliver_transcript)
    ),
    "translate": Operation(
        REQUESTS["translate"], plan_translation, _with_cue_sheet(deliver_translation)
    ),
    "booth": Operation(REQUESTS["booth"], plan_booth, _deliver_booth),
    "align": Operation(REQUESTS["align"], plan_alignment, _with_cue_sheet(deliver_alignment)),
}
