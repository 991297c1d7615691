"""How a network that draws faces in small is given a plate's, and how its drawings are laid back.

The network sees the face upright, in a square, in sRGB. What it changes is taken over under the
plate's own light: what it leaves alone stays as it is, and values above 1 do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.engines import FaceTracker, Framing, GeneratedFace, MouthGenerator, PlateView
from dubwright.engines.batches import in_batches
from dubwright.face.head_frame import in_head_frame, mouth_curves, similarity
from dubwright.face.landmarks import MESH_POINTS, RIGID
from dubwright.model import FrameRange
from dubwright.picture.face_square import FaceLight, FaceSquares, after, in_frame, inverse

__all__ = [
    "Line",
    "drawn_faces",
    "generated_faces",
    "heard_then",
    "laid_over",
    "shift_between",
]

Array = NDArray[np.floating[Any]]
Image = NDArray[np.float32]

# A drawn face is shown to a tracker with so much around it, and at least so large; its edge fades.
AROUND: Final = 0.35
TRACKED_SIDE: Final = 288
EDGE: Final = 0.06
# How often the first of them is shown, until a tracker has settled.
WARM_UP: Final = 3
SHIFT_ROUNDS: Final = 12
SHIFT_BLURS: Final = (3.0, 1.0)
# More is no shift of a drawing, but another picture.
MOST_SHIFT: Final = 0.04
SETTLED: Final = 1e-3
# OpenCV takes pixels at so many places between two of them.
SAMPLED_AT: Final = 32
# Where offsets change, so much finer than frames is what is heard.
FINER: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A recording of speech, mono, and when it starts, in seconds from the first frame."""

    samples: NDArray[np.float32]
    sample_rate: int
    starts: Fraction


def heard_then(
    generator: MouthGenerator,
    line: Line,
    offsets: Sequence[tuple[int, float]],
    frames: int,
    rate: Fraction,
) -> NDArray[np.float32]:
    """What a generator hears of a line in each of its frames, [frames, ...].

    Args:
        generator: that hears.
        line: what is said.
        offsets: when, in milliseconds from the line's start, the mouth comes how many later;
            straight between them.
        frames: how many.
        rate: frames a second.
    """
    times_ms = ((np.arange(frames) + 0.5) / float(rate) - float(line.starts)) * 1000
    when, later = zip(*offsets, strict=True)
    if len(set(later)) == 1:
        starts = line.starts + Fraction(later[0]) / 1000
        return generator.hear(line.samples, line.sample_rate, starts, frames, rate)
    reach = math.ceil(max(map(abs, later)) * float(rate) / 1000)
    fine = rate * FINER
    starts, count = line.starts + reach / rate, (frames + 2 * reach) * FINER
    heard = generator.hear(line.samples, line.sample_rate, starts, count, fine)
    then = (times_ms - np.interp(times_ms, when, later)) / 1000 + float(starts)
    return heard[np.clip(np.floor(then * float(fine)).astype(int), 0, count - 1)]


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


class _View(FaceSquares):
    """The squares of a plate that show its face, and faces that were drawn in them."""

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
                to_wide = after(places[frame], inverse(self.placement(frame, framing)))
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
        seen = in_frame(face[:, :2], inverse(affine)) * square
        scale, turn, move = similarity(seen[None, RIGID], own[RIGID, :2])
        held = scale[0] * seen @ turn[0].T + move[0]
        depth = np.polyfit(face[RIGID, 2], own[RIGID, 2], 1)
        points = np.column_stack([held, np.polyval(depth, face[:, 2])])
        motion = self._motion
        head = motion.scale[frame] * points @ motion.rotation[frame].T + motion.translation[frame]
        return held[:MESH_POINTS] / square, mouth_curves(head[None])[0]


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


def _edge(side: int) -> Image:
    """1 within a square, fading to 0 at its edges."""
    inside = np.zeros((side, side), np.float32)
    margin = max(1, round(EDGE * side))
    inside[margin:-margin, margin:-margin] = 1
    return np.asarray(cv2.blur(inside, (margin, margin)), np.float32)


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
        at_once: with how many frames at once it begins, where each is drawn by itself.
        step: called for each frame.
    """
    if generator.together == 1:
        first = frames.start - known.start

        def made(some: slice) -> list[Image]:
            index = slice(first + some.start, first + some.stop)
            return list(generator.draw(faces[index], heard[index]))

        for face in in_batches(made, len(frames), at_once):
            yield face
            step()
        return
    total = np.zeros((len(frames), *faces.shape[1:]), np.float32)
    weight = np.zeros(len(frames), np.float32)
    share = _share(generator)
    windows = list(_windows(generator, frames, of))
    ended = 0
    for window, following in zip(windows, [*windows[1:], None], strict=True):
        held = np.clip(np.arange(window.start, window.end), 0, of - 1) - known.start
        drawn = generator.draw(faces[held], heard[held])
        both = window.intersection(frames)
        assert both is not None, "windows are those of the frames"
        there = slice(both.start - frames.start, both.end - frames.start)
        here = slice(both.start - window.start, both.end - window.start)
        total[there] += drawn[here] * share[here, None, None, None]
        weight[there] += share[here]
        # No later window reaches these.
        until = frames.end if following is None else min(following.start, frames.end)
        for at in range(ended, max(ended, until - frames.start)):
            yield total[at] / weight[at]
            step()
            ended = at + 1


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
