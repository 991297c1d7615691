"""Which face of a frame is which face of the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dubwright.face.landmarks import OUTER_EYE_LEFT, OUTER_EYE_RIGHT

__all__ = ["linked_faces", "nearest_face"]

# How far a face may have gone since it was last seen, in its inter-ocular distances.
STEP_IOD: Final = 0.6
STEP_PER_FRAME_IOD: Final = 0.15
LOST_S: Final = 1.0
MIN_FRAMES: Final = 4
FAR: Final = 1e6


def linked_faces(found: Sequence[NDArray[np.float32]], rate: float) -> list[NDArray[np.float32]]:
    """The faces of a shot, the one that fills most of its frames first.

    Each face goes on to the nearest in the next frame, all of them together going the least
    distance (Kuhn, 1955). One that is lost for less than a second is the same when it is found
    again nearby.

    Args:
        found: for each frame the landmarks of the faces in it, [faces, 478, 3].
        rate: frames a second.

    Returns:
        For each face its landmarks, [frames, 478, 3]; NaN where it was not found.
    """
    tracks: list[dict[int, NDArray[np.float32]]] = []
    for frame, faces in enumerate(found):
        open_tracks = [track for track in tracks if frame - _last(track) <= LOST_S * rate]
        cost = np.full((len(open_tracks), len(faces)), FAR)
        for row, track in enumerate(open_tracks):
            last = _last(track)
            reach = STEP_IOD + STEP_PER_FRAME_IOD * (frame - last)
            for column, face in enumerate(faces):
                gone = _apart(track[last], face)
                if gone < reach:
                    cost[row, column] = gone
        rows, columns = linear_sum_assignment(cost)
        taken = {
            int(column): open_tracks[row]
            for row, column in zip(rows, columns, strict=True)
            if cost[row, column] < FAR
        }
        for column, face in enumerate(faces):
            if column in taken:
                taken[column][frame] = face
            else:
                tracks.append({frame: face})
    lasting = [track for track in tracks if len(track) >= min(MIN_FRAMES, len(found))]
    lasting.sort(key=lambda track: -sum(_interocular(face) ** 2 for face in track.values()))
    laid = []
    for track in lasting:
        points = np.full((len(found), *next(iter(track.values())).shape), np.nan, np.float32)
        for frame, face in track.items():
            points[frame] = face
        laid.append(points)
    return laid


def nearest_face(faces: NDArray[np.float32], to: NDArray[np.float32]) -> NDArray[np.float32]:
    """The one of a frame's faces that is nearest to where a face is; NaN if none is near.

    Args:
        faces: [faces, 478, 3].
        to: where the face is, [478, 3].
    """
    near = [(gone, n) for n, face in enumerate(faces) if (gone := _apart(to, face)) < STEP_IOD]
    return faces[min(near)[1]] if near else np.full_like(to, np.nan)


def _last(track: dict[int, NDArray[np.float32]]) -> int:
    """The last frame of a track, whose frames were added in order."""
    return next(reversed(track))


def _apart(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """How far a face went, mean over its points, in its inter-ocular distances."""
    gone = np.linalg.norm((after - before)[:, :2], axis=1).mean()
    return float(gone / max(_interocular(before), 1e-6))


def _interocular(face: NDArray[np.float32]) -> float:
    return float(np.linalg.norm((face[OUTER_EYE_LEFT] - face[OUTER_EYE_RIGHT])[:2]))
