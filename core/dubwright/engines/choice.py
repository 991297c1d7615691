"""Which weights an engine is to load: those that are named, or those that the user has."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from dubwright.engines.card import EngineCard, SuggestedWeights
from dubwright.engines.warm import warm_models
from dubwright.engines.weights import NAME, WeightsFolder
from dubwright.errors import DubwrightError
from dubwright.store import Access, Fingerprints, content_key

__all__ = ["ChosenWeights", "chosen_weights", "remembered", "require_packages", "weights_files"]

Loaded = TypeVar("Loaded")

WHISPER_CACHE: Final = Path("whisper")
OPENAI_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True, slots=True)
class ChosenWeights:
    """Weights that an engine will load.

    Attributes:
        path: their folder, or their file.
        identity: what they hold, as keys and reports name it.
    """

    path: Path
    identity: str


def chosen_weights(
    card: EngineCard,
    named: str | None,
    fingerprints: Fingerprints,
    access: Access,
    weights: WeightsFolder | None = None,
    language: str = "",
) -> ChosenWeights:
    """The weights for an engine.

    Args:
        card: of the engine.
        named: a name that was accepted or lies in huggingface_hub's cache; a folder; a file; what
            OpenAI's own programs call a model, such as small; or None for the first of those
            that the card suggests and the user has.
        fingerprints: remembers what files hold.
        access: the folders that may be read.
        weights: the user's; the usual place if None.
        language: the tag of what they are for; "" for what is for any.

    Raises:
        DubwrightError: there are none; it says which would do and how to get them. Or what would
            load them is not installed.
    """
    require_packages(card)
    folder = weights or WeightsFolder()
    if named is None:
        accepted = {known.name for known in folder.all()}
        fitting = [s for s in card.suggested if s.language in ("", language.partition("-")[0])]
        named = next((s.name for s in fitting if s.name in accepted), None)
        if named is None:
            raise _offer(card, fitting)
    known = folder.find(named) if NAME.fullmatch(named) else None
    if known is not None:
        return ChosenWeights(known, f"{named}@{known.name}")
    path = Path(named)
    cached = _openai_cache(named)
    if OPENAI_NAME.fullmatch(named) and cached.is_file():
        path = cached
    else:
        access.check(path)
    files = weights_files(path)
    if not files:
        raise _offer(card, card.suggested, named)
    content = content_key([_names(path, files), fingerprints.of_files(files)])
    return ChosenWeights(path.absolute(), f"{path.name}@{content[:16]}")


def require_packages(card: EngineCard) -> None:
    """See that what an engine imports is installed.

    Raises:
        DubwrightError: something is not.
    """
    if card.missing_packages:
        raise DubwrightError(
            f"The {card.kind} {card.name} cannot be used here",
            where="the packages of this environment",
            why=f"not installed: {', '.join(card.missing_packages)}",
            repair="pip install 'dubwright[neural]'; or without it: "
            f"{card.way_around or 'choose another engine'}",
        )


def remembered(load: Callable[[Path], Loaded]) -> Callable[[Path], Loaded]:
    """A function that loads weights, and loads the same ones again only when their files change,
    or there was no room to keep them; see dubwright.engines.warm."""

    def found(weights: Path) -> Loaded:
        stamp = _stamp(weights)
        size = sum(length for _, _, length in stamp)
        return warm_models().get((load, weights), stamp, size, lambda: load(weights))

    return found


def _stamp(weights: Path) -> tuple[tuple[str, int, int], ...]:
    told = [(str(path), path.stat()) for path in weights_files(weights)]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in told)


def weights_files(path: Path) -> list[Path]:
    """A file and what beside it tells of it; or all of a folder with those that its links lead to.

    Beside a file that is what ONNX keeps apart from its network, and documents.
    """
    if path.is_file():
        beside = (
            other
            for other in path.parent.iterdir()
            if other.is_file()
            and other != path
            and (other.name.startswith(path.name) or other.suffix == ".json")
        )
        return [path, *sorted(beside)]
    return sorted(
        Path(folder) / name
        for folder, _, names in os.walk(path, followlinks=True)
        for name in names
    )


def _names(path: Path, files: Sequence[Path]) -> list[str]:
    folder = path.parent if path.is_file() else path
    return [p.relative_to(folder).as_posix() for p in files]


def _openai_cache(name: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / WHISPER_CACHE / f"{name}.pt"


def _offer(
    card: EngineCard, suggested: Sequence[SuggestedWeights], named: str | None = None
) -> DubwrightError:
    listed = "; ".join(f"{s.name}, {s.licence}, about {s.megabytes} MB" for s in suggested)
    repair = f"name a file or a folder: --weights {card.name}=PATH"
    if listed:
        repair = f"dubwright models pull {suggested[0].name} (known to work: {listed})"
    if card.way_around:
        repair += f"; or without weights: {card.way_around}"
    return DubwrightError(
        f"The {card.kind} {card.name} has no weights",
        where=named or "the weights that were accepted on this machine",
        why="there is no such folder or file, and no such name was accepted or cached"
        if named
        else "none that it is known to work with were pulled or imported",
        repair=repair,
    )
