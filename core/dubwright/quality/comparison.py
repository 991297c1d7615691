"""What engines that redraw mouths made of the same seconds: a document, and a page for people."""

from __future__ import annotations

from importlib.resources import files

import jinja2
from pydantic import BaseModel, ConfigDict

__all__ = ["Compared", "Comparison", "comparison_page"]


class Compared(BaseModel):
    """What an engine made of the seconds; figures are None where they are not known.

    Attributes:
        name: of the engine.
        why_not: why it did not draw; "" where it did.
        seconds_per_frame: to draw one, once what it needs is loaded.
        learning_seconds: what it took to learn the actor, where it learns.
        learned: what came of that, and whether it is used.
        drawn: frames.
        said_r: correlation of the aperture with what is said.
        followed_r: with what the engine itself asked for.
        lag_ms: how far it comes after that.
        sharpness: of the mouth, over the plate's.
        seam: gradient that is added around it, over the plate's own.
        flicker: of the skin around the lips, over the plate's.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    licence: str
    commercial_use: bool
    why_not: str = ""
    seconds_per_frame: float | None = None
    learning_seconds: float | None = None
    learned: str = ""
    drawn: int = 0
    said_r: float | None = None
    followed_r: float | None = None
    lag_ms: float | None = None
    sharpness: float | None = None
    seam: float | None = None
    flicker: float | None = None


class Comparison(BaseModel):
    """Every engine's, in the order in which the movie shows them from left to right."""

    model_config = ConfigDict(frozen=True)

    plate: str
    language: str
    frames: int
    rate: str
    engines: tuple[Compared, ...]


def comparison_page(comparison: Comparison) -> str:
    """The page that shows compare.mp4, which lies beside it, and the figures."""
    template = files("dubwright.quality").joinpath("comparison.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(comparison=comparison)
