"""The head frame, articulation and curves."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dubwright.face.head_frame import head_template, in_head_frame, mouth_curves
from dubwright.face.landmarks import (
    INNER_LIP_PAIRS,
    LIPS,
    OUTER_EYE_LEFT,
    OUTER_EYE_RIGHT,
    RIGID,
)
from dubwright.face.point_flow import OpenCvPointFlow
from dubwright.face.refine import fused, moved_by_flow
from dubwright.model import (
    ControlKey,
    ControlRange,
    FaceTrack,
    MouthControls,
    Phone,
)
from dubwright.mouth.acoustic import Hearing, learned_acoustics
from dubwright.mouth.articulation import (
    Observation,
    learned,
    learned_by_ear,
    shaped,
    shares,
    usual_articulation,
)
from dubwright.mouth.controls import controlled, keyed, left_alone, spoken_freely
from dubwright.mouth.emphasis import emphasised, with_emphasis
from dubwright.mouth.engines.dominance import DominancePredictor
from dubwright.mouth.range import MouthRange, measure_range
from dubwright.mouth.visemes import Viseme, viseme_of
from dubwright.quality.sync import closures, correlation, lag_ms, lip_distance
from dubwright.sample.head import build_head

RATE = Fraction(24)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """A face in picture coordinates that opens its mouth, seen from changing sides."""
    head = build_head()
    frames = []
    for i in range(24):
        opened = head.posed({"jawOpen": 0.5 * abs(np.sin(i / 3))})[:468]
        irises = np.repeat(opened[[33]], 10, axis=0)
        points = np.vstack([opened, irises]) * [1, -1, -1] * 12.0
        yaw, roll = np.deg2rad([12 * np.sin(i / 5), 6 * np.cos(i / 4)])
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        tilt = np.array(
            [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        )
        frames.append(points @ (tilt @ turn).T * (1 + 0.01 * i) + [320 + i, 200 - i, 0])
    return np.array(frames, np.float32)


def test_curves_do_not_depend_on_where_the_head_is(faces: np.ndarray) -> None:
    template = head_template(faces)
    moving = mouth_curves(in_head_frame(faces, template).positions)
    opened = np.array([0.5 * abs(np.sin(i / 3)) for i in range(24)])
    assert correlation(moving[:, 0], opened) > 0.99
    assert np.ptp(moving[:, 1]) < 0.05


def test_the_head_frame_is_upright_and_in_interocular_distances(faces: np.ndarray) -> None:
    motion = in_head_frame(faces, head_template(faces))
    eyes = motion.positions[:, [33, 263]]
    assert np.allclose(np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1), 1, atol=0.01)
    assert (motion.positions[:, 152, 1] > 0.8).all()
    assert np.nanmax(motion.residual) < 0.01
    assert motion.yaw_degrees.max() - motion.yaw_degrees.min() == pytest.approx(24, abs=3)


def test_a_displacement_returns_to_the_picture(faces: np.ndarray) -> None:
    motion = in_head_frame(faces, head_template(faces))
    moved = motion.positions[5] + [0.02, -0.01, 0.03]
    shift = motion.to_picture(5, moved - motion.positions[5])
    again = in_head_frame((faces[5] + shift)[None].astype(np.float32), head_template(faces))
    # Moving every point alike is head motion: the head frame does not see it.
    assert np.allclose(again.positions[0], motion.positions[5], atol=1e-4)


def test_frames_without_a_face_stay_unknown(faces: np.ndarray) -> None:
    gap = faces.copy()
    gap[4] = np.nan
    motion = in_head_frame(gap, head_template(gap))
    assert np.isnan(motion.positions[4]).all() and np.isfinite(motion.positions[5]).all()


@pytest.mark.parametrize(
    ("symbol", "viseme"),
    [("p", "PP"), ("m̩", "PP"), ("tʃ", "CH"), ("aɪ", "aa"), ("ɑ̃", "aa"), ("uː", "ou"), ("", "sil")],
)
def test_phones_have_visemes(symbol: str, viseme: str) -> None:
    assert viseme_of(symbol) is Viseme(viseme)


def _phones(symbols: str, each_ms: int = 80, rate: int = 1000) -> list[Phone]:
    return [
        Phone(symbol=s if s != "_" else "", start=i * each_ms, end=(i + 1) * each_ms)
        for i, s in enumerate(symbols)
    ]


def _predict(symbols: str, rate: Fraction = RATE, each_ms: int = 80) -> np.ndarray:
    phones = _phones(symbols, each_ms)
    frames = int((Fraction(len(symbols) * each_ms, 1000) + 1) * rate)
    usual = usual_articulation(MouthRange.typical())
    curves = DominancePredictor().predict(phones, 1000, Fraction(1, 2), frames, rate, usual)
    return curves.values


@settings(max_examples=40, deadline=None)
@given(
    st.text("aeioupbmfvtsk_", min_size=1, max_size=12),
    st.sampled_from([Fraction(12), RATE, Fraction(25), Fraction(60000, 1001)]),
    st.integers(30, 160),
)
def test_lips_close_on_every_bilabial(symbols: str, rate: Fraction, each_ms: int) -> None:
    curves = _predict(symbols, rate, each_ms)
    for index, symbol in enumerate(symbols):
        if symbol in "pbm":
            start, end = 0.5 + index * each_ms / 1000, 0.5 + (index + 1) * each_ms / 1000
            middle = (np.arange(len(curves)) + 0.5) / float(rate)
            half = max((end - start) / 2, 0.5 / float(rate)) + 1e-6
            inside = np.abs(middle - (start + end) / 2) <= half
            assert inside.any() and curves[inside, 0].min() < 0.01


def test_lips_touch_the_teeth_on_f_and_v() -> None:
    curves = _predict("aafaavaa")
    wide = curves[:, 0].max()
    for middle_s in (0.5 + 2.5 * 0.08, 0.5 + 5.5 * 0.08):
        assert curves[int(middle_s * 24), 0] < 0.45 * wide


def test_the_mouth_rests_in_silence_and_is_not_frozen() -> None:
    curves = _predict("__aa" + 60 * "_")
    still = curves[-80:]
    assert still[:, 0].max() < 0.01, "lips that rest together stay together"
    for curve in still[:, 1:].T:
        assert 0.002 < np.ptp(curve) < 0.03
    assert np.abs(np.diff(still, axis=0)).max() < 0.003, "a drift is slow"


def test_the_shares_of_the_phones_sum_to_one() -> None:
    spoken = [(0.1, 0.2, "a"), (0.2, 0.3, "p"), (0.3, 0.5, "u")]
    share = shares(np.linspace(-1, 2, 100), spoken, usual_articulation(MouthRange.typical()).timing)
    assert np.allclose(share.sum(axis=1), 1)


def test_an_actors_own_articulation_is_learned() -> None:
    """An actor who hardly opens for a and rounds widely for i is found out."""
    usual = usual_articulation(MouthRange.typical())
    own = dict(usual.targets)
    own["aa"] = (0.05, 0.55, 0.15, 1.27)
    own["ih"] = (0.10, 0.45, 0.20, 1.30)
    actor = usual.model_copy(update={"targets": own})
    observations = []
    for symbols in ("tasimakitupi", "kimatasupita", "sitakapimuti"):
        phones = _phones(symbols)
        curves = DominancePredictor().predict(phones, 1000, Fraction(1, 4), 36, RATE, actor)
        times = (np.arange(36) + 0.5) / 24 - 0.25
        spoken = [(p.start / 1000, p.end / 1000, p.symbol) for p in phones]
        observations.append(Observation(times, spoken, curves.values))
    found = learned(usual, observations)
    assert found.learned_frames == 108
    for name in ("aa", "ih"):
        before = abs(usual.targets[name][1] - own[name][1]) + abs(
            usual.targets[name][0] - own[name][0]
        )
        after = abs(found.targets[name][1] - own[name][1]) + abs(
            found.targets[name][0] - own[name][0]
        )
        assert after < 0.5 * before
    assert found.targets["FF"] == pytest.approx(usual.targets["FF"], abs=0.02)


def test_too_little_footage_teaches_nothing() -> None:
    usual = usual_articulation(MouthRange.typical())
    few = Observation(np.arange(5) / 24, [(0.0, 0.2, "a")], np.zeros((5, 4), np.float32))
    assert learned(usual, [few]) is usual


def test_the_range_of_a_mouth_is_measured(faces: np.ndarray) -> None:
    track = FaceTrack(faces, head_template(faces), ("",) * len(faces))
    mouth = measure_range([track])
    assert mouth is not None
    assert mouth.rest[0] < mouth.high[0] and mouth.rest[3] < mouth.high[3]
    unseen = FaceTrack(faces, track.template, ("turned away",) * len(faces))
    assert measure_range([unseen]) is None


def test_lag_and_closures_are_measured() -> None:
    truth = np.clip(np.sin(np.arange(120) / 3.1) * 0.1 + 0.06, 0, None)
    late = np.interp(np.arange(120) - 1.5, np.arange(120), truth)
    assert lag_ms(late, truth, 24.0) == pytest.approx(1.5 / 24 * 1000, abs=6)
    assert lag_ms(truth, truth, 24.0) == pytest.approx(0, abs=1)
    assert closures(truth, truth).recall == 1.0
    never_closed = closures(truth + 0.1, truth)
    assert never_closed.recall == 0.0 and never_closed.precision is None


def test_lip_distance_ignores_where_the_mouth_is() -> None:
    shape = np.random.default_rng(0).normal(size=(3, 478, 3))
    assert lip_distance(shape + [0.5, 0.2, 0], shape) == pytest.approx(0, abs=1e-9)
    assert lip_distance(shape * 1.1, shape) > 0.05


@pytest.mark.parametrize("frames", range(1, 30))
def test_a_span_of_any_length_has_a_lag(frames: int) -> None:
    curve = np.abs(np.sin(np.arange(frames)))
    assert np.isfinite(lag_ms(curve, curve, 60.0))


def _filmed(shifts: np.ndarray) -> list[tuple[np.ndarray, tuple[int, int]]]:
    """A textured picture seen through a window that moves by (x, y), to a fraction of a pixel."""
    grain = np.random.default_rng(5).uniform(0, 255, (400, 400)).astype(np.float32)
    texture = cv2.GaussianBlur(grain, (0, 0), 2.5)
    texture = (texture - texture.min()) * (255 / np.ptp(texture))
    seen = []
    for x, y in shifts:
        chart = np.array([[1, 0, x], [0, 1, y]], np.float32)
        picture = cv2.warpAffine(texture, chart, (400, 400), flags=cv2.INTER_CUBIC)
        seen.append((picture.clip(0, 255).astype(np.uint8), (0, 0)))
    return seen


@pytest.mark.parametrize(("length", "side"), [(64, 21), (150, 7), (200, 15), (400, 39)])
def test_points_do_not_depend_on_who_follows_them(length: int, side: int) -> None:
    pytest.importorskip("torch", reason="torch is not installed here")
    from dubwright.face.torch_point_flow import TorchPointFlow, cuda_point_flow

    rng = np.random.default_rng(length)
    moves = [(0, 0), (0.4, -0.3), (3.6, 2.1), (15.5, -9)]
    before, *others = (grey[:length, : length - 9] for grey, _ in _filmed(np.array(moves)))
    points = rng.uniform(-4, length + 4, (60, 2)).astype(np.float32)
    guess = points + rng.normal(0, 1.5, points.shape).astype(np.float32)
    for after in (*others, np.full_like(before, 90)):
        places, found = OpenCvPointFlow()(before, after, points, guess, side)
        for flow in (TorchPointFlow("cpu"), cuda_point_flow()):
            if flow is None:
                continue
            mine, mine_found = flow(before, after, points, guess, side)
            assert (mine_found == found).all()
            # Half a step of a half float that holds a pixel's place within a face.
            assert np.abs(mine - places)[found].max(initial=0) < 2**-5
            assert np.median(np.abs(mine - places)) < 2**-10


def test_a_face_is_followed_to_a_fraction_of_a_pixel() -> None:
    rng = np.random.default_rng(3)
    face = rng.uniform(120, 280, (478, 3)).astype(np.float32)
    face[[OUTER_EYE_RIGHT, OUTER_EYE_LEFT], :2] = [[140, 160], [260, 160]]
    shifts = np.cumsum(rng.normal(0, 1.0, (12, 2)), axis=0)
    true = face[None] + np.concatenate([shifts, np.zeros((12, 1))], axis=1)[:, None]
    found = (true + rng.normal(0, 1.2, true.shape)).astype(np.float32)
    precise = fused(found, *moved_by_flow(_filmed(shifts), found, OpenCvPointFlow()))

    skin = np.setdiff1d(np.arange(478), LIPS)
    before, after = (
        np.diff(points[:, skin, :2] - true[:, skin, :2], axis=0).std()
        for points in (found, precise)
    )
    assert after < 0.1 * before
    assert np.abs(precise[:, skin, :2] - true[:, skin, :2]).mean() < 0.5


def test_lips_stay_where_they_were_found_on_the_head() -> None:
    """One closed frame among open ones stays closed while the head's jitter is taken out."""
    rng = np.random.default_rng(3)
    upper, lower = INNER_LIP_PAIRS[0]
    face = rng.uniform(120, 280, (478, 3)).astype(np.float32)
    face[[OUTER_EYE_RIGHT, OUTER_EYE_LEFT], :2] = [[140, 160], [260, 160]]
    frames = np.repeat(face[None], 11, axis=0)
    frames[5, lower] = frames[5, upper]
    jitter = rng.normal(0, 1, (11, 1, 3)).astype(np.float32)
    found = frames + jitter
    precise = fused(found, *moved_by_flow(_filmed(np.zeros((11, 2))), found, OpenCvPointFlow()))
    gap = np.linalg.norm((precise[:, lower] - precise[:, upper])[:, :2], axis=1)
    assert gap[5] < 0.01 and gap[4] == pytest.approx(gap[0], rel=0.02)
    assert np.diff(precise[:, RIGID, :2], axis=0).std() < 0.2 * np.diff(jitter, axis=0).std()


