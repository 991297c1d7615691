"""Plans and delivers the mouth of a character that speaks a line."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dubwright._version import __version__
from dubwright.character.acting import Gesture
from dubwright.character.controls import controlled_weights
from dubwright.character.flaps import FLAP_SETS, flaps
from dubwright.character.formats import (
    arkit_csv,
    moho_dat,
    rhubarb_json,
    rhubarb_tsv,
    rhubarb_xml,
)
from dubwright.character.rig import Rig, controls_of, emotion_of, find_rig, reach_of
from dubwright.character.scenes import gltf, otio_timeline, usda
from dubwright.character.style import styled
from dubwright.engines import EngineKind, engine, engine_card
from dubwright.errors import DubwrightError
from dubwright.model import Cue
from dubwright.mouth.controls import keyed
from dubwright.operations.deliver import MANIFEST, deliver_once
from dubwright.operations.listening import AHEAD, teaching
from dubwright.operations.request import AnimateRequest, CharacterRequest, request_paths
from dubwright.operations.results import load_take
from dubwright.operations.task import Task
from dubwright.operations.task_list import TaskList
from dubwright.operations.timing import timing
from dubwright.operations.voicing import voicing
from dubwright.store import EVERYWHERE, Access, Store, content_key, whole
from dubwright.trust import Action, credential, keys_folder, sign, source_type

__all__ = ["AnimatePlan", "deliver_animation", "plan_animate"]

CUE = "line"
SOUND = "line.wav"
RECORDED = "recording"
SPOKEN = "A character's line and the movements of its mouth, made by software."
CAPTURED = "The movements of an actor's mouth, read from a picture by software."
# A character has no slot to fill: the line may take as long as it takes.
FREE_MS = 600_000


@dataclass(frozen=True)
class AnimatePlan:
    """Keys of the take, None where there is none, and of the curves, and the tasks that make them;
    what was asked, the rig, and how much the rest of the face acts."""

    take: str | None
    curves: str
    tasks: dict[str, Task]
    rate: Fraction
    request: CharacterRequest
    rig: Rig
    acting: float

    @classmethod
    def of(
        cls,
        request: CharacterRequest,
        curves: str,
        tasks: dict[str, Task],
        rate: Fraction,
        take: str | None = None,
        acting: float = 0.0,
    ) -> AnimatePlan:
        """The plan of a request whose tasks are known.

        Raises:
            DubwrightError: there is no such rig, or it does not know the emotion, or what is asked
                of jaw or width.
        """
        named = str(request.rig_file or request.rig)
        rig = request.rig_document or find_rig(named)
        if request.emotion is not None:
            emotion_of(rig, request.emotion)
        for part, controls in (("jaw", rig.jaw), ("width", rig.width)):
            asked = [request.mouth, *request.mouth.keys]
            if not controls and any(getattr(each, part) not in (None, 1) for each in asked):
                raise DubwrightError(
                    f"The rig does not know its {part}",
                    where="the rig's document" if request.rig_document else named,
                    why=f'it names no controls under "{part}"',
                    repair=f"leave {part} at 1, or name them in a rig of your own",
                )
        return cls(take, curves, tasks, rate, request, rig, acting)

    @property
    def look(self) -> dict[str, Any]:
        """What, besides the curves, decides what is delivered."""
        named = {"style", "mouth", "emotion", "flaps", "flaps_on"}
        asked = self.request.model_dump(mode="json", include=named)
        return asked | {"rig": self.rig.model_dump(mode="json"), "acting": self.acting}


def plan_animate(request: AnimateRequest, store: Store, access: Access = EVERYWHERE) -> AnimatePlan:
    """Plan an animation: a take, then its curves. See plan_dub for the arguments."""
    for _, path in request_paths(request):
        access.check(path)
    words = {request.language: request.text} if request.text.strip() else {}
    spoken = Cue(id=CUE, speaker="character", start_ms=0, end_ms=FREE_MS, text=words)
    engines = request.engines
    predictor = engine(engines.mouth_predictor, EngineKind.MOUTH_PREDICTOR).card
    tasks = TaskList(store)
    parameters: dict[str, Any] = {
        "cue": spoken.model_dump(mode="json"),
        "language": request.language,
    }
    shaping = {
        "engine": predictor.name,
        "card": predictor.identity,
        "rate": request.rate,
    }
    inputs: dict[str, str] = {}
    if request.recording:
        where = {"recording": str(request.recording)}
        if request.phones:
            parameters["phones"] = [phone.model_dump() for phone in request.phones]
        elif words:
            timed = timing(engines, tasks, access, request.language)
            parameters |= timed.parameters
            where |= timed.where
        else:
            recognizer = engine(engines.phone_recognizer, EngineKind.PHONE_RECOGNIZER)
            card = recognizer.card
            parameters |= {"recognizer": card.name, "card": card.identity}
            if recognizer.knows(request.language):
                shaping["recognizer"] = card.name
            inputs["listener"] = tasks.add(**teaching(AHEAD))
        parameters["recording"] = tasks.fingerprints.of_file(request.recording)
        take = tasks.add(
            "dialogue", parameters, where=where, label="timing",
            loads_weights="aligner_weights" in where,
        )  # fmt: skip
    else:
        spoken_by = voicing(engines, tasks, access, request.language)
        take = tasks.add(
            "line", parameters | spoken_by.parameters, where=spoken_by.where, label="speaking",
            loads_weights=spoken_by.loads_weights,
        )  # fmt: skip
    curves = tasks.add(
        "animation",
        shaping,
        inputs=inputs | {"take": take},
        label="shaping the mouth",
    )
    rate = Fraction(request.rate)
    return AnimatePlan.of(request, curves, tasks.tasks, rate, take, request.acting)


def deliver_animation(plan: AnimatePlan, store: Store, output: Path) -> Path:
    """Write the curves, the rig's controls, the drawn mouth and the sound into the next version.

    curves.json holds four curves for any rig of one's own making; controls.json the values of the
    rig's controls, arkit.csv those of ARKit's as Live Link Face has them; mouth.tsv, .xml, .json
    and .dat the drawn mouth as Rhubarb and Papagayo write it; mouth.gltf, .usda and .otio the
    controls in a scene and on a timeline; line.wav the sound, if there is one.

    Returns:
        The version's folder.
    """
    take = store.path(plan.take) if plan.take else None
    spoken = load_take(take) if take else None
    key = content_key([plan.curves, plan.look])

    def write(folder: Path, _: Path) -> None:
        delivered = {"curves.json": store.path(plan.curves) / "curves.json"}
        if take and spoken and spoken.engine != RECORDED:
            _sign_voice(take / spoken.audio, folder / SOUND, spoken.engine)
        elif take and spoken:
            delivered[SOUND] = take / spoken.audio
        for name, source in delivered.items():
            with whole(folder / name) as partial:
                shutil.copyfile(source, partial)
        for name, text in _character_files(plan, store).items():
            with whole(folder / name) as partial:
                partial.write_text(text, encoding="utf-8", newline="")
        manifest = {
            "document": "dubwright.manifest",
            "version": 1,
            "software": f"dubwright {__version__}",
            "plan": key,
            "statement": SPOKEN if spoken else CAPTURED,
            "engines": {"voice": spoken.engine} if spoken else {},
        }
        text = json.dumps(manifest, indent=1) + "\n"
        with whole(folder / MANIFEST) as partial:
            partial.write_text(text, encoding="utf-8")

    return deliver_once(key, store, output, write)


def _sign_voice(source: Path, destination: Path, engine: str) -> None:
    """Deliver a line that a synthetic voice speaks, which says so."""
    card = engine_card(engine.partition("/")[0], EngineKind.SYNTHESIZER)
    spoken = Action("c2pa.created", "A synthetic voice speaks", source_type([card]), engine)
    sign(source, destination, SOUND, (), [spoken], credential(keys_folder()), {})


def _character_files(plan: AnimatePlan, store: Store) -> dict[str, str]:
    """What a character's programs read, by file name."""
    asked = plan.request
    spoken = np.load(store.path(plan.curves) / "visemes.npy")
    times_ms = (np.arange(len(spoken)) + 0.5) * 1000 / float(plan.rate)
    weights = controlled_weights(spoken, asked.mouth, times_ms)
    acted = np.zeros((len(weights), len(Gesture)), np.float32)
    if plan.acting:
        acted = plan.acting * np.load(store.path(plan.curves) / "gestures.npy")
    controls = controls_of(
        styled(weights, asked.style, asked.flaps_on),
        plan.rig,
        acted,
        asked.emotion,
        jaw=keyed(asked.mouth, "jaw", times_ms),
        width=keyed(asked.mouth, "width", times_ms),
    )
    drawn = flaps(weights, FLAP_SETS[asked.flaps], asked.flaps_on)
    reach = reach_of(plan.rig)
    rounded = {name: _rounded(values, reach[name]) for name, values in controls.items()}
    document = {
        "document": "dubwright.controls",
        "version": 1,
        "rate": str(plan.rate),
        "frames": len(weights),
        "controls": rounded,
        "gestures": {
            gesture: _rounded(row, 1.0) for gesture, row in zip(Gesture, acted.T, strict=True)
        },
    }
    files = {
        "controls.json": json.dumps(document) + "\n",
        "mouth.tsv": rhubarb_tsv(drawn, plan.rate),
        "mouth.xml": rhubarb_xml(drawn, plan.rate, SOUND),
        "mouth.json": rhubarb_json(drawn, plan.rate, SOUND),
        "mouth.dat": moho_dat(drawn),
        "mouth.gltf": gltf(controls, plan.rate),
        "mouth.usda": usda(controls, plan.rate),
        "mouth.otio": otio_timeline(rounded, drawn, plan.rate, SOUND if plan.take else None),
    }
    if plan.rig == find_rig("arkit"):
        files["arkit.csv"] = arkit_csv(controls, plan.rate)
    return files


def _rounded(values: NDArray[np.float32], reach: float) -> list[float]:
    """Of a control that goes to 1, four decimals: a bone may go by thousandths of its unit."""
    decimals = 4 + max(0, -math.floor(math.log10(reach))) if reach else 4
    return [float(value) for value in values.astype(np.float64).round(decimals)]
