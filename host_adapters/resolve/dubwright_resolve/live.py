"""Calls into Resolve. It answers a failed call with None, False or nothing, and never says why.

Every name is an attribute of every object there, so that only a call which answers is known to
exist; what changes a project is therefore read back, and what failed says which call it was.
"""

import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

__all__ = [
    "COUNTED",
    "Refused",
    "Undo",
    "Version",
    "ask",
    "change",
    "constant",
    "find_resolve",
    "version_of",
]


# How Resolve names a sequence of files: x.[0001-0100].exr.
COUNTED = re.compile(r"\[(\d+)-(\d+)\]")


class Refused(Exception):  # noqa: N818 - Resolve refused; nobody erred
    """Resolve did not do what was asked. The message says which call, on what, and what to do."""


class Version(NamedTuple):
    """Of the running Resolve."""

    major: int
    minor: int
    patch: int
    is_studio: bool

    @property
    def number(self) -> Tuple[int, int, int]:
        return (self.major, self.minor, self.patch)

    def __str__(self) -> str:
        edition = "Studio" if self.is_studio else "free"
        return "{}.{}.{} {}".format(self.major, self.minor, self.patch, edition)


def find_resolve(given: Dict[str, Any]) -> Any:
    """The running Resolve; None where it cannot be reached.

    given: the globals of a menu script, which hold it under one name or another.
    """
    resolve = given.get("resolve")
    if resolve is None and given.get("bmd") is not None:
        resolve = given["bmd"].scriptapp("Resolve")
    if resolve is None and given.get("app") is not None:
        resolve = given["app"].GetResolve()
    if resolve is None:
        try:
            import DaVinciResolveScript
        except ImportError:
            return None
        resolve = DaVinciResolveScript.scriptapp("Resolve")
    return resolve


def version_of(resolve: Any) -> Version:
    """Its version and edition."""
    numbers = [int(number) for number in (ask(resolve, "GetVersion") or [0, 0, 0])[:3]]
    name = ask(resolve, "GetProductName") or ""
    return Version(numbers[0], numbers[1], numbers[2], "Studio" in name)


def ask(thing: Any, call: str, *arguments: Any) -> Any:
    """What a call that changes nothing answers; None where this Resolve does not know it."""
    known = getattr(thing, call, None)
    return known(*arguments) if callable(known) else None


def change(thing: Any, call: str, *arguments: Any, to: str, remedy: str) -> Any:
    """Make a call that changes the project; its answer.

    to: what it is for, after "Resolve could not". remedy: what a person may do about it.
    Raises Refused where Resolve does not know the call, or answers with nothing.
    """
    known = getattr(thing, call, None)
    answer = known(*arguments) if callable(known) else None
    if not answer:
        why = "gave nothing back" if callable(known) else "is not known to this version"
        raise Refused("Resolve could not {}: {} {}. {}".format(to, call, why, remedy))
    return answer


def constant(resolve: Any, name: str) -> Optional[float]:
    """A constant of the live object; None where this Resolve has none. A string in its place is
    refused without a word, so none is ever made up."""
    value = getattr(resolve, name, None)
    return None if value is None or callable(value) else value


class Undo:
    """What was added to a project, to be taken away again if the whole cannot be finished."""

    def __init__(self) -> None:
        self._steps: List[Tuple[str, Callable[[], Any]]] = []

    def add(self, what: str, step: Callable[[], Any]) -> None:
        """Remember how to take away what was just added."""
        self._steps.append((what, step))

    def undo(self) -> List[str]:
        """Take everything away, the last first; what would not go is named."""
        left = []
        while self._steps:
            what, step = self._steps.pop()
            if not step():
                left.append(what)
        return left
