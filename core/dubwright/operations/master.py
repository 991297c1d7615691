"""Brings finished stems to a loudness specification."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dubwright.errors import DubwrightError
from dubwright.media.audio import (
    LoudnessMeter,
    audio_blocks,
    audio_duration,
    audio_format,
    written_wav,
)
from dubwright.media.mastering import LoudnessSpec, Samples, TruePeakMeter, limited
from dubwright.store import rename

__all__ = ["STEMS", "master_stems", "turn_down"]

# What lies in a mix's folder.
STEMS: Final = ("DX", "ME", "mix")
ANCHORS: Final = {"programme": "mix", "dialogue": "DX"}
CLOSE_LU: Final = 0.05
ATTEMPTS: Final = 4
FULL_SCALE_DBTP: Final = 0.0


def master_stems(folder: Path, spec: LoudnessSpec) -> dict[str, Any]:
    """Bring the stems in a folder to a specification, all by one gain.

    What then peaks above it is turned down in each file for itself.

    Returns:
        What was done: the gain, and loudness and true peak of each stem.

    Raises:
        DubwrightError: what it is measured on is silent.
    """
    anchor = ANCHORS[spec.anchor]
    rate, _ = audio_format(folder / f"{anchor}.wav")
    measured = _loudness(audio_blocks(folder / f"{anchor}.wav"), rate)
    if measured is None:
        raise DubwrightError(
            "The loudness of a mix cannot be set",
            where=f"the {anchor} stem, for {spec.title}",
            why="it is silent, or under 0.4 s long",
            repair="leave --loudness out for this timeline",
        )
    gain_db = spec.target_lufs - measured
    for _ in range(ATTEMPTS):
        # The limiter takes some loudness away where it works.
        reached = _loudness(_mastered(folder, anchor, gain_db, spec), rate)
        if reached is None or abs(spec.target_lufs - reached) <= CLOSE_LU:
            break
        gain_db += spec.target_lufs - reached
    told = _rewritten(folder, 10 ** (gain_db / 20), spec.peak_dbtp)
    return told | {"specification": spec.title, "gain_db": round(gain_db, 2)}


def turn_down(folder: Path) -> dict[str, Any]:
    """Turn stems down where they would be clipped, each for itself.

    Returns:
        Loudness and true peak of each.
    """
    return _rewritten(folder, 1.0, FULL_SCALE_DBTP)


def _rewritten(folder: Path, gain: float, peak_dbtp: float) -> dict[str, Any]:
    """Stems with a gain, below a true peak; loudness and true peak of each."""
    told: dict[str, Any] = {"loudness_lufs": {}, "true_peak_dbtp": {}}
    for name in STEMS:
        raw, made = folder / f"{name}.wav", folder / f"{name}.mastered.wav"
        rate, channels = audio_format(raw)
        meter, peak = LoudnessMeter(rate), TruePeakMeter()
        samples = int(audio_duration(raw) * rate)
        with written_wav(made, channels, rate, samples) as write:
            for block in limited(audio_blocks(raw), gain, peak_dbtp, rate):
                write(block)
                meter.add(block)
                peak.add(block)
        raw.unlink()
        rename(made, raw)
        told["loudness_lufs"][name] = meter.integrated_lufs()
        told["true_peak_dbtp"][name] = peak.dbtp()
    return told


def _mastered(folder: Path, name: str, gain_db: float, spec: LoudnessSpec) -> Iterator[Samples]:
    path = folder / f"{name}.wav"
    rate, _ = audio_format(path)
    return limited(audio_blocks(path), 10 ** (gain_db / 20), spec.peak_dbtp, rate)


def _loudness(blocks: Iterator[Samples], rate: int) -> float | None:
    meter = LoudnessMeter(rate)
    for block in blocks:
        meter.add(block)
    return meter.integrated_lufs()
