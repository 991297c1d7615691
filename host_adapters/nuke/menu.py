"""Nuke runs this where it has windows: Dubwright's entries in the menus."""

import nuke

try:
    import dubwright_nuke
except ImportError as error:
    nuke.tprint("Dubwright is not where it was installed ({}).".format(error))
else:
    dubwright_nuke.add_menus()
