# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Keys on shape keys, in actions of their own: a strip for each line, a track for each language.

What an artist keyed by hand stays where it is; languages switch by their tracks. Under them lies a
track on which every control that any line moves is at rest: a shape key that no strip plays would
else keep the last value it had, and in Blender 5.0 be wholly on. Bridges what differs between
Blender 4.2 and 5.x: since 4.4 actions have slots.
"""

from array import array

import bpy

__all__ = ["key_line", "languages", "line_in_the_way", "play_language"]

LINEAR = 1
# On our actions: whose line it is.
OURS = "dubwright"
TRACK = "Dubwright {}"
ACTION = "Dubwright {} {} {}"
REST = "Rest under Dubwright"


def key_line(mesh, line, language, values, first_frame):
    """Key shape keys of a mesh for one line in one language, in place of what was there of it.

    values: of each shape key by its name, one a frame; keys that stay at 0 get none. Where it goes
    must be free: see line_in_the_way. Other languages of ours are muted.
    """
    keys = mesh.data.shape_keys
    data = keys.animation_data_create()
    rest = _track(data, REST)
    track = _track(data, TRACK.format(language))
    for strip in [strip for strip in track.strips if _line_of(strip) == line]:
        _remove(track, strip)
    action = _new_action(ACTION.format(mesh.name, language, line), line)
    slot, curves = _new_curves(keys, action)
    for name, row in values.items():
        if any(row):
            _write(curves.new(_path(name)), row)
    strip = track.strips.new(line, first_frame, action)
    if slot is not None:
        strip.action_slot = slot
    last = max(1, max((len(row) for row in values.values()), default=0) - 1)
    strip.action_frame_start, strip.action_frame_end = 0, last
    strip.frame_end = first_frame + last
    # Before and after the line the mouth is whoever else's.
    strip.extrapolation = "NOTHING"
    _lay_to_rest(keys, data, rest)
    play_language(mesh, language)


def line_in_the_way(mesh, line, language, first_frame, frames):
    """Another line of this language where a line is to go, as its name and frames; None if none."""
    last = first_frame + max(1, frames - 1)
    others = [
        strip
        for track in _tracks(mesh)
        if track.name == TRACK.format(language)
        for strip in track.strips
        if _line_of(strip) != line
    ]
    for strip in others:
        if strip.frame_start <= last and strip.frame_end >= first_frame:
            name = _line_of(strip) or strip.name
            return "{} ({:.0f} to {:.0f})".format(name, strip.frame_start, strip.frame_end)
    return None


def languages(mesh):
    """The languages that a mesh has lines in, in the order of their tracks."""
    return [track.name[len(TRACK.format("")) :] for track in _tracks(mesh)]


def play_language(mesh, language):
    """Have one language's lines play; those of the others are muted."""
    for track in _tracks(mesh):
        track.mute = track.name != TRACK.format(language)


def _tracks(mesh):
    """The tracks of our languages."""
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


def _line_of(strip):
    """The line that a strip of ours is; None if it is not ours. Its name may have been changed."""
    return strip.action.get(OURS) if strip.action is not None else None


def _remove(track, strip):
    """Take away a strip of ours, and its action unless something else plays it."""
    action = strip.action
    track.strips.remove(strip)
    if action is not None and action.is_editable:
        action.use_fake_user = False
        if action.users == 0:
            bpy.data.actions.remove(action)


def _new_action(name, line):
    action = bpy.data.actions.new(name)
    action[OURS] = line
    action.use_fake_user = True
    return action


def _new_curves(keys, action):
    """A slot of a new action for these shape keys, if actions have slots, and its F-curves."""
    if not hasattr(action, "slots"):
        return None, action.fcurves
    slot = action.slots.new("KEY", keys.name)
    strip = action.layers.new("Dubwright").strips.new(type="KEYFRAME")
    return slot, strip.channelbag(slot, ensure=True).fcurves


def _curves_in(action):
    """Every F-curve of an action."""
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return [curve for bag in bags for curve in bag.fcurves]


def _lay_to_rest(keys, data, rest):
    """Have every control that a line of ours moves be at 0 where nothing else plays it.

    What an artist's own tracks play is left to them: ours may lie above theirs.
    """
    ours, theirs = set(), set()
    for track in data.nla_tracks:
        for strip in track.strips:
            if strip.action is not None and track != rest:
                paths = {curve.data_path for curve in _curves_in(strip.action)}
                (theirs if _line_of(strip) is None else ours).update(paths)
    for strip in list(rest.strips):
        _remove(rest, strip)
    action = _new_action("{}: {}".format(REST, keys.name), REST)
    slot, curves = _new_curves(keys, action)
    for path in sorted(ours - theirs):
        _write(curves.new(path), [0.0])
    strip = rest.strips.new(REST, 0, action)
    if slot is not None:
        strip.action_slot = slot
    strip.action_frame_start, strip.action_frame_end, strip.frame_end = 0, 1, 1
    strip.extrapolation = "HOLD"


def _path(name):
    return 'key_blocks["{}"].value'.format(bpy.utils.escape_identifier(name))


def _write(curve, row):
    flat = array("f")
    for frame, value in enumerate(row):
        flat.extend((float(frame), float(value)))
    curve.keyframe_points.add(len(row))
    curve.keyframe_points.foreach_set("co", flat)
    curve.keyframe_points.foreach_set("interpolation", array("i", [LINEAR]) * len(row))
    curve.update()
