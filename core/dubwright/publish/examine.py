"""Takes one part of a version through our plug-ins, in a registry of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyblish.api
import pyblish.logic
import pyblish.plugin

from dubwright.errors import DubwrightError
from dubwright.publish import validator
from dubwright.publish.delivery import Part
from dubwright.publish.examined import Examined, Looked
from dubwright.publish.trusts import Terms

__all__ = ["examine", "plugin_path", "plugins"]

# pyblish's own: collectors are at 0, validators at 1, extractors at 2, integrators at 3.
HALF: Final = 0.5


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
    of_shots: Sequence[Examined] = (),
) -> Examined:
    """Collect, validate, extract and integrate one part.

    Args:
        target: what is made of it where nothing is found; nothing if None.
        of_shots: what was found in each shot of the language.

    Raises:
        DubwrightError: the deliverable cannot be written.
    """
    context = pyblish.api.Context()
    context.data.update(
        {
            "dubwright.parts": [part],
            validator.TERMS: terms,
            validator.TARGET: target,
            validator.OF_SHOTS: tuple(of_shots),
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
    return Examined(
        part.language, part.shot, tuple(looked), part.steadiness, published, ms
    )  # fmt: skip


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
    looked = validator.looked_in(instance).get(plugin.__name__) or validator.seen(plugin, ())
    broke = result["error"] is not None and not looked.findings
    return replace(looked, fault=str(result["error"]) if broke else "", ms=result["duration"])


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
