# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Dubwright's panel in the 3D view's sidebar, what it asks for, and what its buttons do."""

import webbrowser

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Operator, Panel, PropertyGroup

from dubwright_blender.current import Current, draw_missing_service, draw_state, wrapped
from dubwright_blender.keys import languages, play_language
from dubwright_blender.lines import adjust, answer, ask, key
from dubwright_blender.mapping import rig_of
from dubwright_blender.rigs import animated_parts
from dubwright_blender.sequencer import lay_sound, play_sound_of
from dubwright_blender.translations import register_labelled, unregister_labelled
from dubwright_plugin import connect

__all__ = ["register", "unregister"]

RIGS = (
    ("auto", "Found", "As it is mapped below, else by the names of shape keys and bones"),
    ("arkit", "ARKit", "52 controls, as Face ID and most tools name them"),
    ("oculus", "Meta", "15 visemes, as Ready Player Me has them"),
    ("rigify", "Rigify", "The bones of Rigify's face"),
    ("names", "Names", "Shape keys that are called as visemes are: MBP, AI, O"),
    ("cc4", "Character Creator", "Character Creator's visemes"),
    ("vrm1", "VRM 1", "aa, ih, ou, ee and oh"),
    ("vrm0", "VRM 0", "A, I, U, E and O"),
    ("file", "From a file", "A rig of your own"),
)


FIELDS = (
    "text", "language", "audio", "line", "style", "intensity", "offset_ms", "acting", "emotion",
    "head", "rig",
)  # fmt: skip


class DubwrightLine(PropertyGroup):
    """The line that the panel asks for."""

    text: StringProperty(
        name="Text",
        description="What the character says; left empty, it is heard in the recording",
    )
    language: StringProperty(
        name="Language", default="en", description="Its language tag, as in es or pt-BR"
    )
    audio: StringProperty(
        name="Recording",
        subtype="FILE_PATH",
        description="An actor's recording (WAV) of the line; left empty, the line is synthesised",
    )
    line: StringProperty(
        name="Line",
        default="line",
        description="A name for the line; the same name again replaces it in this language",
    )
    intensity: FloatProperty(
        name="Intensity",
        default=1.0,
        min=0.0,
        max=2.0,
        description="How far the mouth moves: 1 as a person's does, 2 twice as far",
    )
    style: EnumProperty(
        name="Style",
        items=(
            ("realistic", "Realistic", "As a person's mouth moves"),
            ("cartoon", "Cartoon", "From pose to pose, and further"),
            ("anime", "Anime", "Closed, half and open, each held"),
        ),
        description="How the mouth moves",
    )
    offset_ms: IntProperty(
        name="Offset",
        min=-500,
        max=500,
        description="Milliseconds that the mouth comes later than its sound; less is earlier",
    )
    acting: FloatProperty(
        name="Acting",
        default=0.0,
        min=0.0,
        max=1.0,
        description="How much the rest of the face acts: eyes that blink, brows that go up",
    )
    emotion: StringProperty(
        name="Emotion",
        description="One that the rig knows, shown all along; ARKit: happy, sad, angry, afraid, "
        "surprised",
    )
    head: StringProperty(
        name="Head",
        description="A bone that nods as the line is acted; left empty, none does",
    )
    rig: EnumProperty(name="Rig", items=RIGS, description="What the shape keys are named after")
    rig_file: StringProperty(
        name="Rig file",
        subtype="FILE_PATH",
        description="A rig of your own: visemes to controls, as docs/formats.md says",
    )
    output: StringProperty(
        name="Folder",
        subtype="DIR_PATH",
        default="//dubwright",
        description="Where the line's sound and curves are written",
    )
    with_sound: BoolProperty(
        name="Sound",
        default=True,
        description="Lay the line's sound into the sequencer, on a channel of its language",
    )


class DUBWRIGHT_OT_speak(Operator):
    """Have the active character speak the line, from the current frame on"""

    bl_idname = "dubwright.speak"
    bl_label = "Speak"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context):
        if context.object is None:
            cls.poll_message_set("Select a character")
            return False
        if Current.running():
            cls.poll_message_set("A line is being spoken already")
            return False
        return True

    def execute(self, context):
        try:
            asked, with_sound = _asked(context), context.scene.dubwright.with_sound
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return Current.begin(
            self,
            context,
            lambda progress, is_cancelled: answer(asked, progress, is_cancelled),
            lambda answered: _landed(asked, answered, with_sound),
        )


class DUBWRIGHT_OT_cancel(Operator):
    """Stop waiting for the line; what was there of it stays"""

    bl_idname = "dubwright.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context):
        return Current.running()

    def execute(self, context):
        Current.work.cancel()
        return {"FINISHED"}


