"""A DaVinci Resolve that knows what docs/hosts/resolve_calls.csv lists, and refuses the rest.

It is as unforgiving as the real one is known to be: every name is an attribute of every object, a
call that this version does not know is None, what fails answers with nothing and no word, items
that it returns may be hollow, sound that would lie over sound is dropped in silence, and a call
that needs Studio leaves a dialogue open on the free edition, and until that is closed others fail.
"""

from __future__ import annotations

import copy
import csv
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

TABLE: Final = Path(__file__).parents[1] / "docs" / "hosts" / "resolve_calls.csv"
MARKER_COLOURS: Final = (
    "Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia", "Rose", "Lavender",
    "Sky", "Mint", "Lemon", "Sand", "Cocoa", "Cream",
)  # fmt: skip
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Profile:
    """A version of Resolve, and what was measured of it."""

    version: tuple[int, int, int]
    is_studio: bool
    runs_scripts: bool = True
    takes_subtitles: bool = False


PROFILES: Final = {
    "18.5": Profile((18, 5, 0), is_studio=True),
    "19.1 free": Profile((19, 1, 3), is_studio=False),
    "20.3 Studio": Profile((20, 3, 2), is_studio=True),
    "21.0": Profile((21, 0, 4), is_studio=True),
    "21.1 Studio": Profile((21, 1, 0), is_studio=True, takes_subtitles=True),
    "21.1 free": Profile((21, 1, 0), is_studio=False, runs_scripts=False, takes_subtitles=True),
}


