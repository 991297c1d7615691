"""A task: a stage, what it is told, and the results it reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dubwright.store import content_key

__all__ = ["Context", "Stage", "Task"]


@dataclass(frozen=True)
class Task:
    """One piece of work whose result has a key.

    Attributes:
        stage: its name in dubwright.operations.stages.
        version: of the stage; part of the key.
        parameters: JSON values that decide the result; part of the key.
        inputs: name -> key of a result that it reads; part of the key.
        where: JSON values that say where things are but do not decide the result: file paths.
        media: key of what the media files held that `where` names; "" where it names none.
        deed: what it does to a speaker, a dubwright.trust.Deed as JSON; its consents are seen again
            when it is done, and the audit log tells of it. Empty where it does nothing to anybody.
        label: for people.
        units: how many steps of progress it reports.
        loads_weights: whether it loads an engine's weights, which are large: on a machine, or on
            one of its GPUs, such tasks are done one after another, by the same process.
    """

    stage: str
    version: int
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, Any] = field(default_factory=dict)
    media: str = ""
    deed: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    units: int = 1
    loads_weights: bool = False

    def as_json(self) -> dict[str, Any]:
        """Its fields as JSON, from which Task(**fields) is the same task."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @cached_property
    def key(self) -> str:
        return content_key([self.stage, self.version, self.parameters, self.inputs])


@dataclass(frozen=True)
class Context:
    """What a stage gets to do its work with.

    Attributes:
        task: what to do.
        inputs: name -> folder of the finished result.
        folder: empty; what is in it at the end is the result.
        step: call after each unit of progress; raises Cancelled when the work is to stop.
        batch: frames to work on at once, at most; less where memory ran out.
    """

    task: Task
    inputs: Mapping[str, Path]
    folder: Path
    step: Callable[[], None]
    batch: int

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.task.parameters

    @property
    def where(self) -> Mapping[str, Any]:
        return self.task.where


Stage = Callable[[Context], None]
