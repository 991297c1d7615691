"""WAV in and out, resampling, loudness.

Samples are float32 [samples, channels], or mono [samples].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import pyloudnorm
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import sosfilt

from dubwright.errors import DubwrightError
from dubwright.store import whole

__all__ = [
    "LoudnessMeter",
    "audio_blocks",
    "audio_duration",
    "audio_format",
    "loudness_lufs",
    "peaks",
    "read_audio",
    "read_mono",
    "resampled",
    "write_wav",
    "written_wav",
]

Samples = NDArray[np.float32]

STEREO: Final = 2
BYTES_OF: Final = {"PCM_24": 3, "FLOAT": 4}
# Sizes in WAV are of 32 bits; some room is left for other chunks.
LARGEST_WAV: Final = (1 << 32) - (1 << 20)
LOUDNESS_BLOCK_S: Final = 0.4
# The two filters of ITU-R BS.1770-4 as analogue ones: a shelf and a high pass (De Man, 2014,
# Evaluation of implementations of the EBU R128 loudness measurement).
SHELF_HZ, SHELF_DB, SHELF_Q = 1681.9744509555319, 3.99984385397, 0.7071752369554193
SHELF_SLOPE: Final = 0.499666774155
HIGH_PASS_HZ, HIGH_PASS_Q = 38.13547087613982, 0.5003270373253953
# What each channel counts, as WAV orders 5.1 and 7.1: nothing for the lowest, more at the sides.
CHANNEL_WEIGHTS: Final = {
    6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41),
    8: (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.41, 1.41),
}
STEP_S: Final = 0.1
STEPS_OF_BLOCK: Final = 4
ABSOLUTE_GATE_LUFS: Final = -70
RELATIVE_GATE_LU: Final = -10


def read_audio(
    path: Path, start: Fraction = Fraction(0), seconds: Fraction | None = None
) -> tuple[Samples, int]:
    """float32 [samples, channels] between -1 and 1, and the sample rate.

    Args:
        path: of the file.
        start: the first moment to read, in seconds.
        seconds: how long to read; to the end if None.

    Raises:
        DubwrightError: the file is missing, or is not audio that libsndfile reads.
    """
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            file.seek(min(round(start * rate), file.frames))
            count = -1 if seconds is None else round(seconds * rate)
            samples = file.read(count, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unreadable(path, error) from error
    return samples, int(rate)


def peaks(path: Path, per_second: int) -> NDArray[np.uint8]:
    """How high a file's samples reach in each part of a second, uint8 [parts], 255 full scale.

    The file is read part by part, so that its length does not matter. See read_audio for errors.
    """
    try:
        with soundfile.SoundFile(path) as file:
            part = file.samplerate // per_second
            blocks = file.blocks(part, dtype="float32", always_2d=True)
            levels = [float(np.abs(block).max()) for block in blocks]
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unreadable(path, error) from error
    return (np.array(levels).clip(0, 1) * 255).round().astype(np.uint8)


def audio_blocks(path: Path, samples: int = 48000) -> Iterator[Samples]:
    """A file's sound in blocks of so many samples, float32 [samples, channels].

    Raises:
        DubwrightError: see read_audio.
    """
    try:
        with soundfile.SoundFile(path) as file:
            yield from file.blocks(samples, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unreadable(path, error) from error


def audio_format(path: Path) -> tuple[int, int]:
    """Samples a second of a file, and its channels. See read_audio for errors."""
    try:
        found = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unreadable(path, error) from error
    return int(found.samplerate), int(found.channels)


def audio_duration(path: Path) -> Fraction:
    """How long a file is, in seconds. See read_audio for errors."""
    try:
        found = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unreadable(path, error) from error
    return Fraction(found.frames, found.samplerate)


def read_mono(path: Path) -> tuple[Samples, int]:
    """float32 [samples], the mean of the channels. See read_audio."""
    samples, rate = read_audio(path)
    return samples.mean(axis=1), rate


def resampled(samples: Samples, rate: int | Fraction, to_rate: int) -> Samples:
    """The same sound at another rate, time along the first axis."""
    if rate == to_rate or not len(samples):
        return samples
    converted: Samples = soxr.resample(samples, float(rate), float(to_rate))
    return converted


def write_wav(path: Path, samples: Samples, rate: int) -> None:
    """Write 24-bit WAV; it appears whole or not at all."""
    with whole(path) as partial:
        soundfile.write(partial, samples, rate, subtype="PCM_24", format="WAV")


@contextmanager
def written_wav(
    path: Path, channels: int, rate: int, samples: int = 0, subtype: str = "PCM_24"
) -> Iterator[Callable[[Samples], None]]:
    """A function that adds blocks of float32 [samples, channels] to a WAV file.

    The file appears, whole, when the context ends without an error.

    Args:
        path: of the file.
        channels: surround is written with the places of its channels.
        rate: in Hz.
        samples: how many will come, if that is known: what WAV cannot hold is RF64.
        subtype: PCM_24 or FLOAT.
    """
    large = samples * channels * BYTES_OF[subtype] > LARGEST_WAV
    kind = "RF64" if large else "WAVEX" if channels > STEREO else "WAV"
    with (
        whole(path) as partial,
        soundfile.SoundFile(partial, "w", rate, channels, subtype, format=kind) as file,
    ):
        yield file.write


class LoudnessMeter:
    """Integrated loudness of sound that comes block by block (ITU-R BS.1770-4).

    Args:
        rate: in Hz.
    """

    def __init__(self, rate: int = 48000) -> None:
        self._filters = _k_weighting(rate)
        self._step = round(STEP_S * rate)
        self._state: NDArray[np.float64] | None = None
        self._weights = np.ones(1)
        self._rest = np.zeros((0, 1))
        self._steps: list[float] = []

    def add(self, block: Samples) -> None:
        """The next samples, float32 [samples, channels]: 1, 2, 6 (5.1) or 8 (7.1) of them."""
        channels = block.shape[1]
        if self._state is None:
            self._state = np.zeros((len(self._filters), 2, channels))
            self._rest = np.zeros((0, channels))
            self._weights = np.array(CHANNEL_WEIGHTS.get(channels, (1.0,) * channels))
        weighted, self._state = sosfilt(self._filters, block, axis=0, zi=self._state)
        held = np.concatenate([self._rest, weighted])
        whole = len(held) // self._step
        steps = held[: whole * self._step].reshape(whole, self._step, channels)
        self._steps += ((steps**2).mean(axis=1) @ self._weights).tolist()
        self._rest = held[whole * self._step :]

    def integrated_lufs(self) -> float | None:
        """None for silence or under 0.4 s."""
        if len(self._steps) < STEPS_OF_BLOCK:
            return None
        power = np.convolve(self._steps, np.ones(STEPS_OF_BLOCK) / STEPS_OF_BLOCK, "valid")
        heard = power[power > 10 ** ((ABSOLUTE_GATE_LUFS + 0.691) / 10)]
        if not len(heard):
            return None
        gated = heard[heard > heard.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
        return float(10 * np.log10(gated.mean()) - 0.691)


def _k_weighting(rate: int) -> NDArray[np.float64]:
    """BS.1770's filters at a rate, as second-order sections; at 48 kHz those of its tables."""
    k = np.tan(np.pi * SHELF_HZ / rate)
    high, band = 10 ** (SHELF_DB / 20), 10 ** (SHELF_DB / 20 * SHELF_SLOPE)
    by = 1 + k / SHELF_Q + k * k
    shelf = [
        (high + band * k / SHELF_Q + k * k) / by, 2 * (k * k - high) / by,
        (high - band * k / SHELF_Q + k * k) / by,
        1.0, 2 * (k * k - 1) / by, (1 - k / SHELF_Q + k * k) / by,
    ]  # fmt: skip
    k = np.tan(np.pi * HIGH_PASS_HZ / rate)
    by = 1 + k / HIGH_PASS_Q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / by, (1 - k / HIGH_PASS_Q + k * k) / by]
    return np.array([shelf, high_pass])


def loudness_lufs(samples: Samples, rate: int) -> float | None:
    """Integrated loudness (ITU-R BS.1770-4), None for silence or under 0.4 s."""
    if len(samples) < LOUDNESS_BLOCK_S * rate:
        return None
    loudness = float(pyloudnorm.Meter(rate).integrated_loudness(samples.astype(np.float64)))
    return loudness if np.isfinite(loudness) else None


def _unreadable(path: Path, error: Exception) -> DubwrightError:
    return DubwrightError(
        "An audio file cannot be read",
        where=str(path),
        why=str(error),
        repair="check the path, and give WAV, AIFF or FLAC",
    )
