"""Submits jobs to the service, follows them, cancels them and fetches what they made."""

import hmac
import http.client
import json
import secrets
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

from dubwright_plugin import runtime

__all__ = ["JobFailed", "NotThere", "Service", "ServiceError", "connect", "running_service"]

START_WITHIN_S = 30.0
POLL_S = 0.2
ANSWER_WITHIN_S = 60.0
ENDED = ("done", "failed", "cancelled")
MOST_STARTS = 5
STOPPING = 503

# A proxy has no business between two programs on one machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServiceError(Exception):
    """The service is not there, or refused a call. The message says what to do."""


class NotThere(ServiceError):  # noqa: N818 - it is a state that may pass
    """The service does not answer."""


class JobFailed(Exception):  # noqa: N818 - the job failed; the client did not err
    """A job failed; what, where, why and repair say how to go on."""

    def __init__(self, error: Dict[str, str]) -> None:
        super().__init__(
            "{what}\n  where:  {where}\n  why:    {why}\n  repair: {repair}".format(**error)
        )
        self.error = error


def connect(start: bool = True) -> "Service":
    """The running service; it is started if it is not there and `start` is true."""
    found = _speaking()
    if found is not None:
        return found
    command = runtime.start_command() if start else None
    if command is None:
        raise ServiceError(
            "The Dubwright service is not running. Start it with `dubwright serve`, or set "
            "DUBWRIGHT_PYTHON to the Python that Dubwright is installed in."
        )
    deadline = time.monotonic() + START_WITHIN_S
    process = None
    starts = 0
    while time.monotonic() < deadline:
        # One that ends at once may have met another that is starting, or one that is leaving.
        if process is None or process.poll() is not None:
            if starts == MOST_STARTS:
                break
            process = runtime.start(command)
            starts += 1
        time.sleep(POLL_S)
        found = _speaking()
        if found is not None:
            return found
    raise ServiceError(
        "The Dubwright service did not start. Run `{}` in a terminal to see why.".format(
            " ".join(command)
        )
    )


