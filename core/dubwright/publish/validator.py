"""What every validator does: look, and say what was found so that an artist can mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import pyblish.api

from dubwright.publish.delivery import Finding, Part
from dubwright.publish.presets import Preset
from dubwright.publish.trusts import Terms

__all__ = [
    "BY_DELIVERING_ANEW",
    "EVERYTHING",
    "FAILED_SHOTS",
    "FINDINGS",
    "LANGUAGE",
    "LANGUAGES",
    "PART",
    "PUBLISHED",
    "SHOT",
    "SHOTS",
    "TARGET",
    "TERMS",
    "DeliverAnew",
    "Target",
    "Validator",
]

SHOT: Final = "dubwright.shot"
LANGUAGE: Final = "dubwright.language"
# What instances and the context hold of ours.
PART: Final = "dubwright.part"
TERMS: Final = "dubwright.terms"
FINDINGS: Final = "dubwright.findings"
TARGET: Final = "dubwright.target"
PUBLISHED: Final = "dubwright.published"
FAILED_SHOTS: Final = "dubwright.failed_shots"
MOST_LISTED: Final = 10
# pyblish takes lists alone.
SHOTS: Final = [SHOT]
LANGUAGES: Final = [LANGUAGE]
EVERYTHING: Final = [SHOT, LANGUAGE]


@dataclass(frozen=True, slots=True)
class Target:
    """What is made of parts that pass, and the folder that receives it."""

    preset: Preset
    out: Path


class DeliverAnew(pyblish.api.Action):  # type: ignore[misc]
    """Deliver the version anew from the results that it was made of, as the next version."""

    label = "Deliver anew"
    on = "failed"

    def process(self, context: pyblish.api.Context, plugin: type) -> None:
        del plugin
        from dubwright.publish.repair import deliver_anew

        folders = {instance.data[PART].folder for instance in context if PART in instance.data}
        for folder in sorted(folders):
            deliver_anew(folder)


BY_DELIVERING_ANEW: Final = [DeliverAnew]


class Validator(pyblish.api.InstancePlugin):  # type: ignore[misc]
    """A validator of ours.

    Attributes:
        look: what it looks at.
        by_terms: the same, of what depends on the terms of a delivery.
    """

    order = pyblish.api.ValidatorOrder
    look: ClassVar[Callable[[Part], Iterable[Finding]] | None] = None
    by_terms: ClassVar[Callable[[Part, Terms], Iterable[Finding]] | None] = None

    def process(self, instance: pyblish.api.Instance) -> None:
        part = instance.data[PART]
        kind = type(self)
        findings: list[Finding] = []
        if kind.look is not None:
            findings += kind.look(part)
        if kind.by_terms is not None:
            findings += kind.by_terms(part, instance.context.data[TERMS])
        if findings:
            instance.data.setdefault(FINDINGS, {})[kind.__name__] = findings
            raise pyblish.api.ValidationError(_told(findings))


def _told(findings: list[Finding]) -> str:
    lines = [f"{each.where}: {each.what}\n  how to repair: {each.repair}" for each in findings]
    more = len(lines) - MOST_LISTED
    return "\n".join([*lines[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])])
