"""The stages: each reads finished results and writes one of its own.

A stage's version, beside it in VERSIONS, is part of every key: raise it when its results change.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from dubwright.character import character_curves
from dubwright.character.acting import acted
from dubwright.character.capture import captured_curves, captured_weights
from dubwright.character.hearing import heard_weights
from dubwright.character.visemes import viseme_weights
from dubwright.engines import (
    Aligner,
    EngineKind,
    FaceParser,
    MouthPredictor,
    MouthRenderer,
    PhoneRecognizer,
    engine,
)
from dubwright.errors import DubwrightError
from dubwright.face.speaking import HeardLine, named_face, speaking_face
from dubwright.face.track import track_faces
from dubwright.media.audio import read_mono, written_wav
from dubwright.media.exr import read_header, read_patch, write_edited, write_patch, write_rgb
from dubwright.model import (
    Cue,
    FaceTrack,
    FrameRange,
    MouthCurves,
    Phone,
    SpokenPhone,
)
from dubwright.mouth.articulation import (
    usual_articulation,
)
from dubwright.mouth.range import MouthRange, measure_range
from dubwright.operations.align_stages import (
    locate_lines,
    read_lines,
    time_lines,
    write_alignment,
)
from dubwright.operations.background import find_background, separate_part
from dubwright.operations.booth_stages import write_guide, write_line
from dubwright.operations.cast_stage import write_cast
from dubwright.operations.generated_stages import generate_mouths, guide_curves
from dubwright.operations.listening import learn_to_hear
from dubwright.operations.loading import aligner_of, tracker_of
from dubwright.operations.mixing import mix_language
from dubwright.operations.mouth_stages import (
    hear_line,
    learn_acoustics,
    learn_articulation,
    learn_articulation_by_ear,
    line_on_plate,
    shape_curves,
    shape_heard_curves,
    sounds_of,
    time_original_line,
)
from dubwright.operations.movies import write_language_movie
from dubwright.operations.plates import (
    LEFT,
    libraries_of,
    plate_of,
    rec709_of,
    shot_plate,
    source_of,
    spec_of,
)
from dubwright.operations.preview import (
    write_language_picture,
    write_language_preview,
    write_thumbnail,
)
from dubwright.operations.refiner_stages import join_refiner, pair_mouths, refine_round
from dubwright.operations.regression_stages import (
    encode_line,
    encode_take,
    join_regression,
    predict_block,
    train_block,
)
from dubwright.operations.results import (
    SPEAKING,
    THUMBNAIL,
    drawn_frames,
    linked,
    load_choices,
    load_curves,
    load_faces,
    load_listener,
    load_take,
    load_track,
    read_json,
    refusal,
    save_choices,
    save_curves,
    save_decision,
    save_faces,
    save_fronts,
    save_take,
    save_track,
    write_json,
)
from dubwright.operations.speech_stages import (
    find_speech,
    print_voices,
    transcribe_part,
    write_transcript,
)
from dubwright.operations.task import Context, Stage
from dubwright.operations.teaching import retime_original_lines
from dubwright.operations.translate_stages import translate_part, write_translation
from dubwright.operations.voice_stages import likeness, performer_of, write_sample
from dubwright.picture.front import front_of_faces
from dubwright.picture.library import build_library
from dubwright.quality.check import check_span
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.soundtrack import gather_original
from dubwright.speech.takes import (
    finished_take,
    natural_take,
    recorded_take,
    synthesised_take,
    timed_take,
)
from dubwright.trust import frame_attributes, marked

__all__ = ["STAGES", "VERSIONS"]


# Half a minute; a whole number of samples at every usual rate, so that parts join.
MIX_BLOCK: Final = 30 * MIX_RATE


def _faces(context: Context) -> None:
    """Follow the faces of a shot."""
    tracker = tracker_of(context)
    save_faces(track_faces(plate_of(context), tracker, context.step), context.folder)


def _track(context: Context) -> None:
    """The face of a speaker in a shot, as the cast says."""
    faces = [face.track for face in load_faces(context.inputs["faces"])]
    number, frames = context.parameters["face"], context.parameters["frames"]
    save_decision(named_face(faces, number, frames), len(faces), context.folder)


def _speaking(context: Context) -> None:
    """The face of a speaker in a shot, by its lips and what is heard."""
    faces = [face.track for face in load_faces(context.inputs["faces"])]
    rate, sounds = Fraction(context.parameters["rate"]), sounds_of(context.where["sounds"])
    lines = [
        HeardLine(
            FrameRange(*line["frames"]),
            line_on_plate(sounds, line["samples"]) if sounds else None,
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
    build_library(plate_of(context), track, context.folder, context.step)


def _front(context: Context) -> None:
    """What lies in front of a face in some frames of a shot."""
    told = context.parameters
    weights = context.where.get("parser_weights")
    parser: FaceParser = engine(
        told["parser"], EngineKind.FACE_PARSER, Path(weights) if weights else None
    )
    fronts = front_of_faces(
        shot_plate(context),
        parser,
        rec709_of(plate_of(context)),
        FrameRange(*told["frames"]),
        context.batch,
        context.step,
    )
    save_fronts(fronts, context.folder)


def _decode(context: Context) -> None:
    """Frames of a movie as scene-linear EXR, which edits are then made on."""
    frames = FrameRange(*context.parameters["frames"])
    plate = plate_of(context)
    for frame, picture in zip(frames, plate.frames(frames), strict=True):
        write_rgb(context.folder / f"{frame}.exr", picture, plate.attributes())
        context.step()


def _take(context: Context) -> None:
    """Speak a cue, or fit its recording."""
    cue = Cue.model_validate(context.parameters["cue"])
    language, room = context.parameters["language"], context.parameters["room_ms"]
    if recording := context.where.get("recording"):
        take = recorded_take(_timer(context), Path(recording), cue, language, room, context.folder)
    else:
        performer = performer_of(context, language)
        take = synthesised_take(performer, cue, language, room, context.folder)
        alike = likeness(context, *read_mono(context.folder / take.audio))
        take = take.model_copy(update={"notes": (*take.notes, *alike)})
    save_take(take, context.folder)


def _line(context: Context) -> None:
    """Speak a line that has no slot, at its natural pace."""
    cue = Cue.model_validate(context.parameters["cue"])
    language = context.parameters["language"]
    performer = performer_of(context, language)
    save_take(natural_take(performer, cue, language, context.folder), context.folder)


def _dialogue(context: Context) -> None:
    """A finished recording, laid down as it is."""
    cue = Cue.model_validate(context.parameters["cue"])
    recording, language = Path(context.where["recording"]), context.parameters["language"]
    if given := context.parameters.get("phones"):
        phones = [SpokenPhone.model_validate(phone) for phone in given]
        save_take(timed_take(phones, recording, cue, language, context.folder), context.folder)
        return
    save_take(
        finished_take(_timer(context), recording, cue, language, context.folder), context.folder
    )


def _timer(context: Context) -> Aligner | PhoneRecognizer:
    """Who times the phones of a recording: an aligner where its words are known."""
    if "aligner" in context.parameters:
        return aligner_of(context)
    recognizer: PhoneRecognizer = engine(
        context.parameters["recognizer"], EngineKind.PHONE_RECOGNIZER
    )
    return recognizer


def _choose(context: Context) -> None:
    """Which library mouths each frame of a span is drawn from."""
    renderer = _renderer(context)
    first = context.parameters["first"]
    curves = load_curves(context.inputs["curves"])
    refused = refusal(context.inputs["curves"])
    if refused:
        left = list(range(first, first + len(curves)))
    else:
        left = [first + frame for frame in context.parameters.get("untouched", ())]
    choices = renderer.choose(
        shot_plate(context, left, refused or LEFT),
        libraries_of(context),
        curves,
        context.parameters["first"],
        (bool(context.parameters["joins"][0]), bool(context.parameters["joins"][1])),
    )
    save_choices(choices, context.folder)


def _draw(context: Context) -> None:
    """Draw a chunk of a span: a patch and a full frame for each edited frame."""
    renderer = _renderer(context)
    plate = shot_plate(context)
    spec = spec_of(context)
    told = frame_attributes(renderer.card, context.task.key)
    first = context.parameters["first"]
    chunk = range(*context.parameters["chunk"])
    curves, choices = load_curves(context.inputs["curves"]), load_choices(context.inputs["choices"])
    libraries = libraries_of(context)
    batches = (chunk[at : at + context.batch] for at in range(0, len(chunk), context.batch))
    patches = itertools.chain.from_iterable(
        renderer.draw(plate, libraries, curves, first, choices, batch) for batch in batches
    )
    for index, patch in zip(chunk, patches, strict=True):
        if patch is not None:
            frame = first + index
            source = source_of(context, frame)
            header = read_header(source)
            if context.parameters["draft_mark"]:
                patch = marked(patch, spec.width, spec.height, header.held)
            written = context.folder / f"{frame}.patch.exr"
            write_patch(written, patch, header, told)
            # Merged from what the patch file holds, so that a compositor gets the same frame.
            write_edited(source, context.folder / f"{frame}.exr", read_patch(written), told)
        context.step()
    if drawn := list(drawn_frames([context.folder]).values()):
        write_thumbnail(context.folder / THUMBNAIL, drawn[len(drawn) // 2], spec)


def _original_mix(context: Context) -> None:
    """The timeline's own sound as one file, for previews."""
    sounds = sounds_of(context.where["sounds"])
    samples = context.parameters["samples"]
    with written_wav(context.folder / "mix.wav", 2, MIX_RATE, samples) as write:
        for part in FrameRange(0, samples).chunks(MIX_BLOCK):
            original = gather_original(sounds, part.start, part.end)
            heard = np.zeros((len(part), 2), np.float32)
            for stem in (original.dialogue, original.effects, original.mix):
                heard += 0 if stem is None else stem
            write(np.clip(heard, -1, 1))


