"""Warps, blending, selection and the renderer's patches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dubwright.dialogue import Cast
from dubwright.engines import Choice
from dubwright.face.head_frame import head_template, in_head_frame, mouth_curves
from dubwright.face.landmarks import LIPS, LIPS_INNER, MESH_POINTS, SKIN_RING_FAR
from dubwright.media.colour import encode_log
from dubwright.model import Box, FaceTrack, MouthCurves, Patch
from dubwright.picture.composite import MouthMatte, blended, tone_matched
from dubwright.picture.engines.retrieval import RetrievalRenderer
from dubwright.picture.jaw import HeadCharts, JawMotion, holding
from dubwright.picture.motion_blur import blur_offsets, shutter
from dubwright.picture.raster import OpenCvRaster, Raster
from dubwright.picture.selection import Candidates, select
from dubwright.picture.shape import CurveToShape, lip_gaps
from dubwright.picture.teeth import Bite, TeethMotion
from dubwright.picture.warp import Cells, MeshOver, Warp, face_triangles, grid_step, with_frame
from dubwright.sample.actor import Actor, Pose
from dubwright.sample.head import build_head
from dubwright.trust import Disclosure, burnt_in, draft_mark_box, label_seen, marked


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return build_head().posed({"jawOpen": 0.4})[:MESH_POINTS, :2] * [8.0, -8.0] + [150, 150]


@pytest.fixture(params=["opencv", "torch"])
def raster(request: pytest.FixtureRequest) -> Raster:
    if request.param == "opencv":
        return OpenCvRaster()
    pytest.importorskip("torch", reason="torch is not installed here")
    from dubwright.picture.torch_raster import TorchRaster

    return TorchRaster("cpu")


@pytest.mark.parametrize("step", [1, 2, 4])
def test_a_warp_to_the_same_points_moves_nothing(face: np.ndarray, step: int) -> None:
    framed = with_frame(face)
    cells = Cells.around(Box(60, 80, 240, 260), step)
    still = MeshOver(framed, face_triangles(face), cells).warp(framed, 1.0)
    assert still.shift().max() < 1e-3


@pytest.mark.parametrize("step", [1, 2, 4])
def test_a_warp_takes_points_where_they_go(face: np.ndarray, step: int) -> None:
    moved = face.copy()
    moved[:, 1] += 3.0
    cells = Cells.around(Box(100, 120, 200, 220), step)
    mesh = MeshOver(with_frame(moved), face_triangles(face), cells)
    _, y = mesh.warp(with_frame(face), 0.8).positions(OpenCvRaster())
    assert np.allclose(y[40:60, 40:60], np.arange(160, 180)[:, None] - 3, atol=0.05)


def test_cells_are_finer_than_a_lip_on_every_face() -> None:
    assert [grid_step(iod) for iod in (30, 128, 385, 770, 4000)] == [1, 2, 4, 8, 16]


@pytest.mark.parametrize(("step", "box"), [(1, Box(3, 5, 50, 61)), (4, Box(-9, 0, 100, 33))])
def test_cells_cover_their_box_and_can_be_halved(step: int, box: Box) -> None:
    cells = Cells.around(box, step)
    assert cells.box.intersection(box) == box
    assert cells.box.width % (8 * step) == 0 and cells.box.height % (8 * step) == 0
    part = cells.part(Box(box.x0 + 7, box.y0 + 3, box.x0 + 19, box.y1))
    rows, columns = part.within(cells)
    assert (rows.stop - rows.start, columns.stop - columns.start) == part.shape
    assert part.box.intersection(cells.box) == part.box


def _matte(shading: np.ndarray, detail: np.ndarray) -> MouthMatte:
    height, width = shading.shape
    cells = Cells(Box(0, 0, width, height), 1)
    return MouthMatte(cells, shading, detail, np.ones_like(shading))


def test_blending_leaves_both_pictures_where_the_matte_says(raster: Raster) -> None:
    difference = raster.placed(np.full((64, 64, 3), 0.6, np.float32))
    shading = np.zeros((64, 64), np.float32)
    shading[:, 32:] = 1
    added = raster.fetched(blended(raster, difference, _matte(shading, shading), 1.0))
    assert np.allclose(added[:, 62:], 0.6, atol=0.12) and np.allclose(added[:, :2], 0, atol=0.12)
    assert (
        raster.fetched(blended(raster, difference * 0, _matte(shading, shading), 1.0)) == 0
    ).all()


def test_grain_of_the_skin_stays_the_plates(raster: Raster) -> None:
    grain = np.random.default_rng(0).normal(0, 0.1, (64, 64, 3)).astype(np.float32)
    shadow = np.full((64, 64, 3), 0.2, np.float32)
    everywhere, nowhere = np.ones((64, 64), np.float32), np.zeros((64, 64), np.float32)
    difference = raster.placed(shadow + grain)
    added = raster.fetched(blended(raster, difference, _matte(everywhere, nowhere), 1.0))
    assert abs(added.mean() - 0.2) < 0.01
    assert np.diff(added[:, :, 0], axis=1).std() < 0.15 * np.diff(grain[:, :, 0], axis=1).std()


def test_a_library_mouth_takes_the_plates_light(raster: Raster) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (80, 80, 3)).astype(np.float32)
    skin = np.ones((80, 80), np.float32)
    skin[30:50, 30:50] = 0
    matte = MouthMatte(Cells(Box(0, 0, 80, 80), 1), skin, skin, skin)
    added = raster.fetched(tone_matched(raster, raster.placed(noise - 0.05), matte, 60.0))
    assert np.allclose(added[skin > 0].mean(axis=0), 0, atol=0.005)


def _picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * width)
    return rng.uniform(-0.2, 1.5, (height, width, 3)).astype(np.float32)


def _log_there_and_back(raster: Raster) -> list[Any]:
    log = raster.log(raster.placed(_picture(16, 24)))
    return [log, raster.linear(log)]


def _sampled(raster: Raster) -> list[Any]:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-4, 44, (2, 20, 24)).astype(np.float32)
    source = raster.placed(_picture(32, 40))
    return [raster.sampled(source, raster.placed(x), raster.placed(y))]


def _resized(raster: Raster) -> list[Any]:
    picture = raster.placed(_picture(32, 48))
    plane = raster.placed(_picture(32, 48)[..., 0])
    made = [raster.halved, raster.doubled, lambda g: raster.averaged(g, 4)]
    return [make(grid) for make in made for grid in (picture, plane)] + [
        raster.enlarged(picture, factor) for factor in (2, 8)
    ]


def _blurred(raster: Raster) -> list[Any]:
    sigmas = (0.6, 2.0, 25.0)
    return [raster.blurred(raster.placed(_picture(24, 32)), sigma) for sigma in sigmas]


@pytest.mark.parametrize("work", [_log_there_and_back, _sampled, _resized, _blurred])
def test_torch_and_opencv_compute_the_same(work: Callable[[Raster], list[Any]]) -> None:
    pytest.importorskip("torch", reason="torch is not installed here")
    from dubwright.picture.torch_raster import TorchRaster

    torch, opencv = TorchRaster("cpu"), OpenCvRaster()
    for mine, other in zip(work(torch), work(opencv), strict=True):
        assert np.allclose(torch.fetched(mine), opencv.fetched(other), atol=2e-5)


def _candidates() -> Candidates:
    aperture = np.abs(np.sin(np.arange(60) / 4)) * 0.2
    curves = np.stack([aperture, 0.55 - aperture / 4, 0.15 + aperture / 9, 1.2 + aperture / 2], 1)
    runs = np.repeat([0, 1], 30)
    looks = aperture[:, None] * np.ones(4)
    return Candidates(curves, np.zeros((60, 2)), np.ones(60), looks, runs, np.zeros((60, 0)))


def test_asking_for_what_the_library_has_plays_it_through() -> None:
    library = _candidates()
    path = select(library, library.curves[5:25], np.zeros((20, 2)), np.zeros((20, 0)))
    assert np.array_equal(path, np.arange(5, 25))


def test_closed_lips_are_drawn_from_closed_lips() -> None:
    library = _candidates()
    asked = library.curves[5:25].copy()
    asked[8:11, 0] = 0
    path = select(library, asked, np.zeros((20, 2)), np.zeros((20, 0)))
    assert library.curves[path[8:11], 0].max() < 0.06


def _choice_of(first: list[float], second: list[float], asked: list[float]) -> int:
    """Which of two mouths is shown, by lips and jaw, in a library of very different ones."""
    others = [[0.4, 0.9], [0.45, 0.8], [0.5, 1.0], [0.55, 0.85]]
    mouths = np.array([[*lips, 0.15, 1.2] for lips in (first, second, *others)])
    count = len(mouths)
    library = Candidates(
        mouths,
        np.zeros((count, 2)),
        np.ones(count),
        np.zeros((count, 1)),
        np.arange(count),
        np.zeros((count, 0)),
    )
    still = np.array([[*asked, 0.15, 1.2]])
    return int(select(library, still, np.zeros((1, 2)), np.zeros((1, 0)))[0])


@pytest.mark.parametrize("swapped", [False, True])
def test_a_mouth_is_rather_covered_than_opened_further(swapped: bool) -> None:
    wide, narrow = [0.2, 0.6], [0.12, 0.6]
    high, low = [0.16, 0.56], [0.16, 0.64]
    assert _choice_of(*((narrow, wide) if swapped else (wide, narrow)), [0.16, 0.6]) == swapped
    assert _choice_of(*((high, low) if swapped else (low, high)), [0.16, 0.6]) == swapped


@pytest.mark.parametrize("closed", [-0.005, 0.0, 0.01])
def test_lips_that_touch_are_closed_however_far_they_are_measured(closed: float) -> None:
    assert _choice_of([closed, 0.6], [0.05, 0.6], [0.026, 0.6]) == 0


def test_a_jump_goes_where_the_mouth_looks_alike() -> None:
    library = _candidates()
    looks = np.zeros((60, 4))
    looks[40:] = 1.0  # the second half of the second source is lit from elsewhere
    odd = replace(library, looks=looks)
    asked = np.vstack([library.curves[20:30], library.curves[45:55]])
    path = select(odd, asked, np.zeros((20, 2)), np.zeros((20, 0)))
    jumps = [(a, b) for a, b in pairwise(path.tolist()) if abs(b - a) > 2]
    assert all((looks[a] == looks[b]).all() for a, b in jumps)


def test_of_mouths_alike_the_one_that_says_the_same_is_drawn() -> None:
    library = _candidates()
    curves = np.vstack([library.curves[:30], library.curves[:30]])
    said = np.repeat(np.eye(2), 30, axis=0)
    twice = replace(library, curves=curves, looks=np.zeros((60, 4)), visemes=said)
    for spoken in (0, 1):
        path = select(twice, curves[5:25], np.zeros((20, 2)), np.eye(2)[[spoken] * 20])
        assert np.array_equal(path, np.arange(5, 25) + 30 * spoken)
    unknown = select(twice, curves[5:25], np.zeros((20, 2)), np.zeros((20, 2)))
    assert np.array_equal(unknown % 30, np.arange(5, 25))


def test_a_cut_in_the_library_is_never_played_through() -> None:
    library = _candidates()
    curves = library.curves.copy()
    curves[30:] = curves[30:] + 0.5
    apart = replace(library, curves=curves, looks=np.repeat([[0.0], [5.0]], 30, axis=0))
    path = select(apart, curves[25:30], np.zeros((5, 2)), np.zeros((5, 0)))
    assert path.max() < 30


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
    draft = marked(patch, 320, 180, Box(0, 0, 320, 180))
    inside = draft.alpha[
        60 - draft.box.y0 : 110 - draft.box.y0, 100 - draft.box.x0 : 160 - draft.box.x0
    ]
    assert inside.min() == 1.0
    assert draft.box.y1 <= 180 and draft.box.x1 <= 320
    assert (draft.alpha[-20:] > 0.5).sum() > 100
    assert (draft.rgb[draft.alpha == 0] == 0).all()


@pytest.mark.parametrize("seen", [Box(0, 0, 640, 300), Box(40, 20, 600, 340)])
def test_the_draft_mark_stands_where_the_frame_holds_pixels(seen: Box) -> None:
    patch = Patch(
        Box(300, 150, 340, 190),
        *(np.ones((40, 40, *more), np.float32) for more in ((3,), (), (2,))),
    )
    draft = marked(patch, 640, 360, seen)
    mark = draft_mark_box(seen)
    assert mark == mark.intersection(seen)
    assert (draft.alpha[mark.within(draft.box)] > 0.5).sum() > 100


@pytest.mark.parametrize("disclosure", [Disclosure.LABEL, Disclosure.DRAFT])
@pytest.mark.parametrize("light", [0, 90, 200, 255])
def test_a_label_is_seen_on_any_picture_and_only_where_it_is(
    disclosure: Disclosure, light: int
) -> None:
    rng = np.random.default_rng(light)
    flat = np.full((360, 640, 3), light, np.uint8)
    coarse = cv2.resize(rng.integers(0, 256, (30, 50, 3), dtype=np.uint8), (640, 360))
    fine = rng.integers(0, 256, (360, 640, 3), dtype=np.uint8)
    for picture in (flat, coarse, fine):
        _, coded = cv2.imencode(".jpg", burnt_in(picture, disclosure), [1, 70])
        assert label_seen(cv2.imdecode(coded, cv2.IMREAD_COLOR), disclosure)
        assert not label_seen(picture, disclosure)


@pytest.mark.parametrize("disclosure", list(Disclosure))
def test_a_preview_says_what_it_is(disclosure: Disclosure) -> None:
    plain = np.full((180, 320, 3), 90, np.uint8)
    labelled = burnt_in(plain, disclosure)
    assert (labelled != plain).any() == (disclosure is not Disclosure.NONE)
    assert labelled.shape == plain.shape


class _NoFootage:
    """A library in which the actor is never seen."""

    pixel_aspect = 1.0
    shutter = 0.0
    follows = None
    sharpness = np.zeros(8, np.float32)
    looks = np.zeros((8, 4), np.float32)
    visemes = None

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
    assert [c.mouth is not None for c in choices] == [False] * 8
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
        looks = np.zeros((40, 4), np.float32)

    curves = MouthCurves(Fraction(24), mouth_curves(points / 10)[5:35] * 0 + 0.05)
    choices = RetrievalRenderer().choose(Seen(track), [Seen(track)], curves, 5, joins)  # type: ignore[arg-type, list-item]
    strength = [choice.strength for choice in choices]
    assert (strength[0] == 1.0, strength[-1] == 1.0) == joins
    assert max(strength) == 1.0 and min(strength) > 0


class _Filmed(_NoFootage):
    """A talking head before a textured picture, its own library."""

    size = (220, 240)

    def __init__(self) -> None:
        head = build_head()
        opened = [head.posed({"jawOpen": 0.5 * abs(np.sin(i / 3))}) for i in range(40)]
        points = np.array([np.vstack([f[:468], np.repeat(f[[33]], 10, axis=0)]) for f in opened])
        landmarks = (points * [7, -7, -7] + [110, 120, 0]).astype(np.float32)
        super().__init__(FaceTrack(landmarks, head_template(landmarks), ("",) * 40))
        self.sharpness = np.ones(40, np.float32)
        self.looks = np.zeros((40, 4), np.float32)
        grain = np.random.default_rng(4).uniform(0.02, 1.2, (240, 220, 3)).astype(np.float32)
        self.picture = cv2.GaussianBlur(grain, (0, 0), 1.5)

    def region(self, index: int, box: Box) -> np.ndarray:
        return self.picture[box.slices]

    def generated(self, index: int) -> None: ...

    def front(self, index: int) -> None: ...

    def crop(self, index: int) -> tuple[np.ndarray, tuple[int, int]]:
        return encode_log(self.picture * 1.1), (0, 0)


def _drawn(raster: Raster) -> list[Patch]:
    filmed, renderer = _Filmed(), RetrievalRenderer(raster)
    curves = np.repeat([[0.12, 0.55, 0.15, 1.3], [0.02, 0.5, 0.16, 1.22]], 8, axis=0)
    wanted = MouthCurves(Fraction(24), curves.astype(np.float32))
    chosen = renderer.choose(filmed, [filmed], wanted, 4, (True, True))
    drawn = renderer.draw(filmed, [filmed], wanted, 4, chosen, range(16))
    return [patch for patch in drawn if patch is not None]


def test_a_patch_does_not_depend_on_who_computes_it() -> None:
    pytest.importorskip("torch", reason="torch is not installed here")
    from dubwright.picture.torch_raster import TorchRaster, cuda_raster

    expected = _drawn(OpenCvRaster())
    assert len(expected) == 16 and max(patch.alpha.max() for patch in expected) == 1
    for raster in (TorchRaster("cpu"), cuda_raster()):
        for mine, other in zip(_drawn(raster) if raster else [], expected, strict=bool(raster)):
            assert mine.box == other.box
            # Half a step of the half floats that patches are written as, at each value.
            for a, b in ((mine.rgb, other.rgb), (mine.alpha, other.alpha)):
                assert (np.abs(a - b) <= np.maximum(np.abs(b), 2**-3) * 2**-11).all()
            assert np.allclose(mine.stmap, other.stmap, atol=1e-6)


def test_a_patch_is_where_the_matte_is() -> None:
    for patch in _drawn(OpenCvRaster()):
        assert (patch.rgb[patch.alpha == 0] == 0).all()
        assert patch.alpha.min() == 0 and patch.stmap.shape == (*patch.alpha.shape, 2)


def test_a_cast_without_the_speaker_does_not_know_the_likeness() -> None:
    assert Cast().speaker("anybody").likeness == "unknown"


def _moved_actor(frames: int, step: float, open_for: float) -> list[NDArray[np.float32]]:
    """An actor who crosses the picture for a while, with the shutter open so long."""
    still = Actor(480, 288, 3).frame(0, {"jawOpen": 0.2}, Pose())
    pictures = []
    for frame in range(frames):
        way = step if frame >= frames // 2 else 0.0
        place = way * (frame - frames // 2)
        parts = [
            cv2.warpAffine(
                still,
                np.float32([[1, 0, place + way * part], [0, 1, (place + way * part) / 4]]),
                (480, 288),
            )
            for part in open_for * (np.arange(9) / 9 - 4 / 9)
        ]
        pictures.append(np.mean(parts, axis=0).astype(np.float32))
    return pictures


@pytest.mark.parametrize("open_for", [0.0, 0.25, 0.5])
def test_the_shutter_is_told_from_the_picture(open_for: float) -> None:
    pictures = _moved_actor(16, 8.0, open_for)
    velocity = np.array([[8.0 if n >= 8 else 0.0, 2.0 if n >= 8 else 0.0] for n in range(16)])

    def face(frame: int) -> NDArray[np.float32]:
        x, y = 140 + 8 * max(0, frame - 8), 50 + 2 * max(0, frame - 8)
        return pictures[frame][y : y + 200, x : x + 200]

    assert shutter(face, velocity, range(16)) == pytest.approx(open_for, abs=0.13)
    assert shutter(face, np.zeros((16, 2)), range(16)) == 0


def test_a_sharp_mouth_is_blurred_by_what_it_lacks() -> None:
    assert blur_offsets(np.array([1.0, 0.0]), np.zeros(2)).tolist() == [[0, 0]]
    offsets = blur_offsets(np.array([6.0, 0.0]), np.array([0.0, 6.0]))
    assert np.ptp(offsets[:, 0]) == pytest.approx(6 * (1 - 1 / len(offsets)))
    assert offsets.mean(axis=0) == pytest.approx([0, 0])
    assert blur_offsets(np.array([5.0, 0.0]), np.array([-5.0, 0.0])).tolist() == [[0, 0]]
    lacks = blur_offsets(np.array([5.0, 0.0]), np.array([3.0, 0.0]))
    assert lacks[-1, 0] == pytest.approx(2.0 * (1 - 1 / len(lacks)))


# --- What follows the jaw -----------------------------------------------------------------------

# A microphone is some six centimetres wide, and eyes nine apart.
WALL, SKIN, MICROPHONE = (8, 150), (86, 176), (142, 186)


def _speaking_head(frames: int) -> FaceTrack:
    """A head that turns up and down a little while its jaw opens and closes, eyes 100 apart."""
    head = build_head()
    posed = [head.posed({"jawOpen": 0.6 * abs(np.sin(i / 2.3))}) for i in range(frames)]
    points = np.array([np.vstack([f[:468], np.repeat(f[[33]], 10, axis=0)]) for f in posed])
    wide = np.linalg.norm(points[0, 33, :2] - points[0, 263, :2])
    places = points * [100 / wide, -100 / wide, -100 / wide]
    sway = 3 * np.sin(np.arange(frames) / 5)[:, None] * [1, 0.5, 0]
    places += (np.array([125, 100, 0]) - places[0, 4]) + sway[:, None]
    landmarks = places.astype(np.float32)
    return FaceTrack(landmarks, head_template(landmarks), ("",) * frames)


def _filmed(track: FaceTrack, frame: int) -> np.ndarray:
    """Skin that the head and its chin take along, before a wall and behind a microphone."""
    textures = np.random.default_rng(8).uniform(0.05, 0.8, (3, 330, 250)).astype(np.float32)
    wall, skin, microphone = (cv2.GaussianBlur(each, (0, 0), 2) for each in textures)
    points = track.landmarks[:, :, :2]
    right, down = (points[frame, 4] - points[0, 4]).tolist()
    opened = points[frame, 152, 1] - points[0, 152, 1] - down
    y, x = np.mgrid[0:330, 0:250].astype(np.float32)
    chin = points[0, 152, 1]
    carried = np.clip((y - down - 140) / (chin - 140), 0, 1) * opened
    carried *= np.clip((chin + 45 - (y - down - opened)) / 25, 0, 1)
    picture = cv2.remap(skin, x - right, y - down - carried, cv2.INTER_LINEAR)
    behind = np.abs(x - 125 - right) > 62
    picture[behind] = wall[behind]
    before = np.hypot(x - MICROPHONE[0], y - MICROPHONE[1]) < 28
    picture[before] = microphone[before]
    return np.repeat(picture[..., None], 3, axis=2)


def _what_follows(frames: int) -> tuple[HeadCharts, FaceTrack, np.ndarray | None]:
    track = _speaking_head(frames)
    charts = HeadCharts(track)
    motion = JawMotion(track, charts, Fraction(24))
    for frame in range(frames):
        box = charts.box(frame, 1.0).clipped(250, 330)
        motion.see(frame, _filmed(track, frame)[box.slices], box, 1.0)
    return charts, track, motion.share()


def test_skin_follows_the_jaw_and_walls_and_microphones_do_not() -> None:
    charts, _, share = _what_follows(60)
    assert share is not None
    y, x = np.mgrid[0:330, 0:250].astype(np.float32)
    follows = charts.share_at(share, 0, x, y)

    def around(place: tuple[int, int]) -> float:
        column, row = place
        return float(follows[row - 4 : row + 5, column - 4 : column + 5].mean())

    assert around(SKIN) > 0.8
    assert around(MICROPHONE) < 0.25
    assert around(WALL) < 0.1 and around((242, 220)) < 0.1
    assert around((125, 60)) < 0.1, "a forehead does not follow the jaw"


def test_from_a_jaw_that_hardly_moves_nothing_is_told() -> None:
    assert _what_follows(6)[2] is None


def test_what_does_not_follow_the_jaw_is_held() -> None:
    charts, track, share = _what_follows(60)
    assert share is not None
    cells = Cells(Box(0, 96, 248, 328), 1)
    whole = np.full(cells.shape, 5, np.float32)
    points = track.landmarks[0, :468, :2].astype(np.float64)
    held = holding(Warp(cells, whole, whole), share, charts, 0, points, 1.0, 100.0)
    assert np.array_equal(held.dx, held.dy)
    row, column = MICROPHONE[1] - 96, MICROPHONE[0]
    assert held.dy[row, column] < 1.5 and held.dy[SKIN[1] - 96, SKIN[0]] > 4
    assert held.dy[:, :5].max() < 0.5
    x, y = points[list(SKIN_RING_FAR)].mean(axis=0).round().astype(int)
    assert held.dy[y - 96, x] == pytest.approx(5, abs=0.1), "the mouth itself is never held"


def test_frames_without_a_face_are_no_part_of_a_chart() -> None:
    track = _speaking_head(60)
    landmarks = track.landmarks.copy()
    landmarks[[0, 7, 8, 59]] = np.nan
    gaps = FaceTrack(landmarks, track.template, track.reasons)
    charts = HeadCharts(gaps)
    assert np.isfinite(charts.to_chart(5)).all() and np.isnan(charts.to_chart(7)).all()
    motion = JawMotion(gaps, charts, Fraction(24))
    for frame in np.flatnonzero(gaps.found).tolist():
        box = charts.box(frame, 1.0).clipped(250, 330)
        picture = _filmed(track, frame)
        picture[200:203] = np.nan  # as a faulty renderer leaves them
        motion.see(frame, picture[box.slices], box, 1.0)
    share = motion.share()
    assert share is not None and np.isfinite(share).all() and share.max() > 0.8
    nobody = FaceTrack(np.full_like(landmarks, np.nan), track.template, ("no face was found",) * 60)
    assert JawMotion(nobody, HeadCharts(nobody), Fraction(24)).share() is None


@dataclass(frozen=True)
class _HeldMouth:
    """A mouth of the library on a turned, larger head, by the mesh alone and with teeth held.

    Attributes:
        bent, held: the warps.
        bite: the actor's.
        turn: [2, 2], from the library's pixels to the plate's.
        to_plate: where x and y of the head frame lie in the plate, at the teeth's depth.
        target, source: the face to draw and the library's, [468, 2], each in its own pixels.
    """

    bent: Warp
    held: Warp
    bite: Bite
    turn: np.ndarray
    to_plate: Callable[[float, float], np.ndarray]
    target: np.ndarray
    source: np.ndarray


def _held_mouth(lift: float, chin: float = 0.1, aspect: float = 1.0) -> _HeldMouth:
    """The upper lip is lifted by some of the eyes' distance; the chin is so far from the bite."""
    track = _speaking_head(24)
    positions = in_head_frame(track.landmarks, track.template).positions
    bite = Bite.learned(positions)
    index = int(np.argmax(mouth_curves(positions)[:, 0]))
    upper = [point for point in LIPS if positions[index, point, 1] < bite.height + 0.02]
    track.landmarks[index, upper, 1] -= 8
    angle, larger = np.radians(6), 1.4
    turn = larger * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = track.landmarks * np.float32(larger)
    turned[..., :2] = track.landmarks[..., :2] @ turn.T
    plate = in_head_frame(turned, track.template)
    pixels = np.array([1 / aspect, 1.0])
    shape = plate.positions[index][:MESH_POINTS].copy()
    shape[upper, 1] -= lift
    target = plate.in_picture(index, shape)[:, :2] * pixels
    source = track.landmarks[index, :MESH_POINTS, :2].astype(np.float64)
    low, high = target[list(LIPS)].min(axis=0) - 8, target[list(LIPS)].max(axis=0) + 8
    cells = Cells.around(Box(*low.astype(int).tolist(), *high.astype(int).tolist()), 1)
    bent = MeshOver(with_frame(target), face_triangles(target), cells).warp(with_frame(source), 0.8)
    library = in_head_frame(track.landmarks, track.template)
    teeth = TeethMotion((plate, index, aspect), (library, index, 1.0), bite.jaw + chin, bite)

    def to_plate(x: float, y: float) -> np.ndarray:
        place = plate.in_picture(index, np.array([[x, y, bite.depth]]))[0, :2]
        return np.asarray(place * pixels)

    # From the plate's pixels, squeezed as they may be, back to the library's.
    back = turn * pixels[:, None]
    return _HeldMouth(bent, teeth.held(bent, target, source), bite, back, to_plate, target, source)


