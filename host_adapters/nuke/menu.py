"""Nuke runs this where it has windows: Dubwright's entries in the menus."""

import nuke

try:
    import dubwright_nuke

    dubwright_nuke.add_menus()
except Exception as error:  # noqa: BLE001 - what comes after it in Nuke's start must go on
    nuke.tprint("Dubwright is not in the menus: {}: {}".format(type(error).__name__, error))
