"""Whether a mouth can be redrawn in a frame, and if not, why: decided on what is seen there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, uniform_filter
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from dubwright.face.appearance import (
    ANCHORS,
    SKIN_ANCHORS,
    SKIN_HEIGHT,
    SKIN_WIDTH,
    Appearance,
)
from dubwright.face.head_frame import HeadMotion, similarity
from dubwright.face.landmarks import FACE_OVAL, LIPS_OUTER, SKIN_RING_FAR

__all__ = ["COVERED", "NO_FACE", "behind_others", "covered", "reasons"]

Array = NDArray[np.floating[Any]]

NO_FACE: Final = "no face was found"
COVERED: Final = "something covers the mouth"
MAX_YAW_DEGREES: Final = 35
MAX_RESIDUAL: Final = 0.05
MIN_INTEROCULAR_PIXELS: Final = 40
# Of the detail that the face usually has in the shot.
MIN_DETAIL: Final = 0.06

# Squared distance of two looks, from 0 to 4: further apart, they are not the same mouth.
SAME_MOUTH: Final = 0.75
APART_S: Final = 1.0
MOST_LOOKS: Final = 1500
# From one frame to the next within so many of where a run begins or ends.
SUDDEN: Final = 0.5
EDGE_FRAMES: Final = 5
# By how much the skin around the lips may change, in stops of the log encoding, averaged.
SAME_SKIN: Final = 0.09
SKIN_WINDOW: Final = 3
SKIN_ROUNDS: Final = 4
CHROMA_WEIGHT: Final = 2.0
# Frames between two covered ones are covered too.
GAP_FRAMES: Final = 3
LEAST_FRAMES: Final = 3


def reasons(
    landmarks: NDArray[np.float32],
    motion: HeadMotion,
    size: tuple[float, float],
    detail: NDArray[np.float32],
    hidden: NDArray[np.bool_],
    behind: NDArray[np.bool_],
) -> tuple[str, ...]:
    """Why the mouth cannot be redrawn, for each frame; "" where it can.

    Args:
        landmarks: [frames, 478, 3].
        motion: of the head.
        size: of the picture, in square pixels.
        detail: of the face, [frames]; see Appearance.
        hidden: whether something covers the mouth, [frames].
        behind: whether another face does, [frames].
    """
    yaw = np.abs(motion.yaw_degrees)
    with np.errstate(divide="ignore"):
        interocular = 1 / motion.scale
    low, high = landmarks[..., :2].min(axis=1), landmarks[..., :2].max(axis=1)
    blurred = detail < MIN_DETAIL * np.nanmedian(detail)
    found = []
    for frame in range(len(landmarks)):
        if not np.isfinite(yaw[frame]):
            found.append(NO_FACE)
        elif yaw[frame] > MAX_YAW_DEGREES:
            found.append(f"the face is turned away by more than {MAX_YAW_DEGREES} degrees")
        elif interocular[frame] < MIN_INTEROCULAR_PIXELS:
            found.append(
                f"the face is small: its eyes are under {MIN_INTEROCULAR_PIXELS} pixels apart"
            )
        elif (low[frame] < 0).any() or (high[frame] >= size).any():
            found.append("the face leaves the picture")
        elif motion.residual[frame] > MAX_RESIDUAL:
            found.append("the tracking is unsure")
        elif behind[frame]:
            found.append("another face covers the mouth")
        elif hidden[frame]:
            found.append(COVERED)
        elif blurred[frame]:
            found.append("the face is blurred")
        else:
            found.append("")
    return tuple(found)


def covered(
    appearance: Appearance, landmarks: NDArray[np.float32], rate: float
) -> NDArray[np.bool_]:
    """Whether a hand, a microphone or anything else lies over the mouth, bool [frames].

    All at once the mouth looks unlike all that it looks like at other times of the shot, or the
    skin around it is not the skin that is there otherwise. Where a mouth is covered for more than
    half of the shot, this cannot be told.

    Args:
        appearance: of the face.
        landmarks: [frames, 478, 3].
        rate: frames a second.
    """
    seen = np.isfinite(appearance.detail)
    if seen.sum() < 3:
        return np.zeros(len(seen), bool)
    odd = np.zeros(len(seen), bool)
    looks, frames = appearance.looks[seen], np.flatnonzero(seen)
    odd[seen] = _sudden(_unlike(looks, frames, rate), looks, frames)
    odd[seen] |= _other_skin(appearance.skin[seen].astype(np.float32), landmarks[seen])
    joined = binary_closing(np.pad(odd, GAP_FRAMES), np.ones(GAP_FRAMES + 1))
    return np.asarray(joined[GAP_FRAMES:-GAP_FRAMES] & seen)


def behind_others(tracks: Sequence[NDArray[np.float32]]) -> list[NDArray[np.bool_]]:
    """Whether the mouth of each face lies within the oval of a nearer one, each bool [frames].

    Args:
        tracks: landmarks of every face of a shot, [frames, 478, 3] each; the larger is nearer.
    """
    hidden = [np.zeros(len(track), bool) for track in tracks]
    for mine, track in enumerate(tracks):
        lips = track[:, list(LIPS_OUTER), :2].mean(axis=1)
        for other in (*tracks[:mine], *tracks[mine + 1 :]):
            both = np.isfinite(track[:, 0, 0]) & np.isfinite(other[:, 0, 0])
            for frame in np.flatnonzero(both):
                oval = other[frame, list(FACE_OVAL), :2].astype(np.float32)
                point = tuple(lips[frame].tolist())
                if (
                    cv2.contourArea(oval)
                    > cv2.contourArea(track[frame, list(FACE_OVAL), :2].astype(np.float32))
                    and cv2.pointPolygonTest(oval, point, measureDist=False) >= 0
                ):
                    hidden[mine][frame] = True
    return hidden


def _unlike(
    looks: NDArray[np.float32], frames: NDArray[np.int64], rate: float
) -> NDArray[np.bool_]:
    """Whether each look is outside the largest group of looks that are linked by likeness.

    Only looks some time apart are linked, else whatever comes gradually would join the group. Of a
    long shot the group is found among looks that are spread through it.
    """
    apart = min(APART_S * rate, (frames[-1] - frames[0]) / 4)
    some = np.linspace(0, len(frames) - 1, min(len(frames), MOST_LOOKS)).astype(int)

    def linked(to: NDArray[np.int64]) -> NDArray[np.bool_]:
        alike = 2 - 2 * looks @ looks[to].T < SAME_MOUTH
        return np.asarray(alike & (np.abs(frames[:, None] - frames[to]) >= apart))

    _, group = connected_components(csr_array(linked(some)[some]), directed=False)
    members = some[group == np.bincount(group).argmax()]
    odd: NDArray[np.bool_] = np.asarray(~linked(members).any(axis=1))
    odd[members] = False
    return odd


def _sudden(
    odd: NDArray[np.bool_], looks: NDArray[np.float32], frames: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Those runs of odd looks that come or go at once.

    A mouth may be open for a while as it is nowhere else, but it opens and closes gradually; and
    nothing passes it within a frame or two.
    """
    steps = 2 - 2 * (looks[1:] * looks[:-1]).sum(axis=1)
    # What happened while the face was not found is not known.
    steps[np.diff(frames) > 1] = 0
    kept = np.zeros_like(odd)
    edges = np.flatnonzero(np.diff(np.r_[0, odd.astype(int), 0]))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        near = [steps[max(0, edge - EDGE_FRAMES) : edge + EDGE_FRAMES] for edge in (start, end)]
        if end - start >= LEAST_FRAMES and np.concatenate(near).max() > SUDDEN:
            kept[start:end] = True
    return kept


