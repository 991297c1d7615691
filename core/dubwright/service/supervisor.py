"""Keeps the workers busy with chunks of the queue, and alive, and in order."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dubwright.errors import DubwrightError
from dubwright.media.sequence import is_pattern
from dubwright.operations.request import REQUESTS, request_paths
from dubwright.operations.worker_process import Hung, WorkerProcess
from dubwright.operations.worker_slots import Slot
from dubwright.service.queue import Chunk, Job, Queue
from dubwright.store import Store

__all__ = ["Supervisor"]

POLL_S: Final = 0.1
HOUSEKEEPING_S: Final = 1.0
ASLEEP_S: Final = 5.0
QUIET_S: Final = 30.0
STALL_S: Final = 1800.0
CANCEL_WITHIN_S: Final = 1.0
KEEP_WARM_S: Final = 60.0
AFTER_A_FAULT_S: Final = 1.0
TIDY_UP_EVERY_S: Final = 3600.0
LEAVE_WITHIN_S: Final = 10.0
LOOK_AGAIN_S: Final = (1.0, 300.0)
LEAST_FREE: Final = 256 * 2**20
KILLED: Final = -9

log = logging.getLogger("dubwright.service")


class Supervisor:
    """One thread for each slot, which feeds one worker process; and one that tidies up.

    Args:
        queue: the work.
        store: the results.
        slots: how many workers, and what each may see.
        folders: those that jobs may use now.
        least_free: bytes; a job that found its disk full goes on when so much is free.
    """

    def __init__(
        self,
        queue: Queue,
        store: Store,
        slots: Sequence[Slot],
        folders: Callable[[], Sequence[Path] | None],
        least_free: int = LEAST_FREE,
    ) -> None:
        self._queue = queue
        self._store = store.folder
        self._folders = folders
        self._least_free = least_free
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._keep_busy, args=(slot,), daemon=True) for slot in slots
        ]
        self._threads.append(threading.Thread(target=self._keep_tidy, daemon=True))
        self._pids: dict[str, int] = {}
        self._evict_at = 0.0
        self._look_again: dict[str, tuple[float, float]] = {}

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
        deadline = time.monotonic() + LEAVE_WITHIN_S
        for thread in self._threads:
            # One that waits for a drive that is gone must not keep the service.
            thread.join(max(0.0, deadline - time.monotonic()))

    def _keep_busy(self, slot: Slot) -> None:
        """The life of a slot's thread, which no fault ends: without it the slot would stand."""
        worker: WorkerProcess | None = None
        idle_since = time.monotonic()
        try:
            while not self._stopping.is_set():
                name = f"{slot.name}-{secrets.token_hex(4)}"
                chunk = None
                try:
                    chunk = self._queue.claim(name, slot.loads_weights)
                    if chunk is None:
                        worker = self._wait(worker, slot, idle_since)
                    else:
                        worker = self._work(chunk, name, worker, slot)
                        idle_since = time.monotonic()
                except Exception as error:  # noqa: BLE001 - see above; it is logged and survived
                    _log_fault(f"slot {slot.name}", error)
                    self._dismiss(worker, slot)
                    worker = None
                    self._return(chunk, name)
                    self._stopping.wait(AFTER_A_FAULT_S)
        finally:
            self._dismiss(worker, slot)

    def _wait(
        self, worker: WorkerProcess | None, slot: Slot, idle_since: float
    ) -> WorkerProcess | None:
        """Nothing is to be done: make room in the store, or let an idle worker go, or wait."""
        if worker is not None and worker.alive and self._may_evict():
            worker.send({"evict": self._queue.active_keys()})
            self._heard_out(worker)
        with self._changed:
            self._changed.wait(HOUSEKEEPING_S)
        if worker is not None and time.monotonic() - idle_since > KEEP_WARM_S:
            self._pids.pop(slot.name, None)
            worker.close()
            return None
        return worker

    def _may_evict(self) -> bool:
        """Whether it is time to make room, told to one slot only."""
        with self._changed:
            due = time.monotonic() >= self._evict_at
            if due:
                self._evict_at = time.monotonic() + TIDY_UP_EVERY_S
            return due

    def _heard_out(self, worker: WorkerProcess) -> None:
        for message in worker.replies(POLL_S):
            if self._stopping.is_set() or (message is not None and "beat" not in message):
                return

    def _work(
        self, chunk: Chunk, name: str, worker: WorkerProcess | None, slot: Slot
    ) -> WorkerProcess | None:
        """Have a chunk done; the worker that can go on."""
        if worker is not None and not worker.alive:
            self._dismiss(worker, slot)
            worker = None
        try:
            message = self._message(chunk)
        except DubwrightError as error:
            self._queue.fail(chunk, name, error.as_dict())
            return worker
        if worker is None:
            worker = WorkerProcess(self._store, slot.environment, QUIET_S)
            self._pids[slot.name] = worker.pid
        worker.send(message)
        if self._do(chunk, name, worker, slot):
            return worker
        self._dismiss(worker, slot)
        return None

    def _dismiss(self, worker: WorkerProcess | None, slot: Slot) -> None:
        self._pids.pop(slot.name, None)
        if worker is not None:
            worker.kill()

    def _return(self, chunk: Chunk | None, name: str) -> None:
        """Give a chunk back after a fault of ours; where even that fails its lease runs out."""
        if chunk is None:
            return
        try:
            self._queue.give_back(chunk, name, "a fault of the service", counts=False)
        except Exception as error:  # noqa: BLE001 - the database itself may be what is at fault
            _log_fault("the queue", error)

    def _do(self, chunk: Chunk, name: str, worker: WorkerProcess, slot: Slot) -> bool:
        """See a chunk done; whether the worker can go on."""
        began = moved = time.monotonic()
        try:
            for message in worker.replies(POLL_S):
                if self._stopping.is_set():
                    self._queue.give_back(chunk, name, "the service stopped", counts=False)
                    return False
                if message is None or "beat" in message:
                    if not self._still_held(chunk, name, message):
                        return self._stopped(worker, slot)
                    # Planning and delivering tell of no progress, and may wait long for a disk.
                    if chunk.kind == "task" and time.monotonic() - moved > STALL_S:
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
        why = f"the worker ended with status {status}"
        if worker.last_words:
            why += f" ({worker.last_words.splitlines()[-1]})"
        # What the system kills, it mostly kills for want of memory.
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
        elif "outdated" in message:
            self._queue.plan_anew(chunk, name, message["outdated"])
        elif "error" in message:
            error = message["error"]
            missing = self._missing_place(chunk)
            if message["waits"]:
                self._queue.wait_out(chunk, name, error)
            elif missing is not None:
                self._queue.wait_out(chunk, name, _gone(missing))
            else:
                self._queue.fail(chunk, name, error)
        else:
            # What was said may quote a line of dialogue; where it was said does not.
            kind = message["fault"].partition(":")[0]
            log.error("%s %s: %s\n%s", chunk.job, chunk.kind, kind, message["frames"])
            self._queue.fail(chunk, name, _fault(chunk, message["fault"]))

    def _missing_place(self, chunk: Chunk) -> Path | None:
        """A place of the job that was there when it was planned, and is not now."""
        if chunk.kind == "plan":
            return None
        job = self._queue.job(chunk.job)
        return next((place for place in self._places(job) if not _exists(place)), None)

    def _places(self, job: Job | None) -> list[Path]:
        """The store, then what the job's request names; a sequence stands for its folder."""
        if job is None:
            return []
        request = REQUESTS[job.operation].model_validate(self._queue.request(job.id))
        named = (path for _, path in request_paths(request))
        return [
            self._store / "objects",
            *(path.parent if is_pattern(path.name) else path for path in named),
        ]

    def _keep_tidy(self) -> None:
        prune_at = 0.0
        last = time.monotonic()
        while not self._stopping.wait(HOUSEKEEPING_S):
            now = time.monotonic()
            try:
                # Where the machine slept, so did the workers: they shall speak first.
                if now - last < HOUSEKEEPING_S + ASLEEP_S:
                    self._expire()
                self._go_on()
                if now >= prune_at:
                    self._queue.prune()
                    prune_at = now + TIDY_UP_EVERY_S
            except Exception as error:  # noqa: BLE001 - as in _keep_busy
                _log_fault("tidying up", error)
            last = time.monotonic()

    def _expire(self) -> None:
        for chunk in self._queue.expire():
            log.warning("chunk %d: its lease ran out", chunk)

    def _go_on(self) -> None:
        """Resume the jobs whose storage is back; one that soon waits again is asked less often."""
        waiting = [job for job in self._queue.jobs(states=["paused"]) if job.reason is not None]
        for job in waiting:
            at, pause = self._look_again.get(job.id, (0.0, LOOK_AGAIN_S[0]))
            if time.monotonic() >= at and self._can_go_on(job):
                longer = min(2 * pause, LOOK_AGAIN_S[1])
                self._look_again[job.id] = (time.monotonic() + pause, longer)
                log.info("%s: its storage is back", job.id)
                self._queue.resume(job.id)

    def _can_go_on(self, job: Job) -> bool:
        if not all(_exists(place) for place in self._places(job)):
            return False
        written = (self._store, Path(self._queue.request(job.id)["output"]))
        return all(shutil.disk_usage(place).free >= self._least_free for place in written)


def _exists(place: Path) -> bool:
    """Whether a place can be reached; a drive that is gone may answer with any error."""
    try:
        return place.exists()
    except OSError:
        return False


def _log_fault(where: str, error: Exception) -> None:
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s: %s\n%s", where, type(error).__name__, frames)


def _gone(place: Path) -> dict[str, str]:
    return {
        "what": "A drive is gone",
        "where": str(place),
        "why": "it was there when the job began",
        "repair": "connect it again: the job goes on by itself",
    }


def _fault(chunk: Chunk, fault: str) -> dict[str, str]:
    return {
        "what": "The job failed through a fault in Dubwright",
        "where": chunk.label,
        "why": fault,
        "repair": "retry the job; if it fails again, report it with `dubwright logs`",
    }
