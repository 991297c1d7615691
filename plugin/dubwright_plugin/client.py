"""Submits jobs to the service, follows them, cancels them and fetches what they made."""

import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

from dubwright_plugin import runtime

__all__ = ["JobFailed", "Service", "ServiceError", "connect"]

START_WITHIN_S = 30.0
POLL_S = 0.2
ANSWER_WITHIN_S = 30.0
ENDED = ("done", "failed", "cancelled")


class ServiceError(Exception):
    """The service is not there, or refused a call. The message says what to do."""


class JobFailed(Exception):  # noqa: N818 - the job failed; the client did not err
    """A job failed; what, where, why and repair say how to go on."""

    def __init__(self, error: Dict[str, str]) -> None:
        super().__init__(
            "{what}\n  where:  {where}\n  why:    {why}\n  repair: {repair}".format(**error)
        )
        self.error = error


def connect(start: bool = True) -> "Service":
    """The running service; it is started if it is not there and `start` is true."""
    found = _reachable()
    if found is not None:
        return found
    command = runtime.start_command() if start else None
    if command is None:
        raise ServiceError(
            "The Dubwright service is not running. Start it with `dubwright serve`, or set "
            "DUBWRIGHT_PYTHON to the Python that Dubwright is installed in."
        )
    process = runtime.start(command)
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        found = _reachable()
        if found is not None:
            return found
        if process.poll() is not None:
            break
        time.sleep(POLL_S)
    raise ServiceError(
        "The Dubwright service did not start. Run `{}` in a terminal to see why.".format(
            " ".join(command)
        )
    )


class Service:
    """A running service.

    Args:
        port: that it listens on.
        token: that it asks for.
    """

    def __init__(self, port: int, token: str) -> None:
        self._base = "http://127.0.0.1:{}".format(port)
        self._token = token
        # A proxy has no business between two programs on one machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def health(self) -> Dict[str, Any]:
        """The service's version and engines."""
        answer = self._json("GET", "/v1/health")
        return dict(answer)

    def submit(self, operation: str, request: Dict[str, Any]) -> str:
        """Submit an operation ("dub", "lip_sync" or "animate"); its job's id."""
        job = self._json("POST", "/v1/jobs", {"operation": operation, "request": request})
        return str(job["id"])

    def state(self, job: str) -> Dict[str, Any]:
        """A job's state: state, done, total, label, result, error."""
        return dict(self._json("GET", "/v1/jobs/" + job))

    def jobs(self) -> List[Dict[str, Any]]:
        """Every job of this service."""
        return list(self._json("GET", "/v1/jobs"))

    def follow(self, job: str) -> Iterator[Dict[str, Any]]:
        """The job's state, again and again until it has ended. Raises JobFailed if it fails."""
        while True:
            state = self.state(job)
            yield state
            if state["state"] == "failed":
                raise JobFailed(state["error"])
            if state["state"] in ENDED:
                return
            time.sleep(POLL_S)

    def wait(self, job: str) -> Dict[str, Any]:
        """Wait for a job; its last state."""
        last: Dict[str, Any] = {}
        for state in self.follow(job):
            last = state
        return last

    def cancel(self, job: str) -> None:
        """Ask for the end of a job."""
        self._json("POST", "/v1/jobs/{}/cancel".format(job), {})

    def files(self, job: str) -> List[str]:
        """Names of the files that a finished job delivered."""
        return [str(name) for name in self._json("GET", "/v1/jobs/{}/files".format(job))]

    def fetch(self, job: str, name: str, destination: Path) -> Path:
        """Copy one delivered file to `destination`; it appears whole or not at all."""
        partial = destination.with_name(destination.name + ".partial")
        place = "/v1/jobs/{}/files/{}".format(job, urllib.parse.quote(name))
        with self._call("GET", place) as answer, partial.open("wb") as file:
            shutil.copyfileobj(answer, file)
        partial.replace(destination)
        return destination

    def stop(self) -> None:
        """End the service and its jobs."""
        self._json("POST", "/v1/stop", {})

    def _json(self, method: str, place: str, content: Optional[Dict[str, Any]] = None) -> Any:
        with self._call(method, place, content) as answer:
            return json.load(answer)

    def _call(self, method: str, place: str, content: Optional[Dict[str, Any]] = None) -> Any:
        body = None if content is None else json.dumps(content).encode("utf-8")
        place = self._base + place
        request = urllib.request.Request(place, body, method=method)  # noqa: S310 - our own http
        request.add_header("Authorization", "Bearer " + self._token)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        try:
            return self._opener.open(request, timeout=ANSWER_WITHIN_S)
        except urllib.error.HTTPError as error:
            raise ServiceError(_reason(error)) from error
        except OSError as error:
            raise ServiceError("The Dubwright service does not answer: {}".format(error)) from error


def _reachable() -> Optional[Service]:
    announced = runtime.read_runtime()
    if announced is None:
        return None
    service = Service(int(announced["port"]), str(announced["token"]))
    try:
        service.health()
    except ServiceError:
        return None
    return service


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        content = json.load(error)
    except ValueError:
        return "The service refused the call ({}).".format(error.code)
    detail = content.get("detail", content)
    if isinstance(detail, dict):
        where = " ({})".format(detail["where"]) if detail.get("where") else ""
        return "The service refused the call: {}{}.".format(
            detail.get("why") or detail.get("refused"), where
        )
    return "The service refused the call: {}.".format(detail)
