"""What validators found in a part of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dubwright.publish.delivery import Finding, SteadinessFigures

__all__ = ["Examined", "Looked"]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one validator found.

    Attributes:
        validator: its name.
        label: for people.
        findings: none where all is well.
        can_be_delivered_anew: whether that mends what it finds.
        fault: what broke in the validator itself; "" where nothing did.
        ms: how long it looked.
    """

    validator: str
    label: str
    findings: tuple[Finding, ...]
    can_be_delivered_anew: bool
    fault: str = ""
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Examined:
    """What all validators found in a language, or in one shot of it.

    Attributes:
        steadiness: what was measured around the mouths of a shot; None of a language.
        published: the deliverable's folder; None where none was to be made of this part alone, or
            something was found.
        ms: how long all of it took.
    """

    language: str
    shot: str
    looked: tuple[Looked, ...]
    steadiness: SteadinessFigures | None = None
    published: Path | None = None
    ms: float = 0.0

    @property
    def passed(self) -> bool:
        return not any(each.findings or each.fault for each in self.looked)
