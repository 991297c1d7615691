"""The stages: each reads finished results and writes one of its own.

A stage's version, beside it in VERSIONS, is part of every key: raise it when its results change.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.character import character_curves
from dubwright.engines import (
    Aligner,
    EngineKind,
    FaceTracker,
    LibraryView,
    MouthPredictor,
    MouthRenderer,
    PhoneRecognizer,
    Synthesizer,
    engine,
)
from dubwright.errors import DubwrightError
from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.face.speaking import HeardLine, named_face, speaking_face
from dubwright.face.track import track_faces
from dubwright.media.audio import LoudnessMeter, read_mono, written_wav
from dubwright.media.exr import read_header, read_patch, write_edited, write_patch, write_rgb
from dubwright.media.plate import Plate, PlateSpec
from dubwright.model import (
    Articulation,
    Cue,
    FaceTrack,
    FrameRange,
    MouthControls,
    MouthCurves,
)
from dubwright.mouth.acoustic import Hearing, learned_acoustics
from dubwright.mouth.articulation import (
    Observation,
    Timed,
    learned,
    learned_by_ear,
    timed_phones,
    usual_articulation,
)
from dubwright.mouth.controls import controlled, keyed, resampled
from dubwright.mouth.emphasis import emphasised, louder_than_usual, with_emphasis
from dubwright.mouth.range import MouthRange, measure_range
from dubwright.mouth.visemes import Viseme
from dubwright.operations.cast_stage import write_cast
from dubwright.operations.movies import write_language_movie
from dubwright.operations.preview import (
    write_language_picture,
    write_language_preview,
    write_thumbnail,
)
from dubwright.operations.results import (
    SPEAKING,
    THUMBNAIL,
    decoded_frames,
    drawn_frames,
    linked,
    load_acoustics,
    load_articulation,
    load_choices,
    load_curves,
    load_faces,
    load_hearing,
    load_loudness,
    load_phones,
    load_take,
    load_track,
    read_json,
    save_acoustics,
    save_articulation,
    save_choices,
    save_curves,
    save_decision,
    save_faces,
    save_hearing,
    save_loudness,
    save_phones,
    save_take,
    save_track,
    untimed_reason,
    write_json,
)
from dubwright.operations.task import Context, Stage
from dubwright.picture.library import MouthLibrary, ShotPlate, build_library
from dubwright.quality.check import check_span
from dubwright.speech.features import HOP_RATE, acoustic_features, loudness_at
from dubwright.speech.mix import MIX_RATE, PlacedTake, levelled, mix_stems
from dubwright.speech.soundtrack import SoundClip, gather_original
from dubwright.speech.takes import (
    finished_take,
    natural_take,
    recorded_take,
    synthesised_take,
)
from dubwright.trust import frame_attributes, marked

__all__ = ["STAGES", "VERSIONS"]


# Half a minute; a whole number of samples at every usual rate, so that parts join.
MIX_BLOCK: Final = 30 * MIX_RATE

LEFT: Final = "left as it is, as the cue sheet says"
OFFSET_REACH_S: Final = Fraction(1, 2)
FINER: Final = 4
LOUDNESS_RATE: Final = 100
LOUDNESS_OVER_S: Final = 0.04


def _faces(context: Context) -> None:
    """Follow the faces of a shot."""
    tracker: FaceTracker = engine(context.parameters["engine"], EngineKind.FACE_TRACKER)
    save_faces(track_faces(_plate(context), tracker, context.step), context.folder)


def _track(context: Context) -> None:
    """The face of a speaker in a shot, as the cast says."""
    faces = [face.track for face in load_faces(context.inputs["faces"])]
    number, frames = context.parameters["face"], context.parameters["frames"]
    save_decision(named_face(faces, number, frames), len(faces), context.folder)


def _speaking(context: Context) -> None:
    """The face of a speaker in a shot, by its lips and what is heard."""
    faces = [face.track for face in load_faces(context.inputs["faces"])]
    rate, sounds = Fraction(context.parameters["rate"]), _sounds(context.where["sounds"])
    lines = [
        HeardLine(
            FrameRange(*line["frames"]),
            _heard_on_plate(sounds, line["samples"]) if sounds else None,
            MIX_RATE,
            float(Fraction(line["starts"])),
        )
        for line in context.parameters["lines"]
    ]
    decision = speaking_face(faces, lines, context.parameters["frames"], float(rate))
    save_decision(decision, len(faces), context.folder)


def _library(context: Context) -> None:
    """Cut out the mouths of a shot."""
    track = load_track(context.inputs["track"])
    build_library(_plate(context), track, context.folder, context.step)


def _decode(context: Context) -> None:
    """Frames of a movie as scene-linear EXR, which edits are then made on."""
    frames = FrameRange(*context.parameters["frames"])
    plate = _plate(context)
    for frame, picture in zip(frames, plate.frames(frames), strict=True):
        write_rgb(context.folder / f"{frame}.exr", picture, plate.attributes())
        context.step()


def _original_line(context: Context) -> None:
    """Time the phones of a line as the actor said it on the plate."""
    aligner: Aligner = engine(context.parameters["engine"], EngineKind.ALIGNER)
    samples = _line_on_plate(context)
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


def _loudness(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.floating[Any]]:
    """How loud a line is, LOUDNESS_RATE times a second."""
    count = max(1, len(samples) * LOUDNESS_RATE // sample_rate)
    return loudness_at(samples, sample_rate, np.arange(count) / LOUDNESS_RATE, LOUDNESS_OVER_S)


def _heard_line(context: Context) -> None:
    """Hear a line as the actor said it on the plate, whatever its words."""
    save_hearing(_hearing(context, _line_on_plate(context), MIX_RATE), context.folder)


def _line_on_plate(context: Context) -> NDArray[np.float32]:
    return _heard_on_plate(_sounds(context.where["sounds"]), context.parameters["samples"])


def _heard_on_plate(sounds: list[SoundClip], samples: Sequence[int]) -> NDArray[np.float32]:
    """A line as the plate's sound has it, mono: its dialogue, or all there is."""
    start, end = samples
    original = gather_original(sounds, start, end)
    spoken = original.dialogue if original.dialogue is not None else original.mix
    assert spoken is not None
    return spoken.mean(axis=1)


