"""Publish: what is looked at, what is found, and by which validator."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from importlib.metadata import entry_points
from pathlib import Path

import c2pa
import opentimelineio as otio
import pyblish.api
import pyblish.util
import pytest
from conftest import Dubbed, Sample
from consents import authority_on
from publish_faults import FAULTS, LANGUAGE, SHOT, Fault, sealed_again
from test_cli import run_cli

from dubwright.api import dub
from dubwright.conform.stock import missing_media
from dubwright.errors import DubwrightError
from dubwright.publish.delivery import Delivery
from dubwright.publish.examine import examine, plugin_path
from dubwright.publish.presets import PRESETS, Content, Preset, find_preset
from dubwright.publish.repair import deliver_anew
from dubwright.publish.run import Publishing, publish
from dubwright.publish.trusts import Terms
from dubwright.publish.validator import Target
from dubwright.service.links import review_link
from dubwright.trust import (
    SIDECAR,
    anchors,
    hash_of,
    keys_folder,
    read_credentials,
    verify,
)
from dubwright.trust.seal import root_of


@dataclass(frozen=True)
class Clean:
    """A version without a fault, and the store that it was made in."""

    folder: Path
    store: Path


@pytest.fixture(scope="session")
def clean(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    folder = tmp_path_factory.mktemp("publish")
    subtitles = sample.subtitles("en", "es", "fr")
    # As the sample has it, nobody could read the line in its time.
    for language, long, short in (
        ("es", "se iba a helar", "se helaba"),
        ("fr", "m'a prévenue que le port allait geler", "m'a dit que le port gelait"),
    ):
        lines = subtitles[language].read_text("utf-8")
        assert long in lines
        subtitles[language] = folder / f"lines.{language}.srt"
        subtitles[language].write_text(lines.replace(long, short), encoding="utf-8")
    made = dub(
        sample.timeline, ["es", "fr"], folder / "dubs", cast=sample.cast, original="en",
        subtitles=subtitles, store=folder / "store",
    )  # fmt: skip
    return Clean(made.folder, folder / "store")


def _found(folder: Path, shots: tuple[str, ...], language: str = LANGUAGE) -> dict[str, list[str]]:
    """What each validator found in a language of a version, and in some of its shots."""
    delivery = Delivery(folder)
    terms = Terms(authority_on(), commercial=True, territories=())
    found: dict[str, list[str]] = {}
    for shot in (*shots, ""):
        for looked in examine(delivery.part(language, shot), terms).looked:
            assert not looked.fault, f"{looked.validator}: {looked.fault}"
            told = [f"{finding.where}: {finding.what}" for finding in looked.findings]
            found[looked.validator] = found.get(looked.validator, []) + told
    return found


@pytest.mark.parametrize("language", ["es", "fr"])
def test_nothing_is_found_where_nothing_is_wrong(clean: Clean, language: str) -> None:
    found = _found(clean.folder, Delivery(clean.folder).shots(language), language)
    assert len(found) == 29
    assert not {name: told for name, told in found.items() if told}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_is_found_by_the_validator_meant_for_it_and_no_other(
    fault: Fault, clean: Clean, tmp_path: Path
) -> None:
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    delivery = Delivery(version)
    fault.put(delivery.part(LANGUAGE, SHOT), delivery.part(LANGUAGE))
    if fault.seal:
        sealed_again(version)
    found = {name: told for name, told in _found(version, (SHOT,)).items() if told}
    assert found.keys() == {fault.validator}, found


@pytest.mark.parametrize("name", ["one bit of a frame", "a dub two frames late"])
def test_what_delivering_anew_mends_is_mended(name: str, clean: Clean, tmp_path: Path) -> None:
    fault = next(each for each in FAULTS if each.name == name)
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    delivery = Delivery(version)
    fault.put(delivery.part(LANGUAGE, SHOT), delivery.part(LANGUAGE))
    if fault.seal:
        sealed_again(version)
    assert any(_found(version, (SHOT,)).values())
    again = deliver_anew(version, clean.store)
    assert again == version.parent / "v002"
    assert not any(_found(again, (SHOT,)).values())
    assert not verify(again, anchors(keys_folder())).faults
    assert any(_found(version, (SHOT,)).values()), "what was delivered stays as it was"


def test_findings_that_are_mended_offer_it(clean: Clean) -> None:
    mended = {fault.validator for fault in FAULTS if fault.mended}
    part = Delivery(clean.folder)
    terms = Terms(authority_on(), commercial=True, territories=())
    offered = {
        looked.validator
        for shot in (SHOT, "")
        for looked in examine(part.part(LANGUAGE, shot), terms).looked
        if looked.can_be_delivered_anew
    }
    assert mended <= offered


def test_the_command_looks_through_a_version(clean: Clean, tmp_path: Path) -> None:
    well = run_cli("publish", clean.folder)
    assert well.returncode == 0, well.stderr
    assert "ok       es lighthouse_010" in well.stdout and "6 parts: all is well" in well.stdout
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    frame = next((version / "frames" / "fr" / SHOT).glob("*.exr"))
    frame.unlink()
    told = run_cli(
        "publish", version, "--language", "fr", "--json", "--repair", "--store", clean.store
    )
    assert told.returncode == 1 and "Delivered anew" in told.stderr
    examined = json.loads(told.stdout)
    assert [(each["shot"], each["passed"]) for each in examined] == [
        (SHOT, False), ("lighthouse_020", True), ("", False),
    ]  # fmt: skip
    (looked,) = (each for each in examined[0]["looked"] if each["findings"])
    assert looked["validator"] == "FilesAsMade" and "missing" in looked["findings"][0]["what"]
    again = run_cli("publish", version.parent / "v002", "--language", "fr")
    assert again.returncode == 0, again.stdout
    other = run_cli("publish", clean.folder, "--language", "it")
    assert other.returncode == 2 and "has no it" in other.stderr


def test_hosts_that_run_pyblish_find_the_plug_ins(
    clean: Clean, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a pipeline does it: the folder is registered, and the environment names the version."""
    monkeypatch.setenv("DUBWRIGHT_PUBLISH", str(clean.folder))
    (entry,) = entry_points(group="pyblish.plugin_paths", name="dubwright")
    assert entry.load() is plugin_path
    found = pyblish.api.discover(paths=[str(plugin_path())])
    assert len(found) == 33 and all(each.__doc__ and each.label for each in found)
    collect = next(each for each in found if each.__name__ == "CollectVersion")
    context = pyblish.util.collect(plugins=[collect])
    assert [instance.name for instance in context] == [
        "es lighthouse_010", "es lighthouse_020", "es",
        "fr lighthouse_010", "fr lighthouse_020", "fr",
    ]  # fmt: skip


