"""Chunks that an edit does not touch are copied byte for byte, whatever the file."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import exr_files
import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.media.exr import read_header, read_rgb, write_edited
from dubwright.media.exr.edit import PlaneEdit, edit_file
from dubwright.media.exr.layout import CODECS, LOSSY_CODECS, read_layout
from dubwright.model import Box, Patch

Planes = dict[str, NDArray[Any]]
# The mean error of samples in a touched chunk that are not under the matte, a little above what is
# measured.
ONCE_MORE = {"DWAA": 1e-4, "DWAB": 2e-4, "B44": 1e-4, "B44A": 1e-4, "PXR24": 0.0, "LJ2K": 1e-3}
WINDOWS = {
    "plain": ((0, 0, 299, 319), (0, 0, 299, 319)),
    "overscan": ((-20, -16, 330, 340), (0, 0, 299, 319)),
    "cropped": ((37, 41, 250, 290), (0, 0, 299, 319)),
}
PATCHED = Box(90, 100, 170, 140)


def _picture(width: int, height: int) -> Planes:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:height, 0:width]
    grain = rng.normal(0, 0.01, (height, width))
    light = 0.4 + 0.3 * np.sin(x / 31) * np.cos(y / 17) + grain
    light[:20, :20], light[-20:, -20:] = 60, -0.3
    crypto = rng.integers(0x7F800001, 0x7FFFFFFF, (height, width), dtype=np.uint32)
    return {
        "R": light.astype(np.float16),
        "G": (light * 0.8).astype(np.float16),
        "B": (light * 0.6).astype(np.float16),
        "Z": (light * 1000).astype(np.float32),
        "crypto.float": crypto.view(np.float32),
        "id": rng.integers(0, 2**32, (height, width), dtype=np.uint32),
    }


def _header(codec: str, window: str, tile: int = 0, order: Any = None) -> dict[str, Any]:
    data, display = WINDOWS[window]
    header: dict[str, Any] = {
        "compression": OpenEXR.Compression([name for name, _ in CODECS].index(codec)),
        "type": OpenEXR.tiledimage if tile else OpenEXR.scanlineimage,
        "dataWindow": (np.array(data[:2], np.int32), np.array(data[2:], np.int32)),
        "displayWindow": (np.array(display[:2], np.int32), np.array(display[2:], np.int32)),
        "lineOrder": OpenEXR.INCREASING_Y if order is None else order,
    }
    if tile:
        tiles = OpenEXR.TileDescription()
        tiles.xSize, tiles.ySize = tile, tile // 2
        header["tiles"] = tiles
    return header


def _plate(path: Path, codec: str, window: str, tile: int = 0, order: Any = None) -> None:
    (x0, y0, x1, y1), _ = WINDOWS[window]
    planes = _picture(x1 - x0 + 1, y1 - y0 + 1)
    channels = {name: OpenEXR.Channel(plane) for name, plane in planes.items()}
    OpenEXR.File(_header(codec, window, tile, order), channels).write(str(path))


def _read(path: Path, part: int = 0) -> Planes:
    file = OpenEXR.File(str(path), separate_channels=True)
    return {name: channel.pixels for name, channel in file.parts[part].channels.items()}


def _patch(box: Box = PATCHED) -> Patch:
    y, x = np.mgrid[0 : box.height, 0 : box.width]
    radius = np.hypot((x / box.width - 0.5) * 2, (y / box.height - 0.5) * 2)
    alpha = np.clip(4 - 4 * radius, 0, 1).astype(np.float32)
    rgb = np.full((*alpha.shape, 3), 0.7, np.float32) * alpha[..., None]
    return Patch(box, rgb, alpha, np.zeros((*alpha.shape, 2), np.float32))


def _covered(shape: tuple[int, ...], window: str, patch: Patch) -> NDArray[np.bool_]:
    """Where the matte is not 0, in the stored pixels."""
    data, display = WINDOWS[window]
    whole = np.zeros((2000, 2000), bool)
    y, x = patch.box.y0 + display[1] - data[1] + 500, patch.box.x0 + display[0] - data[0] + 500
    whole[y : y + patch.box.height, x : x + patch.box.width] = patch.alpha > 0
    return whole[500 : 500 + shape[0], 500 : 500 + shape[1]]


def _touched(covered: NDArray[np.bool_], codec: str, tile: int) -> NDArray[np.bool_]:
    """The pixels of the chunks that hold covered ones, by their bounding box."""
    rows, columns = covered.any(1).nonzero()[0], covered.any(0).nonzero()[0]
    across, down = (tile, tile // 2) if tile else (covered.shape[1], dict(CODECS)[codec])
    touched = np.zeros_like(covered)
    y0, y1 = rows[0] // down * down, (rows[-1] // down + 1) * down
    x0, x1 = columns[0] // across * across, (columns[-1] // across + 1) * across
    touched[y0:y1, x0:x1] = True
    return touched


def _same_bits(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    as_bytes = (np.ascontiguousarray(x).view(np.uint8).reshape(*x.shape, -1) for x in (a, b))
    return np.equal(*as_bytes).all(axis=-1)


def _chunks(path: Path, part: int = 0) -> list[bytes]:
    """Every chunk's bytes, taken to reach to the next one's begin; the last to the file's end."""
    with path.open("rb") as file:
        layout = read_layout(file, path)
    content = path.read_bytes()
    starts = sorted(int(o) for p in layout.parts for o in p.offsets)
    ends = dict(itertools.pairwise([*starts, len(content)]))
    return [content[int(o) : ends[int(o)]] for o in layout.parts[part].offsets]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("tile", [0, 64])
