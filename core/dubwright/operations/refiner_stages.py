"""Stages that teach a network how one actor's mouth looks, in rounds that can be gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from dubwright.model import Box
from dubwright.operations.plates import libraries_of, shot_plate
from dubwright.operations.results import linked, read_json, write_json
from dubwright.operations.task import Context
from dubwright.picture.engines.actor import AROUND, NETWORK, drawn_pairs
from dubwright.picture.refinement import DrawnPair, MouthWindow, Scores, is_over

__all__ = ["join_refiner", "pair_mouths", "refine_round"]

# Of five runs of frames one is not learned from.
HELD_OUT_OF, HELD_OUT = 5, 2
LEAST_RUNS: Final = 5
PAIRS: Final = "pairs.json"
SCORES: Final = "scores.json"

Runs = list[list[DrawnPair]]


def pair_mouths(context: Context) -> None:
    """The mouths of a shot as they are drawn from other frames, beside what is really seen."""
    libraries = libraries_of(context)
    shots = [shot for shot, _ in context.parameters["library"]]
    source = shots.index(context.parameters["shot"])
    runs: list[list[dict[str, Any]]] = []
    most = context.parameters["runs"]
    for run in drawn_pairs(shot_plate(context), libraries, source, context.step, most):
        if len(run) > 1:
            # One file for each run: as many are open while a network learns.
            pictures = [np.stack([pair.drawn, pair.true]).ravel() for pair in run]
            np.save(context.folder / f"{len(runs)}.npy", np.concatenate(pictures, dtype=np.float16))
            points = np.stack([pair.window.points for pair in run])
            np.save(context.folder / f"{len(runs)}.points.npy", points)
            runs.append(
                [
                    {
                        "frame": pair.frame,
                        "box": astuple(pair.window.box),
                        "interocular": pair.window.interocular,
                    }
                    for pair in run
                ]
            )
    write_json(context.folder / PAIRS, runs)


def refine_round(context: Context) -> None:
    """Some steps of learning, from where the round before it stopped."""
    from dubwright.picture.torch_likeness import likeness_of
    from dubwright.picture.torch_refiner import TorchRefiner, Training, scored

    learned, held = _runs(context)
    before = context.inputs.get("before")
    if len(learned) + len(held) < LEAST_RUNS or not held:
        write_json(context.folder / SCORES, [])
        return
    scores = _scores(before) if before else []
    if is_over(scores):
        assert before is not None
        for file in before.iterdir():
            linked(file, context.folder / file.name)
        return
    weights = context.where.get("likeness_weights")
    likeness = likeness_of(Path(weights)) if weights else None
    training = (
        Training.load(before, likeness)
        if before
        else Training(context.parameters["seed"], likeness)
    )
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
        "likeness": context.parameters.get("likeness_weights", ""),
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
    every = [
        (name, _run(context.inputs[name], number, told))
        for name in sorted(name for name in context.inputs if name.startswith("pairs:"))
        for number, told in enumerate(read_json(context.inputs[name] / PAIRS))
    ]
    held = every[HELD_OUT::HELD_OUT_OF]
    near = {
        (shot, pair.frame + away)
        for shot, run in held
        for pair in run
        for away in range(-AROUND, AROUND + 1)
    }
    apart = [[pair for pair in run if (shot, pair.frame) not in near] for shot, run in every]
    return [run for run in apart if len(run) > 1], [run for _, run in held]


def _run(folder: Path, number: int, told: Sequence[dict[str, Any]]) -> list[DrawnPair]:
    pictures = np.load(folder / f"{number}.npy", mmap_mode="r")
    points = np.load(folder / f"{number}.points.npy")
    pairs = []
    at = 0
    for each, mesh in zip(told, points, strict=True):
        box = Box(*each["box"])
        shape = (2, box.height, box.width, 3)
        drawn, true = pictures[at : at + prod(shape)].reshape(shape)
        at += prod(shape)
        window = MouthWindow(box, mesh, each["interocular"])
        pairs.append(DrawnPair(each["frame"], drawn, true, window))
    return pairs
