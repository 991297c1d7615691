"""Whether a delivery is what it was when it was made, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dubwright.errors import DubwrightError
from dubwright.trust.credentials import Credentials, read_credentials
from dubwright.trust.seal import SIDECAR, Sidecar, files_of, hash_of, is_plain

__all__ = ["Fault", "Verified", "file_faults", "require_as_made", "verify"]

SIGNED_KINDS: Final = frozenset({".mp4", ".mov", ".wav"})
LIST_CHANGED: Final = "its list of files was changed: its root is another"
TOLD: Final = ("speaker", "cue", "shot", "frames", "consent")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not as it was: where, and what of it.

    Attributes:
        unknown: whether only its signer is not trusted here.
    """

    where: str
    what: str
    unknown: bool = False


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
        faults += _of_listing(folder, path.absolute().relative_to(folder).as_posix(), anchors)
    account = tuple(map(_sentence, told.actions)) if told else ()
    return Verified(tuple(faults), account, (told.signer,) if told else ())


def _folder(folder: Path, anchors: str) -> Verified:
    if not (folder / SIDECAR).is_file():
        raise _no_delivery(folder, f"it has no {SIDECAR}")
    sidecar = Sidecar.read(folder)
    faults = list(file_faults(folder, sidecar))
    if not sidecar.fits:
        faults.append(Fault(SIDECAR, LIST_CHANGED))
    if not sidecar.signed:
        faults.append(Fault(SIDECAR, "no signed movie holds its root"))
    account: list[str] = []
    signers: set[str] = set()
    there = {name: path for name, path in files_of(folder).items() if is_plain(path)}
    listed = {*sidecar.signed, *filter(_may_be_signed, sidecar.files)}
    for name in sorted(there.keys() & listed):
        try:
            told = read_credentials(there[name], anchors)
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
            faults += _of_seal(name, told, sidecar)
    return Verified(tuple(faults), tuple(account), tuple(sorted(signers)))


def _may_be_signed(name: str) -> bool:
    return Path(name).suffix.lower() in SIGNED_KINDS


def file_faults(folder: Path, sidecar: Sidecar, places: tuple[str, ...] = ("",)) -> Iterator[Fault]:
    """Files that are not as they were when a delivery was sealed.

    Args:
        places: what the paths begin with of those files that are looked at.
    """
    there = {n: path for n, path in files_of(folder).items() if n.startswith(places)}
    named = {name for name in (*sidecar.files, *sidecar.signed) if name.startswith(places)}
    for name in sorted(named - there.keys()):
        yield Fault(name, "it is missing")
    owners = {content: name for name, content in sidecar.files.items()}
    for name, path in sorted(there.items()):
        if name not in named:
            yield Fault(name, "it was put there: the delivery had no such file")
        elif not is_plain(path):
            yield Fault(name, "it is a link, or no file at all")
        elif name in sidecar.files:
            found = hash_of(path)
            if found != sidecar.files[name]:
                yield Fault(name, _changed(owners.get(found)))


def require_as_made(folder: Path, places: tuple[str, ...], anchors: str) -> None:
    """See that files are what they were when a delivery was sealed by somebody who is trusted.

    Args:
        places: what their paths begin with.
        anchors: certificates that are trusted, in PEM.

    Raises:
        DubwrightError: one is not, or nobody trusted says so.
    """
    sidecar = Sidecar.read(folder)
    faults = [*_of_root(folder, sidecar, anchors), *file_faults(folder, sidecar, places)]
    if faults:
        raise DubwrightError(
            "A version is not what it was when it was made",
            where=str(folder / faults[0].where),
            why=faults[0].what,
            repair="take it from where it was delivered to, or dub again",
        )


def _changed(owner: str | None) -> str:
    return f"it holds what {owner} held" if owner else "it was changed"


def _of_listing(folder: Path, name: str, anchors: str) -> list[Fault]:
    """What a delivery's list, and who signed it, say of one file."""
    sidecar = Sidecar.read(folder)
    return [
        *_of_root(folder, sidecar, anchors),
        *(fault for fault in file_faults(folder, sidecar, (name,)) if fault.where == name),
    ]


def _of_root(folder: Path, sidecar: Sidecar, anchors: str) -> list[Fault]:
    """Whether the list is what was signed: one movie that is trusted to hold its root is enough."""
    if not sidecar.fits:
        return [Fault(SIDECAR, LIST_CHANGED)]
    for name in sidecar.signed:
        path = folder / name
        told = read_credentials(path, anchors) if path.is_file() and is_plain(path) else None
        if told and not _of_credentials(name, told) and not _of_seal(name, told, sidecar):
            return []
    return [Fault(SIDECAR, "no movie that is signed by somebody trusted holds its root")]


def _of_seal(name: str, told: Credentials, sidecar: Sidecar) -> list[Fault]:
    if told.seal != sidecar.root:
        return [Fault(name, "it was signed for another delivery: its root is another")]
    if told.sealed_as != name:
        return [Fault(name, f"it is {told.sealed_as} under another name")]
    return []


def _of_credentials(name: str, told: Credentials) -> list[Fault]:
    faults = [Fault(name, f"its credentials do not fit: {fault}") for fault in told.faults]
    if not told.trusted:
        why = f"it is signed by {told.signer}, whom this machine does not trust"
        faults.append(Fault(name, why, unknown=True))
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
