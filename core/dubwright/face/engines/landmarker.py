"""MediaPipe's FaceLandmarker, from a task file that the user has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind
from dubwright.engines.refusal import weights_refused

__all__ = ["FaceLandmarkerTracker"]

MOST_FACES: Final = 6
POINTS: Final = 478
NETWORKS: Final = frozenset({"face_detector.tflite", "face_landmarks_detector.tflite"})
# It wants frames to have times; which ones does not matter to what it finds.
FRAME_MS: Final = 40


class FaceLandmarkerTracker:
    card = EngineCard(
        name="face-landmarker",
        kind=EngineKind.FACE_TRACKER,
        version=1,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        needs_weights=True,
        trained=True,
        way_around="leave the face tracker out: facemesh needs no weights",
        limits="MediaPipe's face_landmarker.task, with 478 landmarks. "
        f"At most {MOST_FACES} faces a shot. It never reports a covered mouth: visibility is "
        "judged elsewhere.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    def follow(self, frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        with _landmarker(self._weights) as landmarker:
            from mediapipe import Image, ImageFormat

            for number, frame in enumerate(frames):
                height, width = frame.shape[:2]
                shown = Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(frame))
                faces = landmarker.detect_for_video(shown, number * FRAME_MS).face_landmarks
                points = [
                    [(p.x * width, p.y * height, p.z * width) for p in face] for face in faces
                ]
                yield np.array(points, np.float32).reshape(-1, POINTS, 3)


def _landmarker(weights: Path) -> Any:
    """MediaPipe's own, which follows the faces of a shot.

    Raises:
        DubwrightError: the file is no such task's, or the package is not installed.
    """
    os.environ.setdefault("GLOG_minloglevel", "3")
    try:
        file = _task_file(weights)
        from mediapipe.tasks.python import BaseOptions, vision

        return vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_buffer=file.read_bytes()),
                running_mode=vision.RunningMode.VIDEO,
                num_faces=MOST_FACES,
            )
        )
    except (ImportError, OSError, ValueError, RuntimeError, BadZipFile) as error:
        raise weights_refused(
            "A face tracker's weights",
            weights,
            error,
            "give MediaPipe's face_landmarker.task, or leave the face tracker out",
        ) from error


def _task_file(weights: Path) -> Path:
    """A task file, or that of a folder.

    Raises:
        ValueError: there is none, there are several, or it is another task's.
        BadZipFile: it is no task file.
    """
    files = [weights] if weights.is_file() else sorted(weights.glob("*.task"))
    if len(files) != 1:
        named = ", ".join(file.name for file in files) or "none"
        raise ValueError(f"it is no task file, and no folder with one; found: {named}")
    with ZipFile(files[0]) as task:
        missing = NETWORKS - set(task.namelist())
    if missing:
        raise ValueError(f"it is another task's: {', '.join(sorted(missing))} is not in it")
    return files[0]