def _taken_from(mouth: _HeldMouth, warp: Warp, places: np.ndarray) -> np.ndarray:
    """How far the pixels at places [places, 2] are taken from where the skull has them."""
    pixels = np.round(places).astype(int)
    rows, columns = pixels[:, 1] - warp.cells.box.y0, pixels[:, 0] - warp.cells.box.x0
    taken = pixels + np.stack([warp.dx, warp.dy], axis=-1)[rows, columns]
    return np.asarray(np.hypot(*(taken - pixels @ np.linalg.inv(mouth.turn).T).T))


def _row(mouth: _HeldMouth, below_bite: float) -> np.ndarray:
    """Five places across the mouth, so far below the edge of the upper teeth."""
    across = np.linspace(-0.05, 0.05, 5)
    return np.array([mouth.to_plate(x, mouth.bite.height + below_bite) for x in across])


@pytest.mark.parametrize("aspect", [1.0, 2.0])
@pytest.mark.parametrize(("lift", "above", "bent_by"), [(-0.015, 0.025, 0.3), (0.02, 0.055, 0.15)])
def test_upper_teeth_move_as_the_skull_does(
    lift: float, above: float, bent_by: float, aspect: float
) -> None:
    mouth = _held_mouth(lift, aspect=aspect)
    teeth = _row(mouth, -above)
    assert _taken_from(mouth, mouth.bent, teeth).max() > bent_by
    assert _taken_from(mouth, mouth.held, teeth).max() < 0.2


