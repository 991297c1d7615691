"""One EXR frame: reading its picture, writing an edit of it, and patches.

Pictures here are relative to the display window: row 0 is its top, column 0 its left edge. Pixels
of the data window that lie outside it (overscan) are kept by write_edited and never edited.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import OpenEXR
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.media.exr.chunks import MOST_PIXELS, read_planes
from dubwright.media.exr.edit import (
    Edited,
    PlaneEdit,
    edit_file,
    text_attributes,
    with_attributes,
)
from dubwright.media.exr.layout import (
    LOSSY_CODECS,
    Attribute,
    Part,
    damaged,
    open_frame,
    read_layout,
)
from dubwright.model import Box, Patch
from dubwright.store import whole

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

RGB: Final = ("R", "G", "B")
PATCH_CHANNELS: Final = ("lips.R", "lips.G", "lips.B", "lips.A", "stmap.red", "stmap.green")
# Attributes that say how a file is laid out, or that hold for the plate's own pixels alone.
OF_ONE_FILE: Final = frozenset(
    {
        "channels",
        "chunkCount",
        "compression",
        "dataWindow",
        "displayWindow",
        "dwaCompressionLevel",
        "lineOrder",
        "name",
        "preview",
        "tiles",
        "type",
        "version",
        "view",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class ExrHeader:
    """What matters of a frame's first part.

    Attributes:
        width, height: of the display window, in pixels.
        held: what the data window holds of it.
        pixel_aspect: width of a pixel over its height.
        codec: the name of its compression, such as ZIP or DWAA.
        attributes: by name: text, numbers, fractions, tuples of numbers, timecode as text with ;
            where it is drop-frame; what is none of these as its bytes.
        raw: the attributes as they stand in the file.
    """

    width: int
    height: int
    held: Box
    pixel_aspect: float
    codec: str
    attributes: Mapping[str, Any]
    raw: tuple[Attribute, ...]

    @property
    def lossy_codec(self) -> str:
        """The name of the codec where it loses something at each encoding; "" where it does not."""
        return self.codec if self.codec in LOSSY_CODECS else ""

    @property
    def rate(self) -> Fraction | None:
        rate = self.attributes.get("framesPerSecond")
        return rate if isinstance(rate, Fraction) else None


def read_header(path: Path) -> ExrHeader:
    """The header alone.

    Raises:
        DubwrightError: the file is missing or is not an OpenEXR file.
    """
    with open_frame(path) as file:
        part = read_layout(file, path).parts[0]
    attributes = {attribute.name: _value(attribute) for attribute in part.attributes}
    aspect = attributes.get("pixelAspectRatio", 1.0)
    shown = part.display_window
    return ExrHeader(
        shown.width,
        shown.height,
        part.data_window.shifted(-shown.x0, -shown.y0).clipped(shown.width, shown.height),
        aspect if isinstance(aspect, float) and aspect > 0 else 1.0,
        part.codec,
        attributes,
        part.attributes,
    )


def read_rgb(path: Path, box: Box | None = None) -> Array:
    """The picture, float32 [height, width, 3], black where the data window does not reach.

    Args:
        path: of the frame.
        box: the pixels to read; only the chunks under them are decoded. All if None.

    Raises:
        DubwrightError: the file is damaged, or its first part has no channels R, G and B.
    """
    with open_frame(path) as file:
        layout = read_layout(file, path)
        part = layout.parts[0]
        _require_channels(part, RGB, path)
        shown = part.display_window
        box = box or Box(0, 0, shown.width, shown.height)
        if box.width * box.height > MOST_PIXELS:
            raise damaged(path, f"its display window claims {box.width}x{box.height} pixels")
        wanted = box.shifted(shown.x0, shown.y0)
        planes, covered = read_planes(file, layout, part, wanted, path)
    picture = np.zeros((box.height, box.width, 3), np.float32)
    shared = wanted.intersection(covered)
    for index, name in enumerate(RGB if planes else ()):
        inside, stored = shared.within(wanted), shared.within(covered)
        picture[(*inside, index)] = planes[name][stored]
    return picture


def write_edited(
    source: Path,
    destination: Path,
    patch: Patch,
    attributes: Mapping[str, str] | None = None,
    *,
    verify: bool = True,
) -> Edited:
    """Merge a patch over a frame, keeping every other value, channel and attribute of it.

    The result is patch.rgb + plate * (1 - patch.alpha) where alpha is not 0, rounded to the
    channel's own type; everywhere else the plate's own bits. Chunks that the patch does not touch
    are copied byte for byte.

    Args:
        source: the frame.
        destination: the result, which appears whole or not at all.
        patch: what is merged over it.
        attributes: text attributes to set, by name.
        verify: whether the result is read back and compared.

    Raises:
        DubwrightError: the frame is damaged, or its first part cannot be edited in place.
    """
    with open_frame(source) as file:
        part = read_layout(file, source).parts[0]
    _require_channels(part, RGB, source)
    shown = part.display_window
    edited = patch.alpha > 0
    place = _bounds(edited, patch.box).clipped(shown.width, shown.height)
    place = place.shifted(shown.x0, shown.y0)
    laid = patch.box.shifted(shown.x0, shown.y0)

    def merge(planes: dict[str, NDArray[Any]], covered: Box) -> None:
        shared = place.intersection(covered)
        inside, stored = shared.within(laid), shared.within(covered)
        alpha, touched = patch.alpha[inside], edited[inside]
        through, covered_wholly = 1 - alpha, alpha >= 1
        for index, name in enumerate(RGB):
            plate = planes[name][stored]
            merged = plate.astype(np.float32)
            # What is wholly covered does not count, were it infinite or not a number.
            merged[covered_wholly] = 0
            merged *= through
            merged += patch.rgb[(*inside, index)]
            np.copyto(plate, merged, where=touched, casting="unsafe")

    return edit_file(source, destination, PlaneEdit(0, place, merge), attributes, verify=verify)


def write_rgb(path: Path, picture: Array, attributes: Mapping[str, Any]) -> None:
    """Write a half-float ZIP scanline frame with these attributes; whole or not at all."""
    half = picture.astype(np.float16)
    channels = {
        name: OpenEXR.Channel(np.ascontiguousarray(half[..., i])) for i, name in enumerate(RGB)
    }
    header = dict(attributes) | _layout(half.shape[1], half.shape[0])
    with whole(path) as partial:
        OpenEXR.File(header, channels).write(str(partial))


def write_patch(
    path: Path, patch: Patch, plate: ExrHeader, attributes: Mapping[str, str] | None = None
) -> None:
    """Write a patch: data window the patch's box, half RGBA and matte, float stmap.

    Whatever the plate's header says that is not about its own layout, the patch says too: timecode,
    rate, colour space, camera, so that it lines up wherever it is loaded.

    Args:
        path: of the patch, which appears whole or not at all.
        patch: what is written.
        plate: header of the frame that the patch is laid over.
        attributes: text attributes to set besides, by name.
    """
    header = _layout(plate.width, plate.height) | {"dataWindow": _window(patch.box)}
    half = {name: patch.rgb[..., i].astype(np.float16) for i, name in enumerate(RGB)}
    half |= {"A": patch.alpha.astype(np.float16), "matte": patch.alpha.astype(np.float16)}
    planes: dict[str, NDArray[Any]] = {
        (name if name == "matte" else f"lips.{name}"): plane for name, plane in half.items()
    }
    planes |= {"stmap.red": patch.stmap[..., 0], "stmap.green": patch.stmap[..., 1]}
    channels = {
        name: OpenEXR.Channel(np.ascontiguousarray(plane)) for name, plane in planes.items()
    }
    written = io.BytesIO()
    OpenEXR.File(header, channels).write(written)
    kept = [attribute for attribute in plate.raw if attribute.name not in OF_ONE_FILE]
    kept += text_attributes(attributes or {})
    with whole(path) as partial:
        partial.write_bytes(with_attributes(written, kept, path))


def read_patch(path: Path) -> Patch:
    """A patch as write_patch wrote it: its values are those of half floats.

    Raises:
        DubwrightError: the file is missing, damaged, or no patch.
    """
    with open_frame(path) as file:
        layout = read_layout(file, path)
        part = layout.parts[0]
        _require_channels(part, PATCH_CHANNELS, path)
        planes, _ = read_planes(file, layout, part, part.data_window, path)
    found = [planes[name].astype(np.float32) for name in PATCH_CHANNELS]
    shown = part.display_window
    return Patch(
        part.data_window.shifted(-shown.x0, -shown.y0),
        np.stack(found[:3], axis=-1),
        found[3],
        np.stack(found[4:], axis=-1),
    )


def _bounds(mask: NDArray[np.bool_], box: Box) -> Box:
    """The part of a box in which a mask of it is true; of no pixels where it is nowhere."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Box(box.x0, box.y0, box.x0, box.y0)
    return Box(
        box.x0 + int(columns[0]),
        box.y0 + int(rows[0]),
        box.x0 + int(columns[-1]) + 1,
        box.y0 + int(rows[-1]) + 1,
    )


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


