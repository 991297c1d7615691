"""Spoiled EXR files, by the thousand, against the parser, the reader and the writer.

    python tests/benchmarks/fuzz.py [--quick] [--json FILE]

Hypothesis spoils sound files of many kinds: bytes, numbers in headers, tables and chunk leaders,
and their ends. Each is read and edited. Nothing but a DubwrightError may come of it, nothing may be
left behind, and no file may take long or much memory. An hour of CPU; half a minute with --quick.
"""

from __future__ import annotations

import resource
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dubwright.errors import DubwrightError
from dubwright.media.exr import read_patch, read_rgb, write_edited
from dubwright.model import Box, Patch

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import exr_files
from _common import Figures, run
from test_exr_chunks import _multi_part, _picture, _plate

HOUR_S, QUICK_S = 3600.0, 25.0
MOST_MEMORY = 4 << 30
NUMBERS = [0, 1, -1, 2, 15, 16, 255, 2**15, 2**16, 2**30, 2**31 - 1, -(2**31), 2**62]


def measure(quick: bool) -> Figures:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        seeds = _seeds(folder / "seeds")
        counts = {"files": 0, "refused": 0, "taken": 0, "left_behind": 0, "crashed": 0}
        slowest = 0.0
        work = folder / "work"
        work.mkdir()
        until = time.process_time() + (QUICK_S if quick else HOUR_S)

        @settings(
            max_examples=2000,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.sampled_from(seeds), st.lists(_SPOILING, min_size=1, max_size=4))
        def spoil(seed: bytes, spoilings: list[tuple[str, float, int]]) -> None:
            nonlocal slowest
            if time.process_time() > until:
                return
            content = bytearray(seed)
            for kind, place, value in spoilings:
                content = _spoiled(content, kind, place, value)
            (work / "plate.exr").write_bytes(content)
            began = time.process_time()
            counts[_tried(work)] += 1
            slowest = max(slowest, time.process_time() - began)
            counts["files"] += 1
            left = [path for path in work.iterdir() if path.name.endswith(".partial")]
            counts["left_behind"] += len(left)
            for path in work.iterdir():
                path.unlink()

        while time.process_time() < until:
            spoil()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {name: float(count) for name, count in counts.items()} | {
            "slowest_cpu_s": slowest,
            "peak_memory_mb": peak,
        }


_SPOILING = st.tuples(
    st.sampled_from(["byte", "number", "number", "head", "table", "cut", "insert", "double"]),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(NUMBERS) | st.integers(-(2**31), 2**31 - 1),
)


def _tried(folder: Path) -> str:
    """What comes of reading and editing the file: refused, taken or crashed."""
    plate, result = folder / "plate.exr", folder / "result.exr"
    alpha = np.ones((24, 24), np.float32)
    rgb, stmap = np.full((24, 24, 3), 0.5, np.float32), np.zeros((24, 24, 2), np.float32)
    refused = False
    for work in (
        lambda: read_rgb(plate, Box(3, 3, 20, 20)),
        lambda: read_patch(plate),
        lambda: write_edited(plate, result, Patch(Box(6, 6, 30, 30), rgb, alpha, stmap)),
    ):
        try:
            work()
        except DubwrightError:
            refused = True
        except Exception as error:  # noqa: BLE001 - what is not told as ours is what is looked for
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            (Path.cwd() / f"fuzz-{time.time_ns()}.exr").write_bytes(plate.read_bytes())
            return "crashed"
    return "refused" if refused and not result.exists() else "taken"


def _spoiled(content: bytearray, kind: str, place: float, value: int) -> bytearray:
    at = int(place * len(content))
    if kind == "head":
        at = int(place * min(len(content), 600))
    elif kind == "table":
        at = int(300 + place * min(len(content), 2500))
    if kind == "cut":
        return content[:at]
    if kind == "insert":
        return content[:at] + struct.pack("<q", value) + content[at:]
    if kind == "double":
        return content[:at] + content[max(0, at - 64) : at] + content[at:]
    if kind == "byte":
        content[at : at + 1] = bytes([value & 0xFF])[: len(content) - at]
    else:
        packed = struct.pack("<q", value)[: 4 if abs(value) < 2**31 else 8]
        content[at : at + len(packed)] = packed[: max(0, len(content) - at)]
    return content


def _seeds(folder: Path) -> list[bytes]:
    """Small sound files of every layout."""
    folder.mkdir()
    small = {name: plane for name, plane in _picture(70, 50).items() if name in "RGB"}
    for codec in ("NONE", "ZIP", "PIZ", "DWAA", "B44A", "HTJ2K32", "RLE", "ZSTD"):
        _plate(folder / f"{codec}.exr", codec, "cropped")
        _plate(folder / f"{codec}-tiles.exr", codec, "cropped", 64)
    _multi_part(folder / "parts.exr")
    for mode in (0, exr_files.MIPMAP, exr_files.RIPMAP):
        exr_files.write_tiles(folder / f"levels{mode}.exr", small, (32, 32), mode)
    half = small["R"][:32, :32]
    planes = {"R": (small["R"][:48, :64], 1), "G": (half[:24], 2), "B": (half[:24], 2)}
    exr_files.write_subsampled(folder / "subsampled.exr", planes)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


if __name__ == "__main__":
    run(__doc__.splitlines()[0], measure)
