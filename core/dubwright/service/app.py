"""The HTTP API, version 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse
from pydantic import BaseModel, ValidationError

from dubwright._version import __version__
from dubwright.engines import engines
from dubwright.service.job import REQUESTS
from dubwright.service.jobs import Job, Jobs

__all__ = ["create_app"]


class Submission(BaseModel):
    """What a client sends: an operation and its request."""

    operation: Literal["dub", "lip_sync", "animate"]
    request: dict[str, Any]


def create_app(jobs: Jobs, stop: Callable[[], None]) -> FastAPI:
    """The API over these jobs. It must stand behind a Guard.

    Args:
        jobs: what it runs.
        stop: ends the service.
    """
    app = FastAPI(title="Dubwright", version=__version__, docs_url=None, redoc_url=None)

    @app.get("/v1/health")
    def health() -> dict[str, Any]:
        return {"version": __version__, "engines": [card.identity for card in engines()]}

    @app.post("/v1/stop")
    def end() -> dict[str, bool]:
        stop()
        return {"stopping": True}

    @app.post("/v1/jobs", status_code=201)
    def submit(submission: Submission) -> dict[str, Any]:
        try:
            request = REQUESTS[submission.operation].model_validate(submission.request)
        except ValidationError as error:
            fault = error.errors()[0]
            place = " > ".join(str(step) for step in fault["loc"])
            raise HTTPException(422, {"where": place, "why": fault["msg"]}) from error
        for name, path in _paths(request):
            if not path.is_absolute():
                why = f"{path} is relative, and the service does not know to what"
                raise HTTPException(422, {"where": name, "why": why})
        return asdict(jobs.submit(submission.operation, request.model_dump(mode="json")))

    @app.get("/v1/jobs")
    def list_jobs() -> list[dict[str, Any]]:
        return [asdict(job) for job in jobs.all()]

    @app.get("/v1/jobs/{job_id}")
    def get_job(job_id: str) -> dict[str, Any]:
        return asdict(_known(jobs, job_id))

    @app.post("/v1/jobs/{job_id}/cancel")
    def cancel(job_id: str) -> dict[str, Any]:
        _known(jobs, job_id)
        jobs.cancel(job_id)
        return asdict(_known(jobs, job_id))

    @app.get("/v1/jobs/{job_id}/files")
    def list_files(job_id: str) -> list[str]:
        folder = _folder(jobs, job_id)
        return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())

    @app.get("/v1/jobs/{job_id}/files/{name:path}")
    def fetch(job_id: str, name: str) -> FileResponse:
        folder = _folder(jobs, job_id).resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise HTTPException(404, {"why": f"the job delivered no file {name}"})
        return FileResponse(path)

    return app


def _paths(request: BaseModel) -> Iterator[tuple[str, Path]]:
    """The paths in a request, with the names of their fields."""
    for name, value in request:
        inside = value.values() if isinstance(value, dict) else [value]
        yield from ((name, item) for item in inside if isinstance(item, Path))


def _known(jobs: Jobs, job_id: str) -> Job:
    job = jobs.get(job_id)
    if job is None:
        raise HTTPException(404, {"why": f"there is no job {job_id}"})
    return job


def _folder(jobs: Jobs, job_id: str) -> Path:
    job = _known(jobs, job_id)
    if job.result is None:
        raise HTTPException(409, {"why": f"the job is {job.state}, not done"})
    return Path(job.result["folder"])
