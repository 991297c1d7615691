"""Runs the service on loopback and lets this user's clients find it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from dubwright._version import __version__
from dubwright.service.app import create_app
from dubwright.service.guard import Guard
from dubwright.service.jobs import Jobs

__all__ = ["serve"]


def serve(runtime_file: Path, store: Path) -> None:
    """Serve until stopped.

    Args:
        runtime_file: written for clients to find the service by, readable by this user alone, and
            removed at the end.
        store: the folder of results.
    """
    token = secrets.token_urlsafe(32)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        jobs = Jobs(store)

        def stop() -> None:
            server.should_exit = True

        guarded = Guard(create_app(jobs, stop), port, token)
        server = uvicorn.Server(uvicorn.Config(guarded, log_level="warning", access_log=False))
        # uvicorn raises the signal that ended it again: it must not end us before we have cleaned.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        _announce(runtime_file, port, token)
        try:
            server.run([listener])
        finally:
            jobs.close()
            _withdraw(runtime_file)


def _withdraw(path: Path) -> None:
    """Remove our own announcement, not one that another service made since."""
    try:
        announced = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if announced.get("pid") == os.getpid():
        path.unlink(missing_ok=True)


def _announce(path: Path, port: int, token: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    content = {"port": port, "pid": os.getpid(), "token": token, "version": __version__}
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    partial.replace(path)
