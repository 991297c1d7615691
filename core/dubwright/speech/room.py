"""The room of a recording, and a dry voice brought into it.

How a room is found: by hearing a dry voice in made rooms and taking the one in which it dies away
as the recording does. A made room is noise that decays exponentially (Moorer, 1979, About this
reverberation business), the sooner the higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, sosfilt

from dubwright.media.audio import resampled

__all__ = ["Room", "in_room", "room_like"]

ANALYSED_AT: Final = 16000
FRAME_S: Final = 0.01
# A tail that is soft and long falls as fast at first as one that is loud and short, not later.
OVER_S: Final = (0.05, 0.15)
LOWEST_HZ, HIGHEST_HZ = 300, 4000
# Below what is loud in a line its own noise begins.
RANGE_DB: Final = 30.0
QUANTILES: Final = (0.5, 0.7, 0.85, 0.95)
LEAST_FALLS: Final = 40
SECONDS: Final = (0.2, 0.35, 0.6, 1.0, 1.6)
WET_DB: Final = (-18.0, -13.0, -8.0, -3.0)
# A room has to explain a recording this much better than none.
BETTER_BY: Final = 0.25
PREDELAY_S: Final = 0.004
DAMPED: Final = 0.5
SEED: Final = 1

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Room:
    """A room: in how many seconds its sound falls by 60 dB, and how loud it is beside the voice."""

    seconds: float
    wet_db: float


def room_like(recorded: Sequence[Samples], dry: Sequence[Samples], rate: int) -> Room | None:
    """The room in which dry voices die away as recorded lines do; None where none is heard.

    Args:
        recorded: lines in their room, mono float32, without music or effects.
        dry: lines without a room.
        rate: of both, in Hz.
    """
    wanted = _falls([resampled(line, rate, ANALYSED_AT) for line in recorded])
    lines = [resampled(line, rate, ANALYSED_AT) for line in dry]
    none = _falls(lines)
    if wanted is None or none is None:
        return None
    rooms = [Room(seconds, wet) for seconds in SECONDS for wet in WET_DB]
    far = {room: _apart(wanted, _falls(_each_in(lines, room))) for room in rooms}
    best = min(rooms, key=lambda room: far[room])
    return best if far[best] < (1 - BETTER_BY) * _apart(wanted, none) else None


def in_room(samples: Samples, room: Room, rate: int) -> Samples:
    """A dry voice in a room, mono float32, with what rings on behind it."""
    reverb = _reverb(room, rate)
    wet: Samples = fftconvolve(samples, reverb).astype(np.float32)
    wet[: len(samples)] += samples
    return wet


def _each_in(lines: Sequence[Samples], room: Room) -> list[Samples]:
    return [in_room(line, room, ANALYSED_AT)[: len(line)] for line in lines]


@lru_cache(maxsize=64)
def _reverb(room: Room, rate: int) -> Samples:
    """A room's impulse response without the direct sound."""
    length = round(room.seconds * rate)
    times = np.arange(length) / rate
    noise = np.random.default_rng(SEED).normal(0, 1, length)
    # High sounds die sooner: a duller noise takes over.
    dull = sosfilt([[1 - 0.8, 0, 0, 1, -0.8, 0]], noise)
    dull *= noise.std() / max(dull.std(), 1e-9)
    share = np.clip(times / room.seconds / DAMPED, 0, 1)
    decay = np.exp(-np.log(1000) * times / room.seconds)
    tail = ((1 - share) * noise + share * dull) * decay
    tail *= 10 ** (room.wet_db / 20) / np.sqrt((tail**2).sum())
    return np.concatenate([np.zeros(round(PREDELAY_S * rate)), tail]).astype(np.float32)


def _apart(wanted: NDArray[np.float64], found: NDArray[np.float64] | None) -> float:
    return np.inf if found is None else float(np.abs(wanted - found).mean())


def _falls(lines: Sequence[Samples]) -> NDArray[np.float64] | None:
    """How far lines fall within each time while they fall, dB; None if they hardly do."""
    levels = [level for line in lines if len(level := _levels(line)) > OVER_S[-1] / FRAME_S]
    quantiles = []
    for over in (round(seconds / FRAME_S) for seconds in OVER_S):
        falls = [np.zeros(0)]
        for level in levels:
            loud = np.percentile(level, 95) - 2 * RANGE_DB / 3
            change = level[:-over] - level[over:]
            falls.append(change[(level[:-over] > loud) & (change > 0)].clip(0, RANGE_DB))
        together = np.concatenate(falls)
        if len(together) < LEAST_FALLS:
            return None
        quantiles.append(np.quantile(together, QUANTILES))
    return np.concatenate(quantiles)


def _levels(line: Samples) -> NDArray[np.float64]:
    """How loud a line is in each frame, dB."""
    sound = _speech_band(line)
    frame = round(FRAME_S * ANALYSED_AT)
    whole = len(sound) // frame
    power = (sound[: whole * frame].reshape(whole, frame) ** 2).mean(axis=1)
    found: NDArray[np.float64] = 10 * np.log10(power + 1e-12)
    return found


def _speech_band(line: Samples) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(line.astype(np.float64))
    hz = np.fft.rfftfreq(len(line), 1 / ANALYSED_AT)
    spectrum[(hz < LOWEST_HZ) | (hz > HIGHEST_HZ)] = 0
    found: NDArray[np.float64] = np.fft.irfft(spectrum, len(line))
    return found
