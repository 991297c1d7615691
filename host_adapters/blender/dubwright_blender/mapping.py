# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Which controls of a character make which viseme: rigs of one's own, from names, poses and files.

A rig is the document of docs/formats.md, as a dict.
"""

import json
import re
from pathlib import Path

from dubwright_blender.bones import has_rigify_face, rigify_rig
from dubwright_blender.rigs import find_rig, parts_of, speaking_meshes

__all__ = [
    "FOUND",
    "MOVERS",
    "by_names",
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
# Without these a mouth cannot be said to speak.
NEEDED = ("PP", "aa", "ou")
STILL = 1e-4
INDEXED = re.compile(r"^(.*)\[(\d+)\]$")


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


def rig_document(moves):
    """A rig from its moves: (viseme or gesture, control, weight) each.

    Raises ValueError where no viseme moves anything.
    """
    visemes, gestures = {}, {}
    for mover, control, weight in moves:
        if control and weight:
            of = gestures if mover in GESTURES else visemes
            of.setdefault(mover, {})[control] = weight
    if not visemes:
        raise ValueError("The rig moves nothing: no viseme has a control")
    movers = [*visemes.values(), *gestures.values()]
    return {
        "document": "dubwright.rig",
        "version": 1,
        "controls": list(dict.fromkeys(control for weights in movers for control in weights)),
        "visemes": visemes,
        "gestures": gestures,
    }


def by_names(meshes):
    """A rig from shape keys that are called as visemes are; None where they are not."""
    known = {}
    for mesh in meshes:
        for block in mesh.data.shape_keys.key_blocks[1:]:
            known.setdefault(_called(block.name), block.name)
    moves = []
    for mover, names in NAMES.items():
        found = next((known[name] for name in names.split() if name in known), None)
        if found is not None:
            moves.append((mover, found, 1.0))
    if not {mover for mover, _, _ in moves}.issuperset(NEEDED):
        return None
    return rig_document(moves)


def pose_of(obj):
    """What of a character is not at rest, by control: shape keys, and bones' places and turns."""
    pose = {}
    for mesh in speaking_meshes(obj):
        for block in mesh.data.shape_keys.key_blocks[1:]:
            if abs(block.value) > STILL:
                pose[block.name] = block.value
    for armature in parts_of(obj):
        if armature.type == "ARMATURE":
            for bone in armature.pose.bones:
                pose.update(_turned(bone))
    return {control: round(value, 5) for control, value in pose.items()}


def set_number(obj, path, value):
    """Set what a data path leads to, as in pose.bones["jaw"].location[2] or ["open"]."""
    indexed = INDEXED.match(path)
    if indexed is not None:
        obj.path_resolve(indexed.group(1))[int(indexed.group(2))] = value
    elif path.endswith('"]'):
        holder, _, name = path[:-2].rpartition('["')
        (obj.path_resolve(holder) if holder else obj)[name] = value
    else:
        holder, _, name = path.rpartition(".")
        setattr(obj.path_resolve(holder) if holder else obj, name, value)


def read_rig(path):
    """A rig's document from its file. Raises ValueError where it is none."""
    try:
        rig = json.loads(Path(path).read_text(encoding="utf-8"))
        is_rig = rig.get("document") == "dubwright.rig"
    except (UnicodeDecodeError, ValueError, AttributeError):
        is_rig = False
    if not is_rig:
        raise ValueError("{} is no rig of Dubwright's (docs/formats.md)".format(path))
    return rig


def write_rig(path, rig):
    """Write a rig's document, whole or not at all."""
    partial = Path("{}.part".format(path))
    partial.write_text(json.dumps(rig, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def _mapped(obj):
    """What was set under Mapping."""
    moves = [
        (move.mover, move.control, move.weight) for move in getattr(obj, "dubwright_moves", ())
    ]
    return rig_document(moves) if moves else None


def _rigify(obj):
    faces = [part for part in parts_of(obj) if has_rigify_face(part)]
    return rigify_rig(faces[0]) if faces else None


# The ways to find a character's rig; what was said for it goes first.
FINDERS = {
    "mapped": _mapped,
    "known": lambda obj: find_rig(speaking_meshes(obj)),
    "rigify": _rigify,
    "names": lambda obj: by_names(speaking_meshes(obj)),
}
FOUND = ("auto", *FINDERS)


def _called(name):
    plain = BEFORE.sub("", name.lower())
    return re.sub(r"[^a-z]", "", plain)


def _turned(bone):
    """Numbers of a bone that are not at rest, by data path."""
    path = 'pose.bones["{}"].{}[{}]'
    numbers = {path.format(bone.name, "location", i): x for i, x in enumerate(bone.location)}
    if bone.rotation_mode == "QUATERNION":
        whole, *turn = bone.rotation_quaternion
        # As bones are keyed: the first number stays 1, and Blender brings the length back to 1.
        turn = [x / whole if whole else x for x in turn]
        numbers.update(
            {path.format(bone.name, "rotation_quaternion", 1 + i): x for i, x in enumerate(turn)}
        )
    elif bone.rotation_mode != "AXIS_ANGLE":
        turn = enumerate(bone.rotation_euler)
        numbers.update({path.format(bone.name, "rotation_euler", i): x for i, x in turn})
    return {path: x for path, x in numbers.items() if abs(x) > STILL}
