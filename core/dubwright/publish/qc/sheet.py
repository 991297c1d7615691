"""What a QC report tells, put together from what validators found and what was measured."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from dubwright.dialogue.adr import Clock
from dubwright.publish.delivery import Finding, Part
from dubwright.publish.examined import Examined
from dubwright.publish.picture import MOST_FLICKER, MOST_POP, MOST_SEAM
from dubwright.publish.qc.plots import curves, frames_over, waveform
from dubwright.quality.report import LanguageReport, SpanReport
from dubwright.service.links import review_link

__all__ = ["Check", "Flag", "LineRow", "Mouth", "Plot", "QcSheet", "ShotSheet", "qc_sheet"]


@dataclass(frozen=True, slots=True)
class Flag:
    """Something to mend, or to look at.

    Attributes:
        kind: "mend" keeps the language from going out; "look" does not.
        check: what found it.
        timecode: of its cue; "" where it is about none.
        link: into the review page.
    """

    kind: Literal["mend", "look"]
    check: str
    where: str
    what: str
    repair: str
    cue: str
    timecode: str
    link: str


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and in how many parts of the language something was found."""

    label: str
    parts: int
    found: int


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of figures (SVG) with what it tells."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Mouth:
    """One line on one shot.

    Attributes:
        sheet: its contact sheet, JPEG; None where there is none.
    """

    cue: str
    speaker: str
    timecode: str
    link: str
    measured: str
    plots: tuple[Plot, ...]
    sheet: Path | None


@dataclass(frozen=True, slots=True)
class ShotSheet:
    """One shot."""

    shot: str
    frames: int
    drawn: int
    note: str
    plots: tuple[Plot, ...]
    mouths: tuple[Mouth, ...]


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line as it was dubbed."""

    cue: str
    speaker: str
    begins: str
    ends: str
    text: str
    voice: str
    fit: str
    link: str


@dataclass(frozen=True, slots=True)
class QcSheet:
    """A language's QC report.

    Attributes:
        facts: what was made of what and by whom: (name, text).
    """

    title: str
    language: str
    version: str
    passed: bool
    flags: tuple[Flag, ...]
    checks: tuple[Check, ...]
    sound: tuple[Plot, ...]
    shots: tuple[ShotSheet, ...]
    lines: tuple[LineRow, ...]
    facts: tuple[tuple[str, str], ...]


def qc_sheet(part: Part, of_shots: Sequence[Examined], whole: Examined) -> QcSheet:
    """What a QC report tells of a language.

    Args:
        part: the language.
        of_shots: what was found in each of its shots.
        whole: what was found in the rest of it.
    """
    everything = (*of_shots, whole)
    return QcSheet(
        title=part.delivery.report.timeline,
        language=part.language,
        version=part.folder.name,
        passed=all(each.passed for each in everything),
        flags=(*_to_mend(part, everything), *_to_look_at(part)),
        checks=tuple(_checks(everything)),
        sound=(_sound(part),) if part.has_player else (),
        shots=tuple(_shot(part, each) for each in of_shots),
        lines=tuple(_lines(part)),
        facts=tuple(_facts(part)),
    )


def _timecode(part: Part, ms: int) -> str:
    """A moment on the timeline's clock; "" where that is not known any more."""
    if not part.has_player:
        return ""
    player = part.delivery.player
    drop = player.get("drop_frame", False)
    return Clock(Fraction(player["rate"]), player["start_frame"], drop).at(ms)


def _cue_timecode(part: Part, cue: str) -> str:
    starts = {each.id: each.start_ms for each in part.delivery.sheet.cues}
    return _timecode(part, starts[cue]) if cue in starts else ""


def _to_mend(part: Part, everything: Sequence[Examined]) -> Iterator[Flag]:
    for examined in everything:
        for looked in examined.looked:
            for finding in looked.findings:
                yield _flag(part, looked.label, finding)
            if looked.fault:
                where = examined.shot or part.language
                broke = Finding(where, f"it broke: {looked.fault}", "report it, with this sheet")
                yield _flag(part, looked.label, broke)


def _flag(part: Part, check: str, finding: Finding) -> Flag:
    return Flag(
        "mend",
        check,
        finding.where,
        finding.what,
        finding.repair,
        finding.cue,
        _cue_timecode(part, finding.cue),
        review_link(part.folder, part.language, finding.cue),
    )


def _to_look_at(part: Part) -> Iterator[Flag]:
    """What was measured when a mouth was drawn, and a person should see."""
    for span in part.report.spans:
        for why in span.attention:
            yield Flag(
                "look", "Mouth", f"{span.cue} on {span.shot}", why, "see whether it shows",
                span.cue, _cue_timecode(part, span.cue),
                review_link(part.folder, part.language, span.cue),
            )  # fmt: skip


def _checks(everything: Sequence[Examined]) -> Iterator[Check]:
    labels = dict.fromkeys(looked.label for each in everything for looked in each.looked)
    for label in labels:
        looked = [one for each in everything for one in each.looked if one.label == label]
        yield Check(label, len(looked), sum(bool(one.findings or one.fault) for one in looked))


