"""Which frames of which shot a line is seen on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dubwright.conform.read import ConformedTimeline, Shot
from dubwright.dialogue import CueSheet
from dubwright.model import Cue, CueKind, FrameRange, frame_of_ms

__all__ = ["Slots"]

HANDLE_FRAMES: Final = 6


class Slots:
    """The slots of a timeline's lines.

    Args:
        timeline: what is seen.
        sheet: the lines.

    Attributes:
        rooms: how long the takes of a cue may be, in milliseconds, by cue id.
    """

    def __init__(self, timeline: ConformedTimeline, sheet: CueSheet) -> None:
        self._timeline = timeline
        self._sheet = sheet
        self.rooms = {cue.id: sheet.room_ms(cue, timeline.duration_ms) for cue in sheet.cues}

    def of(self, cue: Cue) -> Iterator[tuple[Shot, FrameRange, FrameRange]]:
        """Each editable shot that a cue is seen on, with the cue's and the span's frames there."""
        if not _is_spoken(cue):
            return
        spoken = self._spoken_frames(cue)
        for shot in self._timeline.shots:
            seen = shot.record.intersection(spoken) if shot.plate is not None else None
            if seen is not None:
                speech = seen.shifted(-shot.record.start)
                yield shot, speech, self._with_handles(cue, shot, speech)

    def _spoken_frames(self, cue: Cue) -> FrameRange:
        """The timeline's frames that a take of this cue may fill.

        Where lines overlap, the frames belong to the line that began first.
        """
        rate = self._timeline.rate
        start = frame_of_ms(cue.start_ms, rate)
        end = frame_of_ms(cue.start_ms + self.rooms[cue.id], rate) + 1
        for other in self._sheet.cues:
            if other.id == cue.id:
                break
            if _is_spoken(other) and other.end_ms > cue.start_ms:
                start = max(start, frame_of_ms(other.start_ms + self.rooms[other.id], rate) + 1)
        return FrameRange(min(start, end), end)

    def _with_handles(self, cue: Cue, shot: Shot, speech: FrameRange) -> FrameRange:
        """Frames on which the mouth passes from the plate's own to the new one and back.

        Handles stay inside the shot; between two cues on it they share the frames, half each.
        """
        low, high = 0, len(shot.record)
        for other in self._sheet.cues:
            spoken = self._spoken_frames(other).shifted(-shot.record.start)
            if spoken.intersection(FrameRange(0, len(shot.record))) is None:
                continue
            if other.end_ms <= cue.start_ms:
                low = max(low, (spoken.end + speech.start) // 2)
            elif other.start_ms >= cue.end_ms:
                high = min(high, (speech.end + spoken.start) // 2)
        return FrameRange(
            min(speech.start, max(low, speech.start - HANDLE_FRAMES)),
            max(speech.end, min(high, speech.end + HANDLE_FRAMES)),
        )


def _is_spoken(cue: Cue) -> bool:
    """Whether its mouth is seen and may be drawn: of a line, or of a sound that is recorded."""
    return cue.on_screen and (cue.kind is CueKind.DIALOGUE or bool(cue.takes))
