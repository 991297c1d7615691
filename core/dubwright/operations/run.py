"""Does a whole plan in worker processes, resuming what is already done."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from dubwright.errors import Cancelled, DubwrightError
from dubwright.operations.execute import BATCH_FRAMES, Cancelling
from dubwright.operations.task import Task
from dubwright.operations.worker_process import Hung, WorkerProcess
from dubwright.operations.worker_slots import Slot, find_gpus, shared_slots
from dubwright.store import Store

__all__ = ["Progress", "ProgressListener", "run"]

POLL_S: Final = 0.1
MAX_WORKERS: Final = 8
STOP_WITHIN_S: Final = 5
KILLED: Final = -9


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a plan is: units of work done, of how many, and what was done last."""

    done: int
    total: int
    label: str


ProgressListener = Callable[[Progress], None]


def run(
    tasks: Mapping[str, Task],
    store: Store,
    *,
    workers: int | None = None,
    listener: ProgressListener | None = None,
    cancel: Cancelling | None = None,
) -> None:
    """Do every task of a plan, each after the tasks that it reads from.

    Args:
        tasks: by key; inputs name keys among them.
        store: where results are found and kept.
        workers: processes; the number of processors, at most 8, if None.
        listener: told of progress, from several threads, one at a time.
        cancel: stops the work when set; what is finished stays finished.

    Raises:
        DubwrightError: the first task that failed; those in flight are stopped.
        Cancelled: `cancel` was set.
    """
    board = _Board(tasks, store, listener)
    count = workers or min(os.cpu_count() or 1, MAX_WORKERS)
    threads = [
        threading.Thread(target=_keep_busy, args=(board, store, slot), daemon=True)
        for slot in shared_slots(find_gpus(), min(count, board.waiting))
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(POLL_S)
                if cancel is not None and cancel.is_set():
                    board.stop(Cancelled())
    except BaseException as interruption:
        board.stop(interruption)
        for thread in threads:
            thread.join(2 * STOP_WITHIN_S)
        raise
    board.raise_failure()


class _Board:
    """The tasks that wait, that run and that are done; shared by the threads."""

    def __init__(
        self, tasks: Mapping[str, Task], store: Store, listener: ProgressListener | None
    ) -> None:
        self._changed = threading.Condition()
        self._waiting = {key: task for key, task in tasks.items() if store.find(key) is None}
        self._running: set[str] = set()
        self._failure: BaseException | None = None
        self._listener = listener
        self._total = sum(task.units for task in tasks.values())
        self._done = self._total - sum(task.units for task in self._waiting.values())
        if listener:
            listener(Progress(self._done, self._total, "resuming" if self._done else "starting"))

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def stopped(self) -> bool:
        return self._failure is not None

    def next_task(self, with_weights: bool) -> Task | None:
        """A task that is ready, waiting for one; None when there is nothing left to do.

        Args:
            with_weights: whether it may be one that loads weights.
        """
        with self._changed:
            while self._waiting and self._failure is None:
                for key, task in self._waiting.items():
                    if task.loads_weights and not with_weights:
                        continue
                    inputs = task.inputs.values()
                    if not any(k in self._waiting or k in self._running for k in inputs):
                        del self._waiting[key]
                        self._running.add(key)
                        return task
                self._changed.wait(POLL_S)
            return None

    def advance(self, task: Task, units: int) -> None:
        with self._changed:
            self._done += units
            if self._listener:
                self._listener(Progress(min(self._done, self._total), self._total, task.label))

    def finish(self, task: Task) -> None:
        with self._changed:
            self._running.discard(task.key)
            self._changed.notify_all()

    def stop(self, failure: BaseException) -> None:
        with self._changed:
            if self._failure is None:
                self._failure = failure
            self._changed.notify_all()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


class _TooMuchAtOnceError(Exception):
    """A worker had not the memory for what it was to do at once; it lives."""


def _keep_busy(board: _Board, store: Store, slot: Slot) -> None:
    """One thread: gives its worker process one task after another."""
    worker: WorkerProcess | None = None
    try:
        while (task := board.next_task(slot.loads_weights)) is not None:
            worker = worker or WorkerProcess(store.folder, slot.environment)
            _do(task, worker, board)
            board.finish(task)
    except BaseException as failure:  # noqa: BLE001 - it is raised again in the caller's thread
        board.stop(failure)
    finally:
        if worker is not None:
            worker.close()


def _do(task: Task, worker: WorkerProcess, board: _Board) -> None:
    """Have a task done, telling the board of its progress; with fewer frames at once where memory
    ran out."""
    batch = BATCH_FRAMES
    while True:
        worker.send({"task": task.as_json(), "batch": batch})
        try:
            _hear(task, worker, board)
        except Hung:
            raise _ended(task, "a worker process was silent for too long") from None
        except _TooMuchAtOnceError as memory:
            if batch == 1:
                raise _out_of_memory(task, str(memory)) from None
            batch //= 2
        else:
            return


def _hear(task: Task, worker: WorkerProcess, board: _Board) -> None:
    kill_at = math.inf
    for message in worker.replies(POLL_S):
        if board.stopped and kill_at == math.inf:
            worker.send({"cancel": True})
            kill_at = time.monotonic() + STOP_WITHIN_S
        if time.monotonic() > kill_at:
            worker.kill()
        if message is None or "beat" in message:
            continue
        if "progress" in message:
            board.advance(task, message["progress"])
        elif "error" in message or "outdated" in message:
            raise DubwrightError(**(message.get("error") or message["outdated"]))
        elif "fault" in message:
            raise RuntimeError(f"{task.label}:\n{message['frames']}{message['fault']}")
        elif "memory" in message:
            raise _TooMuchAtOnceError(message["memory"])
        elif "cancelled" in message:
            raise Cancelled
        else:
            return
    status = worker.wait()
    if status == KILLED:
        raise _out_of_memory(task, "the system ended a worker process")
    said = f": {worker.last_words.splitlines()[-1]}" if worker.last_words else ""
    raise _ended(task, f"a worker process ended with status {status}{said}")


def _ended(task: Task, why: str) -> DubwrightError:
    return DubwrightError(
        "A worker process ended in the middle of its work",
        where=task.label,
        why=why,
        repair="run the same command again; if it ends there again, report it with this message",
    )


def _out_of_memory(task: Task, why: str) -> DubwrightError:
    return DubwrightError(
        "Memory ran out",
        where=task.label,
        why=why,
        repair="run the same command again, with fewer --workers; what is finished is kept",
    )
