# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Dubwright's panel in the sequencer's sidebar, what it asks for, and what its buttons do."""

import bpy
from bpy.props import BoolProperty, PointerProperty, StringProperty
from bpy.types import Operator, Panel, PropertyGroup

from dubwright_blender.current import Current, draw_missing_service, draw_state
from dubwright_blender.dubs import ask_dub, ask_lip_sync, land, wait
from dubwright_blender.lines import absolute
from dubwright_blender.sequencer import has_original, play_sound_of, sequenced_languages
from dubwright_blender.timelines import begin_of, lay_timeline, strips_of, write_timeline
from dubwright_blender.translations import register_labelled, unregister_labelled

__all__ = ["register", "unregister"]

FIELDS = ("name", "languages", "original", "subtitles", "cast", "mouths", "text", "output")


class DubwrightDub(PropertyGroup):
    """The dub that the panel asks for."""

    name: StringProperty(
        name="Name",
        default="Dub",
        description="A name for the dub; the same name again replaces it in these languages",
    )
    languages: StringProperty(
        name="Languages", default="es", description="Tags of the languages, as in es, fr, pt-BR"
    )
    original: StringProperty(
        name="Original", default="en", description="The language tag of the strips' own dialogue"
    )
    subtitles: StringProperty(
        name="Subtitles",
        subtype="DIR_PATH",
        description="Folder of the lines in each language, as in lines.es.srt",
    )
    cast: StringProperty(
        name="Cast", subtype="FILE_PATH", description="The speakers, their voices and consents"
    )
    mouths: BoolProperty(
        name="Redraw mouths", default=True, description="Else the sound alone is dubbed"
    )
    text: StringProperty(
        name="Text",
        description="What the sound strip says, for Lip-Sync; left empty, it is heard",
    )
    output: StringProperty(
        name="Folder",
        subtype="DIR_PATH",
        default="//dubs",
        description="Where pictures, sound and reports are written",
    )


class _OnStrips:
    """An operator on selected strips."""

    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context):
        if not _selected(context):
            cls.poll_message_set("Select strips in the sequencer")
            return False
        if Current.running():
            cls.poll_message_set("Something is being done already")
            return False
        return True


class DUBWRIGHT_OT_dub_strips(_OnStrips, Operator):
    """Dub the selected movies, images and sounds: a meta strip of each language above them"""

    bl_idname = "dubwright.dub_strips"
    bl_label = "Dub Selected"

    def execute(self, context):
        wanted, scene = _scene(context).dubwright_dub, _scene(context)
        languages = [tag.strip() for tag in wanted.languages.split(",") if tag.strip()]
        return _begin(
            self,
            context,
            lambda: ask_dub(
                scene,
                _selected(context),
                languages,
                wanted.output,
                wanted.name.strip() or "Dub",
                wanted.subtitles,
                wanted.original.strip(),
                wanted.cast,
                wanted.mouths,
            ),
        )


class DUBWRIGHT_OT_lip_sync_strip(_OnStrips, Operator):
    """Redraw the mouth in the selected movie or image strip to match the selected sound strip"""

    bl_idname = "dubwright.lip_sync_strip"
    bl_label = "Lip-Sync Selected"

    def execute(self, context):
        wanted, scene = _scene(context).dubwright_dub, _scene(context)
        sounds = [strip for strip in _selected(context) if strip.type == "SOUND"]
        pictures = [strip for strip in _selected(context) if strip.type in ("MOVIE", "IMAGE")]
        if len(sounds) != 1 or len(pictures) != 1:
            self.report({"ERROR"}, "Select one movie or image strip, and one sound strip")
            return {"CANCELLED"}
        language = wanted.languages.split(",")[0].strip()
        return _begin(
            self,
            context,
            lambda: ask_lip_sync(
                scene,
                pictures[0],
                sounds[0],
                language,
                wanted.output,
                wanted.text,
                cast=wanted.cast,
            ),
        )


