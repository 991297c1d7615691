"""Brings the languages of a version into a project: a timeline for each, beside the original.

Lip-synced frames become a take of the clip that they replace: the plate stays take 1. Sound lies on
tracks of its own. What is brought in again takes the place of what was there; cuts, grades, volumes
and the choice of a take are the artist's and stay.
"""

import re
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from dubwright_plugin.version import DubbedShot, LanguageVersion, read_version
from dubwright_resolve.live import COUNTED, Refused, Undo, ask, change

__all__ = ["bring_in", "bring_take", "is_retimed"]

BIN = "Dubwright"
MARK = "dubwright:"
DUBBED, NOT_DUBBED, UNCHANGED = "Green", "Red", "Yellow"
# A marker gives way to one that stands there already, so far at most.
MARKER_ROOM = 12
PRINTF = re.compile(r"%0\d+d")
AUDIO = 2


class _Home(NamedTuple):
    """Where a language is brought to."""

    project: Any
    pool: Any
    original: Any
    name: str
    undo: Undo
    told: List[str]


def bring_in(resolve: Any, original: Any, folder: Path) -> List[str]:
    """Bring every language of a version in; what was done, line by line.

    original: the timeline that was dubbed. folder: of the version, such as .../dubs/v001.
    Raises Refused where Resolve refused something, after taking away what was added; OSError,
    ValueError or KeyError where the folder holds no version.
    """
    project = _project(resolve)
    pool = ask(project, "GetMediaPool")
    told: List[str] = []
    for version in read_version(folder):
        name = "{} ({})".format(ask(original, "GetName"), version.language)
        home = _Home(project, pool, original, name, Undo(), told)
        with _whole_or_not(home):
            _bring_language(home, version)
    return told


@contextmanager
def _whole_or_not(home: _Home) -> Iterator[None]:
    """What was added is taken away again, whatever stops the rest; what was open is open again."""
    shown = ask(home.project, "GetCurrentTimeline")
    open_folder = ask(home.pool, "GetCurrentFolder")
    try:
        yield
    except BaseException as stopped:
        left = home.undo.undo()
        if not isinstance(stopped, Refused):
            raise
        rest = " But for: {}.".format(", ".join(left)) if left else ""
        raise Refused("{} {} is as it was.{}".format(stopped, home.name, rest)) from None
    finally:
        if shown is not None:
            ask(home.project, "SetCurrentTimeline", shown)
        if open_folder is not None:
            ask(home.pool, "SetCurrentFolder", open_folder)


def bring_take(resolve: Any, timeline: Any, item: Any, folder: Path) -> List[str]:
    """Bring in the frames of a lip-sync as a take of the clip that it was made of; what was done.

    Raises as bring_in does.
    """
    project = _project(resolve)
    pool = ask(project, "GetMediaPool")
    name = "{} (lip-sync)".format(ask(timeline, "GetName"))
    home = _Home(project, pool, timeline, name, Undo(), [])
    version = read_version(folder)[0]
    if not version.shots:
        reasons = sorted({cue.reason for cue in version.cues if cue.reason})
        raise Refused("Nothing was drawn: {}.".format("; ".join(reasons) or "see the report"))
    with _whole_or_not(home):
        (shot,) = version.shots
        clip = _frames_of(home, _bin(home), shot)
        _take(home, item, clip, shot)
    return ["{} has {} new frames of {}".format(shot.name, shot.drawn, shot.frames)]


def _project(resolve: Any) -> Any:
    project = ask(ask(resolve, "GetProjectManager"), "GetCurrentProject")
    if project is None:
        raise Refused("No project is open in Resolve. Open one and run this again.")
    return project


def _bring_language(home: _Home, version: LanguageVersion) -> None:
    _check_length(home, version)
    timeline = _timeline(home, version)
    change(
        home.project, "SetCurrentTimeline", timeline, to="open the timeline " + home.name,
        remedy="Close dialogues that are open in Resolve, and run this again.",
    )  # fmt: skip
    bin_ = _bin(home)
    _bring_sound(home, timeline, bin_, version)
    _bring_picture(home, timeline, bin_, version)
    _bring_subtitles(home, timeline, bin_, version)
    _mark(home, timeline, version)


