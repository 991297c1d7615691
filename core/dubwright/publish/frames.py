"""What is looked at in the frames of a shot: are they there, and the plate's but for the mouth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.media.exr import read_patch, read_rgb
from dubwright.media.exr.chunks import read_planes
from dubwright.media.exr.layout import LOSSY_CODECS, Attribute, Layout, open_frame, read_layout
from dubwright.media.exr.layout import Part as ExrPart
from dubwright.media.plate import Plate
from dubwright.model import Box, FrameRange, Patch
from dubwright.publish.delivery import DeliveredFrame, Finding, Part

__all__ = ["colours_known", "complete", "finite", "formatted_alike", "timed_alike", "untouched"]

AGAIN: Final = "deliver it anew: see `dubwright publish --repair`"
# What says when a frame is, and in which colours: each has a validator of its own.
OF_TIME: Final = frozenset({"timeCode", "framesPerSecond", "keyCode"})
OF_COLOUR: Final = frozenset(
    {
        "chromaticities", "colorInteropID", "oiio:ColorSpace", "acesImageContainerFlag",
        "whiteLuminance", "adoptedNeutral",
    }
)  # fmt: skip
OURS: Final = "dubwright:"


def complete(part: Part) -> Iterator[Finding]:
    """Every frame of the shot is there and can be read, and no other."""
    wanted = {frame.path: frame for frame in part.frames()}
    for path in (*wanted, *(f.patch for f in wanted.values() if f.patch)):
        if path in part.spoiled:
            continue
        try:
            with open_frame(path) as file:
                layout = read_layout(file, path)
                for each in filter(_is_flat, layout.parts):
                    read_planes(file, layout, each, each.data_window, path)
        except DubwrightError as error:
            part.spoiled.add(path)
            yield Finding(_name(part, path), error.why, AGAIN)
    there = set((part.folder / "frames" / part.language / part.shot).glob("*"))
    for path in sorted(there - {*wanted} - part.spoiled):
        yield Finding(_name(part, path), "no frame of the plate has this number", "remove it")


def timed_alike(part: Part) -> Iterator[Finding]:
    """Timecode, key code and rate are the plate's."""
    yield from _attributes(part, OF_TIME)


def colours_known(part: Part) -> Iterator[Finding]:
    """The plate's colour space is known, and frames name it as the plate does."""
    if not part.plate.colour_space or not part.plate.working_space:
        yield Finding(
            part.shot, "nothing says in which colour space the plate is", "name it: --colorspace"
        )
    yield from _attributes(part, OF_COLOUR)


def formatted_alike(part: Part) -> Iterator[Finding]:
    """Parts, channels, windows, codec and all else that headers say are the plate's."""
    for frame, source, written in _pairs(part):
        if len(source.parts) != len(written.parts):
            why = f"it has {len(written.parts)} parts, the plate {len(source.parts)}"
            yield Finding(_name(part, frame.path), why, AGAIN)
            continue
        yield from _differing(part, frame, source, written, None)


def untouched(part: Part) -> Iterator[Finding]:
    """Frames that were not edited are the plate's files; in others only the matte differs.

    Of a movie they are compared with its decoded frames.
    """
    if part.plate.kind == "movie":
        yield from _untouched_of_movie(part)
        return
    for frame in part.sound_frames():
        if frame.source is None:
            continue
        if frame.patch is None:
            if not _same_bytes(frame.path, frame.source):
                yield Finding(_name(part, frame.path), "it is not the plate's file", AGAIN)
        elif frame.patch not in part.spoiled:
            count = _pixels_outside(frame)
            if count:
                why = f"{count} values outside the matte are not the plate's"
                yield Finding(_name(part, frame.path), why, AGAIN)


def finite(part: Part) -> Iterator[Finding]:
    """No edited pixel is NaN or infinite."""
    for frame in part.sound_frames():
        if frame.patch is None or frame.patch in part.spoiled:
            continue
        patch = read_patch(frame.patch)
        whole = np.isfinite(patch.rgb).all() and np.isfinite(patch.alpha).all()
        if not whole or not np.isfinite(patch.stmap).all():
            yield Finding(_name(part, frame.patch), "the patch holds NaN or infinite values", AGAIN)
        with open_frame(frame.path) as file:
            layout = read_layout(file, frame.path)
            first = layout.parts[0]
            box = _in_file(patch.box, first.display_window)
            planes, covered = read_planes(file, layout, first, box, frame.path)
        shared = box.intersection(covered)
        if not all(np.isfinite(plane[shared.within(covered)]).all() for plane in planes.values()):
            yield Finding(_name(part, frame.path), "edited pixels are NaN or infinite", AGAIN)


def _pairs(part: Part) -> Iterator[tuple[DeliveredFrame, Layout, Layout]]:
    """Each edited frame with the layouts of its plate's file and its own."""
    for frame in part.sound_frames():
        if frame.source is not None and frame.patch is not None:
            with open_frame(frame.source) as file:
                source = read_layout(file, frame.source)
            with open_frame(frame.path) as file:
                yield frame, source, read_layout(file, frame.path)


def _attributes(part: Part, names: frozenset[str]) -> Iterator[Finding]:
    if part.plate.kind == "movie":
        yield from _of_movie(part, names)
        return
    for frame, source, written in _pairs(part):
        yield from _differing(part, frame, source, written, names)


