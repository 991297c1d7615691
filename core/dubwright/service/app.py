"""The HTTP API, version 1."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Header, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dubwright._version import __version__
from dubwright.errors import DubwrightError
from dubwright.operations.request import REQUESTS, request_paths
from dubwright.service.broadcast import Broadcast
from dubwright.service.queue import Event, Job, JobState, Queue
from dubwright.store.access import Access

__all__ = ["Change", "JobView", "Submission", "create_app"]

ALIVE_S: Final = 15.0
HIGHEST_PRIORITY: Final = 1000

JobId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class Submission(BaseModel):
    """What a client sends: an operation and its request."""

    model_config = ConfigDict(extra="forbid")

    operation: Literal["dub", "lip_sync", "animate"]
    request: dict[str, Any] = Field(description="As the schema of the operation says.")
    title: str = Field("", max_length=200, description="For people.")
    tag: str = Field("", max_length=200, description="For the client to find its jobs by.")
    priority: int = Field(
        0, ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY, description="Higher is sooner."
    )


class Change(BaseModel):
    """A job's new priority."""

    model_config = ConfigDict(extra="forbid")

    priority: int = Field(ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)


class JobView(BaseModel):
    """A job as its follower sees it; times are seconds since 1970."""

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


class Refusal(BaseModel):
    """Why a call was refused, and where it can be told what to do about it."""

    detail: dict[str, str]


REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Refusal} for status in (403, 404, 409, 422)
}


def create_app(
    queue: Queue,
    broadcast: Broadcast,
    folders: Callable[[], Sequence[Path] | None],
    capabilities: Callable[[], dict[str, Any]],
    stop: Callable[[], None],
) -> FastAPI:
    """The API over a queue. It must stand behind a Guard.

    Args:
        queue: the jobs.
        broadcast: rings when the queue changes.
        folders: those that jobs may use now.
        capabilities: engines, languages and GPUs; it may take seconds.
        stop: ends the service.
    """
    app = FastAPI(
        title="Dubwright",
        version=__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=REFUSALS,
    )

    @app.exception_handler(RequestValidationError)
    async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        place = " > ".join(str(step) for step in fault["loc"][1:])
        return JSONResponse({"detail": {"where": place, "why": str(fault["msg"])}}, 422)

    @app.get("/v1/health")
    async def health() -> dict[str, str]:
        return {"version": __version__}

    @app.get("/v1/capabilities")
    def tell_capabilities() -> dict[str, Any]:
        return capabilities()

    @app.post("/v1/stop")
    async def end() -> dict[str, bool]:
        stop()
        return {"stopping": True}

    @app.post("/v1/jobs", status_code=201, response_model=JobView)
    async def submit(submission: Submission) -> Response:
        request = _validated(submission, folders())
        job = queue.submit(
            submission.operation,
            request.model_dump(mode="json"),
            title=submission.title,
            tag=submission.tag,
            priority=submission.priority,
        )
        return _answer(job, 201)

    @app.get("/v1/jobs", response_model=list[JobView])
    async def list_jobs(
        tag: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Response:
        return JSONResponse([asdict(job) for job in queue.jobs(tag=tag, limit=limit)])

    @app.get("/v1/events")
    async def follow_all(last_event_id: Annotated[int, Header(ge=0)] = 0) -> StreamingResponse:
        return _stream(_events(queue, broadcast, "", last_event_id))

    @app.get("/v1/jobs/{job_id}", response_model=JobView)
    async def get_job(job_id: JobId) -> Response:
        return _answer(_known(queue, job_id))

    @app.get("/v1/jobs/{job_id}/chunks")
    async def list_chunks(job_id: JobId) -> list[dict[str, Any]]:
        _known(queue, job_id)
        return queue.chunks(job_id)

    @app.get("/v1/jobs/{job_id}/events")
    async def follow(
        job_id: JobId, last_event_id: Annotated[int, Header(ge=0)] = 0
    ) -> StreamingResponse:
        _known(queue, job_id)
        return _stream(_events(queue, broadcast, job_id, last_event_id))

    @app.post("/v1/jobs/{job_id}/priority", response_model=JobView)
    async def set_priority(job_id: JobId, change: Change) -> Response:
        _known(queue, job_id)
        return _changed(queue, job_id, queue.set_priority(job_id, change.priority))

    @app.post("/v1/jobs/{job_id}/{action}", response_model=JobView)
    async def act(job_id: JobId, action: Literal["pause", "resume", "cancel", "retry"]) -> Response:
        _known(queue, job_id)
        return _changed(queue, job_id, getattr(queue, action)(job_id))

    @app.get("/v1/jobs/{job_id}/files")
    def list_files(job_id: JobId) -> list[str]:
        folder = _folder(queue, job_id)
        return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())

    @app.get("/v1/jobs/{job_id}/files/{name:path}", response_class=FileResponse)
    def fetch(job_id: JobId, name: str) -> FileResponse:
        folder = _folder(queue, job_id).resolve()
        try:
            path = (folder / name).resolve()
            there = path.is_relative_to(folder) and path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            there = False
        if not there:
            raise HTTPException(404, {"why": f"the job delivered no file {name!r}"})
        return FileResponse(path)

    return app


def _validated(submission: Submission, folders: Sequence[Path] | None) -> Any:
    try:
        request = REQUESTS[submission.operation].model_validate(submission.request)
    except ValidationError as error:
        fault = error.errors()[0]
        place = " > ".join(str(step) for step in fault["loc"])
        raise HTTPException(422, {"where": place, "why": fault["msg"]}) from error
    access = Access(folders)
    for name, path in request_paths(request):
        if not path.is_absolute():
            why = f"{path} is relative, and the service does not know to what"
            raise HTTPException(422, {"where": name, "why": why})
        try:
            access.check(path)
        except DubwrightError as error:
            raise HTTPException(403, error.as_dict()) from error
        except (OSError, ValueError) as error:
            raise HTTPException(
                422, {"where": name, "why": "no file can have this name"}
            ) from error
    return request


async def _events(queue: Queue, broadcast: Broadcast, job_id: str, last: int) -> AsyncIterator[str]:
    """Server-sent events: those since `last`, then each as it happens, until the job has ended."""
    async with broadcast.listen() as listener:
        while True:
            listener.clear()
            events = queue.events(last, job_id)
            for event in events:
                last = event.id
                yield _as_text(event)
            if not events:
                job = queue.job(job_id) if job_id else None
                if job is not None and job.ended is not None:
                    return
                if not await listener.wait(ALIVE_S):
                    yield ": still here\n\n"


def _as_text(event: Event) -> str:
    return f"id: {event.id}\ndata: {json.dumps({'job': event.job, **event.body})}\n\n"


def _stream(events: AsyncIterator[str]) -> StreamingResponse:
    return StreamingResponse(
        events, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


def _answer(job: Job, status: int = 200) -> JSONResponse:
    return JSONResponse(asdict(job), status)


def _changed(queue: Queue, job_id: str, changed: bool) -> JSONResponse:
    job = _known(queue, job_id)
    if not changed:
        raise HTTPException(409, {"why": f"the job is {job.state}"})
    return _answer(job)


def _known(queue: Queue, job_id: str) -> Job:
    job = queue.job(job_id)
    if job is None:
        raise HTTPException(404, {"why": f"there is no job {job_id}"})
    return job


def _folder(queue: Queue, job_id: str) -> Path:
    job = _known(queue, job_id)
    if job.result is None:
        raise HTTPException(409, {"why": f"the job is {job.state}, not done"})
    return Path(job.result["folder"])
