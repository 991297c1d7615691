"""What a GPU makes is what the processor makes, to a tolerance. Skipped where there is no GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tiny_generators import scripted_wav2lip_checkpoint, tiny_latentsync, tiny_musetalk
from tiny_models import scripted_refiner, tiny_segformer
from tiny_voices import tiny_wav2vec2

from dubwright.engines import EngineKind, engine
from dubwright.engines.warm import release_models

torch = pytest.importorskip("torch", reason="torch is not installed here")
if not torch.cuda.is_available():
    pytest.skip("no GPU that torch can use is here", allow_module_level=True)

RANDOM = np.random.default_rng(0)
SOUND = RANDOM.normal(0, 0.1, 2 * 16000).astype(np.float32)


@pytest.fixture(autouse=True)
def _nothing_stays_loaded() -> Iterator[None]:
    yield
    release_models()


def _generated(name: str, weights: Path) -> np.ndarray:
    generator = engine(name, EngineKind.MOUTH_GENERATOR, weights)
    side, count = generator.framing.side, max(4, generator.together)
    faces = np.random.default_rng(1).uniform(0, 1, (count, side, side, 3)).astype(np.float32)
    heard = generator.hear(SOUND, 16000, Fraction(0), count, Fraction(25))
    drawn: np.ndarray = generator.draw(faces, heard)
    return drawn


def _encoded(weights: Path) -> np.ndarray:
    encoded: np.ndarray = (
        engine("transformers-encoder", EngineKind.SPEECH_ENCODER, weights)
        .encode(SOUND, 16000)
        .values
    )
    return encoded


def _parsed(weights: Path) -> np.ndarray:
    parser = engine("transformers-parser", EngineKind.FACE_PARSER, weights)
    faces = np.random.default_rng(1).uniform(0, 1, (2, parser.side, parser.side, 3))
    parsed: np.ndarray = parser.parse(faces.astype(np.float32))
    return parsed


def _refined(weights: Path) -> np.ndarray:
    from filmed import FilmedActor

    from dubwright.model import MouthCurves

    renderer = engine("actor", EngineKind.MOUTH_RENDERER, weights)
    filmed = FilmedActor()
    wanted = MouthCurves(Fraction(24), filmed.curves[4:12])
    choices = renderer.choose(filmed, [filmed], wanted, 4, (True, True))
    (patch,) = renderer.draw(filmed, [filmed], wanted, 4, choices, range(3, 4))
    assert patch is not None
    return np.asarray(patch.rgb)


@pytest.mark.parametrize(
    ("made", "done", "tolerance"),
    [
        (scripted_wav2lip_checkpoint, lambda at: _generated("wav2lip", at), 2e-3),
        # In half precision there.
        (tiny_musetalk, lambda at: _generated("musetalk", at), 2e-2),
        (tiny_latentsync, lambda at: _generated("latentsync", at), 5e-2),
        (tiny_wav2vec2, _encoded, 2e-2),
        (tiny_segformer, _parsed, 2e-3),
        (scripted_refiner, _refined, 5e-3),
    ],
    ids=["wav2lip", "musetalk", "latentsync", "encoder", "parser", "actor"],
)
def test_a_gpu_makes_what_the_processor_makes(
    made: Callable[[Path], Path],
    done: Callable[[Path], np.ndarray],
    tolerance: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = made(tmp_path)
    on_gpu = done(weights)
    release_models()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert np.abs(on_gpu - done(weights)).max() < tolerance
