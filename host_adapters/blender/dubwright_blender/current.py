# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""What is being done in this Blender, one thing at a time, and how its panels tell of it."""

import textwrap

import bpy
from bpy.app.handlers import persistent
from bpy.props import FloatProperty, PointerProperty, StringProperty
from bpy.types import PropertyGroup

from dubwright_blender.work import Work
from dubwright_plugin.runtime import read_runtime, start_command

__all__ = ["Current", "draw_missing_service", "draw_state", "register", "unregister", "wrapped"]

NOT_INSTALLED = (
    "The service is not installed here.\n"
    "In Dubwright's folder: python3 installers/bootstrap.py install"
)
# Pixels of a letter, about, at a scale of 1.
LETTER = 7
AREAS = ("VIEW_3D", "SEQUENCE_EDITOR")


class DubwrightStatus(PropertyGroup):
    """What is being done; not saved with the file."""

    message: StringProperty()
    share: FloatProperty(subtype="FACTOR", min=0.0, max=1.0)


class Current:
    """The work of this Blender: one thing at a time."""

    work = None

    @classmethod
    def running(cls):
        return cls.work is not None and cls.work.running

    @classmethod
    def begin(cls, operator, context, wait, land):
        """Begin what takes long; what an operator gives back."""
        cls.work = work = Work(wait, land, _said)
        _said("Asking the service ...", 0.0)
        work.start()
        if work.failed:
            operator.report({"ERROR"}, context.window_manager.dubwright.message)
            return {"CANCELLED"}
        return {"FINISHED"}

    @classmethod
    def abandon(cls):
        if cls.running():
            cls.work.abandon()
            cls.work = None


@persistent
def _leave_file(_):
    """What was asked for the file that is left must not land in another."""
    Current.abandon()


def draw_missing_service(layout, context):
    """Say what to do where the service is not installed."""
    if start_command() is None and read_runtime() is None:
        box = layout.box()
        for text in wrapped(NOT_INSTALLED, context):
            box.label(text=text)


def draw_state(layout, context, *operators):
    """What is being done and how far it is; else the operators, and what was done last."""
    status = context.window_manager.dubwright
    if Current.running():
        layout.progress(text=status.message, factor=status.share)
        layout.operator("dubwright.cancel")
        return
    for operator in operators:
        layout.operator(operator)
    for text in wrapped(status.message, context):
        layout.label(text=text)


def _said(message, share):
    status = bpy.context.window_manager.dubwright
    status.message, status.share = message, share
    if bpy.app.background:
        print("Dubwright: {:3.0f} %  {}".format(100 * share, message), flush=True)
        return
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in AREAS:
                area.tag_redraw()


def wrapped(message, context):
    """A message in lines as wide as the sidebar."""
    width = int(context.region.width / (LETTER * context.preferences.system.ui_scale))
    return [
        line
        for text in message.splitlines()
        for line in textwrap.wrap(text, max(20, width)) or [""]
    ]


def register():
    bpy.utils.register_class(DubwrightStatus)
    bpy.types.WindowManager.dubwright = PointerProperty(type=DubwrightStatus)
    bpy.app.handlers.load_pre.append(_leave_file)


def unregister():
    bpy.app.handlers.load_pre.remove(_leave_file)
    Current.abandon()
    del bpy.types.WindowManager.dubwright
    bpy.utils.unregister_class(DubwrightStatus)
