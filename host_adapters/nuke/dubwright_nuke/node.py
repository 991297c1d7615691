"""The LipSync node: what its knobs ask for, and how a result is shown in it."""

import hashlib
import re
import uuid
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import nuke

from dubwright_plugin.version import DubbedShot, read_version

__all__ = [
    "FOLLOWS",
    "Asked",
    "Refused",
    "asked_of",
    "created",
    "identity",
    "is_lip_sync",
    "node_by_identity",
    "offer_engines",
    "results_folder",
    "say_state",
    "shot_of",
    "show_result",
    "tag_of",
]

IDENTITY = "dubwright_id"
MOUTH = ("intensity", "jaw", "mouth_width", "smoothing", "offset")
# As the service calls them.
NAMED = {"mouth_width": "width", "smoothing": "smoothing_ms", "offset": "offset_ms"}
AUTOMATIC = "automatic"
# Before the name of an engine that draws what the mouth is to look like.
FOLLOWS = "follow "
# The language of a recording that names none (ISO 639-2).
UNKNOWN = "und"
UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
# 23.976 and its like are whole rates, slowed.
SLOWED = Fraction(1000, 1001)


class Refused(Exception):  # noqa: N818 - nobody erred
    """What was asked cannot be done; the message says why and what to do, in a sentence or two."""


class Asked(NamedTuple):
    """What the knobs of a node ask for, as plain data that any thread may hold.

    first, last: frames of the script. rate: frames a second. mouth: the artist's controls, as a
    lip-sync's request has them. colour_space: "" for that of the working space.
    """

    identity: str
    name: str
    dialogue: str
    cue_sheet: str
    text: str
    language: str
    starts_after: int
    speaker: str
    face: int
    cast: str
    engine: str
    weights: str
    not_for_sale: bool
    first: int
    last: int
    rate: Fraction
    mouth: Dict[str, Any]
    folder: Path
    colour_space: str

    @property
    def tag(self) -> str:
        """To find this node's jobs by. A node that was pasted into another shot has others."""
        return tag_of(self.identity, self.folder)

    def request(self, plate: Path, config: Optional[str], space: str) -> Dict[str, Any]:
        """What the service is asked for, of a timeline with the plate as its only clip."""
        request: Dict[str, Any] = {
            "output": str(self.folder / "results"),
            "colour_space": space,
            "ocio": config,
            "cast": self.cast or None,
        }
        engines = self._engines()
        if engines:
            request["engines"] = engines
        if self.cue_sheet:
            request.update(timeline=str(plate), languages=[self.language], cue_sheet=self.cue_sheet)
            return request
        request.update(
            plate=str(plate),
            dialogue=self.dialogue,
            text=self.text,
            language=self.language,
            start_ms=int(self.starts_after * 1000 / self.rate),
            face=self.face,
            mouth=self.mouth,
        )
        if self.speaker:
            request["speaker"] = self.speaker
        return request

    def _engines(self) -> Dict[str, Any]:
        engines: Dict[str, Any] = {"not_for_sale": True} if self.not_for_sale else {}
        if self.engine == AUTOMATIC:
            return engines
        follows = self.engine.startswith(FOLLOWS)
        name = self.engine[len(FOLLOWS) :] if follows else self.engine
        engines["mouth_generator" if follows else "mouth_renderer"] = name
        if self.weights:
            engines["weights"] = {name: self.weights}
        return engines


def tag_of(identity: str, folder: Path) -> str:
    """To find the jobs by of a node whose results lie in a folder."""
    where = hashlib.sha256(str(folder.parent).encode("utf-8")).hexdigest()[:8]
    return "nuke:{}:{}".format(identity, where)


def asked_of(node: Any) -> Asked:
    """What a node asks for. Raises Refused where something must be chosen first."""
    if node.input(0) is None:
        raise Refused("Connect the plate to {} first.".format(node.name()))
    dialogue, cue_sheet = (_path(node, knob) for knob in ("dialogue", "cue_sheet"))
    if not dialogue and not cue_sheet:
        raise Refused("Choose the recording that {} shall say.".format(node.name()))
    for path in (dialogue, cue_sheet, _path(node, "cast")):
        if path and not Path(path).is_file():
            raise Refused("{} is not there. Choose the file again.".format(path))
    weights = _path(node, "weights")
    if weights and not Path(weights).exists():
        raise Refused("{} is not there. Choose the weights again.".format(weights))
    language = str(node["language"].value()).strip()
    if cue_sheet and not language:
        raise Refused("Say the language of the cue sheet's lines, such as es.")
    first, last = _range(node)
    rate = _rate(float(nuke.root()["fps"].value()))
    starts_after = int(node["starts_after"].value())
    return Asked(
        identity=identity(node),
        name=node.fullName(),
        dialogue=dialogue,
        cue_sheet=cue_sheet,
        text=str(node["text"].value()).strip(),
        language=language or UNKNOWN,
        starts_after=starts_after,
        speaker=str(node["speaker"].value()).strip(),
        face=int(node["face"].value()),
        cast=_path(node, "cast"),
        engine=str(node["engine"].value()),
        weights=weights,
        not_for_sale=bool(node["not_for_sale"].value()),
        first=first,
        last=last,
        rate=rate,
        mouth=_mouth(node, first, last, rate, starts_after),
        folder=results_folder(node),
        colour_space=str(node["colour_space"].value()).strip(),
    )


def is_lip_sync(node: Any) -> bool:
    """Whether a node is a LipSync node, whatever it is called."""
    return node.Class() == "Group" and node.knob(IDENTITY) is not None


