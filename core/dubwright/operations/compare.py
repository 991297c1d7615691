"""Draws the same seconds with each engine that redraws mouths, and lays them side by side."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind, MouthGenerator, engine, engines
from dubwright.engines.choice import chosen_weights
from dubwright.engines.onnx_loading import inference_faults
from dubwright.engines.warm import release_models
from dubwright.errors import DubwrightError, first_line
from dubwright.media.audio import read_mono, resampled
from dubwright.media.colour import display_preview
from dubwright.media.exr import read_rgb
from dubwright.media.movie import Sound, write_picture, write_preview
from dubwright.media.plate import Plate, PlateSpec
from dubwright.model import FaceTrack, FrameRange
from dubwright.operations.deliver import deliver_once, write_manifest
from dubwright.operations.execute import Cancelling, execute
from dubwright.operations.lip_sync import plan_lip_sync
from dubwright.operations.plan import DubPlan, LanguagePlan, SpanPlan
from dubwright.operations.reporting import learned_looks
from dubwright.operations.request import EngineChoice, LipSyncRequest
from dubwright.operations.results import (
    drawn_frames,
    load_choices,
    load_curves,
    load_track,
    read_json,
)
from dubwright.operations.run import run
from dubwright.operations.task import Task
from dubwright.quality.comparison import Compared, Comparison, comparison_page
from dubwright.quality.picture import measure_pictures
from dubwright.quality.sync import correlation
from dubwright.store import EVERYWHERE, Access, Fingerprints, Store, content_key, whole
from dubwright.trust import Authority

__all__ = ["compare"]

Listener = Callable[[int, int, str], None]

# Stages that are timed, and those that are done once for an actor.
DRAWING: Final = ("generated mouths", "guided curves", "choose", "draw")
LEARNING: Final = ("mouth pairs", "refiner round", "refiner")
TILE_HEIGHT: Final = 360
MARGIN: Final = 0.25
LABEL_HEIGHT: Final = 28
SHEET_FRAMES: Final = 6
SOUND_RATE: Final = 48000
PLATE: Final = "plate"
STATEMENT: Final = "The same seconds by several engines, to look at."


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """What an engine drew: the frames' EXR by frame of the shot."""

    name: str
    frames: Mapping[int, Path]


def compare(
    request: LipSyncRequest,
    store: Store,
    authority: Authority,
    *,
    only: Sequence[str] = (),
    access: Access = EVERYWHERE,
    listener: Listener = lambda *_: None,
    cancel: Cancelling | None = None,
) -> tuple[Comparison, Path]:
    """Draw a plate with every engine that can, and lay the results side by side.

    The next version in the request's output receives compare.mp4, compare.jpg, and what is known
    of them as compare.html and compare.json. One engine's fault is told, and the others go on.

    Args:
        request: the plate and its recording; of its engines the weights, and whether it is for
            sale, are as it says.
        store: where results are found and kept.
        authority: by which consents are judged.
        only: names of the engines; all of them if there are none.
        access: the folders that media may lie in.
        listener: told how many units of work of how many are done, and of what.
        cancel: stops the work when set.

    Returns:
        What is known of the engines, and the version's folder.

    Raises:
        DubwrightError: the plate or the recording must be repaired first, or no engine could draw.
        Cancelled: `cancel` was set.
    """
    told: list[Compared] = []
    drawn: list[_Drawn] = []
    plan: DubPlan | None = None
    for card in _cards(only):
        try:
            choice = _choice(request.engines, card, store, access)
            asked = request.model_copy(update={"engines": choice})
            plan = plan_lip_sync(asked, store, authority, access)
            seconds = _done(plan, store, card.name, listener, cancel or threading.Event())
        except DubwrightError as error:
            if error.waits:
                raise
            told.append(_about(card, why_not=f"{error.what}: {error.why}; {error.repair}"))
            continue
        except _faults() as fault:
            release_models()
            told.append(_about(card, why_not=f"it failed: {first_line(fault)}"))
            continue
        (part,) = plan.languages
        frames = drawn_frames(store.path(key) for span in part.spans for key in span.draw)
        if not frames:
            told.append(_about(card, why_not=f"it drew no frame: {_why_nothing(part, store)}"))
            continue
        drawn.append(_Drawn(card.name, frames))
        figures = _figures(plan, part.spans, frames, store)
        learned = "; ".join(learned_looks(store.path(key)) for key in plan.refiners.values())
        told.append(_about(card, drawn=len(frames), learned=learned, **seconds, **figures))
    if plan is None or not drawn:
        raise DubwrightError(
            "No engine could draw this plate",
            where=str(request.plate),
            why="; ".join(f"{each.name}: {each.why_not}" for each in told) or "none is installed",
            repair="mend what is said of one of them, or name others",
        )
    (shot,) = plan.shots
    spec = plan.plates[shot.uid]
    comparison = Comparison(
        plate=str(request.plate),
        language=request.language,
        frames=spec.frames,
        rate=str(spec.rate),
        engines=tuple(told),
    )
    key = content_key([comparison.model_dump(mode="json"), [span.check for span in part.spans]])
    made_of = plan

    def write(folder: Path, _: Path) -> None:
        _write_movie(made_of, drawn, request, folder, store)
        for name, text in (
            ("compare.json", comparison.model_dump_json(indent=1) + "\n"),
            ("compare.html", comparison_page(comparison)),
        ):
            with whole(folder / name) as partial:
                partial.write_text(text, encoding="utf-8")
        write_manifest(folder, key, STATEMENT)

    return comparison, deliver_once(key, store, request.output, write)