def _require_channels(part: Part, names: tuple[str, ...], path: Path) -> None:
    listed = {channel.name for channel in part.channels}
    if missing := [name for name in names if name not in listed]:
        raise DubwrightError(
            "A frame lacks channels",
            where=f"{path}: {part.name}",
            why=f"it has no {', '.join(missing)}; it has {', '.join(sorted(listed))}",
            repair="give the picture's RGB as the first part, with channels named R, G and B",
        )


def _value(attribute: Attribute) -> Any:
    """An attribute's value as far as it is understood here."""
    form = {"int": "<i", "float": "<f", "double": "<d", "chromaticities": "<8f"}.get(attribute.kind)
    if attribute.kind == "string":
        try:
            return attribute.value.decode()
        except UnicodeDecodeError:
            return attribute.value.decode("latin-1")
    if attribute.kind == "rational" and len(attribute.value) == 8:
        over, under = struct.unpack("<iI", attribute.value)
        return Fraction(over, under) if under else attribute.value
    if attribute.kind == "timecode" and len(attribute.value) == 8:
        return _timecode(struct.unpack("<II", attribute.value)[0])
    if form is None or struct.calcsize(form) != len(attribute.value):
        return attribute.value
    values = struct.unpack(form, attribute.value)
    return values if len(values) > 1 else values[0]


def _timecode(packed: int) -> str:
    """SMPTE ST 12-1 as it stands in an EXR: binary-coded decimals, the drop-frame flag in bit 6."""

    def decimal(shift: int, tens: int) -> int:
        return 10 * (packed >> shift + 4 & (1 << tens) - 1) + (packed >> shift & 15)

    frames, seconds, minutes, hours = decimal(0, 2), decimal(8, 3), decimal(16, 3), decimal(24, 2)
    mark = ";" if packed & 64 else ":"
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"
