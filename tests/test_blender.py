"""The Blender adapter, in the real Blender and with the real service."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import opentimelineio as otio
import pytest
from blender_scripts import LAYOUT, run_extended, run_script
from conftest import Sample
from service_places import own_service_places

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "installers"))

from blender_extension import extension_zip

from dubwright.character.scenes import gltf, usda
from dubwright.mouth.visemes import Viseme, viseme_of
from dubwright.sample.head import build_head
from dubwright.speech.engines.espeak import EspeakSynthesizer

ARKIT = ["jawOpen", "mouthPucker", "mouthFunnel", "mouthPressLeft", "browInnerUp"]


def test_a_character_speaks_in_two_languages(blender: str, served: Path, tmp_path: Path) -> None:
    """Keys lie in strips of their own, a track a language; what was keyed by hand stays."""
    said = run_script(
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
    assert said["tracks"] == {
        "Rest under Dubwright": [False, 1], "Dubwright es": [True, 1], "Dubwright fr": [False, 1],
    }  # fmt: skip
    # One by hand; the head's and the teeth's in each language and at rest.
    assert said["actions"] == 1 + 6 and said["brow"] == pytest.approx([0.25, 0.25])
    assert "mouthPressRight" in said["missing"] and "an action of its own" in said["notes"][0]
    for language, sound in zip(("es", "fr"), said["sounds"], strict=True):
        document = json.loads((Path(sound).parent / "controls.json").read_text())
        assert document["rate"] == "24000/1001"
        jaw = document["controls"]["jawOpen"]
        played = said[language][9 : 9 + len(jaw)]
        assert played == pytest.approx(jaw, abs=1e-4) and max(jaw) > 0.3
        assert said[language][:8] == [0] * 8
    assert said["teeth"] == pytest.approx(said["es"], abs=1e-5)


@pytest.mark.parametrize("scene", ["gltf", "usda"])
def test_scenes_are_read_by_blenders_own_importers(
    blender: str, tmp_path: Path, scene: str
) -> None:
    frames = 20
    controls = {
        "jawOpen": np.sin(np.arange(frames) / 4).clip(0).astype(np.float32),
        "mouthPucker": np.linspace(0, 1, frames, dtype=np.float32),
    }
    path = tmp_path / f"mouth.{scene}"
    path.write_text({"gltf": gltf, "usda": usda}[scene](controls, Fraction(24)))
    said = run_script(
        blender,
        tmp_path,
        f"""
scene.render.fps, scene.render.fps_base = 24, 1
if {scene!r} == "gltf":
    import addon_utils
    addon_utils.enable("io_scene_gltf2")
    bpy.ops.import_scene.gltf(filepath={str(path)!r})
else:
    bpy.ops.wm.usd_import(filepath={str(path)!r}, import_blendshapes=True)
mesh = next(o for o in bpy.data.objects if o.type == "MESH" and o.data.shape_keys)
said = {{key: played(mesh, key, range(0, {frames})) for key in {list(controls)!r}}}
""",
    )
    for name, values in controls.items():
        assert said[name] == pytest.approx(values.tolist(), abs=1e-4)


def test_bones_and_properties_move_by_a_rig_of_ones_own(
    blender: str, served: Path, tmp_path: Path
) -> None:
    """Beside shape keys; languages switch, and between lines all is at rest."""
    rig = {
        "document": "dubwright.rig",
        "version": 1,
        "controls": ["Smile", 'pose.bones["jaw"].rotation_euler[0]', '["open"]', "not.there[0]"],
        "visemes": {
            "aa": {'pose.bones["jaw"].rotation_euler[0]': 0.5, '["open"]': 1.0, "not.there[0]": 1},
            "PP": {"Smile": 0.5},
        },
    }
    (tmp_path / "rig.json").write_text(json.dumps(rig))
    said = run_script(
        blender,
        tmp_path,
        f"""
