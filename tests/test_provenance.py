"""What deliveries say of themselves, and that nothing of it can be changed unseen."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import subprocess
import unicodedata
from pathlib import Path

import c2pa
import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from conftest import Dubbed
from consents import signed_consent
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from test_cli import run_cli

from dubwright.conform.review import mark_timelines
from dubwright.dialogue import Decision, Subtitle, write_subtitles
from dubwright.engines import EngineKind, engine_card, engines
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono
from dubwright.media.bwf import read_time_reference
from dubwright.trust import (
    SEAL,
    SIDECAR,
    Action,
    Fault,
    Ingredient,
    SourceType,
    Told,
    anchors,
    credential,
    disclosure_text,
    import_credential,
    keys_folder,
    read_credentials,
    sign,
    source_type,
    told_in,
    verify,
)
from dubwright.trust.merkle import leaf, merkle_root
from dubwright.trust.seal import hash_of, root_of, sealed
from dubwright.trust.verify import file_faults

CREATED = Action("c2pa.created", "A sound", SourceType.SYNTHETIC)


@pytest.fixture
def version(dubbed: Dubbed, tmp_path: Path) -> Path:
    """A copy of a delivery, to be spoiled."""
    return Path(shutil.copytree(dubbed.result.folder, tmp_path / "v001"))


def _faults(path: Path) -> tuple[Fault, ...]:
    return verify(path, anchors(keys_folder())).faults


def test_a_delivery_tells_what_was_changed_where_by_what(version: Path) -> None:
    found = verify(version, anchors(keys_folder()))
    assert found.faults == () and found.signers == ("Dubwright, self-made",)
    told = "\n".join(found.account)
    for cue in ("cue0001", "cue0002", "cue0003"):
        assert f"A line of Ada is spoken by a synthetic voice (speaker Ada; cue {cue}" in told
    assert "shot lighthouse_010; frames 100" in told and "by retrieval " in told
    assert "compositeSynthetic" in told and "a fictional likeness" in told
    assert "lighthouse_010.####.exr is shown" in told


def _frames(version: Path) -> list[Path]:
    return sorted((version / "frames").rglob("*.exr"))


def _flip(path: Path, at: int = -9) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def _swap(one: Path, other: Path) -> None:
    held = one.read_bytes()
    shutil.copyfile(other, one)
    other.write_bytes(held)


def test_a_flipped_bit_of_any_kind_of_file_is_found(version: Path) -> None:
    kinds = {path.suffix: path for path in version.rglob("*") if path.is_file()}
    assert {".exr", ".wav", ".mp4", ".otio", ".json", ".html", ".txt", ".vtt"} <= kinds.keys()
    (preview,) = version.glob("preview/*.es.mp4")
    for path in [*kinds.values(), preview]:
        if path.name == SIDECAR:
            continue
        held = path.read_bytes()
        _flip(path, len(held) // 2)
        name = path.relative_to(version).as_posix()
        assert {fault.where for fault in _faults(version)} == {name}
        assert _faults(path), "the file alone tells it too"
        path.write_bytes(held)
        assert not _faults(version)


def test_missing_swapped_and_added_files_are_named(version: Path) -> None:
    frames = _frames(version)
    names = [frame.relative_to(version).as_posix() for frame in frames]
    _swap(frames[10], frames[40])
    frames[20].unlink()
    (frames[0].parent / "extra.exr").write_bytes(b"")
    told = {fault.where: fault.what for fault in _faults(version)}
    assert told[names[10]] == f"it holds what {names[40]} held"
    assert told[names[40]] == f"it holds what {names[10]} held"
    assert told[names[20]] == "it is missing"
    assert "it was put there" in told[f"{Path(names[0]).parent.as_posix()}/extra.exr"]
    assert len(told) == 4
    assert _faults(frames[10]) and not _faults(frames[11])


def test_a_list_that_was_changed_with_its_files_does_not_hold(version: Path) -> None:
    frame = _frames(version)[5]
    _flip(frame)
    name = frame.relative_to(version).as_posix()
    sidecar = json.loads((version / SIDECAR).read_text())
    sidecar["files"][name] = hashlib.sha256(frame.read_bytes()).hexdigest()
    (version / SIDECAR).write_text(json.dumps(sidecar))
    assert "its root is another" in _faults(version)[0].what
    assert "its root is another" in _faults(frame)[0].what
    sidecar["root"] = root_of(sidecar["files"], sidecar["signed"])
    (version / SIDECAR).write_text(json.dumps(sidecar))
    assert "nobody" not in str(_faults(frame)) and "somebody trusted" in _faults(frame)[0].what
    assert _faults(version / "preview" / "lighthouse.es.mp4"), "each file alone tells it too"
    assert {fault.where for fault in _faults(version)} == {
        "preview/lighthouse.es.mp4", "preview/lighthouse.fr.mp4",
    }  # fmt: skip
    # Signing it anew takes a certificate that is trusted.
    credential(version.parent / "forger")
    for language in ("es", "fr"):
        preview = version / f"preview/lighthouse.{language}.mp4"
        shutil.copyfile(preview, version.parent / "was.mp4")
        sign(
            version.parent / "was.mp4", preview, "forged", (), [CREATED],
            credential(version.parent / "forger"),
            {SEAL: {"root": sidecar["root"], "path": preview.relative_to(version).as_posix()}},
        )  # fmt: skip
    assert all("does not trust" in fault.what for fault in _faults(version))
    assert len(_faults(version)) == 2 and all(fault.unknown for fault in _faults(version))
    sidecar["signed"] = []
    (version / SIDECAR).write_text(json.dumps(sidecar))
    assert any("no signed movie" in fault.what for fault in _faults(version))


def test_signed_movies_are_known_by_their_places(version: Path) -> None:
    es, fr = (version / f"preview/lighthouse.{tag}.mp4" for tag in ("es", "fr"))
    _swap(es, fr)
    assert {fault.what for fault in _faults(version)} == {
        "it is preview/lighthouse.fr.mp4 under another name",
        "it is preview/lighthouse.es.mp4 under another name",
    }
    assert _faults(es)
    _swap(es, fr)
    assert not _faults(version)
    # What is signed is listed under the root too: neither less nor more of it.
    listed = json.loads((version / SIDECAR).read_text())
    less = listed | {"signed": [name for name in listed["signed"] if ".fr." not in name]}
    (version / SIDECAR).write_text(json.dumps(less))
    held = fr.read_bytes()
    fr.unlink()
    assert any("list of files was changed" in fault.what for fault in _faults(version))
    fr.write_bytes(held)
    shutil.copyfile(es, version / "preview/lighthouse.de.mp4")
    more = listed | {"signed": [*listed["signed"], "preview/lighthouse.de.mp4"]}
    (version / SIDECAR).write_text(json.dumps(more))
    told = {fault.where: fault.what for fault in _faults(version)}
    assert "under another name" in told["preview/lighthouse.de.mp4"] and SIDECAR in told


def test_links_and_what_is_no_file_are_named(version: Path, tmp_path: Path) -> None:
    frame = _frames(version)[3]
    elsewhere = tmp_path / "elsewhere.exr"
    shutil.move(frame, elsewhere)
    frame.symlink_to(elsewhere)
    (frame.parent / "more").symlink_to(tmp_path, target_is_directory=True)
    (frame.parent / "gone").symlink_to(tmp_path / "nothing")
    os.mkfifo(frame.parent / "pipe")
    place = frame.relative_to(version).parent.as_posix()
    told = {fault.where: fault.what for fault in _faults(version)}
    assert told.keys() == {f"{place}/{name}" for name in (frame.name, "more", "gone", "pipe")}
    assert told[f"{place}/{frame.name}"] == "it is a link, or no file at all"


def test_a_key_that_stands_twice_is_no_timeline_of_ours(version: Path) -> None:
    """Readers differ in which of two they take."""
    timeline = version / "lighthouse.es.otio"
    text = timeline.read_text("utf-8")
    timeline.write_text(text.replace("{", '{"name": "other", ', 1), "utf-8")
    (fault,) = _faults(version)
    assert fault.where == "lighthouse.es.otio" and "changed" in fault.what
    timeline.write_text("[" * 100_000, "utf-8")
    assert [each.where for each in _faults(version)] == ["lighthouse.es.otio"]


def test_names_are_known_in_either_form(tmp_path: Path) -> None:
    """File systems differ in how they compose letters."""
    for form in ("NFC", "NFD"):
        folder = tmp_path / form
        folder.mkdir()
        (folder / unicodedata.normalize(form, "été.txt")).write_text("warm")
    sidecar = sealed(tmp_path / "NFC", ["preview.mp4"])
    assert list(sidecar.files) == [unicodedata.normalize("NFC", "été.txt")]
    told = [fault.where for fault in file_faults(tmp_path / "NFD", sidecar)]
    assert told == ["preview.mp4"]
    (tmp_path / "NFD" / unicodedata.normalize("NFC", "été.txt")).write_text("warm")
    assert len(list(file_faults(tmp_path / "NFD", sidecar))) == 2, "one of two was put there"


def test_what_reviewers_decide_does_not_break_the_seal(version: Path) -> None:
    decision = Decision(
        cue="cue0001", language="es", content="0" * 64, verdict="rejected", note="again",
        by="jo", at="2026-01-31T17:05:00Z",
    )  # fmt: skip
    before = (version / "lighthouse.es.otio").read_bytes()
    mark_timelines(version, {("cue0001", "es"): decision})
    assert (version / "lighthouse.es.otio").read_bytes() != before
    assert not _faults(version)
    timeline = otio.adapters.read_from_file(str(version / "lighthouse.es.otio"))
    timeline.tracks.markers[0].marked_range = otio.opentime.TimeRange()
    otio.adapters.write_to_file(timeline, str(version / "lighthouse.es.otio"))
    assert [fault.where for fault in _faults(version)] == ["lighthouse.es.otio"]


def test_stems_keep_their_sound_and_their_time(version: Path, dubbed: Dubbed) -> None:
    stem = version / "stems" / "lighthouse.es.DX.wav"
    assert read_time_reference(stem) is not None
    samples, rate = read_mono(stem)
    assert rate == 48000 and np.abs(samples).max() > 0.01
    assert (
        soundfile.info(stem).frames
        == soundfile.info(version / "stems" / "lighthouse.es.ME.wav").frames
    )
    told = read_credentials(stem, anchors(keys_folder()))
    assert told is not None and told.trusted and not told.faults
    assert [a["action"] for a in told.actions] == ["c2pa.created"] + 3 * ["c2pa.dubbed"]
    background = read_credentials(version / "stems" / "lighthouse.es.ME.wav", "")
    assert background is not None and not background.trusted
    assert [action["action"] for action in background.actions] == ["c2pa.opened"]
    assert dubbed.result.folder != version


def test_what_is_no_delivery_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(480), 48000)
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "broken.mp4").write_bytes(b"no movie at all")
    for path in (tmp_path, tmp_path / "a.wav", tmp_path / "a.txt", tmp_path / "none.exr"):
        with pytest.raises(DubwrightError, match="nothing that can be verified"):
            verify(path, "")
    with pytest.raises(DubwrightError):
        verify(tmp_path / "broken.mp4", "")


def test_the_command_tells_it_and_its_status(version: Path, dubbed: Dubbed) -> None:
    whole = run_cli("verify", version)
    assert whole.returncode == 0 and "As it was made, signed by Dubwright" in whole.stdout
    frame = _frames(version)[7]
    _flip(frame)
    spoiled = run_cli("verify", version, "--json")
    assert spoiled.returncode == 1
    (fault,) = json.loads(spoiled.stdout)["faults"]
    assert fault["where"] == frame.relative_to(version).as_posix()
    log = run_cli("audit", version, "--store", dubbed.store)
    assert log.returncode == 0, log.stderr
    assert "voice_synthesis: speaker Ada, cue cue0001, language es" in log.stdout
    assert "delivered: plan " in log.stdout


@given(st.dictionaries(st.text(min_size=1), st.text("0123456789abcdef", min_size=64, max_size=64)))
def test_the_tree_is_that_of_the_specification(files: dict[str, str]) -> None:
    """RFC 9162, section 2.1.1, written as it stands there."""

    def mth(leaves: list[bytes]) -> bytes:
        if not leaves:
            return hashlib.sha256(b"").digest()
        if len(leaves) == 1:
            return hashlib.sha256(b"\0" + leaves[0]).digest()
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        return hashlib.sha256(b"\1" + mth(leaves[:split]) + mth(leaves[split:])).digest()

    expected = mth([leaf(path, files[path]) for path in sorted(files)]).hex()
    assert merkle_root(files) == expected


def test_a_timeline_of_nobodys_is_hashed_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.otio"
    path.write_bytes(b"\xff no JSON")
    assert hash_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_terms_are_honest_about_what_made_it() -> None:
    espeak = engine_card("espeak-ng", EngineKind.SYNTHESIZER)
    retrieval = engine_card("retrieval", EngineKind.MOUTH_RENDERER)
    neural = engine_card("transformers-voice", EngineKind.SYNTHESIZER)
    assert source_type([]) is SourceType.CAPTURED
    assert source_type([espeak, retrieval]) is SourceType.SYNTHETIC
    assert source_type([espeak, neural]) is SourceType.TRAINED
    made = {EngineKind.SYNTHESIZER, EngineKind.MOUTH_RENDERER, EngineKind.SEPARATOR}
    for card in engines():
        if card.kind in made and card.needs_weights:
            assert card.trained, f"{card.name} has weights, and they were trained"


@pytest.mark.parametrize("language", ["es", "es-MX", "ja", "tlh"])
def test_viewers_are_told_in_their_language(language: str) -> None:
    told = Told(True, ("Ada",), ("Ben",), {"Cy": "Marta López"}, draft=True)
    lines = disclosure_text(told, language).splitlines()
    assert len(lines) == 5
    assert "Ada" in lines[1] and "Ben" in lines[2] and "Cy: Marta López" in lines[3]
    assert told_in(language) == {"es-MX": "es", "tlh": "en"}.get(language, language)
    plain = disclosure_text(Told(False), language)
    assert len(plain.splitlines()) == 1 and plain not in lines


def test_subtitles_hold_a_note(tmp_path: Path) -> None:
    lines = [Subtitle(0, 900, "Hola.")]
    for suffix, there in (("vtt", True), ("ttml", True), ("srt", False)):
        path = tmp_path / f"a.{suffix}"
        write_subtitles(path, lines, "es", "Voces sintéticas\nhablan.")
        content = path.read_text(encoding="utf-8")
        assert ("Voces sintéticas" in content) is there and "Hola." in content
    assert "\n\nNOTE\nVoces" in (tmp_path / "a.vtt").read_text(encoding="utf-8")


def _own(
    folder: Path,
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    days: int = 30,
    begins: int = -60,
) -> tuple[Path, Path]:
    """A production's own chain, made as C2PA asks, and its key; it holds from a day to another."""
    authority = ec.generate_private_key(ec.SECP384R1())
    now = datetime.datetime.now(datetime.UTC)

    def named(name: str) -> x509.Name:
        parts = [(NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, name)]
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])

    def begun(name: str, public: object) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named("Example Root"))
            .public_key(public)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=begins))
            .not_valid_after(now + datetime.timedelta(days=days))
        )

    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    root = (
        begun("Example Root", authority.public_key())
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(
            x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usage), True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), False)
        .sign(authority, hashes.SHA384())
    )
    end = (
        begun("Example Pictures", key.public_key())
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **usage),
            True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False
        )
        .sign(authority, hashes.SHA384())
    )
    pem = serialization.Encoding.PEM
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chain.pem").write_bytes(end.public_bytes(pem) + root.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "chain.pem", folder / "key.pem"


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()]
)
def test_a_production_signs_with_its_own_certificate(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, tmp_path: Path
) -> None:
    own = import_credential(tmp_path / "keys", *_own(tmp_path / "own", key))
    assert own == credential(tmp_path / "keys")
    soundfile.write(tmp_path / "a.wav", np.zeros(4800), 48000)
    sign(
        tmp_path / "a.wav", tmp_path / "signed.wav", "a", (), [CREATED],
        own, {},
    )  # fmt: skip
    told = read_credentials(tmp_path / "signed.wav", anchors(tmp_path / "keys"))
    assert told is not None and told.trusted and told.signer == "Example Pictures"
    # What another signed before stays known.
    import_credential(tmp_path / "keys", *_own(tmp_path / "next", key))
    told = read_credentials(tmp_path / "signed.wav", anchors(tmp_path / "keys"))
    assert told is not None and told.trusted
    assert read_credentials(tmp_path / "a.wav", "") is None