def test_what_is_no_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DubwrightError, match="no version of a dub"):
        Delivery(tmp_path)


def _published(version: Path, out: Path, preset: Preset, *languages: str) -> dict[str, Path]:
    """The deliverables of a version, by the part that they are of."""
    terms = Terms(authority_on(), commercial=True, territories=())
    asked = Publishing(version, languages, terms, Target(preset, out), processes=2)
    return {
        f"{each.language} {each.shot}".strip(): each.published
        for each in publish(asked)
        if each.published
    }


def test_a_streamer_gets_frames_stems_and_subtitles(clean: Clean, tmp_path: Path) -> None:
    places = _published(clean.folder, tmp_path, PRESETS["streamer"])
    assert places == {
        tag: tmp_path / f"lighthouse/{tag}/lighthouse_{tag}_v001" for tag in ("es", "fr")
    }
    folder = places["es"]
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    frames = {name for name in files if name.startswith("frames/")}
    assert len(frames) == 180 + 96
    assert files - frames == {
        "deliverable.json", "lighthouse.es.mp4", "lighthouse.es.otio", "lighthouse.es.txt",
        "provenance.json", "qc/lighthouse.es.qc.html", "qc/lighthouse.es.qc.pdf",
        "stems/lighthouse.es.DX.wav", "stems/lighthouse.es.ME.wav",
        "stems/lighthouse.es.mix.wav", "subtitles/lighthouse.es.ttml",
    }  # fmt: skip
    assert not verify(folder, anchors(keys_folder())).faults
    # What it holds it refers to, wherever it is taken.
    away = Path(shutil.move(folder, tmp_path / "away"))
    timeline = json.loads((away / "lighthouse.es.otio").read_text("utf-8"))
    assert missing_media(away / "lighthouse.es.otio") == [] and not list(tmp_path.glob(".*"))
    assert "frames/lighthouse_010/" in json.dumps(timeline)


