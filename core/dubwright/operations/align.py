"""Plans and delivers an alignment: when lines are said whose words are known."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dubwright.dialogue import CueSheet, Subtitle, write_subtitles
from dubwright.dialogue.script import read_script
from dubwright.dialogue.subtitles import read_subtitles
from dubwright.engines import EngineKind, engine_card
from dubwright.errors import DubwrightError
from dubwright.model import Cue
from dubwright.operations.align_stages import ALIGNMENT, LINES_AT_ONCE, PHONES
from dubwright.operations.deliver import copied, deliver_once, write_manifest
from dubwright.operations.lines import opened_sound
from dubwright.operations.request import AlignRequest
from dubwright.operations.speech_stages import CUE_SHEET, HEARD_BLOCK
from dubwright.operations.task import Task
from dubwright.operations.task_list import TaskList
from dubwright.operations.timing import Timing, timing
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.pace import READER
from dubwright.store import EVERYWHERE, Access, Store, content_key
from dubwright.trust import Authority

__all__ = ["AlignmentPlan", "deliver_alignment", "plan_alignment"]

SOMEBODY: Final = "Speaker 1"
MOST_TESTED: Final = 24
STATEMENT: Final = "Lines and phones timed by a machine; alignment.json says which to look at."


@dataclass(frozen=True)
class AlignmentPlan:
    """The key of the alignment, and the tasks that make it."""

    alignment: str
    name: str
    language: str
    aligner: str
    tasks: dict[str, Task]


def plan_alignment(
    request: AlignRequest, store: Store, _authority: Authority, access: Access = EVERYWHERE
) -> AlignmentPlan:
    """Plan to time lines. See plan_dub for the arguments.

    Raises:
        DubwrightError: there are no lines, no dialogue, or no aligner knows the language.
    """
    tasks = TaskList(store)
    soundtrack, sound = opened_sound(request, tasks, access)
    sheet = _sheet(request)
    language = request.original
    aligner = timing(request.engines, tasks, access, language)
    _check_language(aligner, language)
    texts = [cue.text.get(language, "") for cue in sheet.cues]
    samples = int(soundtrack.duration * MIX_RATE)
    where = {"sounds": sound.where}
    blocks = math.ceil(samples / HEARD_BLOCK)
    heard = {"samples": samples, "sounds": sound.hashes}
    speech = tasks.add("speech", heard, where=where, label="finding speech", units=blocks)
    reader = engine_card(READER, EngineKind.SYNTHESIZER).identity
    readings = tasks.add(
        "readings", {"texts": texts, "language": language, "reader": reader},
        label="reading the lines", units=len(texts),
    )  # fmt: skip
    located = tasks.add(
        "located", heard, inputs={"speech": speech, "readings": readings}, where=where,
        label="looking for the lines", units=blocks,
    )  # fmt: skip
    numbered = list(enumerate(texts))
    parts = [numbered[at : at + LINES_AT_ONCE] for at in range(0, len(numbered), LINES_AT_ONCE)]
    tested = _tested(texts)
    timed = {
        f"lines:{number}": tasks.add(
            "timed lines",
            {"texts": part, "language": language, "sounds": sound.hashes,
             "tested": {str(n): tested[n] for n, _ in part if n in tested}}
            | aligner.parameters,
            inputs={"located": located}, where=where | aligner.where,
            loads_weights=aligner.loads_weights,
            label=f"timing lines {part[0][0] + 1} to {part[-1][0] + 1}", units=len(part),
        )
        for number, part in enumerate(parts)
    }  # fmt: skip
    alignment = tasks.add(
        "alignment",
        {"sheet": sheet.model_dump(mode="json"), "language": language, "parts": len(parts),
         "timed": request.script is None, "name": soundtrack.path.name,
         "sounds": sound.hashes},
        inputs=timed | {"located": located, "readings": readings}, where=where,
        label="writing the cue sheet",
    )  # fmt: skip
    return AlignmentPlan(alignment, soundtrack.file_stem, language, aligner.engine, tasks.tasks)


def deliver_alignment(plan: AlignmentPlan, store: Store, output: Path) -> Path:
    """Write cue sheet, subtitles, phones and report into the next version; its folder."""
    found = store.path(plan.alignment)
    key = content_key([plan.alignment, plan.name])

    def write(folder: Path, _: Path) -> None:
        for name in (CUE_SHEET, ALIGNMENT):
            copied(found / name, folder / name)
        shutil.copytree(found / PHONES, folder / PHONES, dirs_exist_ok=True)
        sheet = CueSheet.read(found / CUE_SHEET)
        lines = [
            Subtitle(cue.start_ms, cue.end_ms, cue.text[plan.language], cue.speaker)
            for cue in sheet.cues
            if cue.text.get(plan.language)
        ]
        write_subtitles(folder / f"{plan.name}.{plan.language}.srt", lines, plan.language)
        write_manifest(folder, key, STATEMENT, engines={"aligner": plan.aligner})

    return deliver_once(key, store, output, write)


def _sheet(request: AlignRequest) -> CueSheet:
    """The lines as they are given, those of a script one after another."""
    language = request.original
    if request.cue_sheet:
        folder = request.cue_sheet.parent.absolute()
        return CueSheet.read(request.cue_sheet).with_takes_in(folder)
    if request.subtitles:
        timed = [
            (s.start_ms, s.end_ms, s.speaker, s.text) for s in read_subtitles(request.subtitles)
        ]
    else:
        assert request.script is not None
        lines = read_script(request.script)
        timed = [(n, n + 1, line.speaker, line.text) for n, line in enumerate(lines)]
    cues = tuple(
        Cue(
            id=f"cue{number:04d}",
            speaker=speaker or SOMEBODY,
            start_ms=start,
            end_ms=end,
            text={language: text},
        )
        for number, (start, end, speaker, text) in enumerate(timed, start=1)
    )
    return CueSheet(original=language, cues=cues)


def _tested(texts: Sequence[str]) -> dict[int, list[str]]:
    """Some of the lines, evenly chosen, each with other lines that it must not sound like."""
    every = math.ceil(len(texts) / MOST_TESTED)
    tested = {}
    for number in range(0, len(texts), max(1, every)):
        others = [texts[(number + step) % len(texts)] for step in (2, 3, 5)]
        others = [text for text in dict.fromkeys(others) if text.strip() and text != texts[number]]
        if len(texts) > 1 and texts[number].strip() and others:
            tested[number] = others
    return tested


def _check_language(aligner: Timing, language: str) -> None:
    if not aligner.knows(language):
        raise DubwrightError(
            f"No engine times lines in {language}",
            where=f"the aligner {aligner.engine}",
            why=f"it knows {len(aligner.languages)} languages, and not this one",
            repair="see `dubwright languages`; correct --original if the lines are in another",
        )