def _check_length(home: _Home, version: LanguageVersion) -> None:
    start, end = ask(home.original, "GetStartFrame"), ask(home.original, "GetEndFrame")
    # Whether the end is one beyond the last frame is nowhere said.
    if abs((end - start) - version.frames) > 1:
        raise Refused(
            "The timeline {} has {} frames, and this version was made of one of {}. Run `dubwright "
            "reconform`, or open the timeline that was dubbed.".format(
                ask(home.original, "GetName"), end - start, version.frames
            )
        )


# --- Timeline and bin ---------------------------------------------------------------------------


def _timeline(home: _Home, version: LanguageVersion) -> Any:
    """The language's own timeline, made of the original where there is none."""
    for index in range(1, (ask(home.project, "GetTimelineCount") or 0) + 1):
        timeline = ask(home.project, "GetTimelineByIndex", index)
        if ask(timeline, "GetName") != home.name:
            continue
        if _track(timeline, "audio", _dialogue_name(version.language)) is None:
            raise Refused(
                "There is a timeline {} already, which Dubwright did not make. Rename it and run "
                "this again.".format(home.name)
            )
        home.told.append("{}: brought up to date".format(home.name))
        return timeline
    timeline = change(
        home.original, "DuplicateTimeline", home.name, to="duplicate the timeline",
        remedy="Duplicate it by hand as {}, delete the copy, and run this again.".format(home.name),
    )  # fmt: skip
    home.undo.add(home.name, lambda: ask(home.pool, "DeleteTimelines", [timeline]))
    if ask(timeline, "GetName") != home.name:
        change(
            timeline, "SetName", home.name, to="name the timeline {}".format(home.name),
            remedy="Rename the timeline that has this name.",
        )  # fmt: skip
    home.told.append("{}: made".format(home.name))
    return timeline


def _bin(home: _Home) -> Any:
    """The bin of a language, under one of Dubwright's own."""
    root = ask(home.pool, "GetRootFolder")
    return _sub_folder(home, _sub_folder(home, root, BIN), home.name)


def _sub_folder(home: _Home, folder: Any, name: str) -> Any:
    for found in ask(folder, "GetSubFolderList") or []:
        if ask(found, "GetName") == name:
            return found
    made = change(
        home.pool, "AddSubFolder", folder, name, to="make the bin " + name,
        remedy="Check that the project is not read-only.",
    )  # fmt: skip
    home.undo.add("the bin " + name, lambda: ask(home.pool, "DeleteFolders", [made]))
    return made


def _media(home: _Home, bin_: Any, path: str, entry: Any, first_file: str) -> Any:
    """Media in the bin: those that have their name are led to them, or they are imported.

    path: as Resolve shall show it. entry: what ImportMedia takes. first_file: of a sequence, or the
    file itself.
    """
    name = Path(path).name
    for clip in ask(bin_, "GetClipList") or []:
        shown = str(ask(clip, "GetClipProperty", "File Path") or "")
        if _same_name(Path(shown).name, name):
            if Path(shown).parent != Path(path).parent:
                change(
                    clip, "ReplaceClip", first_file, to="lead {} to {}".format(name, path),
                    remedy="Relink this clip by hand.",
                )  # fmt: skip
                before = COUNTED.sub(lambda found: found.group(1), shown)
                _undo_lead(home, clip, name, before)
            return clip
    change(
        home.pool, "SetCurrentFolder", bin_, to="open the bin " + home.name,
        remedy="Check that the project is not read-only.",
    )  # fmt: skip
    imported = change(
        home.pool, "ImportMedia", [entry], to="import {}".format(path),
        remedy="Check that Resolve may read this folder (Preferences > Media Storage).",
    )  # fmt: skip
    clip = imported[0]
    home.undo.add(name, lambda: ask(home.pool, "DeleteClips", [clip]))
    return clip


def _undo_lead(home: _Home, clip: Any, name: str, before: str) -> None:
    home.undo.add(name, lambda: ask(clip, "ReplaceClip", before))


def _same_name(shown: str, name: str) -> bool:
    """Whether a file name is another's, where one may count its frames as %04d or [0001-0100]."""
    return _countless(shown) == _countless(name)


def _countless(name: str) -> str:
    return PRINTF.sub("#", COUNTED.sub("#", name))


# --- Sound --------------------------------------------------------------------------------------


def _dialogue_name(language: str) -> str:
    return "DX {} (Dubwright)".format(language)


