"""The durable queue: jobs made of chunks, in SQLite.

A job begins as one chunk, its planning. What is planned becomes chunks of their own, each after
those whose results it reads, and a last one that delivers. A worker holds a chunk under a lease
that it must renew; a chunk whose lease ran out goes back, and what its late holder says is not
heard. So every chunk is committed once, whatever dies in between. Leases are counted by a clock
that nobody sets; a service that starts gives all of them back.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

__all__ = ["ACTIVE", "Chunk", "Event", "Job", "JobState", "Queue"]

JobState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
ChunkKind = Literal["plan", "task", "deliver"]

ACTIVE: Final = ("queued", "running", "paused")
LEASE_S: Final = 60.0
MOST_ATTEMPTS: Final = 3
MOST_PLANNINGS: Final = 3
FULL_BATCH: Final = 8
KEPT_EVENTS: Final = 100_000
KEPT_JOBS: Final = 1000

SCHEMA_VERSION: Final = 2
SCHEMA: Final = """
create table if not exists job (
  number integer primary key, id text unique not null, operation text not null,
  request text not null, title text not null, tag text not null, priority integer not null,
  state text not null, reason text, error text, result text, total integer not null default 0,
  done integer not null default 0, label text not null default '',
  plannings integer not null default 0, submitted real not null, started real, ended real
);
create index if not exists job_state on job (state);
create table if not exists chunk (
  id integer primary key, job integer not null references job, key text not null,
  kind text not null, body text not null, state text not null, needs integer not null,
  units integer not null, done integer not null default 0, attempts integer not null default 0,
  batch integer not null, worker text, lease real, error text, commits integer not null default 0
);
create index if not exists chunk_state on chunk (state, job, id);
create index if not exists chunk_job on chunk (job, key);
create table if not exists need (before integer not null, after integer not null);
create index if not exists need_before on need (before);
create table if not exists event (
  id integer primary key autoincrement, job integer not null, body text not null
);
create index if not exists event_job on event (job, id);
"""
OLD_JOBS: Final = """
select number from job where state in ('done', 'failed', 'cancelled')
order by number desc limit -1 offset ?
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its follower sees it.

    Attributes:
        state: paused jobs have a `reason` when it was not the user who paused them.
        done, total: units of work.
        label: what was worked on last.
        result: of a done job. `error` is that of a failed one.
        submitted, started, ended: seconds since 1970.
    """

    id: str
    operation: str
    title: str
    tag: str
    priority: int
    state: JobState
    done: int
    total: int
    label: str
    result: dict[str, Any] | None
    error: dict[str, str] | None
    reason: dict[str, str] | None
    submitted: float
    started: float | None
    ended: float | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of work that a worker holds.

    Attributes:
        body: of a task its JSON, otherwise the operation and the request.
        batch: frames to work on at once, at most.
    """

    id: int
    job: str
    kind: ChunkKind
    body: dict[str, Any]
    units: int
    attempts: int
    batch: int

    @property
    def label(self) -> str:
        names = {"plan": "reading the timeline", "deliver": "delivering"}
        return names.get(self.kind) or str(self.body["label"])


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job; `id` grows."""

    id: int
    job: str
    body: dict[str, Any]


class Queue:
    """The jobs of one service. Any thread may call it.

    Args:
        path: of its database.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _put_aside_another_version(path)
        self._heard: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(SCHEMA)
        self._db.execute(f"pragma user_version={SCHEMA_VERSION}")

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` after each change, from the thread that made it."""
        self._heard = heard

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def recover(self) -> None:
        """Give back what a service that died was working on. Call before any worker starts."""
        with self._changing() as db:
            for row in db.execute("select id from chunk where state='running'").fetchall():
                self._give_back(db, row["id"], attempts=-1)

    def submit(
        self,
        operation: str,
        request: Mapping[str, Any],
        *,
        title: str = "",
        tag: str = "",
        priority: int = 0,
    ) -> Job:
        """Queue a job; its request has been validated."""
        with self._changing() as db:
            number = db.execute(
                "insert into job (id, operation, request, title, tag, priority, state, submitted)"
                " values (?, ?, ?, ?, ?, ?, 'queued', ?) returning number",
                (secrets.token_hex(8), operation, json.dumps(request), title, tag, priority,
                 time.time()),
            ).fetchone()["number"]  # fmt: skip
            self._start_over(db, number)
            self._tell_state(db, number)
            return self._job(db, number)

    def put_down(
        self, operation: str, request: Mapping[str, Any], result: Mapping[str, Any], *, title: str
    ) -> Job:
        """A job that was done elsewhere."""
        with self._changing() as db:
            now = time.time()
            number = db.execute(
                "insert into job (id, operation, request, title, tag, priority, state, submitted,"
                " started, ended, result) values (?, ?, ?, ?, '', 0, 'done', ?, ?, ?, ?)"
                " returning number",
                (secrets.token_hex(8), operation, json.dumps(request), title, now, now, now,
                 json.dumps(result)),
            ).fetchone()["number"]  # fmt: skip
            self._tell_state(db, number)
            return self._job(db, number)

    def claim(self, worker: str, with_weights: bool = True) -> Chunk | None:
        """The next chunk, now held by this worker; None when none is ready.

        Args:
            worker: its name.
            with_weights: whether it may be one that loads weights.
        """
        with self._changing() as db:
            row = db.execute(
                "select chunk.* from chunk join job on job.number = chunk.job"
                " where chunk.state = 'ready' and job.state in ('queued', 'running')"
                " and not exists (select 1 from chunk other where other.state = 'running'"
                "   and other.key = chunk.key)"
                " and coalesce(json_extract(chunk.body, '$.loads_weights'), 0) <= ?"
                " order by job.priority desc, job.number, chunk.id limit 1",
                (with_weights,),
            ).fetchone()
            if row is None:
                return None
            db.execute(
                "update chunk set state='running', worker=?, lease=?, attempts=attempts+1, done=0"
                " where id=?",
                (worker, time.monotonic() + LEASE_S, row["id"]),
            )
            job = db.execute("select * from job where number=?", (row["job"],)).fetchone()
            if job["state"] == "queued":
                db.execute(
                    "update job set state='running', started=coalesce(started, ?) where number=?",
                    (time.time(), job["number"]),
                )
                self._tell_state(db, job["number"])
            body = json.loads(row["body"])
            if row["kind"] != "task":
                body = {"operation": job["operation"], "request": json.loads(job["request"])}
            return Chunk(
                row["id"], job["id"], row["kind"], body, row["units"], row["attempts"] + 1,
                row["batch"],
            )  # fmt: skip

    def renew(self, chunk: Chunk, worker: str) -> bool:
        """Hold a chunk for longer; False when it is not this worker's any more."""
        with self._lock:
            renewed = self._db.execute(
                "update chunk set lease=? where id=? and worker=? and state='running'",
                (time.monotonic() + LEASE_S, chunk.id, worker),
            )
            return renewed.rowcount == 1

    def progress(self, chunk: Chunk, worker: str, units: int) -> bool:
        """Count units of work; False when the chunk is not this worker's any more."""
        with self._changing() as db:
            if not self._held(db, chunk, worker):
                return False
            row = db.execute(
                "select job, units, done from chunk where id=?", (chunk.id,)
            ).fetchone()
            counted = min(units, row["units"] - row["done"])
            db.execute(
                "update chunk set done=done+?, lease=? where id=?",
                (counted, time.monotonic() + LEASE_S, chunk.id),
            )
            self._count(db, row["job"], counted, chunk.label)
            return True

    def commit(self, chunk: Chunk, worker: str, value: Any) -> bool:
        """Finish a chunk; False when it is not this worker's any more, and nothing is done.

        Args:
            value: of a planning its tasks; of a delivery its result, or tasks if more is to do.
        """
        with self._changing() as db:
            if not self._held(db, chunk, worker):
                return False
            number = self._number(db, chunk.job)
            if chunk.kind == "deliver" and "result" not in value:
                self._plan_again(db, number, chunk, value["tasks"])
                return True
            uncounted = self._finish_chunk(db, chunk.id)
            self._count(db, number, uncounted, chunk.label)
            if chunk.kind == "plan":
                self._plan(db, number, value["tasks"])
            elif chunk.kind == "deliver":
                self._end(db, number, "done", result=value["result"])
            else:
                self._end_if_stuck(db, number)
            return True

    def give_back(
        self, chunk: Chunk, worker: str, why: str, *, counts: bool = True, smaller: bool = False
    ) -> None:
        """Return an unfinished chunk.

        Args:
            why: it was not finished.
            counts: whether this was an attempt; after three the chunk fails.
            smaller: halve the frames that are worked on at once.
        """
        with self._changing() as db:
            if not self._held(db, chunk, worker):
                return
            if counts and chunk.attempts >= MOST_ATTEMPTS and not (smaller and chunk.batch > 1):
                self._fail(db, chunk.id, _gave_up(chunk, why))
                return
            if smaller:
                db.execute("update chunk set batch=max(1, batch/2) where id=?", (chunk.id,))
            self._give_back(db, chunk.id, attempts=0 if counts else -1)

    def fail(self, chunk: Chunk, worker: str, error: Mapping[str, str]) -> None:
        """A chunk that cannot be done; what does not need it goes on."""
        with self._changing() as db:
            if self._held(db, chunk, worker):
                self._fail(db, chunk.id, error)

    def expire(self) -> list[int]:
        """Give back the chunks whose leases ran out; their ids."""
        with self._changing() as db:
            late = db.execute(
                "select id from chunk where state='running' and lease < ?", (time.monotonic(),)
            ).fetchall()
            for row in late:
                self._give_back(db, row["id"], attempts=0)
            return [row["id"] for row in late]

    def pause(self, job_id: str, reason: Mapping[str, str] | None = None) -> bool:
        """Hold a job; its chunks go back. False where the job is not active."""
        return self._halt(job_id, "paused", ("queued", "running"), reason)

    def cancel(self, job_id: str) -> bool:
        """End a job; what it has finished stays in the store."""
        return self._halt(job_id, "cancelled", ACTIVE, None)

    def resume(self, job_id: str) -> bool:
        """Go on with a paused job."""
        with self._changing() as db:
            number = self._number(db, job_id)
            resumed = db.execute(
                "update job set state='queued', reason=null where number=? and state='paused'",
                (number,),
            )
            if resumed.rowcount:
                self._tell_state(db, number)
            return resumed.rowcount == 1

    def retry(self, job_id: str) -> bool:
        """Do a failed or cancelled job again, from its planning; finished work is found again."""
        with self._changing() as db:
            number = self._number(db, job_id)
            row = db.execute("select state from job where number=?", (number,)).fetchone()
            if row["state"] not in ("failed", "cancelled"):
                return False
            db.execute(
                "update job set state='queued', reason=null, error=null, result=null, ended=null,"
                " started=null, done=0, total=0, label='', plannings=0 where number=?",
                (number,),
            )
            self._start_over(db, number)
            self._tell_state(db, number)
            return True

    def set_priority(self, job_id: str, priority: int) -> bool:
        """Higher is sooner. False where the job is not active."""
        with self._changing() as db:
            number = self._number(db, job_id)
            marks = ", ".join("?" * len(ACTIVE))
            changed = db.execute(
                f"update job set priority=? where number=? and state in ({marks})",  # noqa: S608
                (priority, number, *ACTIVE),
            )
            if changed.rowcount:
                self._tell_state(db, number)
            return changed.rowcount == 1

    def job(self, job_id: str) -> Job | None:
        with self._lock:
            row = self._db.execute("select * from job where id=?", (job_id,)).fetchone()
            return _as_job(row) if row else None

    def jobs(self, *, tag: str = "", limit: int = 1000, states: Sequence[str] = ()) -> list[Job]:
        """The jobs, the newest first.

        Args:
            tag: only those with this tag.
            limit: as many at most.
            states: only those in one of these states.
        """
        marks = ", ".join("?" * len(states))
        wanted = f" and state in ({marks})" if states else ""
        with self._lock:
            rows = self._db.execute(
                f"select * from job where (?='' or tag=?){wanted}"  # noqa: S608 - only marks
                " order by number desc limit ?",
                (tag, tag, *states, limit),
            ).fetchall()
        return [_as_job(row) for row in rows]

    def request(self, job_id: str) -> dict[str, Any]:
        """What was asked for."""
        with self._lock:
            row = self._db.execute("select request from job where id=?", (job_id,)).fetchone()
        return dict(json.loads(row["request"]))

    def chunks(self, job_id: str) -> list[dict[str, Any]]:
        """The chunks of a job, for people: id, kind, label, state, attempts, error, commits."""
        with self._lock:
            rows = self._db.execute(
                "select chunk.* from chunk join job on job.number=chunk.job where job.id=?"
                " order by chunk.id",
                (job_id,),
            ).fetchall()
        return [
            {
                "id": row["id"],
                "kind": row["kind"],
                "label": json.loads(row["body"]).get("label", row["kind"]),
                "state": row["state"],
                "units": row["units"],
                "done": row["done"],
                "attempts": row["attempts"],
                "batch": row["batch"],
                "commits": row["commits"],
                "error": json.loads(row["error"]) if row["error"] else None,
            }
            for row in rows
        ]

    def events(self, after: int, job_id: str = "", limit: int = 1000) -> list[Event]:
        """What happened after an event, of one job or of all."""
        with self._lock:
            rows = self._db.execute(
                "select event.id, job.id as job, event.body from event"
                " join job on job.number=event.job"
                " where event.id>? and (?='' or job.id=?) order by event.id limit ?",
                (after, job_id, job_id, limit),
            ).fetchall()
        return [Event(row["id"], row["job"], json.loads(row["body"])) for row in rows]

    def last_event(self) -> int:
        """The id of the newest event; 0 where nothing has happened."""
        with self._lock:
            row = self._db.execute("select max(id) as id from event").fetchone()
        return int(row["id"] or 0)

    def drawn(self, job_id: str) -> list[str]:
        """Keys of the drawings of a job that are done, the last of its plan first."""
        with self._lock:
            rows = self._db.execute(
                "select chunk.key from chunk join job on job.number=chunk.job"
                " where job.id=? and chunk.state='done' and chunk.kind='task'"
                " and json_extract(chunk.body, '$.stage')='draw' order by chunk.id desc",
                (job_id,),
            ).fetchall()
        return [row["key"] for row in rows]

    def wait_out(self, chunk: Chunk, worker: str, reason: Mapping[str, str]) -> None:
        """Pause the job of a chunk whose work can go on by itself once a cause is gone."""
        with self._changing() as db:
            if self._held(db, chunk, worker):
                self._halt_now(db, self._number(db, chunk.job), "paused", reason)

    def plan_anew(self, chunk: Chunk, worker: str, why: Mapping[str, str]) -> None:
        """Plan a job again, since what its plan was made from is not so any more."""
        with self._changing() as db:
            if not self._held(db, chunk, worker):
                return
            number = self._number(db, chunk.job)
            if self._planned_too_often(db, number):
                self._fail(db, chunk.id, why)
                return
            db.execute("update job set done=0, total=0 where number=?", (number,))
            self._start_over(db, number)

    def prune(self) -> None:
        """Forget old events, what ended jobs were planned as, and the oldest ended jobs."""
        with self._changing() as db:
            db.execute(
                "delete from event where id <= (select max(id) from event) - ?", (KEPT_EVENTS,)
            )
            for table in ("event", "chunk"):
                db.execute(
                    f"delete from {table} where job in ({OLD_JOBS})",  # noqa: S608 - constants
                    (KEPT_JOBS,),
                )
            db.execute(f"delete from job where number in ({OLD_JOBS})", (KEPT_JOBS,))  # noqa: S608
            db.execute(
                "delete from need where before not in (select chunk.id from chunk join job"
                " on job.number=chunk.job where job.state in ('queued', 'running', 'paused'))"
            )
            db.execute(
                "update chunk set body=json_object('label', json_extract(body, '$.label'),"
                " 'stage', json_extract(body, '$.stage')) where kind='task'"
                " and json_extract(body, '$.parameters') is not null and job in"
                " (select number from job where state in ('done', 'failed', 'cancelled'))"
            )

    def active_keys(self) -> list[str]:
        """Keys of the results that active jobs have made or will read."""
        with self._lock:
            rows = self._db.execute(
                "with active as (select chunk.key, chunk.kind, chunk.body from chunk"
                " join job on job.number=chunk.job"
                " where job.state in ('queued', 'running', 'paused'))"
                " select key from active union select read.value as key from active,"
                " json_each(active.body, '$.inputs') as read where active.kind='task'"
            ).fetchall()
        return [row["key"] for row in rows]

    def held(self, chunk: Chunk, worker: str) -> bool:
        """Whether a worker still holds a chunk."""
        with self._lock:
            return self._held(self._db, chunk, worker)

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; listeners hear of it afterwards, if it changed anything."""
        with self._lock:
            before = self._db.total_changes
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise
            changed = self._db.total_changes != before
        if changed:
            self._heard()

    def _start_over(self, db: sqlite3.Connection, number: int) -> None:
        db.execute("delete from need where before in (select id from chunk where job=?)", (number,))
        db.execute("delete from chunk where job=?", (number,))
        self._add(db, number, f"plan:{number}", "plan", {}, 0)

    def _add(
        self,
        db: sqlite3.Connection,
        number: int,
        key: str,
        kind: ChunkKind,
        body: Mapping[str, Any],
        needs: int,
        units: int = 0,
        finished: bool = False,
    ) -> int:
        state = "done" if finished else ("waiting" if needs else "ready")
        row = db.execute(
            "insert into chunk (job, key, kind, body, state, needs, units, done, batch)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
            (number, key, kind, json.dumps(body), state, needs, units, units if finished else 0,
             FULL_BATCH),
        ).fetchone()  # fmt: skip
        return int(row["id"])

    def _plan(self, db: sqlite3.Connection, number: int, tasks: Sequence[dict[str, Any]]) -> None:
        """Queue the tasks of a plan, each behind those that it needs, and the delivery."""
        unfinished = {task["key"] for task in tasks if not task["finished"]}
        ids = {}
        for task in tasks:
            needs = [key for key in task["needs"] if key in unfinished]
            ids[task["key"]] = self._add(
                db, number, task["key"], "task", task["task"],
                0 if task["finished"] else len(needs), task["task"]["units"], task["finished"],
            )  # fmt: skip
        # Two deliveries into one folder wait for each other: equal keys do not run at once.
        output = json.loads(
            db.execute("select request from job where number=?", (number,)).fetchone()["request"]
        ).get("output", number)
        deliver = self._add(db, number, f"deliver:{output}", "deliver", {}, len(unfinished))
        pairs = [
            (ids[key], ids[task["key"]])
            for task in tasks
            if not task["finished"]
            for key in task["needs"]
            if key in unfinished
        ]
        pairs += [(ids[key], deliver) for key in unfinished]
        db.executemany("insert into need (before, after) values (?, ?)", pairs)
        total = sum(task["task"]["units"] for task in tasks)
        done = sum(task["task"]["units"] for task in tasks if task["finished"])
        db.execute("update job set total=?, done=? where number=?", (total, done, number))
        self._tell(db, number, {"progress": {"done": done, "total": total, "label": ""}})

    def _plan_again(
        self, db: sqlite3.Connection, number: int, chunk: Chunk, tasks: Sequence[dict[str, Any]]
    ) -> None:
        """What is to be delivered changed while the work ran."""
        if self._planned_too_often(db, number):
            self._fail(db, chunk.id, {
                "what": "The media keep changing",
                "where": "the delivery",
                "why": f"they were changed while the job ran, {MOST_PLANNINGS} times",
                "repair": "wait until nothing writes to them, and retry the job",
            })  # fmt: skip
            return
        db.execute("delete from need where before in (select id from chunk where job=?)", (number,))
        db.execute("delete from chunk where job=?", (number,))
        self._plan(db, number, tasks)

    def _planned_too_often(self, db: sqlite3.Connection, number: int) -> bool:
        row = db.execute(
            "update job set plannings=plannings+1 where number=? returning plannings", (number,)
        ).fetchone()
        return bool(row["plannings"] >= MOST_PLANNINGS)

    def _finish_chunk(self, db: sqlite3.Connection, chunk: int) -> int:
        """Its units that no progress was told of."""
        row = db.execute("select units - done as left from chunk where id=?", (chunk,)).fetchone()
        db.execute(
            "update chunk set state='done', commits=commits+1, done=units, worker=null, lease=null"
            " where id=?",
            (chunk,),
        )
        db.execute(
            "update chunk set needs=needs-1,"
            " state=case when needs=1 and state='waiting' then 'ready' else state end"
            " where id in (select after from need where before=?)",
            (chunk,),
        )
        return int(row["left"])

    def _give_back(self, db: sqlite3.Connection, chunk: int, attempts: int) -> None:
        row = db.execute("select job, done from chunk where id=?", (chunk,)).fetchone()
        db.execute(
            "update chunk set state='ready', worker=null, lease=null, done=0,"
            " attempts=max(0, attempts+?) where id=?",
            (attempts, chunk),
        )
        if row["done"]:
            db.execute("update job set done=done-? where number=?", (row["done"], row["job"]))

    def _fail(self, db: sqlite3.Connection, chunk: int, error: Mapping[str, str]) -> None:
        row = db.execute(
            "update chunk set state='failed', worker=null, lease=null, error=? where id=?"
            " returning job",
            (json.dumps(dict(error)), chunk),
        ).fetchone()
        db.execute(
            "with recursive lost(id) as (select after from need where before=?"
            " union select after from need join lost on need.before=lost.id)"
            " update chunk set state='skipped' where id in (select id from lost)",
            (chunk,),
        )
        db.execute(
            "update job set error=coalesce(error, ?) where number=?",
            (json.dumps(dict(error)), row["job"]),
        )
        self._tell(db, row["job"], {"failed": dict(error)})
        self._end_if_stuck(db, row["job"])

    def _end_if_stuck(self, db: sqlite3.Connection, number: int) -> None:
        """A job whose delivery was lost fails once everything else of it is done."""
        left = db.execute(
            "select count(*) as n from chunk where job=?"
            " and state in ('ready', 'waiting', 'running')",
            (number,),
        ).fetchone()["n"]
        if not left:
            self._end(db, number, "failed")

    def _end(
        self,
        db: sqlite3.Connection,
        number: int,
        state: JobState,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        db.execute(
            "update job set state=?, ended=?, result=? where number=?",
            (state, time.time(), json.dumps(result) if result else None, number),
        )
        self._tell_state(db, number)

    def _halt(
        self,
        job_id: str,
        state: JobState,
        allowed: Iterable[str],
        reason: Mapping[str, str] | None,
    ) -> bool:
        with self._changing() as db:
            number = self._number(db, job_id)
            now = db.execute("select state from job where number=?", (number,)).fetchone()
            if now["state"] not in allowed:
                return False
            self._halt_now(db, number, state, reason)
            return True

    def _halt_now(
        self,
        db: sqlite3.Connection,
        number: int,
        state: JobState,
        reason: Mapping[str, str] | None,
    ) -> None:
        running = db.execute(
            "select id from chunk where job=? and state='running'", (number,)
        ).fetchall()
        for row in running:
            self._give_back(db, row["id"], attempts=-1)
        db.execute(
            "update job set state=?, reason=?, ended=? where number=?",
            (state, json.dumps(dict(reason)) if reason else None,
             time.time() if state == "cancelled" else None, number),
        )  # fmt: skip
        self._tell_state(db, number)

    def _held(self, db: sqlite3.Connection, chunk: Chunk, worker: str) -> bool:
        row = db.execute("select state, worker from chunk where id=?", (chunk.id,)).fetchone()
        return row is not None and row["state"] == "running" and row["worker"] == worker

    def _number(self, db: sqlite3.Connection, job_id: str) -> int:
        row = db.execute("select number from job where id=?", (job_id,)).fetchone()
        if row is None:
            raise KeyError(job_id)
        return int(row["number"])

    def _job(self, db: sqlite3.Connection, number: int) -> Job:
        return _as_job(db.execute("select * from job where number=?", (number,)).fetchone())

    def _count(self, db: sqlite3.Connection, number: int, units: int, label: str) -> None:
        row = db.execute(
            "update job set done=done+?, label=? where number=? returning done, total",
            (units, label, number),
        ).fetchone()
        progress = {"done": row["done"], "total": row["total"], "label": label}
        self._tell(db, number, {"progress": progress})

    def _tell_state(self, db: sqlite3.Connection, number: int) -> None:
        job = self._job(db, number)
        self._tell(db, number, {"state": job.state, "reason": job.reason or job.error})

    def _tell(self, db: sqlite3.Connection, number: int, body: Mapping[str, Any]) -> None:
        db.execute("insert into event (job, body) values (?, ?)", (number, json.dumps(body)))


def _as_job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        operation=row["operation"],
        title=row["title"],
        tag=row["tag"],
        priority=row["priority"],
        state=row["state"],
        done=row["done"],
        total=row["total"],
        label=row["label"],
        result=json.loads(row["result"]) if row["result"] else None,
        error=json.loads(row["error"]) if row["error"] and row["state"] == "failed" else None,
        reason=json.loads(row["reason"]) if row["reason"] else None,
        submitted=row["submitted"],
        started=row["started"],
        ended=row["ended"],
    )


def _gave_up(chunk: Chunk, why: str) -> dict[str, str]:
    return {
        "what": "A piece of the work failed again and again",
        "where": chunk.label,
        "why": f"{why}, at each of {chunk.attempts} attempts",
        "repair": "retry the job; if it fails there again, report it with this message",
    }


def _put_aside_another_version(path: Path) -> None:
    """A queue that another version of Dubwright wrote is kept beside a new one, and not read."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path)) as db:
        version = db.execute("pragma user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return
    aside = path.with_name(f"{path.stem}.version-{version}{path.suffix}")
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.replace(aside.with_name(aside.name + suffix))
