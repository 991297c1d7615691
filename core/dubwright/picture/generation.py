"""How a network that draws faces in small is given a plate's, and how its drawings are laid back.

The network sees the face upright, in a square, in sRGB. What it changes is taken over under the
plate's own light: what it leaves alone stays as it is, and values above 1 do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.engines import FaceTracker, Framing, GeneratedFace, MouthGenerator, PlateView
from dubwright.face.head_frame import HeadMotion, in_head_frame, mouth_curves, similarity
from dubwright.face.landmarks import MESH_POINTS, RIGID
from dubwright.media.colour import encode_log
from dubwright.model import Box, FrameRange

__all__ = [
    "FaceLight",
    "drawn_faces",
    "framed",
    "generated_faces",
    "laid_over",
    "placement",
    "shift_between",
]

Array = NDArray[np.floating[Any]]
Image = NDArray[np.float32]

# Where the middle of a face lies below the eyes: there the placement turns with the head.
MIDDLE: Final = 0.5
# A drawn face is shown to a tracker with so much around it, and at least so large; its edge fades.
AROUND: Final = 0.35
TRACKED_SIDE: Final = 288
EDGE: Final = 0.06
# How often the first of them is shown, until a tracker has settled.
WARM_UP: Final = 3
# Frames by which a face's light is judged, and what most of it is brought to.
LIGHT_FRAMES: Final = 5
LIGHT_PERCENTILE: Final = 90
LIGHT_TARGET: Final = 0.6
SHIFT_ROUNDS: Final = 12
SHIFT_BLURS: Final = (3.0, 1.0)
# More is no shift of a drawing, but another picture.
MOST_SHIFT: Final = 0.04
SETTLED: Final = 1e-3
# OpenCV takes pixels at so many places between two of them.
SAMPLED_AT: Final = 32


def generated_faces(
    plate: PlateView,
    generator: MouthGenerator,
    heard: NDArray[np.float32],
    to_rec709: Array,
    span: FrameRange,
    frames: FrameRange,
    tracker: FaceTracker,
    at_once: int,
    step: Callable[[], None],
) -> dict[int, GeneratedFace]:
    """The faces of some frames of a span as a generator draws them, by frame of the shot.

    Those are left out in which the mouth cannot be redrawn, or no face is found in the drawing.

    Args:
        plate: the shot.
        generator: that draws.
        heard: in each frame of the span.
        to_rec709: what makes linear Rec. 709 of the plate's light, [3, 3].
        span: frames of the shot.
        frames: of the shot that are drawn, within the span.
        tracker: finds the drawn faces.
        at_once: frames that are drawn in one go, where each is drawn by itself.
        step: called for each of the frames.
    """
    known = _reach(generator, frames.shifted(-span.start), len(span)).shifted(span.start)
    usable = plate.track.usable
    seen = [frame for frame in known if usable[frame]]
    if not any(usable[frame] for frame in frames):
        for _ in frames:
            step()
        return {}
    framing = generator.framing
    motion = in_head_frame(plate.track.landmarks, plate.track.template)
    view = _View(plate, motion)
    light = view.light(framing, to_rec709, [frame for frame in span if usable[frame]])
    pictures = {frame: view.square(frame, framing) for frame in seen}
    shown = {frame: light.shown(picture) for frame, picture in pictures.items()}
    faces = np.stack([shown[frame] for frame in _nearest(seen, known)])
    drawings = drawn_faces(
        generator,
        faces,
        heard[known.start - span.start : known.end - span.start],
        known.shifted(-span.start),
        frames.shifted(-span.start),
        len(span),
        at_once,
        step,
    )
    laid = {}
    for frame, drawing in zip(frames, drawings, strict=True):
        if usable[frame]:
            shift = shift_between(shown[frame], drawing, framing.known)
            laid[frame] = np.clip(laid_over(drawing, shift), 0, 1)
    followed = view.followed(laid, framing, light, tracker)
    return {
        frame: GeneratedFace(
            light.changed(pictures[frame], laid[frame]),
            view.placement(frame, framing),
            mesh,
            curves,
            framing.resolves,
        )
        for frame, (mesh, curves) in followed.items()
    }


class _View:
    """The squares of a plate that show its face."""

    def __init__(self, plate: PlateView, motion: HeadMotion) -> None:
        self._plate = plate
        self._motion = motion

    def placement(self, frame: int, framing: Framing) -> Array:
        return placement(self._motion, frame, framing, self._plate.pixel_aspect)

    def square(self, frame: int, framing: Framing) -> Image:
        """A face as a framing shows it, in the plate's light."""
        affine = self.placement(frame, framing)
        box = _source(affine, framing.side).clipped(*self._plate.size)
        return framed(self._plate.region(frame, box), box, affine, framing.side)

    def light(self, framing: Framing, to_rec709: Array, frames: Sequence[int]) -> FaceLight:
        """How the face is to be exposed in some frames, the same in all."""
        spread = np.linspace(0, len(frames) - 1, min(len(frames), LIGHT_FRAMES)).astype(int)
        bright = [
            np.percentile(
                (self.square(frames[at], framing) @ to_rec709.T).max(axis=2), LIGHT_PERCENTILE
            )
            for at in spread
        ]
        return FaceLight(to_rec709, float(LIGHT_TARGET / max(np.median(bright), 1e-4)))

    def followed(
        self,
        drawings: Mapping[int, Image],
        framing: Framing,
        light: FaceLight,
        tracker: FaceTracker,
    ) -> dict[int, tuple[Array, NDArray[np.float32]]]:
        """The mesh and the curves of drawn faces, as in GeneratedFace, where they are found."""
        around = _wide(framing)
        places = {frame: self.placement(frame, around) for frame in drawings}
        edge = _edge(framing.side)

        def laid() -> Iterator[NDArray[np.uint8]]:
            for frame, drawing in drawings.items():
                plain = light.shown(self.square(frame, around))
                to_wide = _after(places[frame], _inverse(self.placement(frame, framing)))
                size = around.side, around.side
                share = cv2.warpAffine(edge, to_wide, size)[..., None]
                over = cv2.warpAffine(drawing, to_wide, size, borderMode=cv2.BORDER_REPLICATE)
                picture = plain + share * (over - plain)
                yield np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)

        found = {}
        # So that it does not matter with which frame a tracker begins.
        every = islice(tracker.follow(_warmed_up(laid())), WARM_UP, None)
        for frame, faces in zip(drawings, every, strict=True):
            if len(faces):
                middle = faces[:, :MESH_POINTS, :2].mean(axis=1)
                nearest = np.linalg.norm(middle - around.side / 2, axis=1).argmin()
                found[frame] = self._as_seen(frame, faces[nearest], places[frame])
        return found

    def _as_seen(
        self, frame: int, face: NDArray[np.float32], affine: Array
    ) -> tuple[Array, NDArray[np.float32]]:
        """Where the plate would show the mesh of a face that was found in a square, and its curves.

        The head is held where the plate's is: what a tracker finds trembles as a whole, and how
        deep it is depends on the picture around it.
        """
        square = (self._plate.pixel_aspect, 1.0)
        own = self._plate.track.landmarks[frame].astype(np.float64)
        seen = _in_frame(face[:, :2], _inverse(affine)) * square
        scale, turn, move = similarity(seen[None, RIGID], own[RIGID, :2])
        held = scale[0] * seen @ turn[0].T + move[0]
        depth = np.polyfit(face[RIGID, 2], own[RIGID, 2], 1)
        points = np.column_stack([held, np.polyval(depth, face[:, 2])])
        motion = self._motion
        head = motion.scale[frame] * points @ motion.rotation[frame].T + motion.translation[frame]
        return held[:MESH_POINTS] / square, mouth_curves(head[None])[0]


