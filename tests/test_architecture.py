"""The house keeps its floors: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "core" / "dubwright"

FLOORS = [
    {"errors", "_version"},
    {"model", "store"},
    {"media", "dialogue", "engines"},
    {"speech", "face", "mouth"},
    {"picture", "character", "conform", "quality", "trust"},
    {"operations"},
    {
        "api",
        "doctor",
        "publish",
        "farm",
        "service",
        "sample",
        "cli",
        "cli_consent",
        "cli_engines",
        "cli_models",
        "cli_publish",
        "cli_translate",
    },
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _room(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


SOURCES = sorted(
    path for path in CORE.rglob("*.py") if path.name != "__init__.py" or path.parent != CORE
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(CORE)))
def test_a_room_imports_only_rooms_on_its_floor_or_below(path: Path) -> None:
    floor = FLOOR_OF[_room(path)]
    for name in _imports(path):
        if name.startswith("dubwright."):
            room = name.split(".")[1]
            assert FLOOR_OF[room] <= floor, f"{path.name} imports {name}"


def test_no_product_room_imports_the_sample() -> None:
    for path in SOURCES:
        if _room(path) not in ("sample", "cli"):
            assert not any(name.startswith("dubwright.sample") for name in _imports(path)), path


def test_the_gpl_stays_in_the_worker() -> None:
    gpl = {"espeakng_loader", "parselmouth", "pedalboard", "translate"}
    for path in SOURCES:
        guilty = {name.split(".")[0] for name in _imports(path)} & gpl
        if path.name == "espeak_worker.py":
            assert "SPDX-License-Identifier: GPL-3.0-or-later" in path.read_text()
        else:
            assert not guilty, path


HOST_SIDE = sorted((ROOT / "plugin").rglob("*.py")) + sorted((ROOT / "host_adapters").rglob("*.py"))


@pytest.mark.parametrize("path", HOST_SIDE, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_hosts_load_is_python_3_9_and_never_imports_the_core(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    hosts = {"DaVinciResolveScript", "bpy", "hiero", "mathutils", "nuke"}
    allowed = sys.stdlib_module_names | hosts | {"dubwright_plugin"}
    if "host_adapters" in path.parts:
        adapter = ROOT / "host_adapters" / path.relative_to(ROOT / "host_adapters").parts[0]
        allowed |= {each.stem for each in adapter.iterdir()}
    for name in _imports(path):
        assert name.split(".")[0] in allowed, name


@pytest.mark.parametrize("path", sorted((ROOT / "plugin").rglob("*.py")), ids=lambda p: p.name)
def test_the_plugin_is_standard_library_only(path: Path) -> None:
    for name in _imports(path):
        assert name.split(".")[0] in sys.stdlib_module_names | {"dubwright_plugin"}, name


def test_importing_the_package_is_light() -> None:
    heavy = ("cv2", "numpy", "mediapipe", "scipy", "torch", "av", "OpenEXR", "opentimelineio")
    code = f"import sys, dubwright; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_top_level_is_as_the_architecture_says() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    tops = {name.split("/")[0] for name in tracked}
    assert {t for t in tops if not t.startswith(".")} <= {
        "pyproject.toml", "plugin", "host_adapters", "core", "tests", "installers", "docs",
        "README.md", "LICENSE", "CHANGELOG.md",
    }  # fmt: skip