def _faults() -> tuple[type[Exception], ...]:
    """What an engine's own network may raise in the midst of its work."""
    return (RuntimeError, ValueError, MemoryError, *inference_faults())


def _why_nothing(part: LanguagePlan, store: Store) -> str:
    """The commonest reason for which frames of a language were not drawn."""
    chosen = (choice for span in part.spans for choice in load_choices(store.path(span.choices)))
    reasons = Counter(choice.reason for choice in chosen if choice.reason)
    return reasons.most_common(1)[0][0] if reasons else "nobody speaks in it"


def _about(card: EngineCard, **figures: Any) -> Compared:
    return Compared(
        name=card.name, licence=card.licence, commercial_use=card.commercial_use, **figures
    )


def _cards(only: Sequence[str]) -> list[EngineCard]:
    """Renderers, and then what they can follow.

    Raises:
        DubwrightError: none has one of the names.
    """
    kinds = (EngineKind.MOUTH_RENDERER, EngineKind.MOUTH_GENERATOR)
    found = [card for kind in kinds for card in engines(kind)]
    unknown = set(only) - {card.name for card in found}
    if unknown:
        raise DubwrightError(
            f"No engine that redraws mouths is named {', '.join(sorted(unknown))}",
            where="the engines to compare",
            why=f"installed: {', '.join(card.name for card in found)}",
            repair="choose of these",
        )
    return [card for card in found if not only or card.name in only]


def _choice(engines: EngineChoice, card: EngineCard, store: Store, access: Access) -> EngineChoice:
    """That this engine draws; retrieval, where it has to be followed."""
    if card.kind is EngineKind.MOUTH_RENDERER:
        return engines.model_copy(update={"mouth_renderer": card.name, "mouth_generator": None})
    named = engines.weights_for(card.name, "")
    chosen_weights(card, named, Fingerprints(store.folder), access)
    return engines.model_copy(update={"mouth_renderer": "retrieval", "mouth_generator": card.name})