def placement(motion: HeadMotion, frame: int, framing: Framing, pixel_aspect: float) -> Array:
    """What takes x and y of a frame's pixels to a framing's square, [2, 3]."""
    middle = motion.in_picture(frame, np.array([[0.0, MIDDLE, 0.0]]))[0, :2]
    across = motion.to_picture(frame, np.array([[1.0, 0.0, 0.0]]))[0, :2]
    right = across / np.linalg.norm(across) * motion.scale[frame]
    down = np.array([-right[1], right[0]])
    wide_, high = framing.right - framing.left, framing.bottom - framing.top
    turn = framing.side * np.stack([right / wide_, down / high])
    origin = framing.side * np.array([-framing.left / wide_, (MIDDLE - framing.top) / high])
    move = origin - turn @ middle - 0.5
    return np.column_stack([turn * (pixel_aspect, 1.0), move])


def _wide(framing: Framing) -> Framing:
    """The same face with some of the picture around it, as large as a tracker wants it."""
    across, down = framing.right - framing.left, framing.bottom - framing.top
    return Framing(
        framing.left - AROUND * across,
        framing.top - AROUND * down,
        framing.right + AROUND * across,
        framing.bottom + AROUND * down,
        max(framing.side, TRACKED_SIDE),
        framing.resolves,
        framing.known,
    )


