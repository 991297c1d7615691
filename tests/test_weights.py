"""Weights: real tensors, over real HTTP, in the layout that huggingface_hub reads."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from dubwright.engines.weights import WeightsFolder, forbids_commerce, offered
from dubwright.errors import DubwrightError

NAME = "tests/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TENSORS = {"w": np.arange(6_000_000, dtype=np.float32)}
FILES = {
    "model.safetensors": save(TENSORS),
    "config.json": b'{"hidden_size": 1}',
    "pytorch_model.bin": b"a pickle",
}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as a pull needs. It breaks off the first large answer.

    Sourced from what huggingface_hub 2.4 asks for: model_info with its files, then HEAD and GET of
    resolve/, where a GET that goes on has a Range.
    """

    broken_off = False
    tampered = False
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        self.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        if self.path.startswith("/api/models/"):
            self._send(json.dumps(_description()).encode(), {"Content-Type": "application/json"})
            return
        name = self.path.rpartition("/")[2]
        content = FILES[name]
        digest = hashlib.sha256(content).hexdigest()
        if Hub.tampered and name.endswith(".safetensors"):
            content = content[:-1] + b"!"
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest}"', "Accept-Ranges": "bytes"}
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        part = content[start:] if body else content
        if body and len(part) > 20_000_000 and not Hub.broken_off:
            Hub.broken_off = True
            self._send(part, headers, cut=3 * len(part) // 4)
        else:
            self._send(part if body else b"", headers, 206 if start else 200, len(part))

    def _send(
        self,
        content: bytes,
        headers: dict[str, str],
        status: int = 200,
        length: int | None = None,
        cut: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content[:cut])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def _description() -> dict[str, object]:
    siblings = [
        {"rfilename": name, "size": len(content)}
        | (
            {"lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content),
                     "pointerSize": 1}}
            if name.endswith(".safetensors")
            else {}
        )
        for name, content in FILES.items()
    ]  # fmt: skip
    return {
        "id": NAME, "modelId": NAME, "sha": COMMIT, "siblings": siblings, "tags": [],
        "private": False, "downloads": 0, "likes": 0, "cardData": {"license": "apache-2.0"},
    }  # fmt: skip


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.broken_off, Hub.tampered, Hub.asked = False, False, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> WeightsFolder:
    return WeightsFolder(tmp_path / "hub", tmp_path / "weights.json")


def test_weights_are_offered_pulled_and_verified(hub: str, folder: WeightsFolder) -> None:
    offer = offered(NAME, endpoint=hub)
    assert offer.revision == COMMIT and offer.licence == "apache-2.0"
    assert {file.path for file in offer.files} == {"model.safetensors", "config.json"}
    assert not any("/resolve/" in asked for asked in Hub.asked)  # only the description was fetched
    fetched: list[str] = []
    weights = folder.pull(offer, lambda file: fetched.append(file.path), endpoint=hub)
    assert set(fetched) == {"model.safetensors", "config.json"}
    assert all(file.sha256 for file in weights.files)
    tensors = load_file(folder.folder(NAME) / "model.safetensors")
    assert np.array_equal(tensors["w"], TENSORS["w"])
    assert Hub.broken_off and any("bytes=" in asked for asked in Hub.asked)  # it went on
    folder.verify(NAME)
    assert folder.all() == (weights,)


def test_what_was_pulled_is_where_huggingface_hub_looks(hub: str, folder: WeightsFolder) -> None:
    from huggingface_hub import hf_hub_download

    folder.pull(offered(NAME, endpoint=hub), endpoint=hub)
    cache = folder.folder(NAME).parent.parent.parent
    found = hf_hub_download(
        NAME, "model.safetensors", revision=COMMIT, cache_dir=cache, local_files_only=True
    )
    assert Path(found) == folder.folder(NAME) / "model.safetensors"


def test_another_content_than_was_offered_is_refused(hub: str, folder: WeightsFolder) -> None:
    offer = offered(NAME, endpoint=hub)
    Hub.tampered = True
    with pytest.raises(DubwrightError, match="not what was accepted"):
        folder.pull(offer, endpoint=hub)
    assert folder.all() == ()


def test_a_changed_file_is_found(hub: str, folder: WeightsFolder) -> None:
    folder.pull(offered(NAME, endpoint=hub), endpoint=hub)
    path = (folder.folder(NAME) / "model.safetensors").resolve()
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DubwrightError, match="its content was changed"):
        folder.verify(NAME)
    path.unlink()
    with pytest.raises(DubwrightError, match="it is not there"):
        folder.verify(NAME)


def test_weights_are_imported_from_a_folder_and_removed(
    folder: WeightsFolder, tmp_path: Path
) -> None:
    source = tmp_path / "usb" / "sub"
    source.mkdir(parents=True)
    for name, content in FILES.items():
        (source / name).write_bytes(content)
    weights = folder.take_in(NAME, source.parent, "cc-by-4.0")
    assert {file.path for file in weights.files} == {"sub/model.safetensors", "sub/config.json"}
    folder.verify(NAME)
    assert folder.take_in(NAME, source.parent, "cc-by-4.0").revision == weights.revision
    folder.remove(NAME)
    with pytest.raises(DubwrightError, match="models pull tests/tiny"):
        folder.folder(NAME)
    assert not list(tmp_path.glob("hub/*"))


@pytest.mark.parametrize(
    ("files", "said"),
    [({"model.bin": b"x"}, "a pickle can run any code"), ({"readme.txt": b"x"}, "no weights")],
)
def test_pickles_and_nothing_are_refused(
    folder: WeightsFolder, tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DubwrightError, match=said):
        folder.take_in(NAME, tmp_path, "mit")


def test_a_host_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(DubwrightError, match="cannot be looked up"):
        offered(NAME, endpoint="http://127.0.0.1:9")


def test_nothing_is_downloaded_before_the_licence_is_accepted(hub: str, tmp_path: Path) -> None:
    environment = {
        "HF_ENDPOINT": hub,
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "DUBWRIGHT_WEIGHTS": str(tmp_path / "weights.json"),
    }

    def models(*words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dubwright.cli", "models", *words],
            env=os.environ | environment, input=said, capture_output=True, text=True, check=False,
        )  # fmt: skip

    refused = models("pull", NAME, said="n\n")
    assert refused.returncode == 1 and "apache-2.0" in refused.stdout
    assert models("pull", NAME, "--accept", "mit").returncode == 2
    assert not any("/resolve/" in asked for asked in Hub.asked)
    assert models("pull", NAME, said="y\n").returncode == 0
    assert models("verify").stdout.count("as accepted") == 2
    (listed,) = json.loads(models("list", "--json").stdout)
    assert listed["name"] == NAME
    assert COMMIT in models("show", NAME).stdout
    assert models("remove", NAME).returncode == 0
    missing = models("show", NAME)
    assert missing.returncode == 2 and "models pull" in missing.stderr


@pytest.mark.parametrize(
    ("licence", "forbids"),
    [
        ("apache-2.0", False),
        ("mit", False),
        ("cc-by-4.0", False),
        ("cc-by-sa-4.0", False),
        ("openrail", False),
        ("bsd-3-clause-clear", False),
        ("cc-by-nc-4.0", True),
        ("CC BY-NC-SA 4.0", True),
        ("coqui-public-model-license", True),
        ("Non-Commercial use only", True),
        ("research only", True),
    ],
)
def test_licences_that_forbid_commerce_are_known(licence: str, forbids: bool) -> None:
    assert forbids_commerce(licence) is forbids
