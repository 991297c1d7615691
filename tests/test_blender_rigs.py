"""Rigs in the real Blender: known by their names and bones, and mapped by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from blender_scripts import LAYOUT, run_extended, run_script

from dubwright.character.rig import Rig
from dubwright.mouth.visemes import Viseme

PRESTON_BLAIR = ["AI", "O", "E", "U", "etc", "L", "WQ", "MBP", "FV", "rest"]
CHARACTER_CREATOR = (
    "EE Er IH Ah Oh W_OO S_Z Ch_J F_V TH T_L_D_N B_M_P K_G_H_NG AE R".split()  # noqa: SIM905
)
# Rigify's own human, with its face.
RIGIFY = """
import addon_utils
addon_utils.enable("rigify", default_set=True)
bpy.ops.object.armature_human_metarig_add()
bpy.ops.pose.rigify_generate()
rig = bpy.context.object

def face():
    bpy.context.view_layer.update()
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    at = {name: evaluated.pose.bones[name].matrix.translation
          for name in ("lip.T", "lip.B", "lips.L", "lips.R", "ORG-chin", "ORG-lid.T.L.002", "head",
                       "brow.T.L.002", "lip.T.L.001", "lip.B.L.001")}
    top = evaluated.pose.bones["head"].matrix.to_3x3().col[1]
    return {"gap": at["lip.T"].z - at["lip.B"].z, "width": at["lips.L"].x - at["lips.R"].x,
            "forward": -at["lip.T"].y, "chin": -at["ORG-chin"].z, "lid": -at["ORG-lid.T.L.002"].z,
            "nod": -top.y, "brow": at["brow.T.L.002"].z,
            "side": at["lip.T.L.001"].z - at["lip.B.L.001"].z}
"""


def test_rigs_are_known_by_their_names(blender: str, tmp_path: Path) -> None:
    said = run_script(
        blender,
        tmp_path,
        f"""
from dubwright_blender.mapping import rig_of
sets = {{
    "arkit": ["!ex-jawOpen", "!ex-mouthPucker", "!ex-mouthFunnel"],
    "oculus": ["viseme_PP", "viseme_aa", "viseme_U"],
    "cc4": ["V_Open", "V_Explosive"], "vrm1": ["aa", "ih", "ou", "ee", "oh"],
    "vrm0": ["A", "I", "U", "E", "O"], "vroid": ["Fcl_MTH_" + each for each in "AIUEO"],
    "blair": {PRESTON_BLAIR}, "creator": {CHARACTER_CREATOR}, "nothing": ["smile", "M", "aa"],
    "sides": ["AI", "O", "E", "U", "etc", "MBP", "Mouth.L", "Mouth.R", "Blink_L", "Blink_R"],
    "plain": "sil PP FF TH DD kk CH SS nn RR aa E ih oh ou".split(),
}}
said = {{}}
for name, keys in sets.items():
    mesh = mesh_with(name, keys)
    try:
        said[name] = rig_of(mesh)
    except ValueError as error:
        said[name] = str(error)
""",
    )
    known = {name: name for name in ("arkit", "oculus", "cc4", "vrm1", "vrm0")} | {"vroid": "vrm0"}
    assert {name: said[name] for name in known} == {name: [rig, rig] for name, rig in known.items()}
    assert "of no rig that is known" in said["nothing"]
    kind, blair = said["blair"]
    assert kind == "names" and len(Rig.model_validate(blair).visemes) == 14
    asked = {"PP": "MBP", "FF": "FV", "kk": "etc", "aa": "AI", "ih": "E", "ou": "U", "RR": "WQ"}
    assert {viseme: list(blair["visemes"][viseme]) for viseme in asked} == {
        viseme: [key] for viseme, key in asked.items()
    }
    sides = said["sides"][1]
    assert list(sides["visemes"]["nn"]) == list(sides["visemes"]["RR"]) == ["etc"]
    assert list(sides["gestures"]["blink"]) == ["Blink_L", "Blink_R"]
    kind, plain = said["plain"]
    assert kind == "names" and all(list(to) == [v] for v, to in plain["visemes"].items())
    asked = {"PP": "B_M_P", "nn": "T_L_D_N", "kk": "K_G_H_NG", "ou": "W_OO", "RR": "Er", "ih": "IH"}
    creator = said["creator"][1]["visemes"]
    assert {viseme: list(creator[viseme]) for viseme in asked} == {
        viseme: [key] for viseme, key in asked.items()
    }


def test_rigifys_face_makes_each_viseme(blender: str, tmp_path: Path) -> None:
    said = run_script(
        blender,
        tmp_path,
        RIGIFY
        + """
from dubwright_blender.mapping import rig_of, set_number
said = {"rig": rig_of(rig), "rest": face()}
for mode in ("QUATERNION", "XYZ"):
    rig.pose.bones["jaw_master"].rotation_mode = mode
    document = rig_of(rig)[1]
    for mover, weights in {**document["visemes"], **document["gestures"]}.items():
        for path, far in weights.items():
            set_number(rig, path, far)
        said[mover + mode] = face()
        for path in weights:
            set_number(rig, path, 0.0)
