"""What of a picture follows the jaw: skin does; collars, hair, microphones and walls do not.

A chart shows a head as if it held still: its eyes are always in the same place. What is seen to
move in charts of frames a moment apart (optical flow: Kroeger et al., "Fast optical flow using
dense inverse search", 2016) is explained by how far the head moved, which takes all that is not
the head along, and by how far the chin did, by least squares over the shot. What the chin explains
of it follows the jaw.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.head_frame import in_head_frame, similarity
from dubwright.face.landmarks import CHIN, NOSE_TIP, RIGID, SKIN_RING_FAR
from dubwright.media.colour import encode_log
from dubwright.model import Box, FaceTrack
from dubwright.picture.shape import smoothstep
from dubwright.picture.warp import Warp

__all__ = ["HeadCharts", "JawMotion", "holding"]

Array = NDArray[np.floating[Any]]
Image = NDArray[np.float32]

# A chart in its own pixels, and what is told of it in cells.
IOD: Final = 48
WIDTH, HEIGHT = 126, 105
EYE_ROW: Final = 13
NECK_ROW: Final = 74
CELL: Final = 3

# Flow is looked at over these times, where the chin moved by so many pixels at least.
APART_S: Final = (0.08, 0.15, 0.25)
LEAST_CHIN: Final = 0.7
LEAST_PAIRS: Final = 20
RIDGE: Final = 0.02
# Correlation with the chin, and the chin's share in it, from nothing to all.
CORRELATED: Final = (0.15, 0.45)
CARRIED: Final = (0.0, 0.2)
SOFT_CELLS: Final = 1.0
FLOW_STRIDE: Final = 4
SOFT_IOD: Final = 0.04


class HeadCharts:
    """Where a head's chart lies in each frame of its track; nowhere where no face was found."""

    def __init__(self, track: FaceTrack) -> None:
        found = track.found
        self._to_chart = np.full((len(track), 2, 3), np.nan)
        if not found.any():
            return
        positions = in_head_frame(track.landmarks[found], track.template).positions
        layout = np.median(positions[:, list(RIGID), :2], axis=0) * IOD + (WIDTH / 2, EYE_ROW)
        points = track.landmarks[found][:, list(RIGID), :2].astype(np.float64)
        scale, rotation, translation = similarity(points, layout)
        self._to_chart[found] = np.concatenate(
            [scale[:, None, None] * rotation, translation[..., None]], axis=2
        )

    def to_chart(self, frame: int) -> Array:
        """The affine map from square pixels of a frame to those of the chart, [2, 3]."""
        affine: Array = self._to_chart[frame]
        return affine

    def box(self, frame: int, pixel_aspect: float) -> Box:
        """The pixels of a frame that its chart shows."""
        corners = np.array([[0, 0], [WIDTH, 0], [0, HEIGHT], [WIDTH, HEIGHT]], np.float64)
        inverse = cv2.invertAffineTransform(self._to_chart[frame])
        seen = (corners @ inverse[:, :2].T + inverse[:, 2]) / (pixel_aspect, 1.0)
        (x0, y0), (x1, y1) = np.floor(seen.min(axis=0)), np.ceil(seen.max(axis=0))
        return Box(int(x0), int(y0), int(x1), int(y1))

    def share_at(self, share: Image, frame: int, x: Image, y: Image) -> Image:
        """What a chart's cells say of places in square pixels; 0 beyond the chart."""
        affine = self._to_chart[frame].astype(np.float32)
        columns = affine[0, 0] * x + affine[0, 1] * y + affine[0, 2]
        rows = affine[1, 0] * x + affine[1, 1] * y + affine[1, 2]
        found: Image = cv2.remap(
            share,
            (columns + 0.5) / CELL - 0.5,
            (rows + 0.5) / CELL - 0.5,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=0,
        )
        return found


