"""The HTTP API, version 1, and the review page that uses it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Header, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from dubwright._version import __version__
from dubwright.dialogue import Cast, CueSheet, Decision
from dubwright.errors import DubwrightError
from dubwright.model import LanguageTag
from dubwright.operations.request import REQUESTS, DubRequest, request_paths
from dubwright.publish.messages import Wish
from dubwright.publish.presets import PRESETS
from dubwright.service.broadcast import Broadcast
from dubwright.service.consenting import consent_routes
from dubwright.service.lines import (
    Delivered,
    Lines,
    SavedLines,
    Word,
    decide,
    decisions,
    read_lines,
    revised,
    save,
)
from dubwright.service.places import Places, places
from dubwright.service.publishing import Publication, Publications
from dubwright.service.queue import Event, Job, JobState, Queue
from dubwright.store.access import Access
from dubwright.trust import Authority

__all__ = ["Change", "JobView", "Submission", "create_app"]

ALIVE_S: Final = 15.0
HIGHEST_PRIORITY: Final = 1000
THUMBNAIL: Final = "thumbnail.jpg"
# Beside the versions: a version itself never changes.
QC_FOLDER: Final = "qc"
PAGE: Final = {
    "index.html": "text/html",
    "page.js": "text/javascript",
    "page.css": "text/css",
    "icon.svg": "image/svg+xml",
}
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# What a job delivered is shown, and never run.
FILE_POLICY: Final = (
    "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; "
    "style-src 'unsafe-inline'; frame-ancestors 'none'"
)

JobId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class Submission(BaseModel):
    """What a client sends: an operation and its request."""

    model_config = ConfigDict(extra="forbid")

    operation: Literal["dub", "lip_sync", "reconform", "animate", "capture", "cast"]
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


class Wanted(BaseModel):
    """What a host fills in of a new dub before a person does the rest."""

    model_config = ConfigDict(extra="forbid")

    timeline: str = Field("", max_length=4096)
    output: str = Field("", max_length=4096)
    colour_space: str = Field("", max_length=200)
    tag: str = Field("", max_length=200)


class Visit(BaseModel):
    """A wish to open the page: at a job, at a new dub, or at the list of all jobs."""

    model_config = ConfigDict(extra="forbid")

    job: str = Field("", pattern="^([0-9a-f]{16})?$")
    language: str = Field("", max_length=50, description="Of the job.")
    cue: str = Field("", max_length=200, description="Of the language.")
    new: Wanted | None = None

    def fragment(self) -> str:
        """Where on the page that is, as its address has it."""
        if self.new is not None:
            return "#/new?" + urlencode(self.new.model_dump(exclude_defaults=True))
        named = [quote(part, safe="") for part in (self.job, self.language, self.cue) if part]
        return f"#/jobs/{'/'.join(named)}" if self.job else ""


class PublishAsked(BaseModel):
    """How a version is to be published."""

    model_config = ConfigDict(extra="forbid")

    languages: tuple[LanguageTag, ...] = Field((), description="All of them if there are none.")
    preset: str = Field("streamer", max_length=200)
    output: str = Field(
        "", max_length=4096,
        description="Folder of the deliverables; without it the version is looked through.",
    )  # fmt: skip
    commercial: bool | None = Field(None, description="As the preset says if None.")
    territories: tuple[Annotated[str, Field(max_length=10)], ...] = ()


class VersionPlace(BaseModel):
    """A version, by its folder."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(min_length=1, max_length=4096)


