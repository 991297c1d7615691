"""How files are named: what can be said of a path without looking at it."""

from __future__ import annotations

__all__ = ["is_config_file"]


def is_config_file(ocio: str) -> bool:
    """Whether an OCIO config is named by its path, and not as one that is built into OCIO."""
    built_in = ocio.startswith("ocio://")
    return not built_in and (ocio.endswith(".ocio") or "/" in ocio or "\\" in ocio)