armature = armature_with("jaw")
jaw = armature.pose.bones["jaw"]
jaw.rotation_mode = "XYZ"
face = mesh_with("face", ["Smile"])
face["open"] = 0.0
face.modifiers.new("Armature", "ARMATURE").object = armature
def speak(text, language):
    return dubwright_blender.animate(
        face, text, language, out, rig={str(tmp_path / "rig.json")!r}, first_frame=10)
spoken = speak("Mama.", "es")
speak("Mum.", "en")
from dubwright_blender.keys import play_language
from dubwright_blender.rigs import animated_parts
for part in animated_parts(face):
    play_language(part, "es")
said = {{"jaw": [], "open": [], "names": sorted(spoken.meshes), "missing": spoken.missing}}
for frame in range(1, 60):
    scene.frame_set(frame)
    said["jaw"].append(list(jaw.rotation_euler))
    said["open"].append(face["open"])
said["smile"] = played(face, "Smile", range(1, 60))
said["tracks"] = [t.name for t in armature.animation_data.nla_tracks]
""",
    )
    assert said["names"] == ["face", "rig"] and said["missing"] == ["not.there[0]"]
    jaw = np.array(said["jaw"])
    assert jaw[:, 0].max() > 0.3 and not jaw[:, 1:].any() and not jaw[:8].any()
    assert np.allclose(jaw[:, 0] * 2, said["open"], atol=1e-4) and max(said["smile"]) > 0.4
    assert not jaw[-5:].any() and said["open"][-1] == 0
    assert said["tracks"] == ["Rest under Dubwright", "Dubwright es", "Dubwright en"]


def test_a_drawn_mouth_speaks_in_held_drawings(blender: str, served: Path, tmp_path: Path) -> None:
    """An image empty, a material's image, and a grease pencil where it has modifiers."""
    said = run_script(
        blender,
        tmp_path,
        """
empty = bpy.data.objects.new("mouth", None)
empty.empty_display_type = "IMAGE"
scene.collection.objects.link(empty)
material = bpy.data.materials.new("face")
material.use_nodes = True
mesh_with("head", []).data.materials.append(material)
tree = material.node_tree
tree.nodes.new("ShaderNodeTexImage").name = "Mouth"
places = [(empty, "image_user.frame_offset"), (tree, 'nodes["Mouth"].image_user.frame_offset')]
if bpy.app.version >= (4, 3):
    pencils = getattr(bpy.data, "grease_pencils_v3", bpy.data.grease_pencils)
    pencil = bpy.data.objects.new("pencil", pencils.new("pencil"))
    scene.collection.objects.link(pencil)
    pencil.modifiers.new("Time", "GREASE_PENCIL_TIME")
    places.append((pencil, 'modifiers["Time"].offset'))
said = {"rows": []}
for owner, path in places:
    sound = dubwright_blender.draw(
        owner, path, "Mama, fui a Paula.", "es", out, on=2, first_frame=5)
    row = []
    for frame in range(1, 60):
        scene.frame_set(frame)
        row.append(owner.path_resolve(path))
    said["rows"].append(row)
said["sound"] = str(sound)
try:
    dubwright_blender.draw(empty, "no.such", "Mama.", "es", out)
except ValueError as error:
    said["told"] = str(error)
""",
    )
    timeline = otio.adapters.read_from_file(str(Path(said["sound"]).parent / "mouth.otio"))
    (clip,) = timeline.find_clips()
    order = "XABCDEFGH"
    expected = [0] * 59
    for flap in clip.metadata["dubwright"]["character"]["drawn"]:
        for frame in range(flap["start"], flap["end"]):
            expected[4 + frame] = order.index(flap["shape"])
    assert all(row == expected for row in said["rows"]) and len(said["rows"]) >= 2
    assert len(set(expected)) > 3 and "no number at no.such" in said["told"]


