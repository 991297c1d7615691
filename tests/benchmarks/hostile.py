"""Hostile requests to the render service: no error of its own, no place outside, still alive.

    python tests/benchmarks/hostile.py [--quick] [--json FILE]

Requests drawn by schemathesis from the published schema, right and wrong; then, by hand, rebound
Hosts, Origins, tokens, visits to the page, path traversal, links that lead out, oversized bodies
and slow clients.
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from dubwright.service.guard import MAX_BODY
from dubwright_plugin import connect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _common import Figures, run
from service_places import own_service_places, wait_for

SECRET = "what nobody may read"
# One stops the service as it should, the other never ends.
LEFT_OUT = ("/v1/stop", "/v1/events")
IN_ALL, IN_ALL_QUICK = 10_000, 100
SLOW_CLIENTS = 40


def measure(quick: bool) -> Figures:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        inside, outside = root / "inside", root / "outside"
        inside.mkdir()
        outside.mkdir()
        (outside / "secret.srt").write_text(f"1\n00:00:00,000 --> 00:00:01,000\n{SECRET}\n")
        before = _fingerprint(outside)
        runtime = root / "run" / "service.json"
        with own_service_places(root / "own", runtime, [inside], workers=2):
            process = subprocess.Popen(
                [sys.executable, "-m", "dubwright.cli", "serve", "--store", str(root / "store")],
                stderr=subprocess.DEVNULL,
            )
            wait_for(runtime.exists, process=process)
            attack = _Attack(runtime, inside, outside)
            memory = psutil.Process(process.pid).memory_info().rss
            attack.by_schema(IN_ALL_QUICK if quick else IN_ALL)
            attack.by_hand(30 if quick else 300)
            attack.slow_clients()
            service = connect(start=False)
            alive = service.health()["version"] != ""
            grown = psutil.Process(process.pid).memory_info().rss - memory
            service.stop()
            process.wait(60)
        return {
            "requests": float(attack.sent),
            "server_errors": float(sum(n for s, n in attack.statuses.items() if s >= 500)),
            "secrets_given": float(attack.leaks),
            "unanswered": float(attack.unanswered),
            "outside_changed": float(_fingerprint(outside) != before),
            "alive_at_the_end": float(alive),
            "memory_grown_mb": grown / 1e6,
            **{f"answered_{status}": float(n) for status, n in sorted(attack.statuses.items())},
        }


class _Attack:
    def __init__(self, runtime: Path, inside: Path, outside: Path) -> None:
        announced = json.loads(runtime.read_text())
        self._port = announced["port"]
        self._url = f"http://127.0.0.1:{self._port}"
        self._bearer = {"Authorization": f"Bearer {announced['token']}"}
        self._inside, self._outside = inside, outside
        self._session = requests.Session()
        self._session.trust_env = False
        self.statuses: Counter[int] = Counter()
        self.sent = self.leaks = self.unanswered = 0

    def by_schema(self, count: int) -> None:
        """Requests that the schema allows, and such as it does not."""
        published = self._session.get(f"{self._url}/v1/openapi.json", headers=self._bearer).json()
        schema = schemathesis.openapi.from_dict(published)
        schema.config.update(base_url=self._url)
        operations = [found.ok() for found in schema.get_all_operations()]
        operations = [found for found in operations if found.path not in LEFT_OUT]
        job = self._a_job()
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                strategy = operation.as_strategy(generation_mode=mode)

                @given(case=strategy)
                @settings(
                    max_examples=count // (2 * len(operations)) + 1,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                def send(case: Any) -> None:
                    if "job_id" in (case.path_parameters or {}) and random.random() < 0.5:
                        case.path_parameters["job_id"] = job
                    sent = case.as_transport_kwargs(headers=self._bearer)
                    self._count(**sent)

                try:
                    send()
                except Unsatisfiable:
                    continue  # nothing about this operation can be got wrong

    def by_hand(self, rounds: int) -> None:
        """What a web page, another program or a crafted timeline would try."""
        link = self._inside / "link"
        link.symlink_to(self._outside)
        timeline = self._inside / "reaching.otio"
        timeline.write_text(json.dumps(_timeline(str(self._outside / "secret.mov"))))
        secret = str(self._outside / "secret.srt")
        job = self._a_job()
        place, cookie = self._a_visit()
        visits = [
            ("/open/guessed", "", {}),
            (place, "", {}),
            (place, "dubwright=guessed", {}),
            (place, cookie, {"Sec-Fetch-Site": "cross-site"}),
            (place, cookie, {"Sec-Fetch-Site": "same-site"}),
            (place, cookie, {"Origin": "http://evil.example"}),
            (place, cookie, {"Host": f"evil.example:{self._port}"}),
            ("/", cookie, {}),
        ]
        for _ in range(rounds):
            for host in ("evil.example", f"evil.example:{self._port}", "127.0.0.1", "[::1]", ""):
                self._count("GET", f"{self._url}/v1/jobs", headers=self._bearer | {"Host": host})
            for origin in ("http://evil.example", "null", self._url):
                self._count(
                    "GET", f"{self._url}/v1/jobs", headers=self._bearer | {"Origin": origin}
                )
            for token in ("", "Bearer", "Bearer x", "Basic eDp4", "Bearer " + "é" * 30):
                headers = {"Authorization": token.encode("latin1")}
                self._count("GET", f"{self._url}/v1/jobs", headers=headers)
            for name in ("../../outside/secret.srt", "%2e%2e/%2e%2e/outside/secret.srt",
                         secret, "link/secret.srt", "a\0b", "x" * 5000):  # fmt: skip
                place = f"{self._url}/v1/jobs/{job}/files/{name}"
                self._count("GET", place, headers=self._bearer)
            for subtitles in (secret, str(link / "secret.srt"), str(self._inside / "../outside/x")):
                self._submit(str(timeline), str(self._inside / "out"), subtitles)
            self._submit(secret, str(self._inside / "out"), secret)
            self._submit(str(timeline), str(self._outside / "out"), secret)
            self._submit(str(timeline), str(link / "out"), secret)
            self._submit(str(timeline) + "\0", "/" * 5000, "relative")
            self._count(
                "POST", f"{self._url}/v1/jobs", data=b"{" * (MAX_BODY + 1),
                headers=self._bearer | {"Content-Type": "application/json"},
            )  # fmt: skip
            for folder in (str(self._outside), str(link), "/etc", "..", "\0", "/" * 5000):
                place = f"{self._url}/v1/places"
                self._count("GET", place, params={"folder": folder}, headers=self._bearer)
            for visit, cookie, more in visits:
                headers = {"Cookie": cookie, "Content-Type": "application/json"} | more
                self._count("GET", f"{self._url}{visit}v1/jobs", headers=headers)
                self._count("POST", f"{self._url}{visit}v1/stop", data=b"{}", headers=headers)
            for body in (b"", b"\xff\xfe", b"[" * 100_000, b'{"operation": NaN}', b"null"):
                headers = self._bearer | {"Content-Type": "application/json"}
                self._count("POST", f"{self._url}/v1/jobs", data=body, headers=headers)

    def slow_clients(self) -> None:
        """Connections that say too little, all at once; another client is served meanwhile."""
        head = (
            f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Authorization: {self._bearer['Authorization']}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        ).encode()
        slow = [socket.create_connection(("127.0.0.1", self._port)) for _ in range(SLOW_CLIENTS)]
        for index, connection in enumerate(slow):
            connection.sendall(head if index % 2 else head[:30])
        began = time.perf_counter()
        self._count("GET", f"{self._url}/v1/health", headers=self._bearer)
        assert time.perf_counter() - began < 1
        for connection in slow:
            connection.close()

    def _a_job(self) -> str:
        request = {"text": "Mama.", "language": "es", "output": str(self._inside / "line")}
        service = connect(start=False)
        job = service.submit("animate", request)
        service.wait(job)
        return job

    def _a_visit(self) -> tuple[str, str]:
        """The place and the cookie of a page that was opened."""
        link = connect(start=False).page()
        opened = self._session.get(link, allow_redirects=False)
        self._session.cookies.clear()
        return opened.headers["Location"], opened.headers["Set-Cookie"].partition(";")[0]

    def _submit(self, timeline: str, output: str, subtitles: str) -> None:
        request = {
            "timeline": timeline,
            "languages": ["es"],
            "output": output,
            "subtitles": {"es": subtitles},
        }
        body = {"operation": "dub", "request": request}
        self._count("POST", f"{self._url}/v1/jobs", json=body, headers=self._bearer)

    def _count(self, method: str, url: str, **rest: Any) -> None:
        self.sent += 1
        try:
            answer = self._session.request(method, url, timeout=30, **rest)
        except (requests.RequestException, ValueError, UnicodeError):
            self.unanswered += 1  # refused by this client, or the connection was closed on it
            self._session = requests.Session()
            self._session.trust_env = False
            return
        self.statuses[answer.status_code] += 1
        self.leaks += SECRET in answer.text


def _timeline(url: str) -> dict[str, Any]:
    import opentimelineio as otio

    span = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(48, 24)
    )
    clip = otio.schema.Clip("reaching", otio.schema.ExternalReference(url, span), span)
    track = otio.schema.Track("V1", [clip], kind=otio.schema.TrackKind.Video)
    timeline = otio.schema.Timeline("reaching")
    timeline.tracks.append(track)
    return dict(json.loads(timeline.to_json_string()))


def _fingerprint(folder: Path) -> str:
    """Of every name, content and time of change in a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        stat = path.stat()
        found.update(f"{path.relative_to(folder)} {stat.st_mtime_ns} {stat.st_size}".encode())
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


if __name__ == "__main__":
    run(__doc__.splitlines()[0], measure)