def _animation(context: Context) -> None:
    """The face of a character that speaks a take: curves from 0 to 1, visemes and gestures.

    Where no words are known, the visemes are those of the sound alone.
    """
    predictor: MouthPredictor = engine(context.parameters["engine"], EngineKind.MOUTH_PREDICTOR)
    take = load_take(context.inputs["take"])
    rate = Fraction(context.parameters["rate"])
    frames = int(Fraction(take.length, take.sample_rate) * rate) + 1
    mouth = MouthRange.typical()
    curves = predictor.predict(
        take.phones, take.sample_rate, Fraction(0), frames, rate, usual_articulation(mouth)
    )
    write_json(context.folder / "curves.json", character_curves(curves, mouth))
    samples, sample_rate = read_mono(context.inputs["take"] / take.audio)
    gestures = acted(samples, sample_rate, take.phones, rate, frames)
    np.save(context.folder / "gestures.npy", gestures)
    weights = viseme_weights(take.phones, take.sample_rate, rate, frames)
    if "listener" in context.inputs:
        hearings: Sequence[Sequence[Phone]] = ()
        if name := context.parameters.get("recognizer"):
            recognizer: PhoneRecognizer = engine(name, EngineKind.PHONE_RECOGNIZER)
            hearings = recognizer.recognize(samples, sample_rate)
        listener = load_listener(context.inputs["listener"])
        weights = heard_weights(samples, sample_rate, hearings, listener, rate, frames)
    np.save(context.folder / "visemes.npy", weights)


