"""The timeline, the cast and the lines that a request names."""

from __future__ import annotations

from fractions import Fraction

from dubwright.conform.read import (
    ConformedTimeline,
    Soundtrack,
    read_soundtrack,
    read_timeline,
)
from dubwright.dialogue import Cast, CueSheet, cue_sheet_from_subtitles, read_subtitles
from dubwright.errors import DubwrightError
from dubwright.model import exact_rate
from dubwright.operations.material import PlateSound, speech_of
from dubwright.operations.request import (
    AlignRequest,
    BoothRequest,
    CastRequest,
    DubRequest,
    TranscribeRequest,
    request_paths,
)
from dubwright.operations.task_list import TaskList
from dubwright.store import Access

__all__ = ["check_within", "opened", "opened_sound"]


def opened(
    request: DubRequest | CastRequest, access: Access
) -> tuple[ConformedTimeline, Cast, CueSheet]:
    """What a request is about.

    Raises:
        DubwrightError: a part cannot be read, may not be, or does not fit the others.
    """
    for _, path in request_paths(request):
        access.check(path)
    rate = exact_rate(Fraction(request.rate)) if request.rate else None
    timeline, _ = read_timeline(request.timeline, access, rate)
    cast = Cast.read(request.cast) if request.cast else Cast()
    return timeline, cast, _lines(request, timeline, cast)


def _lines(request: DubRequest | CastRequest, timeline: ConformedTimeline, cast: Cast) -> CueSheet:
    if request.cue_sheet:
        sheet = CueSheet.read(request.cue_sheet).with_takes_in(request.cue_sheet.parent.absolute())
    elif request.subtitles:
        files = {language: read_subtitles(path) for language, path in request.subtitles.items()}
        one = cast.speakers[0].name if len(cast.speakers) == 1 else "Speaker 1"
        sheet = cue_sheet_from_subtitles(files, request.original, one)
    else:
        raise DubwrightError(
            "There is nothing to say",
            where=str(request.timeline),
            why="neither subtitles nor a cue sheet were given",
            repair="give the lines with --subtitles lines.es.srt, or with --cues sheet.json",
        )
    check_within(sheet, timeline)
    return sheet


def check_within(sheet: CueSheet, timeline: ConformedTimeline) -> None:
    """See that every line lies on the timeline.

    Raises:
        DubwrightError: one lies after its end.
    """
    for cue in sheet.cues:
        if cue.end_ms > timeline.duration_ms + 1000 // timeline.rate:
            raise DubwrightError(
                "A line lies after the end of the timeline",
                where=f"{cue.id} at {cue.start_ms} to {cue.end_ms} ms",
                why=f"the timeline is {timeline.duration_ms} ms long",
                repair="correct its times; they count from the timeline's first frame",
            )


def opened_sound(
    request: TranscribeRequest | AlignRequest | BoothRequest, tasks: TaskList, access: Access
) -> tuple[Soundtrack, PlateSound]:
    """What a request's timeline sounds like, and those of its sounds in which its dialogue is.

    Raises:
        DubwrightError: it cannot be read, may not be, or has no dialogue.
    """
    for _, path in request_paths(request):
        access.check(path)
    rate = exact_rate(Fraction(request.rate)) if request.rate else None
    soundtrack = read_soundtrack(request.timeline, access, rate)
    sound = speech_of(soundtrack, tasks.fingerprints)
    if not sound:
        raise DubwrightError(
            "There is no dialogue to hear",
            where=str(request.timeline),
            why="it has no sound but M&E" if soundtrack.sounds else "it has no sound",
            repair="give a timeline or a movie with its dialogue",
        )
    return soundtrack, sound
