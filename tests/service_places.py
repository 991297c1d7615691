"""Lets a test have a service of its own, apart from the user's."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["own_service_places", "wait_for"]


@contextmanager
def own_service_places(
    folder: Path, runtime: Path, allowed: list[Path] | None = None, **settings: object
) -> Iterator[None]:
    """Have services and clients use places in this folder.

    Args:
        folder: of the state, the settings and the installation.
        runtime: the file that announces the service.
        allowed: what jobs may use; every temporary place if None.
        settings: others of the service.
    """
    content = {"folders": [str(f) for f in allowed or [Path(tempfile.gettempdir()), folder]]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(content | settings))
    places = {
        "DUBWRIGHT_RUNTIME": str(runtime),
        "DUBWRIGHT_STATE": str(folder / "state"),
        "DUBWRIGHT_SETTINGS": str(folder / "settings.json"),
        "DUBWRIGHT_INSTALLATION": str(folder / "installation.json"),
        "DUBWRIGHT_STORE": str(folder / "store"),
    }
    before = {name: os.environ.get(name) for name in places}
    os.environ.update(places)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def wait_for(
    happened: Callable[[], object],
    within_s: float = 60,
    process: subprocess.Popen[bytes] | None = None,
) -> None:
    """Wait until something is true; the process must live meanwhile."""
    deadline = time.monotonic() + within_s
    while not happened():
        assert process is None or process.poll() is None, "the process ended"
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
