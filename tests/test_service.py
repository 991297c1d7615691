"""The render service and its client, over real HTTP between real processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from conftest import Sample
from service_places import own_service_places, wait_for
from write_schemas import request_schemas

from dubwright._version import __version__
from dubwright_plugin import JobFailed, Service, ServiceError, connect
from dubwright_plugin.runtime import remember_installation

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A service of this test's own, and the file that announces it."""
    folder = tmp_path_factory.mktemp("service")
    path = folder / "run" / "service.json"
    with own_service_places(folder, path):
        process = subprocess.Popen(
            [sys.executable, "-m", "dubwright.cli", "serve", "--store", str(folder / "store")]
        )
        wait_for(path.exists, process=process)
        yield path
        subprocess.run([sys.executable, "-m", "dubwright.cli", "stop"], check=True)
        assert process.wait(20) == 0
        assert not path.exists()


@pytest.fixture
def service(runtime: Path) -> Service:
    deadline = time.monotonic() + 20
    while True:
        try:
            return connect(start=False)
        except ServiceError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _animate(tmp_path: Path, **changes: object) -> dict[str, object]:
    request = {"text": "Mama, papa.", "language": "es", "output": str(tmp_path / "out")}
    return request | changes


def test_a_job_is_submitted_followed_and_fetched(service: Service, tmp_path: Path) -> None:
    job = service.submit("animate", _animate(tmp_path, rate="25"))
    last = service.wait(job)
    assert last["state"] == "done" and last["done"] == last["total"] == 2
    assert {"controls.json", "curves.json", "line.wav"} < set(service.files(job))
    fetched = service.fetch(job, "curves.json", tmp_path / "curves.json")
    assert json.loads(fetched.read_text())["rate"] == "25"


def test_a_failed_job_says_what_where_why_and_how_to_repair(
    service: Service, tmp_path: Path
) -> None:
    job = service.submit("animate", _animate(tmp_path, language="qq"))
    with pytest.raises(JobFailed, match="No engine speaks qq") as caught:
        service.wait(job)
    assert set(caught.value.error) == {"what", "where", "why", "repair"}


def test_a_faulty_request_is_refused_at_once(service: Service, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="rate"):
        service.submit("animate", _animate(tmp_path, rate="fast"))
    with pytest.raises(ServiceError, match="relative"):
        service.submit("animate", _animate(tmp_path, output="out"))
    with pytest.raises(ServiceError, match="operation"):
        service.submit("fly", {})
    with pytest.raises(ServiceError, match="no job"):
        service.state("0" * 16)


def test_a_job_is_cancelled(service: Service, sample: Sample, tmp_path: Path) -> None:
    request = {
        "timeline": str(sample.timeline),
        "languages": ["es"],
        "output": str(tmp_path / "out"),
        "subtitles": {"es": str(sample.subtitles("es")["es"])},
        "cast": str(sample.cast),
    }
    job = service.submit("dub", request)
    for state in service.follow(job):
        if state["done"] > 5:
            service.cancel(job)
            break
    assert service.wait(job)["state"] == "cancelled"
    assert not list((tmp_path / "out").glob("v*"))


def test_events_are_streamed_and_resumed_where_they_broke_off(
    service: Service, tmp_path: Path
) -> None:
    job = service.submit("animate", _animate(tmp_path))
    events = list(service.events(job))
    states = [event["state"] for event in events if "state" in event]
    assert states == ["queued", "running", "done"]
    middle = len(events) // 2
    assert list(service.events(job, after=events[middle]["id"])) == events[middle + 1 :]


def test_a_job_is_found_again_by_its_tag(service: Service, tmp_path: Path) -> None:
    job = service.submit("animate", _animate(tmp_path), title="Line 12", tag="shot & scene/7")
    (found,) = service.jobs("shot & scene/7")
    assert found["id"] == job and found["title"] == "Line 12"
    service.wait(job)


def test_a_job_is_held_moved_up_and_retried(service: Service, tmp_path: Path) -> None:
    job = service.submit("animate", _animate(tmp_path, text="Papa, mama, papa."))
    service.pause(job)
    assert service.state(job)["state"] == "paused"
    service.reprioritise(job, 5)
    assert service.state(job)["priority"] == 5
    service.cancel(job)
    with pytest.raises(ServiceError, match="is cancelled"):
        service.resume(job)
    service.retry(job)
    assert service.wait(job)["state"] == "done"


def test_places_that_were_not_opened_are_refused(
    service: Service, sample: Sample, tmp_path: Path
) -> None:
    with pytest.raises(ServiceError, match="dubwright allow"):
        service.submit("animate", _animate(tmp_path, output="/usr/share/dubwright-test"))
    (tmp_path / "link").symlink_to("/usr/share")
    with pytest.raises(ServiceError, match="lies outside"):
        service.submit("animate", _animate(tmp_path, output=str(tmp_path / "link" / "out")))
    # A timeline that lies where it may, with media that do not.
    timeline = json.loads(sample.timeline.read_text())
    text = json.dumps(timeline).replace("audio/", "/usr/share/audio/")
    (sample.timeline.parent / "reaching.otio").write_text(text)
    request = {
        "timeline": str(sample.timeline.parent / "reaching.otio"),
        "languages": ["es"],
        "output": str(tmp_path / "out"),
        "subtitles": {"es": str(sample.subtitles("es")["es"])},
    }
    with pytest.raises(JobFailed, match="was not opened to Dubwright"):
        service.wait(service.submit("dub", request))


