"""An actor's own mouth images: the lower face of every usable frame of a shot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.engines import FrontMatte, GeneratedFace
from dubwright.face.appearance import LOOK_SIZE, mouth_look
from dubwright.face.head_frame import in_head_frame
from dubwright.face.landmarks import (
    LIPS_OUTER,
    OUTER_EYE_LEFT,
    OUTER_EYE_RIGHT,
    SKIN_RING_FAR,
)
from dubwright.media.colour import decode_log, encode_log
from dubwright.media.plate import Plate
from dubwright.model import Box, FaceTrack
from dubwright.picture.jaw import HeadCharts, JawMotion
from dubwright.picture.motion_blur import mouth_velocity, shutter

__all__ = ["MouthLibrary", "ShotPlate", "build_library", "interocular_pixels", "picture_points"]

MARGIN_IOD: Final = 0.35
INDEX: Final = "index.npz"


class MouthLibrary:
    """The library of one shot, read crop by crop from its folder."""

    def __init__(
        self,
        folder: Path,
        track: FaceTrack,
        pixel_aspect: float,
        visemes: NDArray[np.float32] | None = None,
    ) -> None:
        self._folder = folder
        self.track = track
        self.pixel_aspect = pixel_aspect
        self.visemes = visemes
        with np.load(folder / INDEX) as index:
            self.sharpness: NDArray[np.float32] = index["sharpness"]
            self.looks: NDArray[np.float32] = index["looks"].astype(np.float32)
            self.shutter = float(index["shutter"])
            self.follows: NDArray[np.float32] | None = (
                index["follows"] if index["follows"].size else None
            )
            self._corners: NDArray[np.int64] = index["corners"]

    def crop(self, index: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
        pixels = np.load(self._folder / f"{index}.npy").astype(np.float32)
        x, y = self._corners[index].tolist()
        return pixels, (x, y)


class ShotPlate:
    """A shot's plate with its face, and what the shot's library tells of both."""

    def __init__(
        self,
        plate: Plate,
        track: FaceTrack,
        library: MouthLibrary | None = None,
        generated: Callable[[int], GeneratedFace | None] = lambda _: None,
        front: Callable[[int], FrontMatte | None] = lambda _: None,
    ) -> None:
        self._plate = plate
        self._generated = generated
        self._front = front
        self.track = track
        self.shutter = library.shutter if library else 0.0
        self.follows = library.follows if library else None

    @property
    def pixel_aspect(self) -> float:
        return self._plate.spec.pixel_aspect

    @property
    def size(self) -> tuple[int, int]:
        return self._plate.spec.width, self._plate.spec.height

    def region(self, index: int, box: Box) -> NDArray[np.float32]:
        return next(self._plate.regions([(index, box)]))

    def generated(self, index: int) -> GeneratedFace | None:
        return self._generated(index)

    def front(self, index: int) -> FrontMatte | None:
        return self._front(index)


def build_library(plate: Plate, track: FaceTrack, folder: Path, step: Callable[[], None]) -> None:
    """Write the library of a shot into an empty folder: log-encoded half crops and an index.

    Args:
        plate: the shot's frames.
        track: its face.
        folder: to write into.
        step: called after each frame.
    """
    frames = plate.spec.frames
    sharpness = np.zeros(frames, np.float32)
    looks = np.zeros((frames, LOOK_SIZE), np.float16)
    corners = np.zeros((frames, 2), np.int64)
    usable = track.usable
    interocular = interocular_pixels(track)
    size = plate.spec.width, plate.spec.height
    charts = HeadCharts(track)
    jaw = JawMotion(track, charts, plate.spec.rate)
    seen = {}
    for index in range(frames):
        if usable[index]:
            points = picture_points(track, index, plate.spec.pixel_aspect)
            margin = MARGIN_IOD * interocular[index]
            mouth_box = _around(points[list(SKIN_RING_FAR)], margin).clipped(*size)
            head_box = charts.box(index, plate.spec.pixel_aspect).clipped(*size)
            seen[index] = points, mouth_box, head_box.union(mouth_box)
    regions = plate.regions([(index, whole) for index, (_, _, whole) in seen.items()])
    for index in range(frames):
        if index in seen:
            points, box, whole = seen[index]
            region = next(regions)
            jaw.see(index, region, whole, plate.spec.pixel_aspect)
            crop = encode_log(region[box.within(whole)])
            corners[index] = box.x0, box.y0
            np.save(folder / f"{index}.npy", crop.astype(np.float16))
            sharpness[index] = _sharpness(crop, points - (box.x0, box.y0))
            looks[index] = mouth_look(crop.mean(axis=2), points - (box.x0, box.y0))
        step()

    def mouth(index: int) -> NDArray[np.float32]:
        return decode_log(np.load(folder / f"{index}.npy").astype(np.float32))

    follows = jaw.share()
    motion = in_head_frame(track.landmarks, track.template)
    velocity = mouth_velocity(motion) / (plate.spec.pixel_aspect, 1.0)
    np.savez(
        folder / INDEX,
        sharpness=sharpness,
        looks=looks,
        corners=corners,
        shutter=shutter(mouth, velocity, list(seen)),
        follows=np.zeros((0, 0), np.float32) if follows is None else follows,
    )


def picture_points(track: FaceTrack, frame: int, pixel_aspect: float) -> NDArray[np.float64]:
    """A frame's landmarks in the plate's own pixels, [478, 2]."""
    return track.landmarks[frame, :, :2].astype(np.float64) / (pixel_aspect, 1.0)


def interocular_pixels(track: FaceTrack) -> NDArray[np.float32]:
    """Distance between the outer corners of the eyes in the picture, [frames]."""
    eyes = track.landmarks[:, [OUTER_EYE_RIGHT, OUTER_EYE_LEFT], :2]
    distance: NDArray[np.float32] = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)
    return distance


def _around(points: NDArray[np.float64], margin: float) -> Box:
    low, high = np.floor(points.min(axis=0) - margin), np.ceil(points.max(axis=0) + margin)
    (x0, y0), (x1, y1) = low.astype(int).tolist(), high.astype(int).tolist()
    return Box(x0, y0, x1, y1)


def _sharpness(crop: NDArray[np.float32], points: NDArray[np.float64]) -> float:
    lips = _around(points[list(LIPS_OUTER)], 2).clipped(crop.shape[1], crop.shape[0])
    grey = cv2.GaussianBlur(crop[lips.slices].mean(axis=2), (0, 0), 0.6)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var()) + 1e-9
