# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Waits for one job of the service. Touches nothing of Blender's."""

from contextlib import suppress
from typing import Any, Callable, Dict, NamedTuple, Optional

from dubwright_plugin import ServiceError, connect

__all__ = ["Cancelled", "Done", "done"]


class Cancelled(Exception):  # noqa: N818 - it is a wish
    """Somebody cancelled the job."""


class Done(NamedTuple):
    """A job that is done: the service, the job's id, and what it delivered."""

    service: Any
    job: str
    result: Dict[str, Any]


def done(
    operation: str,
    request: Dict[str, Any],
    title: str,
    progress: Optional[Callable[[Dict[str, Any]], None]] = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Done:
    """Have the service do one thing, and wait for it.

    Raises Cancelled, and what dubwright_plugin does.
    """
    service = connect()
    if is_cancelled():
        raise Cancelled
    job = service.submit(operation, request, title=title)
    last: Dict[str, Any] = {}
    for state in service.follow(job):
        if is_cancelled():
            # It may have ended meanwhile, and then refuses.
            with suppress(ServiceError):
                service.cancel(job)
            raise Cancelled
        if progress is not None and state != last:
            progress(state)
        last = state
    if last["state"] != "done":
        raise Cancelled
    return Done(service, job, last["result"])
