"""The adapter for DaVinci Resolve, on a fake of it that knows no more than is documented."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import opentimelineio as otio
import pytest
from conftest import Dubbed
from fake_resolve import (
    PROFILES,
    Application,
    Item,
    MediaPoolItem,
    Profile,
    Timeline,
    Track,
    resolve_with,
)
from service_places import own_service_places, wait_for

from dubwright_plugin import connect
from dubwright_plugin.runtime import remember_installation
from dubwright_plugin.version import read_version
from dubwright_resolve.actions import (
    MENU,
    bring_results_in,
    dub_timeline,
    lip_sync_selected,
    open_review,
    run,
)
from dubwright_resolve.bring_in import bring_in
from dubwright_resolve.colour import colour_space
from dubwright_resolve.live import Refused, find_resolve, version_of
from dubwright_resolve.selected import selected_clip

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "installers"))

from hosts import menu_scripts

SCRIPTED = [name for name, profile in PROFILES.items() if profile.runs_scripts]


@pytest.fixture(params=SCRIPTED)
def app(request: pytest.FixtureRequest, dubbed: Dubbed) -> Application:
    return resolve_with(PROFILES[request.param], dubbed.sample.timeline)


def _original(app: Application) -> Timeline:
    return app.project.timelines[0]


def _named(app: Application, name: str) -> Timeline:
    (found,) = (each for each in app.project.timelines if each.name == name)
    return found


def _state(app: Application) -> object:
    """All that an artist would see of a project."""

    def of_folder(folder: object) -> object:
        return (
            folder.name,  # type: ignore[attr-defined]
            sorted(clip.properties["File Path"] for clip in folder.clips),  # type: ignore[attr-defined]
            [of_folder(each) for each in folder.folders],  # type: ignore[attr-defined]
        )

    timelines = [
        (
            timeline.name,
            {
                kind: [
                    (
                        t.name,
                        t.is_enabled,
                        [(i.start, i.length, list(i.takes), i.chosen) for i in t.items],
                    )
                    for t in tracks
                ]
                for kind, tracks in timeline.tracks.items()
            },
            dict(timeline.markers),
        )
        for timeline in app.project.timelines
    ]
    return timelines, of_folder(app.project.pool.root), app.project.current


def test_a_version_is_read_for_a_host(dubbed: Dubbed) -> None:
    spanish, french = read_version(dubbed.result.folder)
    assert (spanish.language, french.language) == ("es", "fr")
    assert spanish.frames == 276 and spanish.rate == 24
    assert [(s.name, s.record_start, s.frames) for s in spanish.shots] == [
        ("lighthouse_010", 0, 180),
        ("lighthouse_020", 180, 96),
    ]
    for shot in spanish.shots:
        files = [Path(shot.pattern % (shot.first + n)) for n in range(shot.frames)]
        assert files[0] == shot.first_file and all(file.is_file() for file in files)
        assert shot.drawn + sum(r.end - r.first for r in shot.passed_through) == shot.frames
    assert spanish.dialogue.is_file() and spanish.effects.is_file()
    assert spanish.subtitles and spanish.subtitles.is_file()
    assert [cue.id for cue in spanish.cues] == ["cue0001", "cue0002", "cue0003"]


def test_languages_come_in_as_timelines_of_their_own(app: Application, dubbed: Dubbed) -> None:
    told = bring_in(app, _original(app), dubbed.result.folder)
    name = _original(app).name
    assert [each.name for each in app.project.timelines] == [name, f"{name} (es)", f"{name} (fr)"]
    spanish = _named(app, f"{name} (es)")
    for item, shot in zip(spanish.tracks["video"][0].items, ("010", "020"), strict=True):
        assert len(item.takes) == 2 and item.chosen == 2
        assert item.takes[0] is item.clip, "the plate stays take 1"
        assert item.takes[1].name == f"lighthouse_{shot}.es.[1001-{1000 + item.length}].exr"
    sound = spanish.tracks["audio"]
    assert [t.name for t in sound[-2:]] == ["DX es (Dubwright)", "M&E es (Dubwright)"]
    assert not any(track.is_enabled for track in sound[:-2])
    for track in sound[-2:]:
        (item,) = track.items
        assert track.is_enabled and (item.start, item.length) == (86400, 276)
    by_hand = [line for line in told if "by hand" in line]
    assert len(by_hand) == (0 if app.profile.takes_subtitles else 2)
    assert app.project.current is _original(app)
    assert app.project.pool.folder is app.project.pool.root
    assert not app.dialogue_open


def test_the_original_timeline_stays_as_it_was(app: Application, dubbed: Dubbed) -> None:
    before = _state(app)[0][0]  # type: ignore[index]
    bring_in(app, _original(app), dubbed.result.folder)
    assert _state(app)[0][0] == before  # type: ignore[index]


def test_markers_stand_on_the_lines(app: Application, dubbed: Dubbed) -> None:
    bring_in(app, _original(app), dubbed.result.folder)
    markers = _named(app, f"{_original(app).name} (es)").markers
    spanish = read_version(dubbed.result.folder)[0]
    for cue in spanish.cues:
        (at,) = (f for f, m in markers.items() if m["customData"] == f"dubwright:{cue.id}")
        assert at == int(cue.start_ms * 24 / 1000)
        assert cue.text in markers[at]["note"] and markers[at]["name"] == cue.speaker
    assert not any(m["note"] == "no line is dubbed here" for m in markers.values())


def test_bringing_in_again_changes_nothing(app: Application, dubbed: Dubbed) -> None:
    bring_in(app, _original(app), dubbed.result.folder)
    before = _state(app)
    bring_in(app, _original(app), dubbed.result.folder)
    assert _state(app) == before


def test_a_newer_version_takes_the_older_ones_place_and_the_artists_work_stays(
    app: Application, dubbed: Dubbed, tmp_path: Path
) -> None:
    newer = tmp_path / "dubs été" / "v002"
    newer.parent.mkdir()
    shutil.copytree(dubbed.result.folder, newer)
    bring_in(app, _original(app), dubbed.result.folder)
    spanish = _named(app, f"{_original(app).name} (es)")
    first = spanish.tracks["video"][0].items[0]
    first.chosen = 1  # the artist prefers the plate here
    spanish.tracks["audio"][0].is_enabled = True
    spanish.tracks["audio"][-1].items[0].length = 200
    at = next(f for f, m in spanish.markers.items() if m["customData"] == "dubwright:cue0002")
    spanish.markers[at + 3] = spanish.markers.pop(at) | {"color": "Rose", "note": "out of date"}

    bring_in(app, _original(app), newer)
    assert len(app.project.timelines) == 3
    assert len(first.takes) == 2 and first.chosen == 1
    assert str(newer) in first.takes[1].properties["File Path"]
    assert spanish.tracks["audio"][0].is_enabled
    assert spanish.tracks["audio"][-1].items[0].length == 200
    assert spanish.markers[at + 3]["color"] == "Rose"
    assert "out of date" not in spanish.markers[at + 3]["note"]
    paths = [i.clip.properties["File Path"] for t in spanish.tracks["audio"][-2:] for i in t.items]
    assert all(path.startswith(str(newer)) for path in paths)


REFUSABLE = ("DuplicateTimeline", "AddSubFolder", "ImportMedia", "AddTrack", "SetTrackName",
             "AppendToTimeline", "AddTake", "SelectTakeByIndex", "SetTrackEnable")  # fmt: skip


@pytest.mark.parametrize("call", REFUSABLE)
def test_what_resolve_refuses_leaves_the_project_as_it_was(dubbed: Dubbed, call: str) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    before = _state(app)
    app.failing.add(call)
    with pytest.raises(Refused) as caught:
        bring_in(app, _original(app), dubbed.result.folder)
    assert call in str(caught.value)
    assert _state(app) == before


@pytest.mark.parametrize("call", ["AddTake", "AppendToTimeline", "SetTrackName"])
def test_whatever_stops_it_the_project_is_as_it_was(dubbed: Dubbed, call: str) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    before = _state(app)
    app.raising.add(call)
    with pytest.raises(TypeError):
        bring_in(app, _original(app), dubbed.result.folder)
    assert _state(app) == before


def test_a_track_that_was_left_empty_is_filled(app: Application, dubbed: Dubbed) -> None:
    bring_in(app, _original(app), dubbed.result.folder)
    spanish = _named(app, f"{_original(app).name} (es)")
    spanish.tracks["audio"][-2].items.clear()  # as when Resolve was killed before it lay there
    bring_in(app, _original(app), dubbed.result.folder)
    assert len(spanish.tracks["audio"][-2].items) == 1
    assert len(spanish.tracks["video"]) == len(_original(app).tracks["video"])


def _newer(dubbed: Dubbed, folder: Path) -> Path:
    newer = folder / "Dubs été" / "v002"
    newer.parent.mkdir()
    shutil.copytree(dubbed.result.folder, newer)
    return newer


def _report(version: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a version's report says of Spanish."""
    report = json.loads((version / "report.json").read_text())
    change(report["languages"][0])
    (version / "report.json").write_text(json.dumps(report))