def _done(
    plan: DubPlan, store: Store, name: str, listener: Listener, cancel: Cancelling
) -> dict[str, float | None]:
    """Do a plan's tasks, those that draw one by one: how long they took.

    Only what is not done already is timed, once what it uses is loaded, and the quickest task of
    each stage counts. Where a stage was done before, nobody knows.
    """
    (part,) = plan.languages
    wanted = _needed(plan.tasks, [span.check for span in part.spans])
    timed = {key: task for key, task in wanted.items() if task.stage in (*DRAWING, *LEARNING)}
    later = _depending(wanted, timed)
    total = sum(task.units for task in wanted.values())
    run(
        {key: task for key, task in wanted.items() if key not in later},
        store,
        listener=lambda at: listener(at.done, total, f"{name}: {at.label}"),
        cancel=cancel,
    )
    done = total - sum(task.units for task in later.values())
    for task in later.values():
        if task.stage == "generated mouths":
            _load_generator(task)
            break
    took: dict[str, list[float]] = {}
    spent = 0.0
    for key, task in later.items():
        if store.find(key) is None:
            began = time.perf_counter()
            execute(task, store, lambda _: None, cancel)
            seconds = time.perf_counter() - began
            took.setdefault(task.stage, []).append(seconds / task.units)
            spent += seconds * (task.stage in LEARNING)
        done += task.units
        listener(done, total, f"{name}: {task.label}")
    frames = sum(len(planned.span.frames) for planned in part.spans)
    planned = {task.stage for task in later.values()}
    known = all(stage in took for stage in DRAWING if stage in planned)
    per_frame = [
        min(seconds) / (1 if stage in ("generated mouths", "draw") else frames)
        for stage, seconds in took.items()
        if stage in DRAWING
    ]
    return {
        "seconds_per_frame": sum(per_frame) if known else None,
        "learning_seconds": spent or None,
    }


def _load_generator(task: Task) -> None:
    weights = Path(task.where["generator_weights"])
    name = task.parameters["generator"]
    generator: MouthGenerator = engine(name, EngineKind.MOUTH_GENERATOR, weights)
    rate = Fraction(25)
    silence = np.zeros(SOUND_RATE, np.float32)
    heard = generator.hear(silence, SOUND_RATE, Fraction(0), generator.together, rate)
    side = generator.framing.side
    if generator.together == 1:
        generator.draw(np.zeros((1, side, side, 3), np.float32), heard)


def _needed(tasks: Mapping[str, Task], last: Sequence[str]) -> dict[str, Task]:
    """Some tasks and all that they read from, in the plan's order."""
    needed: set[str] = set()
    waiting = list(last)
    while waiting:
        key = waiting.pop()
        if key not in needed:
            needed.add(key)
            waiting += tasks[key].inputs.values()
    return {key: task for key, task in tasks.items() if key in needed}


def _depending(tasks: Mapping[str, Task], on: Mapping[str, Task]) -> dict[str, Task]:
    """Tasks that read from these, and these, each after what it reads from."""
    found: dict[str, Task] = {}
    for key, task in tasks.items():
        if key in on or any(read in found for read in task.inputs.values()):
            found[key] = task
    return found