class DUBWRIGHT_OT_adjust_line(Operator):
    """Move the line that is named above, and have its mouth move more or less"""

    bl_idname = "dubwright.adjust_line"
    bl_label = "Adjust Line"
    bl_options = {"REGISTER", "UNDO"}

    line: StringProperty(name="Line", description="The name of the line")
    language: StringProperty(name="Language", description="Its language tag")
    later: IntProperty(
        name="Later",
        options={"SKIP_SAVE"},
        description="Frames that it comes later; less is earlier",
    )
    strength: FloatProperty(
        name="Strength",
        default=1.0,
        min=0.05,
        max=2.0,
        options={"SKIP_SAVE"},
        description="How far everything goes that the line moves: 1 as it does now",
    )

    @classmethod
    def poll(cls, context):
        return context.object is not None and not Current.running()

    def execute(self, context):
        try:
            adjust(context.object, self.line, self.language, self.later, self.strength)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class DUBWRIGHT_OT_play_language(Operator):
    """Have the active character speak this language; the others are muted"""

    bl_idname = "dubwright.play_language"
    bl_label = "Play Language"
    bl_options = {"REGISTER", "UNDO"}

    language: StringProperty(name="Language", description="Its language tag")

    @classmethod
    def poll(cls, context):
        return context.object is not None

    def execute(self, context):
        parts = animated_parts(context.object)
        spoken = sorted({tag for part in parts for tag in languages(part)})
        if self.language not in spoken:
            self.report(
                {"ERROR"},
                "{} speaks {}, not {}".format(
                    context.object.name, ", ".join(spoken) or "nothing", self.language
                ),
            )
            return {"CANCELLED"}
        for part in parts:
            play_language(part, self.language)
        play_sound_of(context.scene, self.language)
        return {"FINISHED"}


class DUBWRIGHT_OT_review(Operator):
    """Open the review page in the browser"""

    bl_idname = "dubwright.review"
    bl_label = "Open Review"

    @classmethod
    def poll(cls, context):
        return not Current.running()

    def execute(self, context):
        return Current.begin(self, context, lambda *_: connect().page(), _opened)


class DUBWRIGHT_PT_character(Panel):
    bl_idname = "DUBWRIGHT_PT_character"
    bl_label = "Dubwright"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Dubwright"

    def draw(self, context):
        layout, line = self.layout, context.scene.dubwright
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_missing_service(layout, context)
        for text in wrapped(_who(context.object), context):
            layout.label(text=text)
        for name in FIELDS:
            layout.prop(line, name)
        if line.rig == "file":
            layout.prop(line, "rig_file")
        layout.prop(line, "output")
        layout.prop(line, "with_sound")
        draw_state(layout, context, "dubwright.speak")
        parts = animated_parts(context.object) if context.object is not None else []
        spoken = sorted({tag for part in parts for tag in languages(part)})
        if spoken:
            row = layout.row(align=True)
            for tag in spoken:
                row.operator("dubwright.play_language", text=tag).language = tag
            adjusted = layout.operator("dubwright.adjust_line")
            adjusted.line, adjusted.language = _named(line), line.language.strip()
        layout.operator("dubwright.review")


CLASSES = (
    DubwrightLine,
    DUBWRIGHT_OT_speak,
    DUBWRIGHT_OT_cancel,
    DUBWRIGHT_OT_adjust_line,
    DUBWRIGHT_OT_play_language,
    DUBWRIGHT_OT_review,
    DUBWRIGHT_PT_character,
)


def register():
    register_labelled(CLASSES)
    bpy.types.Scene.dubwright = PointerProperty(type=DubwrightLine)


def unregister():
    del bpy.types.Scene.dubwright
    unregister_labelled(CLASSES)


def _asked(context):
    """What the panel asks of the service. Raises ValueError with what is missing."""
    line = context.scene.dubwright
    if not line.text.strip() and not line.audio:
        raise ValueError("Write what the character says under Text, or choose a recording")
    if line.rig == "file" and not line.rig_file:
        raise ValueError("Choose the rig's file")
    return ask(
        context.object,
        line.text,
        line.language.strip(),
        line.output,
        line.audio,
        line.rig_file if line.rig == "file" else line.rig,
        _named(line),
        None,
        line.intensity,
        line.emotion.strip() or None,
        line.acting,
        line.style,
        {"offset_ms": line.offset_ms},
        line.head.strip() or None,
    )


def _landed(asked, answered, with_sound):
    spoken = key(asked, answered)
    notes = list(spoken.notes)
    if with_sound:
        who = asked.title.rpartition(":")[0]
        try:
            lay_sound(
                bpy.context.scene, spoken.sound, who, asked.line, asked.language, asked.first_frame
            )
        except RuntimeError as error:
            notes.append("Its sound is not in the sequencer: {}".format(error))
    if not bpy.app.background:
        bpy.ops.ed.undo_push(message="Speak {}".format(asked.title))
    lines = ["{} speaks {}.".format(", ".join(spoken.meshes), asked.language), *notes]
    if spoken.missing:
        lines.append("It has no shape key for {}.".format(", ".join(spoken.missing)))
    return "\n".join(lines)


def _opened(address):
    webbrowser.open(address)
    return ""


def _named(line):
    return line.line.strip() or "line"


def _who(obj):
    if obj is None:
        return "Select a character."
    try:
        rig, _ = rig_of(obj)
    except ValueError as error:
        return str(error)
    return "{}: {}".format(obj.name, rig)