@pytest.mark.parametrize("codec", [name for name, _ in CODECS])
def test_every_codec(tmp_path: Path, codec: str, tile: int, window: str) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    _plate(plate, codec, window, tile)
    patch = _patch()
    done = write_edited(plate, result, patch)
    before, after = _read(plate), _read(result)
    covered = _covered(before["R"].shape, window, patch)
    touched = _touched(covered, codec, tile)
    for name, plane in before.items():
        same = _same_bits(plane, after[name])
        assert same[~touched].all(), f"{name} outside the touched chunks"
        if codec not in LOSSY_CODECS or name not in "RGB":
            assert same[~covered].all(), f"{name} in touched chunks"
        else:
            beside = touched & ~covered
            error = np.abs(plane[beside].astype(float) - after[name][beside].astype(float))
            assert (error / np.maximum(1, np.abs(plane[beside]))).mean() <= ONCE_MORE[codec]
    changed = ~_same_bits(before["R"], after["R"])
    assert changed[covered].mean() > 0.9
    kept = [a == b for a, b in zip(_chunks(plate), _chunks(result), strict=True)]
    assert done.chunks == len(kept) and kept.count(False) <= done.encoded <= len(kept)


@pytest.mark.parametrize("tile", [0, 64])
def test_lines_from_the_bottom_up(tmp_path: Path, tile: int) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    _plate(plate, "ZIP", "overscan", tile, OpenEXR.DECREASING_Y)
    write_edited(plate, result, _patch())
    before, after = _read(plate), _read(result)
    covered = _covered(before["R"].shape, "overscan", _patch())
    assert _same_bits(before["G"], after["G"])[~covered].all()
    assert not _same_bits(before["G"], after["G"])[covered].all()


def test_tiles_in_any_order(tmp_path: Path) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    planes = {name: plane for name, plane in _picture(200, 200).items() if name in "RGB"}
    order = np.random.default_rng(2).permutation(49).tolist()
    exr_files.write_tiles(plate, planes, (32, 32), order=order)
    assert np.array_equal(_read(plate)["R"], planes["R"])
    write_edited(plate, result, _patch(Box(20, 30, 90, 80)))
    same = _same_bits(planes["R"], _read(result)["R"])
    assert same[80:].all() and same[:, 90:].all() and not same[50:60, 50:60].any()


def _multi_part(path: Path) -> None:
    planes = _picture(300, 320)
    rgb = {name: OpenEXR.Channel(planes[name]) for name in "RGB"}
    ids = {"id": OpenEXR.Channel(planes["id"]), "crypto": OpenEXR.Channel(planes["crypto.float"])}
    parts = [
        OpenEXR.Part(_header("PIZ", "plain"), rgb, "beauty"),
        OpenEXR.Part(_header("ZIPS", "plain", 32), ids, "ids"),
        OpenEXR.Part(_deep_header(), _deep(), "deep"),
    ]
    OpenEXR.File(parts).write(str(path))


def _deep_header() -> dict[str, Any]:
    display = (np.array([0, 0], np.int32), np.array([299, 319], np.int32))
    return {
        "type": OpenEXR.deepscanline,
        "compression": OpenEXR.ZIPS_COMPRESSION,
        "displayWindow": display,
    }


def _deep() -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(1)
    planes = {name: np.empty((30, 40), object) for name in ("A", "Z")}
    for at in np.ndindex(30, 40):
        count = int(rng.integers(0, 4))
        for plane in planes.values():
            plane[at] = rng.random(count).astype(np.float32) if count else None
    return planes


def test_other_parts_deep_ones_too_pass_through(tmp_path: Path) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    _multi_part(plate)
    write_edited(plate, result, _patch(), {"dubwright:" + "a name longer than thirty-one": "x"})
    for part in (1, 2):
        assert _chunks(plate, part) == _chunks(result, part)
    assert np.array_equal(_read(plate, 1)["id"], _read(result, 1)["id"])
    read_back = OpenEXR.File(str(result), separate_channels=True)
    assert len(read_back.parts) == 3
    assert read_back.parts[0].header["dubwright:a name longer than thirty-one"] == "x"
    assert not np.array_equal(_read(plate)["R"], _read(result)["R"])


