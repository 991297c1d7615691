"""The Blender adapter, in the real Blender and with the real service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from service_places import own_service_places, wait_for

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "installers"))

from blender_extension import extension_zip
from hosts import Places, install_hosts

from dubwright.mouth.visemes import Viseme, viseme_of
from dubwright.sample.head import build_head
from dubwright.speech.engines.espeak import EspeakSynthesizer

# What each test's script begins with: a head with shape keys, and teeth that hang on it.
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
ARKIT = ["jawOpen", "mouthPucker", "mouthFunnel", "mouthPressLeft", "browInnerUp"]


BLENDERS = os.environ.get("DUBWRIGHT_BPY_PYTHON", "").split(os.pathsep)


@pytest.fixture(
    scope="module", params=BLENDERS, ids=[Path(python).parent.parent.name for python in BLENDERS]
)
def blender(request: pytest.FixtureRequest) -> str:
    if not request.param:
        pytest.skip("DUBWRIGHT_BPY_PYTHON names no Python with bpy (bootstrap.py test --blender)")
    return str(request.param)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("blender service")
    runtime = folder / "service.json"
    with own_service_places(folder, runtime):
        process = subprocess.Popen([sys.executable, "-m", "dubwright.cli", "serve"])
        wait_for(runtime.exists, process=process)
        yield folder
        subprocess.run([sys.executable, "-m", "dubwright.cli", "stop"], check=True)
        assert process.wait(20) == 0


def _done(blender: str, tmp_path: Path, script: str) -> dict[str, Any]:
    path = tmp_path / "script.py"
    path.write_text(BEGIN + script + END)
    done = subprocess.run(
        [blender, str(path), str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def test_a_character_speaks_in_two_languages(blender: str, served: Path, tmp_path: Path) -> None:
    """Keys lie in strips of their own, a track a language; what was keyed by hand stays."""
    said = _done(
        blender,
        tmp_path,
        f"""
head = mesh_with("head", {ARKIT})
teeth = mesh_with("teeth", ["JawOpen"], head)
brow = head.data.shape_keys.key_blocks["browInnerUp"]
brow.value = 0.25
brow.keyframe_insert("value", frame=2)
for _ in range(2):  # again replaces the line, and adds nothing
    spanish = dubwright_blender.animate(head, "Mama, papa.", "es", out, first_frame=10)
es = played(head, "jawOpen", range(1, 60))
teeth_es = played(teeth, "JawOpen", range(1, 60))
french = dubwright_blender.animate(head, "Ma maman.", "fr", out, first_frame=10)
fr = played(head, "jawOpen", range(1, 60))
tracks = head.data.shape_keys.animation_data.nla_tracks
said = {{
    "es": es, "teeth": teeth_es, "fr": fr, "rig": spanish.rig, "meshes": spanish.meshes,
    "sounds": [str(spanish.sound), str(french.sound)], "notes": spanish.notes,
    "tracks": {{t.name: [t.mute, len(t.strips)] for t in tracks}},
    "actions": len(bpy.data.actions), "brow": played(head, "browInnerUp", [2, 20]),
    "missing": spanish.missing,
}}
""",
    )
    assert said["rig"] == "arkit" and said["meshes"] == ["head", "teeth"]
    assert said["tracks"] == {"Dubwright es": [True, 1], "Dubwright fr": [False, 1]}
    # One by hand; the head's and the teeth's in each language.
    assert said["actions"] == 1 + 4 and said["brow"] == pytest.approx([0.25, 0.25])
    assert "mouthPressRight" in said["missing"] and "an action of its own" in said["notes"][0]
    for language, sound in zip(("es", "fr"), said["sounds"], strict=True):
        document = json.loads((Path(sound).parent / "controls.json").read_text())
        assert document["rate"] == "24000/1001"
        jaw = document["controls"]["jawOpen"]
        played = said[language][9 : 9 + len(jaw)]
        assert played == pytest.approx(jaw, abs=1e-4) and max(jaw) > 0.3
        assert said[language][:8] == [0] * 8
    assert said["teeth"] == pytest.approx(said["es"], abs=1e-5)


def test_rigs_are_known_by_their_names(blender: str, tmp_path: Path) -> None:
    said = _done(
        blender,
        tmp_path,
        """
