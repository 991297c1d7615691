"""EXR frames: what is not edited is not touched."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.errors import DubwrightError
from dubwright.media.exr import (
    read_header,
    read_patch,
    read_rgb,
    write_edited,
    write_patch,
    write_rgb,
)
from dubwright.model import Box, Patch


def _frame(path: Path, data: tuple[int, int, int, int], display: tuple[int, int, int, int]) -> None:
    """A frame with half, float and uint channels, and values far outside 0 to 1."""
    rng = np.random.default_rng(3)
    height, width = data[3] - data[1] + 1, data[2] - data[0] + 1
    noise = rng.normal(0.5, 2.0, (height, width))
    noise[0, 0] = 30000
    channels = {
        "R": noise.astype(np.float16),
        "G": (noise * 2).astype(np.float16),
        "B": (noise - 3).astype(np.float32),
        "A": np.ones((height, width), np.float16),
        "id": rng.integers(0, 2**32, (height, width), dtype=np.uint32),
        "crypto": np.full((height, width), np.nan, np.float32),
    }
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "dataWindow": (np.array(data[:2], np.int32), np.array(data[2:], np.int32)),
        "displayWindow": (np.array(display[:2], np.int32), np.array(display[2:], np.int32)),
        "framesPerSecond": Fraction(24000, 1001),
        "timeCode": OpenEXR.TimeCode(1, 2, 3, 4, *[0] * 14),
        "pixelAspectRatio": 2.0,
        "owner": "somebody",
    }
    OpenEXR.File(header, {n: OpenEXR.Channel(a) for n, a in channels.items()}).write(str(path))


def _planes(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    part = OpenEXR.File(str(path), separate_channels=True).parts[0]
    return {name: channel.pixels for name, channel in part.channels.items()}


def _patch(box: Box, seed: int = 0) -> Patch:
    rng = np.random.default_rng(seed)
    alpha = rng.uniform(-0.5, 1.0, (box.height, box.width)).clip(0).astype(np.float32)
    rgb = rng.uniform(0, 2, (box.height, box.width, 3)).astype(np.float32) * alpha[..., None]
    return Patch(box, rgb, alpha, np.zeros((box.height, box.width, 2), np.float32))


WINDOWS = [
    ((0, 0, 63, 47), (0, 0, 63, 47)),
    ((-8, -6, 71, 53), (0, 0, 63, 47)),
    ((10, 12, 40, 30), (0, 0, 63, 47)),
    ((100, 200, 163, 247), (100, 200, 163, 247)),
]
# What of the display window each data window holds.
HELD = [(0, 0, 64, 48), (0, 0, 64, 48), (10, 12, 41, 31), (0, 0, 64, 48)]


@pytest.mark.parametrize(
    ("windows", "held"),
    list(zip(WINDOWS, HELD, strict=True)),
)
def test_a_header_tells_what_of_the_picture_a_frame_holds(
    tmp_path: Path, windows: tuple[Any, Any], held: tuple[int, int, int, int]
) -> None:
    _frame(tmp_path / "a.exr", *windows)
    assert read_header(tmp_path / "a.exr").held == Box(*held)


@pytest.mark.parametrize(("data", "display"), WINDOWS)
def test_an_edit_changes_only_where_the_patch_covers(
    tmp_path: Path, data: tuple[int, int, int, int], display: tuple[int, int, int, int]
) -> None:
    source, edited = tmp_path / "a.exr", tmp_path / "b.exr"
    _frame(source, data, display)
    patch = _patch(Box(5, 7, 45, 40))
    write_edited(source, edited, patch)
    before, after = _planes(source), _planes(edited)
    covered = np.zeros(before["R"].shape, bool)
    for y in range(patch.box.y0, patch.box.y1):
        for x in range(patch.box.x0, patch.box.x1):
            row, column = y + display[1] - data[1], x + display[0] - data[0]
            if 0 <= row < covered.shape[0] and 0 <= column < covered.shape[1]:
                covered[row, column] = patch.alpha[y - patch.box.y0, x - patch.box.x0] > 0
    assert covered.any()
    for name, plane in before.items():
        assert after[name].dtype == plane.dtype
        same = after[name].view(np.uint8) == plane.view(np.uint8)
        same = same.reshape(*plane.shape, -1).all(axis=-1)
        assert same[~covered].all(), name
        assert same.all() if name not in "RGB" else not same[covered].all(), name


@pytest.mark.parametrize(("data", "display"), WINDOWS)
def test_an_edit_keeps_every_attribute(
    tmp_path: Path, data: tuple[int, int, int, int], display: tuple[int, int, int, int]
) -> None:
    source, edited = tmp_path / "a.exr", tmp_path / "b.exr"
    _frame(source, data, display)
    write_edited(source, edited, _patch(Box(5, 7, 45, 40)))
    before, after = read_header(source).attributes, read_header(edited).attributes
    assert set(before) == set(after)
    for name in before:
        assert str(before[name]) == str(after[name]), name


def test_the_full_frame_is_the_written_patch_over_the_plate(tmp_path: Path) -> None:
    source, edited, written = (tmp_path / name for name in ("a.exr", "b.exr", "p.exr"))
    _frame(source, (0, 0, 63, 47), (0, 0, 63, 47))
    patch = _patch(Box(5, 7, 45, 40))
    write_patch(written, patch, read_header(source))
    write_edited(source, edited, read_patch(written))
    layer = _planes(written)
    plate, result = _planes(source), _planes(edited)
    alpha = layer["lips.A"].astype(np.float32)
    for name in "RGB":
        under = plate[name][7:40, 5:45].astype(np.float32)
        over = layer[f"lips.{name}"].astype(np.float32) + under * (1 - alpha)
        assert np.array_equal(result[name][7:40, 5:45], over.astype(plate[name].dtype))
    assert layer["stmap.red"].dtype == np.float32


def test_a_patch_lines_up_with_its_plate(tmp_path: Path) -> None:
    source, written = tmp_path / "a.exr", tmp_path / "p.exr"
    _frame(source, (-8, -6, 71, 53), (0, 0, 63, 47))
    write_patch(written, _patch(Box(5, 7, 45, 40)), read_header(source))
    plate, patch = read_header(source), read_header(written)
    assert (patch.width, patch.height, patch.pixel_aspect) == (64, 48, 2.0)
    assert patch.attributes["timeCode"] == plate.attributes["timeCode"]
    assert read_patch(written).box == Box(5, 7, 45, 40)


@pytest.mark.parametrize("drop", [0, 1])
def test_timecode_is_read_as_text(tmp_path: Path, drop: int) -> None:
    path = tmp_path / "a.exr"
    write_rgb(path, np.zeros((2, 2, 3), np.float32), {
        "timeCode": OpenEXR.TimeCode(23, 59, 48, 29, drop, *[0] * 13)
    })  # fmt: skip
    mark = ";" if drop else ":"
    assert read_header(path).attributes["timeCode"] == f"23:59:48{mark}29"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_a_written_picture_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("exr") / "a.exr"
    picture = np.random.default_rng(seed).normal(0, 50, (height, width, 3)).astype(np.float16)
    write_rgb(path, picture.astype(np.float32), {})
    assert np.array_equal(read_rgb(path), picture.astype(np.float32))


@pytest.mark.parametrize(
    ("codec", "name"),
    [("ZIP", ""), ("PIZ", ""), ("NO", ""), ("DWAA", "DWAA"), ("B44A", "B44A"), ("PXR24", "PXR24")],
)
def test_a_lossy_codec_is_named(tmp_path: Path, codec: str, name: str) -> None:
    path = tmp_path / "frame.exr"
    grey = OpenEXR.Channel(np.full((8, 8), 0.5, np.float16))
    header = {
        "compression": getattr(OpenEXR, f"{codec}_COMPRESSION"),
        "type": OpenEXR.scanlineimage,
    }
    OpenEXR.File(header, dict.fromkeys("RGB", grey)).write(str(path))
    assert read_header(path).lossy_codec == name


def test_a_text_file_is_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "frame.exr"
    path.write_text("not a picture")
    with pytest.raises(DubwrightError, match="not an OpenEXR image"):
        read_rgb(path)


@pytest.mark.parametrize("kept", [40, 500, 0.5, 0.97])
def test_a_truncated_frame_is_refused(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "frame.exr"
    _frame(path, (0, 0, 63, 47), (0, 0, 63, 47))
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(DubwrightError, match="damaged"):
        read_rgb(path)


def test_a_frame_without_rgb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "frame.exr"
    depth = OpenEXR.Channel(np.zeros((4, 4), np.float32))
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"Z": depth}).write(str(path))
    with pytest.raises(DubwrightError, match="lacks channels"):
        read_rgb(path)
