# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Dubwright's extension: its panels. The modules behind them come in the wheel beside this file."""

from dubwright_blender import panel


def register():
    panel.register()


def unregister():
    panel.unregister()