class JawMotion:
    """Learns from a shot's frames, one after the other, what follows the jaw."""

    def __init__(self, track: FaceTrack, charts: HeadCharts, rate: Fraction) -> None:
        self._charts = charts
        self._moved = _head_and_chin(track, charts)
        self._apart = sorted({max(1, round(apart * rate)) for apart in APART_S})
        self._before: deque[tuple[int, NDArray[np.uint8]]] = deque(maxlen=self._apart[-1])
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        # To the chart's own pixels: what stands before a chin is small.
        self._flow.setFinestScale(0)
        self._flow.setPatchStride(FLOW_STRIDE)
        unknowns, cells = self._moved.shape[1], (HEIGHT // CELL) * (WIDTH // CELL)
        self._pairs = 0
        self._normal = np.zeros((unknowns, unknowns))
        self._right = np.zeros((unknowns, cells))
        self._energy = np.zeros(cells)

    def see(self, frame: int, region: Image, box: Box, pixel_aspect: float) -> None:
        """Look at a frame; frames are given in order.

        Args:
            frame: of the track.
            region: of the plate, scene-linear [height, width, 3].
            box: where it lies in the plate.
            pixel_aspect: of the plate.
        """
        chart = self._chart(frame, region, box, pixel_aspect)
        for earlier, seen in self._before:
            if frame - earlier in self._apart:
                moved = self._moved[frame] - self._moved[earlier]
                if abs(moved[0]) >= LEAST_CHIN:
                    self._add(moved, seen, chart)
        self._before.append((frame, chart))

    def share(self) -> Image | None:
        """How much each cell of the chart follows the jaw, from 0 to 1, [rows, columns].

        None where the chin moved too little to tell.
        """
        if self._pairs < LEAST_PAIRS:
            return None
        # What the head explains is taken from both, the flow and the chin.
        normal, right = self._normal, self._right
        head = normal[1:, 1:] + RIDGE * self._pairs * np.eye(len(normal) - 1)
        by_head = np.linalg.solve(head, right[1:])
        alone = np.r_[1.0, -np.linalg.solve(head, normal[1:, 0])]
        chin = alone @ normal @ alone
        both = alone @ right - alone @ normal[:, 1:] @ by_head
        left = self._energy + (by_head * (normal[1:, 1:] @ by_head - 2 * right[1:])).sum(axis=0)
        correlation = both / np.sqrt(np.maximum(chin * left, 1e-6))
        share = smoothstep(*CORRELATED, correlation) * smoothstep(*CARRIED, both / chin)
        cells = share.reshape(HEIGHT // CELL, WIDTH // CELL).astype(np.float32)
        soft: Image = cv2.GaussianBlur(cells, (0, 0), SOFT_CELLS)
        return soft

    def _chart(self, frame: int, region: Image, box: Box, pixel_aspect: float) -> NDArray[np.uint8]:
        affine = self._charts.to_chart(frame)
        scale = float(np.linalg.norm(affine[:, 0]))
        # Averaged first: a warp by itself would skip most of a large face's pixels.
        size = (
            max(1, round(box.width * pixel_aspect * scale)),
            max(1, round(box.height * scale)),
        )
        light = np.nan_to_num(region.mean(axis=2))
        grey = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
        code = np.clip(encode_log(grey) * 255, 0, 255).astype(np.uint8)
        from_code = np.array(
            [[box.width * pixel_aspect / size[0], 0, box.x0 * pixel_aspect],
             [0, box.height / size[1], box.y0], [0, 0, 1]]
        )  # fmt: skip
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        whole = np.linalg.inv(half) @ np.vstack([affine, [0, 0, 1]]) @ from_code @ half
        chart: NDArray[np.uint8] = cv2.warpAffine(
            code, whole[:2], (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.uint8)  # fmt: skip
        return chart

    def _add(self, moved: Array, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> None:
        flow = self._flow.calc(earlier, later, np.zeros((HEIGHT, WIDTH, 2), np.float32))
        down = cv2.resize(
            flow[..., 1], (WIDTH // CELL, HEIGHT // CELL), interpolation=cv2.INTER_AREA
        ).ravel()
        self._pairs += 1
        self._normal += np.outer(moved, moved)
        self._right += np.outer(moved, down)
        self._energy += down.astype(np.float64) ** 2


def holding(
    warp: Warp,
    share: Image,
    charts: HeadCharts,
    frame: int,
    points: Array,
    pixel_aspect: float,
    interocular: float,
) -> Warp:
    """A warp by which only what follows the jaw moves, and the skin around the mouth.

    Args:
        warp: of the plate.
        share: of JawMotion.
        charts: of the plate's track.
        frame: of the plate.
        points: of the face as it will be, [points, 2] in the plate's pixels.
        pixel_aspect: of the plate.
        interocular: in pixels.
    """
    x, y = warp.cells.places()
    follows = charts.share_at(share, frame, x * np.float32(pixel_aspect), y)
    ring = warp.cells.filled(points[list(SKIN_RING_FAR)])
    sigma = SOFT_IOD * interocular / warp.cells.step
    follows = np.maximum(follows, cv2.GaussianBlur(ring, (0, 0), sigma))
    return Warp(warp.cells, warp.dx * follows, warp.dy * follows)


def _head_and_chin(track: FaceTrack, charts: HeadCharts) -> Array:
    """Where the chin is, and then the head, in the chart's pixels and degrees, [frames, 7]."""
    affine = np.stack([charts.to_chart(frame) for frame in range(len(track))])
    points = track.landmarks[:, [CHIN, NOSE_TIP], :2].astype(np.float64)
    chin, nose = (
        np.einsum("fij,fj->fi", affine[..., :2], points[:, at]) + affine[..., 2] for at in (0, 1)
    )
    scale = np.linalg.norm(affine[:, :, 0], axis=1)
    neck = np.array([WIDTH / 2, NECK_ROW])
    place = np.stack([cv2.invertAffineTransform(each) @ (*neck, 1) for each in affine])
    roll = np.degrees(np.arctan2(affine[:, 1, 0], affine[:, 0, 0]))
    return np.column_stack([chin[:, 1], place * scale[:, None], roll, 100 * np.log(scale), nose])