def _inverse(affine: Array) -> Array:
    """What undoes an affine transform, [2, 3]."""
    turn = np.linalg.inv(affine[:, :2])
    return np.column_stack([turn, -turn @ affine[:, 2]])


def _after(second: Array, first: Array) -> Array:
    """One affine transform after another, [2, 3]."""
    turn: Array = np.column_stack([second[:, :2] @ first[:, :2], _in_frame(first[:, 2], second)])
    return turn


def _edge(side: int) -> Image:
    """1 within a square, fading to 0 at its edges."""
    inside = np.zeros((side, side), np.float32)
    margin = max(1, round(EDGE * side))
    inside[margin:-margin, margin:-margin] = 1
    return np.asarray(cv2.blur(inside, (margin, margin)), np.float32)


def _in_frame(points: Array, affine: Array) -> Array:
    """Points [points, 2] under an affine transform."""
    moved: Array = points @ affine[:, :2].T + affine[:, 2]
    return moved


def _source(affine: Array, side: int) -> Box:
    """The pixels of a frame that a square of this side is made of; it may reach beyond it."""
    corners = np.array([(-1, -1), (side, -1), (-1, side), (side, side)], float)
    found = _in_frame(corners, _inverse(affine))
    (x0, y0), (x1, y1) = np.floor(found.min(axis=0)), np.ceil(found.max(axis=0))
    return Box(int(x0) - 1, int(y0) - 1, int(x1) + 2, int(y1) + 2)


