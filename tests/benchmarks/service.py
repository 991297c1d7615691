"""The render service under kill -9, and how quickly it answers.

    python tests/benchmarks/service.py [--quick] [--json FILE]

A worker, then the server, is killed again and again at random moments while jobs run; every chunk
must be committed once. Then: from submitting to the first event, listing a thousand queued jobs,
memory when idle, and how long an event takes from the database to a follower.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from dubwright.sample.scene import sample_scene, write_sample
from dubwright.service.queue import Queue
from dubwright_plugin import Service, connect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _common import Figures, run
from service_places import own_service_places, wait_for

LISTED = 1000
EVENTS = 200


def measure(quick: bool) -> Figures:
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        runtime = folder / "run" / "service.json"
        with own_service_places(folder, runtime, workers=2):
            figures |= _kills(folder, runtime, 2 if quick else 50)
        for old in (folder / "state").glob("queue.sqlite*"):
            old.unlink()
        with own_service_places(folder, runtime, workers=1):
            figures |= _answers(folder, runtime)
    return figures


def _kills(folder: Path, runtime: Path, kills: int) -> Figures:
    """Kill workers and servers in turn while a dub runs, submitting it anew whenever it is done."""
    timeline = write_sample(folder / "sample", sample_scene(384, 216))
    lines = folder / "sample" / "subtitles"
    chance = random.Random(1)
    jobs: list[str] = []
    working_after = []
    server, service = _started(folder, runtime)
    done = 0
    while done < kills:
        if not jobs or service.state(jobs[-1])["state"] == "done":
            for results in (folder / "store" / "objects").glob("*"):
                shutil.rmtree(results)
            request = {
                "timeline": str(timeline),
                "languages": ["es"],
                "output": str(folder / f"out{len(jobs)}"),
                "subtitles": {tag: str(lines / f"timeline.{tag}.srt") for tag in ("en", "es")},
                "cast": str(folder / "sample/cast.json"),
                "original": "en",
            }
            jobs.append(service.submit("dub", request))
        time.sleep(chance.uniform(0.2, 6.0))
        if done % 2 == 0:
            workers = psutil.Process(server.pid).children()
            if not workers:
                continue
            chance.choice(workers).send_signal(signal.SIGKILL)
        else:
            server.kill()
            server.wait()
            committed = _committed(folder, jobs)
            server, service = _started(folder, runtime)
            began = time.perf_counter()
            if service.state(jobs[-1])["state"] != "done":  # it may have ended as it was killed
                wait_for(lambda before=committed: _committed(folder, jobs) > before)
                working_after.append(time.perf_counter() - began)
        done += 1
    last = service.wait(jobs[-1])
    states = [service.state(job)["state"] for job in jobs]
    server, service, short = _short_job(folder, runtime, server, service)
    service.stop()
    server.wait(30)
    queue = Queue(folder / "state" / "queue.sqlite")
    chunks = [chunk for job in jobs for chunk in queue.chunks(job)]
    queue.close()
    assert last["state"] == "done", last
    return {
        "kills": float(kills),
        "jobs": float(len(jobs)),
        "jobs_done": float(states.count("done")),
        "chunks": float(len(chunks)),
        "chunks_committed_once": float(sum(chunk["commits"] == 1 for chunk in chunks)),
        "commits_again_after_restart_s": statistics.median(working_after),
        "commits_again_after_restart_s_worst": max(working_after),
        "short_job_done_after_restart_s": short,
    }


def _committed(folder: Path, jobs: list[str]) -> int:
    queue = Queue(folder / "state" / "queue.sqlite")
    commits = sum(chunk["commits"] for job in jobs for chunk in queue.chunks(job))
    queue.close()
    return commits


def _short_job(
    folder: Path, runtime: Path, server: subprocess.Popen[bytes], service: Service
) -> tuple[subprocess.Popen[bytes], Service, float]:
    """The longest, of three, that a line takes to be done once its killed server is back."""
    worst = 0.0
    for count in range(3):
        line = {"text": f"Mama, papa, {count}.", "language": "es", "output": str(folder / "line")}
        job = service.submit("animate", line)
        while service.state(job)["state"] != "running":
            time.sleep(0.01)
        server.kill()
        server.wait()
        server, service = _started(folder, runtime)
        began = time.perf_counter()
        service.wait(job)
        worst = max(worst, time.perf_counter() - began)
    return server, service, worst


def _answers(folder: Path, runtime: Path) -> Figures:
    server, service = _started(folder, runtime)
    time.sleep(1.0)
    figures = {"idle_memory_mb": psutil.Process(server.pid).memory_info().rss / 1e6}
    request = {"text": "Mama.", "language": "es", "output": str(folder / "spoken")}
    first = []
    for _ in range(20):
        began = time.perf_counter()
        job = service.submit("animate", request)
        next(service.events(job))
        first.append(1000 * (time.perf_counter() - began))
        service.cancel(job)
    figures["submit_to_first_event_ms"] = statistics.median(first)
    figures["submit_to_first_event_ms_worst"] = max(first)
    figures["event_latency_ms"] = _event_latency(service, request)
    while len(service.jobs()) < LISTED:
        service.pause(service.submit("animate", request))
    listed = []
    for _ in range(10):
        began = time.perf_counter()
        assert len(service.jobs()) == LISTED
        listed.append(1000 * (time.perf_counter() - began))
    figures["list_1000_jobs_ms"] = statistics.median(listed)
    service.stop()
    server.wait(30)
    return figures


def _event_latency(service: Service, request: dict[str, Any]) -> float:
    """From asking for a change to another client's hearing of it, the call itself included."""
    job = service.submit("animate", request)
    service.pause(job)
    heard: dict[int, float] = {}
    ready = threading.Event()

    def listen() -> None:
        for _ in service.events(job):
            ready.set()
            heard[len(heard)] = time.perf_counter()

    threading.Thread(target=listen, daemon=True).start()
    ready.wait(10)
    time.sleep(0.2)
    late = []
    for priority in range(EVENTS):
        before = len(heard)
        asked = time.perf_counter()
        service.reprioritise(job, priority % 7 + 1)
        while len(heard) == before:
            time.sleep(0.0002)
        late.append(1000 * (heard[before] - asked))
        time.sleep(0.002)
    service.cancel(job)
    return statistics.median(late)


def _started(folder: Path, runtime: Path) -> tuple[subprocess.Popen[bytes], Service]:
    """A server that answers; the time until then is the time that it is back after."""
    previous = json.loads(runtime.read_text())["pid"] if runtime.exists() else 0
    process = subprocess.Popen(
        [sys.executable, "-m", "dubwright.cli", "serve", "--store", str(folder / "store")],
        stderr=subprocess.DEVNULL,
    )
    wait_for(
        lambda: runtime.exists() and json.loads(runtime.read_text())["pid"] != previous, 30, process
    )
    service = connect(start=False)
    return process, service


if __name__ == "__main__":
    assert os.name == "posix", "kill -9 is meant literally"
    run(__doc__.splitlines()[0], measure)
