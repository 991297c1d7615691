"""Stages of the mouth: learning how an actor articulates, and what the mouth does in a span."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineKind, MouthPredictor, PhoneRecognizer, engine
from dubwright.errors import DubwrightError
from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.media.audio import read_mono
from dubwright.model import Articulation, FaceTrack, MouthControls, MouthCurves
from dubwright.mouth.acoustic import Hearing, closed_where_heard, learned_acoustics
from dubwright.mouth.articulation import (
    CLASSES,
    Observation,
    Timed,
    learned,
    learned_by_ear,
    shares,
    timed_phones,
    usual_articulation,
)
from dubwright.mouth.closures import with_lacking
from dubwright.mouth.controls import controlled, keyed, resampled, spoken_freely
from dubwright.mouth.emphasis import emphasised, louder_than_usual, with_emphasis
from dubwright.mouth.range import MouthRange, measure_range
from dubwright.mouth.regression import heard_around
from dubwright.mouth.visemes import Viseme
from dubwright.operations.loading import aligner_of
from dubwright.operations.results import (
    REGRESSION,
    load_acoustics,
    load_articulation,
    load_encoding,
    load_hearing,
    load_loudness,
    load_phones_of_lines,
    load_take,
    load_track,
    save_acoustics,
    save_articulation,
    save_curves,
    save_hearing,
    save_loudness,
    save_phones,
    save_refusal,
    save_visemes,
    untimed_reason,
    write_json,
)
from dubwright.operations.task import Context
from dubwright.speech.features import HOP_RATE, acoustic_features, loudness_at
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.soundtrack import SoundClip, gather_original

__all__ = [
    "SeenLine",
    "hear_line",
    "learn_acoustics",
    "learn_articulation",
    "learn_articulation_by_ear",
    "line_on_plate",
    "louder_in",
    "loudness_then",
    "own_line",
    "seen_lines",
    "shape_curves",
    "shape_heard_curves",
    "sounds_of",
    "time_original_line",
    "tracks_of",
]

OFFSET_REACH_S: Final = Fraction(1, 2)
FINER: Final = 4
LOUDNESS_RATE: Final = 100
LOUDNESS_OVER_S: Final = 0.04


def time_original_line(context: Context) -> None:
    """Time the phones of a line as the actor said it on the plate."""
    aligner = aligner_of(context)
    samples = own_line(context)
    save_loudness(_loudness(samples, MIX_RATE), context.folder)
    try:
        phones = aligner.align(
            samples,
            MIX_RATE,
            context.parameters["text"],
            context.parameters["language"],
        )
    except DubwrightError as error:
        # A line that cannot be timed teaches nothing; the dub goes on and the report says so.
        save_phones([], context.folder, untimed=f"{error.what}: {error.why}")
    else:
        save_phones(phones, context.folder)


def hear_line(context: Context) -> None:
    """Hear a line as the actor said it on the plate, whatever its words."""
    save_hearing(_hearing(context, own_line(context), MIX_RATE), context.folder)


def learn_articulation(context: Context) -> None:
    """Learn how an actor articulates from the lines on the plate."""
    tracks = tracks_of(context)
    usual, lines = seen_lines(context, tracks)
    retimed = load_phones_of_lines(context.inputs["retimed"])
    known = [
        (line, Observation(line.times, timed_phones(phones, MIX_RATE), line.curves))
        for line in lines
        if (phones := retimed.get(line.cue))
    ]
    observations = [observation for _, observation in known]
    louder = [
        loudness_then(louder_in(load_loudness(line.folder), seen.phones), seen.times)
        for line, seen in known
    ]
    articulation = with_emphasis(learned(usual, observations), observations, louder)
    save_articulation(articulation, context.folder)
    visemes = {
        shot: np.zeros((len(track), len(CLASSES)), np.float32) for shot, track in tracks.items()
    }
    for line, seen in known:
        visemes[line.shot][line.frames] = shares(seen.times, seen.phones, articulation.timing)
    save_visemes(visemes, context.folder)
    heard = [folder for name, folder in context.inputs.items() if name.startswith("line:")]
    untimed = [why for folder in heard if (why := untimed_reason(folder))]
    write_json(
        context.folder / "lines.json", {"heard": len(heard), "untimed": untimed, "words": True}
    )


def learn_articulation_by_ear(context: Context) -> None:
    """Learn how an actor articulates from lines on the plate whose words are not known."""
    usual, lines = seen_lines(context, tracks_of(context))
    heard = [(line.times, load_hearing(line.folder).phones, line.curves) for line in lines]
    save_articulation(learned_by_ear(usual, heard), context.folder)
    write_json(context.folder / "lines.json", {"heard": len(lines), "untimed": [], "words": False})


def learn_acoustics(context: Context) -> None:
    """Learn how an actor's mouth goes with the sound, from the lines on the plate."""
    usual, lines = seen_lines(context, tracks_of(context))
    heard = [(line.times, load_hearing(line.folder), line.curves) for line in lines]
    save_acoustics(learned_acoustics(usual, heard), context.folder)


