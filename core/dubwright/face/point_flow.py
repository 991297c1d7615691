"""How points move from a picture to the next, on the processor or on a GPU, with the same results.

Both compute Lucas and Kanade's method (1981) in a pyramid as Bouguet (2001) and OpenCV define it,
in the same integers: weights of 1/16384, grey of 1/32, Scharr's derivatives.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ITERATIONS",
    "LEVELS",
    "STILL_PIXELS",
    "Grey",
    "OpenCvPointFlow",
    "PointFlow",
    "Points",
    "fastest_point_flow",
]

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]

# Levels above the picture itself.
LEVELS: Final = 2
ITERATIONS: Final = 20
STILL_PIXELS: Final = 0.01


class PointFlow(Protocol):
    """Who follows points."""

    def __call__(
        self, before: Grey, after: Grey, points: Points, guess: Points, side: int
    ) -> tuple[Points, NDArray[np.bool_]]:
        """Where points of one picture are in the next.

        Args:
            before, after: uint8 [height, width].
            points: float32 [points, 2] (x, y) in the pixels of `before`.
            guess: where they may be in `after`.
            side: of the window around a point that is compared, in pixels; odd.

        Returns:
            Their places in `after`, float32 [points, 2], and which of them were found.
        """


class OpenCvPointFlow:
    """Follows points on the processor."""

    def __call__(
        self, before: Grey, after: Grey, points: Points, guess: Points, side: int
    ) -> tuple[Points, NDArray[np.bool_]]:
        options: dict[str, Any] = {
            "winSize": (side, side),
            "maxLevel": LEVELS,
            "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, STILL_PIXELS),
            "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
        }
        there, found, _ = cv2.calcOpticalFlowPyrLK(
            before, after, points[:, None].copy(), guess[:, None].copy(), **options
        )
        return there[:, 0], found[:, 0] > 0


def fastest_point_flow() -> PointFlow:
    """A GPU's where torch finds one, else the processor's."""
    if importlib.util.find_spec("torch"):
        from dubwright.face.torch_point_flow import cuda_point_flow

        flow = cuda_point_flow()
        if flow is not None:
            return flow
    return OpenCvPointFlow()
