"""Plans and delivers what a recording booth needs: cue sheets, a guide, beeps, lines."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from dubwright.conform.read import ConformedTimeline, read_timeline
from dubwright.dialogue import CueSheet
from dubwright.dialogue.adr import Clock, recorded_cues, write_adr_pdf, write_adr_table
from dubwright.media.bwf import add_time_reference
from dubwright.model import exact_rate, samples_of_ms
from dubwright.operations.booth_stages import BEEPS, GUIDE, GUIDE_BLOCK, LINE
from dubwright.operations.deliver import DAY_S, deliver_once, write_manifest
from dubwright.operations.lines import check_within, opened_sound
from dubwright.operations.request import BoothRequest
from dubwright.operations.task import Task
from dubwright.operations.task_list import TaskList
from dubwright.speech.countdown import LEAD_S
from dubwright.speech.mix import MIX_RATE
from dubwright.store import EVERYWHERE, Access, Store, content_key, whole
from dubwright.trust import Authority

__all__ = ["BoothPlan", "deliver_booth", "plan_booth"]

HANDLE_S: Final = 1
STATEMENT: Final = (
    "For recording. Name takes CUE.LANGUAGE.t1.wav, t2 and so on, and give their folder with "
    "--takes: the highest number is used."
)


@dataclass(frozen=True)
class BoothPlan:
    """What goes into a booth: keys of the guide and of each cue's line, and the tasks.

    Attributes:
        lines: by cue: the key, and the first sample of its file on the timeline.
    """

    timeline: ConformedTimeline
    sheet: CueSheet
    languages: tuple[str, ...]
    guide: str
    lines: dict[str, tuple[str, int]]
    printed: str
    tasks: dict[str, Task]


def plan_booth(
    request: BoothRequest, store: Store, authority: Authority, access: Access = EVERYWHERE
) -> BoothPlan:
    """Plan what a booth needs. See plan_dub for the arguments.

    Raises:
        DubwrightError: the timeline has no dialogue, or nothing is recorded in a language.
    """
    tasks = TaskList(store)
    _, sound = opened_sound(request, tasks, access)
    rate = exact_rate(Fraction(request.rate)) if request.rate else None
    timeline, _ = read_timeline(request.timeline, access, rate)
    sheet = CueSheet.read(request.cue_sheet)
    check_within(sheet, timeline)
    recorded = {
        cue.id: cue for language in request.languages for cue in recorded_cues(sheet, language)
    }
    samples = int(Fraction(timeline.frames * MIX_RATE) / timeline.rate)
    starts = [samples_of_ms(cue.start_ms, MIX_RATE) for cue in recorded.values()]
    where = {"sounds": sound.where}
    guide = tasks.add(
        "guide",
        {"samples": samples, "starts": sorted(starts), "sounds": sound.hashes},
        where=where, label="writing the guide", units=math.ceil(samples / GUIDE_BLOCK),
    )  # fmt: skip
    lines = {}
    for cue in recorded.values():
        start = samples_of_ms(cue.start_ms, MIX_RATE)
        first = max(0, start - LEAD_S * MIX_RATE)
        last = min(samples, samples_of_ms(cue.end_ms, MIX_RATE) + HANDLE_S * MIX_RATE)
        key = tasks.add(
            "booth line",
            {"start": start, "first": first, "last": last, "sounds": sound.hashes},
            where=where, label=f"cutting out {cue.id}",
        )  # fmt: skip
        lines[cue.id] = key, first
    return BoothPlan(
        timeline, sheet, request.languages, guide, lines, authority.today.isoformat(), tasks.tasks
    )


def deliver_booth(plan: BoothPlan, store: Store, output: Path) -> Path:
    """Write cue sheets, guide, beeps and lines into the next version; its folder."""
    timeline = plan.timeline
    clock = Clock(timeline.rate, timeline.start_frame, timeline.drop_frame)
    begins = round(timeline.start_frame * MIX_RATE / timeline.rate)
    name = timeline.file_stem
    told = [timeline.start_frame, str(timeline.rate), timeline.drop_frame, timeline.name]
    key = content_key(
        [sorted(plan.tasks), plan.sheet.model_dump(mode="json"), plan.languages, told]
    )

    def sound(source: Path, path: Path, first: int) -> None:
        if not path.exists():
            with whole(path) as partial:
                shutil.copyfile(source, partial)
                # A clock's: a timeline with pre-roll may begin before midnight.
                add_time_reference(partial, (begins + first) % (DAY_S * MIX_RATE), path.name)

    def write(folder: Path, _: Path) -> None:
        (folder / "lines").mkdir(exist_ok=True)
        for language in plan.languages:
            path = folder / f"{name}.{language}.adr"
            write_adr_table(path.with_name(path.name + ".csv"), plan.sheet, language, clock)
            write_adr_pdf(
                path.with_name(path.name + ".pdf"),
                plan.sheet, language, clock, timeline.name, plan.printed,
            )  # fmt: skip
        for file in (GUIDE, BEEPS):
            sound(store.path(plan.guide) / file, folder / f"{name}.{file}", 0)
        for cue, (line, first) in plan.lines.items():
            sound(store.path(line) / LINE, folder / "lines" / f"{cue}.wav", first)
        write_manifest(folder, key, STATEMENT)

    return deliver_once(key, store, output, write)
