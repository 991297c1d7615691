# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Keys of lines, in actions of their own: a strip for each line, a track for each language.

What an artist keyed by hand stays where it is; languages switch by their tracks. Under them lies a
track on which every control that any line moves is at rest: a shape key that no strip plays would
else keep the last value it had, and in Blender 5.0 be wholly on. Bridges what differs between
Blender 4.2 and 5.x: since 4.4 actions have slots.
"""

import re
from array import array

import bpy

__all__ = [
    "CONSTANT",
    "LINEAR",
    "adjust_line",
    "key_line",
    "languages",
    "line_in_the_way",
    "path_and_index",
    "place_of",
    "play_language",
    "plays_otherwise",
    "shape_key_path",
    "speaker_of",
]

CONSTANT, LINEAR = 0, 1
# A path to one value of several, as in rotation_euler[0].
INDEXED = re.compile(r"^(.*)\[(\d+)\]$")
# On our actions: whose line it is.
OURS, SPEAKER = "dubwright", "dubwright_speaker"
TRACK = "Dubwright {}"
ACTION = "Dubwright {} {} {}"
REST = "Rest under Dubwright"


def key_line(
    animated, who, line, language, values, first_frame, interpolation=LINEAR, speaker=None
):
    """Key one line in one language, in place of what was there of it.

    animated: what has the values: the shape keys of a mesh, an object, a node tree. who: whose they
    are, for people. speaker: what tells whose line it is, where several things speak it. values: by
    data path, one a frame; what stays at 0 gets no keys. Where it goes must be free: see
    line_in_the_way. Other languages of ours are muted.
    """
    data = animated.animation_data_create()
    rest = _track(data, REST)
    track = _track(data, TRACK.format(language))
    for strip in [strip for strip in track.strips if _line_of(strip) == line]:
        _remove(track, strip)
    action = _new_action(ACTION.format(who, language, line), line)
    action[SPEAKER] = speaker or who
    slot, curves = _new_curves(animated, action)
    for path, row in values.items():
        if any(row):
            _write(_new_curve(curves, path), row, interpolation)
    strip = track.strips.new(line, first_frame, action)
    if slot is not None:
        strip.action_slot = slot
    last = max(1, max((len(row) for row in values.values()), default=0) - 1)
    strip.action_frame_start, strip.action_frame_end = 0, last
    strip.frame_end = first_frame + last
    # Before and after the line the mouth is whoever else's.
    strip.extrapolation = "NOTHING"
    _lay_to_rest(animated, data, rest)
    play_language(animated, language)


def adjust_line(animated, line, language, later=0, strength=1.0):
    """Move one line by frames, and have what it moves go further, or less far.

    Where it goes must be free: see line_in_the_way.
    """
    found = _strips_of(animated, line, language)
    for strip in found:
        # What others play, too, is theirs.
        if strip.action.users - strip.action.use_fake_user > len(found):
            _give_own_action(strip)
    for action in {strip.action for strip in found}:
        for curve in _curves_in(action):
            if _is_ours_to_scale(curve):
                _scale(curve, strength)
    if later:
        track = next(t for t in animated.animation_data.nla_tracks if found[0] in t.strips[:])
        for strip in found:
            _move(track, strip, later)


def speaker_of(animated, line, language):
    """Whose line it is, as it was keyed; None if there is none."""
    for strip in _strips_of(animated, line, language):
        return strip.action.get(SPEAKER)
    return None


def plays_otherwise(animated, path):
    """Whether an action or a track that is not ours moves what a data path leads to."""
    data = animated.animation_data
    if data is None:
        return False
    actions = [strip.action for track in data.nla_tracks for strip in track.strips
               if _line_of(strip) is None]  # fmt: skip
    of_bone = path.rpartition(".")[0]
    return any(
        curve.data_path.startswith(of_bone)
        for action in [*actions, data.action]
        if action is not None
        for curve in _curves_in(action)
    )


def place_of(animated, line, language):
    """The first frame of one line, and how many it has; None if there is none."""
    for strip in _strips_of(animated, line, language):
        return round(strip.frame_start), round(strip.frame_end - strip.frame_start) + 1
    return None


def line_in_the_way(animated, line, language, first_frame, frames):
    """Another line of this language where a line is to go, as its name and frames; None if none."""
    last = first_frame + max(1, frames - 1)
    others = [strip for strip in _strips_in(animated, language) if _line_of(strip) != line]
    for strip in others:
        if strip.frame_start <= last and strip.frame_end >= first_frame:
            name = _line_of(strip) or strip.name
            return "{} ({:.0f} to {:.0f})".format(name, strip.frame_start, strip.frame_end)
    return None


def languages(animated):
    """The languages that there are lines in, in the order of their tracks."""
    return [track.name[len(TRACK.format("")) :] for track in _tracks(animated)]


def play_language(animated, language):
    """Have one language's lines play; those of the others are muted."""
    for track in _tracks(animated):
        track.mute = track.name != TRACK.format(language)


