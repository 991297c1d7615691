"""A worker process as the one who gives it work sees it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from dubwright.store import Store

__all__ = ["Hung", "WorkerProcess"]

STOP_WITHIN_S: Final = 5.0
ASLEEP_S: Final = 5.0
LAST_WORDS: Final = 20
# A Ctrl-C in a terminal is for the one who gives the work, who then tells the worker.
APART: Final[dict[str, Any]] = (
    {"creationflags": 0x00000200} if sys.platform == "win32" else {"start_new_session": True}
)


class Hung(Exception):  # noqa: N818 - a state of the worker that its giver of work must act on
    """A worker was not heard of for too long."""


class WorkerProcess:
    """Starts a worker and talks with it; see dubwright.operations.worker for the messages.

    Args:
        store: the folder of results.
        environment: set before it starts, such as the GPU that it may see.
        quiet_s: how long it may be silent.
    """

    def __init__(
        self, store: Path, environment: Mapping[str, str] | None = None, quiet_s: float = 60.0
    ) -> None:
        self._quiet_s = quiet_s
        self._store = Store(store)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dubwright.operations.worker", str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=os.environ | dict(environment or {}),
            **APART,
        )
        self._messages: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._overhear, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The last that its libraries said on standard error: mostly why it ended."""
        return "".join(self._last_words).strip()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Mapping[str, Any]) -> None:
        """Give it a message; one that has died is found out by its replies."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            return

    def replies(self, poll_s: float) -> Iterator[dict[str, Any] | None]:
        """Its messages, and None whenever none came within poll_s; ends when the process has.

        Raises:
            Hung: it was silent for longer than it may be.
        """
        heard = time.monotonic()
        while True:
            asked = time.monotonic()
            try:
                message = self._messages.get(timeout=poll_s)
            except Empty:
                now = time.monotonic()
                if now - asked > poll_s + ASLEEP_S:
                    heard = now  # this machine slept, and the worker with it
                if now - heard > self._quiet_s:
                    raise Hung from None
                yield None
                continue
            if message is None:
                return
            heard = time.monotonic()
            yield message

    def wait(self) -> int:
        """Its exit status."""
        return self._process.wait()

    def kill(self) -> None:
        """End it by force; what it left half made is removed."""
        self._process.kill()
        self._process.wait()
        self._hang_up()
        self._store.clear_after(self._process.pid)

    def close(self) -> None:
        """End it: by the end of its input, or by force if it stays."""
        self._hang_up()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_WITHIN_S)
        self.kill()

    def _hang_up(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # what was to be said to one that died is lost
            self._process.stdin.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            with self._process.stdout as lines:
                for line in lines:
                    self._messages.put(json.loads(line))
        except ValueError:
            return  # it was killed while it spoke
        finally:
            self._messages.put(None)

    def _overhear(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            self._last_words.extend(lines)