sets = {
    "arkit": ["!ex-jawOpen", "!ex-mouthPucker", "!ex-mouthFunnel"],
    "oculus": ["viseme_PP", "viseme_aa", "viseme_U"],
    "cc4": ["V_Open", "V_Explosive"], "vrm1": ["aa", "ih", "ou", "ee", "oh"],
    "vrm0": ["A", "I", "U", "E", "O"], None: ["smile"],
}
said = {str(rig): dubwright_blender.find_rig([mesh_with(str(rig), keys)])
        for rig, keys in sets.items()}
""",
    )
    assert said == {name: name for name in said if name != "None"} | {"None": None}


def test_a_character_without_a_mouth_is_told(blender: str, served: Path, tmp_path: Path) -> None:
    said = _done(
        blender,
        tmp_path,
        """
said = {}
for name, keys in {"nothing": [], "smile": ["smile"]}.items():
    obj = mesh_with(name, keys) if keys else bpy.data.objects.new(name, None)
    try:
        dubwright_blender.animate(obj, "Mama.", "es", out)
    except ValueError as error:
        said[name] = str(error)
""",
    )
    assert "have no shape keys" in said["nothing"] and "of no rig that is known" in said["smile"]


# Begins where Blender does: with what it finds in the user's folder, and nothing on sys.path.
EXTENDED = """
import sys, json, os, bpy, addon_utils
bpy.ops.wm.read_factory_settings(use_empty=True)
name = "bl_ext.user_default.dubwright"
addon_utils.enable(name, default_set=True, persistent=True)
assert name in bpy.context.preferences.addons, "the extension is not enabled"
"""


@pytest.fixture
def extended(blender: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of Blender with the extension that the installer puts there."""
    resources = tmp_path / "Zoë's Blender"
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(resources))
    install_hosts(["blender"], Places(home=tmp_path), tmp_path / "receipt.json")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return resources


def _extended(blender: str, tmp_path: Path, script: str) -> tuple[dict[str, Any], str]:
    path = tmp_path / "extended.py"
    heads = BEGIN[BEGIN.index("scene = ") : BEGIN.index("out = ")]
    path.write_text(EXTENDED + heads + script + END)
    done = subprocess.run([blender, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1])), done.stdout


def test_the_panel_has_a_character_speak(
    blender: str, extended: Path, served: Path, tmp_path: Path
) -> None:
    said, shown = _extended(
        blender,
        tmp_path,
        f"""
head = mesh_with("head", {ARKIT})
bpy.context.view_layer.objects.active = head
line, status = scene.dubwright, bpy.context.window_manager.dubwright
refused = []
def speak():
    try:
        return list(bpy.ops.dubwright.speak())
    except RuntimeError as error:
        refused.append(str(error))
speak()
line.text, line.language = "Mama, papa.", "es"
speak()
line.output = {str(tmp_path / "lines")!r}
scene.frame_set(5)
spoken = speak()
first = status.message
line.text, line.language = "Mum and pup.", "en"
speak()
bpy.ops.dubwright.play_language(language="es")
es = played(head, "jawOpen", range(1, 40))
tracks = head.data.shape_keys.animation_data.nla_tracks
import dubwright_blender
said = {{
    "refused": refused, "spoken": spoken, "first": first, "es": es,
    "tracks": {{t.name: t.mute for t in tracks}}, "where": dubwright_blender.__file__,
}}
""",
    )
    assert "Write what the character says" in said["refused"][0]
    assert "Save the file first" in said["refused"][1] and len(said["refused"]) == 2
    assert said["spoken"] == ["FINISHED"] and said["first"].startswith("head speaks es.")
    assert "It has no shape key for" in said["first"] and "100 %  head speaks es." in shown
    assert said["tracks"] == {"Dubwright es": False, "Dubwright en": True}
    assert max(said["es"][:4]) == 0 and max(said["es"]) > 0.3
    assert Path(said["where"]).is_relative_to(extended), "the modules come with the extension"


# What panels are drawn with; a property that is not there cannot be shown.
LAYOUT = """
from types import SimpleNamespace
class Layout:
    def __init__(self):
        self.shown = []
    def label(self, text):
        self.shown.append(text)
    def prop(self, data, name):
        self.shown.append(data.bl_rna.properties[name].name)
    def operator(self, name, text=None):
        space, short = name.split(".")
        assert hasattr(bpy.types, space.upper() + "_OT_" + short), name
        self.shown.append(text or name)
        return SimpleNamespace()
    def progress(self, text, factor):
        assert 0 <= factor <= 1
        self.shown.append(text)
    def box(self):
        return self
    def row(self, align):
        return self
def drawn(width=200):
    layout = Layout()
    panel = bpy.types.DUBWRIGHT_PT_character
    context = SimpleNamespace(
        object=bpy.context.object, scene=scene, window_manager=bpy.context.window_manager,
        region=SimpleNamespace(width=width),
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)))
    panel.draw(SimpleNamespace(layout=layout), context)
    return layout.shown
"""


