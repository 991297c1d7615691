# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""What of a character moves, and which of its shape keys are whose: ARKit's, Meta's, VRM's..."""

import bpy

from dubwright_blender.keys import shape_key_path

__all__ = [
    "animated_in",
    "animated_parts",
    "family",
    "find_rig",
    "matching_keys",
    "movers",
    "parts_of",
    "speaking_meshes",
]

# Some of each rig's names, in small letters, that no other rig has; the fuller rig first.
SIGNS = (
    ("arkit", ("jawopen", "mouthpucker", "mouthfunnel")),
    ("oculus", ("viseme_pp", "viseme_aa", "viseme_ou")),
    ("cc4", ("v_open", "v_explosive")),
    ("vrm1", ("aa", "ih", "ou")),
    ("vrm0", ("a", "i", "u", "e", "o")),
)
# MPFB writes its ARKit keys so, and VRoid its vowels.
PREFIXES = ("!ex-", "fcl_mth_")
# Meta's vowels go by two names.
ALSO = {"viseme_i": "viseme_ih", "viseme_o": "viseme_oh", "viseme_u": "viseme_ou"}


def speaking_meshes(obj):
    """An object and what hangs on it, as far as it has shape keys: face, teeth, tongue, beard."""
    found = {}
    for each in [obj, *obj.children_recursive]:
        if each.type == "MESH" and each.data.shape_keys is not None:
            # Two objects may show one mesh.
            found.setdefault(each.data, each)
    return list(found.values())


def parts_of(obj):
    """An object, what hangs on it, and the armatures that move those."""
    parts = [obj, *obj.children_recursive]
    armatures = [part.find_armature() for part in parts if part.type == "MESH"]
    return list(dict.fromkeys([*parts, *(each for each in armatures if each is not None)]))


def movers(obj, controls):
    """What of one object some controls move: by what is animated, controls by data path.

    A control is a shape key, or a path to a number of the object's, as in
    pose.bones["jaw"].rotation_euler[0] or ["mouth_open"].
    """
    found = {}
    if obj.type == "MESH" and obj.data.shape_keys is not None:
        known = matching_keys(obj, controls)
        if known:
            found[obj.data.shape_keys] = {shape_key_path(key): c for c, key in known.items()}
    paths = {control: control for control in controls if _is_number_of(obj, control)}
    if paths:
        found[obj] = paths
    return found


def family(obj):
    """Everything of the character that an object is of: up to its head or armature, and down."""
    root = obj
    while root.parent is not None and root.parent.type in ("ARMATURE", "MESH"):
        root = root.parent
    parts = parts_of(root)
    armatures = [part for part in parts if part.type == "ARMATURE"]
    bent = [o for o in bpy.data.objects if o.type == "MESH" and o.find_armature() in armatures]
    return list(dict.fromkeys([*parts, *bent]))


def animated_in(parts):
    """What of a character's parts may have lines: shape keys, and what is animated itself."""
    keys = [getattr(part.data, "shape_keys", None) for part in parts]
    found = [key for key in keys if key is not None]
    return list(dict.fromkeys(found + [part for part in parts if part.animation_data is not None]))


def animated_parts(obj):
    """What of an object, and of what hangs on it, may have lines."""
    return animated_in(parts_of(obj))


def find_rig(meshes):
    """The name of the rig that these meshes' shape keys belong to; None if none is known."""
    names = {_plain(block.name) for mesh in meshes for block in mesh.data.shape_keys.key_blocks}
    return next((rig for rig, signs in SIGNS if names.issuperset(map(_plain, signs))), None)


def matching_keys(mesh, controls):
    """The shape keys of a mesh by the controls that they are, whatever their letters' case."""
    keys = mesh.data.shape_keys.key_blocks
    blocks = {_plain(block.name): block.name for block in keys}
    # One that is called just so goes first.
    found = {c: c if c in keys else blocks.get(_plain(c)) for c in controls}
    return {control: name for control, name in found.items() if name is not None}


def _is_number_of(obj, path):
    if "." not in path and "[" not in path:
        return False
    try:
        return isinstance(obj.path_resolve(path), (int, float))
    except ValueError:
        return False


def _plain(name):
    plain = name.lower()
    for prefix in PREFIXES:
        if plain.startswith(prefix):
            plain = plain[len(prefix) :]
    return ALSO.get(plain, plain)
