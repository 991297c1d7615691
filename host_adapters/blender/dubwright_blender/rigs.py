# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Which of a character's shape keys are whose: ARKit's, Meta's, VRM's, Character Creator's."""

__all__ = ["find_rig", "matching_keys", "speaking_meshes"]

# Some of each rig's names, in small letters, that no other rig has; the fuller rig first.
SIGNS = (
    ("arkit", ("jawopen", "mouthpucker", "mouthfunnel")),
    ("oculus", ("viseme_pp", "viseme_aa", "viseme_ou")),
    ("cc4", ("v_open", "v_explosive")),
    ("vrm1", ("aa", "ih", "ou")),
    ("vrm0", ("a", "i", "u", "e", "o")),
)
# MPFB writes its ARKit keys so; some exporters put the mesh's name before a dot.
PREFIXES = ("!ex-",)
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


def find_rig(meshes):
    """The name of the rig that these meshes' shape keys belong to; None if none is known."""
    names = {_plain(block.name) for mesh in meshes for block in mesh.data.shape_keys.key_blocks}
    return next((rig for rig, signs in SIGNS if names.issuperset(map(_plain, signs))), None)


def matching_keys(mesh, controls):
    """The shape keys of a mesh by the controls that they are, whatever their letters' case."""
    blocks = {_plain(block.name): block.name for block in mesh.data.shape_keys.key_blocks}
    wanted = {control: _plain(control) for control in controls}
    return {control: blocks[plain] for control, plain in wanted.items() if plain in blocks}


def _plain(name):
    plain = name.lower()
    for prefix in PREFIXES:
        if plain.startswith(prefix):
            plain = plain[len(prefix) :]
    return ALSO.get(plain, plain)
