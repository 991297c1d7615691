"""Whether a delivery is what it was when it was made, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dubwright.errors import DubwrightError
from dubwright.trust.credentials import Credentials, read_credentials
from dubwright.trust.merkle import merkle_root
from dubwright.trust.seal import SIDECAR, Sidecar, files_of, hash_of

__all__ = ["Fault", "Verified", "file_faults", "verify"]

SIGNED_KINDS: Final = frozenset({".mp4", ".mov", ".wav"})
TOLD: Final = ("speaker", "cue", "shot", "frames", "consent")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not as it was: where, and what of it."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found.

    Attributes:
        faults: none where everything is as it was when it was made.
        account: what was changed, where, by what and with whose consent; for people.
        signers: whose certificates signed it.
    """

    faults: tuple[Fault, ...]
    account: tuple[str, ...]
    signers: tuple[str, ...]


def verify(path: Path, anchors: str) -> Verified:
    """Verify a delivery, or one file of it.

    Args:
        path: a version's folder; or a file that is signed, or lies in such a folder.
        anchors: certificates that are trusted, in PEM.

    Raises:
        DubwrightError: it is no delivery, or cannot be read.
    """
    if path.is_dir():
        return _folder(path, anchors)
    if not path.is_file():
        raise _no_delivery(path, "there is no such file")
    folder = next((f for f in path.absolute().parents if (f / SIDECAR).is_file()), None)
    if folder is None and path.suffix.lower() not in SIGNED_KINDS:
        raise _no_delivery(path, "it is not signed, and lies in no delivery")
    faults: list[Fault] = []
    told: Credentials | None = None
    if path.suffix.lower() in SIGNED_KINDS:
        told = read_credentials(path, anchors)
        if told is None and folder is None:
            raise _no_delivery(path, "it is not signed")
        faults += _of_credentials(path.name, told) if told else []
    if folder is not None:
        faults += _of_listing(folder, path.absolute().relative_to(folder).as_posix())
    account = tuple(map(_sentence, told.actions)) if told else ()
    return Verified(tuple(faults), account, (told.signer,) if told else ())


def _folder(folder: Path, anchors: str) -> Verified:
    if not (folder / SIDECAR).is_file():
        raise _no_delivery(folder, f"it has no {SIDECAR}")
    sidecar = Sidecar.read(folder)
    faults = list(file_faults(folder, sidecar))
    if merkle_root(sidecar.files) != sidecar.root:
        faults.append(Fault(SIDECAR, "its list of files was changed: its root is another"))
    if not sidecar.signed:
        faults.append(Fault(SIDECAR, "no signed movie holds its root"))
    account: list[str] = []
    signers: set[str] = set()
    there = files_of(folder)
    for name in sorted(there & ({*sidecar.signed} | {*filter(_may_be_signed, sidecar.files)})):
        try:
            told = read_credentials(folder / name, anchors)
        except DubwrightError as error:
            faults.append(Fault(name, error.why))
            continue
        if told is None:
            if name in sidecar.signed:
                faults.append(Fault(name, "it is not signed any more"))
            continue
        signers.add(told.signer)
        faults += _of_credentials(name, told)
        if name in sidecar.signed:
            account += [f"{name}: {_sentence(action)}" for action in told.actions]
            if told.seal != sidecar.root:
                faults.append(
                    Fault(name, "it was signed for another delivery: its root is another")
                )
    return Verified(tuple(faults), tuple(account), tuple(sorted(signers)))


def _may_be_signed(name: str) -> bool:
    return Path(name).suffix.lower() in SIGNED_KINDS


def file_faults(folder: Path, sidecar: Sidecar, places: tuple[str, ...] = ("",)) -> Iterator[Fault]:
    """Files that are not as they were when a delivery was sealed.

    Args:
        places: what the paths begin with of those files that are looked at.
    """
    there = {name for name in files_of(folder) if name.startswith(places)}
    named = {name for name in (*sidecar.files, *sidecar.signed) if name.startswith(places)}
    for name in sorted(named - there):
        yield Fault(name, "it is missing")
    owners = {content: name for name, content in sidecar.files.items()}
    for name in sorted(there):
        if name not in named:
            yield Fault(name, "it was put there: the delivery had no such file")
        elif name in sidecar.files:
            found = hash_of(folder / name)
            if found != sidecar.files[name]:
                yield Fault(name, _changed(owners.get(found)))


def _changed(owner: str | None) -> str:
    return f"it holds what {owner} held" if owner else "it was changed"


def _of_listing(folder: Path, name: str) -> list[Fault]:
    """What a delivery's list says of one file."""
    sidecar = Sidecar.read(folder)
    if merkle_root(sidecar.files) != sidecar.root:
        return [Fault(SIDECAR, "its list of files was changed: its root is another")]
    if name in sidecar.signed:
        return []
    if name not in sidecar.files:
        return [Fault(name, "it was put there: the delivery had no such file")]
    found = hash_of(folder / name)
    owners = {content: other for other, content in sidecar.files.items()}
    return [] if found == sidecar.files[name] else [Fault(name, _changed(owners.get(found)))]


def _of_credentials(name: str, told: Credentials) -> list[Fault]:
    faults = [Fault(name, f"its credentials do not fit: {fault}") for fault in told.faults]
    if not told.trusted:
        faults.append(
            Fault(name, f"it is signed by {told.signer}, whom this machine does not trust")
        )
    return faults


def _sentence(action: dict[str, Any]) -> str:
    """An action, for people."""
    about = action.get("parameters", {})
    agent = action.get("softwareAgent", {})
    told = [f"{name} {about[key]}" for name in TOLD if (key := f"org.dubwright.{name}") in about]
    if agent:
        told.append(f"by {agent.get('name')} {agent.get('version', '')}".strip())
    kind = action.get("digitalSourceType", "").rpartition("/")[2]
    told += [kind] if kind else []
    described = action.get("description", action.get("action", ""))
    return f"{described} ({'; '.join(told)})" if told else str(described)


def _no_delivery(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "This is nothing that can be verified",
        where=str(path),
        why=why,
        repair="give a version's folder, such as dubs/v003, or a file of one",
    )
