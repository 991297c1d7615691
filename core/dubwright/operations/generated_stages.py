"""Stages that have a mouth drawn in small by a generator, and say what it does there."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from dubwright.engines import EngineKind, MouthGenerator, engine
from dubwright.media.audio import read_mono
from dubwright.model import FrameRange, MouthControls, MouthCurves
from dubwright.mouth.controls import controlled
from dubwright.mouth.visemes import Viseme
from dubwright.operations.loading import tracker_of
from dubwright.operations.plates import plate_of, rec709_of, shot_plate
from dubwright.operations.results import (
    GUIDED,
    REFUSED,
    generated_curves,
    linked,
    load_acoustics,
    load_articulation,
    load_curves,
    load_take,
    load_track,
    save_curves,
    save_generated,
    write_json,
)
from dubwright.operations.task import Context
from dubwright.picture.generation import Line, generated_faces, heard_then

__all__ = ["generate_mouths", "guide_curves"]


def generate_mouths(context: Context) -> None:
    """Some frames of a span's mouth as a generator draws it, in small, and where its face lies."""
    told = context.parameters
    weights = Path(context.where["generator_weights"])
    generator: MouthGenerator = engine(told["generator"], EngineKind.MOUTH_GENERATOR, weights)
    span = FrameRange(*told["span"])
    take = load_take(context.inputs["take"])
    samples, sample_rate = read_mono(context.inputs["take"] / take.audio)
    line = Line(samples, sample_rate, Fraction(told["starts"]))
    heard = heard_then(generator, line, told["offsets"], len(span), Fraction(told["rate"]))
    faces = generated_faces(
        shot_plate(context),
        generator,
        heard,
        rec709_of(plate_of(context)),
        span,
        FrameRange(*told["frames"]),
        tracker_of(context),
        context.batch,
        context.step,
    )
    save_generated(faces, context.folder)


def guide_curves(context: Context) -> None:
    """The curves of a span as its generated mouth has them, under the artist's controls.

    Where nothing was generated they are those that were predicted.
    """
    told = context.parameters
    predicted = load_curves(context.inputs["curves"])
    first, rate = told["first"], Fraction(told["rate"])
    generated = generated_curves(
        folder for name, folder in context.inputs.items() if name.startswith("generated:")
    )
    frames = np.array(sorted(generated), np.int64) - first
    values = predicted.values.astype(np.float64)
    if len(frames):
        values[frames] = [generated[frame + first] for frame in frames.tolist()]
        usual = (
            load_articulation(context.inputs["articulation"])
            if "articulation" in context.inputs
            else load_acoustics(context.inputs["acoustics"]).usual
        )
        rest = np.array(usual.targets[Viseme.SIL])
        controls = MouthControls.model_validate(told["controls"])
        middles = (np.arange(len(values)) + 0.5) / float(rate) - float(Fraction(told["starts"]))
        asked = controlled(values, rest, controls, 1000 * middles)
        values = predicted.values.astype(np.float64)
        values[frames] = asked[frames]
    usable = load_track(context.inputs["track"]).usable[first : first + len(values)]
    write_json(context.folder / GUIDED, {"lost": int(usable.sum()) - len(frames)})
    save_curves(MouthCurves(rate, values.astype(np.float32), predicted.visemes), context.folder)
    if (context.inputs["curves"] / REFUSED).is_file():
        linked(context.inputs["curves"] / REFUSED, context.folder / REFUSED)
