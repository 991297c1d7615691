"""What several tests share: a small sample, dubbed once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from service_places import own_service_places, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "installers"))
# Tests run side by side, and a model of a few kilobytes loses more to threads than it gains.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The user's own keys are not theirs.
os.environ["DUBWRIGHT_KEYS"] = tempfile.mkdtemp(prefix="dubwright-keys-")
from hosts import Places, install_hosts

from dubwright.api import Dub, dub
from dubwright.sample.scene import Scene, sample_scene, write_sample

WIDTH, HEIGHT = 512, 288


@dataclass(frozen=True)
class Sample:
    """The sample at a small size."""

    folder: Path
    scene: Scene

    @property
    def timeline(self) -> Path:
        return self.folder / "timeline.otio"

    @property
    def cast(self) -> Path:
        return self.folder / "cast.json"

    def subtitles(self, *languages: str) -> dict[str, Path]:
        return {tag: self.folder / "subtitles" / f"timeline.{tag}.srt" for tag in languages}


@dataclass(frozen=True)
class Dubbed:
    """The sample dubbed into Spanish and French."""

    sample: Sample
    result: Dub
    store: Path


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("sample")
    scene = sample_scene(WIDTH, HEIGHT)
    write_sample(folder, scene)
    return Sample(folder, scene)


@pytest.fixture(scope="session")
def dubbed(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Dubbed:
    folder = tmp_path_factory.mktemp("dubbed")
    result = dub(
        sample.timeline,
        ["es", "fr"],
        folder / "out",
        subtitles=sample.subtitles("en", "es", "fr"),
        cast=sample.cast,
        original="en",
        store=folder / "store",
    )
    return Dubbed(sample, result, folder / "store")


@pytest.fixture(scope="session")
def footage() -> Path:
    """The folder of real clips."""
    folder = os.environ.get("DUBWRIGHT_FOOTAGE")
    if not folder:
        pytest.skip("DUBWRIGHT_FOOTAGE does not name a folder of real clips")
    return Path(folder)


def run_cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dubwright.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if (
        sys.platform != "linux"
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("a small file system may not be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


BLENDERS = os.environ.get("DUBWRIGHT_BPY_PYTHON", "").split(os.pathsep)


@pytest.fixture(
    scope="module", params=BLENDERS, ids=[Path(python).parent.parent.name for python in BLENDERS]
)
def blender(request: pytest.FixtureRequest) -> str:
    """A Python with bpy, of each Blender that there is."""
    if not request.param:
        pytest.skip("DUBWRIGHT_BPY_PYTHON names no Python with bpy (bootstrap.py test --blender)")
    return str(request.param)


@pytest.fixture
def extended(blender: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of Blender with the extension that the installer puts there."""
    resources = tmp_path / "Zoë's Blender"
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(resources))
    install_hosts(["blender"], Places(home=tmp_path), tmp_path / "receipt.json")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return resources


@pytest.fixture(scope="session")
def blender_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The places of a service whose store is kept between modules."""
    return tmp_path_factory.mktemp("blender service")


@pytest.fixture(scope="module")
def served(blender_service: Path) -> Iterator[Path]:
    """A service that runs while a module's tests do."""
    runtime = blender_service / "service.json"
    with own_service_places(blender_service, runtime):
        process = subprocess.Popen([sys.executable, "-m", "dubwright.cli", "serve"])
        wait_for(runtime.exists, process=process)
        yield blender_service
        subprocess.run([sys.executable, "-m", "dubwright.cli", "stop"], check=True)
        assert process.wait(20) == 0
