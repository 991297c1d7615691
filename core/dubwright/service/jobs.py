"""The jobs of one service: what was asked, how far it is, and what came of it."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

__all__ = ["Job", "Jobs"]

State = Literal["queued", "running", "done", "failed", "cancelled"]

STOP_WITHIN_S: Final = 10


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its follower sees it. `result` is there when it is done, `error` when it failed."""

    id: str
    operation: str
    state: State = "queued"
    done: int = 0
    total: int = 0
    label: str = ""
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None


class Jobs:
    """Runs jobs one after another, each in a process of its own."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._jobs: dict[str, Job] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._cancelled: set[str] = set()
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def submit(self, operation: str, request: dict[str, Any]) -> Job:
        """Queue a job; its request has been validated."""
        job = Job(secrets.token_hex(8), operation)
        with self._lock:
            self._jobs[job.id] = job
        threading.Thread(target=self._run, args=(job, request), daemon=True).start()
        return job

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def all(self) -> list[Job]:
        return list(self._jobs.values())

    def cancel(self, job_id: str) -> None:
        """Stop a job; what it has finished stays in the store."""
        with self._lock:
            self._cancelled.add(job_id)
            process = self._processes.get(job_id)
        if process is not None and process.stdin is not None:
            process.stdin.close()
            threading.Thread(target=_kill_if_it_stays, args=(process,), daemon=True).start()

    def close(self) -> None:
        """Stop every job."""
        for job in self.all():
            if job.state in ("queued", "running"):
                self.cancel(job.id)

    def _run(self, job: Job, request: dict[str, Any]) -> None:
        with self._turn:
            if job.id in self._cancelled:
                self._update(job.id, state="cancelled")
                return
            process = subprocess.Popen(
                [sys.executable, "-m", "dubwright.service.job", str(self._store)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
            assert process.stdin is not None and process.stdout is not None
            asked = json.dumps({"operation": job.operation, "request": request}) + "\n"
            process.stdin.write(asked)
            process.stdin.flush()
            self._update(job.id, state="running")
            with self._lock:
                self._processes[job.id] = process
                cancelled = job.id in self._cancelled
            if cancelled:
                self.cancel(job.id)
            for line in process.stdout:
                self._hear(job.id, json.loads(line))
            process.wait()
            self._settle(job.id, process.returncode)

    def _hear(self, job_id: str, message: dict[str, Any]) -> None:
        if "progress" in message:
            done, total, label = message["progress"]
            self._update(job_id, done=done, total=total, label=label)
        elif "result" in message:
            self._update(job_id, state="done", result=message["result"])
        elif "error" in message:
            self._update(job_id, state="failed", error=message["error"])
        elif "cancelled" in message:
            self._update(job_id, state="cancelled")
        else:
            self._update(job_id, state="failed", error=_fault(message.get("fault", "")))

    def _settle(self, job_id: str, status: int) -> None:
        """A job whose process ended without a last word."""
        if self._jobs[job_id].state == "running":
            if job_id in self._cancelled:
                self._update(job_id, state="cancelled")
            else:
                why = f"its process ended with status {status}"
                self._update(job_id, state="failed", error=_fault(why))

    def _update(self, job_id: str, **changes: Any) -> None:
        with self._lock:
            self._jobs[job_id] = replace(self._jobs[job_id], **changes)


def _fault(why: str) -> dict[str, str]:
    return {
        "what": "The job failed through a fault in Dubwright",
        "where": "the render service",
        "why": why.strip().splitlines()[-1] if why.strip() else "no reason was given",
        "repair": "submit it again; if it fails again, report it with this message",
    }


def _kill_if_it_stays(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
