"""A network learns how an actor's mouth looks, and draws no worse than what it learned from."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import Dubbed
from filmed import FRAMES, FilmedActor
from numpy.typing import NDArray
from tiny_models import tiny_vision_network

from dubwright.api import EngineChoice, dub
from dubwright.face.landmarks import INNER_LIP_PAIRS
from dubwright.model import Box, MouthCurves, Patch
from dubwright.operations import actors
from dubwright.picture.engines.actor import AROUND, BLOCK, NETWORK, ActorRenderer, drawn_pairs
from dubwright.picture.engines.retrieval import RetrievalRenderer
from dubwright.picture.refinement import DrawnPair, MouthWindow

torch = pytest.importorskip("torch", reason="torch is not installed here")
nlpd = pytest.importorskip("dubwright.picture.torch_nlpd")
refiner = pytest.importorskip("dubwright.picture.torch_refiner")

TINTED = np.float32([0.06, -0.04, 0.02])


@pytest.fixture(scope="module")
def pairs() -> list[list[DrawnPair]]:
    filmed = FilmedActor()
    return [run for run in drawn_pairs(filmed, [filmed], 0, lambda: None) if len(run) > 1]


@pytest.fixture(scope="module")
def tinted(pairs: list[list[DrawnPair]]) -> list[list[DrawnPair]]:
    """The same, drawn as they are but in a wrong light."""
    return [[replace(pair, drawn=pair.true + TINTED) for pair in run] for run in pairs]


def _picture(seed: int = 0, side: int = 64) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0.2, 0.6, (side, side, 3)).astype(np.float32)


def _as_tensor(picture: NDArray[np.float32]) -> object:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def test_the_distance_of_pictures_grows_as_they_part() -> None:
    import cv2

    picture = _as_tensor(_picture())
    blurred = [
        _as_tensor(cv2.GaussianBlur(_picture(), (0, 0), sigma).astype(np.float32))
        for sigma in (0.4, 0.8, 1.6)
    ]
    apart = [float(nlpd.pyramid_distance(other, picture)) for other in (picture, *blurred)]
    assert apart == sorted(apart) and apart[0] < 1e-4 < apart[1]


def test_what_is_lost_counts_on_skin_and_less_beside_an_edge() -> None:
    flat = np.full((64, 64, 3), 0.4, np.float32)
    busy = _picture()
    pore = np.zeros_like(flat)
    pore[32, 32] = 0.05
    on_skin, beside = (
        float(nlpd.pyramid_distance(_as_tensor(under + pore), _as_tensor(under)))
        for under in (flat, busy)
    )
    assert on_skin > 2 * beside


def test_a_frame_is_drawn_from_others_than_itself_and_its_neighbours() -> None:
    filmed = FilmedActor()
    seen = 0
    for run in drawn_pairs(filmed, [filmed], 0, lambda: None):
        own = range(run[0].frame // BLOCK * BLOCK, run[0].frame // BLOCK * BLOCK + BLOCK)
        near = set(range(own.start - AROUND, own.stop + AROUND)) & set(range(FRAMES))
        assert filmed.asked
        assert not near & set(filmed.asked)
        filmed.asked.clear()
        seen += len(run)
        for pair in run:
            truth = filmed.region(pair.frame, pair.window.box)
            assert pair.true.shape == pair.drawn.shape == truth.shape
            assert 0 < np.abs(pair.true - pair.drawn).mean() < 0.05
    assert seen >= FRAMES - 2


def test_planes_do_not_depend_on_the_box() -> None:
    filmed = FilmedActor()
    points = filmed.track.landmarks[10, :468, :2].astype(np.float64)
    window = MouthWindow.around(points, 60.0)
    inner = Box(window.box.x0 + 9, window.box.y0 + 5, window.box.x1 - 12, window.box.y1 - 3)
    rows, columns = inner.within(window.box)
    for part, whole in (
        (window.part(inner).planes(), window.planes()[:, rows, columns]),
        (window.part(inner).reach(), window.reach()[rows, columns]),
    ):
        np.testing.assert_array_equal(part, whole)
    assert window.reach().max() == 1 and window.reach()[0].max() == 0


def _patches(renderer: RetrievalRenderer | ActorRenderer) -> list[Patch]:
    filmed = FilmedActor()
    curves = MouthCurves(Fraction(24), filmed.curves[5:13] * np.float32([0.7, 1, 1, 1]))
    chosen = renderer.choose(filmed, [filmed], curves, 20, (True, True))
    drawn = renderer.draw(filmed, [filmed], curves, 20, chosen, range(8))
    return [patch for patch in drawn if patch is not None]


def _renderer(weights: dict[str, object], folder: Path) -> ActorRenderer:
    from safetensors.torch import save_file

    save_file(weights, folder / NETWORK)
    return ActorRenderer(folder)


def test_a_network_that_learned_nothing_changes_nothing(tmp_path: Path) -> None:
    plain = _patches(RetrievalRenderer())
    refined = _patches(_renderer(refiner.Training().weights, tmp_path))
    assert len(plain) == len(refined) == 8
    for one, other in zip(plain, refined, strict=True):
        assert one.box == other.box
        np.testing.assert_allclose(other.rgb, one.rgb, atol=1e-6)
        np.testing.assert_array_equal(other.alpha, one.alpha)


def test_a_network_changes_the_mouth_and_nothing_around_it(tmp_path: Path) -> None:
    weights = refiner.Training().weights
    weights["last.bias"] = torch.full_like(weights["last.bias"], 0.5)
    plain, changed = _patches(RetrievalRenderer()), _patches(_renderer(weights, tmp_path))
    filmed = FilmedActor()
    for frame, (one, other) in enumerate(zip(plain, changed, strict=True), start=20):
        moved = np.abs(other.rgb - one.rgb).max(axis=2) > 1e-5
        assert moved.any()
        lips = filmed.track.landmarks[frame, :468, :2]
        apart = np.linalg.norm(lips[33] - lips[263])
        rows, columns = np.nonzero(moved)
        middle = lips[[61, 291]].mean(axis=0) - (one.box.x0, one.box.y0)
        away = np.hypot(columns - middle[0], rows - middle[1])
        assert away.max() < 0.75 * apart


def test_lips_that_touch_are_left_as_they_are_drawn() -> None:
    filmed = FilmedActor()
    points = filmed.track.landmarks[10, :468, :2].astype(np.float64)
    pairs = np.array(INNER_LIP_PAIRS)
    opened = []
    for gap in (0.0, 0.01, 0.02, 0.03, 0.05):
        lips = points.copy()
        lips[pairs[:, 1]] = lips[pairs[:, 0]] + (0, gap * 80)
        opened.append(MouthWindow.around(lips, 80.0).openness())
    assert opened == sorted(opened) and opened[:2] == [0, 0] and opened[-1] == 1
    assert 0 < opened[2] < opened[3] < 1
    picture = torch.full((80, 80, 3), 0.4)
    closed = points.copy()
    closed[pairs[:, 1]] = closed[pairs[:, 0]]
    weights = refiner.Training().weights
    weights["last.bias"].fill_(0.5)
    changes = [
        refiner.TorchRefiner(weights).change(picture, MouthWindow.around(each, 80.0)).abs().max()
        for each in (points, closed)
    ]
    assert changes[0] > 0.01 and changes[1] == 0


def test_learning_goes_on_as_if_it_had_not_stopped(
    tinted: list[list[DrawnPair]], tmp_path: Path
) -> None:
    straight = refiner.Training()
    for _ in range(4):
        straight.learn(tinted)
    first = refiner.Training()
    for _ in range(2):
        first.learn(tinted)
    first.save(tmp_path)
    second = refiner.Training.load(tmp_path)
    for _ in range(2):
        second.learn(tinted)
    assert second.steps == 4
    for name, weights in straight.weights.items():
        torch.testing.assert_close(second.weights[name], weights, rtol=0, atol=0)


def test_what_is_always_wrong_is_learned(tinted: list[list[DrawnPair]]) -> None:
    learned, held = tinted[1:], tinted[:1]
    before = refiner.scored(None, held)
    training = refiner.Training()
    for _ in range(80):
        training.learn(learned)
    after = refiner.scored(refiner.TorchRefiner(training.weights), held)
    assert after.apart < 0.4 * before.apart


@pytest.mark.parametrize("clip", [False, True])
def test_likeness_grows_as_pictures_part_less(clip: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed here")
    from dubwright.picture.torch_likeness import likeness_of

    likeness = likeness_of(tiny_vision_network(tmp_path, clip))
    true = torch.from_numpy(_picture(1)).permute(2, 0, 1)[None] * 0.2 + 0.4
    other = torch.from_numpy(_picture(2)).permute(2, 0, 1)[None] * 0.2 + 0.4
    far, near, same = (
        float(likeness.apart(true + share * (other - true), true)) for share in (1, 0.3, 0)
    )
    assert far > near > same and same == pytest.approx(0, abs=1e-5)
    found = (true + 0.5 * (other - true)).requires_grad_()
    likeness.apart(found, true).backward()
    assert found.grad is not None and found.grad.abs().max() > 0


def test_what_judges_likeness_has_its_say(tinted: list[list[DrawnPair]], tmp_path: Path) -> None:
    from dubwright.picture.torch_likeness import likeness_of

    likeness = likeness_of(tiny_vision_network(tmp_path / "vit"))
    alone, judged = refiner.Training(), refiner.Training(1, likeness)
    losses = [(alone.learn(tinted), judged.learn(tinted)) for _ in range(2)]
    assert all(more > less for less, more in losses)
    judged.save(tmp_path)
    on = refiner.Training.load(tmp_path, likeness)
    assert on.learn(tinted) == pytest.approx(judged.learn(tinted), rel=1e-5)


def test_large_faces_teach_as_well_as_small_ones() -> None:
    """Cuts of a window that is much larger than they are always show the mouth."""
    chance = np.random.default_rng(0)
    points = FilmedActor().track.landmarks[10, :468, :2].astype(np.float64) * 12
    window = MouthWindow.around(points, 900.0)
    side = window.box.width
    flat = np.zeros((side, side, 3), np.float16)
    run = [DrawnPair(frame, flat, flat, window) for frame in range(2)]
    small = [DrawnPair(n, flat[:48, :48], flat[:48, :48], window) for n in range(2)]
    for _ in range(60):
        for drawn, _, planes, reach, _ in refiner._neighbours([run, small], chance):
            assert drawn.shape[1:] == planes.shape[1:] == reach.shape[1:] == (160, 160)
            assert reach.max() > 0.5


def test_tiles_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = refiner.TorchRefiner(
            {
                name: torch.randn_like(weights) * 0.05
                for name, weights in refiner.Training().weights.items()
            }
        )
        given = torch.randn(1, 7, 300, 412)
    whole = network._tiled(given)
    monkeypatch.setattr(refiner, "TILE", 120)
    tiled = network._tiled(given)
    assert float(whole.detach().abs().max()) > 1e-3
    torch.testing.assert_close(tiled, whole.detach(), rtol=1e-4, atol=1e-5)


def test_a_dub_learns_its_actor(
    dubbed: Dubbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors, "ROUNDS", 2)
    monkeypatch.setattr(actors, "ROUND_STEPS", 3)
    sample, weights = dubbed.sample, tiny_vision_network(tmp_path / "vit")
    result = dub(
        sample.timeline,
        ["es"],
        tmp_path / "out",
        subtitles=sample.subtitles("en", "es", "fr"),
        cast=sample.cast,
        original="en",
        engines=EngineChoice(mouth_renderer="actor", weights={"actor": str(weights)}),
        store=dubbed.store,
    )
    (told,) = result.report.articulation.values()
    assert "what was learned" in told and "distance from the true mouth" in told
    (card,) = dubbed.store.glob("objects/*/*/card.json")
    content = json.loads(card.read_text(encoding="utf-8"))
    assert content["helps"] == (card.parent / NETWORK).is_file()
    assert content["actor"] in result.report.articulation
    assert len(content["rounds"]) == 2 and content["likeness"].startswith("vit@")
    assert len(content["footage"]) == len({*content["footage"].values()}) >= 1
    assert result.report.engines["mouth_renderer"].startswith("actor/2@retrieval/")
    assert list((result.folder / "patches" / "es").glob("*/*.exr"))
