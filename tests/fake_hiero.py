"""A Nuke Studio that knows what docs/hosts/hiero_calls.csv lists, and refuses the rest."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import opentimelineio as otio

TABLE: Final = Path(__file__).parents[1] / "docs" / "hosts" / "hiero_calls.csv"


@cache
def listed() -> set[tuple[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["object"], name) for row in rows for name in row["method"].split("/")}


class Strict:
    def __getattribute__(self, name: str) -> Any:
        kind = type(self).__name__
        if not name.startswith("_") and (kind, name) not in listed():
            raise AttributeError(f"{kind} has no {name} in docs/hosts")
        return object.__getattribute__(self, name)


class Tag(Strict):
    def __init__(self, name: str, icon: str = "icons:Tag.png") -> None:
        self._name, self._icon, self._note = name, icon, ""

    def name(self) -> str:
        return self._name

    def note(self) -> str:
        return self._note

    def setNote(self, note: str) -> None:
        self._note = note


class Sequence(Strict):
    def __init__(self, project: Project, timeline: Any) -> None:
        self._project, self._timeline = project, timeline
        self._name = timeline.name
        self._tags: list[tuple[Tag, int, int]] = []

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        self._name = name

    def project(self) -> Project:
        return self._project

    def tags(self) -> list[Tag]:
        return [tag for tag, _, _ in self._tags]

    def addTagToRange(self, tag: Tag, inTime: int, outTime: int) -> Tag:
        assert type(inTime) is int and type(outTime) is int and inTime <= outTime
        # The sequence keeps a copy: the one given is not the one shown.
        mine = Tag(tag._name, tag._icon)
        self._tags.append((mine, inTime, outTime))
        return mine


class Bin(Strict):
    def __init__(self, name: str, project: Project | None = None) -> None:
        self._name, self._project = name, project
        self._bins: list[Bin] = []

    def name(self) -> str:
        return self._name

    def bins(self) -> list[Bin]:
        return list(self._bins)

    def addItem(self, item: Bin) -> Bin:
        item._project = self._project
        self._bins.append(item)
        return item


class Project(Strict):
    def __init__(self, name: str) -> None:
        self._name = name
        self._root = Bin("Sequences", self)
        self._sequences: list[Sequence] = []
        self._undo: list[str] = []

    def name(self) -> str:
        return self._name

    def clipsBin(self) -> Bin:
        return self._root

    def sequences(self) -> list[Sequence]:
        return list(self._sequences)

    @contextmanager
    def beginUndo(self, name: str) -> Iterator[None]:
        self._undo.append(name)
        yield


class FakeStudio:
    """The modules hiero.core, hiero.ui and hiero.importers; install() makes them importable."""

    def __init__(self, makes_tags: bool) -> None:
        self.projects: list[Project] = []
        self.active: Sequence | None = None
        self.menus: dict[str, dict[str, Callable[[], Any]]] = {}
        self._makes_tags = makes_tags

    def install(self, monkeypatch: Any) -> None:
        core, ui = ModuleType("hiero.core"), ModuleType("hiero.ui")
        importer = ModuleType("hiero.importers.FnOTIOImporter")
        for name, value in {
            "projects": lambda: list(self.projects),
            "Tag": Tag,
            "Bin": Bin,
        }.items():
            assert ("hiero.core", name) in listed()
            setattr(core, name, value)
        for name, value in {
            "menuBar": lambda: _MenuBar(self), "activeSequence": lambda: self.active,
            "createMenuAction": lambda title, call: (title, call),
        }.items():  # fmt: skip
            assert ("hiero.ui", name) in listed()
            setattr(ui, name, value)
        studio = self

        class OtioImporter:
            def importToNewSequence(self, path: str, into: Bin) -> None:
                assert isinstance(path, str) and into._project is not None
                studio._import(path, into)

        importer.OtioImporter = OtioImporter  # type: ignore[attr-defined]
        hiero = ModuleType("hiero")
        hiero.core, hiero.ui = core, ui  # type: ignore[attr-defined]
        for module in (hiero, core, ui, ModuleType("hiero.importers"), importer):
            monkeypatch.setitem(sys.modules, module.__name__, module)

    def _import(self, path: str, into: Bin) -> None:
        timeline = otio.adapters.read_from_file(path)
        assert into._project is not None
        sequence = Sequence(into._project, timeline)
        for clip in timeline.find_clips():
            media = clip.media_reference
            if isinstance(media, otio.schema.ImageSequenceReference):
                assert re.search(r"\w", media.name_suffix) and media.frame_zero_padding > 0
        for marker in timeline.tracks.markers if self._makes_tags else ():
            start = round(marker.marked_range.start_time.value)
            sequence.addTagToRange(Tag(marker.name), start, start)
        into._project._sequences.append(sequence)


class _MenuBar:
    def __init__(self, studio: FakeStudio) -> None:
        self._studio = studio

    def addMenu(self, name: str) -> _Menu:
        return _Menu(self._studio.menus.setdefault(name, {}))


class _Menu:
    def __init__(self, entries: dict[str, Callable[[], Any]]) -> None:
        self._entries = entries

    def addAction(self, action: tuple[str, Callable[[], Any]]) -> None:
        self._entries[action[0]] = action[1]
