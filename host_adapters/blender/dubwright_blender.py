# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Characters that speak, in Blender: a line goes to the service, keys on a shape key come back.

    import dubwright_blender
    dubwright_blender.speak(bpy.context.object, "mouthOpen", "Good morning.", "en", "/shots/lines")

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
    """Key a shape key with one value a frame; keys outside these frames stay as they are."""
    if obj.data.shape_keys is None or shape_key not in obj.data.shape_keys.key_blocks:
        raise ValueError("{} has no shape key {}".format(obj.name, shape_key))
    keys = obj.data.shape_keys
    path = 'key_blocks["{}"].value'.format(bpy.utils.escape_identifier(shape_key))
    curve = _curve(keys, path, "Dubwright " + obj.name)
    last_frame = first_frame + len(values) - 1
    points = {
        frame: value for frame, value in _keys(curve) if not first_frame <= frame <= last_frame
    }
    points.update((first_frame + offset, value) for offset, value in enumerate(values))
    flat = array("f")
    for frame in sorted(points):
        flat.extend((float(frame), float(points[frame])))
    curve.keyframe_points.clear()
    curve.keyframe_points.add(len(points))
    curve.keyframe_points.foreach_set("co", flat)
    curve.keyframe_points.foreach_set("interpolation", array("i", [LINEAR]) * len(points))
    curve.update()


def _keys(curve):
    """The frame and value of each key of an F-curve."""
    flat = array("f", [0.0]) * (2 * len(curve.keyframe_points))
    curve.keyframe_points.foreach_get("co", flat)
    return list(zip(flat[::2], flat[1::2]))


def _curve(keys, path, name):
    """The F-curve for a path in the shape keys' own action, which is made if there is none."""
    data = keys.animation_data_create()
    if data.action is None:
        data.action = bpy.data.actions.new(name)
    action = data.action
    if hasattr(action, "slots"):  # Blender 4.4 and newer
        if data.action_slot is None:
            data.action_slot = action.slots.new("KEY", keys.name)
        layer = action.layers[0] if len(action.layers) else action.layers.new("Dubwright")
        strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
        curves = strip.channelbag(data.action_slot, ensure=True).fcurves
    else:
        curves = action.fcurves
    return curves.find(path) or curves.new(path)
