"""Scripts that tests run in the real Blender."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["BEGIN", "END", "LAYOUT", "run_extended", "run_script"]

ROOT = Path(__file__).resolve().parent.parent
# What each script begins with: meshes with shape keys and armatures can be made.
BEGIN = f"""
import sys, json, os, bpy
sys.path[:0] = [{str(ROOT / "plugin")!r}, {str(ROOT / "host_adapters" / "blender")!r}]
import dubwright_blender
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = 24, 1.001

def mesh_with(name, keys, parent=None):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    obj = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(obj)
    obj.parent = parent
    for key in ["Basis", *keys]:
        obj.shape_key_add(name=key).value = 0.0
    return obj

def armature_with(name):
    armature = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    armature.data.edit_bones.new(name).tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature

def played(obj, key, frames):
    values = []
    for frame in frames:
        scene.frame_set(frame)
        values.append(obj.data.shape_keys.key_blocks[key].value)
    return values

out = sys.argv[1]
"""
END = """
print(json.dumps(said))
sys.stdout.flush()
os._exit(0)
"""


def run_script(blender: str, tmp_path: Path, script: str) -> dict[str, Any]:
    """What a script has in `said` in the end; it may write to `out`, in the folder."""
    path = tmp_path / "script.py"
    path.write_text(BEGIN + script + END)
    done = subprocess.run(
        [blender, str(path), str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


# Begins where Blender does: with what it finds in the user's folder, and nothing on sys.path.
EXTENDED = """
import sys, json, os, bpy, addon_utils
bpy.ops.wm.read_factory_settings(use_empty=True)
name = "bl_ext.user_default.dubwright"
addon_utils.enable(name, default_set=True, persistent=True)
assert name in bpy.context.preferences.addons, "the extension is not enabled"
"""


def run_extended(blender: str, tmp_path: Path, script: str) -> tuple[dict[str, Any], str]:
    """What a script has in `said`, and what was printed, where the extension is on."""
    path = tmp_path / "extended.py"
    heads = BEGIN[BEGIN.index("scene = ") : BEGIN.index("out = ")]
    path.write_text(EXTENDED + heads + script + END)
    done = subprocess.run([blender, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1])), done.stdout


# What panels are drawn with; a property that is not there cannot be shown.
LAYOUT = """
from types import SimpleNamespace
class Layout:
    def __init__(self):
        self.shown = []
    def label(self, text):
        self.shown.append(text)
    def prop(self, data, name, **_):
        self.shown.append(data.bl_rna.properties[name].name)
    def operator(self, name, text=None, **_):
        space, short = name.split(".")
        assert hasattr(bpy.types, space.upper() + "_OT_" + short), name
        self.shown.append(text or name)
        return SimpleNamespace()
    def operator_menu_enum(self, name, items):
        space, short = name.split(".")
        kind = getattr(getattr(bpy.ops, space), short).get_rna_type()
        assert items in kind.properties, name
        self.shown.append(kind.name)
    def template_list(self, kind, name, data, listed, at, active, **_):
        assert hasattr(bpy.types, kind) and hasattr(at, active)
        for each in getattr(data, listed):
            getattr(bpy.types, kind).draw_item(
                None, bpy.context, self, data, each, 0, at, active)
    def progress(self, text, factor):
        assert 0 <= factor <= 1
        self.shown.append(text)
    def box(self):
        return self
    def row(self, align=False):
        return self
    def column(self, align=False):
        return self
def drawn(width=200, panel="character"):
    layout = Layout()
    panel = getattr(bpy.types, "DUBWRIGHT_PT_" + panel)
    context = SimpleNamespace(
        object=bpy.context.object, scene=scene, window_manager=bpy.context.window_manager,
        region=SimpleNamespace(width=width),
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)))
    panel.draw(SimpleNamespace(layout=layout), context)
    return layout.shown
"""
