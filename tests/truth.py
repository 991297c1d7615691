"""The true frames: the synthetic actor really saying a dubbed line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import Speech
from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.face.head_frame import head_template, in_head_frame
from dubwright.face.link import linked_faces
from dubwright.media.colour import LINEAR_REC709, ColourConfig, display_proxy
from dubwright.media.exr import read_rgb
from dubwright.model import Take
from dubwright.sample.actor import Actor
from dubwright.sample.scene import SampleShot, Scene, render_frame, shot_weights

__all__ = ["positions_of_exr", "positions_of_truth"]


def positions_of_truth(
    scene: Scene,
    shot: SampleShot,
    takes: list[Take],
    frames: list[int],
    template: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Head-frame positions of the actor saying these takes, tracked like any footage."""
    spoken = [
        (line, Speech(np.zeros(1, np.float32), take.sample_rate, take.phones))
        for line, take in zip(shot.lines, takes, strict=True)
    ]
    weights = shot_weights(scene, shot, spoken)
    actor = Actor(scene.width, scene.height, scene.seed)
    config = ColourConfig()
    pictures = (
        display_proxy(render_frame(actor, scene, shot, f, weights[f]), LINEAR_REC709, config)
        for f in frames
    )
    landmarks = linked_faces(list(FaceMeshTracker().follow(pictures)), 24.0)[0]
    return in_head_frame(landmarks, template).positions


def positions_of_exr(
    paths: list[Path], template: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Head-frame positions in ACEScg frames, and the template that they were laid on."""
    config = ColourConfig()
    pictures = (display_proxy(read_rgb(path), "ACEScg", config) for path in paths)
    landmarks = linked_faces(list(FaceMeshTracker().follow(pictures)), 24.0)[0]
    template = head_template(landmarks) if template is None else template
    return in_head_frame(landmarks, template).positions, template
