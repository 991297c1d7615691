"""Draws a mouth from the actor's own: retrieval, a mesh warp of lips and jaw, multiband blending.

For each frame the best library mouth is found, its lips are bent to the exact curves, plate and
library are warped to the new face, and the library's mouth is blended in under the plate's light.
The mouth interior, teeth and texture are therefore real pictures of this actor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.engines import (
    Choice,
    EngineCard,
    EngineKind,
    GeneratedFace,
    LibraryView,
    PlateView,
)
from dubwright.face.head_frame import HeadMotion, in_head_frame, mouth_curves
from dubwright.face.landmarks import JAW, MESH_POINTS
from dubwright.model import Box, MouthCurves, Patch
from dubwright.picture.composite import MouthMatte, blended, mouth_matte, tone_matched
from dubwright.picture.front import hidden_share
from dubwright.picture.jaw import HeadCharts, holding
from dubwright.picture.library import interocular_pixels, picture_points
from dubwright.picture.motion_blur import blur_offsets, mouth_velocity
from dubwright.picture.raster import Grid, Raster, fastest_raster
from dubwright.picture.refinement import DrawnMouth, MouthWindow, Refiner
from dubwright.picture.selection import Candidates, select
from dubwright.picture.shape import CurveToShape, carried_points, carry_weights, smoothstep
from dubwright.picture.teeth import Bite, TeethMotion
from dubwright.picture.warp import (
    Cells,
    MeshOver,
    Warp,
    face_triangles,
    grid_step,
    with_frame,
)

__all__ = ["RetrievalRenderer"]

Array = NDArray[np.floating[Any]]
Image = NDArray[np.float32]

END_RAMP_FRAMES: Final = 6
PASS_RAMP_FRAMES: Final = 2
MIN_LIBRARY_FRAMES: Final = 12
REACH: Final = 1.3
REACH_SLACK_IOD: Final = 0.02
OPEN_MOUTHED_PERCENTILE: Final = 90
MAP_BLUR_IOD: Final = 0.006
PAD_IOD: Final = 0.15
STILL_PIXELS: Final = 0.05
# A generated mouth is not taken over in finer detail, in pixels.
LEAST_FINEST: Final = 0.7
# Cells around what changed that its soft edge reaches.
SOFT_CELLS: Final = 3
# Mesh points: brow's root and nose bridge (top of the edit), chin and jaw (its bottom).
TOP: Final = (168, 6)
BOTTOM: Final = (152, 148, 377, 172, 397, 58, 288)


class RetrievalRenderer:
    """Draws with `raster`, or with the fastest there is; a refiner then makes mouths better."""

    card = EngineCard(
        name="retrieval",
        kind=EngineKind.MOUTH_RENDERER,
        version=10,
        licence="Apache-2.0",
        commercial_use=True,
        limits="Needs 5 to 20 seconds of the actor talking, with open mouths; faces turned by at "
        "most 35 degrees.",
    )

    def __init__(self, raster: Raster | None = None, refiner: Refiner | None = None) -> None:
        self._raster = raster
        self._refiner = refiner

    def choose(
        self,
        plate: PlateView,
        library: Sequence[LibraryView],
        curves: MouthCurves,
        first_frame: int,
        joins: tuple[bool, bool],
    ) -> list[Choice]:
        mouths = _Mouths(library)
        frames = range(first_frame, first_frame + len(curves))
        reasons = [plate.track.reasons[frame] for frame in frames]
        if len(mouths) < MIN_LIBRARY_FRAMES:
            why = f"the actor's mouth is seen in only {len(mouths)} frames of the timeline"
            return [Choice(reason=reason or why) for reason in reasons]
        reach = _reach(mouths.curves)
        if np.median(curves.values[:, 0]) > reach:
            why = "the actor never opens the mouth far enough on the timeline to draw this line"
            return [Choice(reason=reason or why) for reason in reasons]
        motion = in_head_frame(plate.track.landmarks, plate.track.template)
        pose = np.stack([motion.yaw_degrees, motion.pitch_degrees], axis=1)[list(frames)]
        wanted = np.minimum(curves.values.astype(np.float64), [reach, np.inf, np.inf, np.inf])
        strength = _ramps(
            reasons,
            from_cut=first_frame == 0 or joins[0],
            to_cut=frames.stop == len(plate.track) or joins[1],
        )
        visemes = mouths.comparable(curves.visemes, len(curves))
        chosen: list[int | None] = [None for _ in frames]
        for start, end in _runs(np.array([not reason for reason in reasons])):
            path = select(mouths.candidates, wanted[start:end], pose[start:end], visemes[start:end])
            chosen[start:end] = path.tolist()
        limited = curves.values[:, 0] > reach
        return [
            Choice(
                mouth=None if mouth is None else mouths.place(mouth),
                strength=round(float(strength[i]), 4),
                reason=reasons[i]
                or ("opened less than asked: the library has no wider mouth" if limited[i] else ""),
            )
            for i, mouth in enumerate(chosen)
        ]

    def draw(
        self,
        plate: PlateView,
        library: Sequence[LibraryView],
        curves: MouthCurves,
        first_frame: int,
        choices: Sequence[Choice],
        only: range,
    ) -> Iterator[Patch | None]:
        brush: _Brush | None = None
        for index in only:
            choice = choices[index]
            if choice.mouth is None or choice.strength <= 0:
                yield None
                continue
            brush = brush or _Brush(plate, library, self._raster or fastest_raster(), self._refiner)
            yield brush.frame(first_frame + index, choice, curves.values[index])


class _Mouths:
    """The usable frames of every library as one list."""

    def __init__(self, library: Sequence[LibraryView]) -> None:
        curves, pose, sharpness, looks, self._places = [], [], [], [], []
        visemes = []
        for source, view in enumerate(library):
            motion = in_head_frame(view.track.landmarks, view.track.template)
            usable = np.flatnonzero(view.sharpness > 0)
            curves.append(mouth_curves(motion.positions)[usable])
            pose.append(np.stack([motion.yaw_degrees, motion.pitch_degrees], axis=1)[usable])
            sharpness.append(view.sharpness[usable])
            looks.append(view.looks[usable])
            if view.visemes is not None:
                visemes.append(view.visemes[usable])
            self._places += [(source, int(frame)) for frame in usable]
        self.curves = np.concatenate(curves).astype(np.float64) if curves else np.zeros((0, 4))
        places = np.array(self._places, np.int64).reshape(-1, 2)
        breaks = (np.diff(places, axis=0) != (0, 1)).any(axis=1)
        runs = np.r_[0, np.cumsum(breaks)].astype(np.int64)[: len(places)]
        if len(self):
            self.candidates = Candidates(
                self.curves,
                np.concatenate(pose),
                np.concatenate(sharpness),
                np.concatenate(looks),
                runs,
                np.concatenate(visemes)
                if len(visemes) == len(library)
                else np.zeros((len(self), 0), np.float32),
            )

    def __len__(self) -> int:
        return len(self._places)

    def comparable(self, visemes: NDArray[np.float32] | None, frames: int) -> NDArray[np.float32]:
        """What is said in each frame, if these mouths are known by the same visemes."""
        known = self.candidates.visemes.shape[1]
        if visemes is None or visemes.shape[1] != known:
            return np.zeros((frames, known), np.float32)
        return visemes

    def place(self, mouth: int) -> tuple[int, int]:
        return self._places[mouth]


class _Brush:
    """Draws frames of one plate from one library."""

    def __init__(
        self,
        plate: PlateView,
        library: Sequence[LibraryView],
        raster: Raster,
        refiner: Refiner | None,
    ) -> None:
        self._refiner = refiner
        self._plate = plate
        self._library = library
        self._raster = raster
        self._motion = in_head_frame(plate.track.landmarks, plate.track.template)
        self._library_motion = [
            in_head_frame(view.track.landmarks, view.track.template) for view in library
        ]
        self._follows = carry_weights(self._motion.positions)
        self._interocular = interocular_pixels(plate.track)
        self._charts = HeadCharts(plate.track)
        self._exposure = _Exposure(plate, self._motion, library, self._library_motion)
        positions = np.concatenate(
            [
                motion.positions[view.sharpness > 0]
                for motion, view in zip(self._library_motion, library, strict=True)
            ]
        )
        curves = mouth_curves(positions)
        self._reach = _reach(curves)
        self._to_shape = CurveToShape.learned(positions, curves)
        self._bite = Bite.learned(positions)
        rank = np.argsort(curves[:, 0])[int(len(curves) * OPEN_MOUTHED_PERCENTILE / 100)]
        self._triangles = face_triangles(positions[rank][:MESH_POINTS, :2])

    def frame(self, frame: int, choice: Choice, curves: NDArray[np.float32]) -> Patch | None:
        """The patch of one plate frame; None where nothing changes."""
        raster = self._raster
        interocular = float(self._interocular[frame])
        aspect = (self._plate.pixel_aspect, 1.0)
        shape = self._shape(frame, choice, curves)
        square = self._plate.track.landmarks[frame, :, :2].astype(np.float64)
        target = carried_points(self._motion, frame, shape, square, self._follows) / aspect
        own = square[:MESH_POINTS] / aspect

        framed_own = with_frame(own)
        framed_target = np.vstack([target, framed_own[MESH_POINTS:]])
        cells = Cells.around(_edit_box(framed_target, own, interocular), grid_step(interocular))
        mesh = MeshOver(framed_target, self._triangles, cells)
        jaw = mesh.warp(framed_own, MAP_BLUR_IOD * interocular)
        if self._plate.follows is not None:
            jaw = holding(
                jaw, self._plate.follows, self._charts, frame, target, aspect[0], interocular
            )
        matte = mouth_matte(framed_target, cells, interocular)
        changed = (jaw.shift() > STILL_PIXELS) | (matte.shading * choice.strength > 1e-3)
        if not changed.any():
            return None
        cells = cells.part(_covered(changed, cells, cells.step * SOFT_CELLS))
        jaw, matte, changed = jaw.part(cells), matte.part(cells), changed[cells.within(mesh.cells)]
        seen = self._seen(frame, jaw)
        matte = replace(matte, skin=matte.skin * seen)

        under = jaw.reach().clipped(*self._plate.size)
        region = raster.log(raster.placed(self._plate.region(frame, under)))
        x, y = jaw.positions(raster)
        drawn = raster.sampled(region, x - under.x0, y - under.y0)
        pad = int(PAD_IOD * interocular)
        inner = cells.part(_covered(matte.shading > 2e-3, cells, pad))
        rows, columns = inner.box.within(cells.box)
        around = matte.part(inner)
        mouth = self._mouth(frame, choice, mesh.part(inner), shape, target, interocular)
        # Else what is in front would shine through around itself.
        visible = raster.enlarged(raster.placed(seen[inner.within(cells)]), cells.step)[..., None]
        difference = (mouth - drawn[rows, columns]) * visible
        change = tone_matched(raster, difference, around, interocular)
        drawn[rows, columns] += blended(raster, change, around, choice.strength)
        generated = self._plate.generated(frame)
        if generated is not None:
            lacking = self._lacking(
                generated, drawn[rows, columns], mesh.part(inner), around, interocular
            )
            drawn[rows, columns] += blended(raster, lacking * visible, around, choice.strength)
        if self._refiner is not None:
            window = MouthWindow.around(target, interocular)
            self._refine(self._refiner, drawn, cells.box, window, frame, choice.strength)
        return self._patch(drawn, x, y, _soft_edged(changed) * seen, cells)

    def _seen(self, frame: int, jaw: Warp) -> Image:
        """How much of each cell is not hidden by what is in front of the face.

        Neither is that drawn over, nor does it move with the jaw.
        """
        front = self._plate.front(frame)
        if front is None:
            return np.ones(jaw.cells.shape, np.float32)
        x, y = jaw.cells.places()
        here, moved = hidden_share(front, x, y), hidden_share(front, x + jaw.dx, y + jaw.dy)
        return 1 - np.maximum(here, moved)

    def _lacking(
        self,
        generated: GeneratedFace,
        drawn: Grid,
        mesh: MeshOver,
        matte: MouthMatte,
        interocular: float,
    ) -> Grid:
        """What a drawn mouth lacks of a generated one, as far as that goes into detail."""
        raster = self._raster
        x, y = mesh.warp(with_frame(generated.points), MAP_BLUR_IOD * interocular).positions(raster)
        across, down = (
            right * x + under * y + at for right, under, at in generated.placement.tolist()
        )
        wanted = raster.sampled(raster.placed(generated.picture), across, down)
        size = 1 / np.sqrt(abs(np.linalg.det(generated.placement[:, :2])))
        finest = max(LEAST_FINEST, float(generated.resolves * size))
        lacking = raster.blurred(wanted - drawn, finest)
        return tone_matched(raster, lacking, matte, interocular)

    def _refine(
        self,
        refiner: Refiner,
        drawn: Grid,
        box: Box,
        window: MouthWindow,
        frame: int,
        strength: float,
    ) -> None:
        """Have a drawn region of a frame refined where it shows the mouth."""
        seen = window.part(window.box.clipped(*self._plate.size))
        shared = seen.box.intersection(box)
        inside, here = shared.within(seen.box), shared.within(box)
        picture = self._raster.log(self._raster.placed(self._plate.region(frame, seen.box)))
        picture[inside] = drawn[here]
        drawn[here] = refiner.refined(DrawnMouth(frame, picture, seen, strength))[inside]

    def _shape(self, frame: int, choice: Choice, curves: NDArray[np.float32]) -> Array:
        """The face to draw, in the head frame: the library's face bent to the curves."""
        source, index = _chosen(choice)
        mouth = self._library_motion[source].positions[index]
        reachable = np.minimum(curves, [self._reach, np.inf, np.inf, np.inf]).astype(np.float32)
        bent = self._to_shape.towards(mouth, reachable)
        own = self._motion.positions[frame]
        shape: Array = own + choice.strength * (bent - own)
        return shape

    def _mouth(
        self,
        frame: int,
        choice: Choice,
        mesh: MeshOver,
        shape: Array,
        target: Array,
        interocular: float,
    ) -> Grid:
        """The chosen mouth of the library, log-encoded, where the target has its own."""
        raster = self._raster
        source, index = _chosen(choice)
        view = self._library[source]
        crop, corner = view.crop(index)
        points = picture_points(view.track, index, view.pixel_aspect)[:MESH_POINTS]
        bent = mesh.warp(with_frame(points), MAP_BLUR_IOD * interocular)
        teeth = TeethMotion(
            (self._motion, frame, self._plate.pixel_aspect),
            (self._library_motion[source], index, view.pixel_aspect),
            float(shape[list(JAW), 1].mean()),
            self._bite,
        )
        x, y = teeth.held(bent, target, points).positions(raster)
        placed = raster.placed(crop)
        offsets = self._exposure.offsets(frame, source, index)
        seen = [
            raster.sampled(placed, x - (corner[0] - right), y - (corner[1] - down))
            for right, down in offsets.tolist()
        ]
        if len(seen) == 1:
            return seen[0]
        light = [raster.linear(each) for each in seen]
        return raster.log(sum(light[1:], light[0]) / len(light))

    def _patch(self, drawn: Grid, x: Grid, y: Grid, share: Image, cells: Cells) -> Patch:
        """What is drawn over the plate, as much of each cell as `share` tells."""
        raster = self._raster
        width, height = self._plate.size
        box = cells.box.clipped(width, height)
        rows, columns = box.within(cells.box)
        alpha = raster.enlarged(raster.placed(share), cells.step)[rows, columns]
        # Rounded so that the matte as written in half floats is 0 wherever nothing was drawn.
        alpha = alpha * (alpha >= 1 / 512)
        places = [(x[rows, columns] + 0.5) / width, 1 - (y[rows, columns] + 0.5) / height]
        return Patch(
            box,
            raster.fetched(raster.linear(drawn[rows, columns]) * alpha[..., None]),
            raster.fetched(alpha),
            np.stack([raster.fetched(place) for place in places], axis=-1),
        )


