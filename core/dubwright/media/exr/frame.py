"""One EXR frame: reading its picture, writing an edit of it, and patches.

Pictures here are relative to the display window: row 0 is its top, column 0 its left edge. Pixels
of the data window that lie outside it (overscan) are kept by write_edited and never edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import OpenEXR
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.model import Box, Patch

__all__ = [
    "ExrHeader",
    "read_header",
    "read_patch",
    "read_rgb",
    "write_edited",
    "write_patch",
    "write_rgb",
]

Array = NDArray[np.float32]

MAGIC: Final = b"\x76\x2f\x31\x01"
LOSSY_CODECS: Final = frozenset({"B44", "B44A", "DWAA", "DWAB", "PXR24", "LJ2K"})
RGB: Final = ("R", "G", "B")
# Header attributes of the plate that a patch keeps, so that it lines up wherever it is loaded.
KEPT_IN_PATCH: Final = (
    "timeCode",
    "framesPerSecond",
    "pixelAspectRatio",
    "colorInteropID",
    "chromaticities",
    "oiio:ColorSpace",
)


@dataclass(frozen=True, slots=True, eq=False)
class ExrHeader:
    """What matters of a frame's first part.

    Attributes:
        width, height: of the display window, in pixels.
        pixel_aspect: width of a pixel over its height.
        attributes: every attribute, by name, as the OpenEXR module gives it.
    """

    width: int
    height: int
    pixel_aspect: float
    attributes: Mapping[str, Any]

    @property
    def lossy_codec(self) -> str:
        """The name of the codec where it loses something at each encoding; "" where it does not."""
        name = str(self.attributes.get("compression", "")).rpartition(".")[2].partition(":")[0]
        plain = name.removesuffix("_COMPRESSION")
        return plain if plain in LOSSY_CODECS else ""

    @property
    def rate(self) -> Fraction | None:
        rate = self.attributes.get("framesPerSecond")
        return rate if isinstance(rate, Fraction) else None


def read_header(path: Path) -> ExrHeader:
    """The header alone.

    Raises:
        DubwrightError: the file is missing or is not an OpenEXR file.
    """
    attributes = _open(path, header_only=True).parts[0].header
    (x0, y0), (x1, y1) = attributes["displayWindow"]
    return ExrHeader(
        int(x1 - x0 + 1),
        int(y1 - y0 + 1),
        float(attributes.get("pixelAspectRatio", 1.0)),
        attributes,
    )


def read_rgb(path: Path) -> Array:
    """The picture, float32 [height, width, 3], black where the data window does not reach.

    Raises:
        DubwrightError: the file is damaged, or its first part has no channels R, G and B.
    """
    part = _open(path).parts[0]
    planes = _planes(part, RGB, path)
    window = _DataWindow(part.header)
    picture = np.zeros((window.height, window.width, 3), np.float32)
    shown, stored = window.overlap(Box(0, 0, window.width, window.height))
    for index, name in enumerate(RGB):
        picture[shown[0], shown[1], index] = planes[name][stored]
    return picture


def write_edited(source: Path, destination: Path, patch: Patch) -> None:
    """Merge a patch over a frame, keeping every other value, channel and attribute of it.

    The result is patch.rgb + plate * (1 - patch.alpha) where alpha is not 0, rounded to the
    channel's own type; everywhere else the plate's own bits.
    """
    file = _open(source)
    part = file.parts[0]
    planes = _planes(part, RGB, source)
    window = _DataWindow(part.header)
    shown, stored = window.overlap(patch.box)
    inside = tuple(
        slice(s.start - origin, s.stop - origin)
        for s, origin in zip(shown, (patch.box.y0, patch.box.x0), strict=True)
    )
    alpha = patch.alpha[inside]
    edited = alpha > 0
    for index, name in enumerate(RGB):
        plane = planes[name]
        plate = plane[stored].astype(np.float32)
        merged = patch.rgb[inside[0], inside[1], index] + plate * (1 - alpha)
        plane[stored] = np.where(edited, merged, plate).astype(plane.dtype)
    partial = destination.with_name(destination.name + ".partial")
    file.write(str(partial))
    partial.replace(destination)


def write_rgb(path: Path, picture: Array, attributes: Mapping[str, Any]) -> None:
    """Write a half-float ZIP scanline frame with these attributes; whole or not at all."""
    half = picture.astype(np.float16)
    channels = {
        name: OpenEXR.Channel(np.ascontiguousarray(half[..., i])) for i, name in enumerate(RGB)
    }
    header = dict(attributes) | _layout(half.shape[1], half.shape[0])
    _write(path, header, channels)


def write_patch(path: Path, patch: Patch, width: int, height: int, plate: ExrHeader) -> None:
    """Write a patch: data window the patch's box, half RGBA and matte, float stmap."""
    kept = {name: plate.attributes[name] for name in KEPT_IN_PATCH if name in plate.attributes}
    header = kept | _layout(width, height) | {"dataWindow": _window(patch.box)}
    half = {name: patch.rgb[..., i].astype(np.float16) for i, name in enumerate(RGB)}
    half |= {"A": patch.alpha.astype(np.float16), "matte": patch.alpha.astype(np.float16)}
    planes: dict[str, NDArray[Any]] = {
        (name if name == "matte" else f"lips.{name}"): plane for name, plane in half.items()
    }
    planes |= {"stmap.red": patch.stmap[..., 0], "stmap.green": patch.stmap[..., 1]}
    channels = {
        name: OpenEXR.Channel(np.ascontiguousarray(plane)) for name, plane in planes.items()
    }
    _write(path, header, channels)


