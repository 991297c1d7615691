"""Plans a lip-sync: one plate, one finished recording."""

from __future__ import annotations

from collections.abc import Sequence

from dubwright.conform.read import Shot, read_timeline
from dubwright.dialogue import Cast, CueSheet
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono
from dubwright.model import Cue, FrameRange
from dubwright.operations.dub import DubPlanner
from dubwright.operations.plan import DubPlan
from dubwright.operations.request import DubRequest, LipSyncRequest, request_paths
from dubwright.store import EVERYWHERE, Access, Store
from dubwright.trust import Authority

__all__ = ["plan_lip_sync"]

CUE = "dialogue"


def plan_lip_sync(
    request: LipSyncRequest, store: Store, authority: Authority, access: Access = EVERYWHERE
) -> DubPlan:
    """Plan a lip-sync. It is a dub of one cue whose take is laid down as it is.

    Raises:
        DubwrightError: something in the request or its media must be repaired first.
    """
    for _, path in request_paths(request):
        access.check(path)
    part = FrameRange(request.frames[0], request.frames[1] + 1) if request.frames else None
    timeline, _ = read_timeline(request.plate, access, part=part)
    samples, rate = read_mono(request.dialogue)
    end = min(request.start_ms + len(samples) * 1000 // rate, timeline.duration_ms)
    if end <= request.start_ms:
        raise DubwrightError(
            "The dialogue begins after the end of the plate",
            where=str(request.dialogue),
            why=f"it begins at {request.start_ms} ms; the plate is {timeline.duration_ms} ms long",
            repair="correct --start, in milliseconds from the plate's first frame",
        )
    cast = Cast.read(request.cast) if request.cast else Cast()
    speaker = cast.speakers[0].name if len(cast.speakers) == 1 else request.speaker
    cast = _with_face(cast, speaker, timeline.shots, request.face)
    cue = Cue(
        id=CUE,
        speaker=speaker,
        start_ms=request.start_ms,
        end_ms=end,
        text={request.language: request.text} if request.text.strip() else {},
        takes={} if request.text.strip() else {request.language: request.dialogue},
        mouth=request.mouth,
    )
    dub = DubRequest(
        timeline=request.plate,
        languages=(request.language,),
        output=request.output,
        colour_space=request.colour_space,
        ocio=request.ocio,
        engines=request.engines,
    )
    recordings = {(CUE, request.language): request.dialogue}
    sheet = CueSheet(cues=(cue,))
    planner = DubPlanner(
        dub, timeline, sheet, cast, store, authority, recordings, "dialogue", access
    )
    return planner.plan()


def _with_face(cast: Cast, speaker: str, shots: Sequence[Shot], face: int) -> Cast:
    """The cast, in which the speaker has a face on these shots."""
    known = cast.speaker(speaker)
    faces = {shot.uid: face for shot in shots} | known.faces
    others = tuple(other for other in cast.speakers if other.name != speaker)
    return cast.model_copy(
        update={"speakers": (known.model_copy(update={"faces": faces}), *others)}
    )
