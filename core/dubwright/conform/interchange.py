"""Timelines of editors that write no OpenTimelineIO: EDL, Final Cut Pro 7 XML, AAF.

The adapters of the OpenTimelineIO project read them; what those leave out or get wrong is put right
here, so that every caller sees one kind of timeline: clips with media, exact ranges, speeds as
LinearTimeWarp, what is disabled disabled, and the start timecode set.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from dubwright.conform.document import unreadable
from dubwright.conform.media import Media
from dubwright.errors import DubwrightError, first_line
from dubwright.media.sequence import find_frames, is_pattern
from dubwright.model import frame_of_timecode

__all__ = ["FOREIGN", "read_foreign"]

# Suffix, the adapter's name, and what people call the format.
FOREIGN: Final[Mapping[str, tuple[str, str]]] = {
    ".edl": ("cmx_3600", "an EDL"),
    ".xml": ("fcp_xml", "Final Cut Pro 7 XML"),
    ".aaf": ("AAF", "an AAF"),
}

TIMECODE: Final = r"(\d\d:\d\d:\d\d[:;.]\d\d)"
EVENT: Final = re.compile(
    rf"(\d+)\s+(.+?)\s+(\S+)\s+(C|D|W\d+|KB?|KO)\s+(?:(\d+)\s+)?"
    rf"{TIMECODE}\s+{TIMECODE}\s+{TIMECODE}\s+{TIMECODE}$"
)
SPEED: Final = re.compile(rf"M2\s+(.*?)\s+(-?\d+(?:\.\d+)?)\s+{TIMECODE}$")
NAMES_MEDIA: Final = re.compile(
    r"\*?\s*(?:SOURCE FILE|FROM FILE|FROM CLIP|FROM CLIP NAME):\s*(.+)$"
)
NAMES_INCOMING: Final = re.compile(r"(?:TO FILE|TO CLIP|TO CLIP NAME):\s*(.+)$")
DROP_FRAME: Final = b"<displayformat>DF</displayformat>"
NOMINAL_RATES: Final = (24, 25, 30, 48, 50, 60)
FASTER_THAN_NTSC: Final = Fraction(1001, 1000)
DEEPEST_SEARCH: Final = 3


def read_foreign(path: Path, media: Media, rate: Fraction | None = None) -> otio.schema.Timeline:
    """Read a timeline in one of the FOREIGN formats.

    Args:
        path: of the file.
        media: finds what it names.
        rate: frames a second of an EDL, which does not say; found out where it can be if None.

    Raises:
        DubwrightError: the adapter is not installed, or the file cannot be read; the first thing
            that it does not say is named.
    """
    adapter, name = FOREIGN[path.suffix.lower()]
    if adapter not in otio.adapters.available_adapter_names():
        raise DubwrightError(
            f"Dubwright cannot read {name} yet",
            where=str(path),
            why="the adapter for it is not installed",
            repair="run: pip install 'dubwright[interchange]'",
        )
    try:
        if adapter == "cmx_3600":
            return _read_edl(path, media, rate)
        if adapter == "fcp_xml":
            timeline = _put_right(_only_timeline(_parsed_xml(path), path))
            is_drop = DROP_FRAME in path.read_bytes()
            timeline.metadata["dubwright"] = {"drop_frame": is_drop}
            return timeline
        return _only_timeline(otio.adapters.read_from_file(str(path), adapter), path)
    except DubwrightError:
        raise
    except Exception as error:  # the adapters raise whatever they stumble over
        reason = first_line(error)
        raise unreadable(path, f"its {name} is not understood: {reason}") from error


def _only_timeline(found: Any, path: Path) -> otio.schema.Timeline:
    """The timeline of a project: the only one, or the one that no other holds."""
    if isinstance(found, otio.schema.Timeline):
        return found
    timelines = [item for item in found if isinstance(item, otio.schema.Timeline)]
    if len(timelines) != 1:
        names = ", ".join(timeline.name for timeline in timelines) or "none"
        raise unreadable(path, f"it holds {len(timelines)} timelines: {names}; export one alone")
    return timelines[0]


# --- EDL ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Event:
    """An event of an EDL: its four timecodes, and the speed that its M2 names."""

    number: str
    timecodes: tuple[str, str, str, str]
    is_cut: bool
    speed: Fraction | None


def _read_edl(path: Path, media: Media, rate: Fraction | None) -> otio.schema.Timeline:
    lines = list(_clean(_text(path)))
    events = list(_events(lines))
    if not events:
        raise unreadable(path, "no line of it is an event")
    for event in events:
        if event.speed is not None and event.speed < 0:
            raise unreadable(
                path, f"event {event.number} runs backwards: bake its speed into its media"
            )
    exact = rate or _rate(events, lines, path, media)
    with tempfile.TemporaryDirectory() as folder:
        cleaned = Path(folder) / "timeline.edl"
        cleaned.write_text("\n".join(lines) + "\n", encoding="utf-8")
        timeline = otio.adapters.read_from_file(str(cleaned), "cmx_3600", rate=float(exact))
    timeline.name = timeline.name or path.stem
    _align_tracks(timeline)
    is_drop = any(";" in code for event in events for code in event.timecodes)
    timeline.metadata["dubwright"] = {"drop_frame": is_drop}
    for clip in timeline.find_clips():
        _name_media(clip, media)
        for effect in clip.effects:
            if isinstance(effect, otio.schema.LinearTimeWarp):
                # The adapter divides by the exact rate where editors mean the nominal one.
                factor = effect.time_scalar * float(exact) / round(exact)
                effect.time_scalar = float(Fraction(factor).limit_denominator(1000))
    return timeline


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _clean(text: str) -> Iterator[str]:
    """The lines that the adapter understands, in the form that it does."""
    begun = False
    for line in (raw.strip() for raw in text.splitlines()):
        if event := EVENT.match(line):
            begun = True
            number, reel, *others = event.groups()
            yield " ".join([number, re.sub(r"\s+", "_", reel), *(o for o in others if o)])
        elif line.startswith(("TITLE", "FCM")):
            yield line
        elif speed := SPEED.match(line):
            yield f"M2   {speed[1]} {speed[2]} {speed[3].replace(';', ':')}"
        elif begun and line:
            yield line


def _events(lines: Sequence[str]) -> Iterator[_Event]:
    for at, line in enumerate(lines):
        if event := EVENT.match(line):
            speed = None
            for after in lines[at + 1 :]:
                if EVENT.match(after):
                    break
                if found := SPEED.match(after):
                    speed = Fraction(found[2])
            codes = (event[6], event[7], event[8], event[9])
            yield _Event(event[1], codes, event[4] == "C", speed)


def _rate(events: Sequence[_Event], lines: Sequence[str], path: Path, media: Media) -> Fraction:
    """The rate at which every timecode is one, and every cut as long as its source.

    Raises:
        DubwrightError: several rates are possible, and no medium beside the EDL decides.
    """
    is_drop = any(";" in code for event in events for code in event.timecodes) or any(
        "FCM: DROP" in line for line in lines
    )
    possible = [
        rate
        for nominal in NOMINAL_RATES
        for rate in (Fraction(nominal), nominal / FASTER_THAN_NTSC)
        if _fits(events, rate, is_drop)
    ]
    told = {rate for name in _media_names(lines) if (rate := _media_rate(media, name))}
    of_media = [rate for rate in possible if rate in told]
    if len(of_media) == 1:
        return of_media[0]
    if len(possible) == 1:
        return possible[0]
    raise DubwrightError(
        "The frame rate of an EDL is not known",
        where=str(path),
        why="an EDL does not name it; this one may be at "
        + ", ".join(f"{float(rate):g}" for rate in possible),
        repair="name it with --rate, or put the media beside the EDL",
    )


def _fits(events: Sequence[_Event], rate: Fraction, is_drop: bool) -> bool:
    if is_drop and (rate.denominator == 1 or round(rate) % 30):
        return False
    for event in events:
        frames = [frame_of_timecode(code.replace(".", ":"), rate) for code in event.timecodes]
        if None in frames:
            return False
        source_in, source_out, record_in, record_out = (frame or 0 for frame in frames)
        lengths = source_out - source_in, record_out - record_in
        if event.is_cut and event.speed is None and lengths[0] != lengths[1]:
            return False
    return True


def _media_names(lines: Sequence[str]) -> Iterator[str]:
    yield from (found[1].strip() for line in lines if (found := NAMES_MEDIA.match(line)))


def _media_rate(media: Media, name: str) -> Fraction | None:
    path = _found_media(media, name)
    if path is None or not path.is_file():
        return None
    try:
        return media.movie(path).rate
    except DubwrightError:
        return None  # what is not a movie says nothing of the rate


def _align_tracks(timeline: otio.schema.Timeline) -> None:
    """Begin every track where the timeline begins, which becomes its start timecode."""
    starts = {
        track: -track.source_range.start_time
        for track in timeline.tracks
        if track.source_range is not None
    }
    if not starts:
        return
    begin = min(starts.values())
    for track, start in starts.items():
        track.source_range = None
        if start > begin:
            track.insert(0, otio.schema.Gap(duration=start - begin))
    timeline.global_start_time = begin


def _name_media(clip: otio.schema.Clip, media: Media) -> None:
    """Give a clip the media that its comments, or its name, name, where they are found."""
    comments = [str(c) for c in clip.metadata.get("cmx_3600", {}).get("comments", [])]
    incoming = [found[1] for comment in comments if (found := NAMES_INCOMING.match(comment))]
    named = [found[1] for comment in comments if (found := NAMES_MEDIA.match(comment))]
    reference = clip.media_reference
    if isinstance(reference, otio.schema.ExternalReference) and not incoming:
        return
    for name in (*incoming, *named, clip.name):
        path = _found_media(media, name.strip())
        if path is not None:
            clip.media_reference = otio.schema.ExternalReference(str(path))
            return


def _found_media(media: Media, name: str) -> Path | None:
    """A movie or a sequence of this name: there, or beside the timeline, or a few folders down.

    Raises:
        DubwrightError: the name is that of a place where media may not lie.
    """
    plain = Path(name.replace("\\", "/"))
    if plain.is_absolute():
        # Checked before anything is looked at: to look for a share would tell it who asks.
        media.access.check(plain)
        if plain.exists():
            return plain
    for depth in range(DEEPEST_SEARCH):
        for place in sorted(media.folder.glob("*/" * depth) if depth else [media.folder]):
            path = place / plain.name
            is_sequence = is_pattern(plain.name) or path.suffix.lower() == ".exr"
            if path.is_file() or (is_sequence and find_frames(path) is not None):
                media.access.check(path)
                return path
    return None


# --- Final Cut Pro 7 XML ---------------------------------------------------------------------


def _parsed_xml(path: Path) -> Any:
    """What the adapter reads, and nested sequences, whose media it looks for elsewhere."""
    module = otio.adapters.from_name("fcp_xml").module()

    class Parser(module.FCP7XMLParser):  # type: ignore[misc, name-defined]
        def stack_for_element(self, element: Any, context: Any) -> otio.schema.Stack:
            name = ""
            if element.tag == "sequence":
                name = element.findtext("name") or ""
                context = context.context_pushing_element(element)
                element = self._derefed_element(element.find("./media"))
            stack = super().stack_for_element(element, context)
            stack.name = name or stack.name
            return stack

    parser = Parser(module.cElementTree.parse(str(path)).getroot())
    found = parser.top_level_sequences()
    return found[0] if len(found) == 1 else found


def _put_right(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """Apply what the adapter leaves in metadata: what is disabled, names of tracks, speeds."""
    for item in timeline.find_children():
        about = item.metadata.get("fcp_xml", {})
        if isinstance(item, otio.core.Item) and str(about.get("enabled", "")).upper() == "FALSE":
            item.enabled = False
        if isinstance(item, otio.schema.Track) and not item.name:
            item.name = str(about.get("@MZ.TrackName", ""))
        if isinstance(item, otio.schema.Clip):
            _apply_time_remap(item)
    return timeline


def _apply_time_remap(clip: otio.schema.Clip) -> None:
    """Turn a Time Remap filter into a speed; its <in> counts frames of the retimed clip."""
    for number, effect in enumerate(clip.effects):
        about = effect.metadata.get("fcp_xml", {})
        if about.get("effectid") != "timeremap":
            continue
        listed = about.get("parameter", [])
        parameters = {
            parameter.get("parameterid"): parameter
            for parameter in ([listed] if hasattr(listed, "keys") else listed)
        }
        ramp = str(parameters.get("variablespeed", {}).get("value", "0")).strip()
        backwards = str(parameters.get("reverse", {}).get("value", "FALSE")).upper() == "TRUE"
        if ramp not in ("0", "FALSE") or backwards or "speed" not in parameters:
            clip.effects[number] = otio.schema.TimeEffect("Time Remap", "a ramp, or backwards")
            continue
        speed = Fraction(str(parameters["speed"]["value"])) / 100
        used = clip.source_range
        available = clip.media_reference.available_range
        origin = available.start_time.value if available else 0
        start = origin + (used.start_time.value - origin) * float(speed)
        clip.source_range = otio.opentime.TimeRange(
            otio.opentime.RationalTime(start, used.start_time.rate), used.duration
        )
        clip.effects[number] = otio.schema.LinearTimeWarp("Time Remap", float(speed))