# Lines without the service, of which every control and frame is known.
LINES = """
from dubwright_blender.keys import key_line as key, line_in_the_way as in_the_way
from dubwright_blender.keys import languages as spoken, play_language as play, shape_key_path
def key_line(obj, line, language, values, first):
    paths = {shape_key_path(name): row for name, row in values.items()}
    key(obj.data.shape_keys, obj.name, line, language, paths, first)
def line_in_the_way(obj, *where):
    return in_the_way(obj.data.shape_keys, *where)
def languages(obj):
    return spoken(obj.data.shape_keys)
def play_language(obj, language):
    play(obj.data.shape_keys, language)
def line(obj, name, language, controls, first):
    key_line(obj, name, language, {control: [v] * 10 for control, v in controls.items()}, first)
def strips(obj, language):
    track = obj.data.shape_keys.animation_data.nla_tracks["Dubwright " + language]
    return sorted([int(s.frame_start), int(s.frame_end), s.action is not None]
                  for s in track.strips)
"""


def test_a_line_replaces_itself_and_nothing_else(blender: str, tmp_path: Path) -> None:
    said = run_script(
        blender,
        tmp_path,
        LINES
        + """
head = mesh_with("head", ["jawOpen", "mouthPucker"])
line(head, "line", "es", {"jawOpen": 0.5}, 10)
line(head, "line", "fr", {"jawOpen": 0.6}, 10)
line(head, "line", "fr", {"jawOpen": 0.7}, 10)
line(head, "line", "fr", {"jawOpen": 0.8}, 30)
long = "é" * 60
for _ in range(2):
    line(head, long, "fr", {"jawOpen": 0.9}, 50)
said = {"es": strips(head, "es"), "fr": strips(head, "fr"), "languages": languages(head),
        "played": played(head, "jawOpen", [12, 32, 52])}
for name, first in (("line", 30), ("other", 40), ("other", 39), ("other", 25)):
    said["{} {}".format(name, first)] = line_in_the_way(head, name, "fr", first, 10)
line(head, "other", "fr", {"jawOpen": 0.3}, 40)
said["adjoining"] = played(head, "jawOpen", [39, 40])
play_language(head, "es")
said["spanish"] = played(head, "jawOpen", [12, 32, 52])
head.name = "hero"
second = mesh_with("head", ["jawOpen"])
line(second, "line", "es", {"jawOpen": 0.2}, 10)
said["hero"], said["second"] = strips(head, "es"), strips(second, "es")
said["actions"] = len(bpy.data.actions)
""",
    )
    assert said["es"] == [[10, 19, True]] and said["languages"] == ["es", "fr"]
    assert said["fr"] == [[30, 39, True], [50, 59, True]]
    assert said["played"] == pytest.approx([0, 0.8, 0.9])
    assert said["line 30"] is None and said["other 40"] is None
    assert said["other 39"] == said["other 25"] == "line (30 to 39)"
    assert said["adjoining"] == pytest.approx([0.8, 0.3])
    assert said["spanish"] == pytest.approx([0.5, 0, 0])
    assert said["hero"] == said["second"] == [[10, 19, True]]
    # Four lines and a rest of the hero's, one line and a rest of the other's.
    assert said["actions"] == 4 + 1 + 1 + 1


