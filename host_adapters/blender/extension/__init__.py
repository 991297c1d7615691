# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Dubwright's extension: its panels. The modules behind them come in the wheel beside this file."""

from dubwright_blender import current, mapping_panel, panel, sequencer_panel, translations

PARTS = (translations, current, panel, mapping_panel, sequencer_panel)


def register():
    for part in PARTS:
        part.register()


def unregister():
    for part in reversed(PARTS):
        part.unregister()
