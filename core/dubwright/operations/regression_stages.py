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
from dubwright.mouth.acoustic import closed_where_heard, learned_acoustics
from dubwright.mouth.articulation import Observation, Timed, learned, timed_phones
from dubwright.mouth.closures import with_lacking
from dubwright.mouth.emphasis import emphasised, with_emphasis
from dubwright.mouth.regression import (
    BLOCKS,
    LEAST_FRAMES,
    MOST_FRAMES,
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
    load_articulation,
    load_encoding,
    load_hearing,
    load_loudness,
    load_phones_of_lines,
    load_take,
    save_articulation,
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
    block = context.parameters["block"]
    known = _known(context)
    predicted = known.predicted(known.blocks == block)
    np.save(context.folder / PREDICTED, predicted)
    save_articulation(known.articulation, context.folder)


def train_block(context: Context) -> None:
    """Networks that learned without a block, and what the block's curves are by them."""
    from dubwright.mouth.torch_regression import trained_without

    block = context.parameters["block"]
    known = _known(context)
    predicted = _predicted(context)
    own = known.blocks == block
    if len(predicted) < LEAST_FRAMES:
        np.save(context.folder / TOLD, predicted[own])
        return
    heard = np.concatenate(
        [
            heard_around(load_encoding(context.inputs[f"encoded:{line.cue}"]), line.times)
            for line in known.lines
        ]
    )
    learned = np.linspace(0, len(heard) - 1, min(len(heard), MOST_FRAMES)).astype(int)
    lesson = Lesson(
        heard[learned], predicted[learned], known.curves[learned], known.blocks[learned]
    )
    part = trained_without(lesson, block, context.step)
    lacking = part.lacking(heard[own], predicted[own])
    articulation = load_articulation(context.inputs[f"predicted:{block}"])
    np.save(context.folder / TOLD, known.finished(own, predicted[own], lacking, articulation))
    part.save(context.folder / REGRESSION)


def join_regression(context: Context) -> None:
    """The networks of all blocks, and whether they help."""
    from dubwright.mouth.torch_regression import MouthRegression

    known = _known(context)
    folders = [context.inputs[f"block:{number}"] for number in range(BLOCKS)]
    told = np.concatenate([np.load(folder / TOLD) for folder in folders])
    found = judged(known.curves, _predicted(context), told)
    write_json(context.folder / "regression.json", asdict(found) | {"helps": found.helps})
    if found.helps:
        parts = [MouthRegression.load(folder / REGRESSION) for folder in folders]
        MouthRegression.together(parts).save(context.folder / REGRESSION)


def _predicted(context: Context) -> Array:
    parts = [np.load(context.inputs[f"predicted:{n}"] / PREDICTED) for n in range(BLOCKS)]
    return np.concatenate(parts)


class _Known:
    """The lines of an actor on the plate, and what can be predicted of them.

    Attributes:
        lines: those of which it is known how they sound.
        articulation: what the last prediction was made by.
    """

    def __init__(self, context: Context, usual: Articulation, lines: Sequence[SeenLine]) -> None:
        self.lines = lines
        self.articulation = usual
        self._context = context
        self._usual = usual
        self._rate = Fraction(context.parameters["rate"])

    @property
    def blocks(self) -> NDArray[np.int64]:
        """The block of each frame, [frames]."""
        return block_of_frames(sum(len(line.frames) for line in self.lines))

    @property
    def curves(self) -> Array:
        """What the mouth did, [frames, 4]."""
        return np.concatenate([NO_CURVES, *(line.curves for line in self.lines)])

    def predicted(self, left_out: Mask) -> Array:
        """What is predicted of frames that are left out, as the others teach it, [those, 4]."""
        return np.concatenate([NO_CURVES, *self._predicted(self._by_line(left_out))])

    def finished(
        self, own: Mask, predicted: Array, lacking: Array, articulation: Articulation
    ) -> Array:
        """The curves of some frames with what they lack, as they would be drawn, [those, 4]."""
        kept = self._by_line(own)
        ends = np.cumsum([int(mask.sum()) for mask in kept])[:-1]
        parts = zip(
            self.lines, kept, np.split(predicted, ends), np.split(lacking, ends), strict=True
        )
        return np.concatenate(
            [
                NO_CURVES,
                *(
                    self._finished(line, line.times[mask], curves, more, articulation)
                    for line, mask, curves, more in parts
                    if mask.any()
                ),
            ]
        )

    def _by_line(self, values: Mask) -> list[Mask]:
        lengths = [len(line.frames) for line in self.lines]
        return np.split(values, np.cumsum(lengths)[:-1]) if lengths else []

    def _predicted(self, left_out: Sequence[Mask]) -> list[Array]:
        raise NotImplementedError

    def _finished(
        self, line: SeenLine, times: Array, curves: Array, lacking: Array, by: Articulation
    ) -> Array:
        raise NotImplementedError


class _ByWords(_Known):
    def __init__(self, context: Context, usual: Articulation, lines: Sequence[SeenLine]) -> None:
        self._phones = load_phones_of_lines(context.inputs["retimed"])
        super().__init__(context, usual, [line for line in lines if self._phones.get(line.cue)])

    def _predicted(self, left_out: Sequence[Mask]) -> list[Array]:
        engine_name = self._context.parameters["engine"]
        predictor: MouthPredictor = engine(engine_name, EngineKind.MOUTH_PREDICTOR)
        louder = [
            loudness_then(louder_in(load_loudness(line.folder), self._said(line)), line.times)
            for line in self.lines
        ]
        known = [
            (Observation(line.times[~out], self._said(line), line.curves[~out]), loud[~out])
            for line, out, loud in zip(self.lines, left_out, louder, strict=True)
            if not out.all()
        ]
        observations = [observation for observation, _ in known]
        self.articulation = with_emphasis(
            learned(self._usual, observations), observations, [loud for _, loud in known]
        )
        predicted = []
        for line, out, loud in zip(self.lines, left_out, louder, strict=True):
            first = int(line.frames[0])
            curves = predictor.predict(
                self._phones[line.cue],
                MIX_RATE,
                line.starts - first / self._rate,
                int(line.frames[-1]) + 1 - first,
                self._rate,
                self.articulation,
            ).values[line.frames - first]
            said, by = self._said(line), self.articulation
            predicted.append(emphasised(curves, line.times, said, loud, by)[out])
        return predicted

    def _finished(
        self, line: SeenLine, times: Array, curves: Array, lacking: Array, by: Articulation
    ) -> Array:
        return with_lacking(curves, lacking, times, self._said(line), by, float(self._rate))

    def _said(self, line: SeenLine) -> list[Timed]:
        return timed_phones(self._phones[line.cue], MIX_RATE)


class _ByEar(_Known):
    def _predicted(self, left_out: Sequence[Mask]) -> list[Array]:
        heard = [load_hearing(line.folder) for line in self.lines]
        known = [
            (line.times[~out], hearing, line.curves[~out])
            for line, hearing, out in zip(self.lines, heard, left_out, strict=True)
        ]
        acoustics = learned_acoustics(self._usual, known)
        return [
            acoustics.predict(hearing, line.times)[out]
            for line, hearing, out in zip(self.lines, heard, left_out, strict=True)
        ]

    def _finished(
        self, line: SeenLine, times: Array, curves: Array, lacking: Array, by: Articulation
    ) -> Array:
        return closed_where_heard(curves + lacking, load_hearing(line.folder), times, by)


def _known(context: Context) -> _Known:
    usual, lines = seen_lines(context, tracks_of(context))
    return (_ByWords if "retimed" in context.inputs else _ByEar)(context, usual, lines)


def _encoder(context: Context) -> SpeechEncoder:
    weights = context.where.get("encoder_weights")
    made: SpeechEncoder = engine(
        context.parameters["encoder"], EngineKind.SPEECH_ENCODER, Path(weights) if weights else None
    )
    return made