def test_a_line_is_moved_and_strengthened_in_place(blender: str, tmp_path: Path) -> None:
    said = run_script(
        blender,
        tmp_path,
        """
from dubwright_blender.keys import key_line, shape_key_path
head = mesh_with("head", ["jawOpen"])
teeth = mesh_with("teeth", ["jawOpen"], head)
path = shape_key_path("jawOpen")
for part in (head, teeth):
    key_line(part.data.shape_keys, part.name, "one", "es", {path: [0.0, 0.5, 0.2, 0.0]}, 10)
    key_line(part.data.shape_keys, part.name, "two", "es", {path: [0.0, 1.0, 0.0]}, 30)
frames = range(1, 50)
def both():
    rows = [[round(x, 4) for x in played(part, "jawOpen", frames)] for part in (head, teeth)]
    assert rows[0] == rows[1]
    return {frame: x for frame, x in zip(frames, rows[0]) if x}
said = {"before": both(), "refused": []}
dubwright_blender.adjust(head, "one", "es", later=12, strength=0.5)
said["later"] = both()
dubwright_blender.adjust(teeth, "one", "es", later=-20)  # whichever part is selected
said["earlier"] = both()
dubwright_blender.adjust(head, "one", "es", later=40)
said["beyond"] = both()
dubwright_blender.adjust(head, "one", "es", later=-40)
track = next(t for t in head.data.shape_keys.animation_data.nla_tracks if t.name.endswith("es"))
said["names"] = [strip.name for strip in track.strips]
twin = mesh_with("twin", ["jawOpen"])
data = twin.data.shape_keys.animation_data_create()
strip = data.nla_tracks.new().strips.new("theirs", 3, track.strips[0].action)
if hasattr(strip, "action_slot"):
    strip.action_slot = track.strips[0].action_slot
dubwright_blender.adjust(head, "one", "es", strength=2.0)
said["twin"] = [round(x, 4) for x in played(twin, "jawOpen", (4, 5))]
said["strong"] = both()
dubwright_blender.adjust(head, "one", "es", strength=0.5)
for asked in (("one", "es", 27), ("one", "fr"), ("three", "es")):
    try:
        dubwright_blender.adjust(head, *asked)
    except ValueError as error:
        said["refused"].append(str(error))
said["after"] = both()
from dubwright_blender.keys import CONSTANT
drawn = bpy.data.objects.new("drawn", None)
drawn["mouth"] = 0
scene.collection.objects.link(drawn)
key_line(drawn, "drawn", "one", "es", {'["mouth"]': [0, 3, 3, 0]}, 10, CONSTANT)
dubwright_blender.adjust(drawn, "one", "es", later=5, strength=0.5)
said["drawn"] = []
for frame in (14, 16, 18):
    scene.frame_set(frame)
    said["drawn"].append(drawn["mouth"])
""",
    )
    two = {"31": 1.0}
    assert said["before"] == {"11": 0.5, "12": 0.2} | two
    assert said["later"] == {"23": 0.25, "24": 0.1} | two
    assert said["earlier"] == said["after"] == {"3": 0.25, "4": 0.1} | two
    assert said["beyond"] == {"31": 1.0, "43": 0.25, "44": 0.1} and said["names"] == ["one", "two"]
    assert said["drawn"] == [0, 3, 0], "the number of a drawing has no strength"
    assert said["twin"] == [0.25, 0.1] and said["strong"] == {"3": 0.5, "4": 0.2} | two
    assert "would lie over two (30 to 32)" in said["refused"][0]
    assert [each.split(" in ")[0] for each in said["refused"][1:]] == [
        "head has no line one", "head has no line three",
    ]  # fmt: skip


def test_what_a_line_does_not_move_is_at_rest(blender: str, tmp_path: Path) -> None:
    """Controls of other lines, of other languages, and between lines; not what others play."""
    said = run_script(
        blender,
        tmp_path,
        LINES
        + """
head = mesh_with("head", ["jawOpen", "mouthPucker", "mouthFunnel"])
keys = head.data.shape_keys
data = keys.animation_data_create()
keys.key_blocks["mouthFunnel"].value = 0.4
keys.key_blocks["mouthFunnel"].keyframe_insert("value", frame=1)
mine = data.action
data.action = None
track = data.nla_tracks.new()
track.strips.new("mine", 1, mine).extrapolation = "HOLD"
line(head, "one", "es", {"jawOpen": 0.5}, 10)
line(head, "two", "es", {"mouthPucker": 0.6, "mouthFunnel": 0.9}, 30)
line(head, "one", "en", {"jawOpen": 0.7}, 10)
said = {"en": [played(head, key, [5, 12, 25, 32, 50]) for key in ("jawOpen", "mouthPucker")]}
play_language(head, "es")
said["es"] = [played(head, key, [5, 12, 25, 32, 50]) for key in ("jawOpen", "mouthPucker")]
said["theirs"] = played(head, "mouthFunnel", [5, 32, 50])
scene.frame_set(32)
play_language(head, "en")
said["stuck"] = played(head, "mouthPucker", [32, 12])
""",
    )
    assert np.allclose(said["es"], [[0, 0.5, 0, 0, 0], [0, 0, 0, 0.6, 0]])
    assert np.allclose(said["en"], [[0, 0.7, 0, 0, 0], [0, 0, 0, 0, 0]])
    assert said["theirs"] == pytest.approx([0.4, 0.9, 0.4]) and said["stuck"] == [0, 0]


