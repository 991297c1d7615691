"""Scripts that tests run in the real Blender."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["BEGIN", "END", "run_script"]

ROOT = Path(__file__).resolve().parent.parent
# What each script begins with: a head with shape keys, and teeth that hang on it.
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
