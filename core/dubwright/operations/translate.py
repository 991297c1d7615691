"""Plans and delivers translations of a cue sheet by an engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dubwright.dialogue import CueSheet
from dubwright.dialogue.glossary import Glossary
from dubwright.dialogue.translation import export_lines
from dubwright.engines import EngineKind, engine_card
from dubwright.engines.choice import chosen_weights
from dubwright.errors import DubwrightError
from dubwright.model import Cue, CueKind
from dubwright.operations.deliver import copied, deliver_once, write_manifest
from dubwright.operations.request import TranslateRequest, request_paths
from dubwright.operations.speech_stages import CUE_SHEET
from dubwright.operations.task import Task
from dubwright.operations.task_list import TaskList
from dubwright.operations.translate_stages import TRANSLATION
from dubwright.operations.voicing import Voicing, voicing
from dubwright.speech.pace import READER
from dubwright.store import EVERYWHERE, Access, Store, content_key
from dubwright.trust import Authority

__all__ = ["TranslationPlan", "deliver_translation", "plan_translation"]

LINES_AT_ONCE: Final = 20
STATEMENT: Final = "Lines translated by a machine; have somebody read them who speaks the language."


@dataclass(frozen=True)
class TranslationPlan:
    """The key of the translated sheet, and the tasks that make it."""

    translation: str
    languages: tuple[str, ...]
    translator: str
    tasks: dict[str, Task]


def plan_translation(
    request: TranslateRequest, store: Store, _authority: Authority, access: Access = EVERYWHERE
) -> TranslationPlan:
    """Plan to translate a cue sheet. See plan_dub for the arguments.

    Raises:
        DubwrightError: there is nothing to translate, or the translator has no weights.
    """
    for _, path in request_paths(request):
        access.check(path)
    sheet = CueSheet.read(request.cue_sheet)
    folder = request.cue_sheet.parent.absolute()
    source = request.original or sheet.original
    cues = [c for c in sheet.cues if c.kind is CueKind.DIALOGUE and c.text.get(source or "")]
    if source is None or not cues:
        raise DubwrightError(
            "There is nothing to translate",
            where=str(request.cue_sheet),
            why=f"no line has a text in {source}" if source else "its `original` is not said",
            repair="name the language of the lines with --original",
        )
    tasks = TaskList(store)
    card = engine_card(request.engines.translator, EngineKind.TRANSLATOR)
    named = request.engines.weights.get(card.name)
    weights = chosen_weights(card, named, tasks.fingerprints, access)
    glossary = Glossary.read(request.glossary) if request.glossary else Glossary()
    duration = max(cue.end_ms for cue in sheet.cues) + 1000
    inputs: dict[str, str] = {}
    counts: dict[str, int] = {}
    for target in request.languages:
        open_lines = [cue for cue in cues if not cue.text.get(target, "").strip()]
        parts = [
            open_lines[at : at + LINES_AT_ONCE] for at in range(0, len(open_lines), LINES_AT_ONCE)
        ]
        counts[target] = len(parts)
        spoken = _voice(request, tasks, access, target)
        for number, part in enumerate(parts):
            inputs[f"{target}:{number}"] = tasks.add(
                "translated lines",
                {"engine": card.name, "card": card.identity, "weights": weights.identity,
                 "source": source, "target": target,
                 "glossary": [_terms(row, source, target) for row in glossary.terms],
                 "lines": [_line(sheet, cue, source, duration) for cue in part]}
                | spoken.parameters,
                where={"weights": str(weights.path)} | spoken.where,
                label=f"translating into {target}, lines {number * LINES_AT_ONCE + 1} on",
                units=len(part),
                loads_weights=True,
            )  # fmt: skip
    placed = sheet.with_takes_in(folder).model_copy(update={"original": source})
    translation = tasks.add(
        "translation",
        {"sheet": placed.model_dump(mode="json"), "parts": counts},
        inputs=inputs,
        label="writing the cue sheet",
    )
    return TranslationPlan(
        translation, request.languages, f"{card.identity} {weights.identity}", tasks.tasks
    )


def _voice(request: TranslateRequest, tasks: TaskList, access: Access, target: str) -> Voicing:
    """The voice that will speak a language, by which lengths are told; none but the reader's."""
    reader = {"reader": engine_card(READER, EngineKind.SYNTHESIZER).identity}
    if request.engines.synthesizer == READER:
        return Voicing(reader)
    spoken = voicing(request.engines, tasks, access, target)
    return replace(spoken, parameters=spoken.parameters | reader)


def deliver_translation(plan: TranslationPlan, store: Store, output: Path) -> Path:
    """Write cue sheet, candidates and a file for each translator into the next version."""
    found = store.path(plan.translation)
    key = content_key([plan.translation])

    def write(folder: Path, _: Path) -> None:
        for name in (CUE_SHEET, TRANSLATION):
            copied(found / name, folder / name)
        sheet = CueSheet.read(found / CUE_SHEET)
        for language in plan.languages:
            export_lines(sheet, language, folder / f"lines.{language}.xlf")
        write_manifest(folder, key, STATEMENT, engines={"translator": plan.translator})

    return deliver_once(key, store, output, write)


def _line(sheet: CueSheet, cue: Cue, source: str, duration_ms: int) -> dict[str, Any]:
    return {
        "cue": cue.id,
        "text": cue.text[source],
        "slot_ms": cue.end_ms - cue.start_ms,
        "room_ms": sheet.room_ms(cue, duration_ms),
        "on_screen": cue.on_screen,
    }


def _terms(row: Any, source: str, target: str) -> dict[str, str]:
    """The cells of a glossary's row that matter for a pair, so that others change nothing."""
    wanted = {tag for full in (source, target) for tag in (full, full.partition("-")[0])}
    return {tag: cell for tag, cell in row.items() if tag in wanted}