class Link(BaseModel):
    """Where a browser opens the page: once, and within two minutes."""

    link: str


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
    store: Path,
    folders: Callable[[], Sequence[Path] | None],
    capabilities: Callable[[], dict[str, Any]],
    link: Callable[[str], str],
    publications: Publications,
    stop: Callable[[], None],
) -> FastAPI:
    """The API over a queue. It must stand behind a Guard.

    Args:
        queue: the jobs.
        broadcast: rings when the queue changes.
        store: the folder of results.
        folders: those that jobs may use now.
        capabilities: engines, languages and GPUs; it may take seconds.
        link: gives an address of the page that can be visited once; told what follows its #.
        publications: what is published.
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

    app.include_router(consent_routes(store, folders))

    @app.exception_handler(RequestValidationError)
    async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        place = " > ".join(str(step) for step in fault["loc"][1:])
        return JSONResponse({"detail": {"where": place, "why": str(fault["msg"])}}, 422)

    @app.exception_handler(DubwrightError)
    async def tell(_: Request, error: DubwrightError) -> JSONResponse:
        return JSONResponse({"detail": error.as_dict()}, 409)

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

    @app.post("/v1/visits", status_code=201)
    async def visit(wish: Visit) -> Link:
        return Link(link=link(wish.fragment()))

    @app.get("/v1/places")
    def list_places(folder: Annotated[str, Query(max_length=4096)] = "") -> Places:
        if folder and not Path(folder).is_absolute():
            raise HTTPException(422, {"where": "folder", "why": "the path is relative"})
        try:
            return places(Path(folder) if folder else None, folders())
        except ValueError as error:
            raise _no_such_name("folder") from error

    @app.post("/v1/jobs", status_code=201, response_model=JobView)
    def submit(submission: Submission) -> Response:
        request = _validated(submission.operation, submission.request, folders())
        _require_agreed(request)
        job = queue.submit(
            submission.operation,
            request.model_dump(mode="json"),
            title=submission.title,
            tag=submission.tag,
            priority=submission.priority,
        )
        return _answer(job, 201)

    @app.post("/v1/versions", response_model=JobView)
    def take_version_in(place: VersionPlace) -> Response:
        from dubwright.service.versions import take_in

        return _answer(take_in(queue, _version(place.folder, folders())))

    @app.get("/v1/jobs", response_model=list[JobView])
    def list_jobs(
        tag: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Response:
        return JSONResponse([asdict(job) for job in queue.jobs(tag=tag, limit=limit)])

    @app.get("/v1/events", description="Without Last-Event-ID, what happens from now on.")
    async def follow_all(
        last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None,
    ) -> StreamingResponse:
        after = queue.last_event() if last_event_id is None else last_event_id
        return _stream(_events(queue, broadcast, "", after))

    @app.get("/v1/jobs/{job_id}", response_model=JobView)
    def get_job(job_id: JobId) -> Response:
        return _answer(_known(queue, job_id))

    @app.get("/v1/jobs/{job_id}/request")
    def get_request(job_id: JobId) -> dict[str, Any]:
        _known(queue, job_id)
        return queue.request(job_id)

    @app.get("/v1/jobs/{job_id}/chunks")
    def list_chunks(job_id: JobId) -> list[dict[str, Any]]:
        _known(queue, job_id)
        return queue.chunks(job_id)

    @app.get("/v1/jobs/{job_id}/thumbnail", response_class=FileResponse)
    def get_thumbnail(job_id: JobId) -> FileResponse:
        _known(queue, job_id)
        for key in queue.drawn(job_id):
            picture = store / "objects" / key[:2] / key / THUMBNAIL
            if picture.is_file():
                return FileResponse(picture, headers={"Cache-Control": "no-cache"})
        raise HTTPException(404, {"why": "nothing of this job has been drawn yet"})

    @app.get("/v1/jobs/{job_id}/events", description="All that happened after Last-Event-ID.")
    async def follow(
        job_id: JobId, last_event_id: Annotated[int, Header(ge=0, le=2**62)] = 0
    ) -> StreamingResponse:
        _known(queue, job_id)
        return _stream(_events(queue, broadcast, job_id, last_event_id))

    @app.get("/v1/jobs/{job_id}/lines")
    def get_lines(job_id: JobId) -> Lines:
        return read_lines(_reviewed(queue, job_id, folders()))

    @app.post("/v1/jobs/{job_id}/lines")
    def save_lines(job_id: JobId, lines: SavedLines) -> Lines:
        return save(_reviewed(queue, job_id, folders()), lines)

    @app.post("/v1/jobs/{job_id}/revise", status_code=201, response_model=JobView)
    def revise(job_id: JobId) -> Response:
        delivered = _reviewed(queue, job_id, folders())
        if not delivered.editable:
            raise HTTPException(409, {"why": "only the lines of a dub can be rendered again"})
        job = _known(queue, job_id)
        asked = revised(delivered, job.operation, queue.request(job_id)).model_dump(mode="json")
        request = _validated(job.operation, asked, folders())
        _require_agreed(request)
        again = queue.submit(
            job.operation, request.model_dump(mode="json"), title=job.title, tag=job.tag,
            priority=job.priority,
        )  # fmt: skip
        return _answer(again, 201)

    @app.post("/v1/jobs/{job_id}/anew", status_code=201, response_model=JobView)
    def deliver_anew(job_id: JobId) -> Response:
        from dubwright.operations.reconform import anew

        job = _known(queue, job_id)
        asked = anew(_reviewed(queue, job_id, folders()).folder).model_dump(mode="json")
        request = _validated("reconform", asked, folders())
        again = queue.submit(
            "reconform", request.model_dump(mode="json"), title=job.title, tag=job.tag,
            priority=job.priority,
        )  # fmt: skip
        return _answer(again, 201)

    @app.get("/v1/presets")
    def list_presets() -> dict[str, str]:
        return {name: preset.title for name, preset in PRESETS.items()}

    @app.get("/v1/jobs/{job_id}/publication")
    def get_publication(job_id: JobId) -> Publication | None:
        return publications.of(_reviewed(queue, job_id, folders()).folder)

    @app.post("/v1/jobs/{job_id}/publication", status_code=201)
    def publish(job_id: JobId, asked: PublishAsked) -> Publication:
        version = _reviewed(queue, job_id, folders()).folder
        return publications.start(_wish(version, asked, folders()))

    @app.post("/v1/jobs/{job_id}/publication/cancel")
    def cancel_publication(job_id: JobId) -> Publication | None:
        version = _reviewed(queue, job_id, folders()).folder
        publications.cancel(version)
        return publications.of(version)

    @app.get("/v1/jobs/{job_id}/review")
    def get_review(job_id: JobId) -> list[Decision]:
        return decisions(_reviewed(queue, job_id, folders()))

    @app.post("/v1/jobs/{job_id}/review")
    def review(job_id: JobId, word: Word) -> list[Decision]:
        try:
            return decide(_reviewed(queue, job_id, folders()), word)
        except KeyError as error:
            why = f"this version has no cue {word.cue} in {word.language}"
            raise HTTPException(404, {"why": why}) from error

    @app.post("/v1/jobs/{job_id}/priority", response_model=JobView)
    def set_priority(job_id: JobId, change: Change) -> Response:
        _known(queue, job_id)
        return _changed(queue, job_id, queue.set_priority(job_id, change.priority))

    @app.post("/v1/jobs/{job_id}/{action}", response_model=JobView)
    def act(job_id: JobId, action: Literal["pause", "resume", "cancel", "retry"]) -> Response:
        _known(queue, job_id)
        return _changed(queue, job_id, getattr(queue, action)(job_id))

    @app.get("/v1/jobs/{job_id}/files")
    def list_files(job_id: JobId) -> list[str]:
        folder = _folder(queue, job_id, folders())
        return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())

    @app.get("/v1/jobs/{job_id}/files/{name:path}", response_class=FileResponse)
    def fetch(job_id: JobId, name: str) -> FileResponse:
        folder = _folder(queue, job_id, folders()).resolve()
        try:
            path = (folder / name).resolve()
            there = path.is_relative_to(folder) and path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            there = False
        if not there:
            raise HTTPException(404, {"why": f"the job delivered no file {name!r}"})
        return FileResponse(path, headers={"Content-Security-Policy": FILE_POLICY})

    @app.get("/{name}", include_in_schema=False)
    def page(name: str) -> Response:
        return _page_file(name)

    @app.get("/", include_in_schema=False)
    def page_itself() -> Response:
        return _page_file("index.html")

    return app


def _page_file(name: str) -> Response:
    if name not in PAGE:
        raise HTTPException(404, {"why": "there is no such page"})
    with files("dubwright.service").joinpath("page", name).open("rb") as file:
        content = file.read()
    return Response(
        content,
        media_type=PAGE[name],
        headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"},
    )


def _validated(operation: str, asked: dict[str, Any], folders: Sequence[Path] | None) -> Any:
    try:
        request = REQUESTS[operation].model_validate(asked)
    except ValidationError as error:
        fault = error.errors()[0]
        place = " > ".join(str(step) for step in fault["loc"])
        raise HTTPException(422, {"where": place, "why": fault["msg"]}) from error
    access = Access(folders)
    for name, path in request_paths(request):
        if not path.is_absolute():
            why = f"{path} is relative, and the service does not know to what"
            raise HTTPException(422, {"where": name, "why": why})
        _check(access, name, path)
    return request


def _wish(version: Path, asked: PublishAsked, folders: Sequence[Path] | None) -> Wish:
    output = Path(asked.output) if asked.output else None
    if output is not None:
        if not output.is_absolute():
            raise HTTPException(422, {"where": "output", "why": "the path is relative"})
        _check(Access(folders), "output", output)
    if asked.preset not in PRESETS:
        raise HTTPException(422, {"where": "preset", "why": f"there are {', '.join(PRESETS)}"})
    return Wish(
        version=version,
        languages=asked.languages,
        preset=asked.preset,
        output=output,
        qc=version.parent / QC_FOLDER / version.name,
        commercial=asked.commercial,
        territories=asked.territories,
    )


def _version(folder: str, folders: Sequence[Path] | None) -> Path:
    path = Path(folder)
    if not path.is_absolute():
        raise HTTPException(422, {"where": "folder", "why": "the path is relative"})
    _check(Access(folders), "folder", path)
    return path


def _require_agreed(request: Any) -> None:
    """Refuse at once to imitate who did not agree, where lines and cast are known already.

    Drafts are for the planning: they are made, and marked.
    """
    from dubwright.operations.deeds import require_cloning_agreed

    # Recordings in a folder are looked for when it is planned.
    if isinstance(request, DubRequest) and request.cue_sheet and request.cast and not request.takes:
        require_cloning_agreed(
            CueSheet.read(request.cue_sheet),
            Cast.read(request.cast),
            request.languages,
            Authority.of_this_machine(),
        )


def _check(access: Access, name: str, path: Path) -> None:
    try:
        access.check(path)
    except DubwrightError as error:
        raise HTTPException(403, error.as_dict()) from error
    except (OSError, ValueError) as error:
        raise _no_such_name(name) from error


def _no_such_name(field: str) -> HTTPException:
    return HTTPException(422, {"where": field, "why": "no file can have this name"})


async def _events(queue: Queue, broadcast: Broadcast, job_id: str, last: int) -> AsyncIterator[str]:
    """Server-sent events: those since `last`, then each as it happens, until the job has ended."""
    async with broadcast.listen() as listener:
        while True:
            listener.clear()
            # The job is asked first: what it did until then is among the events asked after.
            job = await run_in_threadpool(queue.job, job_id) if job_id else None
            events = await run_in_threadpool(queue.events, last, job_id)
            for event in events:
                last = event.id
                yield _as_text(event)
            if not events:
                if job_id and (job is None or job.ended is not None):
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


def _delivered(queue: Queue, job_id: str, folders: Sequence[Path] | None) -> Job:
    """A finished job whose folder may be used still."""
    job = _known(queue, job_id)
    if job.result is None:
        raise HTTPException(409, {"why": f"the job is {job.state}, not done"})
    _check(Access(folders), "folder", Path(job.result["folder"]))
    return job


def _reviewed(queue: Queue, job_id: str, folders: Sequence[Path] | None) -> Delivered:
    """A delivered dub or lip-sync whose folder may be used still."""
    job = _delivered(queue, job_id, folders)
    assert job.result is not None
    if "name" not in job.result:
        raise HTTPException(409, {"why": f"{job.operation} delivers no lines to review"})
    return Delivered.of(job, queue.request(job_id))


def _folder(queue: Queue, job_id: str, folders: Sequence[Path] | None) -> Path:
    result = _delivered(queue, job_id, folders).result
    assert result is not None
    return Path(result["folder"])
