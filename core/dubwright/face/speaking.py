"""Which face of a shot speaks: the one whose lips are quick when the voice is loud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.face.track import unseen
from dubwright.face.visibility import NO_FACE
from dubwright.model import FaceTrack, FrameRange
from dubwright.speech.features import loudness_at

__all__ = ["Decision", "HeardLine", "agreement", "lips_speed", "named_face", "speaking_face"]

Array = NDArray[np.floating[Any]]

SMOOTHED_OVER_S: Final = 0.05
# Sound may be off by so much, the picture ahead of it more often than behind.
EARLIEST_S, LATEST_S, STEP_S = -0.16, 0.08, 0.02
# Speeds of lips at rest differ by less, in inter-ocular distances a second.
REST_SPEED: Final = 0.15
# Lips that speak move four times as fast and more, those of a listener half as fast.
STILL_SPEED: Final = 0.2
APERTURE_WIDTH_JAW: Final = (0, 1, 3)


@dataclass(frozen=True, slots=True, eq=False)
class HeardLine:
    """A line's sound.

    Attributes:
        frames: of the shot on which it is spoken.
        samples: mono; None where there is no sound.
        sample_rate: in Hz.
        starts: when the first sample sounds, in seconds from the shot's first frame.
    """

    frames: FrameRange
    samples: NDArray[np.float32] | None
    sample_rate: int
    starts: float


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Which face of a shot is the speaker's.

    Attributes:
        track: of that face; where it is none, one whose every frame says why.
        face: its number, counted from 1; 0 for none.
        why: for people.
    """

    track: FaceTrack
    face: int
    why: str


def named_face(faces: Sequence[FaceTrack], number: int, frames: int) -> Decision:
    """The face that the cast names, counted from 1; 0 where it names none.

    Args:
        faces: of the shot.
        number: of the face.
        frames: of the shot.
    """
    if number == 0:
        return _nobody(frames, "the cast says that the speaker is not seen in this shot")
    if number > len(faces):
        found = NO_FACE if not faces else f"only {len(faces)} were found"
        return _nobody(frames, f"the cast names face {number} of this shot, where {found}")
    return Decision(faces[number - 1], number, "by the cast")


def speaking_face(
    faces: Sequence[FaceTrack], lines: Sequence[HeardLine], frames: int, rate: float
) -> Decision:
    """The face whose lips go best with lines; none where a voice is heard and no lips move.

    A face that is seen for less than half as long as another while they are spoken is not theirs.

    Args:
        faces: of the shot.
        lines: of one speaker.
        frames: of the shot.
        rate: frames a second.
    """
    if not faces:
        return _nobody(frames, NO_FACE)
    seen = [_speeds(face, lines, rate) for face in faces]
    longest = max(map(len, seen))
    moving = {n: float(s.mean()) for n, s in enumerate(seen) if len(s) and 2 * len(s) >= longest}
    if not moving:
        return _nobody(frames, "no face is seen while the speaker's lines are spoken")
    if any(line.samples is not None for line in lines) and max(moving.values()) < STILL_SPEED:
        return _nobody(
            frames, "the speaker is not seen speaking: no lips move while the lines are spoken"
        )
    if len(moving) == 1:
        [face] = moving
        return Decision(faces[face], face + 1, "the only face that is seen while it is spoken")
    heard = {n: agrees for n in moving if (agrees := agreement(faces[n], lines, rate)) is not None}
    if len(heard) < 2:
        face = max(moving, key=lambda n: moving[n])
        return Decision(faces[face], face + 1, "its lips move most while it is spoken")
    first, second = sorted(heard, key=lambda n: -heard[n])[:2]
    why = f"its lips go best with the sound: {heard[first]:.2f}, the next {heard[second]:.2f} of 1"
    return Decision(faces[first], first + 1, why)


def _nobody(frames: int, why: str) -> Decision:
    return Decision(unseen(frames, why), 0, why)


def agreement(track: FaceTrack, lines: Sequence[HeardLine], rate: float) -> float | None:
    """How well a face goes with what is heard, at most 1; None where nothing is.

    The correlation of loudness with how fast the lips move, at the offset of sound and picture at
    which it is highest; near 0 for lips at rest. Among two faces that both speak, seen in four
    clips of 4 to 10 seconds, the right one agrees better four times in five from 1 second of
    speech, and nearly nine in ten from 2; a listener's face agrees far less.

    Args:
        track: of the face.
        lines: what is heard while it may speak.
        rate: frames a second.
    """
    speed = lips_speed(track, rate)
    found = []
    for offset in np.arange(EARLIEST_S, LATEST_S + STEP_S / 2, STEP_S):
        pairs = [_paired(speed, line, rate, float(offset)) for line in lines]
        moved = np.concatenate([np.zeros(0), *(pair[0] for pair in pairs)])
        loud = np.concatenate([np.zeros(0), *(pair[1] for pair in pairs)])
        if len(moved) > 1:
            together = ((moved - moved.mean()) * (loud - loud.mean())).mean()
            spread = np.sqrt((moved.var() + REST_SPEED**2) * (loud.var() + 1e-9))
            found.append(float(together / spread))
    return max(found, default=None)


def lips_speed(track: FaceTrack, rate: float) -> Array:
    """How fast the lips and the jaw move on the head, [frames]; NaN where no face was found."""
    curves = mouth_curves(in_head_frame(track.landmarks, track.template).positions)
    speed = np.full(len(track), np.nan)
    edges = np.flatnonzero(np.diff(np.r_[0, track.found, 0]))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start > 1:
            moved = np.gradient(curves[start:end, APERTURE_WIDTH_JAW], axis=0)
            speed[start:end] = gaussian_filter1d(
                np.abs(moved).sum(axis=1) * rate, SMOOTHED_OVER_S * rate
            )
    return speed


def _speeds(track: FaceTrack, lines: Sequence[HeardLine], rate: float) -> Array:
    """The lips' speed on every frame of lines on which the face is seen."""
    speed = lips_speed(track, rate)
    moved = np.concatenate(
        [np.zeros(0), *(speed[line.frames.start : line.frames.end] for line in lines)]
    )
    return moved[np.isfinite(moved)]


def _paired(speed: Array, line: HeardLine, rate: float, offset: float) -> tuple[Array, Array]:
    """The lips' speed and how loud it is, on the frames of a line on which both are known."""
    if line.samples is None:
        return np.zeros(0), np.zeros(0)
    frames = np.arange(line.frames.start, line.frames.end)
    times = (frames + 0.5) / rate - line.starts - offset
    known = (times > 0) & (times < len(line.samples) / line.sample_rate)
    frames, times = frames[known], times[known]
    seen = np.isfinite(speed[frames])
    loud = loudness_at(line.samples, line.sample_rate, times, 1 / rate)
    loud = gaussian_filter1d(loud, SMOOTHED_OVER_S * rate) if len(loud) else loud
    return speed[frames[seen]], loud[seen]
