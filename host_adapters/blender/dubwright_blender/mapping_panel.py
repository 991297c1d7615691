# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Mapping, under Dubwright's panel: which of a character's controls make which viseme."""

import json

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    StringProperty,
)
from bpy.types import Object, Operator, Panel, PropertyGroup, UIList

from dubwright_blender.mapping import (
    MOVERS,
    pose_of,
    read_rig,
    rig_document,
    rig_of,
    set_number,
    write_rig,
)
from dubwright_blender.rigs import movers, parts_of, speaking_meshes
from dubwright_blender.translations import register_labelled, unregister_labelled

__all__ = ["register", "unregister"]

SAID_IN = {
    "sil": "at rest", "PP": "p b m", "FF": "f v", "TH": "th", "DD": "t d", "kk": "k g",
    "CH": "ch sh", "SS": "s z", "nn": "n l", "RR": "r", "aa": "father", "E": "bed", "ih": "sea",
    "oh": "law", "ou": "too", "blink": "eyes shut", "brows": "brows up", "nod": "head down",
}  # fmt: skip
MOVER_ITEMS = tuple(
    (mover, "{} ({})".format(mover, SAID_IN[mover]), "What the mouth does, or the face")
    for mover in MOVERS
)


class DubwrightMove(PropertyGroup):
    """How far one control goes for one viseme or gesture."""

    mover: EnumProperty(name="For", items=MOVER_ITEMS, description="The viseme, or the gesture")
    control: StringProperty(
        name="Control",
        description='A shape key, or a data path, as in pose.bones["jaw"].location[2] or ["open"]',
    )
    weight: FloatProperty(
        name="Weight",
        default=1.0,
        soft_min=-1.0,
        soft_max=1.0,
        description="How far it goes: a shape key's value, a bone's length or radians",
    )


class DUBWRIGHT_UL_moves(UIList):
    bl_idname = "DUBWRIGHT_UL_moves"

    def draw_item(self, context, layout, data, item, icon, active_data, active_propname):
        row = layout.row(align=True)
        row.prop(item, "mover", text="", emboss=False)
        row.prop(item, "control", text="", emboss=False)
        row.prop(item, "weight", text="", emboss=False)


class _OfCharacter:
    """What needs a character that is selected."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return context.object is not None

    def execute(self, context):
        try:
            if not context.object.is_editable or context.object.override_library is not None:
                raise ValueError("{} is another file's; map it there".format(context.object.name))
            self.change(context.object)
        except (OSError, ValueError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class DUBWRIGHT_OT_map_found(_OfCharacter, Operator):
    """Start from what the character's shape keys or bones are called"""

    bl_idname = "dubwright.map_found"
    bl_label = "Start From"

    kind: EnumProperty(
        name="From",
        items=(
            ("names", "Names", "Shape keys that are called as visemes are"),
            ("rigify", "Rigify", "The bones of Rigify's face"),
        ),
    )

    def change(self, obj):
        _fill(obj, rig_of(obj, self.kind)[1])


class DUBWRIGHT_OT_map_pose(_OfCharacter, Operator):
    """Take what the character does now for a viseme: its shape keys, and the selected bones"""

    bl_idname = "dubwright.map_pose"
    bl_label = "Take Pose"

    mover: EnumProperty(name="For", items=MOVER_ITEMS, description="The viseme, or the gesture")

    def change(self, obj):
        pose = pose_of(obj, bpy.context.selected_pose_bones or ())
        if not pose:
            raise ValueError("{} is at rest: pose it first".format(obj.name))
        kept = [move for move in _moves(obj) if move[0] != self.mover]
        _set_moves(obj, kept + [(self.mover, control, far) for control, far in pose.items()])


class DUBWRIGHT_OT_show_pose(_OfCharacter, Operator):
    """Have the character show what is mapped; everything else that is mapped is at rest"""

    bl_idname = "dubwright.show_pose"
    bl_label = "Show"

    mover: EnumProperty(name="For", items=MOVER_ITEMS, description="The viseme, or the gesture")

    def change(self, obj):
        shown = {control: far for mover, control, far in _moves(obj) if mover == self.mover}
        controls = {control for _, control, _ in _moves(obj)}
        for part in [*speaking_meshes(obj), *parts_of(obj)]:
            for animated, paths in movers(part, controls).items():
                for path, control in paths.items():
                    set_number(animated, path, shown.get(control, 0.0))


