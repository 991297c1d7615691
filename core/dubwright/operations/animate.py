"""Plans and delivers the mouth of a character that speaks a line."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from dubwright._version import __version__
from dubwright.engines import EngineKind, engine
from dubwright.model import Cue
from dubwright.operations.deliver import MANIFEST, deliver_once
from dubwright.operations.media_content import media_content
from dubwright.operations.request import AnimateRequest, request_paths
from dubwright.operations.results import load_take
from dubwright.operations.stages import VERSIONS
from dubwright.operations.task import Task
from dubwright.store import EVERYWHERE, Access, Fingerprints, Store, whole

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
    for _, path in request_paths(request):
        access.check(path)
    spoken = Cue(
        id=CUE, speaker="character", start_ms=0, end_ms=FREE_MS,
        text={request.language: request.text},
    )  # fmt: skip
    aligner = engine(request.engines.aligner, EngineKind.ALIGNER).card
    voice = engine(request.engines.synthesizer, EngineKind.SYNTHESIZER).card
    predictor = engine(request.engines.mouth_predictor, EngineKind.MOUTH_PREDICTOR).card
    parameters = {"cue": spoken.model_dump(mode="json"), "language": request.language}
    if request.recording:
        fingerprints = Fingerprints(store.folder)
        content = fingerprints.of_file(request.recording)
        parameters |= {"aligner": aligner.name, "card": aligner.identity, "recording": content}
        where = {"recording": str(request.recording)}
        media = media_content(where, fingerprints)
        take = Task(
            "dialogue", VERSIONS["dialogue"], parameters, where=where, media=media, label="timing"
        )
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
    """Write curves.json, line.wav and the manifest into the next version.

    Returns:
        The version's folder.
    """
    take = store.path(plan.take)

    def write(folder: Path, _: Path) -> None:
        for source, name in (
            (store.path(plan.curves) / "curves.json", "curves.json"),
            (take / load_take(take).audio, "line.wav"),
        ):
            with whole(folder / name) as partial:
                shutil.copyfile(source, partial)
        manifest = {
            "document": "dubwright.manifest",
            "version": 1,
            "software": f"dubwright {__version__}",
            "plan": plan.curves,
            "statement": "A character's line and the movements of its mouth, made by software.",
            "engines": {"voice": load_take(take).engine},
        }
        text = json.dumps(manifest, indent=1) + "\n"
        with whole(folder / MANIFEST) as partial:
            partial.write_text(text, encoding="utf-8")

    return deliver_once(plan.curves, store, output, write)
