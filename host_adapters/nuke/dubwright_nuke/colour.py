"""Which colours Nuke's pictures are in, as an OCIO config names them."""

import os
from pathlib import Path
from typing import Any, NamedTuple, Optional

import nuke

__all__ = ["Colours", "chosen", "is_in_working_space", "working_colours"]

# Nuke's own "linear" has the primaries of Rec. 709 (Foundry's guide).
NUKE_LINEAR = "Linear Rec.709 (sRGB)"
SCENE_LINEAR = "scene_linear"


class Colours(NamedTuple):
    """A colour space, and the config that names it: a path, or None for Dubwright's own."""

    space: str
    config: Optional[str]


def working_colours() -> Colours:
    """The space that Nuke computes in."""
    root = nuke.root()
    if root["colorManagement"].value() != "OCIO":
        return Colours(NUKE_LINEAR, None)
    space = chosen(root["workingSpaceLUT"].value())
    return Colours(space or SCENE_LINEAR, _config(str(root["OCIO_config"].value())))


def _config(name: str) -> Optional[str]:
    """The file of a config; None where it is none, and its names may be unknown elsewhere."""
    if os.environ.get("OCIO"):
        return os.environ["OCIO"]
    if name == "custom":
        return nuke.root()["customOCIOConfigPath"].getEvaluatedValue() or None
    configs = Path(nuke.env["ExecutablePath"]).parent / "plugins" / "OCIOConfigs" / "configs"
    found = [configs / name / "config.ocio", configs / (name + ".ocio")]
    return next((path.as_posix() for path in found if path.is_file()), None)


def is_in_working_space(read: Any) -> bool:
    """Whether a Read hands on the values of its files as they are."""
    if read["raw"].value():
        return True
    space = chosen(read["colorspace"].value())
    root = nuke.root()
    if root["colorManagement"].value() != "OCIO":
        floats = chosen(root["floatLut"].value())
        return (floats if space in ("", "default") else space) == "linear"
    return space in (SCENE_LINEAR, working_colours().space)


def chosen(value: str) -> str:
    """What an enumeration of colour spaces says: "default (linear)" and "linear\\tshown as" do."""
    named = value.split("\t")[0].strip()
    if named.startswith("default (") and named.endswith(")"):
        return named[len("default (") : -1]
    return named
