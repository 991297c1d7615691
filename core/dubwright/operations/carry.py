"""What a version was made of, and what of it another cut can keep."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dubwright.conform.reconform import frames_later
from dubwright.dialogue import CueSheet
from dubwright.dialogue.documents import read_document
from dubwright.errors import DubwrightError
from dubwright.media.plate import PlateSpec
from dubwright.model import Cue, FrameRange, Span
from dubwright.operations.plan import DubPlan, LanguagePlan, SpanPlan
from dubwright.operations.request import DubRequest
from dubwright.operations.results import load_take
from dubwright.store import Store

__all__ = ["RECORD", "Carried", "DubRecord", "KeptSpan", "Speech", "dub_record"]

RECORD: Final = "dub.json"
# Cues count milliseconds, so a frame's length later is up to half a one away.
ALIGNED_S: Final = Fraction(1, 500)

Key = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ShotRecord(BaseModel):
    """A shot: its frames on the timeline, its plate, what that held, and each speaker's track."""

    model_config = ConfigDict(frozen=True)

    record: tuple[int, int]
    plate: PlateSpec
    content: Key
    tracks: dict[str, Key]


class TakeRecord(BaseModel):
    """The key of a take, how long it was allowed to be, and the recording that it is of."""

    model_config = ConfigDict(frozen=True)

    key: Key
    room_ms: int
    recording: Path | None


class SpanRecord(BaseModel):
    """A span, see Span and SpanPlan."""

    model_config = ConfigDict(frozen=True)

    cue: str
    shot: str
    frames: tuple[int, int]
    speech: tuple[int, int]
    joins: tuple[bool, bool]
    curves: Key
    choices: Key
    check: Key
    draw: tuple[Key, ...]

    @property
    def results(self) -> dict[str, str]:
        """The keys by what they are."""
        named = {"curves": self.curves, "choices": self.choices, "check": self.check}
        return named | {f"draw:{number}": key for number, key in enumerate(self.draw)}


class LanguageRecord(BaseModel):
    """One language: by cue its take and its content, and its spans."""

    model_config = ConfigDict(frozen=True)

    draft: bool
    takes: dict[str, TakeRecord]
    contents: dict[str, Key]
    spans: tuple[SpanRecord, ...]


class DubRecord(BaseModel):
    """What a version was made of. Its keys name results in the store that it was made in.

    Attributes:
        request: as it was planned, paths absolute.
        recorded_stage: what was done with recordings, see DubPlanner.
    """

    model_config = ConfigDict(frozen=True)

    document: Literal["dubwright.dub"] = "dubwright.dub"
    version: Literal[2] = 2
    request: DubRequest
    recorded_stage: Literal["take", "dialogue"]
    rate: Fraction
    shots: dict[str, ShotRecord]
    languages: dict[str, LanguageRecord]

    @classmethod
    def of(cls, version: Path) -> DubRecord:
        """The record of a version, by its folder.

        Raises:
            DubwrightError: it is no version of a dub, or its record is not valid.
        """
        if not (version / RECORD).is_file():
            raise DubwrightError(
                "This is no version of a dub",
                where=str(version),
                why=f"it has no {RECORD}",
                repair="give a version's folder, such as dubs/v003",
            )
        return read_document(version / RECORD, cls, "record of a dub")


def dub_record(
    plan: DubPlan,
    request: DubRequest,
    contents: Mapping[str, str],
    recordings: Mapping[tuple[str, str], Path],
    recorded_stage: Literal["take", "dialogue"],
) -> DubRecord:
    """What a plan makes a version of.

    Args:
        plan: of the dub.
        request: that was planned.
        contents: of plates, by shot.
        recordings: by cue and language.
        recorded_stage: what is done with them.
    """
    # Lines, cast and recordings are the version's own.
    given: dict[str, Any] = {"subtitles": {}, "cue_sheet": None, "cast": None, "takes": None}
    named = {of: path.absolute() for of, path in recordings.items()}
    where = {"timeline": request.timeline.absolute(), "output": request.output.absolute()}
    return DubRecord(
        request=request.model_copy(update=given | where),
        recorded_stage=recorded_stage,
        rate=plan.timeline.rate,
        shots={
            shot.uid: ShotRecord(
                record=(shot.record.start, shot.record.end),
                plate=plan.plates[shot.uid],
                content=contents[shot.uid],
                tracks=plan.tracks.get(shot.uid, {}),
            )
            for shot in plan.shots
            if shot.uid in plan.plates
        },
        languages={part.language: _language(plan, part, named) for part in plan.languages},
    )


def _language(
    plan: DubPlan, part: LanguagePlan, recordings: Mapping[tuple[str, str], Path]
) -> LanguageRecord:
    return LanguageRecord(
        draft=part.is_draft,
        takes={
            cue: TakeRecord(
                key=key,
                room_ms=plan.tasks[key].parameters["room_ms"],
                recording=recordings.get((cue, part.language)),
            )
            for cue, key in part.takes.items()
        },
        contents={cue.id: part.content(cue) for cue in part.cues},
        spans=tuple(_span(planned) for planned in part.spans),
    )


def _span(planned: SpanPlan) -> SpanRecord:
    span = planned.span
    return SpanRecord(
        cue=span.cue,
        shot=span.shot,
        frames=(span.frames.start, span.frames.end),
        speech=(span.speech.start, span.speech.end),
        joins=planned.joins,
        curves=planned.curves,
        choices=planned.choices,
        check=planned.check,
        draw=planned.draw,
    )


