# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Rigify's face as a rig: how far its bones go for each viseme, in this character's own size.

What the face does is told in widths of the mouth and in radians, along the character's axes (he
looks along -Y, as Blender's characters do); what that is of each bone's own axes is computed. The
amounts are ours.
"""

import math

import bpy
from mathutils import Matrix, Vector

__all__ = ["has_rigify_face", "nodding", "rigify_rig"]

FACE = ("jaw_master", "lips.L", "lips.R", "lip.T", "lip.B")
LEFT, FORWARD, UP = Vector((1, 0, 0)), Vector((0, -1, 0)), Vector((0, 0, 1))
# Bones that go beside the one that is named, by so much of its way.
BESIDE = {"lip.T": ("lip.T.L.001", "lip.T.R.001"), "lip.B": ("lip.B.L.001", "lip.B.R.001")}
BESIDE_SHARE = 0.6
# Of each viseme: the jaw's turn in radians, and in widths of the mouth how much wider it is,
# how far both lips come forward, the upper goes up, and the lower goes down.
VISEMES = {
    "PP": (0.0, 0.0, 0.02, -0.03, -0.05),
    "FF": (0.02, 0.0, -0.02, 0.06, -0.06),
    "TH": (0.05, 0.0, 0.0, 0.03, 0.06),
    "DD": (0.05, 0.02, 0.0, 0.03, 0.06),
    "kk": (0.08, 0.0, 0.0, 0.03, 0.05),
    "CH": (0.05, -0.16, 0.12, 0.05, 0.07),
    "SS": (0.02, 0.08, 0.0, 0.04, 0.08),
    "nn": (0.06, 0.0, 0.0, 0.03, 0.05),
    "RR": (0.06, -0.12, 0.09, 0.03, 0.05),
    "aa": (0.22, 0.0, 0.0, 0.04, 0.06),
    "E": (0.13, 0.08, 0.0, 0.04, 0.07),
    "ih": (0.06, 0.12, 0.0, 0.04, 0.08),
    "oh": (0.15, -0.18, 0.12, 0.04, 0.04),
    "ou": (0.06, -0.26, 0.18, 0.03, 0.03),
}
# Upper lids close on lower ones.
LIDS = (("lid.T.{}.001", "lid.B.{}.003"), ("lid.T.{}.002", "lid.B.{}.002"),
        ("lid.T.{}.003", "lid.B.{}.001"))  # fmt: skip
BROWS = ("brow.T.{}.001", "brow.T.{}.002", "brow.T.{}.003")
BROWS_UP = 0.12
NOD = 0.12
# Of a way: what it is along an axis that it does not go along.
SMALL = 1e-4


def has_rigify_face(obj):
    """Whether an object is an armature with the face that Rigify makes."""
    return obj.pose is not None and all(name in obj.pose.bones for name in FACE)


def rigify_rig(armature):
    """The rig's document, as docs/formats.md has it, of an armature with Rigify's face."""
    bones = armature.data.bones
    width = (bones["lips.L"].head_local - bones["lips.R"].head_local).length
    visemes = {}
    for viseme, (turn, wider, forward, upper, lower) in VISEMES.items():
        ways = {
            "lips.L": LEFT * (wider / 2),
            "lips.R": LEFT * (-wider / 2),
            "lip.T": FORWARD * forward + UP * upper,
            "lip.B": FORWARD * forward - UP * lower,
        }
        visemes[viseme] = _added(
            _turned(armature, "jaw_master", LEFT, turn),
            *(_moved(armature, bone, way * width) for bone, way in ways.items()),
        )
    gestures = {"blink": _blink(armature), "brows": _brows(armature, width)}
    if "head" in bones:
        gestures["nod"] = nodding(armature, "head")
    jaw = [path for path in visemes["aa"] if path.startswith(_path("jaw_master", ""))]
    corners = tuple(_path(bone, "location") for bone in ("lips.L", "lips.R"))
    widths = [path for path in visemes["ou"] if path.startswith(corners)]
    movers = [*visemes.values(), *gestures.values()]
    return {
        "document": "dubwright.rig",
        "version": 1,
        "controls": list(dict.fromkeys(path for weights in movers for path in weights)),
        "visemes": visemes,
        "gestures": {name: weights for name, weights in gestures.items() if weights},
        "jaw": jaw,
        "width": widths,
    }


def nodding(armature, bone):
    """How far a head's bone turns in a nod, by data path."""
    return _turned(armature, bone, LEFT, NOD)


def _blink(armature):
    bones = armature.data.bones
    ways = {
        upper.format(side): bones[lower.format(side)].head_local
        - bones[upper.format(side)].head_local
        for upper, lower in LIDS
        for side in "LR"
        if upper.format(side) in bones and lower.format(side) in bones
    }
    return _added(*(_moved(armature, bone, way) for bone, way in ways.items()))


def _brows(armature, width):
    names = [name.format(side) for name in BROWS for side in "LR"]
    ways = [name for name in names if name in armature.data.bones]
    return _added(*(_moved(armature, bone, UP * (BROWS_UP * width)) for bone in ways))


def _moved(armature, bone, way):
    """The weights that move a bone, and those beside it, some way in the armature's space."""
    weights = _along(armature, bone, way)
    for other in BESIDE.get(bone, ()):
        if other in armature.data.bones:
            weights.update(_along(armature, other, way * BESIDE_SHARE))
    return weights


def _along(armature, bone, way):
    own = _axes(armature, bone).transposed() @ way
    small = SMALL * own.length
    return {_path(bone, "location[{}]".format(i)): own[i] for i in range(3) if abs(own[i]) > small}


def _turned(armature, bone, axis, angle):
    """The weights that turn a bone around an axis of the armature's space, by radians."""
    own = _axes(armature, bone).transposed() @ axis
    mode = armature.pose.bones[bone].rotation_mode
    if mode == "AXIS_ANGLE":
        raise ValueError("{} turns by axis and angle; give it quaternions or Euler".format(bone))
    if mode == "QUATERNION":
        # Blender brings a quaternion to length 1, so that its first number may stay 1.
        numbers = {1 + i: own[i] * math.tan(angle / 2) for i in range(3)}
        name = "rotation_quaternion[{}]"
    else:
        numbers = {i: own[i] * angle for i in range(3)}
        name = "rotation_euler[{}]"
    return {_path(bone, name.format(i)): x for i, x in numbers.items() if abs(x) > SMALL}


def _axes(armature, bone) -> Matrix:
    return armature.data.bones[bone].matrix_local.to_3x3()


def _path(bone, number):
    return 'pose.bones["{}"].{}'.format(bpy.utils.escape_identifier(bone), number)


def _added(*movements):
    total = {}
    for weights in movements:
        for path, weight in weights.items():
            total[path] = total.get(path, 0.0) + weight
    return total
