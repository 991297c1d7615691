"""Loudness to a specification: one gain for all stems, and a limiter for what peaks above it.

Loudness after ITU-R BS.1770-4, true peak after its annex 2: four times oversampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d, uniform_filter1d

__all__ = ["SPECS", "LoudnessSpec", "TruePeakMeter", "limited"]

Samples = NDArray[np.float32]

OVERSAMPLED: Final = 4
# Samples on both sides of a block that its oversampling reaches into.
CONTEXT: Final = 256
LOOKAHEAD_S: Final = 0.005
# A limiter works on samples: what lies between them may be higher by as much as this.
HEADROOM_DB: Final = 0.1


@dataclass(frozen=True, slots=True)
class LoudnessSpec:
    """What a delivery asks of a mix.

    Attributes:
        target_lufs: integrated loudness, gated.
        peak_dbtp: true peak at most.
        anchor: what the loudness is measured on: everything, or the dialogue alone.
        title: for people.
    """

    target_lufs: float
    peak_dbtp: float
    anchor: Literal["programme", "dialogue"]
    title: str


SPECS: Final[Mapping[str, LoudnessSpec]] = {
    "ebu_r128": LoudnessSpec(-23.0, -1.0, "programme", "EBU R 128 (2023)"),
    "atsc_a85": LoudnessSpec(-24.0, -2.0, "programme", "ATSC A/85:2013"),
    "streaming_dialogue": LoudnessSpec(-27.0, -2.0, "dialogue", "streaming, -27 on dialogue"),
    "streaming": LoudnessSpec(-16.0, -1.0, "programme", "streaming, -16"),
}


class TruePeakMeter:
    """The highest true peak of sound that comes block by block."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._held: Samples | None = None
        self._measured = 0

    def add(self, block: Samples) -> None:
        """The next samples, float32 [samples, channels]."""
        held = block if self._held is None else np.concatenate([self._held, block])
        # What lies at a cut would ring as if it were followed by silence.
        ready = len(held) - CONTEXT
        if ready > self._measured:
            self._peak = max(self._peak, _true_peak(held, self._measured, ready))
            kept = max(0, ready - CONTEXT)
            held, self._measured = held[kept:], ready - kept
        self._held = held

    def dbtp(self) -> float | None:
        """In dB below full scale, with all that was added; None for silence."""
        peak = self._peak
        if self._held is not None and len(self._held) > self._measured:
            peak = max(peak, _true_peak(self._held, self._measured, len(self._held)))
        return 20 * float(np.log10(peak)) if peak > 0 else None


def limited(
    blocks: Iterable[Samples], gain: float, peak_dbtp: float, rate: int
) -> Iterator[Samples]:
    """Sound with a gain, and turned down around what would peak above a true peak.

    Args:
        blocks: float32 [samples, channels], of any length.
        gain: a factor.
        peak_dbtp: the highest true peak.
        rate: in Hz.

    Yields:
        As many samples as there were; not in the same blocks.
    """
    ceiling = 10 ** ((peak_dbtp - HEADROOM_DB) / 20)
    ahead = max(1, round(LOOKAHEAD_S * rate))
    reach = 2 * ahead + CONTEXT
    held: Samples | None = None
    lead = 0
    for block in blocks:
        loud = block * np.float32(gain)
        held = loud if held is None else np.concatenate([held, loud])
        ready = len(held) - reach
        if ready > lead:
            yield _turned_down(held, ceiling, ahead)[lead:ready]
            kept = max(0, ready - reach)
            held, lead = held[kept:], ready - kept
    if held is not None and len(held) > lead:
        yield _turned_down(held, ceiling, ahead)[lead:]


def _turned_down(samples: Samples, ceiling: float, ahead: int) -> Samples:
    peaks = _peaks(samples)
    if peaks.max(initial=0) <= ceiling:
        return samples
    wanted = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    # Down in time before a peak and up again after it, without a corner.
    lowest = minimum_filter1d(wanted, 2 * ahead + 1, mode="nearest")
    smooth = uniform_filter1d(lowest, 2 * ahead + 1, mode="nearest")
    return (samples * np.minimum(smooth, 1.0)[:, None]).astype(np.float32)


def _peaks(samples: Samples) -> NDArray[np.float64]:
    """The true peak around each sample over all channels, [samples]."""
    fine = _oversampled(samples)
    return fine.reshape(len(samples), -1).max(axis=1)


def _true_peak(samples: Samples, first: int, last: int) -> float:
    """The true peak of a part of some sound."""
    part = slice(first * OVERSAMPLED, last * OVERSAMPLED)
    return float(_oversampled(samples)[part].max(initial=0))


def _oversampled(samples: Samples) -> NDArray[np.float64]:
    """Magnitudes four times a sample, [4 * samples, channels], the samples' own among them."""
    padded = np.pad(samples, ((CONTEXT, CONTEXT), (0, 0)))
    fine = soxr.resample(padded, 1, OVERSAMPLED, "HQ")
    start = CONTEXT * OVERSAMPLED
    wanted = len(samples) * OVERSAMPLED
    fine = np.pad(fine, ((0, max(0, start + wanted - len(fine))), (0, 0)))[start : start + wanted]
    magnitudes = np.abs(fine.astype(np.float64))
    magnitudes[::OVERSAMPLED] = np.maximum(magnitudes[::OVERSAMPLED], np.abs(samples))
    return magnitudes