def test_attributes_are_written_without_disturbing_a_pixel(tmp_path: Path) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    _multi_part(plate)
    edit_file(plate, result, attributes={"dubwright:software": "dubwright", "owner": "nobody"})
    for part in range(3):
        assert _chunks(plate, part) == _chunks(result, part)
    assert read_header(result).attributes["dubwright:software"] == "dubwright"
    edit_file(result, plate, attributes={"owner": "somebody"})
    assert read_header(plate).attributes["owner"] == "somebody"


@pytest.mark.parametrize(
    ("kind", "why"),
    [("mip", "mipmapped"), ("rip", "mipmapped"), ("sub", "fewer samples"), ("deep", "is deep")],
)
def test_what_cannot_be_edited_in_place_is_refused_by_name(
    tmp_path: Path, kind: str, why: str
) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    planes = {name: plane for name, plane in _picture(101, 67).items() if name in "RGB"}
    if kind in ("mip", "rip"):
        mode = exr_files.MIPMAP if kind == "mip" else exr_files.RIPMAP | exr_files.ROUND_UP
        exr_files.write_tiles(plate, planes, (32, 32), mode)
    elif kind == "sub":
        small = planes["R"][:32, :32]
        exr_files.write_subsampled(
            plate, {"R": (planes["R"][:64, :64], 1), "G": (small, 2), "B": (small, 2)}
        )
    else:
        deep = _deep()
        channels = dict.fromkeys("RGB", deep["Z"])
        OpenEXR.File([OpenEXR.Part(_deep_header(), channels, "depths")]).write(str(plate))
    result.write_text("what was here before")
    with pytest.raises(DubwrightError, match="cannot be edited") as told:
        write_edited(plate, result, _patch(Box(5, 5, 30, 30)))
    assert (why in told.value.why and "part" in told.value.where) or "depths" in told.value.where
    assert result.read_text() == "what was here before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plate.exr", "result.exr"]
    # Their attributes can be written all the same.
    edit_file(plate, result, attributes={"owner": "x"})
    assert _chunks(plate) == _chunks(result)


@pytest.mark.parametrize("mode", [1, 2, 17, 18])
def test_levels_are_counted_as_the_library_counts_them(tmp_path: Path, mode: int) -> None:
    plate = tmp_path / "plate.exr"
    planes = {name: plane for name, plane in _picture(101, 67).items() if name in "RGB"}
    exr_files.write_tiles(plate, planes, (32, 32), mode)
    assert np.array_equal(_read(plate)["R"], planes["R"])
    with plate.open("rb") as file:
        (part,) = read_layout(file, plate).parts
    assert struct.unpack_from("<Q", plate.read_bytes(), part.offsets[0] - 8) == (part.offsets[-1],)


@pytest.mark.parametrize("tile", [0, 64])
@pytest.mark.parametrize("window", WINDOWS)
def test_a_region_is_read_as_the_whole_is(tmp_path: Path, window: str, tile: int) -> None:
    plate = tmp_path / "plate.exr"
    _plate(plate, "PIZ", window, tile)
    whole = read_rgb(plate)
    assert whole.shape == (320, 300, 3)
    for box in (Box(0, 0, 300, 320), Box(35, 40, 36, 41), Box(200, 250, 300, 320), Box(3, 3, 9, 9)):
        assert np.array_equal(read_rgb(plate, box), whole[box.slices])


def test_an_edit_outside_the_stored_pixels_changes_nothing(tmp_path: Path) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    _plate(plate, "ZIP", "cropped")
    assert write_edited(plate, result, _patch(Box(0, 0, 30, 30))).encoded == 0
    assert plate.read_bytes() == result.read_bytes()


def test_a_copy_that_is_not_what_was_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    _plate(plate, "ZIP", "plain")

    def spoil(planes: Planes, covered: Box) -> None:
        # Somebody renders the plate anew while it is edited: its last bytes are others now.
        content = bytearray(plate.read_bytes())
        content[-1] ^= 0xFF
        with plate.open("r+b") as file:
            file.write(content)

    monkeypatch.setattr("dubwright.media.exr.edit.os.fsync", lambda _: spoil({}, PATCHED))
    with pytest.raises(DubwrightError, match="not written as it should be"):
        edit_file(plate, result, PlaneEdit(0, PATCHED, lambda planes, covered: None))
    assert not result.exists() and len(list(tmp_path.iterdir())) == 1
    assert edit_file(plate, result, verify=False).encoded == 0


