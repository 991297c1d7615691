"""Gathers a dub's report from its results."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypedDict

from dubwright.conform.read import Shot
from dubwright.model import Cue, FrameRange, frame_of_ms
from dubwright.mouth.regression import LEAST_FRAMES
from dubwright.operations.plan import DubPlan, LanguagePlan, SpanPlan
from dubwright.operations.results import (
    GUIDED,
    SPEAKING,
    load_articulation,
    load_choices,
    load_take,
    read_json,
)
from dubwright.quality.attention import span_attention
from dubwright.quality.report import (
    CueReport,
    LanguageReport,
    PassedThrough,
    Report,
    ShotReport,
    SpanReport,
)
from dubwright.store import Store

__all__ = ["build_report", "drawn_reasons", "learned_looks", "sheet_name"]

NOBODY_SPEAKS: Final = "no line is dubbed here"
OFF_SCREEN: Final = "the line is spoken off screen"


def build_report(plan: DubPlan, store: Store) -> Report:
    """The report of a finished plan; sheets are named, not copied."""
    return Report(
        timeline=plan.timeline.name,
        files=plan.timeline.file_stem,
        rate=str(plan.timeline.rate),
        frames=plan.timeline.frames,
        engines=plan.engines,
        articulation={
            speaker: "; ".join(_learned(plan, speaker, store))
            for speaker in sorted({*plan.articulations, *plan.acoustics, *plan.refiners})
        },
        faces={
            speaker: {
                uid: _face(store.path(tracks[speaker]))
                for uid, tracks in plan.tracks.items()
                if speaker in tracks
            }
            for speaker in sorted({name for tracks in plan.tracks.values() for name in tracks})
        },
        languages=tuple(_language(plan, part, store) for part in plan.languages),
    )


def _face(track: Path) -> str:
    """Which face of a shot is a speaker's, for people."""
    told = read_json(track / SPEAKING)
    which = f"face {told['face']} of {told['of']}" if told["face"] else "none"
    return f"{which}: {told['why']}"


def _learned(plan: DubPlan, speaker: str, store: Store) -> Iterator[str]:
    if speaker in plan.articulations:
        yield _articulation(store.path(plan.articulations[speaker]))
    if speaker in plan.acoustics:
        yield _acoustics(store.path(plan.acoustics[speaker]))
    if speaker in plan.refiners:
        yield learned_looks(store.path(plan.refiners[speaker]))
    for words in (True, False):
        if (speaker, words) in plan.regressions:
            about = "" if words else "recordings without a text: "
            told = read_json(store.path(plan.regressions[speaker, words]) / "regression.json")
            yield about + _regression(told, plan.cards["speech_encoder"].name)


def _articulation(folder: Path) -> str:
    """How a speaker's mouth was learned, for people."""
    articulation = load_articulation(folder)
    frames = articulation.learned_frames
    lines = read_json(folder / "lines.json")
    untimed = f" ({'; '.join(lines['untimed'])})" if lines["untimed"] else ""
    if frames and not lines["words"]:
        return f"as learned from {frames} frames of the original, heard without its words"
    if frames:
        lead = round(1000 * articulation.timing.lead_s)
        ahead = f"{abs(lead)} ms {'ahead of' if lead > 0 else 'behind'}" if lead else "in time with"
        return (
            f"as learned from {frames} frames of the original lines, {ahead} the sound as on the "
            f"plate{untimed}"
        )
    why = (
        "too little of the original was heard" if lines["heard"] else "no original lines are known"
    )
    return f"in the usual way, scaled to the face: {why}{untimed}"


def _acoustics(folder: Path) -> str:
    """How the mouths of recordings without a text were found, for people."""
    told = read_json(folder / "acoustics.json")
    if not told["frames"]:
        return "recordings without a text: guessed from the phones that are heard; unsure"
    return (
        f"recordings without a text: guessed from the sound, as learned from {told['frames']} "
        f"frames of the original (sureness {told['sureness']:.2f} of 1)"
    )