class _Page(HTMLParser):
    """What a person finds on a QC report: its tables' rows, its links, its plots and pictures."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.rows: list[str] = []
        self.links: list[str] = []
        self.shown: list[str] = []
        self._in_row = False
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr":
            self.rows.append("")
        if tag == "a":
            self.links.append(given["href"] or "")
        if tag in ("svg", "img"):
            self.shown.append(given.get("src") or tag)
        self._in_row = tag in ("tr", "td", "th", "a", "br", "span") or self._in_row

    def handle_endtag(self, tag: str) -> None:
        self._in_row = self._in_row and tag != "tr"

    def handle_data(self, data: str) -> None:
        if self._in_row:
            self.rows[-1] += f" {data.strip()}"


def test_a_qc_report_tells_what_must_be_mended_and_where(clean: Clean, tmp_path: Path) -> None:
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    delivery = Delivery(version)
    for name in ("a seam", "subtitles too fast"):
        fault = next(each for each in FAULTS if each.name == name)
        fault.put(delivery.part("es", SHOT), delivery.part("es"))
    sealed_again(version)
    terms = Terms(authority_on(), commercial=True, territories=())
    found = publish(Publishing(version, ("es",), terms, qc=tmp_path / "qc", processes=2))
    told = [
        finding for each in found for looked in each.looked for finding in looked.findings
        if looked.validator in ("NoSeams", "ReadingSpeed")
    ]  # fmt: skip
    assert len(told) >= 2
    page = _Page(tmp_path / "qc" / "lighthouse.es.qc.html")
    for finding in told:
        (row,) = (row for row in page.rows if finding.where in row and finding.what in row)
        assert finding.repair in row
        assert review_link(version, "es", finding.cue) in page.links
    assert any("No seams found in 1 of 2 parts" in " ".join(row.split()) for row in page.rows)
    assert page.shown.count("svg") == 1 + 2 * 2 + 3, "sound, two of each shot, one of each mouth"
    assert sum(each.startswith("data:image/jpeg;base64,") for each in page.shown) == 3
    assert not any(each.startswith("http") for each in (*page.shown, *page.links))
    assert (tmp_path / "qc" / "lighthouse.es.qc.pdf").read_bytes().startswith(b"%PDF-1.")


def test_a_qc_report_is_written_of_what_is_damaged(clean: Clean, tmp_path: Path) -> None:
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    (version / "preview" / "player.json").unlink()
    next((version / "sheets").glob("es.*")).unlink()
    terms = Terms(authority_on(), commercial=True, territories=())
    publish(Publishing(version, ("es",), terms, qc=tmp_path / "qc", processes=2))
    page = _Page(tmp_path / "qc" / "lighthouse.es.qc.html")
    assert any("player.json" in row and "missing" in row for row in page.rows)
    assert not any("it broke" in row for row in page.rows)
    assert sum(each.startswith("data:image/jpeg;base64,") for each in page.shown) == 2


def test_a_movie_tells_of_the_version_that_was_published(clean: Clean, tmp_path: Path) -> None:
    folder = _published(clean.folder, tmp_path, PRESETS["social"], "es")["es"]
    told = read_credentials(folder / "lighthouse.es.mp4", anchors(keys_folder()))
    assert told is not None and told.trusted and not told.faults
    assert [each["action"] for each in told.actions] == ["c2pa.opened", "c2pa.published"]
    with c2pa.Reader(str(folder / "lighthouse.es.mp4")) as reader:
        beneath = [
            action["action"]
            for manifest in json.loads(reader.json())["manifests"].values()
            for assertion in manifest["assertions"]
            if assertion["label"] == "c2pa.actions.v2"
            for action in assertion["data"]["actions"]
        ]
    assert "c2pa.dubbed" in beneath and "c2pa.edited" in beneath
    again = _published(clean.folder, tmp_path, PRESETS["social"], "es")["es"]
    assert again.name == "lighthouse_es_v002" and folder.is_dir()


def test_shots_go_out_each_by_itself_and_languages_whole(clean: Clean, tmp_path: Path) -> None:
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    part = Delivery(version).part("es", SHOT)
    next(frame.path for frame in part.frames()).unlink()
    vfx = _published(version, tmp_path / "vfx", PRESETS["vfx"])
    assert vfx.keys() == {"es lighthouse_020", "fr lighthouse_010", "fr lighthouse_020"}
    assert vfx["fr lighthouse_010"] == tmp_path / "vfx/lighthouse_010/lighthouse_010_fr_v001"
    patches = list((vfx["fr lighthouse_010"] / "patches" / SHOT).glob("*.patch.*.exr"))
    assert len(patches) == len(Delivery(version).part("fr", SHOT).edited)
    whole = _published(version, tmp_path / "streamer", PRESETS["streamer"])
    assert whole.keys() == {"fr"}
    for out in ("vfx", "streamer"):
        assert not list((tmp_path / out).glob(".*")), "what did not pass is not left behind"


def _changed(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_what_a_version_says_of_itself_is_not_mended(clean: Clean, tmp_path: Path) -> None:
    """A cast that was changed since would be delivered as if the production had said it."""
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    _changed(version / "cast.json", "fictional", "real")
    with pytest.raises(DubwrightError, match="not what it was") as caught:
        deliver_anew(version, clean.store)
    assert "cast.json" in caught.value.where
    sidecar = json.loads((version / SIDECAR).read_text())
    sidecar["files"]["cast.json"] = hash_of(version / "cast.json")
    sidecar["root"] = root_of(sidecar["files"], sidecar["signed"])
    (version / SIDECAR).write_text(json.dumps(sidecar))
    with pytest.raises(DubwrightError, match="not what it was") as caught:
        deliver_anew(version, clean.store)
    assert "somebody trusted" in caught.value.why
    assert [path.name for path in version.parent.iterdir()] == ["v001"]


def test_what_was_mended_before_and_spoiled_is_not_taken_for_mended(
    clean: Clean, tmp_path: Path
) -> None:
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    again = deliver_anew(version, clean.store)
    next((again / "frames").rglob("*.exr")).unlink()
    with pytest.raises(DubwrightError, match="not what it was") as caught:
        deliver_anew(version, clean.store)
    assert str(again) in caught.value.where


@pytest.mark.parametrize(
    "name", ["disclosure/lighthouse.es.txt", "cast.json", "lighthouse.es.otio"]
)
def test_no_shot_goes_out_with_what_was_changed(clean: Clean, tmp_path: Path, name: str) -> None:
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    path = version / name
    text = path.read_text("utf-8")
    changed = "Nothing was done." if name.endswith(".txt") else text.replace("Ada", "Eve", 1)
    assert changed != text
    path.write_text(changed, "utf-8")
    assert _published(version, tmp_path / "out", PRESETS["vfx"], "es") == {}


def test_no_shot_goes_out_with_a_list_that_nobody_signed(clean: Clean, tmp_path: Path) -> None:
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    note = version / "disclosure" / "lighthouse.es.txt"
    note.write_text("Nothing was done.", "utf-8")
    sidecar = json.loads((version / SIDECAR).read_text())
    sidecar["files"][note.relative_to(version).as_posix()] = hash_of(note)
    sidecar["root"] = root_of(sidecar["files"], sidecar["signed"])
    (version / SIDECAR).write_text(json.dumps(sidecar))
    assert _published(version, tmp_path / "out", PRESETS["vfx"], "es") == {}


def test_two_at_once_give_two_whole_deliverables(clean: Clean, tmp_path: Path) -> None:
    out = tmp_path / "out"
    preset = PRESETS["social"]
    left = out / ".publishing-0123" / ".before.mp4"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of one that was ended")
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(_published, clean.folder, out, preset, "es", "es") for _ in range(2)]
        places = {place.result()["es"] for place in asked}
    assert {place.name for place in places} == {"lighthouse_es_v001", "lighthouse_es_v002"}
    for place in places:
        assert not verify(place, anchors(keys_folder())).faults
        assert {path.name for path in place.iterdir()} == {
            "deliverable.json", "lighthouse.es.mp4", "lighthouse.es.txt", "provenance.json",
            "subtitles",
        }  # fmt: skip
    assert not list(out.glob(".*"))


def test_a_version_that_was_moved_refers_to_what_goes_out_with_it(
    clean: Clean, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere" / "v001"
    shutil.copytree(clean.folder, moved)
    folder = _published(moved, tmp_path / "out", PRESETS["streamer"], "es")["es"]
    text = (folder / "lighthouse.es.otio").read_text("utf-8")
    assert str(clean.folder) not in text and "frames/lighthouse_010/" in text


def test_nothing_goes_out_into_the_version_itself(clean: Clean) -> None:
    with pytest.raises(DubwrightError, match="lies in the version"):
        _published(clean.folder, clean.folder / "out", PRESETS["social"], "es")


def test_names_stay_beneath_the_output_folder() -> None:
    preset = Preset(
        title="Ours", folder="{project}/{language}/v{version:02d}", contents=(Content.STEMS,)
    )
    for project in ("../../evil", "/tmp/evil", "a/b", "..", "C:\\x"):
        place = preset.place({"project": project, "language": "es"}, 1)
        assert not place.is_absolute() and ".." not in place.parts and len(place.parts) <= 3


def test_a_fast_clip_of_a_movie_lacks_no_frame(
    dubbed: Dubbed, sample: Sample, tmp_path: Path
) -> None:
    """What it leaves out is not decoded: nobody sees it."""
    movie = dubbed.result.folder / "preview" / "lighthouse.original.mp4"
    held = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(180, 24)
    )
    clip = otio.schema.Clip(
        "fast", otio.schema.ExternalReference(str(movie), held),
        otio.opentime.TimeRange(held.start_time, otio.opentime.RationalTime(48, 24)),
        effects=[otio.schema.LinearTimeWarp(time_scalar=2.0)],
    )  # fmt: skip
    timeline = otio.schema.Timeline("fast")
    timeline.tracks.append(otio.schema.Track(children=[clip]))
    otio.adapters.write_to_file(timeline, str(tmp_path / "fast.otio"))
    lines = tmp_path / "lines.es.srt"
    lines.write_text("1\n00:00:00,200 --> 00:00:01,800\nVen al faro.\n", "utf-8")
    made = dub(
        tmp_path / "fast.otio", "es", tmp_path / "dubs", subtitles={"es": lines},
        cast=sample.cast, store=tmp_path / "store", colour_space="Camera Rec.709",
    )  # fmt: skip
    delivery = Delivery(made.folder)
    (shot,) = delivery.shots("es")
    frames = delivery.part("es", shot).frames()
    assert len(frames) == 48 and all(frame.path.is_file() for frame in frames)
    found = _found(made.folder, (shot,))
    assert not {name for name, told in found.items() if told} & {"FilesAsMade", "FramesComplete"}


def test_no_shot_goes_out_without_consent(clean: Clean, tmp_path: Path) -> None:
    version = tmp_path / "dubs" / "v001"
    shutil.copytree(clean.folder, version)
    next(fault for fault in FAULTS if fault.name == "missing consent").put(
        Delivery(version).part("es", SHOT), Delivery(version).part("es")
    )
    sealed_again(version)
    assert _published(version, tmp_path / "out", PRESETS["vfx"], "es") == {}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"folder": "{name}_{colour}_v{version}"}, "filled in"),
        ({"folder": "{name}"}, "names {version}"),
        ({"folder": "../{version}"}, "beneath"),
        ({"folder": "/{version}"}, "beneath"),
        ({"folder": "{version:x"}, "filled in"),
        ({"contents": []}, "at least 1"),
        ({"colour": "red"}, "Extra"),
        ({"per": "shot", "contents": ["qc"]}, "QC report is of a language"),
    ],
)
def test_a_preset_of_ones_own_is_checked(
    changes: dict[str, object], why: str, tmp_path: Path
) -> None:
    own = {
        "document": "dubwright.publish_preset", "version": 1, "title": "Ours",
        "folder": "{project}/{language}_{version:02d}", "contents": ["stems"],
        "territories": ["ES"],
    }  # fmt: skip
    path = tmp_path / "ours.json"
    path.write_text(json.dumps(own))
    assert find_preset(str(path)).place({"project": "P", "language": "es"}, 3) == Path("P/es_03")
    path.write_text(json.dumps(own | changes))
    with pytest.raises(DubwrightError, match="preset is not valid") as caught:
        find_preset(str(path))
    assert why in caught.value.why
    with pytest.raises(DubwrightError, match="no preset"):
        find_preset("cinema")