@dataclass(frozen=True, slots=True)
class Speech:
    """What a span of a new cut is to show.

    Attributes:
        cue: that is spoken.
        take: the key of its take.
        language: of the take.
        draft: whether it is marked as a draft.
        begins: when the take begins, in seconds from the shot's first frame.
        joins: whether other spans touch its start and end.
    """

    cue: Cue
    take: str
    language: str
    draft: bool
    begins: Fraction
    joins: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class KeptSpan:
    """What can be kept of a span that was drawn.

    Attributes:
        record: of the span as it was drawn.
        later: how many frames later in its shot than in the new one.
        frames: of the new shot.
        is_whole: whether all of its speech is among them.
    """

    record: SpanRecord
    later: int
    frames: FrameRange
    is_whole: bool


class Carried:
    """What a version holds that another cut can keep.

    Args:
        record: of the version.
        sheet: of the version.
        origins: for each cue of the new cut, the cue that it was.
        recast: speakers whose faces are others now: nothing of theirs is kept.
        store: where results are looked for.
        content_of: what a plate holds, as it is now.
    """

    def __init__(
        self,
        record: DubRecord,
        sheet: CueSheet,
        origins: Mapping[str, str],
        recast: Collection[str],
        store: Store,
        content_of: Callable[[PlateSpec], str],
    ) -> None:
        self._record = record
        self._cues = {cue.id: cue for cue in sheet.cues}
        self._origins = origins
        self._recast = recast
        self._store = store
        self._content_of = content_of
        self._unchanged: dict[str, bool] = {}

    def take(self, cue: str, language: str, room_ms: int) -> TakeRecord | None:
        """The take that a cue had, if it is no longer than it may be now."""
        known = self._record.languages.get(language)
        take = known.takes.get(self._origins.get(cue, "")) if known else None
        if take is None or take.room_ms <= room_ms:
            return take
        folder = self._store.find(take.key)
        if folder is None:
            return None
        spoken = load_take(folder)
        return take if spoken.length * 1000 <= room_ms * spoken.sample_rate else None

    def content(self, cue: str, language: str, take: str) -> str:
        """What a cue sounded and looked like, see LanguagePlan.content; "" for one that is new."""
        known = self._record.languages.get(language)
        if known is None or self._origins.get(cue) != cue or cue not in known.takes:
            return ""
        return known.contents[cue] if known.takes[cue].key == take else ""

    def spans(self, cue: str, language: str) -> int:
        """How many spans a cue had."""
        known = self._record.languages.get(language)
        return sum(span.cue == cue for span in known.spans) if known else 0

    def track(self, plate: PlateSpec, speaker: str) -> tuple[str, int] | None:
        """The track of a speaker in a shot that showed all that a plate shows, and how much later
        it does."""
        if speaker in self._recast:
            return None
        for uid, shot in self._record.shots.items():
            later = frames_later(plate, shot.plate)
            if (
                speaker in shot.tracks
                and later is not None
                and 0 <= later <= shot.plate.frames - plate.frames
                and self._is_unchanged(uid)
            ):
                return shot.tracks[speaker], later
        return None

    def span(self, span: Span, plate: PlateSpec, speech: Speech) -> KeptSpan | None:
        """What can be kept of a span: all of it, or nothing where a frame or an edge is new."""
        known = self._record.languages.get(speech.language)
        was = self._cues.get(self._origins.get(speech.cue.id, ""))
        if known is None or was is None or speech.cue.speaker in self._recast:
            return None
        take = known.takes.get(was.id)
        same = (
            take is not None
            and take.key == speech.take
            and known.draft == speech.draft
            and was.mouth == speech.cue.mouth
        )
        for record in known.spans if same else ():
            kept = self._kept(record, span, plate, speech, was) if record.cue == was.id else None
            if kept is not None:
                return kept
        return None

    def _kept(
        self, record: SpanRecord, span: Span, plate: PlateSpec, speech: Speech, was: Cue
    ) -> KeptSpan | None:
        shot = self._record.shots[record.shot]
        later = frames_later(plate, shot.plate)
        if later is None:
            return None
        began = Fraction(was.start_ms, 1000) - (shot.record[0] + later) / self._record.rate
        drawn = FrameRange(*record.frames).shifted(-later)
        frames = drawn.intersection(span.frames)
        if (
            abs(began - speech.begins) <= ALIGNED_S
            and frames is not None
            and frames.start <= span.speech.start
            and frames.end >= span.speech.end
            and _edges_hold(record, drawn, frames, FrameRange(0, plate.frames), speech.joins)
            and self._is_unchanged(record.shot)
        ):
            spoken = FrameRange(*record.speech).shifted(-later)
            is_whole = frames.intersection(spoken) == spoken
            return KeptSpan(record, later, frames, is_whole)
        return None

    def _is_unchanged(self, uid: str) -> bool:
        """Whether a plate still holds what it did."""
        if uid not in self._unchanged:
            shot = self._record.shots[uid]
            there = all(file.is_file() for file in shot.plate.files())
            self._unchanged[uid] = there and self._content_of(shot.plate) == shot.content
        return self._unchanged[uid]


def _edges_hold(
    record: SpanRecord,
    drawn: FrameRange,
    frames: FrameRange,
    shot: FrameRange,
    joins: tuple[bool, bool],
) -> bool:
    """Whether kept frames begin and end as they were drawn to, or where the shot does."""
    start = frames.start == shot.start or (frames.start, joins[0]) == (drawn.start, record.joins[0])
    end = frames.end == shot.end or (frames.end, joins[1]) == (drawn.end, record.joins[1])
    return start and end
