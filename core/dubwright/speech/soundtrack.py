"""The timeline's own sound, gathered from its clips into stems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dubwright.media.audio import audio_format, read_audio, resampled
from dubwright.media.movie import movie_audio_format, read_movie_audio
from dubwright.speech.layout import STEREO, Layout, laid_out, layout_of
from dubwright.speech.mix import Original

__all__ = ["AUDIO_FILES", "SoundClip", "Stem", "gather_original", "layout_of_clips"]

Samples = NDArray[np.float32]
Stem = Literal["DX", "M&E", "mix"]

MARGIN: Final = Fraction(1, 10)
# Among so many samples one falls on a sample of the file but for a few thousandths.
JOINTS: Final = 1000
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


def layout_of_clips(clips: Sequence[SoundClip]) -> Layout:
    """What the mix of a timeline is made as: as its own sounds are."""
    paths = sorted({clip.path for clip in clips})
    return layout_of(
        [
            (audio_format if path.suffix.lower() in AUDIO_FILES else movie_audio_format)(path)
            for path in paths
        ]
    )


def gather_original(
    clips: Sequence[SoundClip], start: int, end: int, layout: Layout = STEREO
) -> Original:
    """Stems of the timeline's samples `start` to `end`, float32 [samples, channels].

    Where a DX stem is given, every track that is not dialogue counts as M&E.
    """
    stems: dict[str, Samples] = {}
    for clip in clips:
        stem = stems.setdefault(clip.stem, np.zeros((end - start, layout.channels), np.float32))
        first = max(start, round(clip.record_start * layout.rate))
        last = min(end, round((clip.record_start + clip.duration) * layout.rate))
        if first < last:
            heard = _heard(clip, first, last - first, layout)
            stem[first - start : first - start + len(heard)] += heard
    dialogue, effects, mix = stems.get("DX"), stems.get("M&E"), stems.get("mix")
    if mix is not None and dialogue is not None:
        effects, mix = mix if effects is None else effects + mix, None
    elif mix is not None and effects is not None:
        dialogue, mix = mix, None
    return Original(dialogue, effects, mix, layout=layout)


def _heard(clip: SoundClip, first: int, samples: int, layout: Layout) -> Samples:
    """At most `samples` samples of what is heard of a clip from a sample of the timeline on.

    Pitch changes with speed, as that of a tape does.
    """
    begins = round(clip.record_start * layout.rate)
    skipped = Fraction(begins, layout.rate) - clip.record_start
    origin = clip.media_start + skipped * clip.speed
    if clip.speed < 0:
        last = origin + Fraction(first - begins + samples, layout.rate) * clip.speed
        heard = _read(clip.path, last, 0, samples, -clip.speed, layout)
        return np.pad(heard, ((0, samples - len(heard)), (0, 0)))[::-1]
    return _read(clip.path, origin, first - begins, samples, clip.speed, layout)


def _read(
    path: Path, origin: Fraction, first: int, samples: int, speed: Fraction, layout: Layout
) -> Samples:
    """At most `samples` samples of a file that is run at a speed, from the `first` after a moment.

    Before its start a file is silent. Reading begins a little before, where a sample of the mix and
    one of the file all but fall together: parts that are resampled one by one join.
    """
    is_file = path.suffix.lower() in AUDIO_FILES
    rate, channels = (audio_format if is_file else movie_audio_format)(path)
    ratio = Fraction(rate) * speed / layout.rate
    begin, sample = _joint(origin * rate, ratio, first - ceil(MARGIN * layout.rate))
    silent = max(0, -sample)
    wanted = ceil((first - begin + samples) * ratio + MARGIN * rate * speed) - silent
    heard = np.zeros((0, channels), np.float32)
    if wanted > 0:
        read = read_audio if is_file else read_movie_audio
        heard, _ = read(path, Fraction(max(0, sample), rate), Fraction(wanted, rate))
    whole = laid_out(np.pad(heard, ((silent, 0), (0, 0))), layout.channels)
    sounding = resampled(whole, rate * speed, layout.rate)
    return sounding[first - begin : first - begin + samples]


def _joint(origin: Fraction, ratio: Fraction, latest: int) -> tuple[int, int]:
    """A sample of the mix, and the file's sample that is nearest below it.

    Args:
        origin: the file's sample, not whole, where the mix's sample 0 lies.
        ratio: samples of the file for each of the mix.
        latest: the last sample of the mix that is tried.
    """
    choices = range(latest - JOINTS, latest + 1)
    begin = min(choices, key=lambda sample: (origin + sample * ratio) % 1)
    return begin, floor(origin + begin * ratio)