def test_a_gap_between_chunks_is_kept(tmp_path: Path) -> None:
    plate, gapped, result = (tmp_path / name for name in ("a.exr", "gapped.exr", "b.exr"))
    _plate(plate, "ZIP", "plain")
    content = plate.read_bytes()
    with plate.open("rb") as file:
        (part,) = read_layout(file, plate).parts
    table = content.index(struct.pack("<Q", int(part.offsets[0])))
    body, offsets, at = b"", [], int(part.offsets[0])
    for chunk in _chunks(plate):
        offsets.append(at + len(body))
        body += chunk + b"unused!"
    spread = struct.pack(f"<{len(offsets)}Q", *offsets)
    gapped.write_bytes(content[:table] + spread + content[table + len(spread) : at] + body)
    write_edited(gapped, result, _patch())
    before, after = _read(gapped), _read(result)
    covered = _covered(before["R"].shape, "plain", _patch())
    assert _same_bits(before["R"], after["R"])[~covered].all()
    assert (~_same_bits(before["R"], after["R"]))[covered].mean() > 0.9


def test_what_is_wholly_covered_does_not_count(tmp_path: Path) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    red = np.full((8, 8), np.inf, np.float16)
    red[4:] = np.nan
    channels = {name: OpenEXR.Channel(red.copy()) for name in "RGB"}
    OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(plate))
    alpha, rgb = np.ones((8, 8), np.float32), np.full((8, 8, 3), 0.5, np.float32)
    stmap = np.zeros((8, 8, 2), np.float32)
    write_edited(plate, result, Patch(Box(0, 0, 8, 8), rgb, alpha, stmap))
    assert (read_rgb(result) == 0.5).all()


def test_a_display_window_that_no_picture_has_is_refused(tmp_path: Path) -> None:
    plate = tmp_path / "plate.exr"
    _plate(plate, "ZIP", "plain")
    content = bytearray(plate.read_bytes())
    window = content.index(b"displayWindow\0box2i\0") + 20 + 4
    struct.pack_into("<4i", content, window, 0, 0, 200_000, 200_000)
    plate.write_bytes(content)
    with pytest.raises(DubwrightError, match="damaged"):
        read_rgb(plate)


def _damages(content: bytes) -> Iterator[tuple[str, bytes]]:
    """A sound file of one part with scan lines, spoiled in ways that mean something."""
    window = content.index(b"dataWindow\0box2i\0") + 17 + 4
    table = content.index(b"type\0string\0") + 12 + 4 + len(b"scanlineimage") + 1
    first = struct.unpack_from("<Q", content, table)[0]

    def with_at(at: int, *values: int, form: str = "<i") -> bytes:
        spoiled = bytearray(content)
        for number, value in enumerate(values):
            struct.pack_into(form, spoiled, at + number * struct.calcsize(form), value)
        return bytes(spoiled)

    yield "a window of 2^60 pixels", with_at(window, 0, 0, 2**30, 2**30)
    yield "a window that ends before it begins", with_at(window, 10, 10, 5, 5)
    yield "more lines than chunks", with_at(window + 12, 100_000)
    yield (
        "an unknown codec",
        content.replace(
            b"compression\0compression\0\1\0\0\0\3", b"compression\0compression\0\1\0\0\0\x63"
        ),
    )
    yield "a hole in the table", with_at(table, 0, form="<Q")
    yield "a chunk in the header", with_at(table, 20, form="<Q")
    yield "a chunk past the end", with_at(table, 1 << 60, form="<Q")
    yield "a chunk that is another one", with_at(first, 17)
    yield "a chunk larger than the file", with_at(first + 4, 2**31 - 1)
    yield "a chunk of negative size", with_at(first + 4, -7)
    yield "an attribute larger than the file", with_at(window - 4, 2**31 - 1)
    yield "an attribute of negative size", with_at(window - 4, -1)
    yield "an unknown version", content[:4] + b"\x09\0\0\0" + content[8:]
    yield "a header without its end", content[: table - 1]


def test_hostile_files_are_refused(tmp_path: Path) -> None:
    plate, result = tmp_path / "plate.exr", tmp_path / "result.exr"
    planes = _picture(64, 64)
    channels = {name: OpenEXR.Channel(planes[name]) for name in "RGB"}
    OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(plate))
    sound = plate.read_bytes()
    write_edited(plate, result, _patch(Box(0, 0, 20, 20)))
    result.unlink()
    for what, content in _damages(sound):
        assert content != sound, what
        plate.write_bytes(content)
        with pytest.raises(DubwrightError, match="damaged"):
            write_edited(plate, result, _patch(Box(0, 0, 20, 20)))
            pytest.fail(what)
        assert [p.name for p in tmp_path.iterdir()] == ["plate.exr"], what
