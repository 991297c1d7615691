"""What a player of the previews needs beside them: waveforms, phones, where the mouths are."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dubwright.face.landmarks import LIPS, OUTER_EYE_LEFT, OUTER_EYE_RIGHT
from dubwright.media.audio import peaks
from dubwright.operations.cut import Run, Segment, topmost
from dubwright.operations.plan import DubPlan, LanguagePlan
from dubwright.operations.results import load_take, load_track
from dubwright.store import Store

__all__ = ["player_data", "preview_name"]

PEAKS_PER_SECOND: Final = 100
STEADIED_OVER_FRAMES: Final = 4
# Of the distance between the outer corners of the eyes.
CLOSE_UP: Final = 0.8


def preview_name(plan: DubPlan, language: str) -> str:
    """The preview's file in a delivery; of the plate's own sound and picture for "original"."""
    return f"{plan.timeline.file_stem}.{language}.mp4"


def player_data(plan: DubPlan, store: Store) -> dict[str, Any]:
    """The document player.json of a delivery; docs/formats.md describes it."""
    picture = plan.tasks[plan.original.picture].parameters
    return {
        "document": "dubwright.player",
        "version": 1,
        "rate": picture["rate"],
        "frames": picture["frames"],
        "start_frame": plan.timeline.start_frame,
        "drop_frame": plan.timeline.drop_frame,
        "size": picture["size"],
        "peaks_per_second": PEAKS_PER_SECOND,
        "original": {
            "language": plan.sheet.original or "",
            "movie": preview_name(plan, "original"),
            "peaks": _peaks(store.path(plan.original.mix) / "mix.wav"),
        },
        "languages": {part.language: _language(plan, part, store) for part in plan.languages},
        "shots": [{"shot": run.shot, "first": run.start, "end": run.end} for run in _seen(picture)],
        "mouths": list(_mouths(plan, store)),
    }


def _language(plan: DubPlan, part: LanguagePlan, store: Store) -> dict[str, Any]:
    return {
        "movie": preview_name(plan, part.language),
        "peaks": _peaks(store.path(part.mix) / "DX.wav"),
        "phones": {
            cue.id: _phones(store.path(part.takes[cue.id]), cue.start_ms) for cue in part.cues
        },
    }


def _peaks(path: Path) -> str:
    return base64.b64encode(peaks(path, PEAKS_PER_SECOND).tobytes()).decode()


def _phones(take: Path, start_ms: int) -> list[tuple[str, int, int]]:
    """(symbol, start, end) in milliseconds of the timeline."""
    spoken = load_take(take)
    return [
        (
            phone.symbol,
            start_ms + phone.start * 1000 // spoken.sample_rate,
            start_ms + phone.end * 1000 // spoken.sample_rate,
        )
        for phone in spoken.phones
    ]


def _mouths(plan: DubPlan, store: Store) -> Iterator[dict[str, Any]]:
    """Runs of frames of the timeline on which a mouth is seen, with (x, y, side) of the square
    around it in the preview's pixels."""
    picture = plan.tasks[plan.original.picture].parameters
    width, height = picture["size"]
    for start, end, uid, first in _seen(picture):
        if not plan.tracks.get(uid):
            continue
        spec = plan.plates[uid]
        to_preview = np.array([width / (spec.width * spec.pixel_aspect), height / spec.height])
        shown = slice(first, first + end - start)
        squares = _squares(_watched(plan, store, uid)[shown] * to_preview)
        seen = np.flatnonzero(np.isfinite(squares[:, 0]))
        for run in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1):
            if len(run):
                steady = gaussian_filter1d(
                    squares[run], STEADIED_OVER_FRAMES, axis=0, mode="nearest"
                )
                yield {"first": start + int(run[0]), "squares": steady.round().astype(int).tolist()}


def _watched(plan: DubPlan, store: Store, uid: str) -> NDArray[np.float32]:
    """In each frame of a shot the face that one watches: who speaks, or who spoke first."""
    tracks = {
        speaker: load_track(store.path(key)).landmarks[..., :2]
        for speaker, key in plan.tracks[uid].items()
    }
    speaking = [
        (planned.span, cue.speaker)
        for part in plan.languages
        for cue in part.cues
        for planned in part.spans
        if planned.span.cue == cue.id and planned.span.shot == uid and cue.speaker in tracks
    ]
    first = min(speaking, key=lambda span: span[0].frames.start)[1] if speaking else min(tracks)
    watched = tracks[first].copy()
    for span, speaker in speaking:
        frames = slice(span.frames.start, span.frames.end)
        watched[frames] = tracks[speaker][frames]
    return watched


def _seen(picture: Mapping[str, Any]) -> list[Run]:
    """The shots that a viewer sees, from the parameters of a picture's task."""
    return topmost(map(Segment.model_validate, picture["cut"]))


def _squares(points: NDArray[Any]) -> NDArray[Any]:
    """Corner and side of a square around the lips, [frames, 3], of points [frames, 478, 2]."""
    lips = points[:, LIPS].mean(axis=1)
    apart = points[:, OUTER_EYE_LEFT] - points[:, OUTER_EYE_RIGHT]
    side = CLOSE_UP * np.linalg.norm(apart, axis=1)
    return np.concatenate([lips - side[:, None] / 2, side[:, None]], axis=1)
