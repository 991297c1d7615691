"""What is looked at in the redrawn mouths: do they follow the line, and do they hold still.

Sync and closures were measured when the mouth was drawn, by a tracker; steadiness and seams are
measured here, on the delivered frames and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.media.colour import ColourConfig, display_preview
from dubwright.media.exr import read_header, read_patch, read_rgb
from dubwright.media.plate import Plate
from dubwright.model import Box
from dubwright.publish.delivery import DeliveredFrame, Finding, Part, SteadinessFigures
from dubwright.trust import draft_mark_box

__all__ = ["closures_held", "figures", "in_sync", "seamless", "steady", "without_pops"]

# Sound may lead the picture by 40 ms and trail it by 60 ms: EBU R 37-2007.
MOST_LATE_MS: Final = 40.0
MOST_EARLY_MS: Final = 60.0
LEAST_HELD: Final = 0.75
# Over the plate's own in the same place; see docs/decisions/041-publish.md for how they were found.
MOST_SEAM: Final = 0.15
MOST_FLICKER: Final = 1.5
MOST_POP: Final = 2.0
# A frame is told from a shot that flickers throughout.
OVER_MEDIAN: Final = 2.5
# Where the matte fades into the plate: skin around the lips.
BAND: Final = (0.05, 0.95)
LEAST_BAND: Final = 60
MARGIN: Final = 8
# Code values that a plate without grain is taken to change by.
STILL: Final = 0.25
DRAW_AGAIN: Final = "look at it on the review page, and draw the cue again"

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """A frame around its matte, in code values for the eye, [height, width] each.

    Attributes:
        box: of the display window.
        band: where the matte fades into the plate.
    """

    number: int
    box: Box
    plate: Grey
    drawn: Grey
    band: NDArray[np.bool_]


def in_sync(part: Part) -> Iterator[Finding]:
    """Lips move when the line does."""
    for span in part.report.spans:
        if span.shot == part.shot and span.lag_ms is not None and span.drawn:
            late = span.lag_ms > MOST_LATE_MS
            if late or span.lag_ms < -MOST_EARLY_MS:
                how = f"{abs(span.lag_ms):.0f} ms {'late' if late else 'early'}"
                yield Finding(span.cue, f"the lips are {how}", DRAW_AGAIN, span.cue)


def closures_held(part: Part) -> Iterator[Finding]:
    """Lips meet on p, b and m."""
    for span in part.report.spans:
        held = span.closures_held
        if span.shot == part.shot and held is not None and held < LEAST_HELD:
            why = f"the lips stay open on {1 - held:.0%} of p, b and m"
            yield Finding(span.cue, why, DRAW_AGAIN, span.cue)


def seamless(part: Part) -> Iterator[Finding]:
    """No edge is seen where the matte ends."""
    for number, seam in figures(part).seams.items():
        if seam > MOST_SEAM:
            why = f"an edge is seen around the mouth, {seam:.2f} of the plate's own detail there"
            yield _at(part, number, why)


def steady(part: Part) -> Iterator[Finding]:
    """The skin around the mouth flickers no more than the plate does there."""
    found = figures(part)
    if found.flicker is not None and found.flicker > MOST_FLICKER:
        why = f"it flickers {found.flicker:.1f} times as much as the plate around the mouth"
        yield _at(part, max(found.changes, key=lambda number: found.changes[number]), why)


def without_pops(part: Part) -> Iterator[Finding]:
    """No frame jumps out of those before and after it."""
    pops = figures(part).pops
    usual = float(np.median(list(pops.values()))) if pops else 0.0
    for number, pop in pops.items():
        if pop > max(MOST_POP, OVER_MEDIAN * usual):
            yield _at(part, number, "its texture jumps out of the frames around it")


def figures(part: Part) -> SteadinessFigures:
    """What was measured of a shot's drawn frames, once."""
    if part.steadiness is None:
        part.steadiness = _measured(part)
    return part.steadiness


def _measured(part: Part) -> SteadinessFigures:
    seams: dict[int, float] = {}
    pops: dict[int, float] = {}
    drawn: dict[int, float] = {}
    plate: dict[int, float] = {}
    recent: list[_Moment] = []
    for moment in _moments(part):
        seams[moment.number] = _seam(moment)
        if recent and moment.number - recent[-1].number != part.plate.step:
            recent = []
        recent = [*recent, moment][-3:]
        three = _shared(recent)
        if three is not None:
            number, band = recent[1].number, np.logical_and.reduce([each.band for each in three])
            if band.sum() >= LEAST_BAND:
                pops[number] = _pop(three, band)
                drawn[number] = _second_difference([each.drawn for each in three], band)
                plate[number] = _second_difference([each.plate for each in three], band)
    usual = float(np.mean(list(plate.values()))) if plate else 0.0
    flicker = float(np.mean(list(drawn.values()))) / (usual + STILL) if drawn else None
    return SteadinessFigures(seams, pops, drawn, flicker)


