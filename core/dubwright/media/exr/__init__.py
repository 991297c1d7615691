"""OpenEXR frames."""

from dubwright.media.exr.chunks import DWA_LEVEL
from dubwright.media.exr.frame import (
    ExrHeader,
    read_header,
    read_patch,
    read_rgb,
    write_edited,
    write_patch,
    write_rgb,
)
from dubwright.media.exr.layout import DWA_CODECS

__all__ = [
    "DWA_CODECS",
    "DWA_LEVEL",
    "ExrHeader",
    "read_header",
    "read_patch",
    "read_rgb",
    "write_edited",
    "write_patch",
    "write_rgb",
]
