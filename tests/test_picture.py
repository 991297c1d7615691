"""Warps, blending, selection and the renderer's patches."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from dubwright.dialogue import Cast
from dubwright.engines import Choice
from dubwright.face.head_frame import head_template, mouth_curves
from dubwright.face.landmarks import MESH_POINTS
from dubwright.model import Box, FaceTrack, MouthCurves, Patch
from dubwright.picture.composite import blended, tone_matched
from dubwright.picture.engines.retrieval import RetrievalRenderer
from dubwright.picture.selection import Candidates, cross_faded, select
from dubwright.picture.shape import CurveToShape, lip_gaps
from dubwright.picture.warp import face_triangles, warp_map, with_frame
from dubwright.sample.head import build_head
from dubwright.trust import Disclosure, burnt_in, marked


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return build_head().posed({"jawOpen": 0.4})[:MESH_POINTS, :2] * [8.0, -8.0] + [150, 150]


def test_a_warp_to_the_same_points_moves_nothing(face: np.ndarray) -> None:
    framed = with_frame(face)
    still = warp_map(framed, framed, face_triangles(face), Box(60, 80, 240, 260), 1.0)
    assert still.shift().max() < 1e-3


def test_a_warp_takes_points_where_they_go(face: np.ndarray) -> None:
    moved = face.copy()
    moved[:, 1] += 3.0
    chart = warp_map(
        with_frame(face), with_frame(moved), face_triangles(face), Box(100, 120, 200, 220), 0.8
    )
    assert np.allclose(chart.y[40:60, 40:60], np.arange(160, 180)[:, None] - 3, atol=0.05)


def test_blending_leaves_both_pictures_where_the_matte_says() -> None:
    mouth, plate = np.full((64, 64, 3), 0.8, np.float32), np.full((64, 64, 3), 0.2, np.float32)
    matte = np.zeros((64, 64), np.float32)
    matte[:, 32:] = 1
    mixed = blended(mouth, plate, matte)
    assert np.allclose(mixed[:, 62:], 0.8, atol=0.12) and np.allclose(mixed[:, :2], 0.2, atol=0.12)
    assert np.allclose(blended(plate, plate, matte), plate, atol=1e-6)


def test_a_library_mouth_takes_the_plates_light() -> None:
    rng = np.random.default_rng(0)
    plate = 0.4 + rng.normal(0, 0.01, (80, 80, 3)).astype(np.float32)
    skin = np.ones((80, 80), bool)
    skin[30:50, 30:50] = False
    matched = tone_matched(plate - 0.05, plate, skin, 60.0)
    assert np.allclose(matched[skin].mean(axis=0), plate[skin].mean(axis=0), atol=0.005)


def _candidates() -> Candidates:
    aperture = np.abs(np.sin(np.arange(60) / 4)) * 0.2
    curves = np.stack([aperture, 0.55 - aperture / 4, 0.15 + aperture / 9, 1.2 + aperture / 2], 1)
    continues = np.ones(60, bool)
    continues[[29, 59]] = False
    return Candidates(curves, np.zeros((60, 2)), np.ones(60), continues)


def test_asking_for_what_the_library_has_plays_it_through() -> None:
    library = _candidates()
    path = select(library, library.curves[5:25], np.zeros((20, 2)))
    assert np.array_equal(path, np.arange(5, 25))


def test_closed_lips_are_drawn_from_closed_lips() -> None:
    library = _candidates()
    asked = library.curves[5:25].copy()
    asked[8:11, 0] = 0
    path = select(library, asked, np.zeros((20, 2)))
    assert library.curves[path[8:11], 0].max() < 0.06


def test_a_cut_in_the_library_is_never_played_through() -> None:
    library = _candidates()
    mixes = cross_faded(np.r_[np.arange(25, 30), np.arange(40, 45)], library.continues)
    assert all(abs(sum(weight for _, weight in mix) - 1) < 1e-9 for mix in mixes)
    assert all(mouth != 30 for mix in mixes for mouth, _ in mix)
    assert mixes[0] == [(25, 1.0)] and len(mixes[4]) in (1, 2)


def _heads() -> np.ndarray:
    """A head in the head frame, its jaw and lips moved, [frames, 478, 3]."""
    head = build_head()
    frames = []
    for jaw in np.linspace(0, 0.6, 12):
        for pucker in (0.0, 0.4):
            points = head.posed({"jawOpen": jaw, "mouthPucker": pucker})[:MESH_POINTS] * [1, -1, -1]
            points = points - points[[33, 263]].mean(axis=0)
            scale = np.linalg.norm(points[33] - points[263])
            frames.append(np.vstack([points, np.repeat(points[[33]], 10, axis=0)]) / scale)
    return np.array(frames)


def test_a_shape_is_bent_to_the_curves_it_should_have() -> None:
    positions = _heads()
    curves = mouth_curves(positions)
    bend = CurveToShape.learned(positions, curves)
    target = curves[5] * 0.5 + curves[16] * 0.5
    assert np.allclose(mouth_curves(bend.towards(positions[5], target)[None])[0], target, atol=0.01)


@pytest.mark.parametrize("aperture", [0.0, -0.02, -0.1])
@pytest.mark.parametrize("start", [0, 3, 8])
def test_lips_that_are_pressed_do_not_pass_through_each_other(aperture: float, start: int) -> None:
    positions = _heads()
    curves = mouth_curves(positions)
    target = np.array([aperture, *curves[0][1:]], np.float32)
    bend = CurveToShape.learned(positions, curves)
    gaps = lip_gaps(bend.towards(positions[start], target))
    assert (gaps >= np.minimum(lip_gaps(positions[start]), 0) - 1e-9).all()
    assert gaps.max() < max(0.03, 0.5 * lip_gaps(positions[start]).max())


def test_the_draft_mark_is_part_of_the_matte() -> None:
    box = Box(100, 60, 160, 110)
    patch = Patch(
        box,
        np.full((50, 60, 3), 0.3, np.float32),
        np.ones((50, 60), np.float32),
        np.zeros((50, 60, 2), np.float32),
    )
    draft = marked(patch, 320, 180)
    inside = draft.alpha[
        60 - draft.box.y0 : 110 - draft.box.y0, 100 - draft.box.x0 : 160 - draft.box.x0
    ]
    assert inside.min() == 1.0
    assert draft.box.y1 <= 180 and draft.box.x1 <= 320
    assert (draft.alpha[-20:] > 0.5).sum() > 100
    assert (draft.rgb[draft.alpha == 0] == 0).all()


@pytest.mark.parametrize("disclosure", list(Disclosure))
def test_a_preview_says_what_it_is(disclosure: Disclosure) -> None:
    plain = np.full((180, 320, 3), 90, np.uint8)
    labelled = burnt_in(plain, disclosure)
    assert (labelled != plain).any() == (disclosure is not Disclosure.NONE)
    assert labelled.shape == plain.shape


class _NoFootage:
    """A library in which the actor is never seen."""

    pixel_aspect = 1.0
    sharpness = np.zeros(8, np.float32)

    def __init__(self, track: object) -> None:
        self.track = track


def test_without_a_library_the_plate_passes_through_with_a_reason() -> None:
    head = build_head().posed({})
    points = np.vstack([head[:468], np.repeat(head[[33]], 10, axis=0)]) * [10, -10, -10]
    landmarks = np.repeat(points[None], 8, axis=0).astype(np.float32)
    track = FaceTrack(landmarks, head_template(landmarks), ("",) * 7 + ("no face was found",))
    curves = MouthCurves(Fraction(24), np.full((8, 4), 0.1, np.float32))
    view = _NoFootage(track)
    choices: list[Choice] = RetrievalRenderer().choose(view, [view], curves, 0, (False, False))  # type: ignore[arg-type]
    assert [bool(c.mouths) for c in choices] == [False] * 8
    assert "only 0 frames" in choices[0].reason and choices[7].reason == "no face was found"


@pytest.mark.parametrize("joins", [(False, False), (True, False), (True, True)])
def test_a_mouth_stays_new_where_spans_touch(joins: tuple[bool, bool]) -> None:
    head = build_head()
    opened = [head.posed({"jawOpen": 0.5 * abs(np.sin(i / 3))}) for i in range(40)]
    points = np.array([np.vstack([f[:468], np.repeat(f[[33]], 10, axis=0)]) for f in opened])
    landmarks = (points * [10, -10, -10]).astype(np.float32)
    track = FaceTrack(landmarks, head_template(landmarks), ("",) * 40)

    class Seen(_NoFootage):
        sharpness = np.ones(40, np.float32)

    curves = MouthCurves(Fraction(24), mouth_curves(points / 10)[5:35] * 0 + 0.05)
    choices = RetrievalRenderer().choose(Seen(track), [Seen(track)], curves, 5, joins)  # type: ignore[arg-type, list-item]
    strength = [choice.strength for choice in choices]
    assert (strength[0] == 1.0, strength[-1] == 1.0) == joins
    assert max(strength) == 1.0 and min(strength) > 0


def test_a_cast_without_the_speaker_does_not_know_the_likeness() -> None:
    assert Cast().speaker("anybody").likeness == "unknown"
