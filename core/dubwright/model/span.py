"""The unit of rendering."""

from __future__ import annotations

from dataclasses import dataclass

from dubwright.model.time import FrameRange

__all__ = ["Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """A cue plus handles on one shot. Frames count from the shot's first frame, 0.

    Attributes:
        shot: uid of the shot.
        cue: id of the cue.
        frames: the frames that may be edited, handles included.
        speech: the frames inside the cue itself.
    """

    shot: str
    cue: str
    frames: FrameRange
    speech: FrameRange
