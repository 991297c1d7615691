"""What a result says of itself, wherever it goes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from dubwright._version import __version__
from dubwright.engines import EngineCard

__all__ = ["SourceType", "frame_attributes", "source_type"]

IPTC: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class SourceType(StrEnum):
    """What something is made of: IPTC NewsCodes, digital source type."""

    CAPTURED = f"{IPTC}compositeCapture"
    SYNTHETIC = f"{IPTC}compositeSynthetic"
    TRAINED = f"{IPTC}compositeWithTrainedAlgorithmicMedia"


def source_type(makers: Iterable[EngineCard]) -> SourceType:
    """The fitting term for what these engines made part of.

    An engine that was trained on data makes generative media; one that follows rules, or cuts a
    person's own footage and sound anew, makes synthetic media; where none made anything, captured
    sounds and pictures were put together.
    """
    cards = list(makers)
    if any(card.trained for card in cards):
        return SourceType.TRAINED
    return SourceType.SYNTHETIC if cards else SourceType.CAPTURED


def frame_attributes(renderer: EngineCard, task: str) -> dict[str, str]:
    """Header attributes of an edited frame and its patch.

    Args:
        renderer: that drew the mouth.
        task: key of the task that wrote the frame, which the manifest lists.
    """
    return {
        "dubwright:software": f"dubwright {__version__}",
        "dubwright:engine": renderer.name,
        "dubwright:task": task,
        "dubwright:statement": "The mouth was redrawn by software.",
        "dubwright:digitalSourceType": source_type([renderer]).value,
    }
