# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Which controls of a character make which viseme: rigs of one's own, from names, poses and files.

A rig is the document of docs/formats.md, as a dict.
"""

import json
import re
from pathlib import Path

import bpy

from dubwright_blender.bones import has_rigify_face, rigify_rig
from dubwright_blender.keys import path_and_index, shape_key_path
from dubwright_blender.rigs import find_rig, parts_of, speaking_meshes

__all__ = [
    "FOUND",
    "MOVERS",
    "by_names",
    "mapping_of",
    "pose_of",
    "read_rig",
    "rig_document",
    "rig_of",
    "set_number",
    "write_rig",
]

VISEMES = tuple("sil PP FF TH DD kk CH SS nn RR aa E ih oh ou".split())  # noqa: SIM905
GESTURES = ("blink", "brows", "nod")
MOVERS = VISEMES + GESTURES
# What shape keys of each are called, in small letters and without what stands between; what is
# rather it comes first. Taken from the sets of Preston Blair, Character Creator and Papagayo, and
# from what animators write.
NAMES = {
    "PP": "pp mbp bmp pbm bp mp m p b",
    "FF": "ff fv vf f v",
    "TH": "th l tldn dt etc",
    "DD": "dd td dt tldn tdn d t l etc cdgknrsthyz",
    "kk": "kk kghng kg gk k g etc cdgknrsthyz",
    "CH": "ch chj chjsh shchj sh j etc wq cdgknrsthyz",
    "SS": "ss sz s z etc cdgknrsthyz",
    "nn": "nn nl ln n l tldn etc cdgknrsthyz",
    "RR": "rr er r wq etc cdgknrsthyz",
    "aa": "aa ah ai a open ae",
    "E": "e eh ae ey",
    "ih": "ih ee i iy e",
    "oh": "oh o ao ow",
    "ou": "ou u oo uw uh woo wq w",
    "blink": "blink eyesclosed eyesclose blinkboth eyeblink",
    "brows": "browsup browup browraise browsraise",
}
BEFORE = re.compile(r"^(visemes?|vis|v|phonemes?|pho|mouth|mth|lips?|lipsync|fcl_mth)[ _.-]+")
# Mouth_L goes to the left; it says no l.
SIDES = ("l", "r", "left", "right")
# Without these a mouth cannot be said to speak.
NEEDED = ("PP", "aa", "ou")
STILL = 1e-4


def rig_of(obj, kind="auto"):
    """A character's rig: what it is called, and its name or document.

    kind: one of FOUND; "auto" takes the first that there is.

    Raises ValueError where there is none.
    """
    for name, find in FINDERS.items():
        found = find(obj) if kind in ("auto", name) else None
        if found is not None:
            return (found, found) if isinstance(found, str) else (name, found)
    if kind != "auto":
        raise ValueError("{} has no rig of the kind {}".format(obj.name, kind))
    if not speaking_meshes(obj):
        raise ValueError(
            "{} and what hangs on it have no shape keys, and no bones of Rigify's face".format(
                obj.name
            )
        )
    raise ValueError(
        "The shape keys of {} are of no rig that is known; name one, or say under Mapping which "
        "moves for what".format(obj.name)
    )


def rig_document(moves, besides=None):
    """A rig from its moves: (viseme or gesture, control, weight) each.

    besides: what else its document has. Raises ValueError where no viseme moves anything.
    """
    visemes, gestures = {}, {}
    for mover, control, weight in moves:
        if control and weight:
            of = gestures if mover in GESTURES else visemes
            of.setdefault(mover, {})[control] = weight
    if not visemes:
        raise ValueError("The rig moves nothing: no viseme has a control")
    moved = [control for to in (*visemes.values(), *gestures.values()) for control in to]
    besides = dict(besides or {})
    controls = list(dict.fromkeys([*moved, *besides.pop("controls", [])]))
    return dict(
        besides,
        document="dubwright.rig",
        version=1,
        controls=controls,
        visemes=visemes,
        gestures=gestures,
    )


def by_names(meshes):
    """A rig from shape keys that are called as visemes are; None where they are not."""
    known = {}
    for mesh in meshes:
        for block in mesh.data.shape_keys.key_blocks[1:]:
            known.setdefault(_called(block.name), block.name)
    moves = []
    for mover, names in NAMES.items():
        found = next(
            (each for name in names.split() if (each := _called_so(name, mover, known))), ()
        )
        moves += [(mover, each, 1.0) for each in found]
    if not {mover for mover, _, _ in moves}.issuperset(NEEDED):
        return None
    return rig_document(moves)


def pose_of(obj, bones=()):
    """What of a character is not at rest, by control: shape keys, and bones' places and turns.

    bones: if any, the others are left out. What is driven is left to what drives it.
    """
    pose = {}
    for mesh in speaking_meshes(obj):
        keys = mesh.data.shape_keys
        drivers = keys.animation_data.drivers if keys.animation_data is not None else []
        driven = {driver.data_path for driver in drivers}
        for block in keys.key_blocks[1:]:
            if abs(block.value) > STILL and shape_key_path(block.name) not in driven:
                pose[block.name] = block.value
    for armature in parts_of(obj):
        for bone in armature.pose.bones if armature.pose is not None else ():
            if not bones or bone in bones:
                pose.update(_turned(bone))
    return pose


def set_number(obj, path, value):
    """Set what a data path leads to, as in pose.bones["jaw"].location[2] or ["open"].

    Of quaternions the first number becomes 1, as it is while lines play.
    """
    whole, index = path_and_index(path)
    if index is not None:
        several = obj.path_resolve(whole)
        if whole.endswith("rotation_quaternion"):
            several[0] = 1.0
        several[index] = value
    elif path.endswith('"]'):
        holder, _, name = path[:-2].rpartition('["')
        owner = obj.path_resolve(holder) if holder else obj
        # A number that was whole stays whole.
        owner[name] = type(owner[name])(value)
    else:
        holder, _, name = path.rpartition(".")
        setattr(obj.path_resolve(holder) if holder else obj, name, value)


def read_rig(path):
    """A rig's document from its file. Raises ValueError where it is none."""
    try:
        rig = json.loads(Path(path).read_text(encoding="utf-8"))
        movers = {**rig["visemes"], **rig.get("gestures", {})}
        is_rig = rig["document"] == "dubwright.rig" and {*movers} <= {*MOVERS}
        weights = [weight for to in movers.values() for weight in to.values()]
        is_rig = is_rig and all(isinstance(weight, (int, float)) for weight in weights)
    except (AttributeError, KeyError, TypeError, UnicodeDecodeError, ValueError):
        is_rig = False
    if not is_rig:
        raise ValueError("{} is no rig of Dubwright's (docs/formats.md)".format(path))
    return rig


