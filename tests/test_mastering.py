"""Mixes come out as loud as a specification asks, and no louder at their peaks."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dubwright.api import perform
from dubwright.errors import DubwrightError
from dubwright.media.audio import loudness_lufs, read_audio, write_wav
from dubwright.media.mastering import SPECS, LoudnessSpec, TruePeakMeter, limited
from dubwright.operations.master import STEMS, master_stems
from dubwright.operations.request import DubRequest, validated
from dubwright.sample.scene import sample_scene, write_sample
from dubwright.speech.mix import MIX_RATE
from dubwright.store import Store

RATE = MIX_RATE


def _true_peak(samples: NDArray[np.float32]) -> float:
    meter = TruePeakMeter()
    meter.add(samples)
    found = meter.dbtp()
    assert found is not None
    return found


def _clicks(seconds: int, level: float) -> NDArray[np.float32]:
    """Noise with a few peaks far above it, [samples, 2]."""
    random = np.random.default_rng(7)
    noise = random.normal(0, level, (seconds * RATE, 2))
    noise[random.integers(0, len(noise), seconds)] *= 6
    return np.clip(noise, -1, 1).astype(np.float32)


def test_peaks_between_samples_are_seen() -> None:
    # A quarter of the sample rate, and never sampled at its crests (ITU-R BS.1770-4, annex 2).
    tone = np.sin(np.pi / 2 * np.arange(RATE) + np.pi / 4)[:, None] * 0.5
    assert 20 * np.log10(np.abs(tone).max()) == pytest.approx(-9.03, abs=0.01)
    assert _true_peak(tone.astype(np.float32)) == pytest.approx(-6.02, abs=0.2)
    slow = (0.9 * np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE))[:, None].astype(np.float32)
    cut = TruePeakMeter()
    for at in range(0, RATE, 12240):
        cut.add(slow[at : at + 12240])
    assert cut.dbtp() == pytest.approx(20 * np.log10(0.9), abs=0.05), "no ringing at cuts"
    silent = TruePeakMeter()
    silent.add(np.zeros((100, 1), np.float32))
    assert silent.dbtp() is None


@pytest.mark.parametrize("block", [100, 4800, 100_000])
def test_where_blocks_are_cut_changes_nothing(block: int) -> None:
    sound = _clicks(3, 0.15)
    whole = np.concatenate(list(limited([sound], 1.5, -3.0, RATE)))
    parts = (sound[at : at + block] for at in range(0, len(sound), block))
    cut = np.concatenate(list(limited(parts, 1.5, -3.0, RATE)))
    assert cut.shape == sound.shape and np.abs(cut - whole).max() < 1e-5
    assert _true_peak(cut) <= -3.0
    assert np.abs(np.diff(cut / np.where(sound == 0, 1, sound), axis=0)).max() < 0.02, "no clicks"


def test_what_does_not_peak_is_only_made_louder() -> None:
    sound = _clicks(1, 0.01)
    louder = np.concatenate(list(limited([sound], 2.0, -1.0, RATE)))
    assert np.array_equal(louder, sound * np.float32(2))


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_stems_reach_every_specification(spec: LoudnessSpec, tmp_path: Path) -> None:
    effects, dialogue = _clicks(8, 0.02), _clicks(8, 0.05)
    for name, samples in (("DX", dialogue), ("ME", effects), ("mix", effects + dialogue)):
        write_wav(tmp_path / f"{name}.wav", samples, RATE)
    told = master_stems(tmp_path, spec)
    anchor = "DX" if spec.anchor == "dialogue" else "mix"
    for name in STEMS:
        samples, _ = read_audio(tmp_path / f"{name}.wav")
        assert samples.shape == (8 * RATE, 2)
        assert _true_peak(samples) <= spec.peak_dbtp + 0.05
        measured = loudness_lufs(samples, RATE)
        assert measured == pytest.approx(told["loudness_lufs"][name], abs=0.1)
        if name == anchor:
            assert measured == pytest.approx(spec.target_lufs, abs=0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["DX.wav", "ME.wav", "mix.wav"]


def test_a_silent_mix_is_told(tmp_path: Path) -> None:
    for name in STEMS:
        write_wav(tmp_path / f"{name}.wav", np.zeros((RATE, 2), np.float32), RATE)
    with pytest.raises(DubwrightError, match="loudness"):
        master_stems(tmp_path, SPECS["ebu_r128"])


@pytest.mark.slow
def test_a_dub_is_delivered_as_loud_as_it_is_asked_for(tmp_path: Path) -> None:
    timeline = write_sample(tmp_path, sample_scene(96, 54, Fraction(24), 1), lambda *_: None)
    (spanish,) = (timeline.parent / "subtitles").glob("*.es.srt")
    request = validated(
        DubRequest, timeline=timeline, languages=("es",), output=tmp_path / "out",
        subtitles={"es": spanish}, lip_sync=False, loudness="ebu_r128",
    )  # fmt: skip
    store = Store(tmp_path / "store")
    folder = Path(perform("dub", request, store)["folder"])
    mix, rate = read_audio(folder / "stems" / "lighthouse.es.mix.wav")
    assert loudness_lufs(mix, rate) == pytest.approx(-23, abs=0.1)
    told = [json.loads(path.read_text()) for path in store.folder.rglob("mix.json")]
    assert any(content.get("specification", "").startswith("EBU R 128") for content in told)