def _figures(
    plan: DubPlan, spans: Sequence[SpanPlan], frames: Mapping[int, Path], store: Store
) -> dict[str, float | None]:
    if not frames:
        return {}
    (shot,) = plan.shots
    spec, track = plan.plates[shot.uid], _track(plan, store)
    said, seen, checks = [], [], []
    for planned in spans:
        check = read_json(store.path(planned.check) / "check.json")
        if check:
            task = plan.tasks[planned.curves]
            predicted = load_curves(store.path(task.inputs.get("curves", planned.curves)))
            apertures = predicted.values[:, 0]
            said += [apertures[frame - planned.span.frames.start] for frame in check["frames"]]
            seen += [np.nan if value is None else value for value in check["seen"]]
            checks.append(check)
    first, last = min(frames), max(frames)
    plates = Plate(spec, _decoded(plan, store))

    def pictures() -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]]:
        for frame, linear in enumerate(plates.frames(FrameRange(first, last + 1)), start=first):
            plate = _shown(linear, spec, plates)
            drawn = _shown(read_rgb(frames[frame]), spec, plates) if frame in frames else plate
            yield plate, plate, drawn

    landmarks = track.landmarks[first : last + 1].copy()
    # What was not drawn is not judged, nor is the step over it.
    landmarks[[frame not in frames for frame in range(first, last + 1)]] = np.nan
    still = np.zeros(len(landmarks))
    measured = measure_pictures(pictures(), [landmarks] * 3, [still] * 3)
    return {
        "said_r": correlation(np.array(seen), np.array(said)) if seen else None,
        "followed_r": _mean([check["aperture_r"] for check in checks]),
        "lag_ms": _mean([check["lag_ms"] for check in checks]),
        "sharpness": measured.sharpness,
        "seam": measured.seam_p95,
        "flicker": measured.flicker,
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _track(plan: DubPlan, store: Store) -> FaceTrack:
    (tracks,) = plan.tracks.values()
    (key,) = tracks.values()
    return load_track(store.path(key))


def _decoded(plan: DubPlan, store: Store) -> dict[int, Path]:
    return drawn_frames(store.path(key) for keys in plan.decoded.values() for key in keys)


def _shown(linear: NDArray[np.float32], spec: PlateSpec, plate: Plate) -> NDArray[np.uint8]:
    """A frame for people, its pixels square."""
    size = round(spec.width * spec.pixel_aspect), spec.height
    square = cv2.resize(linear, size, interpolation=cv2.INTER_AREA)
    return display_preview(square, spec.working_space, plate.config)


def _write_movie(
    plan: DubPlan, drawn: Sequence[_Drawn], request: LipSyncRequest, folder: Path, store: Store
) -> None:
    """compare.mp4, with the new line, and compare.jpg, some of its frames one below the other."""
    (shot,) = plan.shots
    spec = plan.plates[shot.uid]
    plate = Plate(spec, _decoded(plan, store))
    tile = _tile(_track(plan, store), spec)
    kept: list[NDArray[np.uint8]] = []
    numbers = sorted({frame for each in drawn for frame in each.frames})
    moments = {numbers[n] for n in np.linspace(0, len(numbers) - 1, SHEET_FRAMES).astype(int)}

    def rows() -> Iterator[NDArray[np.uint8]]:
        for frame, linear in enumerate(plate.frames(FrameRange(0, spec.frames))):
            tiles = [tile(PLATE, _shown(linear, spec, plate))]
            for each in drawn:
                file = each.frames.get(frame)
                tiles.append(
                    tile(each.name, _shown(read_rgb(file) if file else linear, spec, plate))
                )
            row = np.hstack(tiles)
            if frame in moments:
                kept.append(row)
            yield row

    samples, rate = read_mono(request.dialogue)
    later = np.zeros(request.start_ms * SOUND_RATE // 1000, np.float32)
    line = np.concatenate([later, resampled(samples, rate, SOUND_RATE)])
    line = line[: round(spec.frames / spec.rate * SOUND_RATE)]
    sound = Sound(iter([line[:, None]]), 1, request.language, request.language)
    with TemporaryDirectory() as elsewhere:
        silent = Path(elsewhere) / "silent.mp4"
        write_picture(silent, rows(), spec.rate)
        write_preview(folder / "compare.mp4", silent, [sound])
    sheet = cv2.cvtColor(np.vstack(kept), cv2.COLOR_RGB2BGR)
    with whole(folder / "compare.jpg") as partial:
        partial.write_bytes(cv2.imencode(".jpg", sheet)[1].tobytes())


def _tile(
    track: FaceTrack, spec: PlateSpec
) -> Callable[[str, NDArray[np.uint8]], NDArray[np.uint8]]:
    """What cuts the lower face out of a frame, all of one size, with a name below it."""
    points = track.landmarks[track.found, :, :2]
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    low[1] = (low[1] + high[1]) / 2 - MARGIN * (high[1] - low[1])
    margin = MARGIN / 2 * (high - low)
    width, height = round(spec.width * spec.pixel_aspect), spec.height
    x0, y0 = np.maximum(low - margin, 0).astype(int)
    x1, y1 = np.minimum(high + margin, (width, height)).astype(int)
    size = max(2, round(TILE_HEIGHT * (x1 - x0) / (y1 - y0)) // 2 * 2), TILE_HEIGHT

    def cut(name: str, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        part = cv2.resize(picture[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
        label = np.zeros((LABEL_HEIGHT, size[0], 3), np.uint8)
        cv2.putText(label, name, (8, LABEL_HEIGHT - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.5,
                    (255, 255, 255), 1, cv2.LINE_AA)  # fmt: skip
        return np.vstack([part, label])

    return cut
