# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Has a character speak a line."""

import json
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import List, NamedTuple

import bpy

from dubwright_blender.keys import key_line
from dubwright_blender.rigs import find_rig, matching_keys, speaking_meshes
from dubwright_plugin import connect

__all__ = ["Spoken", "animate", "scene_rate"]


class Spoken(NamedTuple):
    """What became of a line: its sound, the rig, the meshes that move, the rig's controls that none
    of them has, and what else is to be said."""

    sound: Path
    rig: str
    meshes: List[str]
    missing: List[str]
    notes: List[str]


def animate(
    obj,
    text,
    language,
    output,
    audio=None,
    rig="auto",
    line="line",
    first_frame=None,
    intensity=1.0,
    progress=None,
):
    """Have a character speak a line: key its shape keys, in a strip of their own.

    obj: its object, or one that its meshes hang on. text, language: the line and its language tag.
    output: folder for the line's sound and curves. audio: an actor's WAV, else the line is
    synthesised. rig: arkit, oculus, vrm1, vrm0, cc4, or the path of a rig of your own; found by the
    shape keys' names if "auto". line: a name; the same name again replaces the line in this
    language. first_frame: where it begins, else the current frame. intensity: how far the mouth
    moves, 0 to 2. progress: is called with each state of the job.

    Returns a Spoken. Raises ValueError where the character has no shape keys that are known.
    """
    scene = bpy.context.scene
    meshes = speaking_meshes(obj)
    if not meshes:
        raise ValueError("{} and what hangs on it have no shape keys".format(obj.name))
    rig = find_rig(meshes) if rig == "auto" else rig
    if rig is None:
        raise ValueError(
            "The shape keys of {} are of no rig that is known; name one, or write one of your own "
            "(docs/formats.md)".format(obj.name)
        )
    request = {
        "text": text,
        "language": language,
        "rate": scene_rate(scene),
        "intensity": intensity,
        "output": str(output),
    }
    request["rig_file" if Path(rig).suffix else "rig"] = str(rig)
    if audio:
        request["recording"] = str(audio)
    service = connect()
    job = service.submit("animate", request, title="{}: {}".format(obj.name, line))
    service.wait(job, progress)
    with tempfile.TemporaryDirectory() as folder:
        fetched = service.fetch(job, "controls.json", Path(folder) / "controls.json")
        controls = json.loads(fetched.read_text(encoding="utf-8"))["controls"]
    start = scene.frame_current if first_frame is None else first_frame
    moved, found, notes = [], set(), []
    for mesh in meshes:
        known = matching_keys(mesh, controls)
        if not known:
            continue
        values = {key: controls[control] for control, key in known.items()}
        key_line(mesh, line, language, values, start)
        moved.append(mesh.name)
        found.update(known)
        if mesh.data.shape_keys.animation_data.action is not None:
            notes.append(
                "{} has an action of its own, which plays over the line; push it down to see the "
                "line.".format(mesh.name)
            )
    if not moved:
        raise ValueError("No shape key of {} is a control of {}".format(obj.name, rig))
    missing = [name for name, row in controls.items() if any(row) and name not in found]
    sound = Path(service.state(job)["result"]["folder"]) / "line.wav"
    return Spoken(sound, str(rig), moved, missing, notes)


def scene_rate(scene):
    """The scene's frame rate, exactly, as in 24000/1001."""
    rate = Fraction(scene.render.fps) / Fraction(scene.render.fps_base).limit_denominator(10000)
    return str(rate)