def _of_movie(part: Part, names: frozenset[str]) -> Iterator[Finding]:
    """Frames of a movie plate say what they were told when they were decoded."""
    from dubwright.media.exr import read_header

    expected = {k: v for k, v in Plate(part.plate).attributes().items() if k in names}
    for frame in part.sound_frames():
        found = read_header(frame.path).attributes
        wrong = sorted(name for name, value in expected.items() if found.get(name) != value)
        if wrong:
            yield Finding(_name(part, frame.path), f"{', '.join(wrong)} is not the plate's", AGAIN)


def _differing(
    part: Part, frame: DeliveredFrame, source: Layout, written: Layout, names: frozenset[str] | None
) -> Iterator[Finding]:
    """Attributes that are not the plate's: of these names, or of all that no other looks at."""
    for before, after in zip(source.parts, written.parts, strict=False):
        told = _by_name(before.attributes), _by_name(after.attributes)
        wrong = sorted(
            name
            for name in told[0].keys() | told[1].keys()
            if not name.startswith(OURS)
            and (name in names if names is not None else name not in OF_TIME | OF_COLOUR)
            and told[0].get(name) != told[1].get(name)
        )
        if wrong:
            why = f"{', '.join(wrong)} of {after.name} is not the plate's"
            yield Finding(_name(part, frame.path), why, AGAIN)


def _by_name(attributes: tuple[Attribute, ...]) -> dict[str, tuple[str, bytes]]:
    return {each.name: (each.kind, each.value) for each in attributes}


def _same_bytes(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while block := first.read(1 << 20):
            if block != second.read(1 << 20):
                return False
    return True


def _untouched_of_movie(part: Part) -> Iterator[Finding]:
    spec = part.plate
    wanted = {frame.number: frame for frame in part.sound_frames()}
    every = FrameRange(0, spec.frames)
    for index, picture in zip(every, Plate(spec).frames(every), strict=True):
        frame = wanted.pop(spec.number(index), None)
        if frame is None or frame.patch in part.spoiled:
            continue
        differs = (picture.astype(np.float16) != read_rgb(frame.path).astype(np.float16)).any(
            axis=2
        )
        if frame.patch is not None:
            patch = read_patch(frame.patch)
            box = patch.box.clipped(spec.width, spec.height)
            differs[box.slices] &= patch.alpha[box.within(patch.box)] == 0
        if differs.any():
            why = f"{int(differs.sum())} pixels outside the matte are not the plate's"
            yield Finding(_name(part, frame.path), why, AGAIN)


def _pixels_outside(frame: DeliveredFrame) -> int:
    """How many pixels outside the matte are not the plate's.

    Chunks that the patch does not touch are compared as they are stored; where these differ, and in
    those that it touches, pixels are. In touched chunks a lossy codec keeps none exactly: they do
    not count. A pixel of a deep or mipmapped part that differs counts a whole chunk as one.
    """
    assert frame.source is not None and frame.patch is not None
    patch = read_patch(frame.patch)
    stored, held = frame.source.read_bytes(), frame.path.read_bytes()
    count = 0
    with open_frame(frame.source) as before, open_frame(frame.path) as after:
        source, written = read_layout(before, frame.source), read_layout(after, frame.path)
        for mine, theirs in zip(source.parts, written.parts, strict=False):
            if mine.data_window != theirs.data_window or mine.channels != theirs.channels:
                continue  # told as another format
            every = np.arange(len(mine.offsets))
            box = _in_file(patch.box, mine.display_window)
            under = mine.chunks_over(box)[0] if mine.index == 0 else every[:0]
            spans = zip(_spans(source, mine), _spans(written, theirs), strict=False)
            same = np.array([stored[a:b] == held[c:d] for (a, b), (c, d) in spans], bool)
            changed = np.setdiff1d(every[~same], under)
            if not _is_flat(mine):
                count += len(changed)
                continue
            look = mine.data_window if len(changed) else box
            old, covered = read_planes(before, source, mine, look, frame.source)
            new, _ = read_planes(after, written, theirs, look, frame.path)
            allowed = _allowed(mine, patch, box, covered)
            differs = np.zeros_like(allowed)
            for name, plane in old.items():
                # Bits are compared: NaN is NaN where the plate has it.
                other = plane.view(np.uint8) != new[name].view(np.uint8)
                differs |= other.reshape(*plane.shape, -1).any(axis=-1)
            count += int((differs & ~allowed).sum())
    return count


def _allowed(part: ExrPart, patch: Patch, box: Box, covered: Box) -> NDArray[np.bool_]:
    """Where pixels of a covered box may differ from the plate's; one array for all channels."""
    allowed = np.zeros((covered.height, covered.width), bool)
    if part.index == 0:
        _, under = part.chunks_over(box)
        if part.codec in LOSSY_CODECS:
            allowed[under.within(covered)] = True
        else:
            shared = box.intersection(covered)
            allowed[shared.within(covered)] = patch.alpha[shared.within(box)] > 0
    return allowed


def _spans(layout: Layout, part: ExrPart) -> list[tuple[int, int]]:
    """Where each chunk of a part begins, and where the next thing in the file does."""
    starts = np.sort(np.concatenate([each.offsets for each in layout.parts]))
    after = np.append(starts, np.uint64(layout.size))
    ends = after[np.searchsorted(starts, part.offsets, side="right")]
    return list(zip(part.offsets.tolist(), ends.tolist(), strict=True))


def _is_flat(part: ExrPart) -> bool:
    return not part.is_deep and not part.levels & 15 and not part.is_subsampled


def _in_file(box: Box, display: Box) -> Box:
    """A box of the display window in the file's own coordinates."""
    return box.shifted(display.x0, display.y0)


def _name(part: Part, path: Path) -> str:
    return path.relative_to(part.folder).as_posix()