def _seam(moment: _Moment) -> float:
    before, after = _gradient(moment.plate), _gradient(moment.drawn)
    added = np.clip(after - before, 0, None)[moment.band].mean()
    return float(added / (before[moment.band].mean() + 1))


def _pop(three: Sequence[_Moment], band: NDArray[np.bool_]) -> float:
    """How far a frame is off the middle of its neighbours, over how far these and the plate are."""
    first, second, third = three
    off = np.abs(second.drawn - (first.drawn + third.drawn) / 2)[band].mean()
    usual = np.abs(third.drawn - first.drawn)[band].mean() / 2
    own = np.abs(second.plate - (first.plate + third.plate) / 2)[band].mean()
    return float(off / (max(usual, own) + 1))


def _second_difference(pictures: Sequence[Grey], band: NDArray[np.bool_]) -> float:
    first, second, third = pictures
    return float(np.abs(third - 2 * second + first)[band].mean())


def _shared(moments: Sequence[_Moment]) -> list[_Moment] | None:
    """Three frames in a row, in the place that they share."""
    if len(moments) < 3:
        return None
    shared = moments[0].box.intersection(moments[1].box).intersection(moments[2].box)
    return [_cut(each, shared) for each in moments] if shared.width and shared.height else None


def _cut(moment: _Moment, box: Box) -> _Moment:
    at = box.within(moment.box)
    return _Moment(moment.number, box, moment.plate[at], moment.drawn[at], moment.band[at])


def _moments(part: Part) -> Iterator[_Moment]:
    """The edited frames whose band is large enough to tell something."""
    spec = part.plate
    drawn = {
        frame.number: frame
        for frame in part.sound_frames()
        if frame.patch is not None and frame.patch not in part.spoiled
    }
    shown = {spec.number(frame): frame for frame in range(spec.frames)}
    frames = [frame for number, frame in shown.items() if number in drawn]
    is_draft = part.told["draft"]
    patches = {
        frame: _matte(drawn[spec.number(frame)], spec.width, spec.height, is_draft)
        for frame in frames
    }
    plates = Plate(spec).regions([(frame, patches[frame][0]) for frame in frames])
    config = ColourConfig(spec.ocio)
    for frame, plate in zip(frames, plates, strict=True):
        box, band = patches[frame]
        picture = read_rgb(drawn[spec.number(frame)].path, box)
        # Values that are none are told as such.
        if np.isfinite(picture).all() and band.sum() >= LEAST_BAND:
            grey = [_grey(each, spec.working_space, config) for each in (plate, picture)]
            yield _Moment(spec.number(frame), box, grey[0], grey[1], band)


def _matte(
    frame: DeliveredFrame, width: int, height: int, is_draft: bool
) -> tuple[Box, NDArray[np.bool_]]:
    """Where a frame was edited, with a margin, and where its matte fades into the plate there."""
    assert frame.patch is not None
    patch = read_patch(frame.patch)
    box = patch.box.padded(MARGIN).clipped(width, height)
    alpha = np.zeros((box.height, box.width), np.float32)
    inside = patch.box.clipped(width, height)
    alpha[inside.within(box)] = patch.alpha[inside.within(patch.box)]
    if is_draft:
        # Its mark has edges, and is to be seen.
        mark = draft_mark_box(read_header(frame.path).held)
        alpha[mark.intersection(box).within(box)] = 0
    return box, (alpha > BAND[0]) & (alpha < BAND[1])


def _grey(picture: NDArray[np.float32], space: str, config: ColourConfig) -> Grey:
    shown = display_preview(picture, space, config)
    return cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _gradient(grey: Grey) -> Grey:
    smooth = cv2.GaussianBlur(grey, (0, 0), 1)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axis) / 8 for axis in ((1, 0), (0, 1)))
    gradient: NDArray[Any] = np.hypot(across, down)
    return gradient.astype(np.float32)


def _at(part: Part, number: int, what: str) -> Finding:
    cue = next(
        (
            span.cue
            for span in part.report.spans
            if span.shot == part.shot
            and part.plate.number(span.first) <= number < part.plate.number(span.end)
        ),
        "",
    )
    return Finding(f"{part.shot}, frame {number}", what, DRAW_AGAIN, cue)
