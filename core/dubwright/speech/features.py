"""Mel-frequency cepstra: what two renditions of a line share, and what a mouth goes with."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.signal import get_window, savgol_filter

__all__ = [
    "FFT",
    "HOP_RATE",
    "MELS",
    "SAMPLE_RATE",
    "acoustic_features",
    "cepstra",
    "frame_energy",
    "interpolated",
    "loudness_at",
    "mel_energies",
    "normalised",
]

SAMPLE_RATE: Final = 16000
HOP: Final = 80
HOP_RATE: Final = SAMPLE_RATE // HOP
WINDOW: Final = 320
FFT: Final = 512
MELS: Final = 40
COEFFICIENTS: Final = 13
DYNAMIC_RANGE: Final = np.log(1e8)
LOUDNESS_FLOOR: Final = 1e-3
LOUDNESS_WEIGHT: Final = 2.0

Array = NDArray[np.floating[Any]]


def cepstra(samples: NDArray[np.float32], sample_rate: int) -> tuple[Array, Array]:
    """13 coefficients with their slopes, [frames, 26], and log energy, [frames]; 200 a second."""
    speech = soxr.resample(samples.astype(np.float64), sample_rate, SAMPLE_RATE)
    speech = speech if len(speech) else np.zeros(1)
    speech = speech / (np.abs(speech).max() + 1e-9)
    speech = np.append(speech[:1], speech[1:] - 0.97 * speech[:-1])
    padded = np.pad(speech, FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    log_mel = np.log(mel_energies(frames) + 1e-8)
    floored = np.maximum(log_mel, log_mel.max() - DYNAMIC_RANGE)
    coefficients = dct(floored, axis=1, norm="ortho")[:, :COEFFICIENTS]
    if len(coefficients) >= 9:
        slopes = savgol_filter(coefficients, 9, 1, deriv=1, axis=0)
    else:
        slopes = np.zeros_like(coefficients)
    return np.hstack([coefficients, slopes]), log_mel.mean(axis=1)


def mel_energies(frames: Array) -> Array:
    """The energy in each mel band of windows of 16 kHz sound, [frames, FFT] to [frames, MELS]."""
    window = np.pad(get_window("hann", WINDOW), (FFT - WINDOW) // 2)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return np.asarray(power @ _mel_filters().T)


def normalised(features: Array, energy: Array) -> Array:
    """Features with the mean and spread that the louder frames have, per recording."""
    speech = energy > np.percentile(energy, 95) - np.log(10) * 4
    static, slopes = np.split(features, 2, axis=1)
    centre, spread = static[speech].mean(axis=0), static[speech].std(axis=0) + 1e-6
    slope_spread = slopes[speech].std(axis=0) + 1e-6
    return np.hstack([(static - centre) / spread, 0.7 * slopes / slope_spread])


def frame_energy(energy: Array) -> Array:
    """Log energy between 0 (the quietest frames) and 1 (the loudest)."""
    low, high = np.percentile(energy, (3, 95))
    scaled: Array = (energy - low) / (high - low + 1e-6)
    return scaled


@lru_cache(maxsize=1)
def _mel_filters() -> Array:
    """Triangular filters from 60 Hz to 7.6 kHz, [mels, bins], on O'Shaughnessy's mel scale."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (60, 7600))
    edges_mel = np.linspace(low, high, MELS + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    bins = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters: Array = np.maximum(0, np.minimum(rising, falling))
    return filters / filters.sum(axis=1, keepdims=True)


def acoustic_features(samples: NDArray[np.float32], sample_rate: int) -> Array:
    """What a mouth is guessed from: cepstra, slopes and loudness, [frames, 27]; 200 a second."""
    features, energy = cepstra(samples, sample_rate)
    loudness = LOUDNESS_WEIGHT * frame_energy(energy)[:, None]
    return np.hstack([normalised(features, energy), loudness])


def loudness_at(
    samples: NDArray[np.float32], sample_rate: int, times: Array, over_s: float
) -> Array:
    """How loud it is around each time, in nepers of the sound's RMS over so many seconds.

    Args:
        samples: mono.
        sample_rate: in Hz.
        times: in seconds from the first sample, [times].
        over_s: how long a part of the sound each is about.
    """
    summed = np.r_[0, np.cumsum(samples.astype(np.float64) ** 2)]
    half = over_s / 2 * sample_rate
    middle = times * sample_rate
    low = np.clip(np.round(middle - half), 0, len(samples) - 1).astype(int)
    high = np.clip(np.round(middle + half), low + 1, len(samples)).astype(int)
    loudness: Array = np.log(np.sqrt((summed[high] - summed[low]) / (high - low)) + LOUDNESS_FLOOR)
    return loudness


def interpolated(values: Array, places: Array) -> Array:
    """Values [frames, values] between frames, linearly, at places of any shape, [..., values].

    Beyond the first and the last frame they are those of that frame.
    """
    low = np.clip(np.floor(places).astype(int), 0, len(values) - 1)
    high = np.minimum(low + 1, len(values) - 1)
    share = np.clip(places - low, 0, 1)[..., None]
    return np.asarray(values[low] * (1 - share) + values[high] * share)