""",
    )
    kind, document = said["rig"]
    assert kind == "rigify" and len(Rig.model_validate(document).visemes) == 14
    rest = said["rest"]

    def moved(mover: str, what: str, mode: str = "QUATERNION") -> float:
        """In widths of the mouth at rest."""
        return float((said[mover + mode][what] - rest[what]) / rest["width"])

    for mode in ("QUATERNION", "XYZ"):
        gaps = {viseme: moved(viseme, "gap", mode) for viseme in document["visemes"]}
        assert gaps["PP"] <= 0.03 and max(gaps, key=lambda viseme: gaps[viseme]) == "aa"
        assert 0.2 < gaps["aa"] < 0.6 and moved("aa", "chin", mode) > 0.1
    assert moved("ou", "width") < moved("oh", "width") < -0.1 < 0.05 < moved("ih", "width")
    assert moved("ou", "forward") > 0.1 > moved("aa", "forward")
    assert moved("blink", "lid") > 0.1 and moved("nod", "nod") > 0.05
    assert 0.05 < moved("brows", "brow") < 0.3
    assert moved("FF", "gap") <= 0.2 * moved("aa", "gap") and moved("PP", "side") <= 0.03
    assert 0.4 < moved("aa", "side") / moved("aa", "gap") < 1.1
    assert all("jaw_master" in path for path in document["jaw"]) and document["jaw"]
    assert all("lips." in path for path in document["width"]) and document["width"]


def test_a_rigify_character_speaks_with_its_bones(
    blender: str, served: Path, tmp_path: Path
) -> None:
    said = run_script(
        blender,
        tmp_path,
        RIGIFY
        + """
spoken = dubwright_blender.animate(rig, "Mama.", "es", out, first_frame=10, acting=1.0)
said = {"rig": spoken.rig, "missing": spoken.missing, "faces": []}
for frame in range(1, 40):
    scene.frame_set(frame)
    said["faces"].append(face())
""",
    )
    assert said["rig"] == "rigify" and said["missing"] == []
    width = said["faces"][0]["width"]
    gaps = [(each["gap"] - said["faces"][0]["gap"]) / width for each in said["faces"]]
    assert max(map(abs, gaps[:8])) < 1e-4 and max(gaps) > 0.2 and abs(gaps[-1]) < 0.01
    wide = np.flatnonzero(np.array(gaps) > 0.1)
    between = np.array(gaps)[wide[0] : wide[-1]]
    assert between.min() < 0.04, "between the two a's the lips meet"


def test_a_head_nods_beside_shape_keys(blender: str, served: Path, tmp_path: Path) -> None:
    said = run_script(
        blender,
        tmp_path,
        """
armature = armature_with("Head")
face = mesh_with("face", ["jawOpen", "mouthPucker", "mouthFunnel", "mouthPressLeft"])
face.modifiers.new("Armature", "ARMATURE").object = armature
line = "Mama and papa are coming! They bring a BIG apple pie!"
spoken = dubwright_blender.animate(
    face, line, "en", out, first_frame=1, acting=1.0, head="Head")
said = {"meshes": spoken.meshes, "missing": spoken.missing, "top": []}
for frame in range(1, 80):
    scene.frame_set(frame)
    top = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["Head"].tail
    said["top"].append(list(top))
head = armature.pose.bones["Head"]
track = armature.animation_data.nla_tracks.new()
action = bpy.data.actions.new("by hand")
head.rotation_quaternion = (1, 0.25, 0, 0)
armature.animation_data.action = action
head.keyframe_insert("rotation_quaternion", frame=1)
armature.animation_data.action = None
hers = track.strips.new("by hand", 1, action)
hers.frame_end = 200
spoken = dubwright_blender.animate(
    face, line, "es", out, first_frame=100, acting=1.0, head="Head")
said["left_alone"] = [spoken.meshes, spoken.notes]
try:
    dubwright_blender.animate(face, line, "en", out, head="head")
except ValueError as error:
    said["refused"] = str(error)
""",
    )
    assert said["meshes"] == ["face", "rig"]
    assert not any("Head" in control for control in said["missing"])
    forward = [-y for _, y, _ in said["top"]]
    assert max(forward) > 0.03 and min(forward) > -1e-4, "it nods forward, and comes back"
    assert said["left_alone"] == [["face"], ["rig does not nod: its head has keys of its own."]]
    assert "no armature" in said["refused"].lower()


def test_a_mapping_is_made_from_poses_and_goes_through_a_file(
    blender: str, extended: Path, served: Path, tmp_path: Path
) -> None:
    saved, whole, broken = (tmp_path / name for name in ("my rig.json", "whole.json", "no.json"))
    rig = Rig(
        controls=("Kiss", "Smile"),
        visemes={Viseme.OU: {"Kiss": 1}},
        emotions={"happy": {"Smile": 0.5}},
        width=("Kiss",),
    )
    whole.write_text(rig.model_dump_json())
    broken.write_text(rig.model_dump_json().replace('"ou"', '"uu"'))
    said, _ = run_extended(
        blender,
        tmp_path,
        f"""{LAYOUT}