class DUBWRIGHT_OT_export_timeline(_OnStrips, Operator):
    """Write the selected strips as an OpenTimelineIO timeline"""

    bl_idname = "dubwright.export_timeline"
    bl_label = "Export OTIO"

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.otio", options={"HIDDEN"})

    def invoke(self, context, _):
        self.filepath = self.filepath or "timeline.otio"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context):
        try:
            write_timeline(_scene(context), _selected(context), absolute(self.filepath))
        except (OSError, ValueError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class DUBWRIGHT_OT_import_timeline(Operator):
    """Lay an OpenTimelineIO timeline from the current frame on, as a meta strip above all others"""

    bl_idname = "dubwright.import_timeline"
    bl_label = "Import OTIO"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.otio", options={"HIDDEN"})

    def invoke(self, context, _):
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context):
        scene = _scene(context)
        strips = strips_of(scene.sequence_editor_create())
        channel = 1 + max((strip.channel for strip in strips), default=0)
        path = absolute(self.filepath)
        name = bpy.path.display_name_from_filepath(path)
        try:
            _, notes = lay_timeline(scene, path, name, scene.frame_current, channel)
        except (KeyError, OSError, TypeError, ValueError) as error:
            self.report({"ERROR"}, "{} cannot be laid: {}".format(path, error))
            return {"CANCELLED"}
        for note in notes:
            self.report({"WARNING"}, note)
        return {"FINISHED"}


class DUBWRIGHT_OT_play_dub(Operator):
    """Have this language's strips play, and those of the others not"""

    bl_idname = "dubwright.play_dub"
    bl_label = "Play Language"
    bl_options = {"REGISTER", "UNDO"}

    language: StringProperty(name="Language", description="Its tag; the original if empty")

    def execute(self, context):
        play_sound_of(_scene(context), self.language)
        return {"FINISHED"}


class DUBWRIGHT_PT_sequencer(Panel):
    bl_idname = "DUBWRIGHT_PT_sequencer"
    bl_label = "Dubwright"
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Dubwright"

    def draw(self, context):
        layout, scene = self.layout, _scene(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_missing_service(layout, context)
        for name in FIELDS:
            layout.prop(scene.dubwright_dub, name)
        draw_state(layout, context, "dubwright.dub_strips", "dubwright.lip_sync_strip")
        spoken = sequenced_languages(scene)
        if spoken or has_original(scene):
            row = layout.row(align=True)
            row.operator("dubwright.play_dub", text="original").language = ""
            for tag in spoken:
                row.operator("dubwright.play_dub", text=tag).language = tag
        row = layout.row(align=True)
        row.operator("dubwright.export_timeline")
        row.operator("dubwright.import_timeline")


CLASSES = (
    DubwrightDub,
    DUBWRIGHT_OT_dub_strips,
    DUBWRIGHT_OT_lip_sync_strip,
    DUBWRIGHT_OT_export_timeline,
    DUBWRIGHT_OT_import_timeline,
    DUBWRIGHT_OT_play_dub,
    DUBWRIGHT_PT_sequencer,
)


def register():
    register_labelled(CLASSES)
    bpy.types.Scene.dubwright_dub = PointerProperty(type=DubwrightDub)


def unregister():
    del bpy.types.Scene.dubwright_dub
    unregister_labelled(CLASSES)


def _begin(operator, context, ask):
    scene = _scene(context)
    try:
        asked = ask()
    except (OSError, ValueError) as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    return Current.begin(
        operator,
        context,
        lambda progress, is_cancelled: wait(asked, progress, is_cancelled),
        lambda folder: _landed(scene.name, asked, folder),
    )


def _landed(scene_name, asked, folder):
    scene = bpy.data.scenes.get(scene_name)
    if scene is None:
        raise ValueError("The scene {} is gone; the dub is in {}".format(scene_name, folder))
    said = land(scene, asked, folder)
    if not bpy.app.background:
        bpy.ops.ed.undo_push(message="Dub {}".format(asked.name))
    return said


def _scene(context):
    """The scene whose strips are edited: since 5.0 it may be another than the window's."""
    return getattr(context, "sequencer_scene", None) or context.scene


def _selected(context):
    editor = _scene(context).sequence_editor
    if editor is None:
        return []
    return sorted((strip for strip in strips_of(editor) if strip.select), key=begin_of)
