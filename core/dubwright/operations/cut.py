"""The cut: which shots make up each frame of a timeline."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from dubwright.conform.shots import Fade, Shot

__all__ = ["FadeOver", "Layer", "Run", "Segment", "segments", "topmost"]


class FadeOver(BaseModel):
    """A dissolve, in frames of the timeline."""

    model_config = ConfigDict(frozen=True)

    start: int
    end: int
    rises: bool

    def opacity(self, frame: int) -> float:
        """Of what comes or goes, in the middle of a frame's exposure."""
        risen = (frame - self.start + 0.5) / (self.end - self.start)
        return risen if self.rises else 1 - risen


class Layer(BaseModel):
    """A shot in a segment, which begins with the shot's frame `first`."""

    model_config = ConfigDict(frozen=True)

    shot: str
    first: int
    fades: tuple[FadeOver, ...]

    def opacity(self, frame: int) -> float:
        """On a frame of the timeline, from 0 to 1."""
        opacity = 1.0
        for fade in self.fades:
            opacity *= fade.opacity(frame)
        return opacity


class Segment(BaseModel):
    """Frames of a timeline on which the same shots show, the lowest first; none is black."""

    model_config = ConfigDict(frozen=True)

    start: int
    end: int
    layers: tuple[Layer, ...]


class Run(NamedTuple):
    """Frames of a timeline on which a shot is seen, which begin with the shot's frame `first`."""

    start: int
    end: int
    shot: str
    first: int


def segments(shots: Sequence[Shot], frames: int) -> list[Segment]:
    """The cut of a timeline of so many frames, without gaps between its segments.

    Args:
        shots: those that can be shown. One hides what lies below it, but where it fades.
        frames: how long the timeline is.
    """
    ordered = sorted(shots, key=lambda shot: shot.place)
    found: list[Segment] = []
    for start, end in itertools.pairwise(_boundaries(ordered, frames)):
        layers = tuple(reversed(list(_layers(ordered, start))))
        if found and _goes_on(found[-1], layers):
            found[-1] = found[-1].model_copy(update={"end": end})
        else:
            found.append(Segment(start=start, end=end, layers=layers))
    return found


def topmost(cut: Iterable[Segment]) -> list[Run]:
    """Where each shot lies above all others."""
    runs: list[Run] = []
    for segment in cut:
        if not segment.layers:
            continue
        top = segment.layers[-1]
        if runs and (runs[-1].shot, runs[-1].end) == (top.shot, segment.start):
            runs[-1] = runs[-1]._replace(end=segment.end)
        else:
            runs.append(Run(segment.start, segment.end, top.shot, top.first))
    return runs


def _boundaries(shots: Iterable[Shot], frames: int) -> list[int]:
    ranges = [part for shot in shots for part in (shot.record, *(f.frames for f in shot.fades))]
    edges = {edge for part in ranges for edge in (part.start, part.end) if 0 < edge < frames}
    return sorted({0, frames} | edges)


def _layers(shots: Sequence[Shot], frame: int) -> Iterator[Layer]:
    """What is seen on a frame, from the top down to the first that hides all below it.

    What does not fade within a compound clip hides what else is in it.
    """
    hidden: set[tuple[int, ...]] = set()
    for shot in reversed(shots):
        inside = any(shot.place[: len(place)] == place for place in hidden)
        if frame in shot.record and not inside:
            fades = list(_fades(shot, shots, frame))
            yield Layer(
                shot=shot.uid,
                first=frame - shot.record.start,
                fades=tuple(
                    FadeOver(start=f.frames.start, end=f.frames.end, rises=f.rises) for f in fades
                ),
            )
            if not fades:
                return
            hidden.add(max((fade.of for fade in fades), key=len))


def _fades(shot: Shot, shots: Sequence[Shot], frame: int) -> Iterator[Fade]:
    """The dissolves of a shot on a frame. A shot stays whole while another comes over it."""
    coming = {(fade.frames, fade.of[:-1]) for other in shots for fade in other.fades if fade.rises}
    for fade in shot.fades:
        stays = not fade.rises and (fade.frames, fade.of[:-1]) in coming
        if frame in fade.frames and not stays:
            yield fade


def _goes_on(segment: Segment, layers: Sequence[Layer]) -> bool:
    """Whether layers are those of a segment, where it ends."""
    frames = segment.end - segment.start
    following = [
        layer.model_copy(update={"first": layer.first + frames}) for layer in segment.layers
    ]
    return following == list(layers)