armature = armature_with("jaw")
jaw = armature.pose.bones["jaw"]
face = mesh_with("face", ["Lips shut", "Kiss"])
face.modifiers.new("Armature", "ARMATURE").object = armature
bpy.context.view_layer.objects.active = face
keys = face.data.shape_keys.key_blocks
said = {{"refused": []}}
def tried(operator, **asked):
    try:
        return list(operator(**asked))
    except RuntimeError as error:
        said["refused"].append(str(error))
said["unknown"] = " ".join(drawn())
tried(bpy.ops.dubwright.map_pose, mover="aa")
tried(bpy.ops.dubwright.map_found, kind="rigify")
jaw.rotation_quaternion = (2, 0.5, 0, 0)  # of any length
bpy.ops.dubwright.map_pose(mover="aa")
keys["Lips shut"].value = 0.8
jaw.rotation_quaternion = (1, 0, 0, 0)
bpy.ops.dubwright.map_pose(mover="PP")
keys["Lips shut"].value = 0.9
bpy.ops.dubwright.map_pose(mover="PP")  # again replaces it
said["moves"] = [(m.mover, m.control, round(m.weight, 4)) for m in face.dubwright_moves]
jaw.rotation_quaternion = (0.7, 0, 0.7, 0)  # whatever was there before
bpy.ops.dubwright.show_pose(mover="aa")
jaw.rotation_quaternion[2] = 0
said["shown"] = [keys["Lips shut"].value, list(jaw.rotation_quaternion)]
bpy.ops.dubwright.show_pose(mover="sil")
said["rest"] = [keys["Lips shut"].value, list(jaw.rotation_quaternion)]
bpy.ops.dubwright.add_move()
added = face.dubwright_moves[face.dubwright_move]
added.mover, added.control, added.weight = "ou", "Kiss", 0.5
said["drawn"] = drawn() + drawn(panel="mapping")
bpy.ops.dubwright.save_rig(filepath={str(saved)!r})
bpy.ops.dubwright.remove_move()
said["fewer"] = len(face.dubwright_moves)
other = mesh_with("other", ["Lips shut", "Kiss"])
bpy.context.view_layer.objects.active = other
tried(bpy.ops.dubwright.save_rig, filepath={str(tmp_path / "empty.json")!r})
tried(bpy.ops.dubwright.open_rig, filepath=__file__)
empty = mesh_with("empty", ["jawOpen", "mouthPucker", "mouthFunnel"])
bpy.context.view_layer.objects.active = empty
bpy.ops.dubwright.add_move()
said["empty"] = drawn()[0:2]
bpy.context.view_layer.objects.active = other
bpy.ops.dubwright.open_rig(filepath={str(whole)!r})
bpy.ops.dubwright.save_rig(filepath={str(tmp_path / "again.v2")!r})
tried(bpy.ops.dubwright.open_rig, filepath={str(broken)!r})
said["kept"] = len(other.dubwright_moves)
tried(bpy.ops.dubwright.open_rig, filepath={str(saved)!r})
said["opened"] = [(m.mover, m.control, round(m.weight, 4)) for m in other.dubwright_moves]
line = scene.dubwright
line.text, line.language, line.output = "Mama.", "es", {str(tmp_path / "lines")!r}
bpy.ops.dubwright.speak()
said["spoke"] = bpy.context.window_manager.dubwright.message
said["shut"] = played(other, "Lips shut", range(1, 30))
""",
    )
    assert "say under Mapping which moves for what" in said["unknown"]
    assert "is at rest: pose it first" in said["refused"][0]
    assert "has no rig of the kind rigify" in said["refused"][1]
    turn = 'pose.bones["jaw"].rotation_quaternion[1]'
    assert said["moves"] == [["PP", "Lips shut", 0.9], ["aa", turn, 0.25]]
    assert said["shown"] == [0, [1, 0.25, 0, 0]] and said["rest"] == [0, [1, 0, 0, 0]]
    assert said["fewer"] == 2 and "Start From" in " ".join(said["drawn"])
    assert "moves nothing" in said["refused"][2] and not (tmp_path / "empty.json").exists()
    assert "is no rig of Dubwright's" in said["refused"][3]
    assert "is no rig of Dubwright's" in said["refused"][4] and len(said["refused"]) == 5
    assert said["kept"] == 1 and "empty: arkit" in said["empty"]
    again = Rig.model_validate_json((tmp_path / "again.v2.json").read_text())
    assert again == rig, "nothing of a rig is lost on its way through the mapping"
    assert said["opened"] == [*said["moves"], ["ou", "Kiss", 0.5]]
    Rig.model_validate(json.loads(saved.read_text()))
    assert "other speaks es" in said["spoke"] and max(said["shut"]) == pytest.approx(0.9, abs=0.02)
