"""Keeps the workers busy with chunks of the queue, and alive, and in order."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dubwright.operations.request import REQUESTS, request_paths
from dubwright.operations.worker_process import Hung, WorkerProcess
from dubwright.service.queue import Chunk, Job, Queue
from dubwright.service.slots import Slot

__all__ = ["Supervisor"]

POLL_S: Final = 0.1
HOUSEKEEPING_S: Final = 1.0
QUIET_S: Final = 30.0
STALL_S: Final = 1800.0
CANCEL_WITHIN_S: Final = 1.0
KEEP_WARM_S: Final = 60.0
LEAST_FREE: Final = 256 * 2**20
KILLED: Final = -9

log = logging.getLogger("dubwright.service")


class Supervisor:
    """One thread for each slot, which feeds one worker process; and one that tidies up.

    Args:
        queue: the work.
        store: the folder of results.
        slots: how many workers, and what each may see.
        folders: those that jobs may use now.
        least_free: bytes; a job that found its disk full goes on when so much is free.
    """

    def __init__(
        self,
        queue: Queue,
        store: Path,
        slots: Sequence[Slot],
        folders: Callable[[], Sequence[Path] | None],
        least_free: int = LEAST_FREE,
    ) -> None:
        self._queue = queue
        self._store = store
        self._folders = folders
        self._least_free = least_free
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._keep_busy, args=(slot,), daemon=True) for slot in slots
        ]
        self._threads.append(threading.Thread(target=self._tidy, daemon=True))
        self._pids: dict[str, int] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the workers that run, by slot."""
        return dict(self._pids)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for work now: the queue has changed."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """End the workers; their chunks go back to the queue."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join()

    def _keep_busy(self, slot: Slot) -> None:
        worker: WorkerProcess | None = None
        idle_since = time.monotonic()
        try:
            while not self._stopping.is_set():
                name = f"{slot.name}-{secrets.token_hex(4)}"
                chunk = self._queue.claim(name)
                if chunk is None:
                    with self._changed:
                        self._changed.wait(HOUSEKEEPING_S)
                    if worker and time.monotonic() - idle_since > KEEP_WARM_S:
                        self._forget(slot)
                        worker.close()
                        worker = None
                    continue
                if worker is None:
                    worker = WorkerProcess(self._store, slot.environment, QUIET_S)
                    self._pids[slot.name] = worker.pid
                if not self._do(chunk, name, worker, slot):
                    self._forget(slot)
                    worker.kill()
                    worker = None
                idle_since = time.monotonic()
        finally:
            if worker is not None:
                worker.kill()

    def _forget(self, slot: Slot) -> None:
        self._pids.pop(slot.name, None)

    def _do(self, chunk: Chunk, name: str, worker: WorkerProcess, slot: Slot) -> bool:
        """Have a chunk done; whether the worker can go on."""
        began = moved = time.monotonic()
        worker.send(self._message(chunk))
        try:
            for message in worker.replies(POLL_S):
                if self._stopping.is_set():
                    self._queue.give_back(chunk, name, "the service stopped", counts=False)
                    return False
                if message is None or "beat" in message:
                    if not self._still_held(chunk, name, message):
                        return self._stopped(worker, slot)
                    if time.monotonic() - moved > STALL_S:
                        why = f"nothing moved for {STALL_S / 60:.0f} minutes"
                        self._queue.give_back(chunk, name, why)
                        return False
                elif "progress" in message:
                    moved = time.monotonic()
                    if not self._queue.progress(chunk, name, message["progress"]):
                        return self._stopped(worker, slot)
                else:
                    self._settle(chunk, name, message)
                    log.info(
                        "%s %s: %s after %.1f s",
                        chunk.job, chunk.kind, next(iter(message)), time.monotonic() - began,
                    )  # fmt: skip
                    return True
        except Hung:
            log.warning("%s %s: the worker hung", chunk.job, chunk.kind)
            self._queue.give_back(chunk, name, f"the worker was silent for {QUIET_S:.0f} s")
            return False
        status = worker.wait()
        log.warning("%s %s: the worker ended with status %d", chunk.job, chunk.kind, status)
        # What the system kills, it mostly kills for want of memory.
        why = f"the worker ended with status {status}"
        self._queue.give_back(chunk, name, why, smaller=status == KILLED)
        return False

    def _message(self, chunk: Chunk) -> dict[str, Any]:
        if chunk.kind == "task":
            return {"task": chunk.body, "batch": chunk.batch}
        folders = self._folders()
        allowed = None if folders is None else [str(folder) for folder in folders]
        return {chunk.kind: chunk.body | {"folders": allowed}}

    def _still_held(self, chunk: Chunk, name: str, message: Mapping[str, Any] | None) -> bool:
        if message is None:
            return self._queue.held(chunk, name)
        return self._queue.renew(chunk, name)

    def _stopped(self, worker: WorkerProcess, slot: Slot) -> bool:
        """Stop what nobody wants any more. Only a process that ended has surely left its GPU."""
        if slot.gpu is not None:
            return False
        worker.send({"cancel": True})
        deadline = time.monotonic() + CANCEL_WITHIN_S
        for message in worker.replies(POLL_S):
            if message and not {"beat", "progress"} & message.keys():
                return True
            if time.monotonic() > deadline:
                return False
        return False

    def _settle(self, chunk: Chunk, name: str, message: Mapping[str, Any]) -> None:
        if "done" in message:
            self._queue.commit(chunk, name, message["done"])
        elif "memory" in message:
            self._queue.give_back(chunk, name, message["memory"], smaller=True)
        elif "cancelled" in message:
            self._queue.give_back(chunk, name, "it was cancelled", counts=False)
        elif "error" in message:
            error = message["error"]
            missing = self._missing_place(chunk)
            if message["waits"]:
                self._queue.pause(chunk.job, error)
            elif missing is not None:
                self._queue.pause(chunk.job, _gone(missing))
            else:
                self._queue.fail(chunk, name, error)
        else:
            log.error("%s %s:\n%s", chunk.job, chunk.kind, message["fault"])
            self._queue.fail(chunk, name, _fault(chunk, message["fault"]))

    def _missing_place(self, chunk: Chunk) -> Path | None:
        """A place of the job that was there when it was planned, and is not now."""
        if chunk.kind == "plan":
            return None
        job = self._queue.job(chunk.job)
        return next((place for place in self._places(job) if not place.exists()), None)

    def _places(self, job: Job | None) -> list[Path]:
        if job is None:
            return []
        request = REQUESTS[job.operation].model_validate(self._queue.request(job.id))
        return [self._store, *(path for _, path in request_paths(request) if "#" not in path.name)]

    def _tidy(self) -> None:
        while not self._stopping.wait(HOUSEKEEPING_S):
            for chunk in self._queue.expire():
                log.warning("chunk %d: its lease ran out", chunk)
            for job in self._queue.jobs(states=["paused"]):
                if job.reason is not None and self._can_go_on(job):
                    log.info("%s: its storage is back", job.id)
                    self._queue.resume(job.id)

    def _can_go_on(self, job: Job) -> bool:
        places = self._places(job)
        if not all(place.exists() for place in places):
            return False
        return all(shutil.disk_usage(place).free >= self._least_free for place in places)


def _gone(place: Path) -> dict[str, str]:
    return {
        "what": "A drive is gone",
        "where": str(place),
        "why": "it was there when the job began",
        "repair": "connect it again: the job goes on by itself",
    }


def _fault(chunk: Chunk, trace: str) -> dict[str, str]:
    return {
        "what": "The job failed through a fault in Dubwright",
        "where": chunk.label,
        "why": trace.strip().splitlines()[-1],
        "repair": "retry the job; if it fails again, report it with `dubwright logs`",
    }