def identity(node: Any) -> str:
    """What tells a node from others, and holds when it is renamed or its script saved anew."""
    known = str(node[IDENTITY].value())
    if not known:
        known = uuid.uuid4().hex[:12]
        _set(node, IDENTITY, known)
    return known


def created(node: Any) -> None:
    """Give a node that was made, pasted or loaded an identity of its own."""
    known = str(node[IDENTITY].value())
    if not known or len(_named(known)) > 1:
        _set(node, IDENTITY, uuid.uuid4().hex[:12])


def node_by_identity(known: str) -> Any:
    """The node of this script with this identity; None where there is none."""
    found = _named(known)
    return found[0] if found else None


def results_folder(node: Any) -> Path:
    """Where a node's plates and results lie. Raises Refused where it cannot be told."""
    folder = _path(node, "results")
    if not folder:
        try:
            script = nuke.scriptName()
        except RuntimeError:
            raise Refused(
                "Save the script first, or choose an output folder: results are kept beside it."
            ) from None
        folder = str(Path(_absolute(script)).parent / "dubwright")
    known = identity(node)
    # One that was made under an earlier name of the node or of its script.
    there = sorted(Path(folder).glob("*." + known))
    return there[0] if there else Path(folder) / "{}.{}".format(UNSAFE.sub("_", node.name()), known)


def offer_engines(node: Any, names: List[str]) -> None:
    """Let a node choose among these engines; the one that is chosen stays, if it is there."""
    knob = node["engine"]
    chosen, offered = str(knob.value()), [AUTOMATIC, *names]
    if knob.values() == offered:
        return
    nuke.Undo.disable()
    try:
        knob.setValues(offered)
        knob.setValue(chosen if chosen in offered else AUTOMATIC)
    finally:
        nuke.Undo.enable()


def say_state(node: Any, state: str) -> None:
    """Say in the node how far it is."""
    _set(node, "state", state)


def shot_of(folder: Path) -> Optional[DubbedShot]:
    """The shot of a version of a node's; None where no mouth was redrawn. Touches files alone."""
    for language in read_version(folder):
        for shot in language.shots:
            return shot
    return None


def show_result(node: Any, version: str, shot: Optional[DubbedShot], sent: Optional[str]) -> None:
    """Lay a version's mouth over the plate in a node; one step to undo.

    Args:
        node: the node.
        version: its name.
        shot: of shot_of.
        sent: the files of the plate that it was made of, as Nuke names them, if they are known.
    """
    if shot is None:
        stays = "; the one before is shown" if node["has_result"].value() else ""
        say_state(node, "{}: no mouth was redrawn, see its report{}".format(version, stays))
        return
    last = shot.first + shot.frames - 1
    with nuke.Undo():
        _read_from(node.node("result"), shot.patches, shot.first, last)
        if sent:
            _read_from(node.node("sent"), sent, shot.first, last)
        node["has_sent_plate"].setValue(bool(sent))
        node["has_result"].setValue(True)
    say_state(node, "{}, {} of {} frames".format(version, shot.drawn, shot.frames))


def _set(node: Any, knob: str, value: str) -> None:
    """Note something that is no step of the artist's to undo."""
    nuke.Undo.disable()
    try:
        node[knob].setValue(value)
    finally:
        nuke.Undo.enable()


def _read_from(read: Any, pattern: str, first: int, last: int) -> None:
    read["file"].setValue(pattern.replace("\\", "/"))
    for knob, frame in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
        read[knob].setValue(frame)
    read["reload"].execute()


def _named(known: str) -> List[Any]:
    nodes = nuke.allNodes("Group", nuke.root(), True)
    return [n for n in nodes if is_lip_sync(n) and str(n[IDENTITY].value()) == known]


def _path(node: Any, knob: str) -> str:
    named = str(node[knob].getEvaluatedValue() or "").strip()
    return _absolute(named) if named else ""


def _absolute(path: str) -> str:
    """A path from the script's folder on, if it is none from the top."""
    if Path(path).is_absolute():
        return path
    try:
        return str(Path(nuke.scriptName()).absolute().parent / path)
    except RuntimeError:
        return str(Path(path).absolute())


def _range(node: Any) -> "tuple[int, int]":
    if node["frame_range"].value() == "custom":
        first, last = int(node["first"].value()), int(node["last"].value())
    else:
        source = node.input(0)
        first, last = int(source.firstFrame()), int(source.lastFrame())
    if last < first:
        raise Refused("The range of {} ends before it begins.".format(node.name()))
    return first, last


def _rate(named: float) -> Fraction:
    """Frames a second, exactly: Nuke names 24000/1001 as 23.976."""
    for exact in (Fraction(round(named)), Fraction(round(named)) * SLOWED):
        if abs(named - exact) < 0.005:
            return exact
    return Fraction(named).limit_denominator(1001)


def _mouth(node: Any, first: int, last: int, rate: Fraction, starts_after: int) -> Dict[str, Any]:
    """The controls; those that are animated or driven, with a key for every frame."""
    mouth: Dict[str, Any] = {}
    moving = []
    for name in MOUTH:
        knob = node[name]
        if knob.isAnimated() or knob.hasExpression():
            moving.append(name)
        else:
            value = float(knob.value())
            mouth[NAMED.get(name, name)] = round(value) if name == "offset" else value
    if moving:
        mouth["keys"] = [
            {
                "at_ms": int((frame - first - starts_after) * 1000 / rate),
                **{NAMED.get(name, name): float(node[name].valueAt(frame)) for name in moving},
            }
            for frame in range(first, last + 1)
        ]
    return mouth
