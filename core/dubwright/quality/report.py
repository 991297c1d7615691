"""The report of a dub: a document for machines, and one page for people."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

import jinja2
from pydantic import BaseModel, ConfigDict

__all__ = [
    "CueReport",
    "LanguageReport",
    "PassedThrough",
    "Report",
    "ShotReport",
    "SpanReport",
    "render_html",
]

PLOT_WIDTH: Final = 960
PLOT_HEIGHT: Final = 120


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class CueReport(_Frozen):
    """What became of one cue in one language. `dubbed` is False where `reason` says why.

    `room_ms` is the slot with what silence after it may be borrowed. `content` is a key of what is
    heard and seen of the cue; it is the same in every version that shows the same.
    """

    cue: str
    speaker: str
    text: str
    dubbed: bool
    engine: str = ""
    speed: float | None = None
    verdict: str = ""
    reason: str = ""
    slot_ms: int | None = None
    room_ms: int | None = None
    length_ms: int | None = None
    content: str = ""


class SpanReport(_Frozen):
    """How one span measured.

    Curves are in inter-ocular distances, one value a drawn frame, None where the result's face was
    not found again. `limited` counts the frames that open less than asked, for want of a wider
    mouth in the library. `attention` says what a person should look at.
    """

    cue: str
    shot: str
    first: int
    end: int
    drawn: int
    aperture_r: float | None = None
    jaw_r: float | None = None
    lag_ms: float | None = None
    closures_held: float | None = None
    asked: tuple[float, ...] = ()
    seen: tuple[float | None, ...] = ()
    limited: int = 0
    sheet: str = ""
    attention: tuple[str, ...] = ()


class PassedThrough(_Frozen):
    """Frames `first` up to `end` of a shot that are the plate's own, and why."""

    first: int
    end: int
    reason: str


class ShotReport(_Frozen):
    """Every frame of one shot: drawn, or passed through with a reason.

    Attributes:
        track: its video track, the lowest is 1.
        record_start: its first frame, counted from the timeline's first.
        in_the_way: why its frames cannot stand for its clip in a host, frame for frame; "" if they
            can.
    """

    shot: str
    track: int = 1
    record_start: int = 0
    in_the_way: str = ""
    frames: int
    drawn: int
    in_cues: int
    drawn_in_cues: int
    passed_through: tuple[PassedThrough, ...]
    note: str = ""


class LanguageReport(_Frozen):
    """One language. Loudness is integrated, in LUFS (ITU-R BS.1770-4).

    `missing_consents` says by speaker why what was done is not covered.
    """

    language: str
    disclosure: str
    missing_consents: dict[str, str] = {}
    loudness_lufs: dict[str, float | None]
    effects: str
    cues: tuple[CueReport, ...]
    shots: tuple[ShotReport, ...]
    spans: tuple[SpanReport, ...]


class Report(_Frozen):
    """The whole dub.

    `files` is what its files' names begin with, `frames` how long the timeline is. `articulation`
    says for each speaker how the mouth's movements were found, `faces` which face is theirs in each
    shot, and why.
    """

    document: str = "dubwright.report"
    version: int = 1
    timeline: str
    files: str
    rate: str
    frames: int
    engines: dict[str, str]
    articulation: dict[str, str]
    faces: dict[str, dict[str, str]] = {}
    languages: tuple[LanguageReport, ...]


def render_html(report: Report, folder: Path) -> str:
    """The report as one self-contained page; contact sheets are read from a folder."""
    template = files("dubwright.quality").joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["picture"] = lambda name: _data_url(folder / name)
    environment.filters["points"] = _points
    environment.globals["highest_of"] = _highest
    environment.filters["percent"] = lambda share: f"{100 * share:.0f}%"
    return environment.from_string(template).render(
        report=report, plot_width=PLOT_WIDTH, plot_height=PLOT_HEIGHT
    )


def _data_url(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()


def _highest(*curves: Sequence[float | None]) -> float:
    return max((value for curve in curves for value in curve if value is not None), default=0.0)


def _points(curve: Sequence[float | None], highest: float) -> str:
    """A curve as an SVG polyline's points."""
    step = PLOT_WIDTH / max(1, len(curve) - 1)
    scale = (PLOT_HEIGHT - 8) / max(highest, 1e-6)
    return " ".join(
        f"{i * step:.1f},{PLOT_HEIGHT - 4 - max(0.0, value) * scale:.1f}"
        for i, value in enumerate(curve)
        if value is not None
    )
