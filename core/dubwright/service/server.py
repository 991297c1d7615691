"""Runs the service on loopback and lets this user's clients find it."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import platformdirs
import uvicorn
from filelock import FileLock, Timeout

from dubwright._version import __version__
from dubwright.errors import DubwrightError
from dubwright.operations.worker_slots import find_gpus, slots_for
from dubwright.service.app import create_app
from dubwright.service.broadcast import Broadcast
from dubwright.service.capabilities import Capabilities
from dubwright.service.guard import Guard
from dubwright.service.publishing import Publications
from dubwright.service.queue import ACTIVE, Queue
from dubwright.service.sessions import Sessions
from dubwright.service.settings import read_settings
from dubwright.service.supervisor import Supervisor
from dubwright.store import Store
from dubwright_plugin.runtime import PROTOCOL

__all__ = ["default_state_folder", "log_file", "serve"]

LOOK_EVERY_S: Final = 1.0
LOG_BYTES: Final = 2**20
LEAVE_WITHIN_S: Final = 2


def default_state_folder() -> Path:
    """Where the queue and the log are kept."""
    named = os.environ.get("DUBWRIGHT_STATE")
    if named:
        return Path(named)
    # A home that several computers share must not have them share a queue.
    return Path(platformdirs.user_state_dir("dubwright")) / socket.gethostname()


def log_file(state: Path) -> Path:
    return state / "service.log"


def serve(runtime_file: Path, store: Path, state: Path, settings_file: Path) -> None:
    """Serve until stopped, or until nothing has happened for as long as the settings say.

    Args:
        runtime_file: written for clients to find the service by, readable by this user alone, and
            removed at the end.
        store: the folder of results.
        state: the folder of the queue and the log.
        settings_file: read again for each job.

    Raises:
        DubwrightError: a service of this user runs already, or the settings are not valid.
    """
    settings = read_settings(settings_file)
    runtime_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        _alone(runtime_file.with_suffix(".lock")),
        # The runtime file may be swept away at logout while its service lives on.
        _alone(state / "queue.lock"),
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        _log_to(log_file(state))
        token = secrets.token_urlsafe(32)
        port = listener.getsockname()[1]
        # Clients that come before all is ready wait at the port.
        _announce(runtime_file, port, token)
        results = Store(store)
        broadcast = Broadcast()
        queue = Queue(state / "queue.sqlite")
        queue.recover()
        supervisor = Supervisor(
            queue,
            results,
            slots_for(find_gpus(), settings.workers),
            lambda: read_settings(settings_file).folders,
        )

        def heard() -> None:
            broadcast.ring()
            supervisor.wake()

        def stop() -> None:
            server.should_exit = True

        queue.listen(heard)
        sessions = Sessions()
        publications = Publications()

        def busy() -> bool:
            active = publications.active or queue.jobs(states=ACTIVE, limit=1)
            return bool(broadcast.listeners or active)

        app = create_app(
            queue,
            broadcast,
            store,
            lambda: read_settings(settings_file).folders,
            Capabilities(),
            lambda opens: f"http://127.0.0.1:{port}{sessions.link(opens)}",
            publications,
            stop,
        )
        guard = Guard(app, port, token, sessions)
        server = uvicorn.Server(
            uvicorn.Config(
                guard,
                log_level="warning",
                access_log=False,
                ws="none",
                timeout_graceful_shutdown=LEAVE_WITHIN_S,
            )
        )
        # uvicorn raises the signal that ended it again: it must not end us before we have cleaned.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        idle = threading.Thread(
            target=_stop_when_idle,
            args=(server, guard, busy, settings.idle_minutes * 60),
            daemon=True,
        )
        try:
            supervisor.start()
            idle.start()
            server.run([listener])
        finally:
            publications.stop()
            supervisor.stop()
            queue.close()
            _withdraw(runtime_file)


@contextmanager
def _alone(lock_file: Path) -> Iterator[None]:
    """Hold a lock that one service at a time can have."""
    lock = FileLock(lock_file, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise DubwrightError(
            "The service is running already",
            where=str(lock_file),
            why="each user has one",
            repair="use it, or end it with `dubwright stop`",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _stop_when_idle(
    server: uvicorn.Server, guard: Guard, busy: Callable[[], bool], idle_s: float
) -> None:
    """End the service when it has had no job, no follower and no call for long enough."""
    idle_since = time.monotonic()
    while not server.should_exit:
        if busy():
            idle_since = time.monotonic()
        idle_since = max(idle_since, guard.called)
        if time.monotonic() - idle_since > idle_s:
            guard.closing = True
            called_meanwhile = time.monotonic() - guard.called <= idle_s
            if called_meanwhile or busy():
                guard.closing = False
            else:
                server.should_exit = True
        time.sleep(min(LOOK_EVERY_S, idle_s))


def _log_to(path: Path) -> None:
    """A log without secrets and without dialogue: jobs, chunks, times and faults."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=LOG_BYTES, backupCount=3, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("uvicorn").addHandler(handler)
    log = logging.getLogger("dubwright")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    log.info("service %s started, process %d", __version__, os.getpid())


def _withdraw(path: Path) -> None:
    """Remove our own announcement, not one that another service made since."""
    try:
        announced = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if announced.get("pid") == os.getpid():
        path.unlink(missing_ok=True)


def _announce(path: Path, port: int, token: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    content = {
        "port": port,
        "pid": os.getpid(),
        "token": token,
        "version": __version__,
        "protocol": PROTOCOL,
    }
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    partial.replace(path)
