"""Has a character's mouth follow an actor's, as the face in a plate shows it.

Each frame's mouth is taken for a mixture of visemes, whose usual shapes are scaled to this actor's
range: any rig that knows visemes can follow it, and so can a mouth that is drawn.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.model import FaceTrack
from dubwright.mouth.articulation import usual_articulation
from dubwright.mouth.range import MouthRange
from dubwright.mouth.visemes import Viseme

__all__ = ["captured_curves", "captured_weights"]

Array = NDArray[np.floating[Any]]

# How much the shares must sum to 1, and how much they are spread, beside how well they fit.
WHOLE: Final = 10.0
SPREAD: Final = 0.1
# FaceMesh's depth hardly moves: protrusion tells less than the other curves.
TRUST: Final = np.array([1.0, 1.0, 0.3, 0.7])


def captured_curves(track: FaceTrack) -> NDArray[np.float32]:
    """The four mouth curves of every frame, float32 [frames, 4], in inter-ocular distances.

    Where the face cannot be trusted the mouth goes evenly from one trusted frame to the next.

    Args:
        track: with a usable frame at least.
    """
    curves = mouth_curves(in_head_frame(track.landmarks, track.template).positions)
    frames, seen = np.arange(len(track)), np.flatnonzero(track.usable)
    columns = [np.interp(frames, seen, curves[seen, column]) for column in range(curves.shape[1])]
    return np.stack(columns, axis=1).astype(np.float32)


def captured_weights(curves: Array, mouth: MouthRange) -> NDArray[np.float32]:
    """Weights of the visemes in the order of Viseme, float32 [frames, 15], from 0 to 1.

    Non-negative least squares (Lawson and Hanson, 1974) towards the usual shapes.

    Args:
        curves: of captured_curves.
        mouth: the actor's range.
    """
    targets = usual_articulation(mouth).targets
    shapes = np.array([targets[viseme] for viseme in Viseme])
    reach = np.array(mouth.high) - np.array(mouth.low)
    scale = TRUST / np.maximum(reach, 1e-6)
    visemes = len(Viseme)
    system = np.vstack([(shapes * scale).T, np.full((1, visemes), WHOLE), SPREAD * np.eye(visemes)])
    spread = np.zeros(visemes)
    weights = np.array(
        [nnls(system, np.concatenate([frame * scale, [WHOLE], spread]))[0] for frame in curves]
    ).reshape(len(curves), visemes)
    return weights.clip(0, 1).astype(np.float32)
