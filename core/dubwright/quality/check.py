"""Measures a span as it was drawn: tracked afresh and held against what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.engines import FaceTracker
from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.face.link import nearest_face
from dubwright.media.colour import ColourConfig, display_preview, display_proxy
from dubwright.media.exr import read_rgb
from dubwright.media.plate import PlateSpec
from dubwright.model import Box, FaceTrack, MouthCurves
from dubwright.quality.sync import closures, correlation, lag_ms

__all__ = ["check_span"]

SHEET_COLUMNS: Final = 8
SHEET_SIDE: Final = 180
FACE_MARGIN: Final = 0.08
JPEG_QUALITY: Final = 88


def check_span(
    spec: PlateSpec,
    track: FaceTrack,
    asked: MouthCurves,
    first: int,
    plates: Mapping[int, Path],
    drawn: Mapping[int, Path],
    tracker: FaceTracker,
    sheet: Path,
) -> dict[str, Any]:
    """Track the drawn frames and compare their curves with those that were asked for.

    Args:
        spec: of the plate.
        track: of the plate's face.
        asked: the curves of the span.
        first: the span's first frame.
        plates: the plate's EXR for each drawn frame of the shot.
        drawn: the drawn EXR for the same frames.
        tracker: to look again with.
        sheet: where the contact sheet is written: plate above result, eight moments.

    Returns:
        Figures by name; empty where nothing was drawn.
    """
    if not drawn:
        return {}
    config = ColourConfig(spec.ocio)
    frames = sorted(drawn)
    square = (round(spec.width * spec.pixel_aspect), spec.height)
    pictures = (
        display_proxy(cv2.resize(read_rgb(drawn[f]), square), spec.working_space, config)
        for f in frames
    )
    followed = zip(frames, tracker.follow(pictures), strict=True)
    landmarks = np.stack([nearest_face(faces, track.landmarks[f]) for f, faces in followed])
    motion = in_head_frame(landmarks, track.template)
    seen = mouth_curves(motion.positions)
    wanted = asked.values[[frame - first for frame in frames]]
    held = closures(seen[:, 0], wanted[:, 0])
    moments = _moments(wanted[:, 0])
    _write_sheet(spec, track, plates, drawn, [frames[m] for m in moments], config, sheet)
    return {
        "aperture_r": round(correlation(seen[:, 0], wanted[:, 0]), 3),
        "jaw_r": round(correlation(seen[:, 3], wanted[:, 3]), 3),
        "lag_ms": round(lag_ms(seen[:, 0], wanted[:, 0], float(asked.rate)), 1),
        "closures_held": None if held.recall is None else round(held.recall, 3),
        "frames": frames,
        "asked": np.round(wanted[:, 0], 4).tolist(),
        "seen": [round(float(a), 4) if np.isfinite(a) else None for a in seen[:, 0]],
    }


def _moments(aperture: NDArray[np.float32]) -> Sequence[int]:
    """Eight moments through the span, nudged to where the mouth is most open or most closed."""
    edges = np.linspace(0, len(aperture), SHEET_COLUMNS + 1).astype(int)
    moments = []
    for column, (start, end) in enumerate(pairwise(edges)):
        if end > start:
            part = aperture[start:end]
            moments.append(start + int(part.argmax() if column % 2 == 0 else part.argmin()))
    return moments


def _write_sheet(
    spec: PlateSpec,
    track: FaceTrack,
    plates: Mapping[int, Path],
    drawn: Mapping[int, Path],
    frames: Sequence[int],
    config: ColourConfig,
    sheet: Path,
) -> None:
    columns = []
    for frame in frames:
        points = track.landmarks[frame, :, :2] / (spec.pixel_aspect, 1)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = FACE_MARGIN * (high - low)
        x0, y0 = (low - margin).astype(int).tolist()
        x1, y1 = (high + margin).astype(int).tolist()
        face = Box(x0, y0, x1, y1).clipped(spec.width, spec.height)
        pair = [
            cv2.resize(
                display_preview(read_rgb(path, face), spec.working_space, config),
                (SHEET_SIDE, round(SHEET_SIDE * 1.25)),
                interpolation=cv2.INTER_AREA,
            )
            for path in (plates[frame], drawn[frame])
        ]
        columns.append(np.vstack(pair))
    picture = cv2.cvtColor(np.hstack(columns), cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    sheet.write_bytes(encoded.tobytes())
