"""Exact time and boxes."""

from __future__ import annotations

import pickle
from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubwright.errors import DubwrightError
from dubwright.model import Box, Cue, FrameRange, exact_rate, frame_of_ms, samples_of_ms
from dubwright.model.time import frame_of_timecode, ms_of_frame, timecode_of_frame

RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(48),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
]


@pytest.mark.parametrize("rate", RATES)
def test_a_decimal_rate_becomes_the_exact_one(rate: Fraction) -> None:
    assert exact_rate(float(rate)) == rate
    assert exact_rate(round(float(rate), 3)) == rate


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(DubwrightError, match="frame rate"):
        exact_rate(0.0)


@given(st.sampled_from(RATES), st.integers(0, 10_000_000))
def test_the_frame_of_a_frames_middle_is_that_frame(rate: Fraction, frame: int) -> None:
    middle_ms = int((frame + Fraction(1, 2)) * 1000 / rate)
    assert frame_of_ms(middle_ms, rate) == frame
    assert abs(ms_of_frame(frame, rate) - Fraction(frame * 1000) / rate) <= Fraction(1, 2)


@given(st.integers(0, 10_000_000))
def test_milliseconds_are_whole_samples_at_48_khz(milliseconds: int) -> None:
    assert samples_of_ms(milliseconds, 48000) == milliseconds * 48


@given(st.integers(-50, 50), st.integers(0, 200), st.integers(1, 30))
def test_chunks_cover_a_range_once(start: int, length: int, size: int) -> None:
    frames = FrameRange(start, start + length)
    assert [f for chunk in frames.chunks(size) for f in chunk] == list(frames)


def test_ranges_intersect() -> None:
    assert FrameRange(0, 10).intersection(FrameRange(8, 12)) == FrameRange(8, 10)
    assert FrameRange(0, 10).intersection(FrameRange(10, 12)) is None


def test_a_clipped_box_stays_inside_the_frame() -> None:
    assert Box(-5, -5, 20, 8).clipped(10, 10) == Box(0, 0, 10, 8)
    assert Box(30, 0, 40, 5).clipped(10, 10).width == 0


def test_a_cue_must_end_after_it_starts() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        Cue(id="a", speaker="s", start_ms=5, end_ms=5)


def test_an_error_survives_a_process_boundary() -> None:
    error = DubwrightError("what", where="where", why="why", repair="repair")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.what, copy.where, copy.why, copy.repair) == ("what", "where", "why", "repair")


@given(st.sampled_from(RATES), st.data())
def test_timecode_is_that_of_opentimelineio(rate: Fraction, data: st.DataObject) -> None:
    frame = data.draw(st.integers(0, 24 * 3600 * round(rate) - 1))
    drop = rate in (Fraction(30000, 1001), Fraction(60000, 1001)) and data.draw(st.booleans())
    text = timecode_of_frame(frame, rate, drop=drop)
    day = int(86400 * rate) if drop else 24 * 3600 * round(rate)
    if frame < day - 200:
        theirs = otio.opentime.RationalTime(frame, float(rate)).to_timecode(float(rate), drop)
        assert text == theirs
        assert frame_of_timecode(text, rate) == frame


@pytest.mark.parametrize("text", ["", "01:00:00", "01:00:00:24", "01:60:00:00", "25:00:00:00", "x"])
def test_what_is_no_timecode(text: str) -> None:
    assert frame_of_timecode(text, Fraction(24000, 1001)) is None
    assert frame_of_timecode("00:01:00;00", Fraction(30000, 1001)) is None
    assert frame_of_timecode("01:00:00;00", Fraction(24)) is None


def test_timecode_of_fast_rates_has_three_digits() -> None:
    rate = Fraction(120)
    assert timecode_of_frame(119, rate) == "00:00:00:119"
    assert frame_of_timecode("00:00:00:119", rate) == 119
