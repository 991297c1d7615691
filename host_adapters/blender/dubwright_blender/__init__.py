# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Characters that speak, and a sequencer that is dubbed: what Blender asks the service for.

    import dubwright_blender
    dubwright_blender.animate(bpy.context.object, "Good morning.", "en", "/shots/lines")

Runs inside Blender 4.2 or newer, or under its Python module. dubwright_plugin must be importable.
"""

from dubwright_blender.drawn import draw
from dubwright_blender.dubs import dub, lip_sync
from dubwright_blender.lines import Spoken, adjust, animate, scene_rate
from dubwright_blender.rigs import find_rig, speaking_meshes
from dubwright_blender.sequencer import lay_sound
from dubwright_blender.timelines import lay_timeline, write_timeline

__all__ = [
    "Spoken",
    "adjust",
    "animate",
    "draw",
    "dub",
    "find_rig",
    "lay_sound",
    "lay_timeline",
    "lip_sync",
    "scene_rate",
    "speaking_meshes",
    "write_timeline",
]
