"""What the service offers of versions, consents and publish, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import Dubbed, run_cli
from service_places import own_service_places, wait_for

from dubwright.errors import DubwrightError
from dubwright.model import Consent
from dubwright.service.links import SCHEME, handle_links, read_link, review_link
from dubwright.trust import AuditLog, Keys, keys_folder
from dubwright.trust.consents import statement
from dubwright.trust.keys import is_signed
from dubwright_plugin import Service, ServiceError, connect

CONSENT = {
    "person": "Jo Doe", "languages": ["es"], "likeness_edit": True, "voice_synthesis": True,
    "valid_from": "2026-01-01", "recorded_by": "Kim",
}  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """A service, and a version that was delivered without it."""

    service: Service
    folder: Path
    store: Path
    version: Path

    def ask(self, method: str, place: str, body: dict[str, Any] | None = None) -> Any:
        return self.service._json(method, place, body)


@pytest.fixture(scope="module")
def desk(dubbed: Dubbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("published")
    version = folder / "dubs" / "v001"
    shutil.copytree(dubbed.result.folder, version)
    store, runtime = folder / "store", folder / "run" / "service.json"
    shutil.copytree(dubbed.store, store)
    Keys(keys_folder()).make("Test Pictures")
    with own_service_places(folder, runtime):
        process = subprocess.Popen(
            [sys.executable, "-m", "dubwright.cli", "serve", "--store", str(store)]
        )
        wait_for(runtime.exists, process=process)
        service = connect(start=False)
        yield Desk(service, folder, store, version)
        service.stop()
        assert process.wait(20) == 0


def test_a_version_that_was_made_without_the_service_can_be_reviewed(desk: Desk) -> None:
    job = desk.service.version(desk.version)
    assert desk.service.version(desk.version) == job, "it is taken in once"
    state = desk.service.state(job)
    assert state["state"] == "done" and state["title"] == "lighthouse"
    assert state["result"]["previews"]["es"].endswith("v001/preview/lighthouse.es.mp4")
    lines = desk.ask("GET", f"/v1/jobs/{job}/lines")
    assert lines["editable"] and len(lines["cue_sheet"]["cues"]) == 3
    with pytest.raises(ServiceError, match="it has no dub"):
        desk.service.version(desk.folder)
    with pytest.raises(ServiceError, match="lies outside"):
        desk.service.version(Path("/etc"))


def test_its_lines_are_rendered_again_and_it_is_delivered_anew(desk: Desk) -> None:
    job = desk.service.version(desk.version)
    again = desk.ask("POST", f"/v1/jobs/{job}/anew", {})["id"]
    assert desk.service.wait(again)["result"]["folder"] == str(desk.version.parent / "v002")
    lines = desk.ask("GET", f"/v1/jobs/{job}/lines")
    lines["cue_sheet"]["cues"][0]["text"]["es"] = "Hola a todos."
    kept = {name: lines[name] for name in ("revision", "cue_sheet", "cast")}
    desk.ask("POST", f"/v1/jobs/{job}/lines", kept)
    revised = desk.ask("POST", f"/v1/jobs/{job}/revise", {})["id"]
    made = Path(desk.service.wait(revised)["result"]["folder"])
    texts = [cue["text"]["es"] for cue in json.loads((made / "cue_sheet.json").read_text())["cues"]]
    assert made.name == "v003" and texts[0] == "Hola a todos."


def test_links_open_what_is_known_and_nothing_else(desk: Desk) -> None:
    job = desk.service.version(desk.version)
    link = review_link(desk.version, "fr", "cue0002")
    named = read_link(link)
    assert (named.version, named.language, named.cue) == (desk.version, "fr", "cue0002")
    assert run_cli("review", link, "--no-browser").stdout.startswith("http://127.0.0.1:")
    assert run_cli("review", desk.version, "--no-browser").stdout.startswith("http://127.0.0.1:")
    # A link must not have a folder read that its writer chose.
    unknown = run_cli("review", review_link(desk.folder / "else", "fr"), "--no-browser")
    assert unknown.returncode == 2 and "not known here" in unknown.stderr
    for wrong in (f"{SCHEME}://review?version=v1", f"{SCHEME}://else?version=/v1", f"{SCHEME}:"):
        with pytest.raises(DubwrightError, match="leads nowhere"):
            read_link(wrong)
    assert any(each["id"] == job for each in desk.service.jobs())


@pytest.mark.skipif(sys.platform != "linux", reason="the desktop entry is Linux's")
def test_a_desktop_opens_links_in_this_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DubwrightError, match="does not let links") as caught:
        handle_links(tmp_path)
    assert "xdg-utils" in caught.value.why
    asked = tmp_path / "asked"
    chooser = tmp_path / "xdg-mime"
    chooser.write_text(f'#!/bin/sh\necho "$@" > {asked}\n')
    chooser.chmod(0o755)
    entry = handle_links(tmp_path)
    assert asked.read_text() == "default dubwright-links.desktop x-scheme-handler/dubwright\n"
    told = dict(line.split("=", 1) for line in entry.read_text().splitlines() if "=" in line)
    assert told["MimeType"] == "x-scheme-handler/dubwright;"
    assert told["Exec"] == f'"{sys.executable}" "-m" "dubwright.cli" "review" %u'


def test_consents_are_signed_looked_at_and_taken_back(desk: Desk, tmp_path: Path) -> None:
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(b"I agree.")
    given = {"consent": CONSENT, "evidence": str(paper)}
    signed = desk.ask("POST", "/v1/consents", given)
    consent = Consent.model_validate(signed)
    assert consent.signature is not None and is_signed(statement(consent), consent.signature)
    assert consent.evidence == hashlib.sha256(b"I agree.").hexdigest()
    cast = {"speakers": [{"name": "Ada", "likeness": "real", "consents": [signed]}]}
    (held,) = desk.ask("POST", "/v1/consents/look", {"cast": cast})
    assert held["speaker"] == "Ada" and held["doubts"] == []
    forged = signed | {"languages": ["fr"]}
    cast["speakers"][0]["consents"] = [forged]  # type: ignore[index]
    (doubted,) = desk.ask("POST", "/v1/consents/look", {"cast": cast})
    assert doubted["doubts"] == ["it was changed after it was signed"]
    taken = {"consent": held["consent"], "by": "Kim", "reason": "asked to"}
    revocation = desk.ask("POST", "/v1/consents/revoke", taken)
    assert revocation["recorded_by"] == "Kim" and revocation["reason"] == "asked to"
    cast["speakers"][0]["consents"] = [signed]  # type: ignore[index]
    (gone,) = desk.ask("POST", "/v1/consents/look", {"cast": cast})
    assert gone["doubts"] == ["it was taken back"], "whichever cast has it"
    told = [entry.did for entry in AuditLog(desk.store).entries()]
    assert told[-2:] == ["consent recorded", "consent revoked"]


def test_what_is_no_consent_is_not_signed(desk: Desk, tmp_path: Path) -> None:
    for changes, evidence in (
        ({"person": ""}, ""),
        ({"colour": "red"}, ""),
        ({}, "paper.pdf"),
        ({}, str(tmp_path / "none.pdf")),
        ({}, "/etc/passwd"),
    ):
        given = {"consent": CONSENT | changes, "evidence": evidence}
        with pytest.raises(ServiceError):
            desk.ask("POST", "/v1/consents", given)
    # A signature or a revocation that comes with it is nobody's.
    own = {"key": "AA==", "value": "AA=="}
    signed = desk.ask("POST", "/v1/consents", {"consent": CONSENT | {"signature": own}})
    assert signed["signature"] != own and signed["revocation"] is None


def _publication(desk: Desk, job: str) -> Any:
    deadline = time.monotonic() + 300
    while (found := desk.ask("GET", f"/v1/jobs/{job}/publication"))["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def test_a_version_is_published_and_what_is_found_is_told(desk: Desk) -> None:
    version = desk.folder / "faulty" / "v001"
    shutil.copytree(desk.version, version)
    next((version / "frames" / "es" / "lighthouse_010").glob("*.exr")).unlink()
    job = desk.service.version(version)
    assert desk.ask("GET", f"/v1/jobs/{job}/publication") is None
    out = desk.folder / "deliverables"
    asked = {"preset": "vfx", "output": str(out), "languages": ["es"]}
    began = desk.ask("POST", f"/v1/jobs/{job}/publication", asked)
    assert began["state"] == "running"
    with pytest.raises(ServiceError, match="somebody began"):
        desk.ask("POST", f"/v1/jobs/{job}/publication", asked)
    found = _publication(desk, job)
    assert found["state"] == "done" and found["total"] == 3 and found["error"] is None
    parts = {part["shot"]: part for part in found["parts"]}
    (missing,) = parts["lighthouse_010"]["findings"]
    assert missing["anew"] and not parts["lighthouse_010"]["passed"]
    assert Path(parts["lighthouse_020"]["published"]).parent == out / "lighthouse_020"
    report = Path(found["qc"]) / "lighthouse.es.qc.html"
    assert report.is_file() and missing["what"] in report.read_text("utf-8")
    assert Path(found["qc"]) == version.parent / "qc" / "v001"


def test_a_publish_is_cancelled_with_all_its_processes(desk: Desk) -> None:
    job = desk.service.version(desk.version)
    desk.ask("POST", f"/v1/jobs/{job}/publication", {})
    wait_for(lambda: desk.ask("GET", f"/v1/jobs/{job}/publication")["total"])
    service = json.loads((desk.folder / "run" / "service.json").read_text())["pid"]
    (session,) = [
        pid for pid, parent, _, args in _processes() if parent == service and "publish" in args
    ]
    wait_for(lambda: len(_of_session(session)) > 2)
    ended = desk.ask("POST", f"/v1/jobs/{job}/publication/cancel", {})
    assert ended["state"] == "cancelled"
    wait_for(lambda: not _of_session(session), within_s=20)
    again = desk.ask("POST", f"/v1/jobs/{job}/publication", {"languages": ["es"]})
    assert again["state"] == "running"
    assert _publication(desk, job)["state"] == "done"


def _processes() -> list[tuple[int, int, int, str]]:
    """(process, parent, session, arguments) of all that runs here."""
    asked = ["ps", "-eo", "pid=,ppid=,sid=,args="]
    listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    rows = (line.split(None, 3) for line in listed.splitlines())
    return [(int(pid), int(parent), int(session), args) for pid, parent, session, args in rows]


def _of_session(session: int) -> list[str]:
    """What publishes: its process begins a session, and what it starts stays in it."""
    return [args for _, _, of, args in _processes() if of == session]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"preset": "cinema"}, "streamer"),
        ({"output": "out"}, "relative"),
        ({"output": "/etc/out"}, "lies outside"),
        ({"languages": ["?"]}, "pattern"),
    ],
)
def test_what_cannot_be_published_is_refused(desk: Desk, asked: dict[str, Any], why: str) -> None:
    job = desk.service.version(desk.version)
    with pytest.raises(ServiceError, match=why):
        desk.ask("POST", f"/v1/jobs/{job}/publication", asked)


def test_a_language_that_is_not_there_is_told(desk: Desk) -> None:
    job = desk.service.version(desk.version)
    desk.ask("POST", f"/v1/jobs/{job}/publication", {"languages": ["it"]})
    found = _publication(desk, job)
    assert found["state"] == "failed" and "has no it" in found["error"]["what"]


def test_who_did_not_agree_is_not_imitated_from_the_first(desk: Desk, tmp_path: Path) -> None:
    """It is refused when it is asked for, before anything is planned."""
    cast = {"speakers": [{"name": "Ada", "likeness": "real", "voices": {"es": "own"}}]}
    (tmp_path / "cast.json").write_text(json.dumps(cast))
    request = {
        "timeline": str(desk.version / "lighthouse.otio"),
        "languages": ["es"],
        "output": str(tmp_path / "out"),
        "cue_sheet": str(desk.version / "cue_sheet.json"),
        "cast": str(tmp_path / "cast.json"),
    }
    before = desk.service.jobs()
    with pytest.raises(ServiceError, match="no consent of theirs is on record"):
        desk.service.submit("dub", request)
    assert desk.service.jobs() == before
    kept = dict(json.loads((desk.version / "cue_sheet.json").read_text()))
    for cue in kept["cues"]:
        cue["takes"] = {"es": f"{cue['id']}.wav"}
    (tmp_path / "cues.json").write_text(json.dumps(kept))
    recorded = desk.service.submit("dub", request | {"cue_sheet": str(tmp_path / "cues.json")})
    desk.service.cancel(recorded)
