"""The plate on its way to the service: a Read's own files, or frames rendered for it.

A frame is rendered again only where what comes in has changed. Nuke's own hash of a node is not
used: it follows the names of files, not their content, and has none for one frame.
"""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

import nuke

from dubwright_nuke.colour import Colours, is_in_working_space, working_colours
from dubwright_nuke.node import Asked, Refused

__all__ = [
    "Plate",
    "files_of_timeline",
    "fingerprints",
    "planned_plate",
    "remember",
    "render_frame",
    "taken_over",
    "write_timeline",
]

PRINTS = "prints.json"
COUNTED = re.compile(r"([^%#\[]*?)(%0(\d+)d|%d|#+)([^%#\[/\\]*[.]exr)")


def _words(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


# Of what comes in at a frame, these nodes show that frame alone.
FRAME_BY_FRAME = _words(
    "Add AddChannels Blur ChannelMerge Clamp ColorCorrect ColorLookup ColorMatrix Colorspace "
    "Constant Copy Crop Dot EXPTool Expression Gamma Grade HueCorrect Input Invert Keymix Log2Lin "
    "Merge2 Multiply NoOp OCIOCDLTransform OCIOColorSpace OCIOFileTransform OneView Premult Read "
    "Reformat Remove Saturation Shuffle Shuffle2 ShuffleCopy Switch Transform Unpremult"
)
# Knobs that change no pixel.
LOOKS = _words(
    "autolabel bookmark cached dope_sheet gl_color help hide_input icon indicators knobChanged "
    "label lifetimeEnd lifetimeStart name note_font note_font_color note_font_size onCreate "
    "onDestroy panel postage_stamp postage_stamp_frame selected tile_color updateUI useLifetime "
    "xpos ypos"
)


class Plate(NamedTuple):
    """EXR files of the plate.

    folder, prefix, padding: their names, as in folder/prefix0001.exr. suffix: after the number.
    sent: whether they were rendered by the node, in the script's working space.
    """

    folder: Path
    prefix: str
    padding: int
    suffix: str
    colours: Colours
    sent: bool

    @property
    def pattern(self) -> str:
        """As Nuke names them, folder/prefix%04d.exr."""
        name = "{}%0{}d{}".format(self.prefix, self.padding, self.suffix)
        return self.folder.as_posix() + "/" + name

    def file(self, frame: int) -> Path:
        return self.folder / "{}{:0{}d}{}".format(self.prefix, frame, self.padding, self.suffix)


def planned_plate(node: Any, asked: Asked) -> Tuple[Plate, Dict[int, str]]:
    """The plate of a node, and of what its frames are made if they are to be rendered.

    A Read of EXR files that hands them on as they are is its own plate; it has no prints.
    Raises Refused where there can be no plate.
    """
    _check_views(node)
    colours = working_colours()
    if asked.colour_space:
        colours = Colours(asked.colour_space, colours.config)
    frames = range(asked.first, asked.last + 1)
    plain = _plain_read(node, frames, colours)
    if plain is not None:
        return plain, {}
    prints = fingerprints(node.input(0), frames)
    digest = hashlib.sha256("".join(prints[f] for f in frames).encode()).hexdigest()[:12]
    folder = asked.folder / "plate" / digest
    return Plate(folder, "plate.", 4, ".exr", colours, sent=True), prints


def taken_over(plate: Plate, prints: Dict[int, str]) -> List[int]:
    """Link the frames that were rendered before; those that were not. Touches files alone."""
    files = _files_by_print(plate.folder.parent)
    plate.folder.mkdir(parents=True, exist_ok=True)
    for frame, made_of in prints.items():
        if made_of in files:
            _link(files[made_of], plate.file(frame))
    return [frame for frame, made_of in prints.items() if made_of not in files]


def render_frame(node: Any, plate: Plate, frame: int) -> None:
    """Render one frame by the Write in the node, at full size. Raises Refused if that fails."""
    write = node.node("send")
    proxy = nuke.root()["proxy"]
    was_proxy = proxy.value()
    nuke.Undo.disable()
    try:
        write["file"].setValue(plate.pattern)
        proxy.setValue(False)
        write["disable"].setValue(False)
        nuke.execute(write, frame, frame, 1)
    except RuntimeError as error:
        why = str(error).rstrip(".")
        raise Refused(
            "Frame {} of the plate could not be rendered: {}.".format(frame, why)
        ) from None
    finally:
        write["disable"].setValue(True)
        proxy.setValue(was_proxy)
        nuke.Undo.enable()
    if not plate.file(frame).is_file():
        raise Refused(
            "Nuke rendered no frame {} of the plate into {}. Check that this folder may be "
            "written.".format(frame, plate.folder)
        )


def remember(plate: Plate, prints: Dict[int, str]) -> None:
    """Note of what these frames of a rendered plate are made. Touches files alone."""
    _write_whole(
        plate.folder / PRINTS,
        json.dumps({str(frame): made_of for frame, made_of in prints.items()}),
    )


def write_timeline(plate: Plate, asked: Asked) -> Path:
    """An OpenTimelineIO timeline with the plate as its only clip, at the script's rate."""
    rate = float(asked.rate)
    frames = asked.last - asked.first + 1

    def time(value: int) -> Dict[str, Any]:
        return {"OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": float(value)}

    def span(first: int) -> Dict[str, Any]:
        return {
            "OTIO_SCHEMA": "TimeRange.1",
            "start_time": time(first),
            "duration": time(frames),
        }

    media = {
        "OTIO_SCHEMA": "ImageSequenceReference.1",
        "target_url_base": plate.folder.as_uri() + "/",
        "name_prefix": plate.prefix,
        "name_suffix": plate.suffix,
        "start_frame": asked.first,
        "frame_step": 1,
        "rate": rate,
        "frame_zero_padding": plate.padding,
        "missing_frame_policy": "error",
        "available_range": span(asked.first),
    }
    clip = {
        "OTIO_SCHEMA": "Clip.2",
        "name": "plate",
        "source_range": span(asked.first),
        "media_references": {"DEFAULT_MEDIA": media},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }
    track = {"OTIO_SCHEMA": "Track.1", "name": "V1", "kind": "Video", "children": [clip]}
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": asked.name,
        "global_start_time": time(0),
        "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [track]},
    }
    content = json.dumps(timeline, indent=1)
    # A job may still need an earlier one: each content has a file of its own.
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    asked.folder.mkdir(parents=True, exist_ok=True)
    path = asked.folder / "plate.{}.otio".format(digest)
    _write_whole(path, content)
    return path


