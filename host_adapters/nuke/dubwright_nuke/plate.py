"""The plate on its way to the service: a Read's own files, or frames rendered for it.

A frame is rendered again only where what comes in has changed. Nuke's own hash of a node is not
used: it follows the names of files, not their content, and has none for one frame.
"""

import hashlib
import json
import os
import re
import shutil
import uuid
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Tuple

import nuke

from dubwright_nuke.colour import Colours, is_in_working_space, working_colours
from dubwright_nuke.node import Asked, Refused

__all__ = [
    "Comes",
    "Plate",
    "comes_in",
    "forget_old_plates",
    "numbers_at",
    "plain_plate",
    "prints_of",
    "remember",
    "render_frame",
    "rendered_plate",
    "sent_plate",
    "taken_over",
    "view_of",
    "write_timeline",
]

PRINTS = "prints.json"
KEPT_PLATES = 4
COUNTED = re.compile(r"([^%#\[]*?)(%0(\d+)d|%d|#+)([^%#\[/\\]*[.]\w+)")


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


ROOT_KNOBS = ("format", "colorManagement", "OCIO_config", "workingSpaceLUT")


class Plate(NamedTuple):
    """Files of the plate.

    folder, prefix, padding: their names, as in folder/prefix0001.exr. suffix: after the number.
    colours: what they are in. sent: whether they were rendered by the node.
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


class Comes(NamedTuple):
    """What comes into a node, as far as it does not change from frame to frame.

    still: of all that makes the picture but numbers. numbers: of its knobs; the knob itself where
    it is animated or driven. files: of its Reads, with the frame's number left open. alone: whether
    every node shows the frame that is asked for alone. sure: whether all that may change it is
    known.
    """

    still: str
    numbers: Tuple[Any, ...]
    files: Tuple[str, ...]
    alone: bool
    sure: bool


def plain_plate(node: Any, asked: Asked) -> Optional[Plate]:
    """The files of a Read of EXR that hands them on as they are; None where something changes them.

    Whether they are all there is not looked at.
    """
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
        or not read["first"].value() <= asked.first <= asked.last <= read["last"].value()
        or not is_in_working_space(read)
    )
    if named is None or changes or not named.group(4).lower().endswith(".exr"):
        return None
    start, _, _, suffix = named.groups()
    folder, _, prefix = start.replace("\\", "/").rpartition("/")
    if not Path(folder).is_absolute():
        return None
    return Plate(Path(folder), prefix, _padding(named), suffix, _colours(asked), sent=False)


def rendered_plate(asked: Asked, prints: Dict[int, str]) -> Plate:
    """Where the plate is to be rendered. Each state of it has a folder of its own: a job may still
    need an earlier one. Raises Refused where its colours cannot be told."""
    digest = hashlib.sha256("".join(prints.values()).encode()).hexdigest()[:12]
    folder = asked.folder / "plate" / digest
    return Plate(folder, "plate.", 4, ".exr", _colours(asked), sent=True)


def taken_over(plate: Plate, prints: Dict[int, str]) -> List[int]:
    """Link the frames that were rendered before; those that were not. Touches files alone."""
    files = _files_by_print(plate.folder.parent)
    plate.folder.mkdir(parents=True, exist_ok=True)
    for frame, made_of in prints.items():
        if made_of in files:
            _link(files[made_of], plate.file(frame))
    return [frame for frame, made_of in prints.items() if made_of not in files]


def render_frame(node: Any, plate: Plate, frame: int, view: str) -> bool:
    """Render one frame by the Write in the node, at full size; False while Nuke renders something
    else. Raises Refused if that fails."""
    if nuke.executing():
        return False
    write = node.node("send")
    proxy = nuke.root()["proxy"]
    was_proxy = proxy.value()
    nuke.Undo.disable()
    try:
        write["file"].setValue(plate.pattern)
        proxy.setValue(False)
        write["disable"].setValue(False)
        nuke.execute(write, frame, frame, 1, [view])
    except RuntimeError as error:
        why = str(error).rstrip(".")
        raise Refused("Frame {} of the plate was not rendered: {}.".format(frame, why)) from None
    finally:
        write["disable"].setValue(True)
        proxy.setValue(was_proxy)
        nuke.Undo.enable()
    return True


def remember(plate: Plate, prints: Dict[int, str]) -> None:
    """Note of what these frames of a rendered plate are made. Touches files alone."""
    there = {str(frame): made for frame, made in prints.items() if plate.file(frame).is_file()}
    _write_whole(plate.folder / PRINTS, json.dumps(there))


def forget_old_plates(folder: Path, shown: str) -> None:
    """Remove all but the newest rendered plates of a node, and the one that it shows."""
    plates = sorted(folder.glob("plate/*/" + PRINTS), key=os.path.getmtime)
    for listed in plates[:-KEPT_PLATES]:
        if listed.parent.as_posix() not in shown:
            shutil.rmtree(str(listed.parent))


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
        "metadata": {"dubwright_nuke": {"plate": plate.pattern}},
        "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [track]},
    }
    content = json.dumps(timeline, indent=1)
    # A job may still need an earlier one: each content has a file of its own.
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    asked.folder.mkdir(parents=True, exist_ok=True)
    path = asked.folder / "plate.{}.otio".format(digest)
    _write_whole(path, content)
    return path


def sent_plate(version: Path) -> Optional[str]:
    """The files of the plate that a version was made of, as Nuke names them; None if they are not
    known any more. Touches files alone."""
    try:
        asked = json.loads((version / "dub.json").read_text(encoding="utf-8"))["request"]
        timeline = json.loads(Path(asked["timeline"]).read_text(encoding="utf-8"))
        return str(timeline["metadata"]["dubwright_nuke"]["plate"])
    except (OSError, ValueError, KeyError):
        return None


def view_of(node: Any) -> str:
    """The view that is worked on. Raises Refused where there are several and none is chosen."""
    views: List[str] = nuke.views()
    if len(views) == 1:
        return views[0]
    above = node.input(0)
    while above is not None:
        if above.Class() == "OneView":
            return str(above["view"].value())
        above = above.input(0)
    raise Refused(
        "This script has {} views. Put a OneView before {}, and a LipSync for each view.".format(
            len(views), node.name()
        )
    )


# --- What a frame is made of --------------------------------------------------------------------


def comes_in(source: Any) -> Comes:
    """What makes the pictures of a node, but for what moves and what is on the disk."""
    chain = _above(source)
    still: List[Any] = [nuke.root()[knob].toScript() for knob in ROOT_KNOBS]
    numbers: List[Any] = []
    files: List[str] = []
    alone = sure = True
    for node in chain:
        inputs = [node.input(number) for number in range(node.inputs())]
        still.append([node.Class(), [None if i is None else chain.index(i) for i in inputs]])
        alone = alone and _shows_the_frame_alone(node)
        for name, knob in sorted(node.knobs().items()):
            if name in LOOKS:
                continue
            if _is_number(knob):
                numbers.append(knob if _moves(knob) else knob.value())
                still.append(name)
                continue
            text = str(knob.toScript())
            still.append([name, text])
            if knob.Class() == "File_Knob":
                if text:
                    files.append(text)
            else:
                # What TCL and the expressions of strings look at is not known.
                sure = sure and "[" not in text and not _names_a_node(name, text)
        if node.Class() == "Read":
            sure = sure and not str(node["frame"].value()).strip()
    sure = sure and not any("[" in file for file in files)
    digest = hashlib.sha256(json.dumps(still).encode("utf-8")).hexdigest()
    return Comes(digest, tuple(numbers), tuple(files), alone, sure)


def numbers_at(comes: Comes, frames: Iterable[int]) -> Dict[int, List[Any]]:
    """What the numbers of knobs are at these frames."""
    return {
        frame: [known.valueAt(frame) if _is_number(known) else known for known in comes.numbers]
        for frame in frames
    }


def prints_of(comes: Comes, numbers: Dict[int, List[Any]], chance: str) -> Dict[int, str]:
    """What tells whether a frame that comes in has changed: a hash of all that makes it, with the
    size and the time of its files. Where nodes may look at other frames, every frame changes with
    any; where not all is known, every frame is another by chance. Touches files alone."""
    made = {
        frame: [at, [_stat(file, frame) for file in comes.files]] for frame, at in numbers.items()
    }
    luck = "" if comes.sure else chance
    return {
        frame: hashlib.sha256(
            json.dumps([comes.still, frame, made[frame] if comes.alone else made, luck]).encode()
        ).hexdigest()
        for frame in numbers
    }


def _shows_the_frame_alone(node: Any) -> bool:
    blurred = node.knob("motionblur")
    return node.Class() in FRAME_BY_FRAME and not (blurred is not None and blurred.value())


def _names_a_node(knob: str, text: str) -> bool:
    """Whether the text of an Expression's knob names a node, as in Control.gain."""
    if not knob.startswith(("expr", "temp_expr")):
        return False
    return any(nuke.toNode(name) is not None for name in re.findall(r"([A-Za-z_]\w*)[.]", text))


