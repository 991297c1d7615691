"""What a plan would do, before it does it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from dubwright.engines import Speech, engines
from dubwright.operations.forecast import forecast
from dubwright.operations.plan import DubPlan, LanguagePlan
from dubwright.operations.reconform import RECONFORM
from dubwright.operations.results import load_take
from dubwright.operations.voice_stages import read_aloud
from dubwright.speech.fit import FASTEST
from dubwright.speech.pace import Planned, overlong, pace_beside
from dubwright.store import Store

__all__ = ["plan_summary", "summary_text"]

# So many takes tell how fast a voice is.
CALIBRATED_BY: Final = 6


def plan_summary(plan: DubPlan, store: Store) -> dict[str, Any]:
    """A plan as JSON values: what will be made, by which engine, and what is missing."""
    done = [task for task in plan.tasks.values() if store.find(task.key)]
    cards = {card.identity: card for card in engines()}
    return {
        "timeline": plan.timeline.name,
        "rate": str(plan.timeline.rate),
        "frames": plan.timeline.frames,
        "shots": {
            shot.uid: shot.problem
            or f"{plan.plates[shot.uid].frames} frames, "
            f"{plan.plates[shot.uid].width}x{plan.plates[shot.uid].height}, "
            f"{plan.plates[shot.uid].colour_space}"
            for shot in plan.shots
        },
        "languages": {
            part.language: {
                "cues": len(part.cues),
                "not_dubbed": part.skipped,
                "frames_in_spans": sum(len(planned.span.frames) for planned in part.spans),
                "disclosure": part.disclosure.value,
            }
            for part in plan.languages
        },
        "engines": {
            step: {
                "engine": identity,
                "licence": cards[identity].licence,
                "commercial_use": cards[identity].commercial_use,
                "limits": cards[identity].limits,
            }
            for step, identity in plan.engines.items()
        },
        "tasks": dict(Counter(task.stage for task in plan.tasks.values())),
        "tasks_done_already": len(done),
        "overlong": _overlong(plan, store),
        "missing": _missing(plan) + forecast(plan, store),
        **_reconformed(plan),
    }


def _overlong(plan: DubPlan, store: Store) -> list[dict[str, Any]]:
    """Lines that are to be spoken, and that no voice could say in their time."""
    told = []
    for part in plan.languages:
        takes = {cue.id: plan.tasks.get(part.takes[cue.id]) for cue in part.cues}
        spoken = [
            Planned(
                cue.id, cue.text[part.language], task.parameters["room_ms"], cue.performance.pace
            )
            for cue in part.cues
            if (task := takes[cue.id]) is not None
            and "synthesizer" in task.parameters
            and store.find(task.key) is None
        ]
        for line, pace in overlong(spoken, part.language, read_aloud, _pace(plan, part, store)):
            shorten = f"{1 - FASTEST / pace:.0%}"
            told.append(
                {"cue": line.cue, "language": part.language, "pace": round(pace, 2),
                 "shorten_by": shorten}
            )  # fmt: skip
    return told


def _pace(plan: DubPlan, part: LanguagePlan, store: Store) -> float:
    """How fast the language's voice is beside the reader, by takes that it has spoken."""
    spoken = {}
    for key in part.takes.values():
        folder = store.find(key)
        if folder is not None and "synthesizer" in plan.tasks[key].parameters:
            take = load_take(folder)
            if take.fit.phrases == 1:
                natural = round(take.length * take.fit.speed)
                spoken[take.text] = Speech(np.zeros(natural, np.float32), take.sample_rate, ())
        if len(spoken) == CALIBRATED_BY:
            break
    return pace_beside(read_aloud, spoken.__getitem__, list(spoken), part.language)


def _reconformed(plan: DubPlan) -> dict[str, Any]:
    """What becomes of the lines of an earlier cut, where there was one."""
    note = plan.documents.get(RECONFORM)
    return {"reconform": note.model_dump(mode="json")} if note else {}


def summary_text(summary: dict[str, Any]) -> str:
    """A summary for people."""
    lines = [f"{summary['timeline']}: {summary['frames']} frames at {summary['rate']}"]
    lines += [f"  shot {uid}: {about}" for uid, about in summary["shots"].items()]
    for language, about in summary["languages"].items():
        lines.append(
            f"  {language}: {about['cues']} cues, {about['frames_in_spans']} frames to redraw, "
            f"disclosure: {about['disclosure']}"
        )
        lines += [f"    {cue} stays: {why}" for cue, why in about["not_dubbed"].items()]
    for step, about in summary["engines"].items():
        lines.append(f"  {step.replace('_', ' ')}: {about['engine']} ({about['licence']})")
    total = sum(summary["tasks"].values())
    lines.append(f"  {total} tasks, {summary['tasks_done_already']} of them done already")
    lines += [
        f"  too long: {row['cue']} in {row['language']} would have to be said at {row['pace']} "
        f"times its pace; shorten it by {row['shorten_by']}"
        for row in summary["overlong"]
    ]
    lines += [f"  missing: {what}" for what in summary["missing"]]
    if "reconform" in summary:
        lines += _reconform_text(summary["reconform"])
    return "\n".join(lines)


def _reconform_text(note: dict[str, Any]) -> list[str]:
    lines = [
        f"  {move['cue']} goes from {move['was_ms']} to {move['start_ms']} ms"
        + (
            f"; {move['frames'] - move['shown']} of its {move['frames']} frames are cut"
            if move["shown"] < move["frames"]
            else ""
        )
        for move in note["moved"]
        if move["start_ms"] != move["was_ms"] or move["shown"] < move["frames"]
    ]
    if note["lost"]:
        count = len(note["lost"])
        has = "line has" if count == 1 else "lines have"
        lines.append(f"  {count} {has} no frames in the new cut: {', '.join(note['lost'])}")
    for language, kept in note["kept"].items():
        lines.append(f"  {language}: {len(kept)} mouths kept, {len(note['anew'][language])} drawn")
    return lines


def _missing(plan: DubPlan) -> list[str]:
    missing = []
    original = plan.sheet.original
    if original is None or not plan.sheet.spoken_in(original):
        missing.append(
            "the original lines: with them the mouths move more like the actors' own "
            "(--subtitles lines.<original>.srt)"
        )
    if not any(sound.stem == "M&E" for sound in plan.timeline.sounds):
        missing.append("an M&E stem: the original mix will be lowered under each new line")
    missing += [
        f"a lossless codec of {uid}: {spec.lossy_codec} frames that are drawn lose a little "
        "outside the matte; lay the patches over the plate to keep it"
        for uid, spec in plan.plates.items()
        if spec.lossy_codec
    ]
    here = {shot.uid for shot in plan.shots}
    missing += [
        f"shots that the cast names for {speaker.name}: {', '.join(elsewhere)}"
        for speaker in plan.cast.speakers
        if (elsewhere := sorted(set(speaker.faces) - here))
    ]
    missing += [
        f"a consent for {part.language}: it will be a marked draft. {speaker}: {why}"
        for part in plan.languages
        for speaker, why in part.permission.missing.items()
    ]
    return missing