def write_rig(path, rig):
    """Write a rig's document, whole or not at all."""
    partial = Path("{}.part".format(path))
    partial.write_text(json.dumps(rig, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def mapping_of(obj):
    """What was set under Mapping, on a character or what it hangs on; None if nothing was."""
    above, over = [], obj.parent
    while over is not None:
        above.append(over)
        over = over.parent
    for part in [*parts_of(obj), *above]:
        moves = [(m.mover, m.control, m.weight) for m in getattr(part, "dubwright_moves", ())]
        if any(control and weight for _, control, weight in moves):
            return rig_document(moves, json.loads(part.dubwright_besides or "{}"))
    return None


def _known(obj):
    """A rig by its shape keys; VRM's vowels alone only where no other names are known."""
    rig = find_rig(speaking_meshes(obj))
    poor = rig in ("vrm0", "vrm1") and by_names(speaking_meshes(obj)) is not None
    return None if poor else rig


def _rigify(obj):
    faces = [part for part in parts_of(obj) if has_rigify_face(part)]
    return rigify_rig(faces[0]) if faces else None


# The ways to find a character's rig; what was said for it goes first.
FINDERS = {
    "mapped": mapping_of,
    "known": _known,
    "rigify": _rigify,
    "names": lambda obj: by_names(speaking_meshes(obj)),
}
FOUND = ("auto", *FINDERS)


def _called(name):
    plain = BEFORE.sub("", name.lower())
    if plain in SIDES and plain != name.lower():
        plain = name.lower()
    return re.sub(r"[^a-z]", "", plain)


def _called_so(name, mover, known):
    """The shape keys that are called so: one, or of gestures one for each side."""
    if name in known:
        return [known[name]]
    pairs = ((name + "l", name + "r"), (name + "left", name + "right"))
    both = [pair for pair in pairs if mover in GESTURES and known.keys() >= {*pair}]
    return [known[each] for each in both[0]] if both else []


def _turned(bone):
    """Numbers of a bone that are not at rest, by data path."""
    name = bpy.utils.escape_identifier(bone.name)
    path = 'pose.bones["{}"].{}[{}]'
    far = STILL * bone.length
    places = enumerate(bone.location)
    numbers = {path.format(name, "location", i): x for i, x in places if abs(x) > far}
    turned = {}
    if bone.rotation_mode == "QUATERNION":
        whole, *turn = bone.rotation_quaternion
        # As bones are keyed: the first number stays 1, and Blender brings the length back to 1.
        turn = [x / whole if whole else x for x in turn]
        numbered = enumerate(turn)
        turned = {path.format(name, "rotation_quaternion", 1 + i): x for i, x in numbered}
    elif bone.rotation_mode != "AXIS_ANGLE":
        turn = enumerate(bone.rotation_euler)
        turned = {path.format(name, "rotation_euler", i): x for i, x in turn}
    return dict(numbers, **{path: x for path, x in turned.items() if abs(x) > STILL})