class _Exposure:
    """How the plate's and the library's frames are blurred by the head's motion."""

    def __init__(
        self,
        plate: PlateView,
        motion: HeadMotion,
        library: Sequence[LibraryView],
        library_motion: Sequence[HeadMotion],
    ) -> None:
        self._interocular = interocular_pixels(plate.track)
        self._library_interocular = [interocular_pixels(view.track) for view in library]
        self._aspects = [view.pixel_aspect for view in library]
        self._moved = plate.shutter * mouth_velocity(motion)
        self._library_moved = [
            view.shutter * mouth_velocity(its_motion)
            for view, its_motion in zip(library, library_motion, strict=True)
        ]

    def offsets(self, frame: int, source: int, index: int) -> Array:
        """Where to sample a mouth of the library for a frame, as offsets in its pixels."""
        larger = self._library_interocular[source][index] / self._interocular[frame]
        square = blur_offsets(self._moved[frame] * larger, self._library_moved[source][index])
        offsets: Array = square / (self._aspects[source], 1.0)
        return offsets


def _chosen(choice: Choice) -> tuple[int, int]:
    assert choice.mouth is not None, "only frames with a mouth are drawn"
    return choice.mouth


def _reach(curves: NDArray[np.floating[Any]]) -> float:
    """How far the mouth can be opened without stretching teeth, from the library's curves."""
    return REACH * float(curves[:, 0].max()) + REACH_SLACK_IOD