def _effects_name(language: str) -> str:
    return "M&E {} (Dubwright)".format(language)


def _bring_sound(home: _Home, timeline: Any, bin_: Any, version: LanguageVersion) -> None:
    """Dialogue and M&E on tracks of their own; the original's are switched off when first made."""
    if _track(timeline, "audio", _dialogue_name(version.language)) is None:
        # Before there are tracks of ours: whoever is stopped after this begins here again.
        for index in range(1, (ask(timeline, "GetTrackCount", "audio") or 0) + 1):
            _switch_off(home, timeline, index)
    for name, kind, path in (
        (_dialogue_name(version.language), "mono", version.dialogue),
        (_effects_name(version.language), "stereo", version.effects),
    ):
        clip = _media(home, bin_, str(path), str(path), str(path))
        track = _track(timeline, "audio", name)
        if track is None:
            track = _new_track(home, timeline, "audio", kind, name)
        if not ask(timeline, "GetItemListInTrack", "audio", track):
            _lay_down(home, timeline, clip, track, version)
    home.told.append("{}: dialogue and M&E".format(home.name))


def _switch_off(home: _Home, timeline: Any, track: int) -> None:
    if not ask(timeline, "GetIsTrackEnabled", "audio", track):
        return
    change(
        timeline, "SetTrackEnable", "audio", track, False,
        to="switch off audio track {}".format(track), remedy="Switch it off by hand.",
    )  # fmt: skip
    home.undo.add(
        "audio track {} switched off".format(track),
        lambda: ask(timeline, "SetTrackEnable", "audio", track, True),
    )


def _track(timeline: Any, kind: str, name: str) -> Optional[int]:
    """The number of the track of a name, from 1; None where there is none."""
    for index in range(1, (ask(timeline, "GetTrackCount", kind) or 0) + 1):
        if ask(timeline, "GetTrackName", kind, index) == name:
            return index
    return None


def _new_track(home: _Home, timeline: Any, kind: str, sub_kind: str, name: str) -> int:
    arguments = (kind, sub_kind) if sub_kind else (kind,)
    change(
        timeline, "AddTrack", *arguments, to="add the track " + name,
        remedy="Unlock the timeline and run this again.",
    )  # fmt: skip
    index: int = ask(timeline, "GetTrackCount", kind)
    home.undo.add("the track " + name, lambda: ask(timeline, "DeleteTrack", kind, index))
    change(
        timeline, "SetTrackName", kind, index, name, to="name a track " + name,
        remedy="Unlock the timeline and run this again.",
    )  # fmt: skip
    return index


def _lay_down(home: _Home, timeline: Any, clip: Any, track: int, version: LanguageVersion) -> None:
    """Sound from the timeline's first frame on. What Resolve returns may be hollow, and what it
    drops it does not name: the track is read back."""
    if _laid(home, timeline, clip, track, version):
        return
    # Before 20.2.2 the number of an audio track was held against the video tracks.
    spare = track - (ask(timeline, "GetTrackCount", "video") or 0)
    for _ in range(spare):
        ask(timeline, "AddTrack", "video")
    done = _laid(home, timeline, clip, track, version)
    for _ in range(spare):
        ask(timeline, "DeleteTrack", "video", ask(timeline, "GetTrackCount", "video"))
    if not done:
        raise Refused(
            "Resolve could not lay {} on audio track {}: AppendToTimeline left the track as it "
            "was. Unlock the track and run this again.".format(ask(clip, "GetName"), track)
        )


def _laid(home: _Home, timeline: Any, clip: Any, track: int, version: LanguageVersion) -> bool:
    start = ask(timeline, "GetStartFrame")
    entry = {
        "mediaPoolItem": clip,
        "startFrame": 0,
        "endFrame": version.frames,
        "mediaType": AUDIO,
        "trackIndex": track,
        "recordFrame": start,
    }
    ask(home.pool, "AppendToTimeline", [entry])
    lies = ask(timeline, "GetItemListInTrack", "audio", track) or []
    return [ask(item, "GetStart") for item in lies] == [start]


# --- Picture ------------------------------------------------------------------------------------


