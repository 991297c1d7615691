"""The durable queue, on a real database."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.service import queue as queue_module
from dubwright.service.queue import Chunk, Job, Queue

ERROR = {"what": "w", "where": "x", "why": "y", "repair": "z"}


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path / "queue.sqlite")


def _task(key: str, needs: tuple[str, ...] = (), units: int = 2, finished: bool = False) -> Any:
    return {
        "key": key, "needs": list(needs), "finished": finished,
        "task": {"label": f"doing {key}", "units": units},
    }  # fmt: skip


def _planned(queue: Queue, tasks: list[Any], **rest: Any) -> Job:
    job = queue.submit("animate", {"output": "/out"}, **rest)
    plan = queue.claim("planner")
    assert plan is not None and plan.kind == "plan" and plan.job == job.id
    assert plan.body == {"operation": "animate", "request": {"output": "/out"}}
    assert queue.commit(plan, "planner", {"tasks": tasks})
    return job


def _claimed(queue: Queue, worker: str = "w") -> Chunk:
    chunk = queue.claim(worker)
    assert chunk is not None
    return chunk


def _finish_all(queue: Queue) -> list[str]:
    """Do everything that is ready; labels in order."""
    labels = []
    while (chunk := queue.claim("w")) is not None:
        labels.append(chunk.label)
        result = {"result": {"folder": "/out/v001"}} if chunk.kind == "deliver" else None
        assert queue.commit(chunk, "w", result)
    return labels


def _state(queue: Queue, job: Job) -> Job:
    now = queue.job(job.id)
    assert now is not None
    return now


def test_chunks_are_done_after_those_they_need_and_delivered_last(queue: Queue) -> None:
    job = _planned(queue, [_task("c", ("a", "b")), _task("a"), _task("b", ("a",))])
    assert _finish_all(queue) == ["doing a", "doing b", "doing c", "delivering"]
    done = _state(queue, job)
    assert done.state == "done" and done.result == {"folder": "/out/v001"}
    assert all(chunk["commits"] == 1 for chunk in queue.chunks(job.id))


def test_what_is_finished_already_is_counted_and_not_done_again(queue: Queue) -> None:
    job = _planned(queue, [_task("a", finished=True), _task("b", ("a",))])
    assert (_state(queue, job).done, _state(queue, job).total) == (2, 4)
    assert _finish_all(queue) == ["doing b", "delivering"]


def test_higher_priority_comes_first_then_the_older_job(queue: Queue) -> None:
    jobs = [queue.submit("animate", {}, priority=p) for p in (0, 5, 5, -1)]
    assert queue.set_priority(jobs[3].id, 9)
    order = [_claimed(queue, f"w{i}").job for i in range(4)]
    assert order == [jobs[3].id, jobs[1].id, jobs[2].id, jobs[0].id]


def test_a_late_holder_is_not_heard(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "LEASE_S", 0.01)
    job = _planned(queue, [_task("a")])
    late = _claimed(queue, "late")
    assert queue.progress(late, "late", 1) and _state(queue, job).done == 1
    time.sleep(0.02)
    assert queue.expire() == [late.id] and _state(queue, job).done == 0
    now = _claimed(queue, "now")
    assert now.id == late.id and now.attempts == 2
    assert not queue.progress(late, "late", 1)
    assert not queue.renew(late, "late")
    assert not queue.commit(late, "late", None)
    assert queue.commit(now, "now", None)


def test_two_jobs_do_not_make_the_same_result_at_once(queue: Queue) -> None:
    _planned(queue, [_task("same")])
    held = _claimed(queue, "one")
    job = queue.submit("animate", {})
    plan = _claimed(queue, "two")
    assert plan.kind == "plan" and queue.commit(plan, "two", {"tasks": [_task("same")]})
    assert queue.claim("two") is None
    assert queue.commit(held, "one", None)
    assert {_claimed(queue, "a").job, _claimed(queue, "b").job} >= {job.id}


def test_a_poisoned_chunk_fails_alone(queue: Queue) -> None:
    job = _planned(queue, [_task("bad"), _task("after", ("bad",)), _task("good")])
    for attempt in range(3):
        bad = _claimed(queue)
        assert bad.label == "doing bad" and bad.attempts == attempt + 1
        queue.give_back(bad, "w", "the worker ended with status 1")
    assert _finish_all(queue) == ["doing good"]
    failed = _state(queue, job)
    assert failed.state == "failed" and failed.error is not None
    assert "status 1, at each of 3 attempts" in failed.error["why"]
    states = {chunk["label"]: chunk["state"] for chunk in queue.chunks(job.id)}
    assert states["doing good"] == "done" and states["doing after"] == "skipped"


def test_what_memory_is_too_small_for_is_tried_in_halves(queue: Queue) -> None:
    _planned(queue, [_task("big")])
    batches = []
    for _ in range(4):
        chunk = _claimed(queue)
        batches.append(chunk.batch)
        queue.give_back(chunk, "w", "out of memory", smaller=True)
    assert batches == [8, 4, 2, 1]
    assert queue.claim("w") is None  # a frame at a time was tried too


def test_a_job_is_paused_resumed_and_cancelled(queue: Queue) -> None:
    job = _planned(queue, [_task("a"), _task("b")])
    held = _claimed(queue)
    assert queue.pause(job.id, ERROR)
    assert _state(queue, job).reason == ERROR and not queue.held(held, "w")
    assert queue.claim("w") is None and not queue.pause(job.id)
    assert queue.resume(job.id) and not queue.resume(job.id)
    again = _claimed(queue)
    assert again.id == held.id and again.attempts == 1  # being paused is no fault of its own
    assert queue.cancel(job.id) and not queue.cancel(job.id)
    assert _state(queue, job).state == "cancelled" and queue.claim("w") is None
    assert queue.retry(job.id) and _claimed(queue).kind == "plan"


def test_media_that_change_while_the_job_runs_are_planned_again(queue: Queue) -> None:
    job = _planned(queue, [_task("old", finished=True)])
    for round_ in itertools.count():
        deliver = _claimed(queue)
        assert deliver.kind == "deliver"
        queue.commit(deliver, "w", {"tasks": [_task(f"new{round_}")]})
        if _state(queue, job).state == "failed":
            break
        new = _claimed(queue)
        assert new.label == f"doing new{round_}" and queue.commit(new, "w", None)
    error = _state(queue, job).error
    assert round_ == 2 and error is not None and "keep changing" in error["what"]


def test_events_are_told_once_each_and_in_order(queue: Queue) -> None:
    rung: list[int] = []
    queue.listen(lambda: rung.append(1))
    job = _planned(queue, [_task("a")])
    _finish_all(queue)
    events = queue.events(0, job.id)
    assert [event.id for event in events] == sorted({event.id for event in events})
    states = [event.body["state"] for event in events if "state" in event.body]
    assert states == ["queued", "running", "done"] and rung
    assert queue.events(events[-1].id, job.id) == []
    assert [e.id for e in queue.events(events[2].id, job.id)] == [e.id for e in events[3:]]


STEPS = st.lists(st.sampled_from(["claim", "die", "commit", "progress", "restart"]), max_size=60)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 5))
def test_whatever_dies_every_chunk_is_committed_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], count: int
) -> None:
    path = tmp_path_factory.mktemp("queue") / "queue.sqlite"
    queue = Queue(path)
    tasks = [_task(f"t{i}", (f"t{i - 1}",) if i % 2 else ()) for i in range(count)]
    job = _planned(queue, tasks)
    held: list[tuple[Chunk, str]] = []
    names = (f"w{i}" for i in itertools.count())
    do: dict[str, Callable[[Chunk, str], object]] = {
        "commit": lambda c, w: queue.commit(
            c, w, {"result": {"folder": "x"}} if c.kind == "deliver" else None
        ),
        "progress": lambda c, w: queue.progress(c, w, 1),
        "die": lambda c, w: queue.give_back(c, w, "it died", counts=False),
    }
    for step in steps:
        if step == "claim":
            name = next(names)
            chunk = queue.claim(name)
            held += [(chunk, name)] if chunk else []
        elif step == "restart":  # the holders live on for a while, as zombies do
            queue.close()
            queue = Queue(path)
            queue.recover()
        elif held:
            do[step](*held.pop(0) if step != "progress" else held[0])
    queue.recover()
    _finish_all(queue)
    now = _state(queue, job)
    assert now.state == "done" and now.done == now.total == 2 * count
    assert [chunk["commits"] for chunk in queue.chunks(job.id)] == [1] * (count + 2)
    queue.close()


def test_the_database_is_kept_in_order_by_sqlite_itself(queue: Queue, tmp_path: Path) -> None:
    _planned(queue, [_task("a"), _task("b", ("a",))])
    with sqlite3.connect(tmp_path / "queue.sqlite") as other:
        assert other.execute("pragma integrity_check").fetchone() == ("ok",)
        assert other.execute("pragma journal_mode").fetchone() == ("wal",)


def test_looking_in_vain_wakes_nobody(queue: Queue) -> None:
    heard = []
    queue.listen(lambda: heard.append(1))
    assert queue.claim("w") is None and queue.expire() == []
    assert heard == []
    queue.submit("animate", {"output": "/out"})
    assert heard == [1]


def test_why_a_job_failed_survives_a_pause(queue: Queue) -> None:
    job = _planned(queue, [_task("a"), _task("b")])
    queue.fail(_claimed(queue), "w", ERROR)
    assert queue.pause(job.id) and queue.resume(job.id)
    _finish_all(queue)
    failed = _state(queue, job)
    assert failed.state == "failed" and failed.error == ERROR


def test_deliveries_into_one_folder_wait_for_each_other(queue: Queue) -> None:
    for worker in ("a", "b"):
        queue.submit("animate", {"output": "/out"}, title=worker)
    plans = {worker: _claimed(queue, worker) for worker in ("a", "b")}
    for worker, plan in plans.items():
        queue.commit(plan, worker, {"tasks": []})
    first = _claimed(queue)
    assert first.kind == "deliver" and queue.claim("other") is None
    queue.commit(first, "w", {"result": {"folder": "/out/v001"}})
    assert _claimed(queue, "other").kind == "deliver"


def test_a_plan_that_is_outdated_is_made_anew_but_not_for_ever(queue: Queue) -> None:
    job = _planned(queue, [_task("a"), _task("b")])
    for _ in range(queue_module.MOST_PLANNINGS - 1):
        chunk = _claimed(queue)
        queue.plan_anew(chunk, "w", ERROR)
        again = _claimed(queue)
        assert again.kind == "plan"
        queue.commit(again, "w", {"tasks": [_task("a"), _task("b")]})
    queue.plan_anew(_claimed(queue), "w", ERROR)
    _finish_all(queue)
    assert _state(queue, job).error == ERROR


def test_what_waits_is_only_paused_by_its_holder(queue: Queue) -> None:
    job = _planned(queue, [_task("a")])
    chunk = _claimed(queue)
    queue.wait_out(chunk, "somebody else", ERROR)
    assert _state(queue, job).state == "running"
    queue.wait_out(chunk, "w", ERROR)
    assert _state(queue, job).state == "paused" and _state(queue, job).reason == ERROR


def test_old_jobs_are_forgotten_and_ended_ones_made_small(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(queue_module, "KEPT_JOBS", 2)
    task = _task("a")
    task["task"] |= {"stage": "draw", "parameters": {"text": "long"}}
    ended = []
    for _ in range(4):
        ended.append(_planned(queue, [task]))
        _finish_all(queue)
    waiting = queue.submit("animate", {"output": "/out"})
    queue.prune()
    assert [job.id for job in queue.jobs()] == [waiting.id, ended[3].id, ended[2].id]
    assert [chunk["label"] for chunk in queue.chunks(ended[3].id)][1] == "doing a"
    assert queue.drawn(ended[3].id) == ["a"]
    with sqlite3.connect(tmp_path / "queue.sqlite") as other:
        assert not other.execute("select * from chunk where body like '%long%'").fetchall()
        assert not other.execute("select * from need").fetchall()


def test_a_queue_of_another_version_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("create table job (other)")
        other.execute("pragma user_version=1")
    assert Queue(path).jobs() == []
    assert (tmp_path / "queue.version-1.sqlite").exists()