def _capture(context: Context) -> None:
    """The mouth of an actor, as curves from 0 to 1 and as visemes, for a character."""
    track = load_track(context.inputs["track"])
    mouth = measure_range([track])
    if mouth is None:
        raise DubwrightError(
            "No mouth can be read from this plate",
            where=context.task.label,
            why="; ".join(sorted({reason for reason in track.reasons if reason})),
            repair="choose another face, or frames in which the face is seen",
        )
    curves = MouthCurves(Fraction(context.parameters["rate"]), captured_curves(track))
    write_json(context.folder / "curves.json", character_curves(curves, mouth))
    weights = captured_weights(curves.values, mouth)
    np.save(context.folder / "visemes.npy", weights)


def _check(context: Context) -> None:
    """Measure one span as it was drawn, and picture it beside the plate."""
    tracker = tracker_of(context)
    spec = spec_of(context)
    first = context.parameters["first"]
    drawn = drawn_frames(
        folder for name, folder in context.inputs.items() if name.startswith("draw:")
    )
    plates = {frame: source_of(context, frame) for frame in drawn}
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
    visemes = None if curves.visemes is None else curves.visemes[part]
    save_curves(MouthCurves(curves.rate, curves.values[part], visemes), context.folder)
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
    "front": _front,
    "decode": _decode,
    "original line": time_original_line,
    "retimed lines": retime_original_lines,
    "heard line": hear_line,
    "listener": learn_to_hear,
    "acoustics": learn_acoustics,
    "articulation": learn_articulation,
    "articulation by ear": learn_articulation_by_ear,
    "voice sample": write_sample,
    "take": _take,
    "line": _line,
    "dialogue": _dialogue,
    "encoded line": encode_line,
    "encoded take": encode_take,
    "predicted block": predict_block,
    "regression block": train_block,
    "regression": join_regression,
    "curves": shape_curves,
    "heard curves": shape_heard_curves,
    "generated mouths": generate_mouths,
    "guided curves": guide_curves,
    "mouth pairs": pair_mouths,
    "refiner round": refine_round,
    "refiner": join_refiner,
    "choose": _choose,
    "draw": _draw,
    "mix": mix_language,
    "background": find_background,
    "separated": separate_part,
    "original mix": _original_mix,
    "animation": _animation,
    "capture": _capture,
    "check": _check,
    "part of track": _part_of_track,
    "keep": _keep,
    "picture": write_language_picture,
    "preview": write_language_preview,
    "movie": write_language_movie,
    "speech": find_speech,
    "words": transcribe_part,
    "voices": print_voices,
    "transcript": write_transcript,
    "readings": read_lines,
    "located": locate_lines,
    "timed lines": time_lines,
    "alignment": write_alignment,
    "translated lines": translate_part,
    "translation": write_translation,
    "guide": write_guide,
    "booth line": write_line,
}
VERSIONS: Final[Mapping[str, int]] = dict.fromkeys(STAGES, 1) | {
    "faces": 2,
    "take": 2,
    "dialogue": 2,
    "line": 2,
    "heard curves": 2,
    "track": 6,
    "speaking": 2,
    "library": 6,
    "decode": 2,
    "original line": 2,
    "animation": 5,
    "articulation": 8,
    "curves": 5,
    "choose": 4,
    "draw": 3,
    "mix": 6,
    "original mix": 3,
    "readings": 2,
    "voices": 2,
    "listener": 3,
}


def _renderer(context: Context) -> MouthRenderer:
    """Who draws; with what it learned, where it learns."""
    renderer: MouthRenderer = engine(
        context.parameters["engine"], EngineKind.MOUTH_RENDERER, context.inputs.get("learned")
    )
    return renderer