def test_teeth_that_no_lip_bends_are_where_they_were() -> None:
    mouth = _held_mouth(0)
    for warp in (mouth.bent, mouth.held):
        assert _taken_from(mouth, warp, _row(mouth, -0.025)).max() < 0.01


@pytest.mark.parametrize("lift", [-0.04, 0.04])
def test_lips_are_never_taken_for_teeth(lift: float) -> None:
    """On the lips and beyond the mesh stands; between them nothing is taken from a lip."""
    mouth = _held_mouth(lift)
    cells = mouth.bent.cells
    x, y = cells.places()
    outline = mouth.target[list(LIPS_INNER)]
    inside = cells.filled(outline) > 0
    beyond = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    assert np.array_equal(mouth.held.dx[beyond], mouth.bent.dx[beyond])
    assert np.array_equal(mouth.held.dy[beyond], mouth.bent.dy[beyond])
    assert np.abs(mouth.held.dy - mouth.bent.dy).max() > 0.3, "something is held"
    lips = np.round(mouth.source[list(LIPS_INNER)] * 16).astype(np.int32)
    seen = np.zeros((400, 400), np.uint8)
    cv2.fillPoly(seen, [lips], 255, cv2.LINE_8, 4)
    depth = cv2.distanceTransform(seen, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    deep = inside & (cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    bent, held = (
        cv2.remap(depth, x + warp.dx, y + warp.dy, cv2.INTER_LINEAR)[deep]
        for warp in (mouth.bent, mouth.held)
    )
    assert (held >= 0.75 * bent - 0.5).all()


@pytest.mark.parametrize(
    ("chin", "row", "dropped"),
    [(0.08, 0.09, 0.0077), (0.0877, 0.09, 0), (0.1, 0.11, 0.0123)],
    ids=["nearer", "as it was", "further"],
)
def test_lower_teeth_move_as_the_jaw_does(chin: float, row: float, dropped: float) -> None:
    """The library's chin is 0.0877 of the eyes' distance, 98 pixels, from where teeth meet."""
    mouth = _held_mouth(0, chin)
    taken = _taken_from(mouth, mouth.held, _row(mouth, row))
    assert np.abs(taken - dropped * 98).max() < 0.15


def test_what_is_between_the_teeth_is_not_smeared() -> None:
    """A jaw that drops by 0.072 of the eyes' distance would widen it twofold."""
    mouth = _held_mouth(0, chin=0.16)
    taken = _taken_from(mouth, mouth.held, _row(mouth, 0.11)) / 98
    assert (0.11 / (0.11 - taken)).max() < 1.65


def test_the_renderer_holds_teeth(monkeypatch: pytest.MonkeyPatch) -> None:
    held = _drawn(OpenCvRaster())
    monkeypatch.setattr(TeethMotion, "held", lambda self, warp, points, source: warp)
    bent = _drawn(OpenCvRaster())
    changes = [np.abs(a.rgb - b.rgb).max() for a, b in zip(held, bent, strict=True)]
    assert max(changes) > 0.01
