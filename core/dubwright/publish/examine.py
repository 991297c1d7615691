"""Looks at one part of a version with every validator, in a registry of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyblish.api
import pyblish.logic
import pyblish.plugin

from dubwright.publish import validator
from dubwright.publish.delivery import Finding, Part
from dubwright.publish.trusts import Terms

__all__ = ["Examined", "Looked", "examine", "plugin_path", "validators"]

COLLECT_AND_VALIDATE: Final = pyblish.api.ValidatorOrder + 0.5


@dataclass(frozen=True, slots=True)
class Looked:
    """What one validator found.

    Attributes:
        validator: its name.
        label: for people.
        findings: none where all is well.
        fault: what broke in the validator itself; "" where nothing did.
        can_be_delivered_anew: whether that mends what it finds.
        ms: how long it looked.
    """

    validator: str
    label: str
    findings: tuple[Finding, ...]
    fault: str
    can_be_delivered_anew: bool
    ms: float


@dataclass(frozen=True, slots=True)
class Examined:
    """What all validators found in a language, or in one shot of it."""

    language: str
    shot: str
    looked: tuple[Looked, ...]

    @property
    def passed(self) -> bool:
        return not any(each.findings or each.fault for each in self.looked)


def plugin_path() -> Path:
    """The folder of plug-ins, for hosts that run pyblish themselves."""
    return Path(__file__).parent / "plugins"


def validators() -> list[Any]:
    """Our plug-ins up to the validators, in order; nothing is registered."""
    found = pyblish.plugin.discover(paths=[str(plugin_path())])
    return [each for each in found if each.order < COLLECT_AND_VALIDATE]


def examine(part: Part, terms: Terms) -> Examined:
    """Collect and validate one part."""
    logging.getLogger("pyblish").setLevel(logging.CRITICAL)
    context = pyblish.api.Context()
    context.data.update({"dubwright.parts": [part], validator.TERMS: terms})
    looked = tuple(_looked(context))
    return Examined(part.language, part.shot, looked)


def _looked(context: Any) -> Iterator[Looked]:
    for plugin in validators():
        instances = [None, *context]
        for instance in instances:
            if plugin.__instanceEnabled__ != (instance is not None):
                continue
            if instance is not None and not pyblish.logic.plugins_by_instance([plugin], instance):
                continue
            result = pyblish.plugin.process(plugin, context, instance)
            if plugin.order < pyblish.api.ValidatorOrder - 0.5:
                if result["error"]:
                    raise result["error"]
                continue
            assert instance is not None
            findings = instance.data.get(validator.FINDINGS, {}).get(plugin.__name__, ())
            broke = result["error"] is not None and not findings
            yield Looked(
                plugin.__name__, plugin.label, tuple(findings),
                str(result["error"]) if broke else "",
                validator.DeliverAnew in plugin.actions, result["duration"],
            )  # fmt: skip
