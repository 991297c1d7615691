"""Publish: what is looked at, what is found, and by which validator."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyblish.api
import pyblish.util
import pytest
from conftest import Sample
from consents import authority_on
from publish_faults import FAULTS, LANGUAGE, SHOT, Fault, sealed_again
from test_cli import run_cli

from dubwright.api import dub
from dubwright.errors import DubwrightError
from dubwright.publish.delivery import Delivery
from dubwright.publish.examine import examine, plugin_path, validators
from dubwright.publish.repair import deliver_anew
from dubwright.publish.trusts import Terms
from dubwright.trust import anchors, keys_folder, verify


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
    assert len(found) == 28
    assert found.keys() == {each.__name__ for each in validators()} - {"CollectVersion"}
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
        (SHOT, False), ("lighthouse_020", True), ("", True),
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
    found = pyblish.api.discover(paths=[str(plugin_path())])
    assert len(found) == 29 and all(each.__doc__ and each.label for each in found)
    collect = next(each for each in found if each.__name__ == "CollectVersion")
    context = pyblish.util.collect(plugins=[collect])
    assert [instance.name for instance in context] == [
        "es lighthouse_010", "es lighthouse_020", "es",
        "fr lighthouse_010", "fr lighthouse_020", "fr",
    ]  # fmt: skip


def test_what_is_no_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DubwrightError, match="no version of a dub"):
        Delivery(tmp_path)
