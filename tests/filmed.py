"""The synthetic actor in memory, tracked like any footage: a plate, and its own library."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import FrontMatte, GeneratedFace
from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.face.head_frame import head_template, in_head_frame, mouth_curves
from dubwright.face.link import linked_faces
from dubwright.media.colour import LINEAR_REC709, ColourConfig, display_proxy, encode_log
from dubwright.model import Box, FaceTrack
from dubwright.sample.actor import Actor, Pose

WIDTH, HEIGHT, FRAMES = 320, 240, 56
RATE = 24.0


class FilmedActor:
    """Opens and rounds the mouth, over and over; the last frame cannot be used."""

    pixel_aspect = 1.0
    shutter = 0.0
    follows = None
    visemes = None
    size = (WIDTH, HEIGHT)

    def __init__(self) -> None:
        self.pictures, self.track = _filmed()
        self.sharpness = np.ones(FRAMES, np.float32)
        self.sharpness[-1] = 0
        self.looks = np.zeros((FRAMES, 4), np.float32)
        self.asked: list[int] = []
        self.faces: dict[int, GeneratedFace] = {}
        self.fronts: dict[int, FrontMatte] = {}

    @property
    def curves(self) -> NDArray[np.float32]:
        """What the mouth does, [frames, 4]."""
        return mouth_curves(in_head_frame(self.track.landmarks, self.track.template).positions)

    def region(self, index: int, box: Box) -> NDArray[np.float32]:
        return self.pictures[index][box.slices].copy()

    def generated(self, index: int) -> GeneratedFace | None:
        return self.faces.get(index)

    def front(self, index: int) -> FrontMatte | None:
        return self.fronts.get(index)

    def crop(self, index: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
        self.asked.append(index)
        return encode_log(self.pictures[index]), (0, 0)


@cache
def _filmed() -> tuple[list[NDArray[np.float32]], FaceTrack]:
    actor, config = Actor(WIDTH, HEIGHT), ColourConfig()
    pictures = [
        actor.frame(
            frame,
            {
                "jawOpen": 0.5 * abs(np.sin(frame / 4)),
                "mouthFunnel": 0.4 * abs(np.sin(frame / 7)),
            },
            Pose(frame / 4),
        ).astype(np.float32)
        for frame in range(FRAMES)
    ]
    seen = (display_proxy(picture, LINEAR_REC709, config) for picture in pictures)
    landmarks = linked_faces(list(FaceMeshTracker().follow(seen)), RATE)[0]
    reasons = ("",) * (FRAMES - 1) + ("a hand covers the mouth",)
    return pictures, FaceTrack(landmarks, head_template(landmarks), reasons)