def test_the_panel_shows_who_speaks_what(blender: str, extended: Path, tmp_path: Path) -> None:
    with own_service_places(tmp_path, tmp_path / "service.json"):
        said, _ = _extended(
            blender,
            tmp_path,
            f"""{LAYOUT}
os.environ.pop("DUBWRIGHT_PYTHON", None)
said = {{"nobody": drawn()}}
head = mesh_with("head", {ARKIT})
bpy.context.view_layer.objects.active = head
from dubwright_blender.keys import key_line
for language in ("es", "fr"):
    key_line(head, "line", language, {{"jawOpen": [0, 1, 0]}}, 1)
scene.dubwright.rig = "file"
bpy.context.window_manager.dubwright.message = "one two three four five six seven"
said["head"] = drawn()
""",
        )
    assert "Select a character." in said["nobody"] and "Text" in said["nobody"]
    assert "The service is not installed" in " ".join(said["nobody"])
    assert "head: arkit" in said["head"] and "Rig file" in said["head"]
    first = said["head"].index("es")
    assert said["head"][first : first + 2] == ["es", "fr"]
    assert "one two three four five six" in said["head"] and "seven" in said["head"]


def test_the_panel_says_that_there_is_no_service(
    blender: str, extended: Path, tmp_path: Path
) -> None:
    with own_service_places(tmp_path, tmp_path / "service.json"):
        said, _ = _extended(
            blender,
            tmp_path,
            f"""
bpy.context.view_layer.objects.active = mesh_with("head", {ARKIT})
scene.dubwright.text, scene.dubwright.output = "Mama.", {str(tmp_path)!r}
os.environ.pop("DUBWRIGHT_PYTHON", None)
said = {{}}
try:
    bpy.ops.dubwright.speak()
except RuntimeError as error:
    said["refused"] = str(error)
said["again"] = bpy.ops.dubwright.speak.poll()
""",
        )
    assert "service is not running" in said["refused"] and said["again"]


def test_blender_can_take_the_extension_out_again(
    blender: str, extended: Path, tmp_path: Path
) -> None:
    said, _ = _extended(
        blender,
        tmp_path,
        """
addon_utils.disable(name, default_set=True)
said = {"panel": hasattr(bpy.types, "DUBWRIGHT_PT_character"),
        "scene": hasattr(bpy.types.Scene, "dubwright")}
addon_utils.enable(name, default_set=True)
said["again"] = hasattr(bpy.types, "DUBWRIGHT_PT_character")
""",
    )
    assert said == {"panel": False, "scene": False, "again": True}


# The synthetic actor's head as a character: its skin, and the keys that move it, named as ARKit's.
HEAD = """
shape = json.load(open(sys.argv[1]))
mesh = bpy.data.meshes.new("Ana")
mesh.from_pydata(shape["vertices"], [], shape["triangles"])
mesh.polygons.foreach_set("material_index", shape["materials"])
mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
for name, colour in shape["colours"].items():
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    base = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED").inputs
    base["Base Color"].default_value, base["Roughness"].default_value = (*colour, 1), 0.6
    mesh.materials.append(material)
head = bpy.data.objects.new("Ana", mesh)
scene.collection.objects.link(head)
head.shape_key_add(name="Basis")
for name, moved in shape["keys"].items():
    key = head.shape_key_add(name=name)
    key.data.foreach_set("co", moved)
    key.value = 0.0

def lip_gap(frame):
    scene.frame_set(frame)
    seen = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices
    return seen[13].co.z - seen[14].co.z

def lit_and_filmed(size):
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 3.0, (0.9, 0.1, 0.4)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    middle = sum((v.co for v in mesh.vertices[:468]), start=mesh.vertices[0].co * 0) / 468
    camera.location, camera.rotation_euler = (middle.x, middle.y - 60, middle.z), (1.5708, 0, 0)
    camera.data.lens = 85
    scene.collection.objects.link(sun)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.world = scene.world or bpy.data.worlds.new("World")
    scene.render.engine, scene.cycles.samples, scene.cycles.device = "CYCLES", 8, "CPU"
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.image_settings.file_format = "PNG"

def rendered(frame, path):
    scene.frame_set(frame)
    scene.render.filepath = path
    bpy.ops.render.render(write_still=True)
"""


