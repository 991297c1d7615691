"""Publishing at the page's word: each version once at a time, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel

from dubwright.errors import DubwrightError
from dubwright.operations.worker_process import APART
from dubwright.publish.messages import PartView, Wish

__all__ = ["Publication", "Publications"]

LAST_WORDS: Final = 20
END_WITHIN_S: Final = 5.0


class Publication(BaseModel):
    """How far a publish is. `total` is 0 until that is known; `qc` the folder of its reports."""

    state: Literal["running", "done", "failed", "cancelled"]
    total: int
    parts: tuple[PartView, ...]
    qc: str
    error: dict[str, str] | None


class Publications:
    """What was published last of each version since the service began. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[Path, _Run] = {}

    @property
    def active(self) -> bool:
        """Whether anything is being published."""
        with self._lock:
            return any(run.view().state == "running" for run in self._runs.values())

    def start(self, wish: Wish) -> Publication:
        """Publish a version.

        Raises:
            DubwrightError: it is being published already.
        """
        with self._lock:
            last = self._runs.get(wish.version)
            if last is not None and last.view().state == "running":
                raise DubwrightError(
                    "This version is being published",
                    where=str(wish.version),
                    why="somebody began before",
                    repair="wait until it is done, or cancel it",
                )
            run = self._runs[wish.version] = _Run(wish)
            return run.view()

    def of(self, version: Path) -> Publication | None:
        """How far the last publish of a version is; None where there was none."""
        with self._lock:
            run = self._runs.get(version)
        return run.view() if run else None

    def cancel(self, version: Path) -> None:
        """End the publish of a version; what went out before stays."""
        with self._lock:
            run = self._runs.get(version)
        if run:
            run.cancel()

    def stop(self) -> None:
        """End all of them."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.cancel()


@dataclass
class _Found:
    """What a process has told so far."""

    state: Literal["running", "done", "failed", "cancelled"] = "running"
    total: int = 0
    parts: list[PartView] = field(default_factory=list)
    error: dict[str, str] | None = None


class _Run:
    """One process, and the thread that listens to it."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._lock = threading.Lock()
        self._found = _Found()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dubwright.publish.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            **APART,
        )
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)
        overhearing = threading.Thread(target=self._overhear, daemon=True)
        overhearing.start()
        threading.Thread(target=self._listen, args=(overhearing,), daemon=True).start()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # one that died at once is heard of by its status
            self._process.stdin.write(wish.model_dump_json() + "\n")
            self._process.stdin.flush()

    def view(self) -> Publication:
        with self._lock:
            found = self._found
            return Publication(
                state=found.state,
                total=found.total,
                parts=tuple(found.parts),
                qc=str(self._wish.qc),
                error=found.error,
            )

    def cancel(self) -> None:
        with self._lock:
            if self._found.state != "running":
                return
            self._found.state = "cancelled"
        assert self._process.stdin is not None
        # Its input's end has it end its own processes too.
        self._process.stdin.close()
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _listen(self, overhearing: threading.Thread) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._hear(json.loads(line))
        status = self._process.wait()
        overhearing.join(END_WITHIN_S)
        with self._lock:
            if self._found.state == "running":
                self._found.state = "failed"
                self._found.error = self._found.error or _fault(
                    self._wish.version, status, "".join(self._last_words)
                )

    def _hear(self, message: dict[str, Any]) -> None:
        with self._lock:
            if "parts" in message:
                self._found.total = message["parts"]
            elif "part" in message:
                self._found.parts.append(PartView.model_validate(message["part"]))
            elif "error" in message:
                self._found.error = message["error"]
            elif self._found.state == "running":
                self._found.state = "done"

    def _overhear(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            self._last_words.extend(lines)


def _fault(version: Path, status: int, words: str) -> dict[str, str]:
    last = words.strip().splitlines()
    return {
        "what": "Publish failed through a fault in Dubwright",
        "where": str(version),
        "why": f"its process ended with status {status}{': ' + last[-1] if last else ''}",
        "repair": "publish again; if it fails again, report it with this message",
    }
