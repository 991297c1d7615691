"""Neural engines measured: what they add to what is done without them, and what they cost.

    DUBWRIGHT_FOOTAGE=FOLDER python tests/benchmarks/neural.py [--quick] [--json FILE]
        [--clips vr4 od] [--steps N] [--work FOLDER] [--out FOLDER]

`predictor` is the synthetic actor's mouth, learned from its English lines and asked for its Spanish
ones: by sound alone (`ear`) and by words (`words`), without an encoder and with each that needs no
weights. r of each curve over the lines; `helps` is what training itself found on English frames
that it had not learned from. --quick says one line of each language, on smaller pictures.

`actor` is the renderer that learns an actor, on real clips: it learns each half of a clip, and
draws it with the mouth of the other half, as lipsync.py does. `held_out` are figures of frames that
it did not learn from, as they were drawn (`without`) and refined (`by`); `curve` is how far these
are from the true mouths after so many steps, beside the drawn ones. `hybrid` and `refined` are the
table of lipsync.py. What is learned is kept in --work, and gone on with. Without footage, and with
--quick, it is left out.

`speed` is how fast networks of full size draw; see _neural_speed.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from dubwright.engines import Encoding, EngineKind, SpeechEncoder, engine, engines
from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.face.head_frame import head_template, in_head_frame, mouth_curves
from dubwright.face.link import linked_faces
from dubwright.media.colour import LINEAR_REC709, ColourConfig, display_proxy
from dubwright.model import CURVE_NAMES, Articulation
from dubwright.mouth.acoustic import Hearing, learned_acoustics
from dubwright.mouth.articulation import (
    Observation,
    Timed,
    learned,
    shaped,
    timed_phones,
    usual_articulation,
)
from dubwright.mouth.range import MouthRange
from dubwright.mouth.regression import BLOCKS, Lesson, block_of_frames, heard_around, judged
from dubwright.mouth.torch_regression import MouthRegression, trained_without
from dubwright.picture.engines.actor import drawn_pairs
from dubwright.picture.library import MouthLibrary, ShotPlate, build_library
from dubwright.picture.refinement import DrawnPair, Scores
from dubwright.picture.torch_refiner import TorchRefiner, Training, scored
from dubwright.quality.sync import correlation
from dubwright.sample.actor import Actor
from dubwright.sample.scene import Scene, render_frame, sample_scene, shot_weights
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.engines.pocketsphinx import PocketSphinxRecognizer
from dubwright.speech.features import HOP_RATE, acoustic_features

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _common import Figures
from _neural_speed import speed
from lipsync import (
    Half,
    compared,
    driven,
    footage,
    halves,
    true_curves,
    write_sheet,
    write_side_by_side,
)

Array = NDArray[np.floating]
LEAD_MS: Final = 500
LANGUAGES: Final = ("en", "es")


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line that the actor says: how it sounds, and what the mouth does at some times."""

    samples: NDArray[np.float32]
    sample_rate: int
    phones: Sequence[Timed]
    hearing: Hearing
    times: Array
    curves: Array


Predicts = Callable[[Line], Array]


def predictor(quick: bool) -> Figures:
    scene = sample_scene(512, 288) if quick else sample_scene()
    english, spanish = (_lines(scene, language, quick) for language in LANGUAGES)
    usual = usual_articulation(MouthRange.typical())
    figures: Figures = {}
    for way, learn in (("ear", _by_ear), ("words", _by_words)):
        known = learn(usual, english, [np.ones(len(line.times), bool) for line in english])
        plain = [known(line) for line in spanish]
        figures |= _agreement(f"predictor.{way}.without", plain, spanish)
        for card in engines(EngineKind.SPEECH_ENCODER):
            if not card.needs_weights:
                encoder = engine(card.name, EngineKind.SPEECH_ENCODER)
                name = f"predictor.{way}.{card.name}"
                figures |= _taught(name, encoder, learn, usual, english, spanish, plain)
    return figures