def test_what_cannot_be_keyed_is_told_and_left_alone(blender: str, tmp_path: Path) -> None:
    said = run_script(
        blender,
        tmp_path,
        f"""
from dubwright_blender.lines import Answer, ask, key
from dubwright_blender.rigs import speaking_meshes
said = {{}}
def told(name, call):
    try:
        call()
    except ValueError as error:
        said[name] = str(error)
def asked(obj, line="line"):
    return ask(obj, "Mama.", "es", out, None, "auto", line, 10, 1.0)
answered = Answer({{"jawOpen": [0.5] * 10}}, [0.0] * 10, "line.wav")
head, teeth = mesh_with("head", {ARKIT}), mesh_with("teeth", ["jawOpen"])
teeth.parent = head
twin = bpy.data.objects.new("twin", head.data)
twin.parent = head
said["meshes"] = len(speaking_meshes(head))
key(asked(head), answered)
told("in the way", lambda: key(asked(head, "other"), answered))
told("beside the file", lambda: ask(head, "Mama.", "es", "//lines", None, "auto", "x", 1, 1.0))
waiting = asked(head)
teeth.shape_key_clear()
told("gone", lambda: key(waiting, answered))
bpy.data.objects.remove(twin)
bpy.ops.wm.save_as_mainfile(filepath={str(tmp_path / "library.blend")!r})
bpy.ops.wm.read_factory_settings(use_empty=True)
with bpy.data.libraries.load({str(tmp_path / "library.blend")!r}, link=True) as (there, here):
    here.objects = ["head"]
linked = here.objects[0]
bpy.context.scene.collection.objects.link(linked)
own = linked.override_create()
told("linked", lambda: asked(own))
""",
    )
    assert said["meshes"] == 2
    assert "other would lie over line (10 to 19) in es" in said["in the way"]
    assert "Save the file first" in said["beside the file"]
    assert "teeth is gone, or its shape keys are" in said["gone"]
    assert "another file's" in said["linked"]


def test_in_windows_work_is_waited_for_by_a_timer(blender: str, tmp_path: Path) -> None:
    """Blender's module has no windows: its timers are stood in for by ones that the test fires."""
    said = run_script(
        blender,
        tmp_path,
        """
import threading
from types import SimpleNamespace
from dubwright_blender import work
from dubwright_blender.jobs import Cancelled
class Timers:
    def __init__(self):
        self.known = []
    def register(self, call, first_interval):
        self.known.append(call)
    def is_registered(self, call):
        return call in self.known
    def unregister(self, call):
        self.known.remove(call)
    def fire(self):
        for call in list(self.known):
            if call() is None:
                self.known.remove(call)
timers = Timers()
work.bpy = SimpleNamespace(app=SimpleNamespace(background=False, timers=timers))
def story(wait, meanwhile=lambda each: None):
    told, landed, go, done = [], [], threading.Event(), threading.Event()
    def waited(progress, is_cancelled):
        try:
            progress({"label": "speaking", "done": 1, "total": 2})
            go.wait(5)
            if is_cancelled():
                raise Cancelled
            return wait()
        finally:
            done.set()
    def land(answer):
        landed.append([answer, threading.current_thread() is threading.main_thread()])
        return "landed"
    each = work.Work(waited, land, lambda message, share: told.append([message, share]))
    each.start()
    meanwhile(each)
    go.set()
    done.wait(5)
    for _ in range(200):
        timers.fire()
        if not each.running:
            break
        threading.Event().wait(0.01)
    return [told, landed, each.running, each.failed, len(timers.known)]
def refused():
    raise ValueError("no such rig")
said = {
    "landed": story(lambda: 7), "refused": story(refused),
    "cancelled": story(lambda: 7, lambda each: each.cancel()),
    "abandoned": story(lambda: 7, lambda each: each.abandon()),
}
""",
    )
    told, landed, *state = said["landed"]
    assert told == [["speaking", 0.5], ["landed", 1.0]] and landed == [[7, True]]
    assert state == [False, False, 0]
    assert said["refused"][0][-1] == ["no such rig", 0.0] and said["refused"][2:] == [
        False,
        True,
        0,
    ]
    assert said["cancelled"][0][-1] == ["Cancelled.", 0.0] and said["cancelled"][1] == []
    assert said["abandoned"] == [[], [], False, False, 0]


