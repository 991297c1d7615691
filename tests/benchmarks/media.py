"""EXR frames edited in place, beside OpenImageIO, the OpenEXR module and a plain copy of the file.

    python tests/benchmarks/media.py [--quick] [--json FILE]

A grainy 4096x2160 half RGBA plate, and a patch over 12% and 2% of it. Figures are CPU seconds, the
best of several, and ratios of them taken in the same run: above 1, Dubwright is the faster. Every
file is brought to the disk (fsync); Dubwright's is read back and compared too.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
from numpy.typing import NDArray

from dubwright.media.exr import read_header, write_edited, write_patch
from dubwright.media.exr.layout import CODECS
from dubwright.model import Box, Patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _common import Figures, run

WIDTH, HEIGHT = 4096, 2160
TILE = 64
# The mouth of a close-up and of a medium shot: boxes of 12% and 2% of the frame.
BOXES = {"12": Box(1400, 900, 2804, 1656), "2": Box(1800, 1000, 2373, 1309)}
CODES = {name: code for code, (name, _) in enumerate(CODECS)}


def measure(quick: bool) -> Figures:
    kinds = [(name, tile) for name in CODES for tile in (0, TILE)]
    if quick:
        kinds = [("ZIP", 0), ("ZIP", TILE)]
    figures: Figures = {}
    pixels = _grainy()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for codec, tile in kinds:
            figures |= _kind(folder, pixels, codec, tile, 1 if quick else 3)
        figures["patch_write_cpu_s"] = _patch_write(folder, pixels, 1 if quick else 3)
    return figures


def _kind(folder: Path, pixels: NDArray[np.float16], codec: str, tile: int, times: int) -> Figures:
    plate, result = folder / "plate.exr", folder / "result.exr"
    _write_plate(plate, pixels, codec, tile)
    name = f"{codec.lower()}{'_tiles' if tile else ''}"
    module = _cpu(lambda: _synced(_by_module, plate, result), times)
    image_io = _cpu(lambda: _synced(_by_image_io, plate, result), times)
    copy = _cpu(lambda: _synced(shutil.copyfile, plate, result), times)
    figures = {f"{name}_module_s": module, f"{name}_oiio_s": image_io, f"{name}_copy_s": copy}
    for share, box in BOXES.items():
        patch = _patch(box)
        ours = _cpu(lambda patch=patch: write_edited(plate, result, patch), times)
        figures |= {
            f"{name}_{share}_s": ours,
            f"{name}_{share}_times_faster_than_oiio": image_io / ours,
            f"{name}_{share}_times_faster_than_module": module / ours,
        }
    return figures


def _grainy() -> NDArray[np.float16]:
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    light = 0.18 * np.exp2(2 * np.sin(x / 700) * np.cos(y / 500))
    planes = [light * tint + rng.normal(0, 0.004, light.shape) for tint in (1.0, 0.8, 0.6)]
    return np.stack([*planes, np.ones_like(light)], axis=-1).astype(np.float16)


def _write_plate(path: Path, pixels: NDArray[np.float16], codec: str, tile: int) -> None:
    header: dict[str, Any] = {
        "compression": OpenEXR.Compression(CODES[codec]),
        "type": OpenEXR.tiledimage if tile else OpenEXR.scanlineimage,
    }
    if tile:
        tiles = OpenEXR.TileDescription()
        tiles.xSize = tiles.ySize = tile
        header["tiles"] = tiles
    channels = {
        name: OpenEXR.Channel(np.ascontiguousarray(pixels[..., index]))
        for index, name in enumerate("RGBA")
    }
    OpenEXR.File(header, channels).write(str(path))


def _patch(box: Box) -> Patch:
    y, x = np.mgrid[0 : box.height, 0 : box.width]
    radius = np.hypot((x / box.width - 0.5) * 2, (y / box.height - 0.5) * 2)
    alpha = np.clip(8 - 8 * radius, 0, 1).astype(np.float32)
    grain = np.random.default_rng(9).normal(0.3, 0.004, (*alpha.shape, 3)).astype(np.float32)
    stmap = np.stack([x / WIDTH, y / HEIGHT], axis=-1).astype(np.float32)
    return Patch(box, grain * alpha[..., None], alpha, stmap)


def _synced(write: Callable[[Path, Path], object], plate: Path, result: Path) -> None:
    write(plate, result)
    with result.open("rb") as file:
        os.fsync(file.fileno())


def _by_module(plate: Path, result: Path) -> None:
    OpenEXR.File(str(plate), separate_channels=True).write(str(result))


def _by_image_io(plate: Path, result: Path) -> None:
    source = oiio.ImageInput.open(str(plate))
    spec = source.spec()
    pixels = source.read_image(oiio.HALF)
    source.close()
    out = oiio.ImageOutput.create(str(result))
    out.open(str(result), spec)
    # OpenImageIO writes a spec with tiles by tiles.
    out.write_image(pixels)
    out.close()


def _patch_write(folder: Path, pixels: NDArray[np.float16], times: int) -> float:
    plate = folder / "plate.exr"
    _write_plate(plate, pixels, "ZIP", 0)
    header, patch = read_header(plate), _patch(BOXES["2"])
    return _cpu(lambda: write_patch(folder / "patch.exr", patch, header), times)


def _cpu(work: Callable[[], object], times: int) -> float:
    """The fewest CPU seconds that some work takes, of several tries."""
    spent = []
    for _ in range(times):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


if __name__ == "__main__":
    run(__doc__.splitlines()[0], measure)