def shape_curves(context: Context) -> None:
    """What the mouth does in one span."""
    predictor: MouthPredictor = engine(context.parameters["engine"], EngineKind.MOUTH_PREDICTOR)
    folder = context.inputs["take"]
    take = load_take(folder)
    articulation = load_articulation(context.inputs["articulation"])
    spoken = timed_phones(take.phones, take.sample_rate)
    louder = louder_in(_loudness(*read_mono(folder / take.audio)), spoken)
    taught = _taught(context)

    def predicted(start: Fraction, frames: int, rate: Fraction) -> MouthCurves:
        curves = predictor.predict(take.phones, take.sample_rate, start, frames, rate, articulation)
        times = (np.arange(frames) + 0.5) / float(rate) - float(start)
        then = loudness_then(louder, times)
        values = emphasised(curves.values, times, spoken, then, articulation)
        if taught:
            lacking = taught(values, times)
            values = with_lacking(values, lacking, times, spoken, articulation, float(rate))
        return replace(curves, values=values.astype(np.float32))

    save_curves(_as_asked(context, predicted, articulation), context.folder)
    save_refusal(take, context.folder)


def shape_heard_curves(context: Context) -> None:
    """What the mouth does in one span, guessed from the sound of a take without a text."""
    folder = context.inputs["take"]
    take = load_take(folder)
    samples, sample_rate = read_mono(folder / take.audio)
    acoustics = load_acoustics(context.inputs["acoustics"])
    hearing = _hearing(context, samples, sample_rate)
    taught = _taught(context)

    def predicted(start: Fraction, frames: int, rate: Fraction) -> MouthCurves:
        times = (np.arange(frames) + 0.5) / float(rate) - float(start)
        values = acoustics.predict(hearing, times)
        if taught:
            values = values + taught(values, times)
            values = closed_where_heard(values, hearing, times, acoustics.usual)
        return MouthCurves(rate, values.astype(np.float32))

    save_curves(_as_asked(context, predicted, acoustics.usual), context.folder)
    save_refusal(take, context.folder)


def _hearing(context: Context, samples: NDArray[np.float32], sample_rate: int) -> Hearing:
    recognizer: PhoneRecognizer = engine(context.parameters["engine"], EngineKind.PHONE_RECOGNIZER)
    heard = recognizer.recognize(samples, sample_rate)
    phones = [timed_phones(phones, sample_rate) for phones in heard]
    return Hearing(acoustic_features(samples, sample_rate), HOP_RATE, phones)


def _taught(
    context: Context,
) -> Callable[[NDArray[np.floating[Any]], NDArray[np.floating[Any]]], NDArray[Any]] | None:
    """What networks tell that curves [times, 4] lack at some times, where they help."""
    folder = context.inputs.get("regression")
    if folder is None or not (folder / REGRESSION).is_file():
        return None
    from dubwright.mouth.torch_regression import MouthRegression

    regression = MouthRegression.load(folder / REGRESSION)
    encoding = load_encoding(context.inputs["encoded"])

    def lacking(
        curves: NDArray[np.floating[Any]], times: NDArray[np.floating[Any]]
    ) -> NDArray[Any]:
        return regression.lacking(heard_around(encoding, times), curves)

    return lacking


class SeenLine(NamedTuple):
    """What an actor's mouth did in a line on the plate.

    Attributes:
        cue: whose words it has.
        folder: the result that says how the line sounds.
        shot: on which it is seen.
        frames: of the shot in which the mouth is seen, [frames].
        times: their middles, in seconds from where the line is heard.
        curves: [frames, 4].
        starts: when the line is heard, in seconds from the shot's first frame.
    """

    cue: str
    folder: Path
    shot: str
    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    curves: NDArray[np.float32]
    starts: Fraction


