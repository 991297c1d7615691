"""Plans and delivers the mouth of a character that speaks a line."""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass
from pathlib import Path

from dubwright.engines import EngineKind, engine
from dubwright.model import Cue
from dubwright.operations.deliver import check_output, next_version, output_error, whole
from dubwright.operations.request import AnimateRequest
from dubwright.operations.results import load_take
from dubwright.operations.stages import VERSIONS
from dubwright.operations.task import Task
from dubwright.store import EVERYWHERE, Access, Fingerprints, Store

__all__ = ["AnimatePlan", "deliver_animation", "plan_animate"]

CUE = "line"
# A character has no slot to fill: the line may take as long as it takes.
FREE_MS = 600_000


@dataclass(frozen=True)
class AnimatePlan:
    """Keys of the take and of the curves, and the tasks that make them."""

    take: str
    curves: str
    tasks: dict[str, Task]


def plan_animate(request: AnimateRequest, store: Store, access: Access = EVERYWHERE) -> AnimatePlan:
    """Plan an animation: a take, then its curves. See plan_dub for the arguments."""
    spoken = Cue(
        id=CUE, speaker="character", start_ms=0, end_ms=FREE_MS,
        text={request.language: request.text},
    )  # fmt: skip
    aligner = engine(request.engines.aligner, EngineKind.ALIGNER).card
    voice = engine(request.engines.synthesizer, EngineKind.SYNTHESIZER).card
    predictor = engine(request.engines.mouth_predictor, EngineKind.MOUTH_PREDICTOR).card
    parameters = {"cue": spoken.model_dump(mode="json"), "language": request.language}
    if request.recording:
        access.check(request.recording)
        content = Fingerprints(store.folder).of_file(request.recording)
        parameters |= {"aligner": aligner.name, "card": aligner.identity, "recording": content}
        where = {"recording": str(request.recording)}
        take = Task("dialogue", VERSIONS["dialogue"], parameters, where=where, label="timing")
    else:
        parameters |= {"synthesizer": voice.name, "card": voice.identity}
        take = Task("line", VERSIONS["line"], parameters, label="speaking")
    curves = Task(
        "animation",
        VERSIONS["animation"],
        {"engine": predictor.name, "card": predictor.identity, "rate": request.rate},
        inputs={"take": take.key},
        label="shaping the mouth",
    )
    return AnimatePlan(take.key, curves.key, {take.key: take, curves.key: curves})


def deliver_animation(plan: AnimatePlan, store: Store, output: Path) -> Path:
    """Write curves.json and line.wav into the next version.

    Returns:
        The version's folder.
    """
    check_output(output)
    version = output / next_version(output)
    partial = output / f".dubwright-{plan.curves[:16]}"
    take = store.path(plan.take)
    try:
        partial.mkdir(exist_ok=True)
        for source, name in (
            (store.path(plan.curves) / "curves.json", "curves.json"),
            (take / load_take(take).audio, "line.wav"),
        ):
            whole(partial / name, functools.partial(shutil.copyfile, source))
        partial.rename(version)
    except OSError as error:
        raise output_error(error, output) from error
    return version