def learned_looks(folder: Path) -> str:
    """What was learned of how a speaker's mouth looks, and whether it is used, for people."""
    told = read_json(folder / "card.json")
    if "without" not in told:
        return f"drawn by retrieval: {told['frames']} frames of the mouth are too few to learn from"
    by = (
        f"distance from the true mouth {told['by']['seen']:.3f}, {told['without']['seen']:.3f} "
        "without, on frames not learned from"
    )
    if told["helps"]:
        return f"refined by what was learned of {told['frames']} frames: {by}"
    return f"drawn by retrieval, for what was learned of the mouth does not make it better: {by}"


def _regression(told: dict[str, Any], encoder: str) -> str:
    """What an encoder taught of a speaker's mouth, for people."""
    if told["frames"] < LEAST_FRAMES:
        return f"{told['frames']} frames of the original are too few for {encoder} to teach by"
    by = f"aperture r {told['by']:.2f}, {told['without']:.2f} without, on frames not learned from"
    if told["helps"]:
        return f"and as {encoder} hears it: {by}"
    return f"without {encoder}, which does not help: {by}"


def drawn_reasons(plan: DubPlan, part: LanguagePlan, store: Store) -> dict[str, list[str]]:
    """For each editable shot the reason per frame why it is the plate's own; "" if drawn."""
    reasons = {uid: [NOBODY_SPEAKS] * spec.frames for uid, spec in plan.plates.items()}
    rate = plan.timeline.rate
    for cue in part.cues:
        if not cue.on_screen:
            heard = FrameRange(frame_of_ms(cue.start_ms, rate), frame_of_ms(cue.end_ms, rate) + 1)
            for shot in plan.shots:
                seen = shot.record.intersection(heard) if shot.uid in reasons else None
                for frame in seen.shifted(-shot.record.start) if seen else ():
                    reasons[shot.uid][frame] = OFF_SCREEN
    for planned in part.spans:
        frames = reasons[planned.span.shot]
        for frame, choice in zip(
            planned.span.frames, load_choices(store.path(planned.choices)), strict=True
        ):
            drawn = choice.mouth is not None and choice.strength > 0
            frames[frame] = "" if drawn else choice.reason or NOBODY_SPEAKS
    return reasons


def sheet_name(language: str, planned: SpanPlan) -> str:
    """The contact sheet's file name in the delivery."""
    return f"{language}.{planned.span.cue}.{planned.span.shot}.jpg"


def _spoken(part: LanguagePlan, uid: str) -> set[int]:
    return {f for planned in part.spans if planned.span.shot == uid for f in planned.span.speech}


def _language(plan: DubPlan, part: LanguagePlan, store: Store) -> LanguageReport:
    mix = read_json(store.path(part.mix) / "mix.json")
    reasons = drawn_reasons(plan, part, store)
    return LanguageReport(
        language=part.language,
        disclosure=part.disclosure.value,
        missing_consents=dict(part.permission.missing),
        loudness_lufs=mix["loudness_lufs"],
        effects=mix["effects"],
        cues=tuple(_cues(plan, part, store)),
        shots=tuple(_shots(plan, part, reasons)),
        spans=tuple(_span(part.language, planned, store) for planned in part.spans),
    )


def _cues(plan: DubPlan, part: LanguagePlan, store: Store) -> list[CueReport]:
    rows = []
    for cue in plan.sheet.cues:
        text = cue.text.get(part.language, "")
        if cue.id in part.skipped:
            rows.append(
                CueReport(
                    cue=cue.id, speaker=cue.speaker, text=text, dubbed=False,
                    reason=part.skipped[cue.id],
                )
            )  # fmt: skip
            continue
        take = load_take(store.path(part.takes[cue.id]))
        rows.append(
            CueReport(
                cue=cue.id, speaker=cue.speaker, text=text,
                dubbed=take.fit.verdict != "refused", engine=take.engine,
                speed=take.fit.speed, verdict=take.fit.verdict,
                reason="; ".join(
                    filter(None, [take.fit.reason, *take.notes, *_overlaps(plan, part, cue)])
                ),
                slot_ms=cue.end_ms - cue.start_ms,
                room_ms=plan.sheet.room_ms(cue, plan.timeline.duration_ms),
                length_ms=take.length * 1000 // take.sample_rate,
                content=part.content(cue),
            )
        )  # fmt: skip
    return rows