def test_what_a_plate_says_of_itself_is_kept(dubbed: Dubbed, tmp_path: Path) -> None:
    """A camera's credentials stay beneath those of what was made from its movie."""
    plate, made = tmp_path / "plate.mp4", tmp_path / "made.mp4"
    movie = dubbed.result.previews["es"]
    camera = credential(tmp_path / "camera")
    sign(movie, plate, "plate", (), [CREATED], camera, {})
    used = Ingredient("plate", "plate.mp4", "video/mp4", "urn:plate", file=plate)
    placed = Action("c2pa.placed", "The plate is shown", ingredient="plate")
    sign(movie, made, "made", [used], [CREATED, placed], credential(keys_folder()), {})
    told = read_credentials(made, anchors(keys_folder()))
    assert told is not None and told.trusted and not told.faults
    with c2pa.Reader(str(made)) as reader:
        content = json.loads(reader.json())
    assert len(content["manifests"]) == 2
    (ingredient,) = content["manifests"][content["active_manifest"]]["ingredients"]
    assert ingredient["active_manifest"] != content["active_manifest"]


def test_a_certificate_that_cannot_sign_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    chain, secret = _own(tmp_path / "own", key)
    _, other = _own(tmp_path / "other", ec.generate_private_key(ec.SECP256R1()))
    ended = _own(tmp_path / "ended", key, days=-1)
    early = _own(tmp_path / "early", key, begins=1)
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(chain.read_bytes().partition(b"-----END CERTIFICATE-----\n")[0])
    leaf.write_bytes(leaf.read_bytes() + b"-----END CERTIFICATE-----\n")
    for pair, why in (
        ((chain, other), "its key is not the one in key.pem"),
        (ended, "it ended on"),
        (early, "it begins on"),
        ((leaf, secret), "no authority's"),
        ((secret, secret), "no PEM"),
        ((tmp_path / "none.pem", secret), "No such file"),
    ):
        with pytest.raises(DubwrightError) as caught:
            import_credential(tmp_path / "keys", *pair)
        assert why in caught.value.why
    assert not (tmp_path / "keys" / "certificate.pem").exists()