def _edit_box(framed_target: Array, own: Array, interocular: float) -> Box:
    """From the nose's bridge to under the chin, as wide as the frame around the face."""
    points = framed_target
    low_frame = points[MESH_POINTS + 14 : MESH_POINTS + 23]
    bottom = max(points[list(BOTTOM), 1].max(), low_frame[:, 1].max()) + 0.1 * interocular
    top = own[list(TOP), 1].mean()
    left, right = points[:, 0].min() - 2, points[:, 0].max() + 2
    return Box(int(left), int(top), int(right) + 1, int(bottom) + 1)


def _covered(flags: NDArray[np.bool_], cells: Cells, pad: int) -> Box:
    """The pixels of the cells that are flagged, and some around them."""
    rows, columns = (np.flatnonzero(flags.any(axis=axis)) for axis in (1, 0))
    step = cells.step
    found = Box(
        int(columns[0]) * step, int(rows[0]) * step,
        (int(columns[-1]) + 1) * step, (int(rows[-1]) + 1) * step,
    )  # fmt: skip
    return found.shifted(cells.box.x0, cells.box.y0).padded(pad)


def _soft_edged(changed: NDArray[np.bool_]) -> Image:
    """1 in the cells where the plate moved or the mouth shows, fading out around them."""
    wide = cv2.dilate(changed.astype(np.float32), np.ones((3, 3), np.uint8))
    return cv2.GaussianBlur(wide, (3, 3), 0).astype(np.float32)


def _ramps(reasons: Sequence[str], *, from_cut: bool, to_cut: bool) -> Array:
    """0 where the plate passes through, 1 where the mouth is wholly new, smooth between.

    Towards frames that cannot be drawn the ramp is short, since somebody is speaking there; at the
    span's ends it is longer; at a cut there is none.
    """
    usable = np.array([not reason for reason in reasons])
    strength = np.zeros(len(usable))
    for start, end in _runs(usable):
        inside = np.arange(end - start) + 0.5
        rise = _rise(inside, at_end=start == 0, at_cut=from_cut)
        fall = _rise(inside[::-1], at_end=end == len(usable), at_cut=to_cut)
        strength[start:end] = np.minimum(rise, fall)
    return strength


def _rise(distance: Array, *, at_end: bool, at_cut: bool) -> Array:
    if at_end and at_cut:
        return np.ones_like(distance)
    return smoothstep(0, END_RAMP_FRAMES if at_end else PASS_RAMP_FRAMES, distance)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.r_[0, flags.astype(int), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
