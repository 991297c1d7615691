"""Does one task. The same function serves a worker process, the service and a farm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from dubwright.errors import Cancelled, PlanOutdated
from dubwright.operations.media_content import media_content
from dubwright.operations.stages import STAGES
from dubwright.operations.task import Context, Task
from dubwright.store import Fingerprints, Store
from dubwright.trust import AuditLog, Authority, Deed, require

__all__ = ["BATCH_FRAMES", "Cancelling", "execute"]

BATCH_FRAMES: Final = 8


class Cancelling(Protocol):
    """Anything that says whether to stop, such as threading.Event."""

    def is_set(self) -> bool: ...


def execute(
    task: Task,
    store: Store,
    progress: Callable[[int], None],
    cancel: Cancelling,
    batch: int = BATCH_FRAMES,
) -> Path:
    """Do one task whose inputs are done, or find that it is done already.

    Args:
        task: what to do.
        store: holds the inputs and receives the result.
        progress: called with a number of units of work.
        cancel: checked between units.
        batch: frames to work on at once, at most.

    Returns:
        The folder of the result.

    Raises:
        DubwrightError: the task failed in a way that a person can repair.
        PlanOutdated: what it was planned from is gone or was changed, a consent for example.
        Cancelled: `cancel` was set.
    """
    finished = store.find(task.key)
    if finished is not None:
        progress(task.units)
        return finished
    deed = Deed.model_validate(task.deed) if task.deed else None
    if deed:
        require(deed, Authority.of_this_machine())
    inputs = {}
    for name, key in task.inputs.items():
        folder = store.find(key)
        if folder is None:
            raise PlanOutdated(
                "A result that a task reads is gone",
                where=f"{task.label}: {name}",
                why="it was removed from the store while the work ran",
                repair="run the same command again",
            )
        inputs[name] = folder
    counted = 0

    def step() -> None:
        nonlocal counted
        if cancel.is_set():
            raise Cancelled
        if counted < task.units:
            counted += 1
            progress(1)

    with store.making(task.key) as folder:
        STAGES[task.stage](Context(task, inputs, folder, step, batch))
        if media_content(task.where, Fingerprints(store.folder)) != task.media:
            raise PlanOutdated(
                "The media changed while they were worked on",
                where=task.label,
                why="they do not hold what they held when the work was planned",
                repair="wait until nothing writes to them, and run the same command again",
            )
        if deed:
            AuditLog(store.folder).add_deed(deed, task.key)
    progress(task.units - counted)
    return store.path(task.key)