def test_an_unsigned_consent_is_no_certificate() -> None:
    """The production's key of consents and the certificate of deliveries are two things."""
    assert signed_consent().signature is not None
    assert credential(keys_folder()).algorithm == "es256"


@pytest.fixture(scope="session")
def other_readers() -> Path:
    """The program that has two other readers look; they are fetched when they are not there."""
    folder = Path(__file__).parent / "c2pa_readers"
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed")
    with FileLock(folder / ".lock"):
        if not (folder / "node_modules").is_dir():
            subprocess.run([npm, "install"], cwd=folder, check=True, capture_output=True)
    return folder / "read.mjs"


def test_other_readers_accept_what_is_signed(version: Path, other_readers: Path) -> None:
    """The reader of the web, and one that shares no code with what signed."""
    preview = version / "preview" / "lighthouse.es.mp4"
    movie = version.parent / "movie.mov"
    sign(preview, movie, "movie", (), [CREATED], credential(keys_folder()), {})
    stem = version / "stems" / "lighthouse.es.DX.wav"
    spoiled = version.parent / "spoiled.mp4"
    shutil.copyfile(preview, spoiled)
    _flip(spoiled, spoiled.stat().st_size // 2)
    done = subprocess.run(
        ["node", other_readers, preview, movie, stem, spoiled],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    for path in (preview, movie, stem):
        web = told[str(path)]["web"]
        # Its list of certificates is not ours.
        assert web == {"state": "Valid", "failures": ["signingCredential.untrusted"]}
    for path in (preview, movie):
        assert told[str(path)]["independent"] == {"state": "Valid", "failures": []}
    for reader in ("web", "independent"):
        assert "assertion.bmffHash.mismatch" in told[str(spoiled)][reader]["failures"]
        assert told[str(spoiled)][reader]["state"] == "Invalid"
