"""Nuke's thread and ours: nodes are touched in Nuke's, waiting is done in ours."""

import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

import nuke

from dubwright_nuke.node import Refused

__all__ = ["CANCELLED", "Cancelled", "Work", "Works", "in_background", "on_main"]

CANCELLED = "Cancelled; the last result stays."


class Cancelled(Refused):
    """Somebody cancelled what was being done."""

    def __init__(self) -> None:
        super().__init__(CANCELLED)


def on_main(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call gives back when it is made in Nuke's own thread; what it raises is raised here.

    Nuke hands no exception over, and waits for ever if its own thread asks.
    """
    if threading.current_thread() is threading.main_thread():
        return call(*arguments)
    answer: List[Tuple[Optional[BaseException], Any]] = []

    def kept() -> bool:
        try:
            answer.append((None, call(*arguments)))
        except Exception as error:  # noqa: BLE001 - it is raised where the call was asked for
            answer.append((error, None))
        return True

    nuke.executeInMainThreadWithResult(kept)
    if not answer:
        raise Refused("Nuke is closing; press Update when the script is open again.")
    raised, value = answer[0]
    if raised is not None:
        raise raised
    return value


def in_background(call: Callable[[], None]) -> None:
    """Make a call that takes long, without holding up Nuke's windows; where it has none, here."""
    if nuke.GUI:
        threading.Thread(target=call, name="dubwright", daemon=True).start()
    else:
        call()


class Work:
    """One thing that is being done for a node. `cancelled` is set when a person cancels it."""

    def __init__(self, title: str) -> None:
        self.cancelled = threading.Event()
        self._title = title
        self._task: Any = None
        self._last = ""

    def show(self, message: str, percent: int) -> None:
        """Show how far it is: in Nuke's bar, in the terminal where there are no windows."""
        if not nuke.GUI:
            if message != self._last:
                nuke.tprint("{:3d} %  {}".format(percent, message))
            self._last = message
            return
        if self._task is None:
            self._task = nuke.ProgressTask(self._title)
        self._task.setMessage(message)
        self._task.setProgress(percent)

    def is_cancelled(self) -> bool:
        """Whether it was cancelled, by the node's button or by the bar's."""
        if self._task is not None and self._task.isCancelled():
            self.cancelled.set()
        return self.cancelled.is_set()

    def close(self) -> None:
        """Take the bar away: Nuke does when nothing holds its task."""
        self._task = None


class Works:
    """What is being done in this Nuke, by the nodes' identities; one thing for a node at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: Dict[str, Work] = {}

    def begin(self, identity: str, title: str) -> Work:
        """Raises Refused where something is being done for the node."""
        with self._lock:
            if identity in self._works:
                raise Refused("{} is being worked on. Press Cancel to stop that.".format(title))
            self._works[identity] = Work(title)
            return self._works[identity]

    def end(self, identity: str) -> None:
        with self._lock:
            self._works.pop(identity).close()

    def cancel(self, identity: str) -> bool:
        """Whether there was something to cancel."""
        with self._lock:
            work = self._works.get(identity)
        if work is not None:
            work.cancelled.set()
        return work is not None