def _overlaps(plan: DubPlan, part: LanguagePlan, cue: Cue) -> list[str]:
    """What is to be known of lines of others that are spoken at the same time, for people."""
    told = []
    for other in plan.sheet.cues:
        at_once = other.start_ms < cue.end_ms and other.end_ms > cue.start_ms
        if other.id == cue.id or other.speaker == cue.speaker or not at_once:
            continue
        if other.id in part.skipped:
            told.append(f"{other.id} is not dubbed, and what the original has of both stays there")
        elif cue.on_screen and other.on_screen and other.start_ms < cue.start_ms:
            told.append(f"where {other.id} is spoken too, that mouth is drawn and not this one")
    return told


class _Place(TypedDict):
    track: int
    record_start: int
    in_the_way: str


def _place(shot: Shot) -> _Place:
    """Where a shot lies, and whether its frames can stand for its clip."""
    why = ""
    if shot.plate is not None and (shot.plate.speed != 1 or shot.plate.step != 1):
        why = "its speed is changed, and a take would be played at that speed too"
    elif shot.dissolves:
        why = "it dissolves, and its frames are longer than its clip"
    elif len(shot.place) > 2:
        why = "it lies in a compound clip"
    return {"track": shot.track + 1, "record_start": shot.record.start, "in_the_way": why}


def _shots(plan: DubPlan, part: LanguagePlan, reasons: dict[str, list[str]]) -> list[ShotReport]:
    rows = []
    for shot in plan.shots:
        if shot.uid not in reasons:
            passed = PassedThrough(first=0, end=len(shot.record), reason=shot.problem)
            rows.append(
                ShotReport(
                    shot=shot.uid, **_place(shot), frames=len(shot.record), drawn=0, in_cues=0,
                    drawn_in_cues=0, passed_through=(passed,),
                )
            )  # fmt: skip
            continue
        frames = reasons[shot.uid]
        spoken = _spoken(part, shot.uid)
        rows.append(
            ShotReport(
                shot=shot.uid,
                **_place(shot),
                frames=len(frames),
                drawn=frames.count(""),
                in_cues=len(spoken),
                drawn_in_cues=sum(1 for frame in spoken if not frames[frame]),
                passed_through=tuple(
                    PassedThrough(first=run.start, end=run.end, reason=frames[run.start])
                    for run in _runs(frames)
                    if frames[run.start]
                ),
                note=_codec_note(plan.plates[shot.uid].lossy_codec),
            )
        )
    return rows


def _codec_note(codec: str) -> str:
    if not codec:
        return ""
    return (
        f"{codec} loses a little at each encoding: drawn frames are encoded a second time, so "
        "they differ slightly from the plate outside the matte too; the patches do not"
    )


def _runs(reasons: list[str]) -> list[FrameRange]:
    runs, at = [], 0
    for _, group in groupby(reasons):
        length = len(list(group))
        runs.append(FrameRange(at, at + length))
        at += length
    return runs


def _lost(curves: Path) -> int:
    """Frames of a span in which a generator drew no face that could be followed."""
    file = curves / GUIDED
    return int(read_json(file)["lost"]) if file.is_file() else 0


def _span(language: str, planned: SpanPlan, store: Store) -> SpanReport:
    check: dict[str, Any] = read_json(store.path(planned.check) / "check.json")
    choices = load_choices(store.path(planned.choices))
    span = planned.span
    measured = {
        name: check.get(name) for name in ("aperture_r", "jaw_r", "lag_ms", "closures_held")
    }
    drawn = len(check.get("frames", ()))
    limited = sum(1 for choice in choices if choice.mouth is not None and choice.reason)
    attention = span_attention(
        drawn=sum(1 for frame in check.get("frames", ()) if frame in span.speech),
        frames=len(span.speech),
        limited=limited,
        aperture_r=measured["aperture_r"],
        lag_ms=measured["lag_ms"],
        closures_held=measured["closures_held"],
        lost=_lost(store.path(planned.curves)),
    )
    return SpanReport(
        cue=span.cue,
        shot=span.shot,
        first=span.frames.start,
        end=span.frames.end,
        drawn=drawn,
        asked=tuple(check.get("asked", ())),
        seen=tuple(check.get("seen", ())),
        limited=limited,
        sheet=sheet_name(language, planned) if check else "",
        attention=tuple(attention),
        **measured,
    )
