# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Has a character speak a line: what is asked, what the service answers, and the keys it becomes.

Only what touches the scene must happen in Blender's own thread: `ask` and `key`. `answer` waits for
the service, and may do so in another.
"""

import json
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import bpy

from dubwright_blender.bones import nodding
from dubwright_blender.jobs import done
from dubwright_blender.keys import (
    adjust_line,
    key_line,
    line_in_the_way,
    place_of,
    plays_otherwise,
    speaker_of,
)
from dubwright_blender.mapping import FOUND, rig_of
from dubwright_blender.rigs import animated_in, family, movers, parts_of, speaking_meshes
from dubwright_blender.sequencer import move_sound

__all__ = [
    "Answer",
    "Asked",
    "Spoken",
    "absolute",
    "adjust",
    "animate",
    "answer",
    "ask",
    "key",
    "scene_rate",
]


# Where lines go: a folder beside the saved file.
BESIDE = "//dubwright"


class Asked(NamedTuple):
    """A line for a character: the names of its parts, of those the ones with shape keys; what the
    service is asked for; and how far what nods goes, by data path."""

    parts: List[str]
    meshes: List[str]
    rig: str
    line: str
    language: str
    first_frame: int
    title: str
    request: Dict[str, Any]
    nods: Dict[str, float]


class Answer(NamedTuple):
    """What came back: each control's value a frame, how far the head nods, and the line's sound."""

    controls: Dict[str, List[float]]
    nods: List[float]
    sound: Path


class Spoken(NamedTuple):
    """What became of a line: its sound, the rig, the objects that move, the rig's controls that no
    object has, and what else is to be said."""

    sound: Path
    rig: str
    meshes: List[str]
    missing: List[str]
    notes: List[str]


def animate(obj, text, language, output=BESIDE, progress=None, **asked):
    """Have a character speak a line: key what of it moves, in strips of their own.

    progress: is called with each state of the job. The rest is of ask.

    Returns a Spoken. Raises ValueError where nothing of the character is known to move, and for a
    path beside a file that was never saved.
    """
    question = ask(obj, text, language, output, **asked)
    return key(question, answer(question, progress))


def ask(
    obj,
    text,
    language,
    output=BESIDE,
    audio=None,
    rig="auto",
    line="line",
    first_frame=None,
    intensity=1.0,
    emotion=None,
    acting=0.0,
    style="realistic",
    mouth=None,
    head=None,
):
    """What the service is to be asked to have a character speak.

    obj: its object, or one that its meshes hang on. text, language: the line, "" if only
    its recording is known, and its language tag.
    output: folder for the line's sound and curves, as in "//lines". audio: an actor's WAV, else the
    line is synthesised. rig: arkit, oculus, vrm1, vrm0, cc4, rigify, names, the path of a rig of
    your own or its document as a dict; if "auto", what was set for the character in its panel, else
    found by the names of shape keys and bones. head: a bone that nods as the line is acted, of an
    armature of the character's. line: a name; the same name again replaces the line in
    this language. first_frame: where it begins, else the current frame. intensity: how far the
    mouth moves, 0 to 2. emotion: one that the rig knows, shown all along. acting: how much the rest
    of the face acts, 0 to 1. style: realistic, cartoon or anime. mouth: other controls of the
    mouth, as a cue has them (docs/formats.md).
    """
    scene = bpy.context.scene
    parts = parts_of(obj)
    meshes = speaking_meshes(obj)
    linked = [mesh.name for mesh in meshes if not mesh.data.shape_keys.is_editable]
    if linked:
        raise ValueError(
            "The shape keys of {} are another file's; make them local, or override their data"
            " (Object > Relations)".format(", ".join(linked))
        )
    called = "its own" if isinstance(rig, dict) else str(rig)
    if called in FOUND:
        called, rig = rig_of(obj, called)
    request = {
        "text": text,
        "language": language,
        "rate": scene_rate(scene),
        "style": style,
        "mouth": dict({"intensity": intensity}, **(mouth or {})),
        "emotion": emotion,
        "acting": acting,
        "output": absolute(output),
    }
    request.update(_named(rig))
    if audio:
        request["recording"] = absolute(audio)
    return Asked(
        [part.name for part in parts],
        [mesh.name for mesh in meshes],
        called,
        line,
        language,
        scene.frame_current if first_frame is None else first_frame,
        "{}: {}".format(obj.name, line),
        request,
        _nods(parts, head) if head else {},
    )


def answer(
    asked: Asked,
    progress: Optional[Callable[[Dict[str, Any]], None]] = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Answer:
    """Wait for the service's answer; touches no scene.

    Raises Cancelled, and what dubwright_plugin does.
    """
    service, job, result = done("animate", asked.request, asked.title, progress, is_cancelled)
    with tempfile.TemporaryDirectory() as folder:
        fetched = service.fetch(job, "controls.json", Path(folder) / "controls.json")
        told = json.loads(fetched.read_text(encoding="utf-8"))
    return Answer(told["controls"], told["gestures"]["nod"], Path(result["folder"]) / "line.wav")


def key(asked: Asked, answered: Answer) -> Spoken:
    """Key what the rig's controls move: all of it, or nothing.

    Raises ValueError where one is gone, where another line is in the way, and where none has a
    control of the rig.
    """
    nods = {path: [far * nod for nod in answered.nods] for path, far in asked.nods.items()}
    controls = dict(answered.controls, **nods)
    found, notes = _movers_of(asked, controls)
    if not found:
        raise ValueError(
            "Nothing of {} is a control of the rig {}".format(", ".join(asked.parts), asked.rig)
        )
    locked = [part.name for animated, (part, _) in found.items() if not animated.is_editable]
    if locked:
        raise ValueError("{} is another file's; make it local".format(", ".join(locked)))
    frames = max(map(len, controls.values()))
    for animated in found:
        other = line_in_the_way(animated, asked.line, asked.language, asked.first_frame, frames)
        if other is not None:
            raise ValueError(
                "{} would lie over {} in {}; choose another frame, or speak that line again".format(
                    asked.line, other, asked.language
                )
            )
    for animated, (part, paths) in found.items():
        values = {path: controls[control] for path, control in paths.items()}
        key_line(
            animated,
            part.name,
            asked.line,
            asked.language,
            values,
            asked.first_frame,
            speaker=asked.title,
        )
        if animated.animation_data.action is not None:
            notes.append(
                "{} has an action of its own, which plays over the line; push it down to see the "
                "line.".format(part.name)
            )
    moved = {control for _, paths in found.values() for control in paths.values()}
    missing = [name for name, row in controls.items() if any(row) and name not in moved]
    names = list(dict.fromkeys(part.name for part, _ in found.values()))
    return Spoken(answered.sound, asked.rig, names, missing, notes)


def _movers_of(asked, controls):
    """What the controls move: by what is animated, whose it is, and controls by data path; and
    what is to be said of it. A head that has keys of its own does not nod, and only one does."""
    found, notes, left = {}, [], dict(controls)
    gestures = asked.request.get("rig_document", {}).get("gestures", {})
    nods = {*asked.nods, *gestures.get("nod", {})}
    for name in asked.parts:
        part = bpy.data.objects.get((name, None))
        if part is None or (name in asked.meshes and getattr(part.data, "shape_keys", 0) is None):
            raise ValueError("{} is gone, or its shape keys are".format(name))
        for animated, paths in movers(part, left).items():
            left = {control: row for control, row in left.items() if control not in nods & {*paths}}
            if any(plays_otherwise(animated, path) for path in nods & {*paths}):
                notes.append("{} does not nod: its head has keys of its own.".format(part.name))
                paths = {path: control for path, control in paths.items() if path not in nods}
            if paths:
                found.setdefault(animated, (part, paths))
    return found, notes


def _named(rig):
    """How the service is told of a rig: a document, a file, or a name."""
    if isinstance(rig, dict):
        return {"rig_document": rig}
    if Path(str(rig)).suffix:
        return {"rig_file": absolute(rig)}
    return {"rig": str(rig)}


def _nods(parts, head):
    """How far a nod goes, by data path. Raises ValueError where there is no such bone."""
    for part in parts:
        if part.pose is not None and head in part.pose.bones:
            return nodding(part, head)
    raise ValueError("No armature of the character has a bone {}".format(head))


def adjust(obj, line, language, later=0, strength=1.0):
    """Move a character's line by frames, and have what it moves go further, or less far.

    Its sound in the sequencer goes along. Raises ValueError where there is no such line, or another
    one is in the way: nothing was changed then.
    """
    parts = [part for part in animated_in(family(obj)) if place_of(part, line, language)]
    if not parts:
        raise ValueError("{} has no line {} in {}".format(obj.name, line, language))
    speakers = {speaker_of(part, line, language) for part in parts}
    for part in parts:
        first, frames = place_of(part, line, language)
        other = line_in_the_way(part, line, language, first + later, frames)
        if other is not None:
            raise ValueError("{} would lie over {} in {}".format(line, other, language))
    for part in parts:
        adjust_line(part, line, language, later, strength)
    for speaker in speakers:
        move_sound(bpy.context.scene, speaker, language, later)


def scene_rate(scene):
    """The scene's frame rate, exactly, as in 24000/1001."""
    rate = Fraction(scene.render.fps) / Fraction(scene.render.fps_base).limit_denominator(10000)
    return str(rate)


def absolute(path):
    """A path as the service needs it. Raises ValueError beside a file that was never saved."""
    text = str(path)
    if text.startswith("//") and not bpy.data.filepath:
        raise ValueError(
            "Save the file first: {} is beside it. Or name another place.".format(text)
        )
    return str(Path(bpy.path.abspath(text)))