def test_a_character_without_a_mouth_is_told(blender: str, served: Path, tmp_path: Path) -> None:
    said = run_script(
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


def test_the_panel_has_a_character_speak(
    blender: str, extended: Path, served: Path, tmp_path: Path
) -> None:
    said, shown = run_extended(
        blender,
        tmp_path,
        f"""
head = mesh_with("head", {ARKIT})
bpy.context.view_layer.objects.active = head
line, status = scene.dubwright, bpy.context.window_manager.dubwright
refused = []
def dubwright_strips():
    editor = scene.sequence_editor
    return editor.strips if hasattr(editor, "strips") else editor.sequences
def speak():
    try:
        return list(bpy.ops.dubwright.speak())
    except RuntimeError as error:
        refused.append(str(error))
speak()
line.text, line.language = "Mama, papa.", "es"
speak()
line.output = {str(tmp_path / "lines")!r}
line.acting, line.emotion = 1.0, "surprised"
scene.frame_set(5)
spoken = speak()
first = status.message
line.text, line.language = "Mum and pup.", "en"
speak()
speak()  # again replaces its sound, too
bpy.ops.dubwright.play_language(language="es")
es = played(head, "jawOpen", range(1, 40))
brows = played(head, "browInnerUp", range(6, 12))
bpy.ops.dubwright.adjust_line(line="line", language="es", later=3, strength=0.5)
later = played(head, "jawOpen", range(1, 40))
moved = sorted([s.name, int(s.frame_final_start)] for s in dubwright_strips())
bpy.ops.dubwright.adjust_line(line="line", language="es", later=-3, strength=2.0)
again = played(head, "jawOpen", range(1, 40))
tracks = head.data.shape_keys.animation_data.nla_tracks
import dubwright_blender
said = {{
    "sounds": sorted(
        [s.name, s.channel, s.mute, int(s.frame_final_start)] for s in dubwright_strips()),
    "later": later, "moved": moved, "again": again,
    "version": bpy.app.version, "second": status.message,
    "brows": brows, "refused": refused, "spoken": spoken, "first": first, "es": es,
    "tracks": {{t.name: t.mute for t in tracks}}, "where": dubwright_blender.__file__,
}}
""",
    )
    assert "Write what the character says" in said["refused"][0]
    assert "Save the file first" in said["refused"][1] and len(said["refused"]) == 2
    assert said["spoken"] == ["FINISHED"] and said["first"].startswith("head speaks es.")
    assert "It has no shape key for" in said["first"] and "100 %  head speaks es." in shown
    assert said["tracks"] == {
        "Rest under Dubwright": False, "Dubwright es": False, "Dubwright en": True,
    }  # fmt: skip
    assert np.allclose(2 * np.array(said["later"][3:]), said["es"][:-3], atol=1e-5)
    assert np.allclose(said["again"], said["es"], atol=1e-5)
    assert max(said["es"][:4]) == 0 and max(said["es"]) > 0.3 and min(said["brows"]) >= 0.6 - 1e-4
    if said["version"] < [4, 4]:  # its module was built without sound
        assert "Its sound is not in the sequencer" in said["second"]
    else:
        assert said["moved"] == [["head: line (en)", 5], ["head: line (es)", 8]]
        assert said["sounds"] == [
            ["head: line (en)", 2, True, 5], ["head: line (es)", 1, False, 5],
        ]  # fmt: skip
    assert Path(said["where"]).is_relative_to(extended), "the modules come with the extension"


def test_the_panel_shows_who_speaks_what(blender: str, extended: Path, tmp_path: Path) -> None:
    with own_service_places(tmp_path, tmp_path / "service.json"):
        said, _ = run_extended(
            blender,
            tmp_path,
            f"""{LAYOUT}
os.environ.pop("DUBWRIGHT_PYTHON", None)
said = {{"nobody": drawn()}}
head = mesh_with("head", {ARKIT})
bpy.context.view_layer.objects.active = head
from dubwright_blender.keys import key_line, shape_key_path
for language in ("es", "fr"):
    values = {{shape_key_path("jawOpen"): [0, 1, 0]}}
    key_line(head.data.shape_keys, head.name, "line", language, values, 1)
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


# What is a name, or code: the same in every language.
NAMES = ("ARKit", "Meta", "Rigify", "Character Creator", "VRM 1", "VRM 0", "Dubwright")


def test_every_label_is_translated_and_no_other(
    blender: str, extended: Path, tmp_path: Path
) -> None:
    said, _ = run_extended(
        blender,
        tmp_path,
        """
from dubwright_blender import current, mapping_panel, panel, sequencer_panel, translations
HIDDEN = ("filepath", "filter_glob")
labels = set()
def label(context, name):
    assert context == translations.CONTEXT, name
    labels.add(name)
for each in (*panel.CLASSES, *mapping_panel.CLASSES, *sequencer_panel.CLASSES):
    kind = each.bl_rna
    if issubclass(each, bpy.types.Operator):
        space, short = each.bl_idname.split(".")
        kind = getattr(getattr(bpy.ops, space), short).get_rna_type()
    if issubclass(each, (bpy.types.Operator, bpy.types.Panel)):
        label(each.bl_translation_context, each.bl_label)
    # A group's own "name" comes after that of every group.
    for field in {field.identifier: field for field in kind.properties}.values():
        if field.identifier in each.__annotations__ and field.identifier not in HIDDEN:
            label(field.translation_context, field.name)
            if field.type == "ENUM" and field.identifier != "mover":
                labels.update(item.name for item in field.enum_items)
said = {"labels": sorted(labels), "tables": {
    locale: sorted(name for _, name in table) for locale, table in translations.TABLE.items()}}
""",
    )
    labels = [label for label in said["labels"] if label not in NAMES]
    assert "Speak" in labels and "Mapping" in labels and "Anime" in labels
    assert len(said["tables"]) == 7
    for locale, table in said["tables"].items():
        assert table == labels, locale


def test_the_panel_says_that_there_is_no_service(
    blender: str, extended: Path, tmp_path: Path
) -> None:
    with own_service_places(tmp_path, tmp_path / "service.json"):
        said, _ = run_extended(
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


@pytest.mark.usefixtures("served")
def test_the_sequencers_panel_dubs_what_is_selected(
    blender: str, extended: Path, sample: Sample, tmp_path: Path
) -> None:
    """By its buttons; what cannot be done is said, and the timeline goes out and in."""
    said, shown = run_extended(
        blender,
        tmp_path,
        LAYOUT
        + f"""
scene.render.fps, scene.render.fps_base = 24, 1
scene.frame_current = 40
if hasattr(bpy.context, "sequencer_scene"):
    assert bpy.context.sequencer_scene is None  # no sequencer is open: the scene's own
said = {{"nothing": [bpy.ops.dubwright.dub_strips.poll(), drawn(panel="sequencer")], "refused": []}}
editor = scene.sequence_editor_create()
strips = editor.strips if hasattr(editor, "strips") else editor.sequences
for shot, at, count in (("lighthouse_010", 40, 180), ("lighthouse_020", 220, 96)):
    names = ["%s.%d.exr" % (shot, 1001 + n) for n in range(count)]
    folder = {str(sample.folder / "plates")!r} + "/" + shot + "/"
    strip = strips.new_image(shot, folder + names[0], 2, at)
    for each in names[1:]:
        strip.elements.append(each)
    strip.select = True
wanted = scene.dubwright_dub
def refused(operator, **more):
    try:
        operator(**more)
    except RuntimeError as error:
        said["refused"].append(str(error))
refused(bpy.ops.dubwright.dub_strips)
wanted.output = {str(tmp_path / "dubs")!r}
refused(bpy.ops.dubwright.lip_sync_strip)
refused(bpy.ops.dubwright.import_timeline, filepath={str(tmp_path / "none.otio")!r})
wanted.languages, wanted.name = "es", "Shot"
wanted.subtitles, wanted.cast = {str(sample.folder / "subtitles")!r}, {str(sample.cast)!r}
said["done"] = list(bpy.ops.dubwright.dub_strips())
said["message"] = bpy.context.window_manager.dubwright.message
said["drawn"] = drawn(panel="sequencer")
bpy.ops.dubwright.play_dub(language="")
said["mutes"] = {{s.name: s.mute for s in strips}}
out = {str(tmp_path / "cut.otio")!r}
for each in strips:
    each.select = each.type == "IMAGE"
bpy.ops.dubwright.export_timeline(filepath=out)
bpy.ops.dubwright.import_timeline(filepath=out)
said["laid"] = sorted([s.name, int(s.frame_final_start), s.channel] for s in strips)
""",
    )
    assert said["nothing"][0] is False and "Languages" in said["nothing"][1]
    for told, why in zip(
        said["refused"],
        ["Save the file first", "one movie or image strip, and one sound", "cannot be laid"],
        strict=True,
    ):
        assert why in told
    assert said["done"] == ["FINISHED"] and "Shot (es) is on channel" in said["message"]
    assert "100 %" in shown
    assert [text for text in said["drawn"] if text in ("original", "es")] == ["original", "es"]
    assert said["mutes"] == {"lighthouse_010": False, "lighthouse_020": False, "Shot (es)": True}
    assert said["laid"] == [
        ["Shot (es)", 40, 3], ["cut", 40, 4], ["lighthouse_010", 40, 2], ["lighthouse_020", 220, 2],
    ]  # fmt: skip


def test_a_line_never_lands_in_another_file(blender: str, extended: Path, tmp_path: Path) -> None:
    """Nor is the panel locked after a file was opened, or the extension taken out, meanwhile."""
    said, _ = run_extended(
        blender,
        tmp_path,
        LAYOUT
        + f"""
from dubwright_blender.current import Current
class Waiting:
    running, failed = True, False
    def abandon(self):
        self.running = False
said = {{}}
bpy.context.view_layer.objects.active = mesh_with("head", {ARKIT})
bpy.context.window_manager.dubwright.share = 0.5
bpy.context.window_manager.dubwright.message = "speaking"
Current.work = Waiting()
said["locked"] = [bpy.ops.dubwright.speak.poll(), bpy.ops.dubwright.cancel.poll()]
said["drawn"] = drawn()
bpy.ops.wm.read_homefile(use_empty=True)
said["opened"] = Current.running()
Current.work = Waiting()
addon_utils.disable(name)
said["taken out"] = Current.running()
addon_utils.enable(name)
""",
    )
    assert said["locked"] == [False, True] and not said["opened"] and not said["taken out"]
    assert "speaking" in said["drawn"] and "dubwright.cancel" in said["drawn"]
    assert "dubwright.speak" not in said["drawn"]


def test_blender_can_take_the_extension_out_again(
    blender: str, extended: Path, tmp_path: Path
) -> None:
    said, _ = run_extended(
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
    said, _ = run_extended(
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