def _hearing(context: Context, samples: NDArray[np.float32], sample_rate: int) -> Hearing:
    recognizer: PhoneRecognizer = engine(context.parameters["engine"], EngineKind.PHONE_RECOGNIZER)
    heard = recognizer.recognize(samples, sample_rate)
    phones = [timed_phones(phones, sample_rate) for phones in heard]
    return Hearing(acoustic_features(samples, sample_rate), HOP_RATE, phones)


def _seen_mouths(
    context: Context,
) -> tuple[Articulation, list[tuple[Path, NDArray[np.floating[Any]], NDArray[np.float32]]]]:
    """The usual articulation in an actor's range, and what the mouth did in each line.

    Returns:
        With each line's result the middles of its frames, in seconds from where it is heard, and
        its curves.
    """
    tracks = {
        name.removeprefix("track:"): load_track(folder)
        for name, folder in context.inputs.items()
        if name.startswith("track:")
    }
    mouth = measure_range(list(tracks.values()))
    usual = usual_articulation(mouth or MouthRange.typical())
    lines: list[tuple[Path, NDArray[np.floating[Any]], NDArray[np.float32]]] = []
    for seen in context.parameters["observed"]:
        track = tracks[seen["shot"]]
        curves = mouth_curves(in_head_frame(track.landmarks, track.template).positions)
        frames = np.arange(seen["frames"][0], seen["frames"][1])
        frames = frames[track.usable[frames]]
        rate, lead = Fraction(context.parameters["rate"]), Fraction(seen["starts"])
        times = (frames + 0.5) / float(rate) - float(lead)
        if len(frames):
            lines.append((context.inputs[f"line:{seen['cue']}"], times, curves[frames]))
    return usual, lines


def _louder(
    loudness: NDArray[np.floating[Any]], phones: Sequence[Timed]
) -> NDArray[np.floating[Any]]:
    return louder_than_usual(loudness, np.arange(len(loudness)) / LOUDNESS_RATE, phones)