def tracks_of(context: Context) -> dict[str, FaceTrack]:
    """The actor's tracks by shot."""
    return {
        name.removeprefix("track:"): load_track(folder)
        for name, folder in context.inputs.items()
        if name.startswith("track:")
    }


def seen_lines(
    context: Context, tracks: Mapping[str, FaceTrack]
) -> tuple[Articulation, list[SeenLine]]:
    """The usual articulation in an actor's range, and what the mouth did in each line."""
    mouth = measure_range(list(tracks.values()))
    usual = usual_articulation(mouth or MouthRange.typical())
    lines = []
    for seen in context.parameters["observed"]:
        track = tracks[seen["shot"]]
        curves = mouth_curves(in_head_frame(track.landmarks, track.template).positions)
        frames = np.arange(seen["frames"][0], seen["frames"][1])
        frames = frames[track.usable[frames]]
        rate, lead = Fraction(context.parameters["rate"]), Fraction(seen["starts"])
        times = (frames + 0.5) / float(rate) - float(lead)
        if len(frames):
            line = context.inputs[f"line:{seen['cue']}"]
            found = SeenLine(seen["cue"], line, seen["shot"], frames, times, curves[frames], lead)
            lines.append(found)
    return usual, lines


def louder_in(
    loudness: NDArray[np.floating[Any]], phones: Sequence[Timed]
) -> NDArray[np.floating[Any]]:
    return louder_than_usual(loudness, np.arange(len(loudness)) / LOUDNESS_RATE, phones)


def loudness_then(
    loudness: NDArray[np.floating[Any]], times: NDArray[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """Loudness at some times, in seconds from the first."""
    return np.interp(times, np.arange(len(loudness)) / LOUDNESS_RATE, loudness)


def _as_asked(
    context: Context,
    predicted: Callable[[Fraction, int, Fraction], MouthCurves],
    articulation: Articulation,
) -> MouthCurves:
    """A span's curves under the artist's controls.

    `predicted` gives the curves of so many frames at a rate, where the take starts so many seconds
    after the first.
    """
    controls = MouthControls.model_validate(context.parameters["controls"])
    rate, frames = Fraction(context.parameters["rate"]), context.parameters["frames"]
    starts = Fraction(context.parameters["starts"])
    times_ms = ((np.arange(frames) + 0.5) / float(rate) - float(starts)) * 1000
    if any(key.offset_ms is not None for key in controls.keys):
        # Offsets that change are taken from finer curves that reach beyond the span.
        reach = Fraction(math.ceil(OFFSET_REACH_S * rate), 1) / rate
        fine = rate * FINER
        count = int((Fraction(frames) / rate + 2 * reach) * fine)
        found = predicted(starts + reach, count, fine)
        at = ((np.arange(count) + 0.5) / float(fine) - float(starts + reach)) * 1000
        then = times_ms - keyed(controls, "offset_ms", times_ms)
        values = resampled(found.values.astype(np.float64), at, then)
        visemes = None if found.visemes is None else resampled(found.visemes, at, then)
    else:
        offset = Fraction(controls.offset_ms, 1000)
        found = predicted(starts + offset, frames, rate)
        values, visemes = found.values.astype(np.float64), found.visemes
    if visemes is not None:
        visemes = (visemes * spoken_freely(controls, times_ms)[:, None]).astype(np.float32)
    rest = np.array(articulation.targets[Viseme.SIL])
    wanted = controlled(values, rest, controls, times_ms).astype(np.float32)
    return MouthCurves(rate, wanted, visemes)


def _loudness(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.floating[Any]]:
    """How loud a line is, LOUDNESS_RATE times a second."""
    count = max(1, len(samples) * LOUDNESS_RATE // sample_rate)
    return loudness_at(samples, sample_rate, np.arange(count) / LOUDNESS_RATE, LOUDNESS_OVER_S)


def own_line(context: Context) -> NDArray[np.float32]:
    return line_on_plate(sounds_of(context.where["sounds"]), context.parameters["samples"])


def line_on_plate(sounds: list[SoundClip], samples: Sequence[int]) -> NDArray[np.float32]:
    """A line as the plate's sound has it, mono: its dialogue, or all there is."""
    start, end = samples
    original = gather_original(sounds, start, end)
    spoken = original.dialogue if original.dialogue is not None else original.mix
    assert spoken is not None
    return spoken.mean(axis=1)


def sounds_of(where: list[dict[str, str]]) -> list[SoundClip]:
    return [SoundClip.from_json(sound) for sound in where]