def path_and_index(path):
    """A data path, and the index at its end if it is to one value of several."""
    indexed = INDEXED.match(path)
    return (path, None) if indexed is None else (indexed.group(1), int(indexed.group(2)))


def shape_key_path(name):
    return 'key_blocks["{}"].value'.format(bpy.utils.escape_identifier(name))


def _tracks(animated):
    """The tracks of our languages."""
    data = animated.animation_data
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


def _strips_in(animated, language):
    return [
        strip
        for track in _tracks(animated)
        if track.name == TRACK.format(language)
        for strip in track.strips
    ]


def _strips_of(animated, line, language):
    return [strip for strip in _strips_in(animated, language) if _line_of(strip) == line]


# Of a strip, besides where it lies: an artist may have changed it.
KEPT = (
    "action_frame_start", "action_frame_end", "scale", "repeat", "use_reverse", "blend_type",
    "extrapolation", "use_auto_blend", "blend_in", "blend_out", "mute",
)  # fmt: skip


def _move(track, strip, later):
    """Move a strip by frames. Blender's own strips cannot pass each other: it is made anew."""
    action, name, ends = strip.action, strip.name, (strip.frame_start, strip.frame_end)
    kept = {field: getattr(strip, field) for field in KEPT}
    slot = getattr(strip, "action_slot", None)
    track.strips.remove(strip)
    moved = track.strips.new(name, round(ends[0]) + later, action)
    if slot is not None:
        moved.action_slot = slot
    for field, value in kept.items():
        setattr(moved, field, value)
    moved.frame_start, moved.frame_end = ends[0] + later, ends[1] + later
    moved.name = name


def _give_own_action(strip):
    slot = getattr(strip, "action_slot", None)
    strip.action = strip.action.copy()
    if slot is not None:
        strip.action_slot = strip.action.slots[slot.identifier]


def _is_ours_to_scale(curve):
    """Whether a curve goes up from 0: drawings are numbers, and an artist may have keyed more."""
    first = curve.keyframe_points[0].interpolation if curve.keyframe_points else "CONSTANT"
    whole = curve.data_path.endswith("rotation_quaternion") and curve.array_index == 0
    return first != "CONSTANT" and not whole and not curve.data_path.endswith("scale")


def _scale(curve, strength):
    points = curve.keyframe_points
    for places in ("co", "handle_left", "handle_right"):
        values = array("f", [0.0]) * (2 * len(points))
        points.foreach_get(places, values)
        for at in range(1, len(values), 2):
            values[at] *= strength
        points.foreach_set(places, values)
    curve.update()


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


def _new_curves(animated, action):
    """A slot of a new action, if actions have slots, and its F-curves."""
    if not hasattr(action, "slots"):
        return None, action.fcurves
    slot = action.slots.new(animated.id_type, animated.name)
    strip = action.layers.new("Dubwright").strips.new(type="KEYFRAME")
    return slot, strip.channelbag(slot, ensure=True).fcurves


def _curves_in(action):
    """Every F-curve of an action."""
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return [curve for bag in bags for curve in bag.fcurves]


def _new_curve(curves, path):
    whole, index = path_and_index(path)
    return curves.new(whole) if index is None else curves.new(whole, index=index)


def _path_of(curve, animated):
    """A curve's path, with its index where it is of several values."""
    several = getattr(animated.path_resolve(curve.data_path), "__len__", None)
    return "{}[{}]".format(curve.data_path, curve.array_index) if several else curve.data_path


def _lay_to_rest(animated, data, rest):
    """Have every control that a line of ours moves be at 0 where nothing else plays it.

    What an artist's own tracks play is left to them: ours may lie above theirs.
    """
    ours, theirs = set(), set()
    for track in data.nla_tracks:
        for strip in track.strips:
            if strip.action is not None and track != rest:
                paths = {_path_of(curve, animated) for curve in _curves_in(strip.action)}
                (theirs if _line_of(strip) is None else ours).update(paths)
    for strip in list(rest.strips):
        _remove(rest, strip)
    action = _new_action("{}: {}".format(REST, animated.name), REST)
    slot, curves = _new_curves(animated, action)
    for path in sorted(ours - theirs):
        _write(_new_curve(curves, path), [0.0], LINEAR)
    strip = rest.strips.new(REST, 0, action)
    if slot is not None:
        strip.action_slot = slot
    strip.action_frame_start, strip.action_frame_end, strip.frame_end = 0, 1, 1
    strip.extrapolation = "HOLD"


def _write(curve, row, interpolation):
    flat = array("f")
    for frame, value in enumerate(row):
        flat.extend((float(frame), float(value)))
    curve.keyframe_points.add(len(row))
    curve.keyframe_points.foreach_set("co", flat)
    curve.keyframe_points.foreach_set("interpolation", array("i", [interpolation]) * len(row))
    curve.update()