def _loudness_then(
    loudness: NDArray[np.floating[Any]], times: NDArray[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """Loudness at some times, in seconds from the first."""
    return np.interp(times, np.arange(len(loudness)) / LOUDNESS_RATE, loudness)


def _acoustics(context: Context) -> None:
    """Learn how an actor's mouth goes with the sound, from the lines on the plate."""
    usual, seen = _seen_mouths(context)
    lines = [(times, load_hearing(line), curves) for line, times, curves in seen]
    save_acoustics(learned_acoustics(usual, lines), context.folder)


def _articulation(context: Context) -> None:
    """Learn how an actor articulates from the lines on the plate."""
    usual, seen = _seen_mouths(context)
    timed = [(line, load_phones(line), times, curves) for line, times, curves in seen]
    known = [
        (line, Observation(times, timed_phones(phones, MIX_RATE), curves))
        for line, phones, times, curves in timed
        if phones
    ]
    observations = [observation for _, observation in known]
    louder = [
        _loudness_then(_louder(load_loudness(line), seen.phones), seen.times)
        for line, seen in known
    ]
    articulation = with_emphasis(learned(usual, observations), observations, louder)
    save_articulation(articulation, context.folder)
    lines = [folder for name, folder in context.inputs.items() if name.startswith("line:")]
    untimed = [why for folder in lines if (why := untimed_reason(folder))]
    write_json(
        context.folder / "lines.json", {"heard": len(lines), "untimed": untimed, "words": True}
    )


def _articulation_by_ear(context: Context) -> None:
    """Learn how an actor articulates from lines on the plate whose words are not known."""
    usual, seen = _seen_mouths(context)
    lines = [(times, load_hearing(line).phones, curves) for line, times, curves in seen]
    save_articulation(learned_by_ear(usual, lines), context.folder)
    write_json(context.folder / "lines.json", {"heard": len(lines), "untimed": [], "words": False})


def _take(context: Context) -> None:
    """Speak a cue, or fit its recording."""
    cue = Cue.model_validate(context.parameters["cue"])
    language, room = context.parameters["language"], context.parameters["room_ms"]
    if recording := context.where.get("recording"):
        take = recorded_take(_timer(context), Path(recording), cue, language, room, context.folder)
    else:
        voice: Synthesizer = engine(context.parameters["synthesizer"], EngineKind.SYNTHESIZER)
        take = synthesised_take(
            voice, cue, language, room, context.parameters["voice"], context.folder
        )
    save_take(take, context.folder)


def _line(context: Context) -> None:
    """Speak a line that has no slot, at its natural pace."""
    cue = Cue.model_validate(context.parameters["cue"])
    voice: Synthesizer = engine(context.parameters["synthesizer"], EngineKind.SYNTHESIZER)
    save_take(
        natural_take(voice, cue, context.parameters["language"], context.folder), context.folder
    )


def _dialogue(context: Context) -> None:
    """A finished recording, laid down as it is."""
    cue = Cue.model_validate(context.parameters["cue"])
    recording, language = Path(context.where["recording"]), context.parameters["language"]
    save_take(
        finished_take(_timer(context), recording, cue, language, context.folder), context.folder
    )


def _timer(context: Context) -> Aligner | PhoneRecognizer:
    """Who times the phones of a recording: an aligner where its words are known."""
    name = context.parameters.get("aligner")
    if name is not None:
        aligner: Aligner = engine(name, EngineKind.ALIGNER)
        return aligner
    recognizer: PhoneRecognizer = engine(
        context.parameters["recognizer"], EngineKind.PHONE_RECOGNIZER
    )
    return recognizer


def _curves(context: Context) -> None:
    """What the mouth does in one span."""
    predictor: MouthPredictor = engine(context.parameters["engine"], EngineKind.MOUTH_PREDICTOR)
    folder = context.inputs["take"]
    take = load_take(folder)
    articulation = load_articulation(context.inputs["articulation"])
    spoken = timed_phones(take.phones, take.sample_rate)
    louder = _louder(_loudness(*read_mono(folder / take.audio)), spoken)

    def predicted(start: Fraction, frames: int, rate: Fraction) -> NDArray[np.float32]:
        curves = predictor.predict(
            take.phones, take.sample_rate, start, frames, rate, articulation
        ).values
        times = (np.arange(frames) + 0.5) / float(rate) - float(start)
        return emphasised(curves, times, spoken, _loudness_then(louder, times), articulation)

    save_curves(_as_asked(context, predicted, articulation), context.folder)


def _heard_curves(context: Context) -> None:
    """What the mouth does in one span, guessed from the sound of a take without a text."""
    folder = context.inputs["take"]
    samples, sample_rate = read_mono(folder / load_take(folder).audio)
    acoustics = load_acoustics(context.inputs["acoustics"])
    hearing = _hearing(context, samples, sample_rate)

    def predicted(start: Fraction, frames: int, rate: Fraction) -> NDArray[np.float32]:
        return acoustics.predict(hearing, (np.arange(frames) + 0.5) / float(rate) - float(start))

    save_curves(_as_asked(context, predicted, acoustics.usual), context.folder)


def _as_asked(
    context: Context,
    predicted: Callable[[Fraction, int, Fraction], NDArray[np.float32]],
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
        found = predicted(starts + reach, count, fine).astype(np.float64)
        at = ((np.arange(count) + 0.5) / float(fine) - float(starts + reach)) * 1000
        curves = resampled(found, at, times_ms - keyed(controls, "offset_ms", times_ms))
    else:
        offset = Fraction(controls.offset_ms, 1000)
        curves = predicted(starts + offset, frames, rate).astype(np.float64)
    rest = np.array(articulation.targets[Viseme.SIL])
    return MouthCurves(rate, controlled(curves, rest, controls, times_ms).astype(np.float32))


def _choose(context: Context) -> None:
    """Which library mouths each frame of a span is drawn from."""
    renderer: MouthRenderer = engine(context.parameters["engine"], EngineKind.MOUTH_RENDERER)
    first = context.parameters["first"]
    untouched = [first + frame for frame in context.parameters.get("untouched", ())]
    choices = renderer.choose(
        _shot_plate(context, untouched),
        _libraries(context),
        load_curves(context.inputs["curves"]),
        context.parameters["first"],
        (bool(context.parameters["joins"][0]), bool(context.parameters["joins"][1])),
    )
    save_choices(choices, context.folder)


def _draw(context: Context) -> None:
    """Draw a chunk of a span: a patch and a full frame for each edited frame."""
    renderer: MouthRenderer = engine(context.parameters["engine"], EngineKind.MOUTH_RENDERER)
    plate = _shot_plate(context)
    spec = _spec(context)
    told = frame_attributes(context.parameters["engine"], context.task.key)
    first = context.parameters["first"]
    chunk = range(*context.parameters["chunk"])
    curves, choices = load_curves(context.inputs["curves"]), load_choices(context.inputs["choices"])
    libraries = _libraries(context)
    batches = (chunk[at : at + context.batch] for at in range(0, len(chunk), context.batch))
    patches = itertools.chain.from_iterable(
        renderer.draw(plate, libraries, curves, first, choices, batch) for batch in batches
    )
    for index, patch in zip(chunk, patches, strict=True):
        if patch is not None:
            frame = first + index
            source = _source(context, frame)
            if context.parameters["draft_mark"]:
                patch = marked(patch, spec.width, spec.height)
            written = context.folder / f"{frame}.patch.exr"
            write_patch(written, patch, read_header(source), told)
            # Merged from what the patch file holds, so that a compositor gets the same frame.
            write_edited(source, context.folder / f"{frame}.exr", read_patch(written), told)
        context.step()
    if drawn := list(drawn_frames([context.folder]).values()):
        write_thumbnail(context.folder / THUMBNAIL, drawn[len(drawn) // 2], spec)


def _mix(context: Context) -> None:
    """The stems of one language, half a minute at a time."""
    sounds = _sounds(context.where["sounds"])
    takes = []
    for placed in context.parameters["takes"]:
        folder = context.inputs[f"take:{placed['cue']}"]
        samples, _ = read_mono(folder / load_take(folder).audio)
        take = PlacedTake(samples, placed["start"], placed["end"])
        line = gather_original(sounds, take.start, take.end)
        takes.append(levelled(take, line.mix if line.dialogue is None else line.dialogue))
    kept = [(start, end) for start, end in context.parameters["kept"]]
    meters = {name: LoudnessMeter() for name in ("DX", "ME", "mix")}
    note = ""
    with (
        written_wav(context.folder / "DX.wav", 1, MIX_RATE) as dialogue,
        written_wav(context.folder / "ME.wav", 2, MIX_RATE) as effects,
        written_wav(context.folder / "mix.wav", 2, MIX_RATE) as together,
    ):
        for part in FrameRange(0, context.parameters["samples"]).chunks(MIX_BLOCK):
            original = gather_original(sounds, part.start, part.end)
            stems = mix_stems(original, takes, kept, part.start, part.end)
            note = stems.note
            for name, write, samples in (
                ("DX", dialogue, stems.dialogue),
                ("ME", effects, stems.effects),
                ("mix", together, stems.mix),
            ):
                write(samples)
                meters[name].add(samples)
    loudness = {name: meter.integrated_lufs() for name, meter in meters.items()}
    write_json(context.folder / "mix.json", {"loudness_lufs": loudness, "effects": note})


def _original_mix(context: Context) -> None:
    """The timeline's own sound as one file, for previews."""
    sounds = _sounds(context.where["sounds"])
    with written_wav(context.folder / "mix.wav", 2, MIX_RATE) as write:
        for part in FrameRange(0, context.parameters["samples"]).chunks(MIX_BLOCK):
            original = gather_original(sounds, part.start, part.end)
            heard = np.zeros((len(part), 2), np.float32)
            for stem in (original.dialogue, original.effects, original.mix):
                heard += 0 if stem is None else stem
            write(np.clip(heard, -1, 1))


def _animation(context: Context) -> None:
    """The mouth of a character that speaks a take, as curves from 0 to 1."""
    predictor: MouthPredictor = engine(context.parameters["engine"], EngineKind.MOUTH_PREDICTOR)
    take = load_take(context.inputs["take"])
    rate = Fraction(context.parameters["rate"])
    frames = int(Fraction(take.length, take.sample_rate) * rate) + 1
    mouth = MouthRange.typical()
    curves = predictor.predict(
        take.phones, take.sample_rate, Fraction(0), frames, rate, usual_articulation(mouth)
    )
    write_json(context.folder / "curves.json", character_curves(curves, mouth))


def _check(context: Context) -> None:
    """Measure one span as it was drawn, and picture it beside the plate."""
    tracker: FaceTracker = engine(context.parameters["engine"], EngineKind.FACE_TRACKER)
    spec = _spec(context)
    first = context.parameters["first"]
    drawn = drawn_frames(
        folder for name, folder in context.inputs.items() if name.startswith("draw:")
    )
    plates = {frame: _source(context, frame) for frame in drawn}
    track = load_track(context.inputs["track"])
    check = check_span(
        spec,
        track,
        load_curves(context.inputs["curves"]),
        first,
        plates,
        drawn,
        tracker,
        context.folder / "sheet.jpg",
    )
    write_json(context.folder / "check.json", check)


def _part_of_track(context: Context) -> None:
    """The part of a face's track that another cut shows."""
    track = load_track(context.inputs["track"])
    part = slice(*context.parameters["frames"])
    kept = FaceTrack(track.landmarks[part], track.template, track.reasons[part])
    save_track(kept, context.folder)
    linked(context.inputs["track"] / SPEAKING, context.folder / SPEAKING)


def _keep(context: Context) -> None:
    """What of a span another cut shows: its curves, choices, check and frames, numbered anew."""
    first, later = context.parameters["first"], context.parameters["later"]
    frames = FrameRange(*context.parameters["frames"])
    was = frames.shifted(later)
    part = slice(was.start - first, was.end - first)
    curves = load_curves(context.inputs["curves"])
    save_curves(MouthCurves(curves.rate, curves.values[part]), context.folder)
    save_choices(load_choices(context.inputs["choices"])[part], context.folder)
    folders = [folder for name, folder in context.inputs.items() if name.startswith("draw:")]
    for frame, file in drawn_frames(folders).items():
        if frame in was:
            linked(file, context.folder / f"{frame - later}.exr")
            patch = file.with_name(f"{frame}.patch.exr")
            linked(patch, context.folder / f"{frame - later}.patch.exr")
    for thumbnail in [folder / THUMBNAIL for folder in folders][:1]:
        if thumbnail.is_file():
            linked(thumbnail, context.folder / THUMBNAIL)
    sheet = context.inputs["check"] / "sheet.jpg"
    if sheet.is_file():
        linked(sheet, context.folder / "sheet.jpg")
    check = read_json(context.inputs["check"] / "check.json")
    write_json(context.folder / "check.json", _part_of_check(check, was, later))


def _part_of_check(check: dict[str, Any], was: FrameRange, later: int) -> dict[str, Any]:
    """A check's figures, and what it saw on some of its frames, numbered anew."""
    if not check:
        return {}
    seen = [
        (frame - later, asked, found)
        for frame, asked, found in zip(check["frames"], check["asked"], check["seen"], strict=True)
        if frame in was
    ]
    return check | {
        "frames": [frame for frame, _, _ in seen],
        "asked": [asked for _, asked, _ in seen],
        "seen": [found for _, _, found in seen],
    }


STAGES: Final[Mapping[str, Stage]] = {
    "faces": _faces,
    "track": _track,
    "speaking": _speaking,
    "cast": write_cast,
    "library": _library,
    "decode": _decode,
    "original line": _original_line,
    "heard line": _heard_line,
    "acoustics": _acoustics,
    "articulation": _articulation,
    "articulation by ear": _articulation_by_ear,
    "take": _take,
    "line": _line,
    "dialogue": _dialogue,
    "curves": _curves,
    "heard curves": _heard_curves,
    "choose": _choose,
    "draw": _draw,
    "mix": _mix,
    "original mix": _original_mix,
    "animation": _animation,
    "check": _check,
    "part of track": _part_of_track,
    "keep": _keep,
    "picture": write_language_picture,
    "preview": write_language_preview,
    "movie": write_language_movie,
}
VERSIONS: Final[Mapping[str, int]] = dict.fromkeys(STAGES, 1) | {
    "track": 6,
    "speaking": 2,
    "library": 5,
    "decode": 2,
    "original line": 2,
    "articulation": 5,
    "curves": 3,
    "choose": 2,
    "draw": 2,
    "mix": 2,
    "original mix": 2,
}


def _spec(context: Context) -> PlateSpec:
    return PlateSpec.model_validate(context.where["plate"])


def _plate(context: Context) -> Plate:
    return Plate(_spec(context), decoded_frames(context))


def _shot_plate(context: Context, untouched: Collection[int] = ()) -> ShotPlate:
    """A shot's plate, on some of whose frames the mouth is not to be redrawn."""
    track = load_track(context.inputs["track"])
    reasons = tuple(
        reason or (LEFT if frame in untouched else "") for frame, reason in enumerate(track.reasons)
    )
    own = context.inputs.get(f"library:{context.parameters['shot']}")
    shutter = MouthLibrary(own, track, 1.0).shutter if own else 0.0
    return ShotPlate(_plate(context), replace(track, reasons=reasons), shutter)


def _libraries(context: Context) -> list[LibraryView]:
    return [
        MouthLibrary(
            context.inputs[f"library:{shot}"], load_track(context.inputs[f"track:{shot}"]), aspect
        )
        for shot, aspect in context.parameters["library"]
    ]


def _sounds(where: list[dict[str, str]]) -> list[SoundClip]:
    return [SoundClip.from_json(sound) for sound in where]


def _source(context: Context, frame: int) -> Path:
    """The EXR that a frame of the plate is edited from."""
    source = decoded_frames(context).get(frame) or _spec(context).file(frame)
    assert source is not None, "black frames show no face"
    return source
