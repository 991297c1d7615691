"""How files are named: what can be said of a path without looking at it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FRAME_PATTERN", "is_config_file"]

# plate.####.exr, plate.@@@@.exr, plate.%04d.exr
FRAME_PATTERN: Final = re.compile(r"#|@|%0?\d*d")


def is_config_file(ocio: str) -> bool:
    """Whether an OCIO config is named by its path, and not as one that is built into OCIO."""
    built_in = ocio.startswith("ocio://")
    return not built_in and (ocio.endswith(".ocio") or "/" in ocio or "\\" in ocio)
