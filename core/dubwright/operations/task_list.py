"""The tasks of a plan while it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubwright.operations.media_content import media_content
from dubwright.operations.stages import VERSIONS
from dubwright.operations.task import Task
from dubwright.store import Fingerprints, Store, content_key

__all__ = ["TaskList"]


class TaskList:
    """Tasks by key; equal ones are one.

    Args:
        store: remembers the hashes of media, and what is done.

    Attributes:
        tasks: by key.
        fingerprints: hashes of media.
    """

    def __init__(self, store: Store) -> None:
        self.tasks: dict[str, Task] = {}
        self.fingerprints = Fingerprints(store.folder)
        self._store = store
        self._media_contents: dict[str, str] = {}

    def add(self, stage: str, parameters: dict[str, Any], **rest: Any) -> str:
        """Add a task, see Task, and give its key."""
        return self.put(self.made(stage, parameters, **rest))

    def put(self, task: Task) -> str:
        self.tasks[task.key] = task
        return task.key

    def made(self, stage: str, parameters: dict[str, Any], **rest: Any) -> Task:
        """A task that is not added yet."""
        media = self._media(rest.get("where", {}))
        return Task(stage, VERSIONS[stage], parameters, media=media, **rest)

    def is_there(self, task: Task) -> bool:
        """Whether a task is done, or all that it reads is."""
        inputs = task.inputs.values()
        return self._store.find(task.key) is not None or all(map(self._store.find, inputs))

    def _media(self, where: Mapping[str, Any]) -> str:
        key = content_key(where)
        if key not in self._media_contents:
            self._media_contents[key] = media_content(where, self.fingerprints)
        return self._media_contents[key]
