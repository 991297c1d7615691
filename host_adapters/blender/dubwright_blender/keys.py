# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Keys on shape keys, in actions of their own: a strip for each line, a track for each language.

What an artist keyed by hand stays where it is; languages switch by their tracks. Bridges what
differs between Blender 4.2 and 5.x: since 4.4 actions have slots.
"""

from array import array

import bpy

__all__ = ["key_line", "languages", "play_language"]

LINEAR = 1
OURS = "dubwright"
TRACK = "Dubwright {}"
ACTION = "Dubwright {} {} {}"


def key_line(mesh, line, language, values, first_frame):
    """Key shape keys of a mesh for one line in one language, in place of what was there of it.

    values: of each shape key by its name, one a frame; keys that stay at 0 get none.
    Other languages of ours are muted.
    """
    keys = mesh.data.shape_keys
    data = keys.animation_data_create()
    action = _action(ACTION.format(mesh.name, language, line))
    slot, curves = _curves(keys, action)
    frames = 0
    for name, row in values.items():
        frames = max(frames, len(row))
        if any(row):
            path = 'key_blocks["{}"].value'.format(bpy.utils.escape_identifier(name))
            _write(curves.new(path), row)
    track = _track(data, TRACK.format(language))
    for strip in [strip for strip in track.strips if strip.name == line]:
        track.strips.remove(strip)
    strip = track.strips.new(line, first_frame - 1, action)
    strip.name = line
    if slot is not None:
        strip.action_slot = slot
    strip.action_frame_start, strip.action_frame_end = -1, frames
    strip.frame_end = first_frame + frames
    strip.extrapolation = _beyond_strips()
    play_language(mesh, language)
    return action


def languages(mesh):
    """The languages that a mesh has lines in, in the order of their tracks."""
    return [track.name[len(TRACK.format("")) :] for track in _tracks(mesh)]


def play_language(mesh, language):
    """Have one language's lines play; those of the others are muted."""
    for track in _tracks(mesh):
        track.mute = track.name != TRACK.format(language)


def _beyond_strips():
    """What plays before and after a line: whoever else's keys.

    Blender 5.0 takes a shape key that nothing plays for wholly on, where others take it for off; so
    there the line's ends, which are 0, go on.
    """
    at_rest = bpy.types.ShapeKey.bl_rna.properties["value"].default == 0.0
    return "NOTHING" if at_rest else "HOLD"


def _action(name):
    """An action of ours by its name, empty."""
    for action in bpy.data.actions:
        if action.get(OURS) == name:
            bpy.data.actions.remove(action)
            break
    action = bpy.data.actions.new(name)
    action[OURS] = name
    action.use_fake_user = True
    return action


def _curves(keys, action):
    """The slot of an action for these shape keys, if actions have slots, and its F-curves."""
    if not hasattr(action, "slots"):
        return None, action.fcurves
    slot = action.slots.new("KEY", keys.name)
    strip = action.layers.new("Dubwright").strips.new(type="KEYFRAME")
    return slot, strip.channelbag(slot, ensure=True).fcurves


def _write(curve, row):
    flat = array("f")
    # From rest and back to it within a frame.
    for frame, value in enumerate([0.0, *row, 0.0], -1):
        flat.extend((float(frame), float(value)))
    curve.keyframe_points.add(len(row) + 2)
    curve.keyframe_points.foreach_set("co", flat)
    curve.keyframe_points.foreach_set("interpolation", array("i", [LINEAR]) * (len(row) + 2))
    curve.update()


def _tracks(mesh):
    data = mesh.data.shape_keys.animation_data
    tracks = data.nla_tracks if data is not None else []
    return [track for track in tracks if track.name.startswith(TRACK.format(""))]


def _track(data, name):
    for track in data.nla_tracks:
        if track.name == name:
            return track
    track = data.nla_tracks.new()
    track.name = name
    return track