def test_a_version_that_cannot_be_led_in_wholly_leaves_the_older_one(
    dubbed: Dubbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    bring_in(app, _original(app), dubbed.result.folder)
    newer = _newer(dubbed, tmp_path)
    before, lead = _state(app), MediaPoolItem.do_ReplaceClip

    def refuses_frames(clip: MediaPoolItem, path: str) -> bool:
        return not path.startswith(f"{newer}/frames/") and lead(clip, path)

    monkeypatch.setattr(MediaPoolItem, "do_ReplaceClip", refuses_frames)
    with pytest.raises(Refused, match="ReplaceClip"):
        bring_in(app, _original(app), newer)
    assert _state(app) == before
    monkeypatch.undo()
    next((newer / "frames" / "es" / "lighthouse_020").glob("*.exr")).unlink()
    with pytest.raises(ValueError, match="holds 95 of 96 frames"):
        bring_in(app, _original(app), newer)
    assert _state(app) == before


def test_what_a_newer_version_does_not_redraw_shows_its_plate_again(
    dubbed: Dubbed, tmp_path: Path
) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    newer = _newer(dubbed, tmp_path)
    _report(newer, lambda told: told["cues"][1].update(dubbed=False, reason="has no text"))
    bring_in(app, _original(app), newer)
    spanish = _named(app, f"{_original(app).name} (es)")
    second = spanish.tracks["video"][0].items[1]
    assert second.chosen == 2

    def undrawn(told: dict[str, Any]) -> None:
        told["shots"][1]["drawn"] = 0
        told["cues"][1].update(dubbed=True, reason="")
        del told["cues"][2]

    _report(newer, undrawn)
    told = bring_in(app, _original(app), newer)
    assert second.chosen == 1 and len(second.takes) == 2
    assert any("lighthouse_020 shows its plate again" in line for line in told)
    by_id = {m["customData"]: m for m in spanish.markers.values()}
    assert by_id["dubwright:cue0002"]["color"] == "Green"
    assert "dubwright:cue0003" not in by_id


def test_a_shot_whose_frames_cannot_stand_for_its_clip_is_told(
    dubbed: Dubbed, tmp_path: Path
) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    newer = _newer(dubbed, tmp_path)
    _report(newer, lambda told: told["shots"][0].update(in_the_way="it dissolves"))
    told = bring_in(app, _original(app), newer)
    assert any("(es): lighthouse_010 keeps the plate: it dissolves" in line for line in told)


def test_a_version_of_an_earlier_dubwright_is_told(dubbed: Dubbed, tmp_path: Path) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    older = _newer(dubbed, tmp_path)
    report = json.loads((older / "report.json").read_text())
    del report["files"]
    (older / "report.json").write_text(json.dumps(report))
    said: list[str] = []
    assert not run(lambda resolve, say: bring_in(resolve, _original(app), older), app, said.append)
    assert said == [f"Dubwright: {older} is of an earlier Dubwright; dub it again"]


def test_of_clips_above_each_other_the_dubbed_one_gets_the_take(dubbed: Dubbed) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    (picture,) = _original(app).tracks["video"]
    guide = Track("guide", items=[item.twin() for item in picture.items])
    _original(app).tracks["video"].append(guide)
    bring_in(app, _original(app), dubbed.result.folder)
    below, above = _named(app, f"{_original(app).name} (es)").tracks["video"]
    assert all(item.takes for item in below.items) and not any(item.takes for item in above.items)


def test_shots_that_cannot_have_a_take_are_told_with_a_reason(dubbed: Dubbed) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    first, second = _original(app).tracks["video"][0].items
    first.shown = 2 * first.length  # twice as fast
    second.clip = None  # as a compound clip's
    told = "\n".join(bring_in(app, _original(app), dubbed.result.folder))
    assert "lighthouse_010 keeps the plate: its speed is changed" in told
    assert "lighthouse_020 keeps the plate: it is a title, a generator or a compound" in told


def test_a_timeline_of_the_name_that_is_not_ours_is_not_touched(dubbed: Dubbed) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    stranger = Timeline(app, f"{_original(app).name} (es)", 0, 24)
    app.project.timelines.append(stranger)
    before = _state(app)
    with pytest.raises(Refused, match="did not make"):
        bring_in(app, _original(app), dubbed.result.folder)
    assert _state(app) == before


def test_a_version_of_another_timeline_is_refused(dubbed: Dubbed) -> None:
    app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
    _original(app).tracks["video"][0].items.pop()
    for track in _original(app).tracks["audio"]:
        track.items.clear()
    with pytest.raises(Refused, match="has 180 frames, and this version was made of one of 276"):
        bring_in(app, _original(app), dubbed.result.folder)


def test_resolve_is_found_by_each_of_its_names() -> None:
    app = Application(Profile((20, 3, 2), is_studio=True))

    class Named:
        def scriptapp(self, name: str) -> Application:
            assert name == "Resolve"
            return app

        def GetResolve(self) -> Application:  # noqa: N802 - Resolve's own name
            return app

    assert find_resolve({"resolve": app}) is app
    assert find_resolve({"bmd": Named()}) is app
    assert find_resolve({"app": Named()}) is app
    assert find_resolve({}) is None
    assert str(version_of(app)) == "20.3.2 Studio"


# --- Whole stories, with the real service -------------------------------------------------------


@pytest.fixture(scope="module")
def served(dubbed: Dubbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for projects, and a running service that has the sample's results."""
    folder = tmp_path_factory.mktemp("resolve service")
    runtime = folder / "run" / "service.json"
    with own_service_places(folder, runtime):
        command = [sys.executable, "-m", "dubwright.cli", "serve", "--store", str(dubbed.store)]
        process = subprocess.Popen(command)
        wait_for(runtime.exists, process=process)
        yield folder
        subprocess.run([sys.executable, "-m", "dubwright.cli", "stop"], check=True)
        assert process.wait(20) == 0
    shutil.rmtree(folder)


@pytest.fixture
def studio(served: Path, dubbed: Dubbed, monkeypatch: pytest.MonkeyPatch) -> Application:
    monkeypatch.setenv("DUBWRIGHT_PROJECTS", str(served / "Projets d'été"))
    return resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)


def _place(link: str) -> str:
    """Where on the page a link leads."""
    address = urlsplit(link)
    connection = http.client.HTTPConnection(address.netloc, timeout=20)
    connection.request("GET", address.path)
    leads = connection.getresponse().headers["Location"]
    connection.close()
    return urlsplit(leads).fragment


def _person(dubbed: Dubbed, seen: list[dict[str, str]]) -> Callable[[str], None]:
    """Somebody who asks for two languages on the page that has opened."""

    def asks(link: str) -> None:
        where, _, fields = _place(link).partition("?")
        assert where == "/new"
        given = {name: values[0] for name, values in parse_qs(fields).items()}
        seen.append(given)
        request = {
            "timeline": given["timeline"],
            "output": given["output"],
            "languages": ["es", "fr"],
            "subtitles": {k: str(v) for k, v in dubbed.sample.subtitles("en", "es", "fr").items()},
            "cast": str(dubbed.sample.cast),
            "original": "en",
        }
        connect(start=False).submit("dub", request, title="lighthouse", tag=given["tag"])

    return asks


def _menu_script(entry: str) -> str:
    """A script of the menu as it is installed."""
    return str(menu_scripts(ROOT)[entry + ".py"])


def test_every_entry_of_the_menu_is_installed() -> None:
    assert {Path(name).stem for name in menu_scripts(ROOT)} == set(MENU)


def test_a_timeline_goes_out_and_comes_back_in_two_languages(
    studio: Application, dubbed: Dubbed
) -> None:
    said: list[str] = []
    seen: list[dict[str, str]] = []
    dub_timeline(studio, said.append, _person(dubbed, seen))
    name = _original(studio).name
    assert [t.name for t in studio.project.timelines] == [name, f"{name} (es)", f"{name} (fr)"]
    items = _named(studio, f"{name} (fr)").tracks["video"][0].items
    assert all(len(item.takes) == 2 for item in items)
    exported = Path(seen[0]["timeline"])
    assert exported.parent.name == name and otio.adapters.read_from_file(str(exported))
    assert any("100 %" in line for line in said) and said[-1].startswith("Brought in from")
    before = _state(studio)
    dub_timeline(studio, said.append, _person(dubbed, seen))
    assert _state(studio) == before, "the same again changes nothing"


def test_resolve_may_be_closed_meanwhile_and_results_are_brought_in_later(
    studio: Application, dubbed: Dubbed, capsys: pytest.CaptureFixture[str]
) -> None:
    class Closed(BaseException):
        pass

    def quit_at_once(line: str) -> None:
        if " %" in line:
            raise Closed

    seen: list[dict[str, str]] = []
    with pytest.raises(Closed):
        dub_timeline(studio, quit_at_once, _person(dubbed, seen))
    assert len(studio.project.timelines) == 1
    (job,) = connect(start=False).jobs(seen[0]["tag"])
    connect(start=False).wait(str(job["id"]))
    exec(compile(_menu_script("Bring Results In"), "script", "exec"), {"resolve": studio})
    assert len(studio.project.timelines) == 3
    assert "Brought in from" in capsys.readouterr().out
    links: list[str] = []
    open_review(studio, lambda line: None, links.append)
    assert _place(links[0]) == f"/jobs/{job['id']}"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_service_that_is_killed_meanwhile_is_started_again_and_goes_on(
    dubbed: Dubbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBWRIGHT_PROJECTS", str(tmp_path / "projects"))
    runtime = tmp_path / "service.json"
    with own_service_places(tmp_path / "places", runtime):
        monkeypatch.setenv("DUBWRIGHT_STORE", str(dubbed.store))
        remember_installation(sys.executable)
        app = resolve_with(PROFILES["20.3 Studio"], dubbed.sample.timeline)
        killed: list[int] = []

        def kill_once(line: str) -> None:
            if " %" in line and not killed:
                killed.append(json.loads(runtime.read_text())["pid"])
                os.kill(killed[0], signal.SIGKILL)

        dub_timeline(app, kill_once, _person(dubbed, []))
        assert killed and len(app.project.timelines) == 3
        assert json.loads(runtime.read_text())["pid"] != killed[0]
        subprocess.run([sys.executable, "-m", "dubwright.cli", "stop"], check=True)
        wait_for(lambda: not runtime.exists())


def test_a_dub_that_fails_is_one_sentence_and_the_project_is_as_it_was(
    studio: Application, dubbed: Dubbed
) -> None:
    def asks_for_nonsense(link: str) -> None:
        given = parse_qs(_place(link).partition("?")[2])
        request = {"timeline": given["timeline"][0], "output": given["output"][0],
                   "languages": ["qq"], "original": "en"}  # fmt: skip
        connect(start=False).submit("dub", request, tag=given["tag"][0])

    before, said = _state(studio), []
    done = run(
        lambda resolve, say: dub_timeline(resolve, say, asks_for_nonsense), studio, said.append
    )
    assert not done and said[-1].startswith("Dubwright: ")
    assert _state(studio) == before


@pytest.mark.parametrize(
    "broken", ["no Resolve", "no service", "no export", "no timeline", "old", "another version"]
)
def test_a_broken_house_leaves_resolve_working_and_says_what_to_do(
    studio: Application, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    remedy = {"no Resolve": "allow scripts from outside", "no service": "dubwright serve",
              "no export": "may be written", "no timeline": "Open the one to dub",
              "old": "needs 18.5", "another version": "stop it with"}[broken]  # fmt: skip
    app: Application | None = studio
    if broken == "no service":
        monkeypatch.setenv("DUBWRIGHT_RUNTIME", str(tmp_path / "none.json"))
        monkeypatch.setenv("DUBWRIGHT_INSTALLATION", str(tmp_path / "none.json"))
    elif broken == "another version":
        announced = json.loads(Path(os.environ["DUBWRIGHT_RUNTIME"]).read_text())
        (tmp_path / "service.json").write_text(json.dumps(announced | {"protocol": 0}))
        monkeypatch.setenv("DUBWRIGHT_RUNTIME", str(tmp_path / "service.json"))
    elif broken == "no export":
        studio.failing.add("Export")
    elif broken == "no timeline":
        studio.project.current = None
    elif broken == "old":
        studio.profile = Profile((18, 1, 4), is_studio=True)
    else:
        app = None
    before, said = _state(studio), []
    assert not run(dub_timeline, app, said.append)
    assert len(said) == 1 and remedy in said[0]
    assert _state(studio) == before


def test_another_project_that_was_opened_meanwhile_is_not_touched(
    studio: Application, dubbed: Dubbed
) -> None:
    asks = _person(dubbed, [])
    theirs = studio.project

    def asks_and_goes_elsewhere(link: str) -> None:
        asks(link)
        studio.project = type(theirs)(studio)

    said: list[str] = []
    assert not run(
        lambda resolve, say: dub_timeline(resolve, say, asks_and_goes_elsewhere),
        studio, said.append,
    )  # fmt: skip
    assert "Another project is open now" in said[-1]
    assert len(theirs.timelines) == 1 and not studio.project.pool.root.folders


def test_lines_are_said_under_an_ascii_locale(tmp_path: Path) -> None:
    adapters = ROOT / "host_adapters" / "resolve"
    code = "from dubwright_resolve.actions import to_console; to_console('Projet Été: 5 %')"
    places = os.pathsep.join([str(adapters), str(ROOT / "plugin")])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": places, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.stdout.strip() == "Projet ?t?: 5 %"


def test_a_script_that_lost_its_house_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    source = _menu_script("Dub Timeline").replace("dubwright_resolve ", "dubwright_gone ")
    exec(compile(source, "script", "exec"), {"resolve": None})
    assert "Run its installer again" in capsys.readouterr().out


def test_nothing_finished_is_told_as_it_is(studio: Application) -> None:
    said: list[str] = []
    studio.project.timelines[0].id = "another"
    assert not run(bring_results_in, studio, said.append)
    assert "it was not dubbed" in said[0]


def test_a_managed_project_says_the_clips_space(dubbed: Dubbed) -> None:
    app = resolve_with(PROFILES["21.0"], dubbed.sample.timeline)
    first, second = (item.clip for item in _original(app).tracks["video"][0].items)
    assert first and second
    first.properties["Input Color Space"] = second.properties["Input Color Space"] = "ARRI LogC4"
    timeline = _original(app)
    assert colour_space(app.project, timeline) == ("", "")
    app.project.settings["colorScienceMode"] = "davinciYRGBColorManagedv2"
    assert colour_space(app.project, timeline) == ("ARRI LogC4", "")
    second.properties["Input Color Space"] = "ACEScg"
    assert "different colour spaces" in colour_space(app.project, timeline)[1]
    first.properties["Input Color Space"] = second.properties["Input Color Space"] = "Nonsense"
    assert "Nonsense has no name here" in colour_space(app.project, timeline)[1]
    del first.properties["Input Color Space"], second.properties["Input Color Space"]
    assert colour_space(app.project, timeline)[0] == ""


def _laid_down(app: Application, recording: Path, at: int) -> Item:
    """A recording on an audio track of its own, so many frames into the timeline."""
    timeline = _original(app)
    clip = MediaPoolItem(app, str(recording), None)
    item = Item(app, clip, timeline.start + at, 48, 0, recording.name)
    timeline.tracks["audio"].append(Track("DX es", items=[item]))
    return item


@pytest.fixture
def recording(dubbed: Dubbed) -> Path:
    """What the actor says in Spanish first."""
    takes = sorted(dubbed.store.glob("objects/*/*/take.json"))
    spoken = next(p for p in takes if json.loads(p.read_text())["language"] == "es")
    return spoken.parent / str(json.loads(spoken.read_text())["audio"])


@pytest.mark.parametrize("profile", ["19.1 free", "21.0"])
def test_a_selected_clip_is_lip_synced_to_the_recording_under_it(
    studio: Application, dubbed: Dubbed, recording: Path, profile: str
) -> None:
    studio.profile = PROFILES[profile]
    item = _original(studio).tracks["video"][0].items[0]
    item.source, item.length, item.shown = 40, 60, 60  # trimmed by the artist
    item.start += 40
    _original(studio).under_playhead = item
    _laid_down(studio, recording, 52)
    said: list[str] = []
    assert run(lip_sync_selected, studio, said.append), said
    assert len(item.takes) == 2 and item.chosen == 2
    assert item.takes[1].name.endswith(".es.[1041-1100].exr")
    assert re.search(r"has \d+ new frames of 60", said[-1])
    before = _state(studio)
    assert run(lip_sync_selected, studio, said.append)
    assert _state(studio) == before


def test_broadcast_rates_are_exact_and_timecodes_may_start_anywhere(
    dubbed: Dubbed, recording: Path
) -> None:
    # 01:00:00;00 at 29.97 drop-frame
    app = resolve_with(PROFILES["21.0"], dubbed.sample.timeline, start=107892)
    timeline = _original(app)
    timeline.rate = 29.97
    timeline.under_playhead = timeline.tracks["video"][0].items[1]
    _laid_down(app, recording, 180 + 47)
    clip = selected_clip(timeline)
    assert clip.start_ms == round(47 * 1001 / 30) and clip.language == "es"
    assert (clip.first, clip.last) == (1001, 1096)
    assert clip.plate.endswith("lighthouse_020.####.exr")
    bring_in(app, timeline, dubbed.result.folder)
    spanish = _named(app, f"{timeline.name} (es)")
    assert [item.start for item in spanish.tracks["audio"][-1].items] == [107892]
    assert all(len(item.takes) == 2 for item in spanish.tracks["video"][0].items)


def test_what_cannot_be_lip_synced_is_told(studio: Application, recording: Path) -> None:
    timeline = _original(studio)
    item = timeline.tracks["video"][0].items[0]

    def told() -> str:
        before, said = _state(studio), []
        assert not run(lip_sync_selected, studio, said.append)
        assert _state(studio) == before
        return said[0]

    assert "No clip is selected" in told()
    timeline.under_playhead = item
    for track in timeline.tracks["audio"]:
        track.is_enabled = False
    assert "No recording begins under" in told()
    lies = _laid_down(studio, recording, 12)
    lies.source = 5
    assert "begins within its file" in told()
    item.shown = 2 * item.length
    assert "speed of lighthouse_010 is changed" in told()
    item.clip = None
    assert "title, a generator or a compound" in told()
