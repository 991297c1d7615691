"""Workers that crash, hang, starve and lose their disk: real processes, real chunks."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Sample
from service_places import wait_for

from dubwright.operations.worker_slots import Gpu, Slot, find_gpus, shared_slots, slots_for
from dubwright.service import supervisor as supervisor_module
from dubwright.service.queue import Job, Queue
from dubwright.service.supervisor import Supervisor
from dubwright.store import Store

# A voice that does what its line says, offered like any engine: by an entry point.
MOODY = """
import os, signal, time
from pathlib import Path
from dubwright.engines import EngineCard, EngineKind
from dubwright.speech.engines.espeak import EspeakSynthesizer

class Moody(EspeakSynthesizer):
    card = EngineCard(name="moody", kind=EngineKind.SYNTHESIZER, version=1, licence="Apache-2.0",
                      commercial_use=True, abilities=("phones", "pace"))

    def speak(self, text, language, speed, *told):
        mood, _, once = text.partition(" ")
        first = not Path(once).exists() if once.startswith("/") else True
        if once.startswith("/"):
            Path(once).touch()
        if mood == "crash" and first:
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == "freeze" and first:
            os.kill(os.getpid(), signal.SIGSTOP)
        if mood == "starve" and first:
            raise MemoryError("no room for so many frames")
        if mood == "fault":
            raise ZeroDivisionError("a fault of ours")
        if mood == "sleep":
            time.sleep(600)
        return super().speak("Mama.", language, speed, *told)