def head_as_json(path: Path) -> Path:
    """The synthetic actor's head for Blender, which is z up and looks along y."""
    head = build_head()
    turned = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    shape = {
        "vertices": (head.vertices @ turned).tolist(),
        "triangles": head.triangles.tolist(),
        "materials": head.materials.tolist(),
        "colours": {
            "skin": (0.62, 0.36, 0.26), "hair": (0.06, 0.03, 0.02), "cavity": (0.12, 0.01, 0.01),
            "teeth": (0.9, 0.88, 0.8),
        },
        "keys": {
            name: ((head.vertices + moved) @ turned).ravel().tolist()
            for name, moved in head.keys.items()
        },
    }  # fmt: skip
    path.write_text(json.dumps(shape))
    return path


def test_a_head_speaks_on_time_and_is_rendered(
    blender: str, extended: Path, served: Path, tmp_path: Path
) -> None:
    """Lips meet within half a frame of p, b and m, and are open between: by the mesh itself."""
    text, first = "Papa, Mama, ba, ba.", 7
    shape = head_as_json(tmp_path / "head.json")
    said, _ = _extended(
        blender,
        tmp_path,
        f"""
sys.argv[1:] = [{str(shape)!r}]
{HEAD}
import dubwright_blender
spoken = dubwright_blender.animate(
    head, {text!r}, "de", {str(tmp_path / "lines")!r}, first_frame={first})
gaps = [lip_gap(frame) for frame in range({first}, {first} + 90)]
lit_and_filmed(96)
widest = {first} + max(range(len(gaps)), key=gaps.__getitem__)
rendered(1, {str(tmp_path / "rest.png")!r})
rendered(widest, {str(tmp_path / "open.png")!r})
bpy.ops.wm.save_as_mainfile(filepath={str(tmp_path / "Ana.blend")!r})
said = {{"gaps": gaps, "rest": lip_gap(1), "rig": spoken.rig, "missing": spoken.missing}}
""",
    )
    assert said["rig"] == "arkit" and (tmp_path / "Ana.blend").stat().st_size > 10_000
    rate, gaps = 24 / 1.001, np.array(said["gaps"]) - said["rest"]
    phones = EspeakSynthesizer().speak(text, "de", 1.0)
    wide = np.percentile(gaps, 95)
    closed = [phone for phone in phones.phones if viseme_of(phone.symbol) is Viseme.PP]
    opened = [phone for phone in phones.phones if viseme_of(phone.symbol) is Viseme.AA]
    assert len(closed) == 6 and len(opened) >= 6 and wide > 0.5
    met = np.flatnonzero(gaps < 0.15 * wide)
    for phone in closed:
        middle = (phone.start + phone.end) / 2 / phones.sample_rate * rate - 0.5
        assert np.abs(met - middle).min() <= 0.5, (phone.symbol, middle)
    for phone in opened:
        span = slice(
            int(phone.start / phones.sample_rate * rate),
            int(phone.end / phones.sample_rate * rate) + 1,
        )
        assert gaps[span].max() > 0.4 * wide
    rest, wide_open = (
        cv2.imread(str(tmp_path / name)).astype(float) for name in ("rest.png", "open.png")
    )
    assert rest.std() > 10
    changed = np.abs(rest - wide_open).max(axis=2) > 20
    rows = np.flatnonzero(changed.any(axis=1))
    assert changed.mean() > 0.003 and rows.min() > 40, "the mouth opens, the eyes stay"


def test_blenders_own_tool_finds_nothing_wrong_with_the_archive(
    blender: str, tmp_path: Path
) -> None:
    name, archive = extension_zip()
    (tmp_path / name).write_bytes(archive)
    where = subprocess.run(
        [blender, "-c", "import bpy, os; print(bpy.utils.system_resource('SCRIPTS')); os._exit(0)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    tool = Path(where.stdout.strip().splitlines()[-1], "addons_core/bl_pkg/cli/blender_ext.py")
    done = subprocess.run(
        [blender, str(tool), "validate", str(tmp_path / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
