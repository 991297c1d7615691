"""Memory does not grow with the length of a clip.

    python tests/benchmarks/memory.py [--quick] [--json FILE]

A UHD half RGBA plate of 100 and of 10,000 frames (all of them one file, by links) is probed, a
region of each frame is read, and a patch is written and merged: what drawing does with media. Peak
memory of a process that does it, in MB, and the ratio of the two. Linux only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR

from dubwright.media.colour import ColourConfig
from dubwright.media.exr import read_header, read_patch, write_edited, write_patch
from dubwright.media.plate import Plate, PlateSpec, probe_plate
from dubwright.model import Box, Patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _common import Figures, run

WIDTH, HEIGHT = 3840, 2160
MOUTH = Box(1700, 1200, 2240, 1600)


def measure(quick: bool) -> Figures:
    short, long = (20, 200) if quick else (100, 10_000)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _write_plate(folder / "plate.00000.exr")
        for number in range(1, long):
            os.link(folder / "plate.00000.exr", folder / f"plate.{number:05d}.exr")
        peaks = [_peak_in_a_process(folder, frames) for frames in (short, long)]
    return {
        f"peak_mb_{short}_frames": peaks[0],
        f"peak_mb_{long}_frames": peaks[1],
        "ratio": peaks[1] / peaks[0],
    }


def _peak_in_a_process(folder: Path, frames: int) -> float:
    command = [sys.executable, __file__, "--work", str(folder), str(frames)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout))


def _work(folder: Path, frames: int) -> None:
    """Do what drawing does to every frame, and print the peak memory."""
    spec = PlateSpec(
        kind="sequence", path=str(folder / "plate.{frame}.exr"), first=0, padding=5,
        frames=frames, rate=Fraction(24),
    )  # fmt: skip
    plate = Plate(probe_plate(spec, "ACEScg", ColourConfig()))
    alpha = np.ones((MOUTH.height, MOUTH.width), np.float32)
    stmap = np.zeros((*alpha.shape, 2), np.float32)
    patch_file, result = folder / "patch.exr", folder / "result.exr"
    for frame, region in enumerate(plate.regions([(n, MOUTH) for n in range(frames)])):
        source = spec.media_file(frame)
        patch = Patch(MOUTH, region * np.float32(0.9), alpha, stmap)
        write_patch(patch_file, patch, read_header(source))
        write_edited(source, result, read_patch(patch_file))
    # Of this program alone: rusage also counts what the process was before it became this one.
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    print(int(peak) / 1024)


def _write_plate(path: Path) -> None:
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    light = 0.18 * np.exp2(2 * np.sin(x / 700) * np.cos(y / 500))
    planes = [light * tint + rng.normal(0, 0.004, light.shape) for tint in (1.0, 0.8, 0.6, 1.0)]
    channels = {
        name: OpenEXR.Channel(plane.astype(np.float16))
        for name, plane in zip("RGBA", planes, strict=True)
    }
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        _work(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        run(__doc__.splitlines()[0], measure)
