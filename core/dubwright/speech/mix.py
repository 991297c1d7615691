"""Stems of one language: the new dialogue, the M&E as it was, and both together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.media.audio import loudness_lufs
from dubwright.speech.layout import STEREO, Layout, laid_out

__all__ = [
    "DUCKED_GAIN", "MIX_RATE", "NO_STEM", "Original", "PlacedTake", "Stems", "mix_stems", "placed",
]  # fmt: skip

# What the timeline's sound is heard at wherever it is not mixed for delivery.
MIX_RATE: Final = STEREO.rate
FADE_S: Final = 0.010
EDGE_S: Final = 0.005
DUCK_FADE_S: Final = 0.080
DUCKED_GAIN: Final = 10 ** (-24 / 20)
MAX_MATCH_GAIN_DB: Final = 12.0
DEFAULT_DIALOGUE_LUFS: Final = -23.0
NO_STEM: Final = "approximate: there is no M&E stem, so under each new line the original mix "

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PlacedTake:
    """A take, float32 [samples, channels], and its cue's range, in samples of the timeline."""

    samples: Samples
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """The timeline's own sound, float32 [samples, channels] of one length.

    Attributes:
        dialogue: the DX stem, or None.
        effects: the M&E stem, or None.
        mix: dialogue and M&E together, where no stems are given, or None.
        background: what stands for the mix under new lines, or None: it is lowered there.
        layout: of all of them.
    """

    dialogue: Samples | None
    effects: Samples | None
    mix: Samples | None
    background: Samples | None = None
    layout: Layout = STEREO


@dataclass(frozen=True, slots=True, eq=False)
class Stems:
    """Stems of one language, float32 [samples, channels], and what was done for the M&E."""

    dialogue: Samples
    effects: Samples
    mix: Samples
    note: str


def placed(
    samples: Samples, start: int, end: int, spoken: Samples | None, gains: Samples, layout: Layout
) -> PlacedTake:
    """A take as loud as the line that it replaces, raised or lowered by at most 12 dB.

    Args:
        samples: the new line, mono float32.
        start, end: of its cue.
        spoken: the original's sound in the cue's range, float32 [samples, channels], or None.
        gains: how loud a voice is in each channel, [channels].
        layout: of the mix.
    """
    edge = min(round(EDGE_S * layout.rate), len(samples) // 2)
    faded = samples.copy()
    faded[:edge] *= np.linspace(0, 1, edge, dtype=np.float32)
    faded[len(faded) - edge :] *= np.linspace(1, 0, edge, dtype=np.float32)
    laid = (faded[:, None] * gains).astype(np.float32)
    gain = _gain_to(laid, _level(spoken, layout), layout)
    return PlacedTake(laid * gain, start, end)


def mix_stems(
    original: Original,
    takes: Sequence[PlacedTake],
    kept: Sequence[tuple[int, int]],
    start: int,
    end: int,
) -> Stems:
    """Lay takes over the M&E, for a part of the timeline.

    Args:
        original: the timeline's own sound from `start` to `end`.
        takes: the new lines, levelled.
        kept: ranges whose original sound stays: efforts, and lines that are not dubbed.
        start, end: the part, in samples of the timeline.
    """
    length, rate = end - start, original.layout.rate
    dialogue = np.zeros((length, original.layout.channels), np.float32)
    for take in takes:
        first, last = max(start, take.start), min(end, take.start + len(take.samples))
        if first < last:
            heard = take.samples[first - take.start : last - take.start]
            dialogue[first - start : last - start] += heard
    if original.dialogue is not None:
        keeping = np.zeros(length, np.float32)
        for begin, stop in kept:
            keeping = np.maximum(
                keeping, _window(length, begin - start, stop - start, round(FADE_S * rate))
            )
        dialogue += original.dialogue * keeping[:, None]

    if original.effects is not None:
        effects, note = original.effects, "the M&E stem, untouched"
    elif original.dialogue is None and original.mix is not None:
        under = np.zeros(length, np.float32)
        for take in takes:
            stop = max(take.end, take.start + len(take.samples))
            fade = round(DUCK_FADE_S * rate)
            window = _window(length, take.start - start, stop - start, fade)
            under = np.maximum(under, window)
        background = original.background
        if background is None:
            background = original.mix * np.float32(DUCKED_GAIN)
        effects = original.mix + under[:, None] * (background - original.mix)
        note = NO_STEM
    else:
        effects = np.zeros_like(dialogue)
        note = "silence: the timeline has no M&E"
    return Stems(dialogue, effects, effects + dialogue, note)


def _level(spoken: Samples | None, layout: Layout) -> float:
    """Loudness of the original line, or a common dialogue level where it cannot be measured."""
    measured = None if spoken is None else _heard_lufs(spoken, layout)
    return DEFAULT_DIALOGUE_LUFS if measured is None or measured < -50 else measured


def _gain_to(samples: Samples, target_lufs: float, layout: Layout) -> np.float32:
    measured = _heard_lufs(samples, layout)
    if measured is None:
        return np.float32(1)
    change = np.clip(target_lufs - measured, -MAX_MATCH_GAIN_DB, MAX_MATCH_GAIN_DB)
    peak = float(np.abs(samples).max(initial=1e-6))
    return np.float32(min(10 ** (change / 20), 0.98 / peak))


def _heard_lufs(samples: Samples, layout: Layout) -> float | None:
    return loudness_lufs(laid_out(samples, STEREO.channels), layout.rate)


def _window(length: int, start: int, end: int, fade: int) -> Samples:
    """1 from start to end, with linear fades outside them; of them, the first `length` samples."""
    at = np.arange(max(0, start - fade), max(0, min(length, end + fade)))
    window = np.zeros(length, np.float32)
    window[at] = np.clip(np.minimum(at - (start - fade), (end + fade) - at) / fade, 0, 1)
    return window
