"""What every validator does: look, and say what was found so that an artist can mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import pyblish.api

from dubwright.publish.delivery import Finding, Part
from dubwright.publish.examined import Examined, Looked
from dubwright.publish.presets import Preset
from dubwright.publish.trusts import Terms

__all__ = [
    "BY_DELIVERING_ANEW",
    "EVERYTHING",
    "LANGUAGE",
    "LANGUAGES",
    "OF_SHOTS",
    "PART",
    "PUBLISHED",
    "SHOT",
    "SHOTS",
    "TARGET",
    "TERMS",
    "DeliverAnew",
    "Target",
    "Validator",
    "examined_in",
    "looked_in",
    "note",
    "of_shots",
    "seen",
]

SHOT: Final = "dubwright.shot"
LANGUAGE: Final = "dubwright.language"
# What instances and the context hold of ours.
PART: Final = "dubwright.part"
TERMS: Final = "dubwright.terms"
LOOKED: Final = "dubwright.looked"
TARGET: Final = "dubwright.target"
PUBLISHED: Final = "dubwright.published"
OF_SHOTS: Final = "dubwright.of_shots"
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
        note(kind, instance, findings)


def note(plugin: type, instance: pyblish.api.Instance, findings: Iterable[Finding]) -> None:
    """Keep what a plug-in found in an instance.

    Raises:
        pyblish.api.ValidationError: something was found.
    """
    looked = seen(plugin, findings)
    instance.data.setdefault(LOOKED, {})[looked.validator] = looked
    if looked.findings:
        raise pyblish.api.ValidationError(_told(looked.findings))


def seen(plugin: Any, findings: Iterable[Finding]) -> Looked:
    """What a plug-in found."""
    anew = DeliverAnew in plugin.actions
    return Looked(plugin.__name__, plugin.label, tuple(findings), anew)


def looked_in(instance: pyblish.api.Instance) -> Mapping[str, Looked]:
    """What each validator found in an instance so far, by its name."""
    looked: Mapping[str, Looked] = instance.data.get(LOOKED, {})
    return looked


def examined_in(instance: pyblish.api.Instance) -> Examined:
    """All that was found in an instance so far."""
    part: Part = instance.data[PART]
    return Examined(
        part.language, part.shot, tuple(looked_in(instance).values()), part.steadiness
    )  # fmt: skip


def of_shots(instance: pyblish.api.Instance) -> tuple[Examined, ...]:
    """What was found in each shot of an instance's language."""
    told: tuple[Examined, ...] | None = instance.context.data.get(OF_SHOTS)
    if told is not None:
        return told
    # A host that runs pyblish itself has the shots beside it.
    language = instance.data[PART].language
    beside = (examined_in(each) for each in instance.context if PART in each.data)
    return tuple(each for each in beside if each.shot and each.language == language)


def _told(findings: Sequence[Finding]) -> str:
    lines = [f"{each.where}: {each.what}\n  how to repair: {each.repair}" for each in findings]
    more = len(lines) - MOST_LISTED
    return "\n".join([*lines[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])])