def _taught(
    name: str,
    encoder: SpeechEncoder,
    learn: Callable[[Articulation, Sequence[Line], Sequence[NDArray[np.bool_]]], Predicts],
    usual: Articulation,
    english: Sequence[Line],
    spanish: Sequence[Line],
    plain: Sequence[Array],
) -> Figures:
    began = time.perf_counter()
    lengths = [len(line.times) for line in english]
    blocks = block_of_frames(sum(lengths))
    predicted = np.zeros((len(blocks), len(CURVE_NAMES)))
    for block in range(BLOCKS):
        kept = np.split(blocks != block, np.cumsum(lengths)[:-1])
        found = np.concatenate(list(map(learn(usual, english, kept), english)))
        predicted[blocks == block] = found[blocks == block]
    heard = np.concatenate([_heard(encoder, line) for line in english])
    curves = np.concatenate([line.curves for line in english])
    lesson = Lesson(heard, predicted, curves, blocks)
    parts = [trained_without(lesson, block, lambda: None) for block in range(BLOCKS)]
    told = np.concatenate(
        [
            predicted[blocks == n] + part.lacking(heard[blocks == n], predicted[blocks == n])
            for n, part in enumerate(parts)
        ]
    )
    verdict = judged(curves, predicted, told)
    together = MouthRegression.together(parts)
    drawn = [
        own + together.lacking(_heard(encoder, line), own)
        for own, line in zip(plain, spanish, strict=True)
    ]
    figures = _agreement(name, drawn, spanish)
    return figures | {
        f"{name}.helps": float(verdict.helps),
        f"{name}.held_out_r": verdict.by,
        f"{name}.held_out_r_without": verdict.without,
        f"{name}.frames": float(len(blocks)),
        f"{name}.seconds": time.perf_counter() - began,
    }


def _heard(encoder: SpeechEncoder, line: Line) -> Array:
    encoding: Encoding = encoder.encode(line.samples, line.sample_rate)
    return heard_around(encoding, line.times)


def _by_ear(
    usual: Articulation, lines: Sequence[Line], kept: Sequence[NDArray[np.bool_]]
) -> Predicts:
    acoustics = learned_acoustics(
        usual,
        [
            (line.times[own], line.hearing, line.curves[own])
            for line, own in zip(lines, kept, strict=True)
        ],
    )
    return lambda line: acoustics.predict(line.hearing, line.times)


def _by_words(
    usual: Articulation, lines: Sequence[Line], kept: Sequence[NDArray[np.bool_]]
) -> Predicts:
    articulation = learned(
        usual,
        [
            Observation(line.times[own], line.phones, line.curves[own].astype(np.float32))
            for line, own in zip(lines, kept, strict=True)
            if own.any()
        ],
    )
    return lambda line: shaped(line.times, line.phones, articulation)


def _agreement(name: str, told: Sequence[Array], lines: Sequence[Line]) -> Figures:
    found, true = np.concatenate(told), np.concatenate([line.curves for line in lines])
    return {
        f"{name}.{curve}_r": correlation(found[:, column], true[:, column])
        for column, curve in enumerate(CURVE_NAMES)
    }


def _lines(scene: Scene, language: str, quick: bool) -> list[Line]:
    """The sample's lines as the actor says them in a language, tracked like any footage."""
    recognizer, config = PocketSphinxRecognizer(), ColourConfig()
    actor = Actor(scene.width, scene.height, scene.seed)
    rate = float(scene.rate)
    lines = []
    for said in [line for shot in scene.shots for line in shot.lines][: 1 if quick else None]:
        speech = EspeakSynthesizer().speak(said.text[language], language, 1.0)
        frames = int((len(speech.samples) / speech.sample_rate + 1) * rate)
        shot = replace(scene.shots[0], frames=frames, lines=(replace(said, start_ms=LEAD_MS),))
        one = replace(scene, shots=(shot,))
        weights = shot_weights(one, shot, [(shot.lines[0], speech)])
        pictures = (
            display_proxy(render_frame(actor, one, shot, f, weights[f]), LINEAR_REC709, config)
            for f in range(frames)
        )
        landmarks = linked_faces(list(FaceMeshTracker().follow(pictures)), rate)[0]
        positions = in_head_frame(landmarks, head_template(landmarks)).positions
        heard = recognizer.recognize(speech.samples, speech.sample_rate)
        lines.append(
            Line(
                speech.samples,
                speech.sample_rate,
                timed_phones(speech.phones, speech.sample_rate),
                Hearing(
                    acoustic_features(speech.samples, speech.sample_rate),
                    HOP_RATE,
                    [timed_phones(each, speech.sample_rate) for each in heard],
                ),
                (np.arange(frames) + 0.5) / rate - LEAD_MS / 1000,
                mouth_curves(positions).astype(np.float64),
            )
        )
    return lines


