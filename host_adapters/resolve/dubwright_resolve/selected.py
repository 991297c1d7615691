"""What "Lip-Sync Selected" works on: a clip, and the recording that lies under it."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from dubwright_resolve.bring_in import is_retimed
from dubwright_resolve.live import COUNTED, Refused, ask

__all__ = ["SelectedClip", "selected_clip"]

LANGUAGE_IN_NAME = re.compile(r"\b([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?)\b")
# The language of a recording whose track does not name one (ISO 639-2).
UNKNOWN = "und"
# 23.976 and its like are whole rates, slowed.
SLOWED = Fraction(1000, 1001)


class SelectedClip(NamedTuple):
    """A clip to lip-sync: its item, its plate and which frames it shows, and what is to be said."""

    item: Any
    name: str
    plate: str
    first: int
    last: int
    dialogue: Path
    language: str
    start_ms: int

    def request(self, output: Path) -> Dict[str, Any]:
        """What the service is asked for."""
        return {
            "plate": self.plate,
            "frames": [self.first, self.last],
            "dialogue": str(self.dialogue),
            "language": self.language,
            "start_ms": self.start_ms,
            "output": str(output),
        }


def selected_clip(timeline: Any) -> SelectedClip:
    """The clip that is selected, or under the playhead, and the recording under it.

    Raises Refused with what to do where there is none of either, or one that cannot be worked on.
    """
    item = _selected(timeline)
    name = str(ask(item, "GetName"))
    clip, offset = _plate_of(item)
    frames = ask(item, "GetDuration")
    if clip is None:
        raise Refused(
            "{} is a title, a generator or a compound clip. Select a clip of footage.".format(name)
        )
    if is_retimed(item, frames):
        raise Refused(
            "The speed of {} is changed. Render it as a clip of its own, and lip-sync that.".format(
                name
            )
        )
    path = str(ask(clip, "GetClipProperty", "File Path") or "")
    counted = COUNTED.search(path)
    first = offset + (int(counted.group(1)) if counted else 0)
    plate = COUNTED.sub(lambda found: "#" * len(found.group(1)), path)
    lies = _recording(timeline, item)
    start = ask(lies.item, "GetStart") - ask(item, "GetStart")
    return SelectedClip(
        item=item,
        name=name,
        plate=plate,
        first=first,
        last=first + frames - 1,
        dialogue=lies.file,
        language=lies.language,
        start_ms=round(start * 1000 / _rate(timeline)),
    )


def _plate_of(item: Any) -> Tuple[Any, int]:
    """The media that a clip was cut from, and the first of its frames that is shown. A clip with
    takes answers for the one that is chosen; its own is the first."""
    if ask(item, "GetTakesCount"):
        take = ask(item, "GetTakeByIndex", 1) or {}
        return take.get("mediaPoolItem"), int(take.get("startFrame") or 0)
    return ask(item, "GetMediaPoolItem"), int(ask(item, "GetLeftOffset") or 0)


class _Recording(NamedTuple):
    item: Any
    file: Path
    language: str


def _selected(timeline: Any) -> Any:
    for item in ask(timeline, "GetSelectedClips") or []:
        if (ask(item, "GetTrackTypeAndIndex") or [""])[0] == "video":
            return item
    item = ask(timeline, "GetCurrentVideoItem")
    if item is None:
        raise Refused("No clip is selected. Put the playhead on the clip to lip-sync.")
    return item


def _recording(timeline: Any, item: Any) -> _Recording:
    """The recording on the lowest switched-on audio track that begins within a clip and is not the
    clip's own sound."""
    start, end = ask(item, "GetStart"), ask(item, "GetEnd")
    own = {ask(linked, "GetUniqueId") for linked in ask(item, "GetLinkedItems") or []}
    own_media = ask(_plate_of(item)[0], "GetMediaId")
    tracks = ask(timeline, "GetTrackCount", "audio") or 0
    for track in range(tracks, 0, -1):
        if not ask(timeline, "GetIsTrackEnabled", "audio", track):
            continue
        for lies in ask(timeline, "GetItemListInTrack", "audio", track) or []:
            clip = ask(lies, "GetMediaPoolItem")
            if clip is None or not start <= ask(lies, "GetStart") < end:
                continue
            if ask(lies, "GetUniqueId") in own or ask(clip, "GetMediaId") == own_media:
                continue
            if ask(lies, "GetLeftOffset"):
                raise Refused(
                    "The recording {} begins within its file. Render it as a file of its own, and "
                    "lay that down.".format(ask(lies, "GetName"))
                )
            file = Path(str(ask(clip, "GetClipProperty", "File Path")))
            return _Recording(lies, file, _language(ask(timeline, "GetTrackName", "audio", track)))
    raise Refused(
        "No recording begins under {}. Lay the dialogue on an audio track, where it is to be "
        "said.".format(ask(item, "GetName"))
    )


def _language(track: Optional[str]) -> str:
    """The language that a track's name ends with, as in "DX es"."""
    words: List[str] = LANGUAGE_IN_NAME.findall(str(track or ""))
    return words[-1] if words else UNKNOWN


def _rate(timeline: Any) -> Fraction:
    named = float(ask(timeline, "GetSetting", "timelineFrameRate") or 24)
    whole = Fraction(round(named))
    return whole if abs(named - whole) < 0.01 else whole * SLOWED