def test_a_job_outlives_its_server(tmp_path: Path) -> None:
    runtime = tmp_path / "run" / "service.json"
    command = [sys.executable, "-m", "dubwright.cli", "serve", "--store", str(tmp_path / "store")]
    with own_service_places(tmp_path, runtime):
        first = subprocess.Popen(command)
        wait_for(runtime.exists, process=first)
        service = connect(start=False)
        job = service.submit("animate", _animate(tmp_path))
        wait_for(lambda: service.state(job)["state"] == "running")
        first.kill()
        first.wait()
        second = subprocess.Popen(command)
        wait_for(lambda: json.loads(runtime.read_text())["pid"] == second.pid, process=second)
        assert service.wait(job)["state"] == "done"  # the same client finds the new server
        service.stop()
        assert second.wait(20) == 0
        log = (tmp_path / "state" / "service.log").read_text()
        assert job in log and "Mama" not in log and service._token not in log


def test_what_a_request_may_be_is_published(service: Service, runtime: Path) -> None:
    schemas = json.loads((ROOT / "plugin/dubwright_plugin/schemas.json").read_text())
    assert schemas == request_schemas(), "run tests/write_schemas.py"
    speech = {"transcribe", "align", "translate", "booth"}
    assert set(schemas) == speech | {
        "dub", "lip_sync", "reconform", "animate", "capture", "cast",
    }  # fmt: skip
    announced = json.loads(runtime.read_text())
    connection = http.client.HTTPConnection("127.0.0.1", announced["port"], timeout=10)
    bearer = {"Authorization": f"Bearer {announced['token']}"}
    connection.request("GET", "/v1/openapi.json", headers=bearer)
    published = json.loads(connection.getresponse().read())
    connection.close()
    assert service.health() and "/v1/jobs/{job_id}/events" in published["paths"]


def test_a_slow_client_is_not_waited_for(service: Service, runtime: Path) -> None:
    announced = json.loads(runtime.read_text())
    with socket.create_connection(("127.0.0.1", announced["port"]), timeout=30) as slow:
        slow.sendall(
            f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:{announced['port']}\r\n"
            f"Authorization: Bearer {announced['token']}\r\nContent-Type: application/json\r\n"
            "Content-Length: 1000\r\n\r\n{".encode()
        )
        assert service.health()
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_files_outside_a_delivery_are_not_given(service: Service, tmp_path: Path) -> None:
    job = service.submit("animate", _animate(tmp_path))
    service.wait(job)
    (tmp_path / "secret").write_text("x")
    for name in ("../../secret", "/etc/passwd", "..%2f..%2fsecret"):
        with pytest.raises(ServiceError):
            service.fetch(job, name, tmp_path / "stolen")
    assert not (tmp_path / "stolen").exists()


def _raw(runtime: Path, method: str = "GET", **headers: str) -> int:
    announced = json.loads(runtime.read_text())
    port = announced["port"]
    sent = {"Host": f"127.0.0.1:{port}", "Authorization": f"Bearer {announced['token']}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, "/v1/jobs", skip_host=True)
    for name, value in sent.items():
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
    ],
)
def test_only_our_own_client_is_answered(
    service: Service, runtime: Path, headers: dict[str, str], status: int
) -> None:
    assert service.health()
    assert _raw(runtime, **headers) == status


def test_only_json_is_taken(service: Service, runtime: Path) -> None:
    assert service.health()
    assert _raw(runtime, "POST", Content_Type="text/plain", Content_Length="0") == 415
    assert _raw(runtime, "POST", Content_Type="application/json", Content_Length="9" * 9) == 413


def test_a_body_that_is_longer_than_it_says_is_refused(service: Service, runtime: Path) -> None:
    announced = json.loads(runtime.read_text())
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:{announced['port']}\r\n"
        f"Authorization: Bearer {announced['token']}\r\nContent-Type: application/json\r\n"
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", announced["port"]), timeout=30) as client:
        client.sendall(head.encode())
        try:
            for _ in range(20):
                client.sendall(b"100000\r\n" + b" " * 2**20 + b"\r\n")
            answer = client.recv(100)
        except OSError:
            answer = b""  # the connection was closed on us
    assert not answer or b" 413 " in answer or b" 400 " in answer
    assert service.health()


def test_a_websocket_is_refused(service: Service, runtime: Path) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13",
               "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==", "Authorization": ""}  # fmt: skip
    assert _raw(runtime, **headers) in (400, 401, 403)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the file by its folder's rights")