def _sound(part: Part) -> Plot:
    player = part.delivery.player
    heard = player["languages"][part.language]["peaks"]
    peaks = np.frombuffer(base64.b64decode(heard), np.uint8)
    whole_ms = float(player["frames"] * 1000 / Fraction(player["rate"]))
    cues = part.delivery.sheet.spoken_in(part.language)
    lines = [(cue.start_ms / whole_ms, cue.end_ms / whole_ms) for cue in cues]
    loudness = ", ".join(
        f"{stem} {'silent' if lufs is None else f'{lufs:.1f} LUFS'}"
        for stem, lufs in part.report.loudness_lufs.items()
    )
    return Plot(
        waveform(peaks, lines),
        f"Dialogue over its lines, {_timecode(part, 0)} to {_timecode(part, int(whole_ms))}. "
        f"Loudness: {loudness}. M&E: {part.report.effects}.",
    )


def _shot(part: Part, examined: Examined) -> ShotSheet:
    row = next(each for each in part.report.shots if each.shot == examined.shot)
    spec = part.delivery.record.shots[examined.shot].plate
    found = examined.steadiness
    first, last = sorted((spec.number(0), spec.number(spec.frames - 1)))
    plots: list[Plot] = []
    if found is not None and found.seams:
        flicker = "" if found.flicker is None else (
            f"; flicker over the whole shot {found.flicker:.2f} times the plate's "
            f"(at most {MOST_FLICKER})"
        )  # fmt: skip
        plots = [
            Plot(
                frames_over(found.seams, first, last, MOST_SEAM),
                f"Seam in each frame, {first} to {last}: at most {MOST_SEAM} of the plate's own "
                "detail",
            ),
            Plot(
                frames_over(found.pops, first, last, MOST_POP),
                f"Jump out of the frames around it: at most {MOST_POP}{flicker}",
            ),
        ]
    return ShotSheet(
        shot=examined.shot,
        frames=row.frames,
        drawn=row.drawn,
        note=row.note,
        plots=tuple(plots),
        mouths=tuple(_mouth(part, s) for s in part.report.spans if s.shot == examined.shot),
    )


def _mouth(part: Part, span: SpanReport) -> Mouth:
    plots = []
    if span.asked:
        caption = "How far the mouth is to open (orange), and is seen to (blue)"
        plots.append(Plot(curves(span.asked, span.seen), caption))
    sheet = part.folder / "sheets" / span.sheet
    return Mouth(
        cue=span.cue,
        speaker=_speakers(part.report).get(span.cue, ""),
        timecode=_cue_timecode(part, span.cue),
        link=review_link(part.folder, part.language, span.cue),
        measured=", ".join(_measured(span)),
        plots=tuple(plots),
        sheet=sheet if span.sheet and sheet not in part.spoiled and sheet.is_file() else None,
    )


def _speakers(report: LanguageReport) -> dict[str, str]:
    return {row.cue: row.speaker for row in report.cues}


def _measured(span: SpanReport) -> Iterator[str]:
    yield f"{span.drawn} of {span.end - span.first} frames drawn"
    if span.aperture_r is not None:
        yield f"lips follow r {span.aperture_r:.2f}"
    if span.lag_ms is not None:
        yield f"lag {span.lag_ms:.0f} ms"
    if span.closures_held is not None:
        yield f"closures {span.closures_held:.0%}"


def _lines(part: Part) -> Iterator[LineRow]:
    cues = {cue.id: cue for cue in part.delivery.sheet.cues}
    for row in part.report.cues:
        fit = row.verdict if row.dubbed else "not dubbed"
        pace = f", pace {row.speed:.2f}" if row.dubbed and row.speed else ""
        yield LineRow(
            cue=row.cue,
            speaker=row.speaker,
            begins=_timecode(part, cues[row.cue].start_ms),
            ends=_timecode(part, cues[row.cue].end_ms),
            text=row.text,
            voice=row.engine,
            fit=f"{fit}{pace}{': ' + row.reason if row.reason else ''}",
            link=review_link(part.folder, part.language, row.cue),
        )


def _facts(part: Part) -> Iterator[tuple[str, str]]:
    manifest = part.delivery.manifest
    yield "Version", str(part.folder)
    yield "Label", str(part.told["disclosure"])
    yield "Digital source type", str(part.told["digital_source_type"]).rpartition("/")[2]
    engines = (f"{step.replace('_', ' ')} {name}" for step, name in manifest["engines"].items())
    yield "Engines", ", ".join(engines)
    for weights, licence in manifest["weights"].items():
        yield "Weights", f"{weights}: {licence or 'licence not known'}"
    for speaker, told in part.told["speakers"].items():
        consents = ", ".join(each["person"] for each in told["consents"]) or "none"
        missing = f"; {told['missing']}" if told["missing"] else ""
        yield speaker, f"{told['likeness']} likeness, consents: {consents}{missing}"
