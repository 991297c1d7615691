"""Brings finished stems to a loudness specification."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from dubwright.errors import DubwrightError
from dubwright.media.audio import LoudnessMeter, audio_blocks, written_wav
from dubwright.media.mastering import LoudnessSpec, Samples, TruePeakMeter, limited
from dubwright.speech.mix import MIX_RATE
from dubwright.store import rename

__all__ = ["STEMS", "master_stems"]

# What lies in a mix's folder, and how many channels it has.
STEMS: Final = {"DX": 1, "ME": 2, "mix": 2}
ANCHORS: Final = {"programme": "mix", "dialogue": "DX"}
CLOSE_LU: Final = 0.05
ATTEMPTS: Final = 4


def master_stems(folder: Path, spec: LoudnessSpec) -> dict[str, Any]:
    """Bring the stems in a folder to a specification, all by one gain.

    What then peaks above it is turned down in each file for itself.

    Returns:
        What was done: the gain, and loudness (as it sounds in the mix) and true peak of each stem.

    Raises:
        DubwrightError: what it is measured on is silent.
    """
    anchor = ANCHORS[spec.anchor]
    measured = _loudness(audio_blocks(folder / f"{anchor}.wav"))
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
        reached = _loudness(_mastered(folder, anchor, gain_db, spec))
        if reached is None or abs(spec.target_lufs - reached) <= CLOSE_LU:
            break
        gain_db += spec.target_lufs - reached
    told: dict[str, Any] = {"loudness_lufs": {}, "true_peak_dbtp": {}}
    for name, channels in STEMS.items():
        raw, louder = folder / f"{name}.wav", folder / f"{name}.mastered.wav"
        meter, peak = LoudnessMeter(), TruePeakMeter()
        with written_wav(louder, channels, MIX_RATE) as write:
            for block in _mastered(folder, name, gain_db, spec):
                write(block)
                meter.add(_as_mixed(block))
                peak.add(block)
        raw.unlink()
        rename(louder, raw)
        told["loudness_lufs"][name] = meter.integrated_lufs()
        told["true_peak_dbtp"][name] = peak.dbtp()
    return told | {"specification": spec.title, "gain_db": round(gain_db, 2)}


def _mastered(folder: Path, name: str, gain_db: float, spec: LoudnessSpec) -> Iterator[Samples]:
    blocks = audio_blocks(folder / f"{name}.wav")
    return limited(blocks, 10 ** (gain_db / 20), spec.peak_dbtp, MIX_RATE)


def _loudness(blocks: Iterator[Samples]) -> float | None:
    meter = LoudnessMeter()
    for block in blocks:
        meter.add(_as_mixed(block))
    return meter.integrated_lufs()


def _as_mixed(block: Samples) -> Samples:
    """A stem as it sounds in the mix: one channel comes from both sides."""
    return np.repeat(block, 2, axis=1) if block.shape[1] == 1 else block
