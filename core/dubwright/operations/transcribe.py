"""Plans and delivers a transcript: who says what when, as a cue sheet to look through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dubwright.conform.read import Soundtrack
from dubwright.dialogue import Cast, CueSheet, Subtitle, write_subtitles
from dubwright.engines import EngineKind, engine_card
from dubwright.engines.choice import chosen_weights
from dubwright.operations.chosen_engine import diarizer
from dubwright.operations.deliver import copied, deliver_once, write_manifest
from dubwright.operations.lines import opened_sound
from dubwright.operations.material import PlateSound
from dubwright.operations.request import TranscribeRequest
from dubwright.operations.speech_stages import CAST, CUE_SHEET, HEARD_BLOCK, PART_S, TRANSCRIPT
from dubwright.operations.task import Task
from dubwright.operations.task_list import TaskList
from dubwright.speech.mix import MIX_RATE
from dubwright.store import EVERYWHERE, Access, Store, content_key
from dubwright.trust import Authority

__all__ = ["TranscriptPlan", "deliver_transcript", "plan_transcript"]

STATEMENT: Final = "Words and speakers as machines heard them; look them through."


@dataclass(frozen=True)
class TranscriptPlan:
    """The key of the transcript, the tasks that make it, and which engines do."""

    transcript: str
    name: str
    engines: dict[str, str]
    tasks: dict[str, Task]


def plan_transcript(
    request: TranscribeRequest, store: Store, _authority: Authority, access: Access = EVERYWHERE
) -> TranscriptPlan:
    """Plan to transcribe a timeline. See plan_dub for the arguments.

    Raises:
        DubwrightError: there is nothing to hear, or the transcriber has no weights.
    """
    tasks = TaskList(store)
    soundtrack, sound = opened_sound(request, tasks, access)
    planner = _Planner(request, soundtrack, sound, tasks)
    return planner.plan(access)


class _Planner:
    def __init__(
        self, request: TranscribeRequest, soundtrack: Soundtrack, sound: PlateSound, tasks: TaskList
    ) -> None:
        self._request = request
        self._soundtrack = soundtrack
        self._sound = sound
        self._tasks = tasks
        self._samples = int(soundtrack.duration * MIX_RATE)
        self._parts = max(1, math.ceil(soundtrack.duration / PART_S))

    def plan(self, access: Access) -> TranscriptPlan:
        engines = self._request.engines
        transcriber = engine_card(engines.transcriber, EngineKind.TRANSCRIBER)
        weights = chosen_weights(
            transcriber, engines.weights.get(transcriber.name), self._tasks.fingerprints, access
        )
        used = {"transcriber": f"{transcriber.identity} {weights.identity}"}
        speech = self._tasks.add(
            "speech",
            {"samples": self._samples, "sounds": self._sound.hashes},
            where={"sounds": self._sound.where},
            label="finding speech",
            units=math.ceil(self._samples / HEARD_BLOCK),
        )
        inputs = {"speech": speech}
        asked = {
            "engine": transcriber.name,
            "card": transcriber.identity,
            "weights": weights.identity,
            "language": self._request.original,
        }
        for number in range(self._parts):
            inputs[f"words:{number}"] = self._part(
                "words", number, asked, speech, "transcribing", {"weights": str(weights.path)}
            )
        told = diarizer(engines, self._tasks, access) if self._request.voices else None
        if told:
            used["diarizer"] = told.identity
            for number in range(self._parts):
                inputs[f"voices:{number}"] = self._part(
                    "voices", number, told.parameters, speech, "telling voices apart", told.where
                )
        known = Cast.read(self._request.cast) if self._request.cast else Cast()
        transcript = self._tasks.add(
            "transcript",
            {"parts": self._parts, "diarizer": told.identity if told else "",
             "cast": known.model_dump(mode="json"), "name": self._soundtrack.path.name},
            inputs=inputs,
            label="writing the cue sheet",
        )  # fmt: skip
        return TranscriptPlan(transcript, self._soundtrack.file_stem, used, self._tasks.tasks)

    def _part(
        self,
        stage: str,
        number: int,
        asked: dict[str, Any],
        speech: str,
        doing: str,
        weights: dict[str, Any],
    ) -> str:
        return self._tasks.add(
            stage,
            asked | {"part": number, "samples": self._samples, "sounds": self._sound.hashes},
            inputs={"speech": speech},
            where={"sounds": self._sound.where} | weights,
            label=f"{doing}, minute {number * PART_S // 60 + 1} of {self._parts * PART_S // 60}",
            loads_weights=True,
        )


def deliver_transcript(plan: TranscriptPlan, store: Store, output: Path) -> Path:
    """Write cue sheet, cast, transcript and subtitles into the next version; its folder."""
    found = store.path(plan.transcript)

    def write(folder: Path, _: Path) -> None:
        for name in (CUE_SHEET, CAST, TRANSCRIPT):
            copied(found / name, folder / name)
        sheet = CueSheet.read(found / CUE_SHEET)
        for language in sorted({tag for cue in sheet.cues for tag in cue.text}):
            lines = [
                Subtitle(cue.start_ms, cue.end_ms, cue.text[language], cue.speaker)
                for cue in sheet.cues
                if language in cue.text
            ]
            write_subtitles(folder / f"{plan.name}.{language}.srt", lines, language)
        write_manifest(folder, key, STATEMENT, engines=plan.engines)

    key = content_key([plan.transcript, plan.name])
    return deliver_once(key, store, output, write)