def _bring_picture(home: _Home, timeline: Any, bin_: Any, version: LanguageVersion) -> None:
    for shot in version.shots:
        item, why = _item_of(timeline, shot)
        if item is None:
            home.told.append("{}: {} keeps the plate: {}".format(home.name, shot.name, why))
            continue
        clip = _frames_of(home, bin_, shot)
        _take(home, item, clip, shot)
        home.told.append(
            "{}: {} has {} new frames of {}".format(home.name, shot.name, shot.drawn, shot.frames)
        )
    _leave_older_takes(home, timeline, bin_, version)


def _frames_of(home: _Home, bin_: Any, shot: DubbedShot) -> Any:
    """A shot's new frames in the bin."""
    last = shot.first + shot.frames - 1
    entry = {"FilePath": shot.pattern, "StartIndex": shot.first, "EndIndex": last}
    return _media(home, bin_, shot.pattern, entry, str(shot.first_file))


def _item_of(timeline: Any, shot: DubbedShot) -> Tuple[Any, str]:
    """The clip that a shot was made of; None and why there is none that can have a take."""
    if shot.in_the_way:
        return None, shot.in_the_way
    start = ask(timeline, "GetStartFrame") + shot.record_start
    for item in ask(timeline, "GetItemListInTrack", "video", shot.track) or []:
        if ask(item, "GetStart") != start:
            continue
        if ask(item, "GetDuration") != shot.frames:
            return None, "its clip was trimmed since it was dubbed"
        if ask(item, "GetMediaPoolItem") is None:
            return None, "it is a title, a generator or a compound clip, which cannot have takes"
        if is_retimed(item, shot.frames):
            return None, "its speed is changed, and a take would be played at that speed too"
        return item, ""
    return None, "video track {} has no clip there".format(shot.track)


def is_retimed(item: Any, frames: int) -> bool:
    """Whether a clip shows more or fewer frames of its media than it lasts; told from 19.0 on."""
    first, last = ask(item, "GetSourceStartFrame"), ask(item, "GetSourceEndFrame")
    if first is None or last is None or first == last == 0:
        return False
    # Source frames may be off by one.
    return abs((last - first) - frames) > 2


def _take(home: _Home, item: Any, clip: Any, shot: DubbedShot) -> None:
    """The new frames as a take, chosen when it is first made."""
    wanted = ask(clip, "GetMediaId")
    shown = ask(item, "GetMediaPoolItem")
    if wanted in [ask(clip, "GetMediaId") for clip in (shown, *_takes(item))]:
        return
    change(
        item, "AddTake", clip, to="add a take to {}".format(shot.name),
        remedy="Place {} over the clip by hand.".format(shot.folder),
    )  # fmt: skip
    now = ask(item, "GetTakesCount") or 0
    home.undo.add("a take of " + shot.name, lambda: ask(item, "DeleteTakeByIndex", now))
    change(
        item, "SelectTakeByIndex", now, to="choose the new take of {}".format(shot.name),
        remedy="Choose it in the clip's take selector.",
    )  # fmt: skip


def _takes(item: Any) -> List[Any]:
    """The media of a clip's takes, the first first; none where it has no takes."""
    numbers = range(1, (ask(item, "GetTakesCount") or 0) + 1)
    takes = [ask(item, "GetTakeByIndex", number) or {} for number in numbers]
    return [take.get("mediaPoolItem") for take in takes]


def _leave_older_takes(home: _Home, timeline: Any, bin_: Any, version: LanguageVersion) -> None:
    """Shots that an older version drew and this one does not show their plate again."""
    names = {_countless(Path(shot.pattern).name) for shot in version.shots}
    older = set()
    for clip in ask(bin_, "GetClipList") or []:
        name = _countless(Path(str(ask(clip, "GetClipProperty", "File Path") or "")).name)
        if name.endswith(".exr") and name not in names:
            older.add(ask(clip, "GetMediaId"))
    for track in range(1, (ask(timeline, "GetTrackCount", "video") or 0) + 1):
        for item in ask(timeline, "GetItemListInTrack", "video", track) or []:
            chosen = ask(item, "GetSelectedTakeIndex") or 0
            takes = _takes(item)
            if chosen and ask(takes[chosen - 1], "GetMediaId") in older:
                ask(item, "SelectTakeByIndex", 1)
                home.told.append(
                    "{}: {} shows its plate again; this version does not redraw it".format(
                        home.name, ask(item, "GetName")
                    )
                )


# --- Subtitles ----------------------------------------------------------------------------------