def test_a_face_that_is_lost_for_a_while_is_followed_on_both_sides() -> None:
    face = np.random.default_rng(2).uniform(120, 280, (9, 478, 3)).astype(np.float32)
    face[4] = np.nan
    windows = _filmed(np.zeros((9, 2)))
    windows[4] = (np.zeros((0, 0), np.uint8), (0, 0))
    motion, weights = moved_by_flow(windows, face, OpenCvPointFlow())
    assert (weights[3:5] == 0).all()
    precise = fused(face, motion, weights)
    assert np.isnan(precise[4]).all() and np.isfinite(np.delete(precise, 4, axis=0)).all()


def _spoken(symbols: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Curves of some phones, the actor's rest, and the times of the frames in milliseconds."""
    articulation = usual_articulation(MouthRange.typical())
    curves = _predict(symbols).astype(np.float64)
    times_ms = (np.arange(len(curves)) + 0.5) / float(RATE) * 1000
    return curves, np.array(articulation.targets[Viseme.SIL]), times_ms


@given(st.floats(0, 2), st.floats(0, 200), st.text("pamoeistf", min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_whatever_an_artist_asks_lips_that_meet_still_meet(
    intensity: float, smoothing: float, symbols: str
) -> None:
    curves, rest, times_ms = _spoken(symbols)
    asked = MouthControls(intensity=intensity, smoothing_ms=smoothing)
    moved = controlled(curves, rest, asked, times_ms)
    closed = curves[:, 0] <= rest[0]
    assert np.allclose(moved[closed, 0], curves[closed, 0])
    if smoothing == 0:
        assert np.allclose(moved[~closed, 0] - rest[0], intensity * (curves[~closed, 0] - rest[0]))


def test_nothing_asked_changes_nothing() -> None:
    curves, rest, times_ms = _spoken("mapameso")
    assert np.allclose(controlled(curves, rest, MouthControls(), times_ms), curves)


def test_jaw_and_width_are_their_own_controls() -> None:
    curves, rest, times_ms = _spoken("mapameso")
    moved = controlled(curves, rest, MouthControls(jaw=0.5, width=0), times_ms)
    aperture, width, protrusion, jaw = range(4)
    assert np.allclose(moved[:, [aperture, protrusion]], curves[:, [aperture, protrusion]])
    assert np.allclose(moved[:, width], rest[width])
    opened = curves[:, jaw] > rest[jaw]
    assert np.allclose((moved - rest)[opened, jaw], 0.5 * (curves - rest)[opened, jaw])


def test_keys_change_a_control_along_the_line() -> None:
    keys = (
        ControlKey(at_ms=0, intensity=1.0),
        ControlKey(at_ms=500, smoothing_ms=40),
        ControlKey(at_ms=1000, intensity=2.0),
    )
    controls = MouthControls(intensity=0.3, jaw=0.7, keys=keys)
    times = np.array([-100.0, 0, 250, 500, 1000, 4000])
    assert np.allclose(keyed(controls, "intensity", times), [1, 1, 1.25, 1.5, 2, 2])
    assert np.allclose(keyed(controls, "smoothing_ms", times), 40)
    assert np.allclose(keyed(controls, "jaw", times), 0.7)
    with pytest.raises(ValidationError, match="order"):
        MouthControls(keys=(ControlKey(at_ms=5), ControlKey(at_ms=5)))


def test_a_mouth_rests_and_holds_where_it_is_told_to() -> None:
    curves, rest, times_ms = _spoken("mapamesomapameso")
    ranges = (
        ControlRange(start_ms=200, end_ms=400, does="rest"),
        ControlRange(start_ms=700, end_ms=900, does="hold"),
        ControlRange(start_ms=1000, end_ms=1100, does="leave"),
    )
    controls = MouthControls(ranges=ranges)
    moved = controlled(curves, rest, controls, times_ms)
    resting, held = ((times_ms >= a) & (times_ms < b) for a, b in ((200, 400), (700, 900)))
    assert np.allclose(moved[resting], rest)
    assert np.allclose(moved[held], moved[held][0]) and not np.allclose(moved[held][0], rest)
    assert np.abs(np.diff(moved, axis=0)).max() <= 1.5 * np.abs(np.diff(curves, axis=0)).max()
    assert np.array_equal(left_alone(controls, times_ms), (times_ms >= 1000) & (times_ms < 1100))
    assert left_alone(MouthControls(leave=True), times_ms).all()
    assert np.array_equal(spoken_freely(controls, times_ms), ~(resting | held))


def _hum(seconds: float, shift: float) -> tuple[Hearing, np.ndarray, np.ndarray]:
    """A sound whose loudness opens the mouth and whose pitch widens it."""
    rate = 200
    at = np.arange(int(seconds * rate)) / rate + shift
    loud, pitch = np.abs(np.sin(at * 5)), np.sin(at * 3.1)
    noise = np.random.default_rng(int(shift)).normal(0, 0.1, (len(at), 6))
    features = np.hstack([np.stack([loud, pitch], axis=1), noise])
    times = (np.arange(int(seconds * 24)) + 0.5) / 24
    loud, pitch = np.interp(times, at - shift, loud), np.interp(times, at - shift, pitch)
    curves = np.stack([0.2 * loud, 0.5 + 0.05 * pitch, 0.15 + 0 * loud, 1.2 + 0.1 * loud], axis=1)
    return Hearing(features, rate, [[(0.0, seconds, "a")]]), times, curves.astype(np.float32)


def test_a_mouth_is_guessed_from_what_its_sound_was_like_before() -> None:
    usual = usual_articulation(MouthRange.typical())
    line, times, curves = _hum(6, 0)
    acoustics = learned_acoustics(usual, [(times, line, curves)])
    assert acoustics.sureness() > 0.8
    asked, times, true = _hum(4, 100)
    found = acoustics.predict(asked, times)
    assert np.corrcoef(found[:, 0], true[:, 0])[0, 1] > 0.6
    assert abs(found[:, 0].mean() - true[:, 0].mean()) < 0.02


def test_an_actor_who_was_not_heard_speaks_in_the_usual_way() -> None:
    usual = usual_articulation(MouthRange.typical())
    acoustics = learned_acoustics(usual, [])
    assert acoustics.sureness() == 0
    phones = [[(0.5, 0.7, "a"), (0.7, 0.9, "m"), (0.9, 1.1, "a")]]
    hearing = Hearing(np.zeros((400, 27)), 200, phones)
    aperture = acoustics.predict(hearing, np.arange(48) / 24)[:, 0]
    assert aperture[14] > 0.1 and aperture[19] < 0.02
    assert aperture[0] < 0.02 and aperture[-1] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(("slower", "louder"), [(-0.5, 0.0), (0.0, 0.3), (-0.3, 0.2)])
def test_what_pace_and_loudness_do_is_learned_from_long_speech(
    slower: float, louder: float
) -> None:
    rng = np.random.default_rng(8)
    usual = usual_articulation(MouthRange.typical())
    spoken, at = [], 0.0
    for number in range(1500):
        length = (0.12 if number // 40 % 2 else 0.06) * rng.uniform(0.9, 1.1)
        spoken.append((at, at + length, "amsiduok"[number % 8]))
        at += length
    times = np.arange(0, at, 1 / 24)
    loudness = 0.5 * np.sin(times / 3)
    true = usual.model_copy(
        update={"pace": 1500 / at, "pace_power": slower, "loudness_power": louder}
    )
    curves = emphasised(
        shaped(times, spoken, usual).astype(np.float32), times, spoken, loudness, true
    )
    line = Observation(times, spoken, curves)
    found = with_emphasis(usual.model_copy(update={"learned_frames": 1}), [line], [loudness])
    assert found.pace_power == pytest.approx(slower, abs=0.12)
    assert found.loudness_power == pytest.approx(louder, abs=0.12)
    short = Observation(times[:60], [p for p in spoken if p[1] < times[60]], curves[:60])
    little = with_emphasis(usual.model_copy(update={"learned_frames": 1}), [short], [loudness[:60]])
    assert abs(little.pace_power) + abs(little.loudness_power) < 0.1


def test_an_actor_is_learned_by_ear_from_hearings_that_err() -> None:
    rng = np.random.default_rng(5)
    usual = usual_articulation(MouthRange.typical())
    wide = {name: (a * 1.5, w, p, j) for name, (a, w, p, j) in usual.targets.items()}
    actor = usual.model_copy(update={"targets": wide})
    said = [(n * 0.1, n * 0.1 + 0.1, "amsidupo"[n % 8]) for n in range(80)]
    times = np.arange(0, 8, 1 / 24)
    curves = shaped(times, said, actor)
    hearings = [
        [(s, e, "e" if rng.random() < 0.2 else symbol) for s, e, symbol in said] for _ in range(5)
    ]
    found = learned_by_ear(usual, [(times, hearings, curves)])
    assert found.learned_frames == len(times)
    assert found.timing == usual.timing
    off = [np.abs(shaped(times, said, a)[:, 0] - curves[:, 0]).mean() for a in (usual, found)]
    assert off[1] < 0.5 * off[0]
    assert learned_by_ear(usual, [(times[:20], hearings, curves[:20])]) is usual
