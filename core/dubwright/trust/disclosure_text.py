"""What a dub tells those who watch it, in the language that it is in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

__all__ = ["Told", "disclosure_text", "told_in"]

TEXTS: Final = "disclosure_texts.json"
OTHERWISE: Final = "en"


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told of a dub.

    Attributes:
        edited: whether mouths were redrawn.
        synthetic: speakers that a synthetic voice speaks for.
        cloned: speakers that a voice like theirs speaks for.
        voiced_by: the actor whose recordings speak for a speaker, by speaker.
        draft: whether a consent is missing.
    """

    edited: bool
    synthetic: tuple[str, ...] = ()
    cloned: tuple[str, ...] = ()
    voiced_by: Mapping[str, str] | None = None
    draft: bool = False


def disclosure_text(told: Told, language: str) -> str:
    """Plain sentences, one a line: in the language, or in English where there are none in it."""
    texts = _texts()[told_in(language)]
    lines = []
    if told.edited:
        lines.append(texts["edited"])
    for part, names in (("synthetic", told.synthetic), ("cloned", told.cloned)):
        if names:
            lines.append(texts[part].format(names=", ".join(names)))
    if not lines:
        lines.append(texts["untouched"])
    credited = [f"{speaker}: {actor}" for speaker, actor in (told.voiced_by or {}).items()]
    if credited:
        lines.append(texts["actors"].format(names="; ".join(credited)))
    if told.draft:
        lines.append(texts["draft"])
    return "\n".join(lines)


def told_in(language: str) -> str:
    """The language that viewers of a dub are told in."""
    plain = language.lower().partition("-")[0]
    return plain if plain in _texts() else OTHERWISE


@cache
def _texts() -> dict[str, dict[str, str]]:
    content = files(__package__).joinpath(TEXTS).read_text(encoding="utf-8")
    texts: dict[str, dict[str, str]] = json.loads(content)
    return texts
