"""The façade: what most callers need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dubwright.operations.deliver import check_output, deliver
from dubwright.operations.dub import plan_dub
from dubwright.operations.execute import Cancelling
from dubwright.operations.request import DubRequest
from dubwright.operations.run import ProgressListener, run
from dubwright.quality.report import Report
from dubwright.store import Store, default_store_folder

__all__ = ["Dub", "dub", "perform_dub"]

PathLike = str | Path


@dataclass(frozen=True, slots=True)
class Dub:
    """A delivered dub.

    Attributes:
        folder: the version's folder, such as out/v001.
        timelines: the timeline of each language, by tag.
        previews: the preview movie of each language, by tag.
        report: what was measured.
    """

    folder: Path
    timelines: dict[str, Path]
    previews: dict[str, Path]
    report: Report


def dub(
    timeline: PathLike,
    to: Iterable[str],
    out: PathLike,
    *,
    subtitles: Mapping[str, PathLike] | None = None,
    cues: PathLike | None = None,
    cast: PathLike | None = None,
    takes: PathLike | None = None,
    original: str | None = None,
    colour_space: str | None = None,
    store: PathLike | None = None,
) -> Dub:
    """Dub and lip-sync a timeline, or a movie, into other languages.

    Args:
        timeline: an OpenTimelineIO timeline or a movie.
        to: target language tags.
        out: folder that receives v001, v002...; earlier versions are never touched.
        subtitles: SubRip or WebVTT files by language tag; include the original's where there are
            any, so that the actor's own articulation can be learned.
        cues: a cue sheet, instead of subtitles.
        cast: speakers with their likeness and consents; without it every likeness is unknown and
            the result is a marked draft.
        takes: a folder of recordings named <cue>.<language>.wav.
        original: language of the dialogue on the plate.
        colour_space: of plates that do not name their own.
        store: where results are kept for reuse.

    Raises:
        DubwrightError: something must be repaired first.
    """
    request = DubRequest(
        timeline=Path(timeline),
        languages=tuple(to),
        output=Path(out),
        subtitles={tag: Path(path) for tag, path in (subtitles or {}).items()},
        cue_sheet=Path(cues) if cues else None,
        cast=Path(cast) if cast else None,
        takes=Path(takes) if takes else None,
        original=original,
        colour_space=colour_space,
    )
    return perform_dub(request, Store(Path(store) if store else default_store_folder()))


def perform_dub(
    request: DubRequest,
    store: Store,
    *,
    workers: int | None = None,
    listener: ProgressListener | None = None,
    cancel: Cancelling | None = None,
) -> Dub:
    """Plan a dub, do what is not done yet, and deliver it. See dub and operations.run."""
    check_output(request.output)
    plan = plan_dub(request, store, date.today())
    run(plan.tasks, store, workers=workers, listener=listener, cancel=cancel)
    folder = deliver(plan, store, request.output)
    store.evict(keep=frozenset(plan.tasks))
    name = plan.timeline.name
    return Dub(
        folder=folder,
        timelines={tag: folder / f"{name}.{tag}.otio" for tag in request.languages},
        previews={tag: folder / "preview" / f"{name}.{tag}.mp4" for tag in request.languages},
        report=Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8")),
    )


