"""A Nuke that knows what docs/hosts/nuke_calls.csv and nuke_knobs.csv list, and refuses the rest.

It keeps Nuke's rule of threads (nodes and knobs belong to the main one; who waits for the main
thread from the main thread hangs), its types of knobs and its script grammar, and it computes
pictures of the few nodes below well enough to be held against files: what a Write writes is EXR.
"""

from __future__ import annotations

import csv
import operator
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import cv2
import numpy as np
import OpenEXR
from nk_script import NodeText, UserKnob, quoted, read_script

HOSTS: Final = Path(__file__).parents[1] / "docs" / "hosts"
EXPRESSIONS, HIDDEN_INPUTS = 1, 4
USER_KNOBS: Final = {
    1: "String_Knob", 2: "File_Knob", 3: "Int_Knob", 4: "Enumeration_Knob", 6: "Boolean_Knob",
    7: "Double_Knob", 20: "Tab_Knob", 22: "PyScript_Knob", 26: "Text_Knob",
}  # fmt: skip
NUMBERS: Final = ("Array_Knob", "Int_Knob", "Double_Knob", "Boolean_Knob", "Disable_Knob",
                  "AColor_Knob")  # fmt: skip
INPUTS: Final = {"Merge2": 3, "Copy": 3, "Switch": 2, "Expression": 2, "Grade": 2, "Read": 0,
                 "Input": 0, "Root": 0}  # fmt: skip
CHANNEL: Final = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
Picture = dict[str, np.ndarray]


@cache
def calls() -> dict[str, set[str]]:
    """The calls that are listed, by object."""
    listed: dict[str, set[str]] = {}
    with (HOSTS / "nuke_calls.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            names = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"\([^)]*\)", "", row["method"])))
            for kind in row["object"].split("/"):
                listed.setdefault(kind.strip(), set()).update(names)
    return listed