def read_patch(path: Path) -> Patch:
    """A patch as write_patch wrote it: its values are those of half floats."""
    part = _open(path).parts[0]
    names = ("lips.R", "lips.G", "lips.B", "lips.A", "stmap.red", "stmap.green")
    planes = {name: plane.astype(np.float32) for name, plane in _planes(part, names, path).items()}
    (x0, y0), (x1, y1) = part.header["dataWindow"]
    return Patch(
        Box(int(x0), int(y0), int(x1) + 1, int(y1) + 1),
        np.stack([planes[name] for name in names[:3]], axis=-1),
        planes["lips.A"],
        np.stack([planes[name] for name in names[4:]], axis=-1),
    )


class _DataWindow:
    """Where the stored pixels lie against the display window."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        (dx0, dy0), (dx1, dy1) = header["displayWindow"]
        (x0, y0), (x1, y1) = header["dataWindow"]
        self.width, self.height = int(dx1 - dx0 + 1), int(dy1 - dy0 + 1)
        self._stored = Box(int(x0 - dx0), int(y0 - dy0), int(x1 - dx0 + 1), int(y1 - dy0 + 1))

    def overlap(self, box: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The box's stored pixels, as an index of the picture and of the stored planes."""
        box = box.clipped(self.width, self.height)
        have = self._stored
        x0, y0 = max(box.x0, have.x0), max(box.y0, have.y0)
        shared = Box(x0, y0, max(x0, min(box.x1, have.x1)), max(y0, min(box.y1, have.y1)))
        stored = Box(
            shared.x0 - have.x0, shared.y0 - have.y0, shared.x1 - have.x0, shared.y1 - have.y0
        )
        return shared.slices, stored.slices


def _layout(width: int, height: int) -> dict[str, Any]:
    whole = _window(Box(0, 0, width, height))
    return {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "displayWindow": whole,
        "dataWindow": whole,
    }


def _window(box: Box) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    return np.array([box.x0, box.y0], np.int32), np.array([box.x1 - 1, box.y1 - 1], np.int32)


def _write(path: Path, header: dict[str, Any], channels: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    OpenEXR.File(header, channels).write(str(partial))
    partial.replace(path)


def _open(path: Path, *, header_only: bool = False) -> Any:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise DubwrightError(
            "A frame cannot be read",
            where=str(path),
            why=error.strerror or str(error),
            repair="check that the sequence is complete and its drive connected",
        ) from error
    if magic != MAGIC:
        raise DubwrightError(
            "A file is not an OpenEXR image",
            where=str(path),
            why="it does not begin with OpenEXR's signature, whatever its name says",
            repair="render or copy the frame again",
        )
    try:
        file = OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
    except RuntimeError as error:
        raise _damaged(path, str(error)) from error
    if not file.parts:
        raise _damaged(path, "its header cannot be read")
    return file


def _planes(part: Any, names: tuple[str, ...], path: Path) -> dict[str, NDArray[Any]]:
    listed = {channel.name for channel in part.header["channels"]}
    if missing := [name for name in names if name not in listed]:
        raise DubwrightError(
            "A frame lacks channels",
            where=str(path),
            why=f"its first part has no {', '.join(missing)}; it has {', '.join(sorted(listed))}",
            repair="give the picture's RGB as the first part, with channels named R, G and B",
        )
    try:
        return {name: part.channels[name].pixels for name in names}
    except KeyError:
        raise _damaged(path, "its pixels are incomplete") from None


def _damaged(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "A frame is damaged",
        where=str(path),
        why=why,
        repair="render or copy the frame again; the file may have been cut short",
    )
