# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Characters that speak, in Blender: a line goes to the service, keys on a shape key come back.

    import dubwright_blender
    dubwright_blender.speak(bpy.context.object, "mouthOpen", "Good morning.", "en", "/tmp/lines")

Runs inside Blender, or under its Python module. dubwright_plugin must be importable.
"""

import json
import tempfile
from array import array
from fractions import Fraction
from pathlib import Path

import bpy

from dubwright_plugin import connect

__all__ = ["key_curve", "scene_rate", "speak"]

LINEAR = 1


def speak(obj, shape_key, text, language, output, recording=None, first_frame=1):
    """Have a character speak a line: key its mouth and put the sound beside it.

    obj: a mesh object with the shape key. text, language: the line and its language tag.
    output: folder for the line's sound and curves. recording: an actor's WAV, else the line is
    synthesised. first_frame: where the line begins. Returns the path of the line's WAV.
    """
    scene = bpy.context.scene
    request = {
        "text": text,
        "language": language,
        "rate": scene_rate(scene),
        "output": str(output),
    }
    if recording:
        request["recording"] = str(recording)
    service = connect()
    job = service.submit("animate", request)
    service.wait(job)
    with tempfile.TemporaryDirectory() as folder:
        fetched = service.fetch(job, "curves.json", Path(folder) / "curves.json")
        curves = json.loads(fetched.read_text(encoding="utf-8"))
    key_curve(obj, shape_key, curves["curves"]["aperture"], first_frame)
    return Path(service.state(job)["result"]["folder"]) / "line.wav"


def scene_rate(scene):
    """The scene's frame rate, exactly, as in 24000/1001."""
    rate = Fraction(scene.render.fps) / Fraction(scene.render.fps_base).limit_denominator(10000)
    return str(rate)


def key_curve(obj, shape_key, values, first_frame):
    """Key a shape key with one value a frame, replacing what this character's line had before."""
    if obj.data.shape_keys is None or shape_key not in obj.data.shape_keys.key_blocks:
        raise ValueError("{} has no shape key {}".format(obj.name, shape_key))
    keys = obj.data.shape_keys
    path = 'key_blocks["{}"].value'.format(bpy.utils.escape_identifier(shape_key))
    curve = _fresh_curve(keys, path, "Dubwright " + obj.name)
    points = array("f")
    for offset, value in enumerate(values):
        points.extend((float(first_frame + offset), float(value)))
    curve.keyframe_points.add(len(values))
    curve.keyframe_points.foreach_set("co", points)
    curve.keyframe_points.foreach_set("interpolation", array("i", [LINEAR]) * len(values))
    curve.update()


def _fresh_curve(keys, path, name):
    """An empty F-curve for the path, in an action of our own."""
    data = keys.animation_data_create()
    action = bpy.data.actions.get(name) or bpy.data.actions.new(name)
    data.action = action
    if hasattr(action, "slots"):  # Blender 4.4 and newer
        slot = action.slots[0] if len(action.slots) else action.slots.new("KEY", keys.name)
        data.action_slot = slot
        layer = action.layers[0] if len(action.layers) else action.layers.new("Dubwright")
        strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
        curves = strip.channelbag(slot, ensure=True).fcurves
    else:
        curves = action.fcurves
    before = curves.find(path)
    if before is not None:
        curves.remove(before)
    return curves.new(path)
