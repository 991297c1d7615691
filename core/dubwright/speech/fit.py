"""Making a take last as long as its slot, and saying so when it cannot."""

from __future__ import annotations

from typing import Final

import numpy as np
import python_stretch
from numpy.typing import NDArray

from dubwright.engines import Speech, Synthesizer
from dubwright.model import Fit

__all__ = ["FASTEST", "SLOWEST", "fit_recording", "fit_synthesis"]

SLOWEST: Final = 0.85
FASTEST: Final = 1.30
FLAGGED_ABOVE: Final = 1.15
CLOSE_ENOUGH: Final = 0.01
ATTEMPTS: Final = 3

Samples = NDArray[np.float32]


def fit_synthesis(
    synthesizer: Synthesizer,
    text: str,
    language: str,
    slot_ms: int,
    room_ms: int,
    voice: str = "",
) -> tuple[Speech, Fit]:
    """Speak a line at the pace that fills its slot, within bounds.

    Args:
        synthesizer: says the line at any pace.
        text: the line.
        language: its tag.
        slot_ms: how long the original line is.
        room_ms: how long the take may be before it runs into the next line.
        voice: one of the engine's; "" is its usual one.
    """
    speech = synthesizer.speak(text, language, 1.0, voice)
    speed = 1.0
    slot = slot_ms * speech.sample_rate // 1000
    for _ in range(ATTEMPTS):
        ratio = len(speech.samples) / slot
        wanted = min(max(speed * ratio, SLOWEST), FASTEST)
        if abs(ratio - 1) <= CLOSE_ENOUGH or abs(wanted - speed) < CLOSE_ENOUGH / 2:
            break
        speed = wanted
        speech = synthesizer.speak(text, language, speed, voice)
    room = room_ms * speech.sample_rate // 1000
    return speech, _verdict(len(speech.samples), slot, room, speed)


def fit_recording(
    samples: Samples, sample_rate: int, slot_ms: int, room_ms: int
) -> tuple[Samples, Fit]:
    """Stretch a recording to its slot, within bounds, leaving its pitch.

    Returns:
        Mono float32 samples at the same rate, and the fit.
    """
    slot = slot_ms * sample_rate // 1000
    room = room_ms * sample_rate // 1000
    speed = min(max(len(samples) / slot, SLOWEST), FASTEST)
    if len(samples) <= room and speed <= 1 + CLOSE_ENOUGH:
        # An actor's own timing is worth more than filling the slot to the frame.
        return samples, _verdict(len(samples), slot, room, 1.0)
    stretch = python_stretch.Signalsmith.Stretch()
    stretch.preset(1, sample_rate)
    stretch.timeFactor = speed
    fitted: Samples = stretch.process(samples[None].astype(np.float32))[0]
    return fitted, _verdict(len(fitted), slot, room, speed)


def _verdict(length: int, slot: int, room: int, speed: float) -> Fit:
    speed = round(speed, 3)
    if length > max(slot * (1 + CLOSE_ENOUGH), room):
        over = (length - room) / slot
        reason = (
            f"{over:.0%} longer than its room even at {speed:g} times the pace: shorten the text"
        )
        return Fit(slot=slot, speed=speed, verdict="long", reason=reason)
    if speed > FLAGGED_ABOVE:
        reason = f"hurried to {speed:g} times the pace: a shorter text would sound better"
        return Fit(slot=slot, speed=speed, verdict="fits", reason=reason)
    if length < slot * (1 - CLOSE_ENOUGH):
        reason = f"ends {1 - length / slot:.0%} of the slot early; the mouth rests there"
        return Fit(slot=slot, speed=speed, verdict="short", reason=reason)
    return Fit(slot=slot, speed=speed, verdict="fits")