def files_of_timeline(timeline: Path) -> str:
    """The files of the plate of a timeline that write_timeline wrote, as Nuke names them."""
    tracks = json.loads(timeline.read_text(encoding="utf-8"))["tracks"]
    media = tracks["children"][0]["children"][0]["media_references"]["DEFAULT_MEDIA"]
    folder = url2pathname(urlsplit(media["target_url_base"]).path).replace("\\", "/")
    name = "{}%0{}d{}".format(
        media["name_prefix"], media["frame_zero_padding"], media["name_suffix"]
    )
    return folder + name


def _check_views(node: Any) -> None:
    views = nuke.views()
    if len(views) > 1 and not any(above.Class() == "OneView" for above in _above(node.input(0))):
        raise Refused(
            "This script has {} views. Put a OneView before {}, and a LipSync for each "
            "view.".format(len(views), node.name())
        )


def _plain_read(node: Any, frames: Iterable[int], colours: Colours) -> Optional[Plate]:
    """The files of a Read that hands them on as they are; None where something changes them."""
    read = node.input(0)
    while read is not None and read.Class() == "Dot":
        read = read.input(0)
    if read is None or read.Class() != "Read":
        return None
    named = COUNTED.fullmatch(str(read["file"].value()))
    changes = (
        read["disable"].value()
        or str(read["frame"].value()).strip()
        or read["premultiplied"].value()
        or not is_in_working_space(read)
    )
    if named is None or changes:
        return None
    start, number, digits, suffix = named.groups()
    folder, _, prefix = start.replace("\\", "/").rpartition("/")
    padding = int(digits or (len(number) if number.startswith("#") else 1))
    plate = Plate(Path(folder), prefix, padding, suffix, colours, sent=False)
    inside = read["first"].value() <= min(frames) and max(frames) <= read["last"].value()
    whole = inside and plate.folder.is_absolute() and all(plate.file(f).is_file() for f in frames)
    return plate if whole else None


