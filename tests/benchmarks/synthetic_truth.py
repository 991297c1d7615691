"""The synthetic actor dubbed, against the same actor really saying the dubbed line.

    python tests/benchmarks/synthetic_truth.py [--quick] [--json FILE]

For each language and shot: r of each curve, lag, closures, lip distance, and how many pixels
outside the matte differ from the plate. Frames count where something was drawn. Three actors are
measured, each with its own seed; --quick measures the sample's alone.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from dubwright.api import dub
from dubwright.face.head_frame import mouth_curves
from dubwright.media.exr import read_patch, read_rgb
from dubwright.model import CURVE_NAMES
from dubwright.operations.results import load_take
from dubwright.quality.sync import closures, correlation, lag_ms, lip_distance
from dubwright.sample.scene import Scene, sample_scene, write_sample

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _common import Figures, run
from truth import positions_of_exr, positions_of_truth

SEEDS = (1, 2, 3)  # 1 is the actor of the sample; the others articulate in ways of their own


def measure(quick: bool) -> Figures:
    if quick:
        return _actor(sample_scene(512, 288), quick)
    figures: Figures = {}
    for seed in SEEDS:
        measured = _actor(sample_scene(seed=seed), quick)
        figures |= {f"seed{seed}.{name}": value for name, value in measured.items()}
    return figures


def _actor(scene: Scene, quick: bool) -> Figures:
    languages = ["es"] if quick else ["es", "fr"]
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        began = time.perf_counter()
        timeline = write_sample(folder / "sample", scene)
        drawn_at = time.perf_counter()
        lines = folder / "sample" / "subtitles"
        result = dub(
            timeline, languages, folder / "out",
            subtitles={tag: lines / f"timeline.{tag}.srt" for tag in ("en", "es", "fr")},
            cast=folder / "sample/cast.json", original="en", store=folder / "store",
        )  # fmt: skip
        figures["sample_seconds"] = drawn_at - began
        figures["dub_seconds"] = time.perf_counter() - drawn_at
        takes = [load_take(f.parent) for f in (folder / "store").glob("objects/*/*/take.json")]
        for language in result.report.languages:
            tag = language.language
            spoken = {take.text: take for take in takes if take.language == tag}
            every: list[tuple[np.ndarray, np.ndarray]] = []
            for shot in scene.shots:
                these = [spoken[line.text[tag]] for line in shot.lines]
                patches = sorted((result.folder / "patches" / tag / shot.name).glob("*.exr"))
                numbers = [int(path.name.split(".")[-2]) for path in patches]
                frames = result.folder / "frames" / tag / shot.name
                paths = [frames / f"{shot.name}.{tag}.{number:04d}.exr" for number in numbers]
                output, template = positions_of_exr(paths)
                indices = [number - 1001 for number in numbers]
                truth = positions_of_truth(scene, shot, these, indices, template)
                every.append((output, truth))
                figures |= _figures(f"{tag}.{shot.name}", output, truth)
                plates = folder / "sample" / "plates" / shot.name
                figures[f"{tag}.{shot.name}.changed_outside_matte"] = _changed_outside(
                    [plates / f"{shot.name}.{number:04d}.exr" for number in numbers], paths, patches
                )
            both = [np.concatenate(side) for side in zip(*every, strict=True)]
            figures |= _figures(f"{tag}.all", *both)
    return figures


def _figures(name: str, output: np.ndarray, truth: np.ndarray) -> Figures:
    seen, true = mouth_curves(output), mouth_curves(truth)
    held = closures(seen[:, 0], true[:, 0])
    figures = {f"{name}.frames": float(len(seen))}
    for column, curve in enumerate(CURVE_NAMES):
        figures[f"{name}.{curve}_r"] = correlation(seen[:, column], true[:, column])
    figures[f"{name}.lag_ms"] = lag_ms(seen[:, 0], true[:, 0], 24.0)
    figures[f"{name}.closure_recall"] = -1.0 if held.recall is None else held.recall
    figures[f"{name}.lip_distance"] = lip_distance(output, truth)
    return figures


def _changed_outside(plates: list[Path], frames: list[Path], patches: list[Path]) -> float:
    changed = 0
    for plate_path, frame_path, patch_path in zip(plates, frames, patches, strict=True):
        plate, frame, patch = read_rgb(plate_path), read_rgb(frame_path), read_patch(patch_path)
        outside = np.ones(plate.shape[:2], bool)
        outside[patch.box.slices] = patch.alpha == 0
        changed += int((plate != frame).any(axis=2)[outside].sum())
    return float(changed)


if __name__ == "__main__":
    run(__doc__.splitlines()[0], measure)
