"""What an artist may ask of a mouth beyond what its phones do."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.model import CURVE_NAMES, MouthControls

__all__ = [
    "at_ranges",
    "controlled",
    "evened",
    "keyed",
    "left_alone",
    "resampled",
    "spoken_freely",
]

Array = NDArray[np.floating[Any]]

APERTURE, WIDTH, JAW = (CURVE_NAMES.index(name) for name in ("aperture", "width", "jaw"))
# How long a mouth takes into a rest or out of a hold.
EASE_MS: Final = 80.0
# Frames that are evened at once, for bounded memory; and how far each sees, in its own widths.
EVENED_AT_ONCE: Final = 512
SEEN_SIGMAS: Final = 8.0


def keyed(controls: MouthControls, name: str, times_ms: Array) -> Array:
    """A control by its name at each time, in milliseconds from the cue's start."""
    keys = [(key.at_ms, getattr(key, name)) for key in controls.keys]
    known = [(at, value) for at, value in keys if value is not None]
    if not known:
        return np.full(len(times_ms), float(getattr(controls, name)))
    at, values = zip(*known, strict=True)
    return np.interp(times_ms, at, values)


def resampled(curves: Array, sampled_ms: Array, times_ms: Array) -> Array:
    """Values [samples, values], taken at `sampled_ms`, at other times, [times, values]."""
    return np.stack([np.interp(times_ms, sampled_ms, curve) for curve in curves.T], axis=1)


def controlled(curves: Array, rest: Array, controls: MouthControls, times_ms: Array) -> Array:
    """Curves as an artist wants them; offsets have been given to them before.

    Lips that meet still meet: at any intensity, and however much is evened out.

    Args:
        curves: [frames, 4].
        rest: of the actor, [4].
        controls: of the cue.
        times_ms: the middle of each frame, in milliseconds from the cue's start, [frames].
    """
    share = np.repeat(keyed(controls, "intensity", times_ms)[:, None], curves.shape[1], axis=1)
    share[:, JAW] *= keyed(controls, "jaw", times_ms)
    share[:, WIDTH] *= keyed(controls, "width", times_ms)
    away = curves - rest
    moved = rest + share * away
    for opening in (APERTURE, JAW):
        closed = away[:, opening] <= 0
        moved[closed, opening] = curves[closed, opening]
    even = evened(moved, keyed(controls, "smoothing_ms", times_ms), times_ms)
    shut = moved[:, APERTURE] <= rest[APERTURE]
    even[shut, APERTURE] = moved[shut, APERTURE]
    return at_ranges(even, rest, controls, times_ms)


def at_ranges(values: Array, rest: Array, controls: MouthControls, times_ms: Array) -> Array:
    """Values [frames, values] that rest or hold where the controls' ranges say so.

    Args:
        values: of each frame.
        rest: the values of a mouth at rest.
        controls: of the cue.
        times_ms: the middle of each frame, in milliseconds from the cue's start, [frames].
    """
    for part in controls.ranges:
        inside = (times_ms >= part.start_ms) & (times_ms < part.end_ms)
        if part.does == "leave" or not inside.any():
            continue
        still = rest if part.does == "rest" else values[int(inside.argmax())]
        outside = np.maximum(part.start_ms - times_ms, times_ms - part.end_ms)
        free = np.clip(outside / EASE_MS, 0, 1)[:, None]
        values = still * (1 - free) + values * free
    return values


def left_alone(controls: MouthControls, times_ms: Array) -> NDArray[np.bool_]:
    """Whether the plate's own mouth is to stay, at each time."""
    left = np.full(len(times_ms), controls.leave)
    for part in controls.ranges:
        if part.does == "leave":
            left |= (times_ms >= part.start_ms) & (times_ms < part.end_ms)
    return left


def spoken_freely(controls: MouthControls, times_ms: Array) -> NDArray[np.bool_]:
    """Whether the mouth does what is said, and is not held or at rest, at each time."""
    free = np.ones(len(times_ms), bool)
    for part in controls.ranges:
        if part.does != "leave":
            free &= (times_ms < part.start_ms) | (times_ms >= part.end_ms)
    return free


def evened(curves: Array, sigma_ms: Array, times_ms: Array) -> Array:
    """Each frame averaged with those around it, Gaussian, over its own width."""
    if not sigma_ms.any():
        return curves
    parts = []
    for start in range(0, len(curves), EVENED_AT_ONCE):
        part = slice(start, start + EVENED_AT_ONCE)
        times, sigma = times_ms[part], np.maximum(sigma_ms[part], 1e-3)
        reach = SEEN_SIGMAS * sigma.max()
        near = slice(*np.searchsorted(times_ms, (times[0] - reach, times[-1] + reach)))
        weights = np.exp(-0.5 * ((times[:, None] - times_ms[near]) / sigma[:, None]) ** 2)
        parts.append(weights @ curves[near] / weights.sum(axis=1, keepdims=True))
    return np.concatenate(parts)
