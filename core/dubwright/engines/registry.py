"""Engines are found by entry points, and in what the user of this machine describes.

The group `dubwright.engines` names classes of engines. `dubwright.described_engines` names
functions that give engines by name, made from documents on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, Protocol

from dubwright.engines.card import EngineCard, EngineKind
from dubwright.errors import DubwrightError

__all__ = ["engine", "engine_card", "engines"]

GROUP: Final = "dubwright.engines"
DESCRIBED_GROUP: Final = "dubwright.described_engines"


class Factory(Protocol):
    """Makes an engine whose card is known."""

    @property
    def card(self) -> EngineCard: ...

    def __call__(self, *weights: Path | None) -> Any: ...


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


@cache
def _describers() -> tuple[Callable[[], Mapping[str, Factory]], ...]:
    return tuple(entry.load() for entry in entry_points(group=DESCRIBED_GROUP))


def _described() -> dict[str, Factory]:
    return {name: made for describe in _describers() for name, made in describe().items()}


def engines(kind: EngineKind | None = None) -> list[EngineCard]:
    """The cards of the installed engines, all or of one kind, by name."""
    found = {name: entry.load().card for name, entry in _installed().items()}
    found |= {name: made.card for name, made in _described().items() if name not in found}
    return [card for _, card in sorted(found.items()) if kind is None or card.kind == kind]


def engine_card(name: str, kind: EngineKind) -> EngineCard:
    """The card of the engine of this name. See engine for what it raises."""
    return _found(name, kind).card


def engine(name: str, kind: EngineKind, weights: Path | None = None) -> Any:
    """A new engine of this name.

    Args:
        name: of the engine.
        kind: what it is to do.
        weights: the folder or the file that it loads, where its card says that it needs weights;
            the folder of what it learned, where it learns.

    Raises:
        DubwrightError: no such engine is installed.
    """
    made = _found(name, kind)
    return made(weights) if made.card.needs_weights or made.card.learns else made()


def _found(name: str, kind: EngineKind) -> Factory:
    entry = _installed().get(name)
    made: Factory | None = entry.load() if entry is not None else _described().get(name)
    if made is None or made.card.kind != kind:
        known = ", ".join(card.name for card in engines(kind)) or "none"
        raise DubwrightError(
            f"There is no {kind} named {name}",
            where="the engines of this installation",
            why=f"installed: {known}",
            repair="choose one of these, or install the package that provides it",
        )
    return made
