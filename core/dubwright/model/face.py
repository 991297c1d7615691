"""One face followed through the frames of a shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FaceTrack"]


@dataclass(frozen=True, slots=True, eq=False)
class FaceTrack:
    """Landmarks of one face.

    Attributes:
        landmarks: float32 [frames, 478, 3]; x right and y down in square pixels of the display
            window, z away from the camera in the same unit. NaN where no face was found.
        template: float64 [rigid points, 3], this face at rest in the head frame (see
            dubwright.face.head_frame).
        reasons: for each frame why its mouth cannot be redrawn; "" where it can.
    """

    landmarks: NDArray[np.float32]
    template: NDArray[np.floating[Any]]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether a face was found, bool [frames]."""
        return np.isfinite(self.landmarks[:, 0, 0])

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Whether the mouth can be redrawn, bool [frames]."""
        return np.array([not reason for reason in self.reasons], dtype=bool)