def _above(source: Any) -> List[Any]:
    """A node and all that it depends on, each once, those in groups too."""
    waiting, chain = [source], []
    while waiting:
        node = waiting.pop()
        if node is None or node in chain:
            continue
        chain.append(node)
        waiting += [node.input(number) for number in range(node.inputs())]
        waiting += node.dependencies(nuke.EXPRESSIONS | nuke.HIDDEN_INPUTS)
        inside = getattr(node, "nodes", None)
        if callable(inside):
            waiting += list(inside())
    return chain


def _moves(knob: Any) -> bool:
    return bool(knob.isAnimated() or knob.hasExpression())


def _is_number(knob: Any) -> bool:
    return callable(getattr(knob, "valueAt", None))


def _stat(file: str, frame: int) -> Optional[Tuple[int, int]]:
    named = COUNTED.fullmatch(file)
    if named is not None:
        file = "{}{:0{}d}{}".format(named.group(1), frame, _padding(named), named.group(4))
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _padding(named: "re.Match[str]") -> int:
    number, digits = named.group(2), named.group(3)
    return int(digits or (len(number) if number.startswith("#") else 1))


def _colours(asked: Asked) -> Colours:
    colours = working_colours()
    if asked.colour_space:
        return Colours(asked.colour_space, colours.config)
    return colours


# --- Files --------------------------------------------------------------------------------------


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
    partial = path.with_name("{}.{}.partial".format(path.name, uuid.uuid4().hex[:8]))
    partial.write_text(content, encoding="utf-8")
    partial.replace(path)
