"""How a redrawn mouth looks: sharpness, seams, flicker, and what is seen inside it.

Frames are laid on a face window of 256 pixels with 150 pixels between the outer corners of the
eyes, centred between the nose's base and the chin: figures do not depend on the size of the face.
None of these sees whether the mouth says the right thing; see dubwright.quality.sync for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.landmarks import (
    CHIN,
    LIPS_INNER,
    LIPS_OUTER,
    NOSE_BASE,
    OUTER_EYE_LEFT,
    OUTER_EYE_RIGHT,
)

__all__ = ["PictureFigures", "measure_pictures"]

Grey = NDArray[np.float32]
Points = NDArray[np.floating[Any]]

WINDOW: Final = 256
WINDOW_IOD: Final = 150.0
MOUTH_MARGIN: Final = 0.08 * WINDOW_IOD
CHANGED_LEVEL: Final = 2.0
LEAST_CHANGED: Final = 50
INNER_WIDTH, INNER_HEIGHT = 48, 32
OPEN_APERTURE_IOD: Final = 0.08
LEAST_SHARED: Final = 100


@dataclass(frozen=True, slots=True)
class PictureFigures:
    """Figures of an output against its plate and against the truth; None where unknown.

    Attributes:
        sharpness: Laplacian variance in the mouth, output over plate; 1 is as sharp.
        seam_p95: gradient that the edit adds along its border, over the plate's own there.
        flicker, flicker_p99: second differences in time of the skin around the lips, over the
            plate's; 1 is as steady.
        interior: 1 - correlation of the open mouth's inside with the nearest true one, median.
        interior_plate: the same for the plate's own mouths: what two real moments differ by.
    """

    sharpness: float | None
    seam_p95: float | None
    flicker: float | None
    flicker_p99: float | None
    interior: float | None
    interior_plate: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    grey: Grey
    points: Points


def measure_pictures(
    frames: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]],
    landmarks: Sequence[NDArray[np.float32]],
    apertures: Sequence[NDArray[np.floating[Any]]],
) -> PictureFigures:
    """Measure frame by frame; three frames are in memory at a time.

    Args:
        frames: (plate, truth, output), each uint8 [height, width, 3] sRGB.
        landmarks: of plate, truth and output, each [frames, 478, 3] in pixels.
        apertures: of plate, truth and output, each [frames] in inter-ocular distances.
    """
    sharpness, seams = [], []
    flicker: list[list[float]] = [[], [], []]
    recent: list[list[_Face]] = [[], [], []]
    insides: list[list[tuple[float, Grey, NDArray[np.bool_]]]] = [[], [], []]
    for index, pictures in enumerate(frames):
        shapes = [track[index, :, :2] for track in landmarks]
        if not all(np.isfinite(shape).all() for shape in shapes):
            recent = [[], [], []]
            continue
        # The output lies in the plate's own window: what moved between them is the edit.
        charts = [_chart(shapes[0]), _chart(shapes[1]), _chart(shapes[0])]
        faces = [
            _Face(_warped(picture, chart), shape @ chart[:, :2].T + chart[:, 2])
            for picture, chart, shape in zip(pictures, charts, shapes, strict=True)
        ]
        plate, _, output = faces
        sharpness.append(_detail(output) / max(_detail(plate), 1e-6))
        seam = _seam(plate, output)
        if seam is not None:
            seams.append(seam)
        for which, face in enumerate(faces):
            if apertures[which][index] > OPEN_APERTURE_IOD:
                insides[which].append((float(apertures[which][index]), *_inside(face)))
            recent[which] = [*recent[which], face][-3:]
            if len(recent[which]) == 3 and (change := _second_difference(recent[which])):
                flicker[which].append(change)
    plate_flicker, _, output_flicker = flicker
    steady = bool(plate_flicker and output_flicker)
    return PictureFigures(
        sharpness=_median(sharpness),
        seam_p95=float(np.percentile(seams, 95)) if seams else None,
        flicker=float(np.mean(output_flicker) / np.mean(plate_flicker)) if steady else None,
        flicker_p99=(
            float(np.percentile(output_flicker, 99) / np.percentile(plate_flicker, 99))
            if steady
            else None
        ),
        interior=_nearest(insides[2], insides[1]),
        interior_plate=_nearest(insides[0], insides[1]),
    )


def _chart(points: Points) -> Points:
    """The similarity, [2, 3], from a picture's pixels to the face window."""
    across = points[OUTER_EYE_LEFT] - points[OUTER_EYE_RIGHT]
    scale = WINDOW_IOD / np.linalg.norm(across)
    angle = np.arctan2(across[1], across[0])
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[cos, sin], [-sin, cos]])
    middle = points[[NOSE_BASE, CHIN]].mean(axis=0)
    return np.hstack([turn, (WINDOW / 2 - turn @ middle)[:, None]])


