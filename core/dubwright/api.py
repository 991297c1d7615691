"""The façade: what most callers need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubwright.conform.merge import Conflict
from dubwright.dialogue.labels import read_phones
from dubwright.model import MouthControls
from dubwright.operations.deliver import check_output
from dubwright.operations.execute import Cancelling
from dubwright.operations.forecast import before_drawing, forecast
from dubwright.operations.merge import merge_back
from dubwright.operations.operation import OPERATIONS
from dubwright.operations.plan import DubPlan
from dubwright.operations.request import (
    AnimateRequest,
    CaptureRequest,
    DubRequest,
    EngineChoice,
    LipSyncRequest,
    ReconformRequest,
    Request,
    rig_fields,
    validated,
)
from dubwright.operations.run import ProgressListener, run
from dubwright.operations.task import Task
from dubwright.quality.report import Report
from dubwright.store import EVERYWHERE, Store, default_store_folder
from dubwright.trust import Authority

__all__ = [
    "Dub",
    "Running",
    "animate",
    "capture",
    "dub",
    "lip_sync",
    "merge",
    "perform",
    "reconform",
]

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
    to: str | Iterable[str],
    out: PathLike,
    *,
    subtitles: Mapping[str, PathLike] | None = None,
    cues: PathLike | None = None,
    cast: PathLike | None = None,
    takes: PathLike | None = None,
    original: str | None = None,
    colour_space: str | None = None,
    movies: Iterable[str] = (),
    movie_space: str | None = None,
    loudness: str | None = None,
    lexicons: Iterable[PathLike] = (),
    unmarked: bool = False,
    engines: EngineChoice | None = None,
    store: PathLike | None = None,
) -> Dub:
    """Dub and lip-sync a timeline, or a movie, into other languages.

    Args:
        timeline: an OpenTimelineIO timeline or a movie.
        to: a target language tag, or several.
        out: folder that receives v001, v002...; earlier versions are never touched.
        subtitles: SubRip or WebVTT files by language tag; include the original's where there are
            any, so that the actor's own articulation can be learned.
        cues: a cue sheet, instead of subtitles.
        cast: speakers with their likeness and consents; without it every likeness is unknown and
            the result is a marked draft.
        takes: a folder of recordings named <cue>.<language>.wav.
        original: language of the dialogue on the plate.
        colour_space: of plates that do not name their own.
        movies: to deliver besides: prores_4444, prores_422_hq, dnxhr_hqx.
        movie_space: their OCIO colour space; that of the plates where they are movies.
        loudness: what the mixes are brought to: ebu_r128, atsc_a85, streaming_dialogue or
            streaming; as loud as the original without one.
        lexicons: how words are said, PLS 1.0, one for each language.
        unmarked: leave the visible label off, where every consent allows that.
        engines: which engine does which step; what needs no weights if None.
        store: where results are kept for reuse.

    Raises:
        DubwrightError: something must be repaired first.
    """
    request = validated(
        DubRequest,
        timeline=Path(timeline),
        languages=(to,) if isinstance(to, str) else tuple(to),
        output=Path(out),
        subtitles={tag: Path(path) for tag, path in (subtitles or {}).items()},
        cue_sheet=Path(cues) if cues else None,
        cast=Path(cast) if cast else None,
        takes=Path(takes) if takes else None,
        original=original,
        colour_space=colour_space,
        movies=tuple(movies),
        movie_space=movie_space,
        loudness=loudness,
        lexicons=tuple(map(Path, lexicons)),
        unmarked=unmarked,
        engines=engines or EngineChoice(),
    )
    return _dub(perform("dub", request, _store(store)))


def lip_sync(
    plate: PathLike,
    dialogue: PathLike,
    out: PathLike,
    *,
    language: str,
    text: str = "",
    frames: tuple[int, int] | None = None,
    start_ms: int = 0,
    mouth: MouthControls | None = None,
    face: int = 1,
    cast: PathLike | None = None,
    colour_space: str | None = None,
    store: PathLike | None = None,
) -> Dub:
    """Redraw the mouth on a plate to match a finished recording.

    Args:
        plate: a movie, or an EXR sequence such as plate.####.exr.
        dialogue: the recording, WAV.
        out: folder that receives v001, v002...
        language: its language tag.
        text: what it says; without it the mouth is guessed from the sound.
        frames: the first and the last to work on: of a sequence by its files' numbers, of a
            movie from 0.
        start_ms: when it begins, from the first of these frames.
        mouth: how it moves.
        face: which face of the plate speaks, counted from the largest, unless the cast says.
        cast: the speaker, with likeness and consents.
        colour_space: of a plate that does not name its own.
        store: where results are kept for reuse.

    Raises:
        DubwrightError: something must be repaired first.
    """
    request = validated(
        LipSyncRequest,
        plate=Path(plate),
        dialogue=Path(dialogue),
        text=text,
        language=language,
        output=Path(out),
        frames=frames,
        start_ms=start_ms,
        mouth=mouth or MouthControls(),
        face=face,
        cast=Path(cast) if cast else None,
        colour_space=colour_space,
    )
    return _dub(perform("lip_sync", request, _store(store)))


def animate(
    text: str,
    language: str,
    out: PathLike,
    *,
    recording: PathLike | None = None,
    phones: PathLike | None = None,
    rate: str = "24",
    rig: PathLike = "arkit",
    flaps: str = "rhubarb",
    flaps_on: int = 1,
    style: str = "realistic",
    mouth: MouthControls | None = None,
    emotion: str | None = None,
    acting: float = 0.0,
    store: PathLike | None = None,
) -> Path:
    """A character's mouth for a line that it speaks: its rig's controls, drawn shapes, the sound.

    Args:
        text: the line; "" if only the recording is known, whose phones are then heard.
        language: its tag.
        out: folder that receives v001, v002...
        recording: an actor's take; the line is synthesised without one.
        phones: a label track of the recording's phones in IPA; they are timed without one.
        rate: frames a second, as in 24 or 24000/1001.
        rig: arkit, oculus, vrm1, vrm0 or cc4, or the path of a rig of your own (JSON).
        flaps: the shapes of a drawn mouth: rhubarb, preston_blair, sapi or three.
        flaps_on: frames that each is held at least.
        style: realistic; cartoon, which goes from pose to pose; or anime, three mouths that are
            held for `flaps_on` frames.
        mouth: how it moves; keys count from where the line begins.
        emotion: one that the rig knows, shown all along; of arkit: happy, sad, angry, afraid or
            surprised.
        acting: how much the rest of the face acts, 0 to 1: blinks, brows and nods.
        store: where results are kept for reuse.

    Returns:
        The version's folder.
    """
    request = validated(
        AnimateRequest,
        **rig_fields(rig),
        flaps=flaps,
        flaps_on=flaps_on,
        style=style,
        mouth=mouth or MouthControls(),
        emotion=emotion,
        text=text,
        language=language,
        output=Path(out),
        recording=Path(recording) if recording else None,
        phones=read_phones(Path(phones)) if phones else (),
        rate=rate,
        acting=acting,
    )
    return Path(perform("animate", request, _store(store))["folder"])


def capture(
    plate: PathLike,
    out: PathLike,
    *,
    frames: tuple[int, int] | None = None,
    face: int = 1,
    rig: PathLike = "arkit",
    flaps: str = "rhubarb",
    flaps_on: int = 1,
    style: str = "realistic",
    mouth: MouthControls | None = None,
    emotion: str | None = None,
    colour_space: str | None = None,
    ocio: str | None = None,
    store: PathLike | None = None,
) -> Path:
    """A character's mouth that follows an actor's, as a plate shows it: see animate.

    Args:
        plate: a movie, or a sequence such as plate.####.exr.
        out: folder that receives v001, v002...
        frames: the first and the last of the plate, by its files' numbers; all if None.
        face: which face of the plate, from the largest.
        rig, flaps, flaps_on, style, mouth, emotion: as of animate.
        colour_space: of the plate, if it does not say.
        ocio: an OCIO config: a path, or the name of a built-in.
        store: where results are kept for reuse.

    Returns:
        The version's folder.

    Raises:
        DubwrightError: something must be repaired first.
    """
    request = validated(
        CaptureRequest,
        **rig_fields(rig),
        plate=Path(plate),
        output=Path(out),
        frames=frames,
        face=face,
        flaps=flaps,
        flaps_on=flaps_on,
        style=style,
        mouth=mouth or MouthControls(),
        emotion=emotion,
        colour_space=colour_space,
        ocio=ocio,
    )
    return Path(perform("capture", request, _store(store))["folder"])


def reconform(
    version: PathLike,
    timeline: PathLike,
    out: PathLike | None = None,
    *,
    rate: str | None = None,
    store: PathLike | None = None,
) -> Dub:
    """Dub a new cut, keeping what a version of an earlier one holds of it.

    Args:
        version: folder of the version, such as dubs/v003.
        timeline: the new cut.
        out: folder that receives the next version; the version's own if None.
        rate: frames a second of an EDL, as in 24000/1001, where its media do not say.
        store: where results are kept for reuse: the one that the version was made in.

    Raises:
        DubwrightError: something must be repaired first.
    """
    request = validated(
        ReconformRequest,
        version=Path(version),
        timeline=Path(timeline),
        output=Path(out) if out else Path(version).absolute().parent,
        rate=rate,
    )
    return _dub(perform("reconform", request, _store(store)))


def merge(
    version: PathLike, edited: PathLike, out: PathLike, *, rate: str | None = None
) -> list[Conflict]:
    """Bring a language's timeline home that was edited again, as a master with every language.

    Args:
        version: folder of the version whose timeline was edited, such as dubs/v003.
        edited: the timeline, as it came back.
        out: the master to write, an .otio file that is not there yet.
        rate: frames a second of an EDL, as in 24000/1001.

    Returns:
        What a person should look at: where, and what.

    Raises:
        DubwrightError: a timeline cannot be read or written.
    """
    return merge_back(Path(version), Path(edited), Path(out), rate)


@dataclass(frozen=True, slots=True)
class Running:
    """How work is run.

    Attributes:
        workers: processes.
        listener: hears of progress.
        cancel: stops it.
        forewarned: hears before anything is drawn what the result will lack.
    """

    workers: int | None = None
    listener: ProgressListener | None = None
    cancel: Cancelling | None = None
    forewarned: Callable[[list[str]], None] | None = None


def perform(
    operation: str, request: Request, store: Store, running: Running = Running()
) -> dict[str, Any]:
    """Plan an operation, do what is not done yet, and deliver it.

    Args:
        operation: its name in dubwright.operations.operation.OPERATIONS.
        request: of the operation's kind.
        store: where results are found and kept.
        running: see Running.

    Returns:
        What was delivered, as JSON: at least the version's folder.

    Raises:
        DubwrightError: something must be repaired first.
        Cancelled: running.cancel was set.
    """
    asked = OPERATIONS[operation]
    output: Path = request.output
    check_output(output)
    plan = asked.plan(request, store, Authority.of_this_machine(), EVERYWHERE)

    def done(tasks: Mapping[str, Task]) -> None:
        run(
            tasks,
            store,
            workers=running.workers,
            listener=running.listener,
            cancel=running.cancel,
        )

    if running.forewarned and isinstance(plan, DubPlan):
        done(before_drawing(plan))
        running.forewarned(forecast(plan, store))
    done(plan.tasks)
    delivered = asked.deliver(plan, store, output)
    store.evict(keep=frozenset(plan.tasks))
    return delivered


def _dub(delivered: dict[str, Any]) -> Dub:
    folder = Path(delivered["folder"])
    return Dub(
        folder=folder,
        timelines={tag: Path(path) for tag, path in delivered["timelines"].items()},
        previews={tag: Path(path) for tag, path in delivered["previews"].items()},
        report=Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8")),
    )


def _store(folder: PathLike | None) -> Store:
    return Store(Path(folder) if folder else default_store_folder())
