"""Engines are found by entry points in the group `dubwright.engines`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final

from dubwright.engines.card import EngineCard, EngineKind
from dubwright.errors import DubwrightError

__all__ = ["engine", "engine_card", "engines"]

GROUP: Final = "dubwright.engines"


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def engines(kind: EngineKind | None = None) -> list[EngineCard]:
    """The cards of the installed engines, all or of one kind, by name."""
    cards = (entry.load().card for _, entry in sorted(_installed().items()))
    return [card for card in cards if kind is None or card.kind == kind]


def engine_card(name: str, kind: EngineKind) -> EngineCard:
    """The card of the engine of this name. See engine for what it raises."""
    return _found(name, kind).card


def engine(name: str, kind: EngineKind, weights: Path | None = None) -> Any:
    """A new engine of this name.

    Args:
        name: of the engine.
        kind: what it is to do.
        weights: the folder or the file that it loads, where its card says that it needs weights.

    Raises:
        DubwrightError: no such engine is installed.
    """
    made = _found(name, kind)
    return made(weights) if made.card.needs_weights else made()


def _found(name: str, kind: EngineKind) -> Any:
    entry = _installed().get(name)
    if entry is None or (made := entry.load()).card.kind != kind:
        known = ", ".join(card.name for card in engines(kind)) or "none"
        raise DubwrightError(
            f"There is no {kind} named {name}",
            where="the engines of this installation",
            why=f"installed: {known}",
            repair="choose one of these, or install the package that provides it",
        )
    return made
