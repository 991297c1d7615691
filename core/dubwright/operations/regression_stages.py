"""Stages that teach a mouth what phones do not tell, from what an encoder hears on the plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineKind, MouthPredictor, SpeechEncoder, engine
from dubwright.media.audio import read_mono
from dubwright.model import Articulation
from dubwright.mouth.acoustic import learned_acoustics
from dubwright.mouth.articulation import Observation, learned, timed_phones
from dubwright.mouth.emphasis import emphasised, with_emphasis
from dubwright.mouth.regression import (
    AROUND_S,
    BLOCKS,
    LEAST_FRAMES,
    Lesson,
    block_of_frames,
    heard_around,
    judged,
)
from dubwright.operations.mouth_stages import (
    SeenLine,
    louder_in,
    loudness_then,
    own_line,
    seen_lines,
    tracks_of,
)
from dubwright.operations.results import (
    REGRESSION,
    load_encoding,
    load_hearing,
    load_loudness,
    load_phones_of_lines,
    load_take,
    save_encoding,
    write_json,
)
from dubwright.operations.task import Context
from dubwright.speech.mix import MIX_RATE

__all__ = [
    "encode_line",
    "encode_take",
    "join_regression",
    "predict_block",
    "train_block",
]

PREDICTED: Final = "predicted.npy"
TOLD: Final = "told.npy"
NO_CURVES: Final = np.zeros((0, 4))

Array = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def encode_line(context: Context) -> None:
    """How a line sounds to an encoder as the actor said it on the plate."""
    save_encoding(_encoder(context).encode(own_line(context), MIX_RATE), context.folder)


def encode_take(context: Context) -> None:
    """How a take sounds to an encoder."""
    folder = context.inputs["take"]
    samples, sample_rate = read_mono(folder / load_take(folder).audio)
    save_encoding(_encoder(context).encode(samples, sample_rate), context.folder)


def predict_block(context: Context) -> None:
    """What is predicted of a block of an actor's frames, as learned from the other blocks."""
    usual, lines = seen_lines(context, tracks_of(context))
    block = block_of_frames(_count(lines))
    left_out = _by_line(block == context.parameters["block"], lines)
    by_words = "retimed" in context.inputs
    predicted = (
        _by_words(context, usual, lines, left_out) if by_words else _by_ear(usual, lines, left_out)
    )
    np.save(context.folder / PREDICTED, predicted)


def train_block(context: Context) -> None:
    """Networks that learned without a block, and what they tell of it."""
    from dubwright.mouth.torch_regression import trained_without

    block, lesson = context.parameters["block"], _lesson(context)
    if len(lesson.curves) < LEAST_FRAMES:
        np.save(context.folder / TOLD, np.zeros_like(lesson.predicted[lesson.blocks == block]))
        return
    part = trained_without(lesson, block, context.step)
    own = lesson.blocks == block
    np.save(context.folder / TOLD, part.lacking(lesson.heard[own], lesson.predicted[own]))
    part.save(context.folder / REGRESSION)


def join_regression(context: Context) -> None:
    """The networks of all blocks, and whether they help."""
    from dubwright.mouth.torch_regression import MouthRegression

    lesson = _lesson(context)
    folders = [context.inputs[f"block:{number}"] for number in range(BLOCKS)]
    told = np.concatenate([np.load(folder / TOLD) for folder in folders])
    found = judged(lesson, lesson.predicted + told)
    write_json(context.folder / "regression.json", asdict(found) | {"helps": found.helps})
    if found.helps:
        parts = [MouthRegression.load(folder / REGRESSION) for folder in folders]
        MouthRegression.together(parts).save(context.folder / REGRESSION)


def _lesson(context: Context) -> Lesson:
    _, lines = seen_lines(context, tracks_of(context))
    heard = [
        heard_around(load_encoding(context.inputs[f"encoded:{line.cue}"]), line.times)
        for line in lines
    ]
    predicted = [np.load(context.inputs[f"predicted:{n}"] / PREDICTED) for n in range(BLOCKS)]
    if not lines:
        return Lesson(np.zeros((0, len(AROUND_S), 1)), NO_CURVES, NO_CURVES)
    return Lesson(
        np.concatenate(heard),
        np.concatenate(predicted),
        np.concatenate([line.curves for line in lines]).astype(np.float64),
    )


def _by_words(
    context: Context, usual: Articulation, lines: Sequence[SeenLine], left_out: Sequence[Mask]
) -> Array:
    """What is predicted of the frames that are left out, from phones, [frames, 4]."""
    retimed = load_phones_of_lines(context.inputs["retimed"])
    predictor: MouthPredictor = engine(context.parameters["engine"], EngineKind.MOUTH_PREDICTOR)
    rate = Fraction(context.parameters["rate"])
    phones = [timed_phones(retimed.get(line.cue, []), MIX_RATE) for line in lines]
    louder = [
        loudness_then(louder_in(load_loudness(line.folder), said), line.times)
        for line, said in zip(lines, phones, strict=True)
    ]
    known = [
        (Observation(line.times[~out], said, line.curves[~out]), loud[~out])
        for line, said, out, loud in zip(lines, phones, left_out, louder, strict=True)
        if said and not out.all()
    ]
    observations = [observation for observation, _ in known]
    articulation = with_emphasis(
        learned(usual, observations), observations, [loud for _, loud in known]
    )
    predicted = []
    for line, said, out, loud in zip(lines, phones, left_out, louder, strict=True):
        first = int(line.frames[0])
        curves = predictor.predict(
            retimed.get(line.cue, []),
            MIX_RATE,
            line.starts - first / rate,
            int(line.frames[-1]) + 1 - first,
            rate,
            articulation,
        ).values[line.frames - first]
        predicted.append(emphasised(curves, line.times, said, loud, articulation)[out])
    return np.concatenate([NO_CURVES, *predicted])


def _by_ear(usual: Articulation, lines: Sequence[SeenLine], left_out: Sequence[Mask]) -> Array:
    """What is predicted of the frames that are left out, where no words are known, [frames, 4]."""
    heard = [(load_hearing(line.folder), line) for line in lines]
    acoustics = learned_acoustics(
        usual,
        [
            (line.times[~out], hearing, line.curves[~out])
            for (hearing, line), out in zip(heard, left_out, strict=True)
        ],
    )
    return np.concatenate(
        [
            NO_CURVES,
            *(
                acoustics.predict(hearing, line.times)[out]
                for (hearing, line), out in zip(heard, left_out, strict=True)
            ),
        ]
    )


def _count(lines: Sequence[SeenLine]) -> int:
    return sum(len(line.frames) for line in lines)


def _by_line(values: Mask, lines: Sequence[SeenLine]) -> list[Mask]:
    return np.split(values, np.cumsum([len(line.frames) for line in lines])[:-1]) if lines else []


def _encoder(context: Context) -> SpeechEncoder:
    weights = context.where.get("encoder_weights")
    made: SpeechEncoder = engine(
        context.parameters["encoder"], EngineKind.SPEECH_ENCODER, Path(weights) if weights else None
    )
    return made
