# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Waits for the service without holding up Blender: a thread waits, a timer asks it how far it is.

Timers never fire in a Blender without windows: there the wait is in Blender's own thread.
"""

import queue
import threading
from typing import Any, Callable, Dict, Optional

import bpy

from dubwright_blender.jobs import Cancelled
from dubwright_plugin import JobFailed, ServiceError

__all__ = ["Work"]

POLL_S = 0.1
# What a person can mend is said; anything else is a fault of ours, and is raised.
KNOWN = (Cancelled, JobFailed, OSError, ServiceError, ValueError)


class Work:
    """One thing that is waited for.

    wait: called with `progress` and `is_cancelled`; must touch nothing of Blender's. land: called
    with what it gave, in Blender's thread. said: called there with what a person should read, and
    with the share that is done.

    `running` tells whether it goes on; `failed` whether it ended without landing.
    """

    def __init__(
        self,
        wait: Callable[[Callable[[Dict[str, Any]], None], Callable[[], bool]], Any],
        land: Callable[[Any], str],
        said: Callable[[str, float], None],
    ) -> None:
        self._wait = wait
        self._land = land
        self._said = said
        self._cancelled = threading.Event()
        self._news: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()
        self._timer = self._tick
        self.running = False
        self.failed = False

    def start(self) -> None:
        """Begin; in a Blender without windows, and end."""
        self.running = True
        if bpy.app.background:
            self._waited()
            self.drain()
            return
        threading.Thread(target=self._waited, name="dubwright", daemon=True).start()
        bpy.app.timers.register(self._timer, first_interval=POLL_S)

    def cancel(self) -> None:
        """Have the service end the job; what it finished is found again by the next."""
        self._cancelled.set()

    def abandon(self) -> None:
        """Cancel, and never land: what it was for is going away."""
        self.cancel()
        self.running = False
        self._news = queue.SimpleQueue()
        if not bpy.app.background and bpy.app.timers.is_registered(self._timer):
            bpy.app.timers.unregister(self._timer)

    def drain(self) -> None:
        """Do in Blender's thread what the waiting one has left to do."""
        while not self._news.empty():
            self._news.get()()

    def _tick(self) -> Optional[float]:
        self.drain()
        return POLL_S if self.running else None

    def _waited(self) -> None:
        try:
            answered = self._wait(self._progress, self._cancelled.is_set)
        except Exception as error:  # noqa: BLE001 - it is raised, or said, in Blender's thread
            self._news.put(lambda error=error: self._ended(error))
        else:
            self._news.put(lambda: self._landed(answered))

    def _progress(self, state: Dict[str, Any]) -> None:
        share = state["done"] / state["total"] if state.get("total") else 0.0
        self._news.put(lambda: self._said(state.get("label", ""), share))

    def _landed(self, answered: Any) -> None:
        if self._cancelled.is_set():
            self._ended(Cancelled())
            return
        try:
            message = self._land(answered)
        except Exception as error:  # noqa: BLE001 - as above
            self._ended(error)
        else:
            self.running = False
            self._said(message, 1.0)

    def _ended(self, error: BaseException) -> None:
        self.running, self.failed = False, True
        if not isinstance(error, KNOWN):
            self._said("Something is wrong in Dubwright; the console tells more.", 0.0)
            raise error
        self._said("Cancelled." if isinstance(error, Cancelled) else str(error), 0.0)