def _warped(picture: NDArray[np.uint8], chart: Points) -> Grey:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return cv2.warpAffine(grey, chart, (WINDOW, WINDOW), flags=cv2.INTER_CUBIC)


def _detail(face: _Face) -> float:
    """Laplacian variance in the box around the outer lips."""
    lips = face.points[list(LIPS_OUTER)]
    x0, y0 = np.maximum(lips.min(axis=0) - MOUTH_MARGIN, 0).astype(int)
    x1, y1 = np.maximum(lips.max(axis=0) + MOUTH_MARGIN, 0).astype(int)
    smooth = cv2.GaussianBlur(face.grey[y0:y1, x0:x1], (0, 0), 0.6)
    return float(cv2.Laplacian(smooth, cv2.CV_32F).var())


def _seam(plate: _Face, output: _Face) -> float | None:
    difference = cv2.GaussianBlur(np.abs(output.grey - plate.grey), (0, 0), 4)
    changed = (difference > CHANGED_LEVEL).astype(np.uint8)
    if changed.sum() <= LEAST_CHANGED:
        return None
    whole = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    kernel = np.ones((9, 9), np.uint8)
    border = (cv2.dilate(whole, kernel) - cv2.erode(whole, kernel)) > 0
    if not border.any():  # all of the window changed
        return None
    before, after = _gradient(plate.grey), _gradient(output.grey)
    added = np.clip(after[border] - before[border], 0, None).mean()
    return float(added / (before[border].mean() + 1e-3))


def _gradient(grey: Grey) -> Grey:
    smooth = cv2.GaussianBlur(grey, (0, 0), 1)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axis) / 8 for axis in ((1, 0), (0, 1)))
    return np.hypot(across, down)


def _ring(face: _Face) -> NDArray[np.uint8]:
    """The skin around the lips, from 1.25 to 1.9 times their size."""
    lips = face.points[list(LIPS_OUTER)]
    centre = lips.mean(axis=0)
    mask = np.zeros((WINDOW, WINDOW), np.uint8)
    for factor, value in ((1.9, 1), (1.25, 0)):
        outline = np.round(centre + (lips - centre) * factor).astype(np.int32)
        cv2.fillPoly(mask, [outline], value)
    return mask


def _second_difference(faces: Sequence[_Face]) -> float | None:
    shared = np.logical_and.reduce([_ring(face) > 0 for face in faces])
    if shared.sum() <= 30:
        return None
    first, second, third = (face.grey for face in faces)
    return float(np.abs(third - 2 * second + first)[shared].mean())


def _inside(face: _Face) -> tuple[Grey, NDArray[np.bool_]]:
    """The open mouth at 48 by 32 pixels, and which of them lie between the lips."""
    lips = face.points[list(LIPS_INNER)]
    low, high = lips.min(axis=0), lips.max(axis=0)
    scale = np.array([INNER_WIDTH - 1, INNER_HEIGHT - 1]) / (high - low + 1e-3)
    chart = np.hstack([np.diag(scale), (-low * scale)[:, None]])
    inside = cv2.warpAffine(face.grey, chart, (INNER_WIDTH, INNER_HEIGHT), flags=cv2.INTER_LINEAR)
    mask = np.zeros((INNER_HEIGHT, INNER_WIDTH), np.uint8)
    cv2.fillPoly(mask, [np.round(lips @ chart[:, :2].T + chart[:, 2]).astype(np.int32)], 1)
    return cv2.GaussianBlur(inside, (0, 0), 1.0), mask > 0


def _nearest(
    asked: Sequence[tuple[float, Grey, NDArray[np.bool_]]],
    known: Sequence[tuple[float, Grey, NDArray[np.bool_]]],
) -> float | None:
    """Median over mouths of the distance to the nearest known one of a similar aperture."""
    distances = []
    for aperture, picture, mask in asked:
        found = [
            _alike(picture, other, mask & other_mask)
            for other_aperture, other, other_mask in known
            if 0.75 < other_aperture / aperture < 1.33 and (mask & other_mask).sum() >= LEAST_SHARED
        ]
        if found:
            distances.append(1 - max(found))
    return _median(distances)


def _alike(a: Grey, b: Grey, shared: NDArray[np.bool_]) -> float:
    p, q = a[shared], b[shared]
    if p.std() < 1e-3 or q.std() < 1e-3:
        return 0.0
    return float(np.corrcoef(p, q)[0, 1])


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