def _bring_subtitles(home: _Home, timeline: Any, bin_: Any, version: LanguageVersion) -> None:
    """Subtitles, where this Resolve takes them; elsewhere the way by hand is told."""
    if version.subtitles is None:
        return
    name = "{} (Dubwright)".format(version.language)
    by_hand = "{}: import {} by hand (File > Import > Subtitle)".format(
        home.name, version.subtitles
    )
    if _track(timeline, "subtitle", name) is not None:
        home.told.append(by_hand + " if lines were changed")
        return
    if ask(timeline, "GetTrackCount", "subtitle"):
        # Subtitles always go to the first track, which is the artist's.
        home.told.append(by_hand)
        return
    ask(home.pool, "SetCurrentFolder", bin_)
    imported = ask(home.pool, "ImportMedia", [str(version.subtitles)]) or []
    if not imported or ask(imported[0], "GetClipProperty", "Type") != "Subtitle":
        home.told.append(by_hand)
        return
    index = _new_track(home, timeline, "subtitle", "", name)
    ask(home.pool, "AppendToTimeline", [{"mediaPoolItem": imported[0]}])
    if ask(timeline, "GetItemListInTrack", "subtitle", index):
        home.told.append("{}: subtitles".format(home.name))
    else:
        ask(timeline, "DeleteTrack", "subtitle", index)
        home.told.append(by_hand)


# --- Markers ------------------------------------------------------------------------------------


class _Marker(NamedTuple):
    frame: int
    colour: str
    name: str
    note: str
    frames: int
    id: str


def _mark(home: _Home, timeline: Any, version: LanguageVersion) -> None:
    """A marker on each line, and where the plate shows through one. One that stands already keeps
    its place, and a colour that an artist gave it, and says what is true now."""
    markers = list(_markers(version))
    true_now = {marker.id for marker in markers}
    for standing in list((ask(timeline, "GetMarkers") or {}).values()):
        data = str(standing.get("customData") or "")
        if data.startswith(MARK) and data not in true_now:
            ask(timeline, "DeleteMarkerByCustomData", data)
    for marker in markers:
        there = ask(timeline, "GetMarkerByCustomData", marker.id) or {}
        place, colour = marker.frame, marker.colour
        if there:
            kept = there.get("color", colour)
            colour = colour if kept in (DUBBED, NOT_DUBBED, UNCHANGED) else kept
            if (there.get("note"), kept) == (marker.note, colour):
                continue
            place = _place_of(timeline, marker.id, place)
            ask(timeline, "DeleteMarkerByCustomData", marker.id)
        taken = {round(frame) for frame in ask(timeline, "GetMarkers") or {}}
        free = [at for at in range(place, place + MARKER_ROOM) if at not in taken]
        if not free or not ask(
            timeline, "AddMarker", free[0], colour, marker.name, marker.note, marker.frames,
            marker.id,
        ):  # fmt: skip
            home.told.append(
                "{}: no marker could be set at frame {} ({})".format(home.name, place, marker.name)
            )


def _place_of(timeline: Any, custom_data: str, otherwise: int) -> int:
    markers: Dict[float, Dict[str, Any]] = ask(timeline, "GetMarkers") or {}
    for frame, marker in markers.items():
        if marker.get("customData") == custom_data:
            return round(frame)
    return otherwise


def _line_markers(version: LanguageVersion) -> Iterator[_Marker]:
    for cue in version.cues:
        first = int(cue.start_ms * version.rate / 1000)
        last = int(cue.end_ms * version.rate / 1000)
        note = "\n".join(part for part in (cue.text, cue.reason) if part)
        colour = DUBBED if cue.dubbed else NOT_DUBBED
        yield _Marker(first, colour, cue.speaker, note, max(1, last - first), MARK + cue.id)


def _markers(version: LanguageVersion) -> Iterator[_Marker]:
    """One for each line, and for each part of one in which the plate shows through."""
    lines = list(_line_markers(version))
    yield from lines
    spoken = [(line.frame, line.frame + line.frames) for line in lines]
    for shot in version.shots:
        for run in shot.passed_through:
            first, end = shot.record_start + run.first, shot.record_start + run.end
            if any(first < until and begins < end for begins, until in spoken):
                yield _Marker(
                    first,
                    UNCHANGED,
                    "Plate unchanged",
                    run.reason,
                    run.end - run.first,
                    "{}{}:{}".format(MARK, shot.name, run.first),
                )
