"""What several tests share: a small sample, dubbed once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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