@dataclass(frozen=True)
class Row:
    """A call as the table has it."""

    arguments: str
    since: tuple[int, ...]
    needs_studio: bool

    @property
    def most(self) -> int:
        """How many arguments it takes at most."""
        depth, count = 0, 1
        for sign in self.arguments:
            depth += {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(sign, 0)
            count += sign == "," and depth == 0
        return count if self.arguments.strip() else 0

    @property
    def words(self) -> set[str]:
        """Every name in the arguments: a dictionary's keys are among them."""
        return set(re.findall(r"\w+", self.arguments))


@cache
def table() -> dict[tuple[str, str], Row]:
    """The rows that name one call, by object and call."""
    rows: dict[tuple[str, str], Row] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["since"].startswith("<="):
                since: tuple[int, ...] = (0,)
            else:
                found = re.search(r"\d+(\.\d+)+", row["since"])
                since = tuple(map(int, found.group().split("."))) if found else (0,)
            rows[row["object"], row["method"]] = Row(
                row["arguments"], since, row["studio_only"] == "yes"
            )
    return rows


class Remote:
    """An object of Resolve's: methods of the table that this fake does are named do_NAME."""

    kind = ""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.id = f"{self.kind}-{next(_numbers)}"

    def __getattr__(self, name: str) -> Callable[..., Any] | None:
        if name.startswith(("_", "do_")):
            raise AttributeError(name)
        row = table().get((self.kind, name))
        if row is None or row.since > self.app.profile.version:
            return None  # as any name that Resolve does not know
        do: Callable[..., Any] | None = getattr(self, "do_" + name, None)
        assert do is not None, f"{self.kind}.{name} is documented, but this fake does not do it"

        def call(*arguments: Any) -> Any:
            assert len(arguments) <= row.most, f"{self.kind}.{name} takes {row.arguments}"
            for argument in arguments:
                for entry in argument if isinstance(argument, list) else [argument]:
                    if isinstance(entry, dict):
                        unknown = set(entry) - row.words
                        assert not unknown, f"{self.kind}.{name} knows no {unknown}"
            if row.needs_studio and not self.app.profile.is_studio:
                self.app.dialogue_open = True
                return False
            self.app.calls.append(f"{self.kind}.{name}")
            if name in self.app.failing:
                return None
            if name in self.app.raising:
                raise TypeError(f"{name} does not take that")
            return do(*arguments)

        return call

    def do_GetUniqueId(self) -> str:
        return self.id


class Application(Remote):
    kind = "Resolve"

    EXPORT_OTIO = 41.0
    EXPORT_NONE = 0.0

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.calls: list[str] = []
        self.failing: set[str] = set()
        self.raising: set[str] = set()
        self.dialogue_open = False
        super().__init__(self)
        self.project = Project(self)

    def do_GetVersion(self) -> list[Any]:
        return [*self.profile.version, 7, ""]

    def do_GetProductName(self) -> str:
        return "DaVinci Resolve Studio" if self.profile.is_studio else "DaVinci Resolve"

    def do_GetProjectManager(self) -> ProjectManager:
        return ProjectManager(self)


class ProjectManager(Remote):
    kind = "ProjectManager"

    def do_GetCurrentProject(self) -> Project:
        return self.app.project

    def do_SaveProject(self) -> bool:
        return not self.app.dialogue_open


class Project(Remote):
    kind = "Project"

    def __init__(self, app: Application) -> None:
        super().__init__(app)
        self.name = "Lighthouse Été"
        self.settings = {"colorScienceMode": "davinciYRGB"}
        self.timelines: list[Timeline] = []
        self.current: Timeline | None = None
        self.pool = MediaPool(app)

    def do_GetName(self) -> str:
        return self.name

    def do_GetMediaPool(self) -> MediaPool:
        return self.pool

    def do_GetTimelineCount(self) -> int:
        return len(self.timelines)

    def do_GetTimelineByIndex(self, index: int) -> Timeline | None:
        return self.timelines[index - 1] if 1 <= index <= len(self.timelines) else None

    def do_GetCurrentTimeline(self) -> Timeline | None:
        return self.current

    def do_SetCurrentTimeline(self, timeline: Timeline) -> bool:
        self.current = timeline if timeline in self.timelines else self.current
        return self.current is timeline

    def do_GetSetting(self, name: str) -> Any:
        return self.settings.get(name, "")


class MediaPool(Remote):
    kind = "MediaPool"

    def __init__(self, app: Application) -> None:
        super().__init__(app)
        self.root = self.folder = Folder(app, "Master")

    def do_GetRootFolder(self) -> Folder:
        return self.root

    def do_GetCurrentFolder(self) -> Folder:
        return self.folder

    def do_SetCurrentFolder(self, folder: Folder) -> bool:
        self.folder = folder
        return True

    def do_AddSubFolder(self, folder: Folder, name: str) -> Folder:
        self.folder = Folder(self.app, name)
        folder.folders.append(self.folder)
        return self.folder

    def do_DeleteFolders(self, folders: list[Folder]) -> bool:
        for parent in _every_folder(self.root):
            parent.folders = [each for each in parent.folders if each not in folders]
        return True

    def do_DeleteClips(self, clips: list[MediaPoolItem]) -> bool:
        for parent in _every_folder(self.root):
            parent.clips = [each for each in parent.clips if each not in clips]
        return True

    def do_DeleteTimelines(self, timelines: list[Timeline]) -> bool:
        project = self.app.project
        project.timelines = [each for each in project.timelines if each not in timelines]
        if project.current in timelines:
            project.current = project.timelines[0] if project.timelines else None
        return True

    def do_ImportMedia(self, entries: list[Any]) -> list[MediaPoolItem]:
        made = []
        for entry in entries:
            path = entry if isinstance(entry, str) else entry["FilePath"]
            if path.endswith(".srt") and not self.app.profile.takes_subtitles:
                continue
            span = (entry["StartIndex"], entry["EndIndex"]) if isinstance(entry, dict) else None
            if span and not all(Path(path % n).is_file() for n in range(span[0], span[1] + 1)):
                continue
            if not span and not Path(path).is_file():
                continue
            made.append(MediaPoolItem(self.app, path, span))
        self.folder.clips += made
        return made

    def do_AppendToTimeline(self, entries: list[dict[str, Any]]) -> list[Item]:
        timeline = self.app.project.current
        assert timeline is not None
        placed = []
        for entry in entries:
            clip = entry["mediaPoolItem"]
            if clip.properties["Type"] == "Subtitle":
                assert set(entry) == {"mediaPoolItem"}, "subtitles are appended by themselves"
                for track in timeline.tracks["subtitle"][:1]:
                    track.items.append(Item(self.app, None, timeline.start, 24, 0, "a line"))
                continue
            kind = {1: "video", 2: "audio"}[entry["mediaType"]]
            start, length = entry["recordFrame"], entry["endFrame"] - entry["startFrame"]
            tracks = timeline.tracks[kind]
            is_old = self.app.profile.version < (20, 2, 2)
            if is_old and entry["trackIndex"] > len(timeline.tracks["video"]):
                continue  # held against the video tracks, see the table
            if not 1 <= entry["trackIndex"] <= len(tracks):
                continue
            items = tracks[entry["trackIndex"] - 1].items
            if any(i.start < start + length and start < i.start + i.length for i in items):
                continue  # dropped without a word
            items.append(Item(self.app, clip, start, length, entry["startFrame"], clip.name))
            hollow = Item(self.app, None, 0, 0, 0, "")
            hollow.id = ""
            placed.append(hollow)
        return placed


class Folder(Remote):
    kind = "Folder"

    def __init__(self, app: Application, name: str) -> None:
        super().__init__(app)
        self.name = name
        self.folders: list[Folder] = []
        self.clips: list[MediaPoolItem] = []

    def do_GetName(self) -> str:
        return self.name

    def do_GetSubFolderList(self) -> list[Folder]:
        return list(self.folders)

    def do_GetClipList(self) -> list[MediaPoolItem]:
        return list(self.clips)


class MediaPoolItem(Remote):
    kind = "MediaPoolItem"

    def __init__(self, app: Application, path: str, span: tuple[int, int] | None) -> None:
        super().__init__(app)
        self.media = f"media-{next(_numbers)}"
        self.span = span
        self.properties = {"Type": "Subtitle" if path.endswith(".srt") else "Video"}
        self.lead_to(path)

    def lead_to(self, path: str) -> None:
        """A sequence is shown as name.[first-last].exr, wherever its frames are."""
        if self.span and "%" in path:
            width = int(re.search(r"%0(\d)d", path).group(1))  # type: ignore[union-attr]
            first, last = (f"{n:0{width}d}" for n in self.span)
            path = re.sub(r"%0\dd", f"[{first}-{last}]", path)
        self.properties["File Path"] = path
        self.name = Path(path).name

    def do_GetName(self) -> str:
        return self.name

    def do_GetMediaId(self) -> str:
        return self.media

    def do_GetClipProperty(self, name: str) -> str:
        return self.properties.get(name, "")

    def do_ReplaceClip(self, path: str) -> bool:
        if not Path(path).is_file():
            return False
        if self.span:
            path = re.sub(r"(\d+)(\.\w+)$", lambda m: f"%0{len(m[1])}d{m[2]}", path)
        self.lead_to(path)
        return True


@dataclass
class Track:
    name: str
    is_enabled: bool = True
    items: list[Item] = field(default_factory=list)


class Timeline(Remote):
    kind = "Timeline"

    def __init__(self, app: Application, name: str, start: int, rate: float) -> None:
        super().__init__(app)
        self.name, self.start, self.rate = name, start, rate
        self.tracks: dict[str, list[Track]] = {"video": [], "audio": [], "subtitle": []}
        self.markers: dict[int, dict[str, Any]] = {}
        self.source: otio.schema.Timeline | None = None
        self.under_playhead: Item | None = None

    @property
    def end(self) -> int:
        items = [i for tracks in self.tracks.values() for track in tracks for i in track.items]
        return max((item.start + item.length for item in items), default=self.start)

    def do_GetName(self) -> str:
        return self.name

    def do_SetName(self, name: str) -> bool:
        if any(each.name == name for each in self.app.project.timelines):
            return False
        self.name = name
        return True

    def do_GetStartFrame(self) -> int:
        return self.start

    def do_GetEndFrame(self) -> int:
        return self.end

    def do_DuplicateTimeline(self, name: str) -> Timeline | None:
        project = self.app.project
        if any(each.name == name for each in project.timelines):
            return None
        twin = Timeline(self.app, name, self.start, self.rate)
        twin.source = self.source
        for kind, tracks in self.tracks.items():
            for track in tracks:
                items = [item.twin() for item in track.items]
                twin.tracks[kind].append(Track(track.name, track.is_enabled, items))
        twin.markers = copy.deepcopy(self.markers)
        project.timelines.append(twin)
        return twin

    def do_GetSetting(self, name: str) -> Any:
        return {"timelineFrameRate": self.rate}.get(name, "")

    def do_GetCurrentVideoItem(self) -> Item | None:
        return self.under_playhead

    def do_GetSelectedClips(self) -> list[Item]:
        return [self.under_playhead] if self.under_playhead else []

    def do_GetTrackCount(self, kind: str) -> int:
        return len(self.tracks[kind])

    def do_AddTrack(self, kind: str, sub_kind: str = "") -> bool:
        assert not sub_kind or (kind == "audio" and sub_kind in ("mono", "stereo"))
        self.tracks[kind].append(Track(f"{kind.title()} {len(self.tracks[kind]) + 1}"))
        return True

    def do_DeleteTrack(self, kind: str, index: int) -> bool:
        return self.tracks[kind].pop(index - 1) is not None

    def do_GetTrackName(self, kind: str, index: int) -> str:
        return self.tracks[kind][index - 1].name

    def do_SetTrackName(self, kind: str, index: int, name: str) -> bool:
        self.tracks[kind][index - 1].name = name
        return True

    def do_SetTrackEnable(self, kind: str, index: int, enabled: bool) -> bool:
        self.tracks[kind][index - 1].is_enabled = enabled
        return True

    def do_GetIsTrackEnabled(self, kind: str, index: int) -> bool:
        return self.tracks[kind][index - 1].is_enabled

    def do_GetItemListInTrack(self, kind: str, index: int) -> list[Item]:
        return list(self.tracks[kind][index - 1].items)

    def do_Export(self, path: str, kind: object, subtype: object) -> bool:
        if kind != self.app.EXPORT_OTIO or subtype != self.app.EXPORT_NONE or not self.source:
            return False
        otio.adapters.write_to_file(self.source, path)
        return True

    def do_AddMarker(
        self, frame: int, colour: str, name: str, note: str, duration: int, data: str = ""
    ) -> bool:
        out = not 0 <= frame < self.end - self.start
        if colour not in MARKER_COLOURS or frame in self.markers or out:
            return False
        self.markers[frame] = {
            "color": colour, "duration": duration, "note": note, "name": name, "customData": data,
        }  # fmt: skip
        return True

    def do_GetMarkers(self) -> dict[float, dict[str, Any]]:
        is_old = self.app.profile.version < (21, 1)
        return {float(at) if is_old else at: dict(each) for at, each in self.markers.items()}

    def do_GetMarkerByCustomData(self, data: str) -> dict[str, Any]:
        return next((m for m in self.markers.values() if m["customData"] == data), {})

    def do_DeleteMarkerByCustomData(self, data: str) -> bool:
        self.markers = {f: m for f, m in self.markers.items() if m["customData"] != data}
        return True


class Item(Remote):
    kind = "TimelineItem"

    def __init__(
        self,
        app: Application,
        clip: MediaPoolItem | None,
        start: int,
        length: int,
        source: int,
        name: str,
    ) -> None:
        super().__init__(app)
        self.clip, self.start, self.length, self.source = clip, start, length, source
        self.name = name
        self.shown = length
        self.takes: list[MediaPoolItem] = []
        self.chosen = 0

    def twin(self) -> Item:
        twin = Item(self.app, self.clip, self.start, self.length, self.source, self.name)
        twin.shown, twin.takes, twin.chosen = self.shown, list(self.takes), self.chosen
        return twin

    def do_GetStart(self) -> int:
        return self.start

    def do_GetEnd(self) -> int:
        return self.start + self.length

    def do_GetDuration(self) -> int:
        return self.length

    def do_GetName(self) -> str:
        return self.name

    def do_GetLeftOffset(self) -> int:
        return self.source if self.chosen < 2 else 0

    def do_GetLinkedItems(self) -> list[Item]:
        return []

    def do_GetTrackTypeAndIndex(self) -> list[Any]:
        tracks = self.app.project.current.tracks if self.app.project.current else {}
        return next(
            [kind, number + 1]
            for kind, each in tracks.items()
            for number, track in enumerate(each)
            if self in track.items
        )

    def do_GetSourceStartFrame(self) -> int:
        return self.do_GetLeftOffset()

    def do_GetSourceEndFrame(self) -> int:
        return self.do_GetLeftOffset() + self.shown

    def do_GetMediaPoolItem(self) -> MediaPoolItem | None:
        return self.takes[self.chosen - 1] if self.takes else self.clip

    def do_AddTake(self, clip: MediaPoolItem) -> bool:
        if self.clip is None:
            return False
        if not self.takes:
            self.takes, self.chosen = [self.clip], 1
        self.takes.append(clip)
        return True

    def do_GetTakesCount(self) -> int:
        return len(self.takes)

    def do_GetTakeByIndex(self, index: int) -> dict[str, Any] | None:
        if not 1 <= index <= len(self.takes):
            return None
        first = self.source if index == 1 else 0
        last = first + self.length
        return {"startFrame": first, "endFrame": last, "mediaPoolItem": self.takes[index - 1]}

    def do_GetSelectedTakeIndex(self) -> int:
        return self.chosen

    def do_SelectTakeByIndex(self, index: int) -> bool:
        if 1 <= index <= len(self.takes):
            self.chosen = index
        return self.chosen == index

    def do_DeleteTakeByIndex(self, index: int) -> bool:
        self.takes.pop(index - 1)
        self.chosen = min(self.chosen, len(self.takes))
        return True


def _every_folder(folder: Folder) -> list[Folder]:
    return [folder, *(each for sub in folder.folders for each in _every_folder(sub))]


def resolve_with(profile: Profile, path: Path, start: int = 86400) -> Application:
    """A Resolve whose project holds a timeline file, cut as it is there."""
    app = Application(profile)
    source = otio.adapters.read_from_file(str(path))
    rate = next(iter(source.video_tracks())).available_range().duration.rate
    timeline = Timeline(app, source.name, start, rate)
    source.global_start_time = otio.opentime.RationalTime(start, rate)
    timeline.source = source
    for track in source.tracks:
        made = Track(f"{track.kind} {len(timeline.tracks[track.kind.lower()]) + 1}")
        timeline.tracks[track.kind.lower()].append(made)
        for clip in track.find_clips():
            shown = clip.trimmed_range_in_parent()
            assert shown is not None
            media = clip.media_reference
            # Resolve writes the system's own paths, a folder without its last separator.
            if isinstance(media, otio.schema.ImageSequenceReference):
                number = f"%0{media.frame_zero_padding}d"
                media.target_url_base = str(path.parent / media.target_url_base)
                name = media.name_prefix + number + media.name_suffix
                file = str(Path(media.target_url_base) / name)
                first = media.start_frame
                span = (first, first + int(media.available_range.duration.value) - 1)
                entry = MediaPoolItem(app, file, span)
            else:
                media.target_url = str(path.parent / media.target_url)
                entry = MediaPoolItem(app, media.target_url, None)
            app.project.pool.root.clips.append(entry)
            at, length = int(shown.start_time.value), int(shown.duration.value)
            made.items.append(Item(app, entry, start + at, length, 0, clip.name))
    app.project.timelines.append(timeline)
    app.project.current = timeline
    return app
