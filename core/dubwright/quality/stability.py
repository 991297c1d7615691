"""How steady a redrawn mouth is: texture that pops from frame to frame, teeth that slide.

Frames are laid on a window that is still to the skull: 150 pixels between the outer corners of the
eyes, the mouth in the middle. Both figures are to be read beside those of a real mouth that says
the same: motion of its own raises them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.landmarks import LIPS_INNER, LIPS_OUTER, OUTER_EYE_LEFT, OUTER_EYE_RIGHT

__all__ = ["StabilityFigures", "measure_stability"]

Grey = NDArray[np.uint8]
Points = NDArray[np.floating[Any]]

WINDOW: Final = 256
WINDOW_IOD: Final = 150.0
# From between the eyes down to the mouth.
MOUTH_BELOW_IOD: Final = 0.8
MARGIN: Final = 0.05 * WINDOW_IOD
OPEN_APERTURE_IOD: Final = 0.08
# Of the open mouth, from the upper lip down: below it the tongue and the lower teeth move.
UPPER_TEETH_SHARE: Final = 0.5
LEAST_TEETH: Final = 150
ECC_STEPS: Final = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
LEAST_ALIKE: Final = 0.8
LEAST_PAIRS: Final = 8


@dataclass(frozen=True, slots=True)
class StabilityFigures:
    """Figures of one mouth; None where it never was so.

    Attributes:
        pops: what optical flow leaves of the change from frame to frame around the lips, in code
            values; the 95th percentile.
        teeth_slide: how far the upper teeth move against the skull from frame to frame while the
            mouth is open, RMS over eight pairs of frames or more, in inter-ocular distances.
        teeth_lost: the share of these pairs in which they are not found again.
    """

    pops: float | None
    teeth_slide: float | None
    teeth_lost: float | None


def measure_stability(
    frames: Iterable[NDArray[np.uint8]],
    landmarks: NDArray[np.float32],
    aperture: NDArray[np.floating[Any]],
) -> StabilityFigures:
    """Measure frame against frame; two are in memory at a time.

    Args:
        frames: uint8 [height, width, 3] sRGB.
        landmarks: [frames, 478, 3] in pixels; NaN where no face was found.
        aperture: [frames], in inter-ocular distances.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    left: list[float] = []
    slides: list[float | None] = []
    before: tuple[Grey, Points] | None = None
    for index, picture in enumerate(frames):
        points = landmarks[index, :, :2].astype(np.float64)
        if not np.isfinite(points).all():
            before = None
            continue
        now = _in_window(picture, points)
        if before is not None:
            left.append(_unexplained(before, now, flow))
            if min(aperture[index - 1 : index + 1]) > OPEN_APERTURE_IOD:
                mask = cv2.bitwise_and(_upper_teeth(before[1]), _upper_teeth(now[1]))
                if cv2.countNonZero(mask) >= LEAST_TEETH:
                    slides.append(_slide(before, now, mask))
        before = now
    found = [slide for slide in slides if slide is not None]
    return StabilityFigures(
        pops=float(np.percentile(left, 95)) if left else None,
        teeth_slide=(
            float(np.sqrt(np.mean(np.square(found)))) if len(found) >= LEAST_PAIRS else None
        ),
        teeth_lost=1 - len(found) / len(slides) if len(slides) >= LEAST_PAIRS else None,
    )


def _in_window(picture: NDArray[np.uint8], points: Points) -> tuple[Grey, Points]:
    """The mouth in the window, and the landmarks there."""
    eyes = points[[OUTER_EYE_RIGHT, OUTER_EYE_LEFT]]
    across = eyes[1] - eyes[0]
    down = np.array([-across[1], across[0]])
    middle = eyes.mean(axis=0) + MOUTH_BELOW_IOD * down
    scale = WINDOW_IOD / np.linalg.norm(across)
    angle = np.arctan2(across[1], across[0])
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[cos, sin], [-sin, cos]])
    chart = np.hstack([turn, (WINDOW / 2 - turn @ middle)[:, None]])
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    window = cv2.warpAffine(grey, chart, (WINDOW, WINDOW), flags=cv2.INTER_CUBIC)
    return window.astype(np.uint8), points @ turn.T + chart[:, 2]


def _unexplained(before: tuple[Grey, Points], now: tuple[Grey, Points], flow: Any) -> float:
    """What is left of the change around the lips when motion is taken out."""
    motion = flow.calc(now[0], before[0], None)
    y, x = np.mgrid[0:WINDOW, 0:WINDOW].astype(np.float32)
    moved = cv2.remap(before[0], x + motion[..., 0], y + motion[..., 1], cv2.INTER_LINEAR)
    lips = np.concatenate([before[1][list(LIPS_OUTER)], now[1][list(LIPS_OUTER)]])
    x0, y0 = np.clip(lips.min(axis=0) - MARGIN, 0, WINDOW).astype(int)
    x1, y1 = np.clip(lips.max(axis=0) + MARGIN, 0, WINDOW).astype(int)
    change = np.abs(now[0][y0:y1, x0:x1].astype(np.float32) - moved[y0:y1, x0:x1])
    return float(change.mean()) if change.size else 0.0


def _slide(before: tuple[Grey, Points], now: tuple[Grey, Points], mask: Grey) -> float | None:
    """How far what the mask shows moved; None where nothing alike is found."""
    shift = np.eye(2, 3, dtype=np.float32)
    try:
        alike, shift = cv2.findTransformECC(
            before[0], now[0], shift, cv2.MOTION_TRANSLATION, ECC_STEPS, mask, 3
        )
    except cv2.error:  # it did not converge
        return None
    return float(np.hypot(*shift[:, 2]) / WINDOW_IOD) if alike > LEAST_ALIKE else None


def _upper_teeth(points: Points) -> Grey:
    """Where upper teeth may be seen: the upper part of the open mouth, uint8 0 or 255."""
    lips = points[list(LIPS_INNER)]
    mask = np.zeros((WINDOW, WINDOW), np.uint8)
    cv2.fillPoly(mask, [np.round(lips).astype(np.int32)], 255)
    low = lips[:, 1].min() + UPPER_TEETH_SHARE * np.ptp(lips[:, 1])
    mask[max(0, int(low)) :] = 0
    return mask