def _other_skin(skin: Array, landmarks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether the skin around the lips is other than in most frames, bool [frames]."""
    ring = _ring(landmarks)
    if not ring.any():
        return np.zeros(len(skin), bool)
    grey = skin.mean(axis=3)
    chroma = CHROMA_WEIGHT * np.diff(skin, axis=3)
    features = np.concatenate([grey[..., None], chroma], axis=3)
    # What changes over all of the skin at once is light.
    features -= np.median(features[:, ring], axis=1)[:, None, None]
    share = uniform_filter(ring.astype(np.float64), SKIN_WINDOW)
    usual, change = np.median(features, axis=0), np.zeros(len(skin))
    for _ in range(SKIN_ROUNDS):
        off = np.abs(features - usual).mean(axis=3) * ring
        local = uniform_filter(off, (0, SKIN_WINDOW, SKIN_WINDOW)) / np.maximum(share, 0.3)
        change = local.reshape(len(skin), -1).max(axis=1)
        usual = np.median(features[change <= np.median(change)], axis=0)
    return np.asarray(change > SAME_SKIN)


def _ring(landmarks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The skin between the lips and the far ring, in the small picture of the lower face."""
    anchors = landmarks[:, list(ANCHORS), :2].astype(np.float64)
    scale, rotation, translation = similarity(anchors, np.array(SKIN_ANCHORS))
    filled = []
    for outline in (SKIN_RING_FAR, LIPS_OUTER):
        points = landmarks[:, list(outline), :2] @ rotation.transpose(0, 2, 1)
        laid = np.median(scale[:, None, None] * points + translation[:, None], axis=0)
        mask = np.zeros((SKIN_HEIGHT, SKIN_WIDTH), np.uint8)
        cv2.fillPoly(mask, [np.round(laid).astype(np.int32)], 1)
        filled.append(mask)
    skin, lips = filled
    return np.asarray((skin > 0) & (cv2.dilate(lips, np.ones((2, 2), np.uint8)) == 0))