class DUBWRIGHT_OT_add_move(_OfCharacter, Operator):
    """Add a control to the mapping"""

    bl_idname = "dubwright.add_move"
    bl_label = "Add"

    def change(self, obj):
        obj.dubwright_moves.add()
        obj.dubwright_move = len(obj.dubwright_moves) - 1


class DUBWRIGHT_OT_remove_move(_OfCharacter, Operator):
    """Take the selected control out of the mapping"""

    bl_idname = "dubwright.remove_move"
    bl_label = "Remove"

    def change(self, obj):
        obj.dubwright_moves.remove(obj.dubwright_move)
        obj.dubwright_move = max(0, min(obj.dubwright_move, len(obj.dubwright_moves) - 1))


class _OfFile(_OfCharacter):
    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context, event):
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class DUBWRIGHT_OT_open_rig(_OfFile, Operator):
    """Take the mapping from a rig's file"""

    bl_idname = "dubwright.open_rig"
    bl_label = "Open ..."

    def change(self, obj):
        _fill(obj, read_rig(bpy.path.abspath(self.filepath)))


class DUBWRIGHT_OT_save_rig(_OfFile, Operator):
    """Write the mapping into a file, for other characters and other programs"""

    bl_idname = "dubwright.save_rig"
    bl_label = "Save ..."
    bl_options = {"REGISTER"}

    def change(self, obj):
        path = bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".json")
        write_rig(path, rig_document(_moves(obj), json.loads(obj.dubwright_besides or "{}")))


class DUBWRIGHT_PT_mapping(Panel):
    bl_idname = "DUBWRIGHT_PT_mapping"
    bl_label = "Mapping"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Dubwright"
    bl_parent_id = "DUBWRIGHT_PT_character"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, obj = self.layout, context.object
        if obj is None:
            return
        layout.operator_menu_enum("dubwright.map_found", "kind")
        row = layout.row()
        row.template_list(
            "DUBWRIGHT_UL_moves", "", obj, "dubwright_moves", obj, "dubwright_move", rows=5
        )
        buttons = row.column(align=True)
        buttons.operator("dubwright.add_move", text="", icon="ADD")
        buttons.operator("dubwright.remove_move", text="", icon="REMOVE")
        row = layout.row(align=True)
        row.operator_menu_enum("dubwright.map_pose", "mover")
        row.operator_menu_enum("dubwright.show_pose", "mover")
        row = layout.row(align=True)
        row.operator("dubwright.open_rig")
        row.operator("dubwright.save_rig")


CLASSES = (
    DubwrightMove,
    DUBWRIGHT_UL_moves,
    DUBWRIGHT_OT_map_found,
    DUBWRIGHT_OT_map_pose,
    DUBWRIGHT_OT_show_pose,
    DUBWRIGHT_OT_add_move,
    DUBWRIGHT_OT_remove_move,
    DUBWRIGHT_OT_open_rig,
    DUBWRIGHT_OT_save_rig,
    DUBWRIGHT_PT_mapping,
)


def register():
    register_labelled(CLASSES)
    Object.dubwright_moves = CollectionProperty(type=DubwrightMove)
    Object.dubwright_move = IntProperty(options={"HIDDEN"})
    # What else a rig's document has: emotions, and which controls are the jaw's.
    Object.dubwright_besides = StringProperty(options={"HIDDEN"})


def unregister():
    del Object.dubwright_besides
    del Object.dubwright_move
    del Object.dubwright_moves
    unregister_labelled(CLASSES)


def _moves(obj):
    return [(move.mover, move.control, move.weight) for move in obj.dubwright_moves]


def _fill(obj, rig):
    movers = {**rig["visemes"], **rig.get("gestures", {})}
    _set_moves(
        obj,
        [(mover, control, far) for mover, to in movers.items() for control, far in to.items()],
    )
    besides = {key: rig[key] for key in rig if key not in ("visemes", "gestures")}
    obj.dubwright_besides = json.dumps(besides)


def _set_moves(obj, moves):
    obj.dubwright_moves.clear()
    for mover, control, weight in sorted(moves, key=lambda move: MOVERS.index(move[0])):
        move = obj.dubwright_moves.add()
        move.mover, move.control, move.weight = mover, control, weight
    obj.dubwright_move = 0
