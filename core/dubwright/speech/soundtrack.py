"""The timeline's own sound, gathered from its clips into stems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dubwright.media.audio import read_audio, resampled
from dubwright.media.movie import read_movie_audio
from dubwright.speech.mix import MIX_RATE, Original

__all__ = ["SoundClip", "Stem", "gather_original"]

Samples = NDArray[np.float32]
Stem = Literal["DX", "M&E", "mix"]

CHANNELS: Final = 2
AUDIO_FILES: Final = frozenset({".wav", ".aif", ".aiff", ".flac", ".ogg", ".w64"})


@dataclass(frozen=True, slots=True)
class SoundClip:
    """A piece of sound on the timeline; times are exact seconds.

    Attributes:
        path: of an audio file, or of a movie with sound.
        stem: what it holds.
        record_start: where it begins on the timeline.
        media_start: which moment of the file is heard first.
        duration: how long.
    """

    path: Path
    stem: Stem
    record_start: Fraction
    media_start: Fraction
    duration: Fraction

    @classmethod
    def from_json(cls, content: Mapping[str, str]) -> SoundClip:
        stem = content["stem"]
        assert stem in ("DX", "M&E", "mix")
        return cls(
            Path(content["path"]),
            stem,  # type: ignore[arg-type]
            Fraction(content["record_start"]),
            Fraction(content["media_start"]),
            Fraction(content["duration"]),
        )

    def as_json(self) -> dict[str, str]:
        return {
            "path": str(self.path),
            "stem": self.stem,
            "record_start": str(self.record_start),
            "media_start": str(self.media_start),
            "duration": str(self.duration),
        }


def gather_original(clips: Sequence[SoundClip], length: int) -> Original:
    """Stems of the whole timeline, float32 [length, 2] at 48 kHz."""
    stems: dict[str, Samples] = {}
    files: dict[Path, Samples] = {}
    for clip in clips:
        if clip.path not in files:
            files[clip.path] = _read(clip.path)
        stem = stems.setdefault(clip.stem, np.zeros((length, CHANNELS), np.float32))
        start, first = round(clip.record_start * MIX_RATE), round(clip.media_start * MIX_RATE)
        heard = files[clip.path][first : first + round(clip.duration * MIX_RATE)]
        heard = heard[: max(0, length - start)]
        stem[start : start + len(heard)] += heard
    dialogue, effects, mix = stems.get("DX"), stems.get("M&E"), stems.get("mix")
    if mix is not None and effects is not None and dialogue is None:
        dialogue, mix = mix, None
    return Original(dialogue, effects, mix)


def _read(path: Path) -> Samples:
    if path.suffix.lower() in AUDIO_FILES:
        samples, rate = read_audio(path)
    else:
        samples, rate = read_movie_audio(path)
    stereo = (
        np.repeat(samples, CHANNELS, axis=1) if samples.shape[1] == 1 else samples[:, :CHANNELS]
    )
    return resampled(np.ascontiguousarray(stereo), rate, MIX_RATE)
