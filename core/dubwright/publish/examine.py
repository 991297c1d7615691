"""Takes one part of a version through our plug-ins, in a registry of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyblish.api
import pyblish.logic
import pyblish.plugin

from dubwright.errors import DubwrightError
from dubwright.publish import validator
from dubwright.publish.delivery import Finding, Part
from dubwright.publish.trusts import Terms

__all__ = ["Examined", "Looked", "examine", "plugin_path", "plugins"]

# pyblish's own: collectors are at 0, validators at 1, extractors at 2, integrators at 3.
HALF: Final = 0.5


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
    """What all validators found in a language, or in one shot of it.

    Attributes:
        published: the deliverable's folder; None where none was to be made of this part alone, or
            something was found.
        ms: how long all of it took.
    """

    language: str
    shot: str
    looked: tuple[Looked, ...]
    published: Path | None
    ms: float

    @property
    def passed(self) -> bool:
        return not any(each.findings or each.fault for each in self.looked)


def plugin_path() -> Path:
    """The folder of plug-ins, for hosts that run pyblish themselves."""
    return Path(__file__).parent / "plugins"


def plugins() -> list[Any]:
    """Our plug-ins in order; nothing is registered."""
    found: list[Any] = pyblish.plugin.discover(paths=[str(plugin_path())])
    return found


def examine(
    part: Part,
    terms: Terms,
    target: validator.Target | None = None,
    failed_shots: Sequence[str] = (),
) -> Examined:
    """Collect, validate, extract and integrate one part.

    Args:
        target: what is made of it where nothing is found; nothing if None.
        failed_shots: of the language, in which something was found.

    Raises:
        DubwrightError: the deliverable cannot be written.
    """
    logging.getLogger("pyblish").setLevel(logging.CRITICAL)
    context = pyblish.api.Context()
    context.data.update(
        {
            "dubwright.parts": [part],
            validator.TERMS: terms,
            validator.TARGET: target,
            validator.FAILED_SHOTS: tuple(failed_shots),
        }
    )
    ms = 0.0
    looked: list[Looked] = []
    for plugin, instance in _in_order(context):
        validates = abs(plugin.order - pyblish.api.ValidatorOrder) < HALF
        if plugin.order > pyblish.api.ValidatorOrder + HALF and not _passed(looked):
            break
        result = pyblish.plugin.process(plugin, context, instance)
        ms += result["duration"]
        if validates:
            looked.append(_looked(plugin, instance, result))
        elif result["error"] is not None:
            raise _broken(plugin, part, result["error"])
    published = next((instance.data.get(validator.PUBLISHED) for instance in context), None)
    return Examined(part.language, part.shot, tuple(looked), published, ms)


def _in_order(context: Any) -> Iterator[tuple[Any, Any]]:
    """Plug-ins, each with the instance that it is for, or None where it is for the context."""
    for plugin in plugins():
        if not plugin.__instanceEnabled__:
            yield plugin, None
            continue
        for instance in list(context):
            if pyblish.logic.plugins_by_instance([plugin], instance):
                yield plugin, instance


def _looked(plugin: Any, instance: Any, result: dict[str, Any]) -> Looked:
    findings = instance.data.get(validator.FINDINGS, {}).get(plugin.__name__, ())
    broke = result["error"] is not None and not findings
    return Looked(
        validator=plugin.__name__,
        label=plugin.label,
        findings=tuple(findings),
        fault=str(result["error"]) if broke else "",
        can_be_delivered_anew=validator.DeliverAnew in plugin.actions,
        ms=result["duration"],
    )


def _passed(looked: Sequence[Looked]) -> bool:
    return not any(each.findings or each.fault for each in looked)


def _broken(plugin: Any, part: Part, error: Exception) -> DubwrightError:
    if isinstance(error, DubwrightError):
        return error
    return DubwrightError(
        "A deliverable cannot be made",
        where=f"{part.language} {part.shot}".strip(),
        why=f"{plugin.label}: {error}",
        repair="see that the output folder may be written and has room, and publish again",
    )
