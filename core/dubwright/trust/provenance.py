"""What a result says of itself, wherever it goes."""

from __future__ import annotations

from typing import Final

from dubwright._version import __version__

__all__ = ["DIGITAL_SOURCE_TYPE", "frame_attributes"]

# IPTC NewsCodes, digital source type: parts of the picture and sound are synthetic.
DIGITAL_SOURCE_TYPE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"


def frame_attributes(engine: str, task: str) -> dict[str, str]:
    """Header attributes of an edited frame and its patch.

    Args:
        engine: that drew the mouth.
        task: key of the task that wrote the frame, which the manifest lists.
    """
    return {
        "dubwright:software": f"dubwright {__version__}",
        "dubwright:engine": engine,
        "dubwright:task": task,
        "dubwright:statement": "The mouth was redrawn by software.",
        "dubwright:digitalSourceType": DIGITAL_SOURCE_TYPE,
    }
