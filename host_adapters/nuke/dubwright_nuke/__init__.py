"""Dubwright in Nuke: a LipSync node, and what its buttons do. Standard library, Python 3.9."""

from dubwright_nuke.actions import add_menus, cancel, create, open_review, render, update
from dubwright_nuke.node import created

__all__ = ["add_menus", "cancel", "create", "created", "open_review", "render", "update"]