def test_the_token_is_readable_by_its_user_alone(runtime: Path) -> None:
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(os.environ["DUBWRIGHT_STATE"]).stat().st_mode) == 0o700


def test_status_lists_the_jobs(service: Service) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dubwright.cli", "status", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["running"] is True and service.health()


def test_a_client_without_a_service_says_how_to_start_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DUBWRIGHT_RUNTIME", str(tmp_path / "none.json"))
    monkeypatch.setenv("DUBWRIGHT_INSTALLATION", str(tmp_path / "none.json"))
    monkeypatch.delenv("DUBWRIGHT_PYTHON", raising=False)
    with pytest.raises(ServiceError, match="dubwright serve"):
        connect()


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_host_starts_the_service_and_it_ends_by_itself(tmp_path: Path) -> None:
    runtime = tmp_path / "service.json"
    with own_service_places(tmp_path, runtime, idle_minutes=0.02):
        remember_installation(sys.executable)
        service = connect()
        assert service.health()["version"] == __version__
        wait_for(lambda: not runtime.exists())


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_service_that_crashed_is_started_by_who_waits_for_it(tmp_path: Path) -> None:
    runtime = tmp_path / "service.json"
    with own_service_places(tmp_path, runtime):
        remember_installation(sys.executable)
        service = connect()
        job = service.submit("animate", _animate(tmp_path))
        os.kill(json.loads(runtime.read_text())["pid"], signal.SIGKILL)
        assert service.wait(job)["state"] == "done"
        service.stop()
        wait_for(lambda: not runtime.exists())


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_hosts_that_start_at_once_find_one_service(tmp_path: Path) -> None:
    runtime = tmp_path / "service.json"
    with own_service_places(tmp_path, runtime), ThreadPoolExecutor(3) as hosts:
        remember_installation(sys.executable)
        found = list(hosts.map(lambda _: connect(), range(3)))
        assert len({service._port for service in found}) == 1

        def is_gone() -> bool:
            # A server that was slow to start may take the place of the one that was stopped.
            with suppress(ServiceError):
                connect(start=False).stop()
            return not runtime.exists()

        wait_for(is_gone)


def test_a_stranger_at_the_services_port_is_told_nothing(tmp_path: Path) -> None:
    """A service died and left its file; the port is another user's now."""
    told: list[str] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append(f"{self.path} {self.headers}")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"version": "0.1.0", "proof": "' + b"0" * 64 + b'"}')

    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        announced = {"port": stranger.server_port, "pid": 1, "token": "secret", "version": "1"}
        runtime = tmp_path / "service.json"
        with own_service_places(tmp_path, runtime):
            runtime.write_text(json.dumps(announced))
            with pytest.raises(ServiceError):
                connect(start=False)
        stranger.shutdown()
    assert told and not any("secret" in request for request in told)


def test_a_service_of_another_version_is_named_and_can_be_stopped(tmp_path: Path) -> None:
    runtime = tmp_path / "service.json"
    with own_service_places(tmp_path, runtime):
        command = [sys.executable, "-m", "dubwright.cli"]
        process = subprocess.Popen([*command, "serve", "--store", str(tmp_path / "store")])
        wait_for(runtime.exists, process=process)
        announced = json.loads(runtime.read_text())
        runtime.write_text(json.dumps(announced | {"version": "0.0.9", "protocol": 0}))
        with pytest.raises(ServiceError, match=r"another version \(0\.0\.9\); stop it") as told:
            connect()
        assert "\n" not in str(told.value)
        subprocess.run([*command, "stop"], check=True)
        assert process.wait(20) == 0


def test_the_plugin_needs_nothing_but_the_standard_library(
    service: Service, tmp_path: Path
) -> None:
    """As in a host: no site-packages, no environment of its own, no thread of the caller's."""
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'plugin')!r})\n"
        "import dubwright_plugin\n"
        "service = dubwright_plugin.connect(start=False)\n"
        f"job = service.submit('animate', {_animate(tmp_path)!r}, tag='bare')\n"
        "seen = []\n"
        "assert service.wait(job, seen.append)['state'] == 'done' and seen\n"
        "print(sorted(m for m in sys.modules if m in ('numpy', 'pydantic', 'threading')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert "numpy" not in done.stdout and "pydantic" not in done.stdout
    assert service.jobs("bare")[0]["state"] == "done"


def test_a_user_has_one_service(service: Service) -> None:
    assert service.health()
    second = subprocess.run(
        [sys.executable, "-m", "dubwright.cli", "serve"], capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 2 and "running already" in second.stderr


def test_capabilities_name_engines_languages_and_licences(service: Service) -> None:
    found = service.capabilities()
    engines = {card["name"]: card for card in found["engines"]}
    assert engines["retrieval"]["licence"] == "Apache-2.0" and engines["retrieval"]["limits"]
    assert "es" in found["languages"]["synthesizer"]["espeak-ng"]
    assert found["voices"]["espeak-ng"]["es"]["f2"] == "Female 2"
    assert isinstance(found["gpus"], list) and isinstance(found["weights"], list)