class Service:
    """A running service. A job outlives the host that submitted it, and the service's restart.

    Args:
        port: that it listens on.
        token: that it asks for.
    """

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token

    def health(self) -> Dict[str, Any]:
        """The service's version."""
        return dict(self._json("GET", "/v1/health"))

    def capabilities(self) -> Dict[str, Any]:
        """Its engines, their languages, and the GPUs. The first call may take seconds."""
        return dict(self._json("GET", "/v1/capabilities"))

    def submit(
        self,
        operation: str,
        request: Dict[str, Any],
        title: str = "",
        tag: str = "",
        priority: int = 0,
    ) -> str:
        """Submit a job; its id.

        Args:
            operation: "dub", "lip_sync", "reconform", "animate", "capture" or "cast".
            request: as schemas.json beside this file says; every path is absolute.
            title: for people.
            tag: to find the job by after the host was restarted; see jobs.
            priority: higher is sooner.
        """
        content = {
            "operation": operation,
            "request": request,
            "title": title,
            "tag": tag,
            "priority": priority,
        }
        return str(self._json("POST", "/v1/jobs", content)["id"])

    def state(self, job: str) -> Dict[str, Any]:
        """A job's state: state, done, total, label, result, error, reason..."""
        return dict(self._json("GET", "/v1/jobs/" + job))

    def jobs(self, tag: str = "") -> List[Dict[str, Any]]:
        """The jobs of this user, the newest first; those with a tag, if it is given."""
        return list(self._json("GET", "/v1/jobs?tag=" + urllib.parse.quote(tag, safe="")))

    def follow(self, job: str) -> Iterator[Dict[str, Any]]:
        """The job's state, again and again until it has ended; needs no thread.

        A service that was restarted meanwhile is found again. Raises JobFailed if the job fails.
        """
        while True:
            state = self._patiently(job)
            yield state
            if state["state"] == "failed":
                raise JobFailed(state["error"])
            if state["state"] in ENDED:
                return
            time.sleep(POLL_S)

    def wait(
        self, job: str, progress: Optional[Callable[[Dict[str, Any]], None]] = None
    ) -> Dict[str, Any]:
        """Wait for a job; its last state. `progress` is called with each state that is new."""
        last: Dict[str, Any] = {}
        for state in self.follow(job):
            if progress is not None and state != last:
                progress(state)
            last = state
        return last

    def events(self, job: str, after: int = 0) -> Iterator[Dict[str, Any]]:
        """What happens to a job, as it happens, until it has ended.

        Each event has an `id`; give the last one as `after` to go on where a stream broke off.
        """
        place = "/v1/jobs/{}/events".format(job)
        number = after
        with self._call("GET", place, headers={"Last-Event-ID": str(after)}) as stream:
            for raw in stream:
                line = raw.decode("utf-8").rstrip("\n")
                if line.startswith("id: "):
                    number = int(line[4:])
                elif line.startswith("data: "):
                    yield {"id": number, **json.loads(line[6:])}

    def pause(self, job: str) -> None:
        """Hold a job; the worker is freed at once."""
        self._act(job, "pause")

    def resume(self, job: str) -> None:
        """Go on with a paused job."""
        self._act(job, "resume")

    def cancel(self, job: str) -> None:
        """End a job; what it finished is found again by the next."""
        self._act(job, "cancel")

    def retry(self, job: str) -> None:
        """Do a failed or cancelled job again; what it finished is found again."""
        self._act(job, "retry")

    def reprioritise(self, job: str, priority: int) -> None:
        """Do a job sooner (higher) or later."""
        self._json("POST", "/v1/jobs/{}/priority".format(job), {"priority": priority})

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

    def page(self, job: str = "", language: str = "", cue: str = "") -> str:
        """An address at which a browser may open the review page: once, within two minutes.

        Args:
            job: the one to show; every job if it is "".
            language: of the job; its first if it is "".
            cue: of the language; its first if it is "".
        """
        wish = {"job": job, "language": language, "cue": cue}
        return str(self._json("POST", "/v1/visits", wish)["link"])

    def version(self, folder: Path) -> str:
        """The job of a version that was delivered; one made without the service is taken in."""
        return str(self._json("POST", "/v1/versions", {"folder": str(folder)})["id"])

    def page_for(self, timeline: Path, output: Path, tag: str, colour_space: str = "") -> str:
        """An address at which a browser may ask for a dub of this timeline: once, within two
        minutes. Languages, lines and cast are chosen there; the job has the tag."""
        wanted = {
            "timeline": str(timeline),
            "output": str(output),
            "tag": tag,
            "colour_space": colour_space,
        }
        return str(self._json("POST", "/v1/visits", {"new": wanted})["link"])

    def stop(self) -> None:
        """End the service; unfinished jobs go on when it starts again."""
        self._json("POST", "/v1/stop", {})

    def _act(self, job: str, action: str) -> None:
        self._json("POST", "/v1/jobs/{}/{}".format(job, action), {})

    def _patiently(self, job: str) -> Dict[str, Any]:
        """A job's state, from a service that may be restarting.

        One that crashed is started again; one that somebody stopped is waited for.
        """
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            try:
                return self.state(job)
            except NotThere:
                if time.monotonic() > deadline:
                    raise
            time.sleep(POLL_S)
            if runtime.read_runtime() is not None:
                try:
                    found = connect()
                except ServiceError:
                    continue
                self._port, self._token = found._port, found._token

    def _json(self, method: str, place: str, content: Optional[Dict[str, Any]] = None) -> Any:
        with self._call(method, place, content) as answer:
            try:
                return json.load(answer)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise NotThere(
                    "The Dubwright service broke off its answer: {}".format(error)
                ) from error

    def _call(
        self,
        method: str,
        place: str,
        content: Optional[Dict[str, Any]] = None,
        headers: Optional[Dict[str, str]] = None,
    ) -> Any:
        body = None if content is None else json.dumps(content).encode("utf-8")
        url = "http://127.0.0.1:{}{}".format(self._port, place)
        request = urllib.request.Request(  # noqa: S310 - our own http
            url, body, headers or {}, method=method
        )
        request.add_header("Authorization", "Bearer " + self._token)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        try:
            return _OPENER.open(request, timeout=ANSWER_WITHIN_S)
        except urllib.error.HTTPError as error:
            if error.code == STOPPING:
                raise NotThere("The Dubwright service is stopping.") from error
            raise ServiceError(_reason(error)) from error
        except (OSError, http.client.HTTPException) as error:
            raise NotThere("The Dubwright service does not answer: {}".format(error)) from error


def _speaking() -> Optional[Service]:
    """The running service, which must be of this plug-in's version."""
    found = running_service()
    announced = runtime.read_runtime() or {}
    if found is not None and announced.get("protocol") != runtime.PROTOCOL:
        raise ServiceError(
            "The Dubwright service that runs is of another version ({}); stop it with `dubwright "
            "stop` and try again.".format(announced.get("version", "unknown"))
        )
    return found


def running_service() -> Optional[Service]:
    """The service that is announced, of whatever version, if it answers and shows that it knows the
    token; None where none runs."""
    announced = runtime.read_runtime()
    if announced is None:
        return None
    port, token = int(announced["port"]), str(announced["token"])
    nonce = secrets.token_hex(16)
    url = "http://127.0.0.1:{}/v1/proof?nonce={}".format(port, nonce)
    try:
        with _OPENER.open(url, timeout=ANSWER_WITHIN_S) as answer:
            proof = str(json.load(answer)["proof"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    expected = hmac.new(token.encode(), nonce.encode(), "sha256").hexdigest()
    return Service(port, token) if hmac.compare_digest(proof, expected) else None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        content = json.load(error)
    except ValueError:
        return "The service refused the call ({}).".format(error.code)
    detail = content.get("detail", content)
    if isinstance(detail, dict):
        where = " ({})".format(detail["where"]) if detail.get("where") else ""
        repair = "\n{}".format(detail["repair"]) if detail.get("repair") else ""
        return "The service refused the call: {}{}.{}".format(
            detail.get("why") or detail.get("refused"), where, repair
        )
    return "The service refused the call: {}.".format(detail)