"""


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """A queue, and the moody voice where worker processes find it."""
    site = tmp_path / "site"
    (site / "moody-1.dist-info").mkdir(parents=True)
    (site / "moody.py").write_text(MOODY)
    (site / "moody-1.dist-info" / "METADATA").write_text("Name: moody\nVersion: 1\n")
    (site / "moody-1.dist-info" / "entry_points.txt").write_text(
        "[dubwright.engines]\nmoody = moody:Moody\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    made = Queue(tmp_path / "queue.sqlite")
    yield made
    made.close()


@pytest.fixture
def supervisor(queue: Queue, tmp_path: Path) -> Iterator[Supervisor]:
    with _running(queue, tmp_path / "store", slots_for([], 1)) as made:
        yield made


@contextmanager
def _running(queue: Queue, store: Path, slots: list[Slot], **rest: int) -> Iterator[Supervisor]:
    made = Supervisor(queue, Store(store), slots, lambda: None, **rest)
    queue.listen(made.wake)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def _submit(queue: Queue, folder: Path, text: str) -> Job:
    request = {
        "text": text, "language": "es", "output": str(folder / "out"),
        "engines": {"synthesizer": "moody"},
    }  # fmt: skip
    return queue.submit("animate", request)


def _ended(queue: Queue, job: Job) -> Job:
    wait_for(lambda: _now(queue, job).ended is not None)
    return _now(queue, job)


def _now(queue: Queue, job: Job) -> Job:
    found = queue.job(job.id)
    assert found is not None
    return found


@pytest.mark.usefixtures("supervisor")
def test_a_crashed_workers_chunk_is_done_by_the_next(queue: Queue, tmp_path: Path) -> None:
    job = _ended(queue, _submit(queue, tmp_path, f"crash {tmp_path / 'once'}"))
    assert job.state == "done" and job.result is not None
    assert (Path(job.result["folder"]) / "curves.json").exists()
    assert [chunk["attempts"] for chunk in queue.chunks(job.id)] == [1, 2, 1, 1]


@pytest.mark.usefixtures("supervisor")
def test_a_line_that_always_kills_its_worker_fails_with_its_reason(
    queue: Queue, tmp_path: Path
) -> None:
    bad, good = (_submit(queue, tmp_path, mood) for mood in ("crash", "calm"))
    assert _ended(queue, good).state == "done"
    failed = _ended(queue, bad)
    assert failed.state == "failed" and failed.error is not None
    assert "status -9" in failed.error["why"]


def test_a_frozen_worker_is_replaced(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "QUIET_S", 3.0)
    with _running(queue, tmp_path / "store", slots_for([], 1)):
        job = _ended(queue, _submit(queue, tmp_path, f"freeze {tmp_path / 'once'}"))
        assert job.state == "done"


@pytest.mark.usefixtures("supervisor")
def test_what_ran_out_of_memory_is_tried_with_half_the_frames(queue: Queue, tmp_path: Path) -> None:
    job = _ended(queue, _submit(queue, tmp_path, f"starve {tmp_path / 'once'}"))
    assert job.state == "done"
    assert [chunk["batch"] for chunk in queue.chunks(job.id)] == [8, 4, 8, 8]


@pytest.mark.usefixtures("supervisor")
def test_a_fault_of_ours_is_reported_and_not_tried_again(queue: Queue, tmp_path: Path) -> None:
    job = _ended(queue, _submit(queue, tmp_path, "fault"))
    assert job.error is not None and job.error["why"] == "ZeroDivisionError: a fault of ours"
    assert queue.chunks(job.id)[1]["attempts"] == 1


@pytest.mark.parametrize("gpu", [None, 0])
def test_cancelling_frees_the_worker_within_two_seconds(
    queue: Queue, tmp_path: Path, gpu: int | None
) -> None:
    slots = [Slot("slot", {"CUDA_VISIBLE_DEVICES": ""}, gpu)]
    with _running(queue, tmp_path / "store", slots) as running:
        job = _submit(queue, tmp_path, "sleep")
        wait_for(lambda: [c["state"] for c in queue.chunks(job.id)][1:2] == ["running"])
        pid = running.pids["slot"]
        assert queue.cancel(job.id)
        wait_for(lambda: not _alive(pid), within_s=2)
        after = _submit(queue, tmp_path, "calm")
        assert _ended(queue, after).state == "done"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.usefixtures("supervisor")
def test_a_pause_holds_and_frees_and_the_job_goes_on(queue: Queue, tmp_path: Path) -> None:
    held = _submit(queue, tmp_path, f"crash {tmp_path / 'once'}")
    wait_for(lambda: _now(queue, held).state == "running")
    assert queue.pause(held.id)
    assert _ended(queue, _submit(queue, tmp_path, "calm")).state == "done"
    assert _now(queue, held).state == "paused"
    assert queue.resume(held.id) and _ended(queue, held).state == "done"


def test_each_gpu_has_a_worker_that_sees_it_alone() -> None:
    shared = shared_slots([Gpu(0, "a", 1), Gpu(1, "b", 1)], 5)
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in shared] == [
        "0",
        "1",
        "0",
        "1",
        "0",
    ]
    assert [slot.loads_weights for slot in shared] == [True, True, False, False, False]
    alone = shared_slots([], 2)
    assert [slot.loads_weights for slot in alone] == [True, False]
    assert not any(slot.environment for slot in alone)
    slots = slots_for([Gpu(0, "a", 1), Gpu(1, "b", 1)], 4)
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["0", "1", "", ""]
    assert [slot.gpu for slot in slots] == [0, 1, None, None]


def test_an_unplugged_drive_pauses_the_job_until_it_is_back(
    queue: Queue, sample: Sample, tmp_path: Path
) -> None:
    drive = tmp_path / "drive"
    shutil.copytree(sample.timeline.parent, drive)
    request = {
        "timeline": str(drive / sample.timeline.name),
        "languages": ["es"],
        "output": str(tmp_path / "out"),
        "subtitles": {"es": str(drive / "subtitles" / sample.subtitles("es")["es"].name)},
        "cast": str(drive / sample.cast.name),
    }
    with _running(queue, tmp_path / "store", slots_for([], 2)):
        job = queue.submit("dub", request)
        wait_for(lambda: _now(queue, job).done > 3)
        drive.rename(tmp_path / "unplugged")
        wait_for(lambda: _now(queue, job).state == "paused")
        reason = _now(queue, job).reason
        assert reason is not None and reason["what"] == "A drive is gone"
        (tmp_path / "unplugged").rename(drive)
        wait_for(lambda: _now(queue, job).ended is not None, within_s=300)
        assert _now(queue, job).state == "done"


def test_a_full_disk_pauses_the_job_until_there_is_room(
    queue: Queue, tmp_path: Path, tiny_disk: Path
) -> None:
    ballast = tiny_disk / "ballast"
    store = tiny_disk / "store"
    with _running(queue, store, slots_for([], 1), least_free=2 * 2**20):
        assert _ended(queue, _submit(queue, tmp_path, "calm")).state == "done"
        with ballast.open("wb") as file:
            file.write(b"x" * (shutil.disk_usage(tiny_disk).free - 20_000))
        job = _submit(queue, tmp_path, "calm again")
        wait_for(lambda: _now(queue, job).state == "paused")
        reason = _now(queue, job).reason
        assert reason is not None and reason["what"] == "The disk is full"
        time.sleep(2.5)
        assert _now(queue, job).state == "paused"
        ballast.unlink()
        assert _ended(queue, job).state == "done"


def test_workers_end_with_the_service(queue: Queue, tmp_path: Path) -> None:
    running = Supervisor(queue, Store(tmp_path / "store"), slots_for([], 1), lambda: None)
    queue.listen(running.wake)
    running.start()
    job = _submit(queue, tmp_path, "sleep")
    wait_for(lambda: [c["state"] for c in queue.chunks(job.id)][1:2] == ["running"])
    pid = running.pids["cpu0"]
    running.stop()
    assert not _alive(pid)
    assert queue.chunks(job.id)[1]["state"] == "ready"


def test_a_fault_of_the_service_itself_does_not_end_a_slot(queue: Queue, tmp_path: Path) -> None:
    asked = []

    def folders() -> None:
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError("the settings cannot be read")

    made = Supervisor(queue, Store(tmp_path / "store"), slots_for([], 1), folders)
    queue.listen(made.wake)
    made.start()
    try:
        job = _ended(queue, _submit(queue, tmp_path, "calm"))
        assert job.state == "done"
        assert {chunk["attempts"] for chunk in queue.chunks(job.id)} == {1}
    finally:
        made.stop()


def test_a_worker_that_dies_idle_costs_nobody_an_attempt(
    queue: Queue, tmp_path: Path, supervisor: Supervisor
) -> None:
    _ended(queue, _submit(queue, tmp_path, "calm"))
    for pid in supervisor.pids.values():
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: not _alive(pid))
    job = _ended(queue, _submit(queue, tmp_path, "calm again"))
    assert {chunk["attempts"] for chunk in queue.chunks(job.id)} == {1}


def test_the_store_is_kept_within_its_size(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    old = store.path("0" * 64)
    old.mkdir(parents=True)
    with (old / "large").open("wb") as file:
        file.truncate(60 * 2**30)  # sparse
    os.utime(old, (0, 0))
    with _running(queue, store.folder, slots_for([], 1)):
        _ended(queue, _submit(queue, tmp_path, "calm"))
        wait_for(lambda: not old.exists())


def test_a_sequence_that_is_named_by_its_pattern_is_not_a_lost_drive(
    queue: Queue, tmp_path: Path
) -> None:
    for pattern in ("plate.####.exr", "plate.%04d.exr", "plate.@@@@.exr"):
        request = {
            "plate": str(tmp_path / pattern), "dialogue": str(tmp_path / "a.wav"), "text": "x",
            "language": "es", "output": str(tmp_path),
        }  # fmt: skip
        job = queue.submit("lip_sync", request)
        made = Supervisor(queue, Store(tmp_path / "store"), [], lambda: None)
        assert tmp_path in made._places(job) and tmp_path / pattern not in made._places(job)


def test_a_gpu_that_does_not_say_its_memory_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '0, NVIDIA GB10, [N/A]'\necho '1, NVIDIA L4, 24000'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert find_gpus() == [Gpu(0, "NVIDIA GB10", 0), Gpu(1, "NVIDIA L4", 24000)]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert find_gpus() == [Gpu(1, "NVIDIA L4", 24000)]
