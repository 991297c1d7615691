"""Consents, what is done under them, and the log of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from dataclasses import replace
from datetime import date
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pytest
from conftest import Sample
from consents import TODAY, authority_on, signed_consent
from pydantic import ValidationError
from test_cli import run_cli

from dubwright.api import perform
from dubwright.dialogue import Cast, Speaker
from dubwright.errors import DubwrightError, PlanOutdated
from dubwright.media.audio import read_mono
from dubwright.model import Consent, Likeness, Revocation, Use
from dubwright.operations.dub import plan_dub
from dubwright.operations.execute import execute
from dubwright.operations.request import DubRequest, validated
from dubwright.operations.task import Task
from dubwright.store import Store
from dubwright.trust import (
    AuditLog,
    Authority,
    Deed,
    Disclosure,
    Keys,
    Purpose,
    consent_id,
    disclosure_for,
    doubt,
    doubts,
    draft_tone,
    keys_folder,
    permission,
    recorded,
    require,
    statement,
    take_back,
    with_consent,
    with_revocation,
)

EDIT = Purpose(Use.LIKENESS_EDIT, "es", "Ada")


@pytest.mark.parametrize(
    ("changes", "purpose", "why"),
    [
        ({}, EDIT, ""),
        ({}, Purpose(Use.VOICE_SYNTHESIS, "es-MX", "Ada"), ""),
        ({"languages": ("*",)}, Purpose(Use.LIKENESS_EDIT, "ja", "Ada"), ""),
        ({}, Purpose(Use.LIKENESS_EDIT, "est", "Ada"), "not for est"),
        ({"languages": ("es-MX",)}, EDIT, "not for es"),
        ({}, Purpose(Use.VOICE_CLONING, "es", "Ada"), "does not speak of a voice like theirs"),
        ({"valid_from": date(2026, 12, 1)}, EDIT, "begins on 2026-12-01"),
        ({"valid_until": date(2026, 11, 19)}, EDIT, "ended on 2026-11-19"),
        ({"valid_until": TODAY}, EDIT, ""),
        ({"project": "Lighthouse"}, EDIT, "for the project 'Lighthouse'"),
        ({"project": "Lighthouse"}, Purpose(Use.LIKENESS_EDIT, "es", "Ada", "Lighthouse"), ""),
        (
            {"territories": ("ES", "PT")},
            Purpose(Use.LIKENESS_EDIT, "es", "Ada", "", ("ES", "MX")),
            "it is not for MX",
        ),
        ({"territories": ("ES",)}, EDIT, ""),
        ({}, Purpose(Use.LIKENESS_EDIT, "es", "Ada", "", ("MX",)), ""),
    ],
)
def test_a_consent_holds_for_what_it_says(
    changes: dict[str, object], purpose: Purpose, why: str
) -> None:
    found = doubt(signed_consent(**changes), purpose, authority_on())
    assert (why in found) if why else not found


def test_a_consent_that_was_changed_does_not_hold() -> None:
    consent = signed_consent(valid_until=date(2026, 11, 1))
    longer = consent.model_copy(update={"valid_until": None})
    assert "changed after it was signed" in doubt(longer, EDIT, authority_on())
    unsigned = longer.model_copy(update={"signature": None})
    assert "not signed" in doubt(unsigned, EDIT, authority_on())
    assert consent_id(longer) != consent_id(consent)


def test_a_key_that_nobody_trusts_does_not_count(tmp_path: Path) -> None:
    others = Keys(tmp_path / "others")
    public = others.make("Somebody else")
    trusted = authority_on()
    foreign = replace(trusted, trusted=others.trusted())
    assert "does not trust" in doubt(signed_consent(), EDIT, foreign)
    own = Keys(tmp_path / "own")
    own.trust(public, "Our partner")
    assert own.trusted().keys == {public: "Our partner"}
    with pytest.raises(DubwrightError, match="no public key"):
        own.trust(base64.b64encode(b"short").decode(), "Nobody")
    with pytest.raises(DubwrightError, match="no key to sign with"):
        own.private()
    assert stat.S_IMODE((tmp_path / "others" / "production.key").stat().st_mode) == 0o600
    (tmp_path / "others" / "production.key").write_text("nonsense")
    with pytest.raises(DubwrightError, match="cannot be read"):
        others.private()
    assert others.make is not None


def test_a_signature_outlives_fields_that_come_later() -> None:
    """What a consent of today signs does not change when a later version knows more fields."""
    consent = Consent(
        person="Jo", languages=("es",), likeness_edit=True, valid_from=TODAY, recorded_by="us"
    )
    later = type("Later", (Consent,), {"__annotations__": {"mood": str}, "mood": ""})
    assert statement(later.model_validate(consent.model_dump())) == statement(consent)


def test_what_was_taken_back_does_not_hold_in_any_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBWRIGHT_KEYS", str(tmp_path))
    consent = signed_consent()
    cast = with_consent(Cast(), "Ada", consent)
    assert cast.speaker("Ada").likeness is Likeness.REAL
    assert not doubts(cast, "Ada", consent, authority_on())
    back = Revocation(on=TODAY, recorded_by="the production")
    (revoked,) = with_revocation(cast, consent_id(consent), back).speaker("Ada").consents
    assert "taken back on 2026-11-20" in doubt(revoked, EDIT, authority_on())
    assert not doubt(consent, EDIT, authority_on())
    Keys(tmp_path).revoke(consent_id(consent))
    assert "taken back" in doubt(consent, EDIT, authority_on())
    with pytest.raises(DubwrightError, match="no such consent"):
        with_revocation(cast, "0" * 16, back)


@pytest.mark.parametrize(
    ("speaker", "uses", "disclosure"),
    [
        (Speaker(name="Jo", likeness=Likeness.FICTIONAL), [*Use], Disclosure.NONE),
        (Speaker(name="Jo", likeness=Likeness.REAL), [Use.LIKENESS_EDIT], Disclosure.DRAFT),
        (Speaker(name="Jo"), [Use.VOICE_SYNTHESIS], Disclosure.DRAFT),
        (Speaker(name="Jo", likeness=Likeness.REAL), [], Disclosure.NONE),
    ],
)
def test_disclosure_follows_likeness_and_what_is_done(
    speaker: Speaker, uses: list[Use], disclosure: Disclosure
) -> None:
    agreed = permission(Cast(speakers=(speaker,)), {"Jo": uses}, "es", authority_on())
    assert disclosure_for(agreed, unmarked=True) is disclosure


@pytest.mark.parametrize(
    ("changes", "unmarked", "disclosure"),
    [
        ({}, False, Disclosure.LABEL),
        ({}, True, Disclosure.LABEL),
        ({"unmarked": True}, False, Disclosure.LABEL),
        ({"unmarked": True}, True, Disclosure.NONE),
        ({"languages": ("fr",)}, True, Disclosure.DRAFT),
        ({"likeness_edit": False}, True, Disclosure.DRAFT),
        ({"valid_until": date(2026, 2, 1)}, True, Disclosure.DRAFT),
    ],
)
def test_the_label_is_left_off_by_consent_and_choice_together(
    changes: dict[str, object], unmarked: bool, disclosure: Disclosure
) -> None:
    cast = with_consent(Cast(), "Jo", signed_consent(**changes))
    uses = {"Jo": [Use.LIKENESS_EDIT, Use.VOICE_SYNTHESIS]}
    agreed = permission(cast, uses, "es", authority_on())
    assert disclosure_for(agreed, unmarked) is disclosure


def test_uses_may_be_covered_by_several_consents() -> None:
    face = signed_consent(voice_synthesis=False)
    voice = signed_consent(likeness_edit=False)
    cast = with_consent(with_consent(Cast(), "Jo", face), "Jo", voice)
    uses = {"Jo": [Use.LIKENESS_EDIT, Use.VOICE_SYNTHESIS]}
    agreed = permission(cast, uses, "es", authority_on())
    assert set(agreed.consents["Jo"]) == {face, voice} and not agreed.missing
    alone = permission(with_consent(Cast(), "Jo", face), uses, "es", authority_on())
    assert "a synthetic voice for them: it does not speak of" in alone.missing["Jo"]


def test_one_speaker_without_consent_makes_a_draft_of_all() -> None:
    cast = Cast(speakers=(Speaker(name="Jo", likeness=Likeness.FICTIONAL),))
    uses = {"Jo": [Use.LIKENESS_EDIT], "A stranger": [Use.LIKENESS_EDIT]}
    agreed = permission(cast, uses, "es", authority_on())
    assert disclosure_for(agreed, unmarked=True) is Disclosure.DRAFT
    assert agreed.missing == {"A stranger": "no consent of theirs is on record"}


def _request(sample: Sample, folder: Path, cast: Cast | None, **changes: object) -> DubRequest:
    if cast:
        cast.write(folder / "cast.json")
    asked: dict[str, object] = {
        "timeline": sample.timeline,
        "languages": ("es",),
        "output": folder / "out",
        "subtitles": sample.subtitles("en", "es"),
        "original": "en",
        "cast": folder / "cast.json" if cast else None,
        "lip_sync": False,
    }
    return validated(DubRequest, **asked | changes)


def test_a_draft_is_heard_and_logged_and_a_consent_ends_it(sample: Sample, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    draft = Path(perform("dub", _request(sample, tmp_path, None), store)["folder"])
    names = {cue["speaker"] for cue in json.loads((draft / "cue_sheet.json").read_text())["cues"]}
    consents = Cast()
    for name in names:
        consents = with_consent(consents, name, signed_consent(person=name))
    agreed = Path(perform("dub", _request(sample, tmp_path, consents), store)["folder"])
    heard = _tones(draft) - _tones(agreed)
    assert heard > 3, "each line begins with the tone of a draft"
    log = AuditLog(store.folder)
    entries = list(log.entries())
    assert all("text" not in entry.about for entry in entries)
    spoken = [entry for entry in entries if entry.did == "voice_synthesis"]
    # The takes are the same, so the second dub had nothing to speak.
    assert spoken and all(entry.about["draft"] and not entry.about["consents"] for entry in spoken)
    said = {cue["id"] for cue in json.loads((draft / "cue_sheet.json").read_text())["cues"]}
    assert {entry.about["cue"] for entry in spoken} == said
    report = json.loads((draft / "report.json").read_text())
    assert set(report["languages"][0]["missing_consents"]) == names
    assert "no consent of theirs is on record" in (draft / "report.html").read_text()


def _tones(folder: Path) -> float:
    """How much louder than around it is the draft's tone at the lines' beginnings, in all."""
    (stem,) = (folder / "stems").glob("*.DX.wav")
    samples, rate = read_mono(stem)
    tone = draft_tone(rate)
    found = 0.0
    for cue in json.loads((folder / "cue_sheet.json").read_text())["cues"]:
        start = cue["start_ms"] * rate // 1000
        part = samples[start : start + len(tone)]
        found += float(part @ tone[: len(part)] / (tone @ tone))
    return found


def test_a_consent_is_seen_again_when_the_work_is_done(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBWRIGHT_KEYS", str(tmp_path / "keys"))
    cast, store = Cast(), Store(tmp_path / "store")
    request = _request(sample, tmp_path, cast)
    plan = plan_dub(request, store, authority_on())
    names = {cue.speaker for cue in plan.sheet.cues}
    for name in names:
        cast = with_consent(cast, name, signed_consent(person=name, valid_until=date(2999, 1, 1)))
    plan = plan_dub(_request(sample, tmp_path, cast), store, authority_on())
    take = next(task for task in plan.tasks.values() if task.stage == "take")
    deed = Deed.model_validate(take.deed)
    assert not deed.draft and [c.person for c in deed.consents] == [deed.speaker]
    for consent in deed.consents:
        Keys(tmp_path / "keys").revoke(consent_id(consent))
    with pytest.raises(PlanOutdated, match="A consent does not hold any more"):
        execute(take, store, lambda _: None, _Never())
    assert store.find(take.key) is None and not list(AuditLog(store.folder).entries())
    # Planned anew it is a draft.
    again = plan_dub(_request(sample, tmp_path, cast), store, authority_on())
    assert again.languages[0].is_draft
    assert "taken back" in again.languages[0].permission.missing[deed.speaker]


class _Never:
    def is_set(self) -> bool:
        return False


def test_a_task_that_crosses_to_a_worker_keeps_its_deed() -> None:
    deed = Deed(
        use=Use.LIKENESS_EDIT, speaker="Jo", cue="cue0001", language="es", engine="e/1",
        consents=(signed_consent(),),
    )  # fmt: skip
    task = Task("draw", 1, {}, deed=deed.model_dump(mode="json", exclude_defaults=True))
    crossed = Task(**json.loads(json.dumps(task.as_json())))
    assert Deed.model_validate(crossed.deed) == deed
    assert crossed.key == Task("draw", 1, {}).key
    require(deed, authority_on())
    with pytest.raises(PlanOutdated, match="not hold"):
        require(deed, authority_on(date(2025, 1, 1)))


def _add_many(folder: Path) -> None:
    for number in range(20):
        AuditLog(folder).add("tried", {"pid": os.getpid(), "number": number})


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    with Pool(3) as pool:
        pool.map(_add_many, [tmp_path] * 3)
    log = AuditLog(tmp_path)
    assert log.verify() == 60
    assert [entry.number for entry in log.entries()] == list(range(1, 61))


@pytest.mark.parametrize("spoiled", ["changed", "removed", "swapped", "cut", "rewritten", "torn"])
def test_a_log_that_was_tampered_with_is_known(tmp_path: Path, spoiled: str) -> None:
    log = AuditLog(tmp_path)
    for number in range(6):
        log.add("tried", {"number": number})
    head = log.head()
    assert log.verify(head) == 6 and head.entries == 6
    lines = log.path.read_text().splitlines(keepends=True)
    if spoiled == "changed":
        lines[2] = lines[2].replace('"number":2', '"number":9')
    elif spoiled == "removed":
        del lines[3]
    elif spoiled == "swapped":
        lines[3], lines[4] = lines[4], lines[3]
    elif spoiled == "cut":
        del lines[5]
    elif spoiled == "torn":
        lines[5] = lines[5][:30]
    log.path.write_text("".join(lines))
    if spoiled == "rewritten":
        log.path.unlink()
        for number in range(6):
            log.add("tried", {"number": -number})
    with pytest.raises(DubwrightError, match="tampered with"):
        log.verify(head)


def test_an_entry_that_a_full_disk_cut_off_was_not_added(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.add("one", {})
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + whole[: len(whole) // 2])
    assert [entry.did for entry in log.entries()] == ["one"] and log.head().entries == 1
    log.add("two", {"much": "x" * (1 << 18)})
    log.add("three", {})
    assert [entry.did for entry in log.entries()] == ["one", "two", "three"]
    assert log.verify(log.head()) == 3


def test_an_entry_that_cannot_be_written_leaves_the_log_as_it_was(tiny_disk: Path) -> None:
    log = AuditLog(tiny_disk)
    log.add("one", {})
    before = log.path.read_bytes()
    with pytest.raises(OSError):
        log.add("two", {"much": "x" * (7 << 20)})
    assert log.path.read_bytes() == before
    assert log.add("two", {}).number == 2 and log.verify() == 2


def test_a_role_binds_a_consent_to_a_speaker() -> None:
    mine = signed_consent(role="Ada")
    authority = authority_on()
    assert not doubt(mine, EDIT, authority)
    other = Purpose(Use.LIKENESS_EDIT, "es", "Bob")
    assert doubt(mine, other, authority) == "it is for Ada"
    assert not doubt(signed_consent(), other, authority), "of any role"


def test_who_agrees_again_is_not_taken_for_who_took_it_back(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    keys.make("Test Pictures")
    log = AuditLog(tmp_path)
    terms = signed_consent().model_copy(update={"signature": None})
    first = recorded(terms, keys, log)
    take_back(consent_id(first), Revocation(on=TODAY, recorded_by="Kim"), keys, log)
    again = recorded(terms, keys, log)
    authority = Authority(TODAY, keys.trusted())
    assert doubt(first, EDIT, authority) == "it was taken back"
    assert not doubt(again, EDIT, authority)


@pytest.mark.parametrize(
    "changes",
    [
        {"languages": ("nonsense!",)},
        {"territories": ("Germany",)},
        {"valid_until": date(2025, 12, 31)},
    ],
)
def test_a_consent_that_cannot_be_meant_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        signed_consent(**changes)


@pytest.mark.parametrize(
    "asked",
    [
        ["verify", "VERSION", "--trust", "/nonexistent.pem"],
        ["audit", "VERSION"],
        ["consent", "trust", "ключ", "--name", "x"],
    ],
)
def test_what_cannot_be_read_is_told(asked: list[str], tmp_path: Path) -> None:
    told = run_cli(*[str(tmp_path) if each == "VERSION" else each for each in asked])
    assert told.returncode == 2 and "repair" in told.stderr and "Traceback" not in told.stderr


def test_consents_are_recorded_shown_verified_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBWRIGHT_KEYS", str(tmp_path / "keys"))
    cast, store = tmp_path / "cast.json", ["--store", tmp_path / "store"]
    paper = tmp_path / "signed.pdf"
    paper.write_bytes(b"I agree.")
    asked = [
        "consent", "add", cast, "Ada", "--person", "Ada Example", "--may", "likeness_edit",
        "--may", "voice_synthesis", "--language", "es", "--by", "Example Pictures",
        "--evidence", paper, *store,
    ]  # fmt: skip
    refused = run_cli(*asked)
    assert refused.returncode == 2 and "dubwright consent key" in refused.stderr
    assert not cast.exists()
    assert "Public key: " in run_cli("consent", "key", "--name", "Example Pictures").stdout
    assert run_cli(*asked).returncode == 0
    (consent,) = Cast.read(cast).speaker("Ada").consents
    assert consent.evidence == hashlib.sha256(paper.read_bytes()).hexdigest() and consent.signature
    shown = run_cli("consent", "show", cast).stdout
    assert f"{consent_id(consent)}  Ada: Ada Example allows" in shown and "holds" in shown
    assert run_cli("consent", "verify", cast).returncode == 0
    back = run_cli("consent", "revoke", cast, consent_id(consent), "--by", "Example", *store)
    assert back.returncode == 0
    verified = run_cli("consent", "verify", cast)
    assert verified.returncode == 1 and "it was taken back on" in verified.stdout
    entries = list(AuditLog(tmp_path / "store").entries())
    assert [entry.did for entry in entries] == ["consent recorded", "consent revoked"]


def test_the_tone_of_a_draft_is_soft_and_short() -> None:
    tone = draft_tone(48000)
    assert tone.dtype == np.float32 and len(tone) == 7200
    assert abs(tone[0]) < 1e-6 and 0.04 < np.abs(tone).max() <= 0.0502


def test_keys_are_the_users_own_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DUBWRIGHT_KEYS")
    assert keys_folder().name == "keys" and keys_folder().is_absolute()
