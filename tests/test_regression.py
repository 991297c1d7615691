"""A mouth is taught what phones do not tell, where that helps, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import Dubbed

from dubwright.api import EngineChoice, dub
from dubwright.engines import Encoding
from dubwright.mouth.articulation import shaped, usual_articulation
from dubwright.mouth.closures import with_lacking
from dubwright.mouth.range import MouthRange
from dubwright.mouth.regression import (
    BLOCKS,
    LEAST_FRAMES,
    Judged,
    Lesson,
    block_of_frames,
    heard_around,
    judged,
)
from dubwright.operations.results import REGRESSION

torch_regression = pytest.importorskip("dubwright.mouth.torch_regression")
FRAMES = 600


def _lesson(told: bool, frames: int = FRAMES) -> Lesson:
    """Curves that lack something, which is heard or not."""
    chance = np.random.default_rng(0)
    heard = np.repeat(chance.normal(size=(frames, 6)), 9, axis=0).reshape(frames, 9, 6)
    predicted = chance.normal(0.2, 0.05, (frames, 4))
    lacks = heard[:, 4, :4] if told else chance.normal(size=(frames, 4))
    curves = predicted + 0.05 * lacks
    return Lesson(heard.astype(np.float32), predicted, curves, block_of_frames(frames))


def _judged(lesson: Lesson) -> Judged:
    parts = [torch_regression.trained_without(lesson, n, lambda: None) for n in range(BLOCKS)]
    told = lesson.predicted.copy()
    for block, part in enumerate(parts):
        own = lesson.blocks == block
        told[own] += part.lacking(lesson.heard[own], lesson.predicted[own])
    return judged(lesson.curves, lesson.predicted, told)


def test_what_is_heard_is_learned() -> None:
    found = _judged(_lesson(told=True))
    assert found.helps
    assert found.gain > 0.6
    assert found.by > 0.9 > found.without


def test_what_is_not_heard_is_not_learned() -> None:
    found = _judged(_lesson(told=False))
    assert not found.helps
    # Stopped in time, it does next to no harm either.
    assert found.gain > -0.05


def test_too_few_frames_teach_nothing() -> None:
    few = _lesson(told=True, frames=LEAST_FRAMES - 1)
    assert not judged(few.curves, few.predicted, few.curves).helps


def test_it_learns_the_same_each_time_and_is_kept_as_it_is(tmp_path: Path) -> None:
    lesson = _lesson(told=True)
    first, second = (torch_regression.trained_without(lesson, 1, lambda: None) for _ in range(2))
    first.save(tmp_path / "kept.safetensors")
    kept = torch_regression.MouthRegression.load(tmp_path / "kept.safetensors")
    told = first.lacking(lesson.heard, lesson.predicted)
    for other in (second, kept, torch_regression.MouthRegression.together([first, kept])):
        np.testing.assert_array_equal(told, other.lacking(lesson.heard, lesson.predicted))


def test_a_block_is_not_learned_from_by_those_who_judge_it() -> None:
    lesson = _lesson(told=True)
    spoiled = lesson.curves.copy()
    spoiled[lesson.blocks == 2] += 1000
    other = replace(lesson, curves=spoiled)
    told, again = (
        torch_regression.trained_without(each, 2, lambda: None).lacking(
            lesson.heard, lesson.predicted
        )
        for each in (lesson, other)
    )
    np.testing.assert_array_equal(told, again)


def test_blocks_follow_each_other() -> None:
    blocks = block_of_frames(10)
    assert sorted(blocks) == list(blocks)
    assert set(blocks) == set(range(BLOCKS))


def test_what_is_heard_is_taken_from_around_each_time() -> None:
    ramp = np.arange(500, dtype=np.float32)[:, None]
    encoding = Encoding(ramp, Fraction(50), Fraction(1, 80))
    around = heard_around(encoding, np.array([2.0, 2.02]))[..., 0]
    seconds = around * ramp.std() + ramp.mean()
    places = (np.array([[2.0], [2.02]]) + np.linspace(-0.16, 0.16, 9) - 0.0125) * 50
    np.testing.assert_allclose(seconds, places, atol=1e-3)


def test_what_is_lacking_neither_moves_a_silent_mouth_nor_opens_closed_lips() -> None:
    usual = usual_articulation(MouthRange.typical())
    phones = [(0.5, 0.6, "m"), (0.6, 0.9, "a"), (0.9, 1.0, "p"), (1.0, 1.2, "a")]
    times = np.arange(0, 2, 1 / 24)
    curves = shaped(times, phones, usual)
    told = with_lacking(curves, np.full_like(curves, 0.1), times, phones, usual, 24.0)
    speaks = told[:, 3] - curves[:, 3]
    np.testing.assert_allclose(speaks[(times < 0.2) | (times > 1.7)], 0, atol=1e-3)
    assert speaks[np.abs(times - 0.75).argmin()] > 0.09
    wide = curves[:, 0].max()
    assert told[np.abs(times - 0.55).argmin(), 0] < 0.1 * wide
    assert told[np.abs(times - 0.95).argmin(), 0] < 0.1 * wide


def test_a_dub_says_what_an_encoder_taught(dubbed: Dubbed, tmp_path: Path) -> None:
    sample = dubbed.sample
    result = dub(
        sample.timeline,
        ["es"],
        tmp_path / "out",
        subtitles=sample.subtitles("en", "es", "fr"),
        cast=sample.cast,
        original="en",
        engines=EngineChoice(speech_encoder="cepstra"),
        store=dubbed.store,
    )
    (told,) = result.report.articulation.values()
    assert "cepstra" in told
    assert "aperture r " in told
    assert result.report.engines["speech_encoder"].startswith("cepstra/")
    helps = "and as cepstra hears it" in told
    kept = [
        path
        for path in dubbed.store.glob(f"objects/*/*/{REGRESSION}")
        if (path.parent / "regression.json").is_file()
    ]
    assert bool(kept) == helps
