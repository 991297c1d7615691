"""OpenEXR frames."""

from dubwright.media.exr.frame import (
    ExrHeader,
    read_header,
    read_patch,
    read_rgb,
    write_edited,
    write_patch,
    write_rgb,
)

__all__ = [
    "ExrHeader",
    "read_header",
    "read_patch",
    "read_rgb",
    "write_edited",
    "write_patch",
    "write_rgb",
]
