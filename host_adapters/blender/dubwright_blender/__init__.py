# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Characters that speak, in Blender: a line goes to the service, keys on shape keys come back.

    import dubwright_blender
    dubwright_blender.animate(bpy.context.object, "Good morning.", "en", "/shots/lines")

Runs inside Blender 4.2 or newer, or under its Python module. dubwright_plugin must be importable.
"""

from dubwright_blender.lines import Spoken, animate, scene_rate
from dubwright_blender.rigs import find_rig, speaking_meshes
from dubwright_blender.sequencer import lay_sound

__all__ = ["Spoken", "animate", "find_rig", "lay_sound", "scene_rate", "speaking_meshes"]