def fingerprints(source: Any, frames: Iterable[int]) -> Dict[int, str]:
    """What tells whether a frame that comes in has changed: a hash of all that makes it.

    Values of knobs are taken at the frame, files by their size and time. Where a node may look at
    other frames, every frame changes with any.
    """
    chain = list(_above(source))
    alone = all(node.Class() in FRAME_BY_FRAME for node in chain)
    numbers = {node.fullName(): number for number, node in enumerate(chain)}
    root = nuke.root()
    common = [root[knob].toScript() for knob in ("format", "colorManagement", "workingSpaceLUT")]
    prints = {}
    for frame in frames:
        state = [common] + [
            [numbers[node.fullName()], _state(node, frame, numbers)] for node in chain
        ]
        prints[frame] = hashlib.sha256(json.dumps(state).encode()).hexdigest()
    if alone:
        return prints
    together = hashlib.sha256("".join(prints.values()).encode()).hexdigest()
    # Frames keep apart by their own numbers.
    return {
        frame: hashlib.sha256("{} {}".format(together, frame).encode()).hexdigest()
        for frame in prints
    }


def _above(source: Any) -> Iterator[Any]:
    """A node and all that it depends on, each once, those in groups too."""
    waiting, seen = [source], set()
    while waiting:
        node = waiting.pop()
        if node is None or node.fullName() in seen:
            continue
        seen.add(node.fullName())
        yield node
        waiting += [node.input(number) for number in range(node.inputs())]
        if node.Class() == "Group":
            waiting += list(node.nodes())


def _state(node: Any, frame: int, numbers: Dict[str, int]) -> List[Any]:
    """All of a node that may change a pixel of a frame."""
    inputs = (node.input(number) for number in range(node.inputs()))
    state: List[Any] = [node.Class()]
    state.append([None if above is None else numbers[above.fullName()] for above in inputs])
    for name, knob in sorted(node.knobs().items()):
        if name in LOOKS:
            continue
        state.append([name, knob.valueAt(frame) if _is_number(knob) else knob.toScript()])
        if knob.Class() == "File_Knob" and knob.value():
            state.append(_stat(knob, frame))
    return state


def _is_number(knob: Any) -> bool:
    return callable(getattr(knob, "valueAt", None))


def _stat(knob: Any, frame: int) -> Optional[Tuple[int, int]]:
    named = COUNTED.fullmatch(str(knob.value()))
    path = str(knob.getEvaluatedValue())
    if named is not None:
        start, number, digits, suffix = named.groups()
        padding = int(digits or (len(number) if number.startswith("#") else 1))
        path = "{}{:0{}d}{}".format(start, frame, padding, suffix)
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _files_by_print(plates: Path) -> Dict[str, Path]:
    """Frames rendered before, by what they were made of."""
    files = {}
    for listed in plates.glob("*/" + PRINTS):
        for frame, made_of in json.loads(listed.read_text(encoding="utf-8")).items():
            path = listed.parent / "plate.{:04d}.exr".format(int(frame))
            if path.is_file():
                files[made_of] = path
    return files


def _link(source: Path, target: Path) -> None:
    if source == target:
        return
    _drop(target)
    try:
        os.link(str(source), str(target))
    except OSError:
        shutil.copyfile(str(source), str(target))


def _drop(path: Path) -> None:
    if path.is_file():
        path.unlink()


def _write_whole(path: Path, content: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(content, encoding="utf-8")
    partial.replace(path)
