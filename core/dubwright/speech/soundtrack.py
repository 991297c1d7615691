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

__all__ = ["AUDIO_FILES", "SoundClip", "Stem", "gather_original"]

Samples = NDArray[np.float32]
Stem = Literal["DX", "M&E", "mix"]

CHANNELS: Final = 2
NOTHING: Final = np.zeros((0, CHANNELS), np.float32)
MARGIN: Final = Fraction(1, 10)
SURROUND: Final = 6  # L R C LFE Ls Rs, as WAV orders 5.1
AUDIO_FILES: Final = frozenset({".wav", ".aif", ".aiff", ".flac", ".ogg", ".w64"})


@dataclass(frozen=True, slots=True)
class SoundClip:
    """A piece of sound on the timeline; times are exact seconds.

    Attributes:
        path: of an audio file, or of a movie with sound.
        stem: what it holds.
        record_start: where it begins on the timeline.
        media_start: which moment of the file is heard first.
        duration: how long it is heard.
        speed: seconds of the file for each second; below 0 backwards.
    """

    path: Path
    stem: Stem
    record_start: Fraction
    media_start: Fraction
    duration: Fraction
    speed: Fraction = Fraction(1)

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
            Fraction(content["speed"]),
        )

    def as_json(self) -> dict[str, str]:
        return {
            "path": str(self.path),
            "stem": self.stem,
            "record_start": str(self.record_start),
            "media_start": str(self.media_start),
            "duration": str(self.duration),
            "speed": str(self.speed),
        }


def gather_original(clips: Sequence[SoundClip], start: int, end: int) -> Original:
    """Stems of the timeline's samples `start` to `end` at 48 kHz, float32 [samples, 2].

    Where a DX stem is given, every track that is not dialogue counts as M&E.
    """
    stems: dict[str, Samples] = {}
    for clip in clips:
        stem = stems.setdefault(clip.stem, np.zeros((end - start, CHANNELS), np.float32))
        first = max(start, round(clip.record_start * MIX_RATE))
        last = min(end, round((clip.record_start + clip.duration) * MIX_RATE))
        if first < last:
            skipped = Fraction(first, MIX_RATE) - clip.record_start
            heard = _heard(clip, clip.media_start + skipped * clip.speed, last - first)
            stem[first - start : first - start + len(heard)] += heard
    dialogue, effects, mix = stems.get("DX"), stems.get("M&E"), stems.get("mix")
    if mix is not None and dialogue is not None:
        effects, mix = mix if effects is None else effects + mix, None
    elif mix is not None and effects is not None:
        dialogue, mix = mix, None
    return Original(dialogue, effects, mix)


def _heard(clip: SoundClip, start: Fraction, samples: int) -> Samples:
    """At most `samples` samples at 48 kHz, stereo, of what is heard of a clip from a moment on.

    Pitch changes with speed, as that of a tape does.
    """
    if clip.speed < 0:
        length = Fraction(samples, MIX_RATE) * -clip.speed
        heard = _read(clip.path, start - length, samples, -clip.speed)
        return np.pad(heard, ((0, samples - len(heard)), (0, 0)))[::-1]
    return _read(clip.path, start, samples, clip.speed)


def _read(path: Path, start: Fraction, samples: int, speed: Fraction) -> Samples:
    """At most `samples` samples at 48 kHz, stereo, from a moment of a file that is run at a speed.

    A little more is read on both sides, so that parts that are resampled one by one join.
    """
    if start < 0:
        silent = min(samples, round(-start * MIX_RATE / speed))
        rest = _read(path, Fraction(0), samples - silent, speed) if samples > silent else NOTHING
        return np.concatenate([np.zeros((silent, CHANNELS), np.float32), rest])
    lead = min(start, MARGIN * speed)
    seconds = lead + (Fraction(samples, MIX_RATE) + MARGIN) * speed
    read = read_audio if path.suffix.lower() in AUDIO_FILES else read_movie_audio
    heard, rate = read(path, start - lead, seconds)
    first = round(lead * MIX_RATE / speed)
    return resampled(_stereo(heard), rate * speed, MIX_RATE)[first : first + samples]


def _stereo(samples: Samples) -> Samples:
    """Two channels: 5.1 is downmixed (ITU-R BS.775), anything else averaged onto both."""
    channels = samples.shape[1]
    if channels == CHANNELS:
        return np.ascontiguousarray(samples)
    if channels == SURROUND:
        left, right, centre, _, left_back, right_back = samples.T
        half = np.float32(0.5**0.5)
        return np.stack(
            [left + half * (centre + left_back), right + half * (centre + right_back)], axis=1
        )
    return np.repeat(samples.mean(axis=1, keepdims=True), CHANNELS, axis=1)
