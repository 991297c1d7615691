"""What a dub will not be able to show, said once mouths are chosen and before any is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.operations.plan import DubPlan
from dubwright.operations.results import load_choices, load_track
from dubwright.operations.task import Task
from dubwright.store import Store

__all__ = ["before_drawing", "forecast"]


def before_drawing(plan: DubPlan) -> dict[str, Task]:
    """The tasks of a plan that choose mouths, and all that they need."""
    needed: dict[str, Task] = {}
    waiting = [planned.choices for part in plan.languages for planned in part.spans]
    while waiting:
        key = waiting.pop()
        if key not in needed and key in plan.tasks:
            needed[key] = plan.tasks[key]
            waiting += plan.tasks[key].inputs.values()
    return {key: task for key, task in plan.tasks.items() if key in needed}


def forecast(plan: DubPlan, store: Store) -> list[str]:
    """What the lines whose mouths are chosen will lack, for people."""
    limited: dict[str, Counter[str]] = {}
    passed: Counter[tuple[str, str]] = Counter()
    for part in plan.languages:
        speakers = {cue.id: cue.speaker for cue in part.cues}
        for planned in part.spans:
            folder = store.find(planned.choices)
            if folder is None:
                continue
            line = f"{planned.span.cue} in {part.language}"
            for choice in load_choices(folder):
                if choice.mouth is not None and choice.reason:
                    limited.setdefault(speakers[planned.span.cue], Counter())[line] += 1
                elif choice.reason:
                    passed[line, choice.reason] += 1
    told = [
        f"an open mouth of {speaker} wider than {widest:.2f} of the distance between the eyes: "
        f"limited in {_counted(lines)}"
        for speaker, lines in limited.items()
        for widest in [max(_widest(plan, store, speaker), default=0.0)]
    ]
    return told + [
        f"a face to draw on in {line}: {_frames(count)} stay the plate's, {reason}"
        for (line, reason), count in passed.items()
    ]


def _widest(plan: DubPlan, store: Store, speaker: str) -> Iterator[float]:
    """How far a speaker opens the mouth in each shot on which they are seen."""
    for tracks in plan.tracks.values():
        folder = store.find(tracks[speaker]) if speaker in tracks else None
        track = load_track(folder) if folder else None
        if track is not None and track.usable.any():
            curves = mouth_curves(in_head_frame(track.landmarks, track.template).positions)
            yield float(curves[track.usable, 0].max())


def _counted(lines: Mapping[str, int]) -> str:
    return ", ".join(f"{line} ({_frames(count)})" for line, count in lines.items())


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"
