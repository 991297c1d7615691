"""Where no M&E stem is given: what stands for it under new lines."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from dubwright.engines import EngineKind, engine
from dubwright.media.audio import resampled
from dubwright.operations.background import TONE, Background, find_background
from dubwright.operations.task import Context, Task
from dubwright.speech.mix import MIX_RATE, Original, PlacedTake, mix_stems
from dubwright.speech.separate import has_width, quiet_level, room_tone, without_middle
from dubwright.speech.soundtrack import SoundClip, gather_original

Samples = NDArray[np.float32]


def _speech(seconds: int) -> Samples:
    spoken = engine("espeak-ng", EngineKind.SYNTHESIZER).speak(
        "We bought five new boats last summer, and nobody told me about them.", "en", 1.0
    )
    samples = resampled(spoken.samples, spoken.sample_rate, MIX_RATE)
    return np.resize(samples, seconds * MIX_RATE)


def _rain(seconds: int) -> Samples:
    """Different noise on both sides, [samples, 2]."""
    noise = np.random.default_rng(3).normal(0, 1, (seconds * MIX_RATE, 2))
    return (0.02 * noise).astype(np.float32)


def _left_of(part: Samples, whole: Samples) -> float:
    """How much of a mono part is left in what should be without it, in dB."""
    share = float((whole.mean(axis=1) * part).sum() / (part**2).sum())
    return 20 * np.log10(abs(share) + 1e-9)


def _written(path: Path, samples: Samples) -> list[SoundClip]:
    soundfile.write(path, samples, MIX_RATE, subtype="FLOAT")
    duration = Fraction(len(samples), MIX_RATE)
    return [SoundClip(path, "mix", Fraction(0), Fraction(0), duration)]


def _found(sounds: list[SoundClip], spoken: list[list[int]], folder: Path) -> Background:
    folder.mkdir()
    samples = int(sounds[0].duration * MIX_RATE)
    task = Task(
        "background", 1, {"samples": samples, "spoken": spoken},
        where={"sounds": [sound.as_json() for sound in sounds]},
    )  # fmt: skip
    find_background(Context(task, {}, folder, lambda: None, 8))
    return Background.read(folder, sounds)


def test_what_stands_in_the_middle_is_taken_out() -> None:
    speech, rain = _speech(4), _rain(4)
    rest = without_middle(rain + speech[:, None] * np.float32(0.3), MIX_RATE)
    assert rest.shape == rain.shape and _left_of(speech * np.float32(0.3), rest) < -18
    without_speech = without_middle(rain, MIX_RATE)
    assert np.sqrt((without_speech**2).mean() / (rain**2).mean()) > 0.6, "the rain is still heard"
    short = np.ones((100, 2), np.float32)
    assert without_middle(short, MIX_RATE) is short


def test_where_parts_are_cut_changes_nothing(tmp_path: Path) -> None:
    mix = _rain(4) + _speech(4)[:, None] * np.float32(0.3)
    sounds = _written(tmp_path / "mix.wav", mix)
    background = _found(sounds, [], tmp_path / "found")
    ends = [0, 50_000, 99_999, len(mix)]
    parts = [background.behind(gather_original(sounds, a, b), a, b) for a, b in pairwise(ends)]
    whole = background.behind(gather_original(sounds, 0, len(mix)), 0, len(mix))
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-4
    assert "middle" in background.how


def test_a_mix_without_width_is_lowered_and_covered_by_its_room(tmp_path: Path) -> None:
    room = _rain(6).mean(axis=1)
    speech = np.r_[np.zeros(2 * MIX_RATE), _speech(3), np.zeros(MIX_RATE)].astype(np.float32)
    sounds = _written(tmp_path / "mono.wav", (room + 0.3 * speech).astype(np.float32))
    line = [2 * MIX_RATE, 5 * MIX_RATE]
    background = _found(sounds, [line], tmp_path / "found")
    assert "lowered by 24 dB, and room tone" in background.how
    tone_at = json.loads((tmp_path / "found" / "background.json").read_text())["tone"]
    assert tone_at + TONE <= line[0] or tone_at >= line[1]
    original = gather_original(sounds, 0, 6 * MIX_RATE)
    behind = background.behind(original, 0, 6 * MIX_RATE)
    under = slice(3 * MIX_RATE, 4 * MIX_RATE)
    assert behind[under].std() == pytest.approx(room.std(), rel=0.3)
    take = PlacedTake(np.zeros((3 * MIX_RATE, 2), np.float32), *line)
    told = Original(None, None, original.mix, behind)
    stems = mix_stems(told, [take], [], 0, 6 * MIX_RATE)
    assert original.mix is not None
    assert np.array_equal(stems.effects[:MIX_RATE], original.mix[:MIX_RATE])
    assert np.allclose(stems.effects[under], behind[under], atol=1e-6)
    assert (
        np.abs(np.diff(stems.effects[:, 0])).max() < 2 * np.abs(np.diff(original.mix[:, 0])).max()
    )


def test_a_mix_that_is_never_quiet_is_lowered_alone(tmp_path: Path) -> None:
    sounds = _written(tmp_path / "mono.wav", _speech(3))
    background = _found(sounds, [[0, 3 * MIX_RATE]], tmp_path / "found")
    assert background.how == "is lowered by 24 dB"


def test_room_tone_goes_on_without_end_and_without_seams() -> None:
    tone = _rain(1)[:TONE]
    whole = room_tone(tone, 0, 200_000)
    parts = [room_tone(tone, at, 50_000) for at in range(0, 200_000, 50_000)]
    assert np.array_equal(np.concatenate(parts), whole)
    levels = whole[: 199_000 // 1000 * 1000].reshape(-1, 1000, 2).std(axis=(1, 2))
    assert levels.max() < 2 * np.median(levels) and levels.min() > 0.4 * np.median(levels)


def test_silence_is_no_room_tone() -> None:
    assert quiet_level(np.zeros((100, 2), np.float32)) == np.inf
    assert quiet_level(np.full((100, 2), 0.1, np.float32)) == pytest.approx(0.1)
    assert has_width(1.0, 0.01) and not has_width(1.0, 0.0001) and not has_width(0.0, 0.0)
