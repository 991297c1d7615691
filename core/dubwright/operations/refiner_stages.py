"""Stages that teach a network how one actor's mouth looks, in rounds that can be gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from dubwright.model import Box
from dubwright.operations.plates import libraries_of, shot_plate
from dubwright.operations.results import linked, read_json, write_json
from dubwright.operations.task import Context
from dubwright.picture.engines.actor import NETWORK, drawn_pairs
from dubwright.picture.refinement import DrawnPair, MouthWindow, Scores, is_over

__all__ = ["join_refiner", "pair_mouths", "refine_round"]

# Of five runs of frames one is not learned from.
HELD_OUT_OF, HELD_OUT = 5, 2
LEAST_RUNS: Final = 5
MOST_RUNS: Final = 60
PAIRS: Final = "pairs.json"
SCORES: Final = "scores.json"

Runs = list[list[DrawnPair]]


def pair_mouths(context: Context) -> None:
    """The mouths of a shot as they are drawn from other frames, beside what is really seen."""
    libraries = libraries_of(context)
    shots = [shot for shot, _ in context.parameters["library"]]
    source = shots.index(context.parameters["shot"])
    runs = []
    for run in drawn_pairs(shot_plate(context), libraries, source, context.step):
        for pair in run:
            both = np.concatenate([pair.drawn, pair.true], axis=2)
            np.save(context.folder / f"{pair.frame}.npy", both.astype(np.float16))
            np.save(context.folder / f"{pair.frame}.points.npy", pair.window.points)
        told = [
            {
                "frame": pair.frame,
                "box": [pair.window.box.x0, pair.window.box.y0, pair.window.box.x1,
                        pair.window.box.y1],
                "interocular": pair.window.interocular,
            }
            for pair in run
        ]  # fmt: skip
        if len(run) > 1:
            runs.append(told)
    write_json(context.folder / PAIRS, runs)


def refine_round(context: Context) -> None:
    """Some steps of learning, from where the round before it stopped."""
    from dubwright.picture.torch_refiner import TorchRefiner, Training, scored

    learned, held = _runs(context)
    before = context.inputs.get("before")
    if len(learned) + len(held) < LEAST_RUNS:
        write_json(context.folder / SCORES, [])
        return
    scores = _scores(before) if before else []
    if is_over(scores):
        assert before is not None
        for file in before.iterdir():
            linked(file, context.folder / file.name)
        return
    training = Training.load(before) if before else Training(context.parameters["seed"])
    for _ in range(context.parameters["steps"]):
        training.learn(learned)
        context.step()
    training.save(context.folder)
    found = scored(TorchRefiner(training.weights), held)
    write_json(context.folder / SCORES, [asdict(each) for each in [*scores, found]])


def join_refiner(context: Context) -> None:
    """The network of the best round, if it comes nearer to what is seen than the drawing does."""
    from dubwright.picture.torch_refiner import scored

    learned, held = _runs(context)
    rounds = [context.inputs[f"round:{n}"] for n in range(context.parameters["rounds"])]
    scores = _scores(rounds[-1])
    told: dict[str, Any] = {
        "actor": context.parameters["actor"],
        "footage": context.parameters["footage"],
        "consents": context.parameters["consents"],
        "frames": sum(map(len, chain(learned, held))),
        "rounds": [asdict(each) for each in scores],
        "helps": False,
    }
    if scores:
        plain = scored(None, held)
        better = [each for each in scores if each.is_better_than(plain)]
        best = min(better or scores, key=lambda each: each.seen)
        told |= {"without": asdict(plain), "by": asdict(best), "helps": bool(better)}
        if better:
            network = rounds[scores.index(best)] / "network.safetensors"
            linked(network, context.folder / NETWORK)
    write_json(context.folder / "card.json", told)


def _scores(folder: Path) -> list[Scores]:
    """Of each round so far."""
    return [Scores(**each) for each in read_json(folder / SCORES)]


def _runs(context: Context) -> tuple[Runs, Runs]:
    """The runs that are learned from, and those that are not."""
    folders = [folder for name, folder in context.inputs.items() if name.startswith("pairs:")]
    runs = [_run(folder, told) for folder in folders for told in read_json(folder / PAIRS)]
    if len(runs) > MOST_RUNS:
        runs = [runs[n] for n in np.linspace(0, len(runs) - 1, MOST_RUNS).astype(int)]
    held = [run for number, run in enumerate(runs) if number % HELD_OUT_OF == HELD_OUT]
    learned = [run for number, run in enumerate(runs) if number % HELD_OUT_OF != HELD_OUT]
    return learned, held


def _run(folder: Path, told: Sequence[dict[str, Any]]) -> list[DrawnPair]:
    pairs = []
    for each in told:
        both = np.load(folder / f"{each['frame']}.npy", mmap_mode="r")
        points = np.load(folder / f"{each['frame']}.points.npy")
        window = MouthWindow(Box(*each["box"]), points, each["interocular"])
        pairs.append(DrawnPair(each["frame"], both[..., :3], both[..., 3:], window))
    return pairs