@cache
def knobs_of(kind: str) -> dict[str, tuple[str, str, str]]:
    """Type, default and values of the knobs of a class."""
    found = {}
    with (HOSTS / "nuke_knobs.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["node"] in ("*", kind) and not row["knob"].startswith("("):
                found[row["knob"]] = (row["type"], row["default"], row["values"])
    return found


@cache
def classes() -> set[str]:
    with (HOSTS / "nuke_knobs.csv").open(encoding="utf-8", newline="") as file:
        return {row["node"] for row in csv.DictReader(file)} - {"*"}


class Strict:
    """An object of Nuke's: calls that the table does not list are not there, and those that it
    lists are made in the main thread."""

    listed: tuple[str, ...] = ()

    def __init__(self, app: FakeNuke) -> None:
        self._app = app

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        kinds = object.__getattribute__(self, "listed")
        if not any(name in calls().get(kind, ()) for kind in kinds):
            raise AttributeError(f"{type(self).__name__} has no {name} in docs/hosts")
        value = object.__getattribute__(self, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self._app._check_thread(name)
            return value(*arguments, **named)

        return call


class Knob(Strict):
    def __init__(self, app: FakeNuke, node: Node, name: str, kind: str, values: list[str]) -> None:
        super().__init__(app)
        self._node, self._name, self._kind, self._values = node, name, kind, values
        self._value: Any = ""
        self._keys: dict[float, float] = {}
        self._expression = ""
        self._default = ""
        self._pressed = 0
        self._user: UserKnob | None = None
        # What holds numbers is an Array_Knob (the stubs' class hierarchy).
        self.listed = ("Knob", kind, *(("Array_Knob",) if kind in NUMBERS else ()))

    def _is_number(self) -> bool:
        return self._kind in NUMBERS

    def _read(self, text: str) -> None:
        """Take a value as a script has it."""
        driven = re.fullmatch(r'\{\{"?(.*?)"?\}\}', text, re.DOTALL)
        curve = re.fullmatch(r"\{\{?curve ([^}]*)\}?\}", text)
        if curve:
            words = curve.group(1).split()
            self._keys = {
                float(at[1:]): float(to) for at, to in zip(words[::2], words[1::2], strict=True)
            }
        elif driven:
            self._expression = driven.group(1).replace("\\", "")
        elif self._kind in ("Boolean_Knob", "Disable_Knob"):
            assert text in ("true", "false", "0", "1", ""), f"{self._name} is {text!r}"
            self._value = text in ("true", "1")
        elif self._kind == "Int_Knob":
            self._value = int(text or 0)
        elif self._is_number():
            self._value = float(text) if text not in ("", "-") else 0.0
        elif self._kind == "Enumeration_Knob":
            self._choose(text)
        else:
            self._value = text

    def _choose(self, text: str) -> None:
        known = [value.split("\t")[0].strip() for value in self._values]
        open_ended = "" in known or any("config" in value for value in known)
        assert open_ended or text in known, f"{self._name} has no {text!r} among {known}"
        self._value = text

    def Class(self) -> str:
        return self._kind

    def name(self) -> str:
        return self._name

    def value(self) -> Any:
        return self._at(self._app._frame) if self._is_number() else self._value

    def getEvaluatedValue(self) -> str:
        assert self._kind == "File_Knob"
        text = str(self._value)
        assert "[" not in text, "TCL in paths is not evaluated here"
        return re.sub(r"%0(\d+)d", lambda m: f"{self._app._frame:0{m[1]}d}", text)

    def valueAt(self, frame: float) -> float:
        if not self._is_number():
            raise AttributeError("valueAt")
        return self._at(frame)

    def _at(self, frame: float) -> Any:
        if self._expression:
            return self._node._computed(self._expression, {}, frame)
        if self._keys:
            at = sorted(self._keys)
            return float(np.interp(frame, at, [self._keys[key] for key in at]))
        return self._value

    def setValue(self, value: Any) -> bool:
        wanted: dict[str, Any] = {
            "Boolean_Knob": bool, "Disable_Knob": bool, "Int_Knob": int,
            "Array_Knob": (int, float), "Double_Knob": (int, float), "AColor_Knob": (int, float),
        }  # fmt: skip
        if not isinstance(value, wanted.get(self._kind, str)):
            raise TypeError(f"{self._name} ({self._kind}) does not take {value!r}")
        self._app.Undo._record()
        if self._kind == "Enumeration_Knob":
            self._choose(value)
        else:
            self._value = value
        if self._kind == "File_Knob":
            assert "\\" not in value, "Nuke wants forward slashes"
        return True

    def setAnimated(self) -> bool:
        assert self._is_number()
        return True

    def setValueAt(self, value: float, frame: float) -> bool:
        self._keys[frame] = value
        return True

    def setExpression(self, text: str) -> bool:
        self._expression = text
        return True

    def isAnimated(self) -> bool:
        return bool(self._keys)

    def hasExpression(self) -> bool:
        return bool(self._expression)

    def toScript(self) -> str:
        if self._keys:
            keys = " ".join(f"x{at:g} {to:g}" for at, to in sorted(self._keys.items()))
            return "{{curve " + keys + "}}"
        if self._expression:
            return '{{"' + self._expression.replace("[", "\\[") + '"}}'
        if isinstance(self._value, bool):
            return "true" if self._value else "false"
        return f"{self._value:g}" if isinstance(self._value, float) else str(self._value)

    def values(self) -> list[str]:
        return list(self._values)

    def setValues(self, values: list[str]) -> None:
        assert self._kind == "Enumeration_Knob" and values
        self._values = list(values)
        if self._value not in values:
            self._value = values[0]

    def execute(self) -> None:
        self._pressed += 1
        if self._kind == "PyScript_Knob":
            self._app._this = self._node
            exec(compile(str(self._value), self._name, "exec"), {"nuke": self._app._module})


class Node(Strict):
    def __init__(self, app: FakeNuke, kind: str, parent: Node | None) -> None:
        if kind not in classes():
            raise RuntimeError(f"{kind}: Unknown command")
        super().__init__(app)
        self._kind, self._parent = kind, parent
        self._inputs: list[Node | None] = [None] * INPUTS.get(kind, 1)
        self._children: list[Node] = []
        self._knobs: dict[str, Knob] = {}
        for name, (type_, default, values) in knobs_of(kind).items():
            if "," in name or type_ in ("misc", "internal") or type_.startswith("internal"):
                continue
            known = type_ if type_ != "file-type knob" else "Enumeration_Knob"
            knob = Knob(app, self, name, known, values.strip('"').split("|"))
            knob._values += ["config"] if type_ == "file-type knob" else []
            knob._read(_default(knob, default))
            knob._default = knob._value
            self._knobs[name] = knob
        self.listed = ("Node", "Group") if kind == "Group" else ("Node",)

    def __getitem__(self, name: str) -> Knob:
        self._app._check_thread(name)
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def Class(self) -> str:
        return self._kind

    def name(self) -> str:
        return str(self._knobs["name"]._value)

    def fullName(self) -> str:
        above = self._parent
        inside = above is not None and above._kind != "Root"
        return f"{above.fullName()}.{self.name()}" if inside and above else self.name()

    def setName(self, name: str) -> None:
        self._knobs["name"]._value = name

    def knob(self, name: str) -> Knob | None:
        return self._knobs.get(name)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs)

    def inputs(self) -> int:
        return max((i + 1 for i, above in enumerate(self._inputs) if above is not None), default=0)

    def input(self, number: int) -> Node | None:
        return self._inputs[number] if number < len(self._inputs) else None

    def setInput(self, number: int, node: Node | None) -> bool:
        self._inputs += [None] * (number + 1 - len(self._inputs))
        self._inputs[number] = node
        return True

    def firstFrame(self) -> int:
        return self._range()[0]

    def lastFrame(self) -> int:
        return self._range()[1]

    def _range(self) -> tuple[int, int]:
        if self._kind == "Read":
            return int(self._knobs["first"]._value), int(self._knobs["last"]._value)
        above = next((node for node in self._inputs if node is not None), None)
        root = self._app._root._knobs
        return above._range() if above else (int(root["first_frame"]._value),
                                             int(root["last_frame"]._value))  # fmt: skip

    def setSelected(self, selected: bool) -> None:
        self._knobs["selected"]._value = selected

    def nodes(self) -> list[Node]:
        assert self._kind == "Group"
        return list(self._children)

    def node(self, name: str) -> Node | None:
        return next((child for child in self._children if child.name() == name), None)

    def dependencies(self, what: int) -> list[Node]:
        """Nodes that expressions of knobs name; `what` is a sum of nuke's constants."""
        assert what == EXPRESSIONS | HIDDEN_INPUTS, "other sums are not computed here"
        texts = [knob._expression for knob in self._knobs.values() if knob._expression]
        names = {name for text in texts for name in re.findall(r"([A-Za-z_]\w*)[.]", text)}
        around = self._parent._children if self._parent else []
        return [node for node in around if node.name() in names]

    def showControlPanel(self) -> None:
        self._app._check_windows("showControlPanel")
        self._app._panels.append(self.name())

    # --- Pictures -------------------------------------------------------------------------------

    def _picture(self, frame: int, into: int = 0) -> Picture | None:
        """All channels, float32 [height, width]; `into` says which input leads here."""
        if self._is_on("disable", frame):
            return self._fed(0, frame)
        do: Callable[[int], Picture | None] = getattr(self, "_do_" + self._kind.lower())
        return do(frame)

    def _is_on(self, name: str, frame: int) -> bool:
        return name in self._knobs and bool(self._knobs[name]._at(frame))

    def _fed(self, number: int, frame: int) -> Picture | None:
        above = self._inputs[number] if number < len(self._inputs) else None
        return above._picture(frame) if above is not None else None

    def _do_dot(self, frame: int) -> Picture | None:
        return self._fed(0, frame)

    _do_noop = _do_output = _do_write = _do_oneview = _do_dot

    def _do_timeoffset(self, frame: int) -> Picture | None:
        return self._fed(0, frame - round(float(self._knobs["time_offset"]._value)))

    def _do_input(self, frame: int) -> Picture | None:
        assert self._parent is not None
        return self._parent._fed(int(self._knobs["number"]._value), frame)

    def _do_group(self, frame: int) -> Picture | None:
        (output,) = [child for child in self._children if child._kind == "Output"]
        return output._picture(frame)

    def _do_switch(self, frame: int) -> Picture | None:
        return self._fed(int(self._knobs["which"]._at(frame)), frame)

    def _do_read(self, frame: int) -> Picture | None:
        first, last = self._range()
        beyond = self._knobs["before" if frame < first else "after"]._value
        if not first <= frame <= last:
            if beyond == "black":
                return self._black()
            frame = min(max(frame, first), last)
        named = str(self._knobs["file"]._value)
        path = Path(named % frame if "%" in named else named)
        if not path.is_file():
            if self._knobs["on_error"]._value != "black":
                raise RuntimeError(f"{self.name()}: {path}: Missing file")
            return self._black()
        picture = read_exr(path) if path.suffix == ".exr" else read_still(path)
        space = str(self._knobs["colorspace"]._value)
        if not self._knobs["raw"]._value and space == "sRGB":
            picture = {name: np.maximum(p, 0) ** 2.2 for name, p in picture.items()}
        return picture

    def _black(self) -> Picture:
        pattern = re.sub(r"%0\d+d", "*", Path(str(self._knobs["file"]._value)).name)
        some = next(Path(str(self._knobs["file"]._value)).parent.glob(pattern))
        return {name: np.zeros_like(plane) for name, plane in read_exr(some).items()}

    def _do_grade(self, frame: int) -> Picture | None:
        fed = dict(self._fed(0, frame) or {})
        knobs = {name: float(knob._at(frame)) for name, knob in self._knobs.items()
                 if knob._kind == "AColor_Knob"}  # fmt: skip
        slope = knobs["multiply"] * (knobs["white"] - knobs["black"])
        slope /= knobs["whitepoint"] - knobs["blackpoint"]
        shift = knobs["add"] + knobs["black"] - slope * knobs["blackpoint"]
        for name in ("rgba.red", "rgba.green", "rgba.blue"):
            fed[name] = np.maximum(slope * fed[name] + shift, 0) ** (1 / knobs["gamma"])
        return fed

    def _do_copy(self, frame: int) -> Picture | None:
        below, above = dict(self._fed(0, frame) or {}), self._fed(1, frame) or {}
        for number in range(4):
            source, target = (str(self._knobs[f"{k}{number}"]._value) for k in ("from", "to"))
            if "none" not in (source, target) and below:
                shape = next(iter(below.values())).shape
                below[target] = above.get(source, np.zeros(shape, np.float32))
        return below

    def _do_merge2(self, frame: int) -> Picture | None:
        below, above = dict(self._fed(0, frame) or {}), self._fed(1, frame) or {}
        operation = self._knobs["operation"]._value
        some = next(iter(above.values()))
        alpha = above.get("rgba.alpha", np.zeros_like(some))
        outputs = {"rgb": ("red", "green", "blue"), "rgba": ("red", "green", "blue", "alpha")}
        for name in outputs[str(self._knobs["output"]._value)]:
            a, b = above["rgba." + name], below.get("rgba." + name, np.zeros_like(alpha))
            below["rgba." + name] = a + b * (1 - alpha) if operation == "over" else a * b
        return below

    def _do_expression(self, frame: int) -> Picture | None:
        fed = dict(self._fed(0, frame) or {})
        names: dict[str, Any] = {
            channel[0]: fed.get("rgba." + channel, np.float32(0)) for channel in CHANNEL.values()
        }
        names |= fed
        for number in range(4):
            name = str(self._knobs[f"temp_name{number}"]._value)
            if name:
                names[name] = self._computed(self._knobs[f"temp_expr{number}"]._value, names, frame)
        for number, channel in enumerate(("red", "green", "blue", "alpha")):
            text = str(self._knobs[f"expr{number}"]._value)
            if text:
                shape = next(iter(fed.values())).shape
                fed["rgba." + channel] = np.broadcast_to(
                    self._computed(text, names, frame), shape
                ).astype(np.float32)
        return fed

    def _computed(self, text: str, names: dict[str, Any], frame: float) -> Any:
        """Nuke's expressions, as far as they are used: channels, knobs of the parent, C's signs."""

        def exists(found: re.Match[str]) -> str:
            assert self._parent is not None
            number = int(found.group(1))
            inputs = self._parent._inputs
            return str(int(number < len(inputs) and inputs[number] is not None))

        text = re.sub(r"\[exists parent\.input(\d)\]", exists, text)
        assert "[" not in text, f"{text} is not computed here"
        return Expression(text, lambda name: self._named(name, names, frame)).value()

    def _named(self, name: str, names: dict[str, Any], frame: float) -> Any:
        if name in names:
            return names[name]
        if name == "frame":
            return frame
        layer = name.partition(".")[0]
        if name in self._app._layers.get(layer, ()):
            return np.float32(0)  # a channel that this picture does not have
        around = self._parent._children if self._parent is not None else []
        for node in around:
            if name.startswith(node.name() + "."):
                return node._knobs[name.partition(".")[2]]._at(frame)
        assert name.startswith("parent."), f"nothing is called {name} in {self.name()}"
        assert self._parent is not None
        return self._parent._knobs[name[len("parent.") :]]._at(frame)


def _divided(a: Any, b: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.true_divide(a, b)


class Expression:
    """One of Nuke's expressions, computed over arrays."""

    SIGNS: Final = (
        {"||": np.logical_or}, {"&&": np.logical_and},
        {">": operator.gt, "<": operator.lt, "==": operator.eq},
        {"+": operator.add, "-": operator.sub}, {"*": operator.mul, "/": _divided},
    )  # fmt: skip
    FUNCTIONS: Final = {"pow": np.power, "clamp": np.clip}

    def __init__(self, text: str, named: Callable[[str], Any]) -> None:
        self._tokens = re.findall(r"[A-Za-z_][\w.]*|\d+\.?\d*|\|\||&&|==|[-+*/()<>?:,!]", text)
        assert "".join(self._tokens) == re.sub(r"\s", "", text), f"{text} has unknown signs"
        self._named = named

    def value(self) -> Any:
        value = self._choice()
        assert not self._tokens, f"{self._tokens} is left over"
        return value

    def _choice(self) -> Any:
        which = self._level(0)
        if not self._tokens or self._tokens[0] != "?":
            return which
        self._take("?")
        yes = self._choice()
        self._take(":")
        return np.where(which, yes, self._choice())[()]

    def _level(self, level: int) -> Any:
        if level == len(self.SIGNS):
            return self._one()
        value = self._level(level + 1)
        while self._tokens and self._tokens[0] in self.SIGNS[level]:
            sign = self.SIGNS[level][self._tokens.pop(0)]
            value = sign(value, self._level(level + 1))
        return value

    def _one(self) -> Any:
        token = self._tokens.pop(0)
        if token == "!":
            return np.logical_not(self._one())
        if token == "(":
            value = self._choice()
            self._take(")")
            return value
        if token[0].isdigit():
            return float(token)
        if self._tokens and self._tokens[0] == "(":
            self._take("(")
            arguments = [self._choice()]
            while self._tokens[0] == ",":
                self._take(",")
                arguments.append(self._choice())
            self._take(")")
            return self.FUNCTIONS[token](*arguments)
        return self._named(token)

    def _take(self, sign: str) -> None:
        found = self._tokens.pop(0)
        assert found == sign, f"{found} stands where {sign} should"


class ProgressTask(Strict):
    listed = ("ProgressTask",)

    def __init__(self, app: FakeNuke, title: str) -> None:
        super().__init__(app)
        app._check_windows("ProgressTask")
        self._title = title
        app._shown.append(title)

    def setProgress(self, percent: int) -> None:
        assert type(percent) is int and 0 <= percent <= 100
        self._app._shown.append(percent)

    def setMessage(self, text: str) -> None:
        assert isinstance(text, str)
        self._app._shown.append(text)

    def isCancelled(self) -> bool:
        return self._app._cancel_pressed()


class Menu(Strict):
    listed = ("Menu",)

    def __init__(self, app: FakeNuke) -> None:
        super().__init__(app)
        self._menus: dict[str, Menu] = {}
        self._commands: dict[str, Callable[[], Any]] = {}

    def addMenu(self, name: str) -> Menu:
        return self._menus.setdefault(name, Menu(self._app))

    def addCommand(self, name: str, command: Callable[[], Any]) -> None:
        self._commands[name] = command


class Undo:
    """What is recorded for undoing is counted: one for a block, none while it is switched off."""

    def __init__(self, app: FakeNuke) -> None:
        self._app = app
        self._off = 0
        self._steps = 0
        self._inside = 0

    def __call__(self) -> Undo:
        return self

    def __enter__(self) -> None:
        self._inside += 1
        self._steps += not self._off

    def __exit__(self, *_: object) -> None:
        self._inside -= 1

    def _record(self) -> None:
        self._steps += not self._off and not self._inside

    def disable(self) -> None:
        self._off += 1

    def enable(self) -> None:
        assert self._off > 0
        self._off -= 1


class FakeNuke:
    """The module. Give it to what imports nuke by install()."""

    def __init__(self, gui: bool = True, views: Iterable[str] = ("main",)) -> None:
        self.GUI = gui
        self.env = {"gui": gui, "studio": False, "hiero": False, "ExecutablePath": "/nuke/Nuke15"}
        self._answer = True
        self.EXPRESSIONS, self.HIDDEN_INPUTS = EXPRESSIONS, HIDDEN_INPUTS
        self._panels: list[str] = []
        self._busy = 0
        self._views = list(views)
        self._main = threading.get_ident()
        self._asked: queue.Queue[tuple[Callable[..., Any], tuple[Any, ...], Any]] = queue.Queue()
        self._frame = 1
        self._said: list[str] = []
        self._shown: list[Any] = []
        self._layers: dict[str, list[str]] = {}
        self._cancelled = False
        self._executing = False
        self._rendered: list[int] = []
        self._this: Node | None = None
        self._menus: dict[str, Menu] = {}
        self._module = ModuleType("nuke")
        self._root = Node(self, "Root", None)
        self.Undo = Undo(self)
        self._before_frame: Callable[[int], None] = lambda frame: None
        for name in dir(self):
            if not name.startswith("_") and name not in ("install", "run_until"):
                known = name in calls()["nuke"] or "nuke." + name in calls()
                # Constants stand among the arguments of the calls that take them.
                assert known or name.isupper(), name

    def install(self, monkeypatch: Any) -> None:
        """Be what `import nuke` finds."""
        for name in dir(self):
            if not name.startswith("_"):
                setattr(self._module, name, getattr(self, name))
        monkeypatch.setitem(__import__("sys").modules, "nuke", self._module)

    def run_until(self, done: Callable[[], bool], seconds: float = 120) -> None:
        """Nuke's own loop: does what other threads ask of the main one."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"not done in {seconds} s: {self._said}"
            try:
                call, arguments, event = self._asked.get(timeout=0.02)
            except queue.Empty:
                continue
            try:
                event.result = call(*arguments)
            except Exception as error:  # noqa: BLE001 - as Nuke does, which prints it
                self._said.append(f"traceback: {error!r}")
            event.set()

    def _check_thread(self, name: str) -> None:
        free = ("setProgress", "setMessage", "isCancelled")
        assert name in free or threading.get_ident() == self._main, f"{name} off the main thread"

    def _check_windows(self, name: str) -> None:
        if not self.GUI:
            raise RuntimeError(f"{name} needs a window")

    def _cancel_pressed(self) -> bool:
        return self._cancelled

    def ProgressTask(self, title: str) -> ProgressTask:
        return ProgressTask(self, title)

    def executeInMainThreadWithResult(self, call: Callable[..., Any], args: Any = ()) -> Any:
        assert threading.get_ident() != self._main, "Nuke hangs: the main thread waits for itself"
        event: Any = threading.Event()
        event.result = None
        self._asked.put((call, args if isinstance(args, tuple) else (args,), event))
        event.wait()
        return event.result

    def root(self) -> Node:
        self._check_thread("root")
        return self._root

    def views(self) -> list[str]:
        return list(self._views)

    def menu(self, name: str) -> Menu:
        self._check_windows("menu")
        assert name in ("Nuke", "Nodes")
        return self._menus.setdefault(name, Menu(self))

    def message(self, text: str) -> None:
        self._check_thread("message")
        self._check_windows("message")
        self._said.append(text)

    def ask(self, text: str) -> bool:
        self._check_thread("ask")
        self._check_windows("ask")
        self._said.append(text)
        return self._answer

    def tprint(self, text: str) -> None:
        self._said.append(text)

    def thisNode(self) -> Node:
        assert self._this is not None
        return self._this

    def scriptName(self) -> str:
        name = str(self._root._knobs["name"]._value)
        if name == "Root":
            raise RuntimeError("no script name")
        return name

    def allNodes(
        self, kind: str | None = None, group: Node | None = None, recurseGroups: bool = False
    ) -> list[Node]:
        self._check_thread("allNodes")
        found = []
        for node in (group or self._root)._children:
            if kind in (None, node._kind):
                found.append(node)
            if recurseGroups:
                found += self.allNodes(kind, node, True)
        return found

    def createNode(self, kind: str) -> Node:
        self._check_thread("createNode")
        selected = self._selected()
        node = self._added(NodeText(kind, {"name": kind + "1"}), self._root, {})
        if selected is not None and node._inputs:
            node._inputs[0] = selected
        self._select([node])
        return node

    def nodePaste(self, path: str) -> Node:
        self._check_thread("nodePaste")
        text = Path(path).read_text(encoding="utf-8")
        onto = NodeText("NoOp") if self._selected() is not None else None
        known = {id(onto): self._selected()} if onto else {}
        pasted = self._built(text, onto, known)
        self._select(pasted)
        self._made(pasted)
        return pasted[-1]

    def _made(self, nodes: list[Node]) -> None:
        """Run what a node runs when it was made, pasted or loaded."""
        for node in nodes:
            script = str(node._knobs["onCreate"]._value)
            if script:
                self._this = node
                exec(compile(script, "onCreate", "exec"), {"nuke": self._module})

    def scriptSaveAs(self, path: str, overwrite: int = -1) -> None:
        assert overwrite == 1 or not Path(path).exists()
        self._root._knobs["name"]._value = path
        Path(path).write_text(self._text(), encoding="utf-8")

    def scriptOpen(self, path: str) -> None:
        for node in list(self._root._children):
            self._root._children.remove(node)
        self._root._knobs["name"]._value = path
        self._made(self._built(Path(path).read_text(encoding="utf-8"), None, {}))

    def delete(self, node: Node) -> None:
        assert node._parent is not None
        node._parent._children.remove(node)

    def executing(self) -> bool:
        self._check_thread("executing")
        self._busy -= self._busy > 0
        return self._executing or self._busy > 0

    def toNode(self, name: str) -> Node | None:
        self._check_thread("toNode")
        return next((node for node in self._root._children if node.name() == name), None)

    def execute(
        self, node: Node, first: int, last: int, step: int, views: list[str] | None = None
    ) -> None:
        self._check_thread("execute")
        if self._busy:
            raise RuntimeError("I'm already executing something else")
        # All views would be in each file.
        assert views is not None and len(views) == 1 and views[0] in self._views
        assert node._kind == "Write" and not self._executing, "a render inside a render"
        if node._is_on("disable", first):
            raise RuntimeError(f"{node.fullName()} is disabled")
        self._executing = True
        try:
            for frame in range(first, last + 1, step):
                self._before_frame(frame)
                self._write(node, frame)
                self._rendered.append(frame)
        finally:
            self._executing = False

    def _write(self, node: Node, frame: int) -> None:
        knobs = node._knobs
        assert knobs["file_type"]._value == "exr" and knobs["channels"]._value == "rgb"
        path = Path(str(knobs["file"]._value) % frame)
        if not path.parent.is_dir():
            if not knobs["create_directories"]._value:
                raise RuntimeError(f"{path.parent} does not exist")
            path.parent.mkdir(parents=True)
        picture = node._fed(0, frame)
        if picture is None:
            raise RuntimeError(f"{node.fullName()} has no input")
        if self._root._knobs["proxy"]._value:
            picture = {name: plane[::2, ::2] for name, plane in picture.items()}
        names = {"R": "red", "G": "green", "B": "blue"}
        planes = {n: picture["rgba." + c].astype(np.float16) for n, c in names.items()}
        header = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, planes).write(str(path))

    def _selected(self) -> Node | None:
        chosen = [n for n in self._root._children if n._knobs["selected"]._value]
        return chosen[-1] if chosen else None

    def _select(self, nodes: list[Node]) -> None:
        for node in self._root._children:
            node._knobs["selected"]._value = node in nodes

    # --- Scripts --------------------------------------------------------------------------------

    def _built(self, text: str, onto: NodeText | None, known: dict[int, Any]) -> list[Node]:
        script = read_script(text, onto)
        self._layers.update(script.layers)
        return [
            self._added(node, self._root, known) for node in script.nodes if node.kind != "Root"
        ]

    def _added(self, text: NodeText, parent: Node, known: dict[int, Any]) -> Node:
        node = Node(self, text.kind, parent)
        known[id(text)] = node
        for user in text.user_knobs:
            self._add_user_knob(node, user)
        for name, value in text.knobs.items():
            if name not in node._knobs:
                raise RuntimeError(f"{text.kind} has no knob {name}")
            node._knobs[name]._read(value)
        taken = {child.name() for child in parent._children}
        name = node.name()
        for number in range(1, len(taken) + 2):
            if name not in taken:
                break
            name = re.sub(r"\d*$", "", node.name()) + str(number)
        node._knobs["name"]._value = name
        parent._children.append(node)
        for number, above in enumerate(text.inputs):
            node.setInput(number, known[id(above)] if above is not None else None)
        for child in text.children:
            self._added(child, node, known)
        if text.kind == "Group":
            inputs = sum(child._kind == "Input" for child in node._children)
            node._inputs = (node._inputs + [None] * inputs)[: max(inputs, 1)]
        for knob in node._knobs.values():
            self._check_channels(knob)
        return node

    def _check_channels(self, knob: Knob) -> None:
        """A channel that a knob names must be of a layer that the script has."""
        if knob._kind != "Channel_Knob" or "." not in str(knob._value):
            return
        layer = str(knob._value).lstrip("-").split(".")[0]
        assert layer == "rgba" or layer in self._layers, f"no layer {layer} in this script"

    def _add_user_knob(self, node: Node, user: UserKnob) -> None:
        assert user.kind in USER_KNOBS, f"no knob has the number {user.kind}"
        assert user.name not in node._knobs, f"{user.name} is there already"
        values = user.options.get("M", [])
        knob = Knob(self, node, user.name, USER_KNOBS[user.kind], list(values))
        first = values[0] if values else str(user.options.get("T", ""))
        knob._read(first)
        knob._default = knob._value
        knob._user = user
        node._knobs[user.name or f"divider{len(node._knobs)}"] = knob

    def _text(self) -> str:
        """The script as Nuke saves it."""
        lines = ["version 15.1 v2", "Root {", " inputs 0"]
        for name, knob in self._root._knobs.items():
            if knob._value != knob._default:
                lines.append(f" {name} {quoted(knob.toScript())}")
        lines.append("}")
        lines += [f"add_layer {{{n} {' '.join(c)}}}" for n, c in self._layers.items()]
        return "\n".join([*lines, *self._nodes_text(self._root)]) + "\n"

    def _nodes_text(self, group: Node) -> list[str]:
        lines: list[str] = []
        waiting = list(group._children)
        done: set[int] = set()
        while waiting:
            node = next(n for n in waiting if all(
                above is None or id(above) in done for above in n._inputs))  # fmt: skip
            waiting.remove(node)
            done.add(id(node))
            inputs = node._inputs[: node.inputs()]
            for above in reversed(inputs):
                lines.append(f"push $N{id(above):x}" if above is not None else "push 0")
            lines += [f"{node._kind} {{", f" inputs {len(inputs)}"]
            lines += [_user_text(k._user) for k in node._knobs.values() if k._user]
            for name, knob in node._knobs.items():
                moves = knob._keys or knob._expression
                if (knob._value != knob._default or moves) and name != "selected":
                    text = knob.toScript()
                    lines.append(f" {name} {text if moves else quoted(text)}")
            lines.append("}")
            if node._kind == "Group":
                lines += [*self._nodes_text(node), "end_group"]
            lines.append(f"set N{id(node):x} [stack 0]")
        return lines


def _user_text(user: UserKnob) -> str:
    words = [str(user.kind), user.name or '""']
    for option, value in user.options.items():
        if option == "R":
            words += ["R", *value]
        elif option == "M":
            words += ["M", "{" + " ".join(quoted(v) for v in value) + "}"]
        else:
            words += [option, quoted(str(value))]
    return " addUserKnob {" + " ".join([*words, *user.flags]) + "}"


def _default(knob: Knob, text: str) -> str:
    text = text.strip('"')
    if knob._kind == "Enumeration_Knob":
        return text if text in [v.split("\t")[0].strip() for v in knob._values] else knob._values[0]
    if knob._is_number():
        found = re.match(r"-?[\d.]+|true|false", text)
        return found.group() if found else ("false" if "ool" in knob._kind or "Dis" in knob._kind
                                            else "0")  # fmt: skip
    return text


def read_still(path: Path) -> Picture:
    """A picture of eight bits, its codes as they are."""
    codes = cv2.imread(str(path)).astype(np.float32) / 255
    return {f"rgba.{name}": codes[..., 2 - i] for i, name in enumerate(("red", "green", "blue"))}


def read_exr(path: Path) -> Picture:
    """The channels of a file as Nuke names them, over its display window."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header = file.header()
        (x0, y0), (x1, y1) = header["displayWindow"]
        (left, top), _ = header["dataWindow"]
        picture = {}
        for name, channel in file.channels().items():
            plane = np.zeros((y1 - y0 + 1, x1 - x0 + 1), np.float32)
            pixels = channel.pixels
            height, width = pixels.shape
            plane[top - y0 : top - y0 + height, left - x0 : left - x0 + width] = pixels
            layer, _, last = name.rpartition(".")
            picture[f"{layer or ('rgba' if name in CHANNEL else 'other')}."
                    f"{CHANNEL.get(last, last)}"] = plane  # fmt: skip
        return picture
