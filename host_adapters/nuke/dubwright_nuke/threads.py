"""Nuke's thread and ours: nodes are touched in Nuke's, waiting is done in ours."""

import threading
from typing import Any, Callable, List, Optional, Tuple

import nuke

from dubwright_nuke.node import Refused

__all__ = ["Progress", "in_background", "on_main"]


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


class Progress:
    """Nuke's bar with its cancel button; the terminal where there are no windows."""

    def __init__(self, title: str) -> None:
        self._task = nuke.ProgressTask(title) if nuke.GUI else None
        self._last = ""

    def show(self, message: str, percent: int) -> None:
        if self._task is None:
            if message != self._last:
                nuke.tprint("{:3d} %  {}".format(percent, message))
            self._last = message
            return
        self._task.setMessage(message)
        self._task.setProgress(percent)

    def is_cancelled(self) -> bool:
        return self._task is not None and bool(self._task.isCancelled())