# --- The renderer that learns an actor -----------------------------------------------------------

STEPS: Final = 1000
ROUND: Final = 100
HELD_OUT_OF, HELD_OUT = 5, 2
Runs = list[list[DrawnPair]]


def actor(clips: Sequence[str], steps: int, work: Path, out: Path | None) -> Figures:
    figures: Figures = {}
    for clip in clips:
        first, second = halves(footage(clip))
        for way, plate, driver in (("ab", first, second), ("ba", second, first)):
            name = f"actor.{clip}.{way}"
            refiner, told = _learned(plate, steps, work / f"{clip}.{way}")
            figures |= {f"{name}.{key}": value for key, value in told.items()}
            for row, used in (("hybrid", None), ("refined", refiner)):
                drawn = driven(plate, true_curves(plate, driver), None, used)
                figures |= compared(f"{name}.{row}", plate, driver, drawn)
                if out is not None:
                    write_sheet(out / f"{name}.{row}.png", plate, driver, drawn)
                    write_side_by_side(out / f"{name}.{row}.mp4", plate, driver, drawn)
    return figures


def _learned(plate: Half, steps: int, folder: Path) -> tuple[TorchRefiner | None, Figures]:
    """What is learned of a half, going on from what is kept, and how well it does."""
    folder.mkdir(parents=True, exist_ok=True)
    learns, held = _pairs(plate)
    training = Training.load(folder) if (folder / "training.json").is_file() else Training()
    curve, best = folder / "curve.json", folder / "best.safetensors"
    figures: Figures = json.loads(curve.read_text()) if curve.is_file() else {"seconds": 0.0}
    without = scored(None, held)
    figures |= {f"held_out.without.{key}": value for key, value in _fields(without)}
    while training.steps < steps:
        began = time.perf_counter()
        for _ in range(ROUND):
            training.learn(learns)
        figures["seconds"] += time.perf_counter() - began
        now = scored(TorchRefiner(training.weights), held)
        figures[f"curve.{training.steps}"] = now.seen / without.seen
        if now.is_better_than(without) and now.seen < figures.get("held_out.by.seen", np.inf):
            figures |= {f"held_out.by.{key}": value for key, value in _fields(now)}
            save_file(training.weights, best)
        training.save(folder)
        curve.write_text(json.dumps(figures))
        print(f"{folder.name} {training.steps:6} {now}", flush=True)
    figures["helps"] = float(best.is_file())
    return TorchRefiner.load(best) if best.is_file() else None, figures


def _fields(scores: Scores) -> list[tuple[str, float]]:
    return [(name, getattr(scores, name)) for name in ("seen", "apart", "unsteady", "sharpness")]


def _pairs(plate: Half) -> tuple[Runs, Runs]:
    with tempfile.TemporaryDirectory() as folder:
        build_library(plate.plate, plate.track, Path(folder), lambda: None)
        library = MouthLibrary(Path(folder), plate.track, 1.0, None)
        shot = ShotPlate(plate.plate, plate.track, library)
        runs = [run for run in drawn_pairs(shot, [library], 0, lambda: None) if len(run) > 1]
    held = [run for number, run in enumerate(runs) if number % HELD_OUT_OF == HELD_OUT]
    return [run for run in runs if run not in held], held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller run, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--clips", nargs="*", default=["vr4", "od"], help="that an actor is of")
    parser.add_argument("--steps", type=int, default=STEPS, help="of learning an actor")
    parser.add_argument("--work", type=Path, help="keep what is learned here")
    parser.add_argument("--out", type=Path, help="write contact sheets and movies here")
    options = parser.parse_args()
    measured = predictor(options.quick) | speed(options.quick)
    if not options.quick and "DUBWRIGHT_FOOTAGE" in os.environ:
        with tempfile.TemporaryDirectory() as scratch:
            work = options.work or Path(scratch)
            measured |= actor(options.clips, options.steps, work, options.out)
    for name, value in measured.items():
        print(f"{name:56} {value:10.4f}")
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n")