def framed(region: Image, box: Box, affine: Array, side: int) -> Image:
    """A square [side, side, 3] of a frame's region, in light; beyond it its border is repeated."""
    shrink = max(1.0, np.sqrt(abs(np.linalg.det(_inverse(affine)[:, :2]))))
    whole = int(shrink)
    size = -(-region.shape[1] // whole), -(-region.shape[0] // whole)
    padding = size[1] * whole - region.shape[0], size[0] * whole - region.shape[1]
    padded = cv2.copyMakeBorder(region, 0, padding[0], 0, padding[1], cv2.BORDER_REPLICATE)
    small = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    # What one pixel of the square averages, after these averages.
    rest = np.sqrt(max(0.0, (shrink / whole) ** 2 - 1)) / 2
    if rest > 0.1:
        small = cv2.GaussianBlur(small, (0, 0), rest)
    middle = (whole - 1) / 2
    to_frame = np.array([[whole, 0, box.x0 + middle], [0, whole, box.y0 + middle], [0, 0, 1]])
    turn = affine @ to_frame
    taken = cv2.warpAffine(small, turn, (side, side), flags=cv2.INTER_LINEAR,
                           borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(taken, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FaceLight:
    """How a plate's light is shown to a network, and taken back.

    Attributes:
        to_rec709: linear Rec. 709 of the plate's light, [3, 3].
        exposure: what Rec. 709 light is multiplied by.
    """

    to_rec709: Array
    exposure: float

    def shown(self, linear: Image) -> Image:
        """The plate's light in sRGB (IEC 61966-2-1), between 0 and 1."""
        light = np.clip(linear @ self.to_rec709.T * self.exposure, 0, 1)
        encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
        return np.asarray(encoded, np.float32)

    def taken_back(self, shown: Image) -> Image:
        """The light of the plate that sRGB between 0 and 1 shows."""
        code = np.clip(shown, 0, 1)
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        linear = light / self.exposure @ np.linalg.inv(self.to_rec709).T
        return np.asarray(linear, np.float32)

    def changed(self, linear: Image, drawn: Image) -> Image:
        """The plate's light with what a network changed of it, log-encoded.

        Args:
            linear: of the plate, [height, width, 3].
            drawn: what the network made of shown(linear).
        """
        was, now = (encode_log(self.taken_back(each)) for each in (self.shown(linear), drawn))
        return np.asarray(encode_log(linear) + now - was, np.float32)


def shift_between(shown: Image, drawn: Image, known: float) -> Array:
    """How far right and down a drawing lies of what it was drawn from, [2], in pixels.

    By the rows that the network only gives back (Lucas and Kanade, 1981, for a shift, with the
    change of brightness solved for as well).
    """
    side = len(shown)
    margin = max(2, side // 16)
    index = np.s_[margin : round(known * side), margin : side - margin]
    grey = [np.asarray(picture.mean(axis=2), np.float64) for picture in (shown, drawn)]
    shift = np.zeros(2)
    for sigma in SHIFT_BLURS:
        still, moved = (cv2.GaussianBlur(each, (0, 0), sigma) for each in grey)
        for _ in range(SHIFT_ROUNDS):
            at = np.round(shift * SAMPLED_AT) / SAMPLED_AT
            over = _moved(moved, at)
            across, down = np.gradient(over, axis=1)[index], np.gradient(over, axis=0)[index]
            ones = np.ones_like(across)
            terms = np.stack([across, down, over[index], ones], axis=-1).reshape(-1, 4)
            found, _, rank, _ = np.linalg.lstsq(terms, still[index].ravel(), rcond=None)
            # still = gain * over(x + step) + lift, and over(x + step) = over + slope * step.
            if rank < terms.shape[1] or abs(found[2]) < 0.1:
                return np.zeros(2)
            step = found[:2] / found[2]
            settled = np.abs(at + step - shift).max() < SETTLED
            shift = at + step
            if settled:
                break
    return shift if np.abs(shift).max() <= MOST_SHIFT * side else np.zeros(2)


def laid_over(picture: Image, shift: Array) -> Image:
    """A drawing where it was drawn from, that lies so far right and down of it."""
    return np.asarray(_moved(picture, shift), np.float32)


def _moved(picture: Any, shift: Array) -> Any:
    """A picture whose pixels are taken so far right and down of them."""
    turn = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], float)
    size = picture.shape[1], picture.shape[0]
    # Its cubic interpolation would lie up to a twentieth of a pixel off.
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, turn, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _reach(generator: MouthGenerator, frames: FrameRange, of: int) -> FrameRange:
    """The frames of a line of `of` that have to be known for some of them to be drawn."""
    parts = list(_windows(generator, frames, of))
    return FrameRange(parts[0].start, min(of, parts[-1].end))


def drawn_faces(
    generator: MouthGenerator,
    faces: Image,
    heard: Image,
    known: FrameRange,
    frames: FrameRange,
    of: int,
    at_once: int,
    step: Callable[[], None],
) -> Iterator[Image]:
    """What a generator draws for some frames of a line, the same whichever are asked for.

    Args:
        generator: that draws.
        faces: sRGB, [known frames, side, side, 3].
        heard: of each of them.
        known: what of the line they are: those that are needed for the frames that are drawn.
        frames: that are drawn.
        of: frames of the whole line.
        at_once: frames that are drawn in one go, where each is drawn by itself.
        step: called for each frame.
    """
    if generator.together == 1:
        for part in frames.chunks(at_once):
            index = slice(part.start - known.start, part.end - known.start)
            for face in generator.draw(faces[index], heard[index], part.start):
                yield face
                step()
        return
    total = np.zeros((len(frames), *faces.shape[1:]), np.float32)
    weight = np.zeros(len(frames), np.float32)
    share = _share(generator)
    for window in _windows(generator, frames, of):
        held = np.clip(np.arange(window.start, window.end), 0, of - 1) - known.start
        drawn = generator.draw(faces[held], heard[held], window.start)
        both = window.intersection(frames)
        assert both is not None, "windows are those of the frames"
        there = slice(both.start - frames.start, both.end - frames.start)
        here = slice(both.start - window.start, both.end - window.start)
        total[there] += drawn[here] * share[here, None, None, None]
        weight[there] += share[here]
    for face, whole in zip(total, weight, strict=True):
        yield face / whole
        step()


def _windows(generator: MouthGenerator, frames: FrameRange, of: int) -> Iterator[FrameRange]:
    """The frames that are drawn together, counted from the line's first, that reach these."""
    if generator.together == 1:
        yield frames
        return
    for start in range(0, max(1, of - generator.overlap), generator.together - generator.overlap):
        window = FrameRange(start, start + generator.together)
        if window.intersection(frames):
            yield window


def _share(generator: MouthGenerator) -> Array:
    """How much of each frame is taken of what is drawn together: it fades over the overlap."""
    ends = np.arange(generator.together)
    distance = np.minimum(ends, ends[::-1]) + 1.0
    return np.asarray(np.minimum(distance / (generator.overlap + 1), 1), np.float32)


def _warmed_up(pictures: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Pictures, the first of them some times more."""
    for number, picture in enumerate(pictures):
        yield from [picture] * (1 if number else WARM_UP + 1)


def _nearest(seen: Sequence[int], frames: FrameRange) -> list[int]:
    """For each frame the nearest of those that are seen."""
    away = np.abs(np.array(seen)[None] - np.array(list(frames))[:, None])
    return [seen[at] for at in away.argmin(axis=1)]
