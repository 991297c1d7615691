"""One seal over all files of a delivery: the root of a tree of their hashes.

The sidecar lists every file with its hash; the root over them stands in it and in the signed
previews, so that no file can be changed, taken away, put in or swapped, and no list with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dubwright.conform.document import NAMESPACE
from dubwright.dialogue.documents import read_document, write_document
from dubwright.store import content_key
from dubwright.trust.merkle import merkle_root

__all__ = ["SIDECAR", "Sidecar", "files_of", "hash_of", "is_plain", "root_of", "sealed"]

SIDECAR: Final = "provenance.json"
BLOCK: Final = 1 << 20
# What stands in the tree for a movie that holds the root itself.
HOLDS_THE_ROOT: Final = "signed"
# What reviewers decide is shown on the markers of timelines, and may change.
OF_REVIEW: Final = ("color", "comment")


class Sidecar(BaseModel):
    """What a delivery held when it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.provenance"] = "dubwright.provenance"
    version: Literal[1] = 1
    algorithm: Literal["sha256"] = "sha256"
    root: str = Field(
        description="Merkle tree hash (RFC 9162) over `files` and `signed`, in hexadecimal."
    )
    signed: tuple[str, ...] = Field(description="Movies that are signed and hold the root.")
    files: dict[str, str] = Field(
        description="SHA-256 of every other file, by its path; of a timeline, of all but what "
        "reviewers decided."
    )

    @classmethod
    def read(cls, folder: Path) -> Sidecar:
        """See read_document for what it raises."""
        return read_document(folder / SIDECAR, cls, "provenance of a delivery")

    @property
    def fits(self) -> bool:
        """Whether its root is the one over what it lists."""
        return self.root == root_of(self.files, self.signed)


def sealed(folder: Path, signed: Iterable[str]) -> Sidecar:
    """Write the sidecar of a folder, and give it.

    Args:
        signed: paths of those files that will hold the root; they need not be there yet.
    """
    names = tuple(sorted(signed))
    there = files_of(folder)
    files = {name: hash_of(there[name]) for name in sorted(there.keys() - {*names})}
    sidecar = Sidecar(root=root_of(files, names), signed=names, files=files)
    write_document(folder / SIDECAR, sidecar)
    return sidecar


def files_of(folder: Path) -> dict[str, Path]:
    """All that lies beneath a folder but for folders and the sidecar, by its path with '/'.

    Links are not followed. Names are told in NFC, whichever form a file system gave them.
    """
    there: dict[str, Path] = {}
    for place, folders, names in os.walk(folder, onerror=_raise):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in (*names, *links):
            path = Path(place) / name
            there[path.relative_to(folder).as_posix()] = path
    there.pop(SIDECAR, None)
    composed = {name: unicodedata.normalize("NFC", name) for name in there}
    # Where both forms of a name stand side by side, each is told as it is.
    return {name if composed[name] in there else composed[name]: there[name] for name in there}


def is_plain(path: Path) -> bool:
    """Whether something is a file itself, and neither a link nor a device."""
    return stat.S_ISREG(path.lstat().st_mode)


def hash_of(path: Path) -> str:
    """The SHA-256 of a file; of a timeline of ours that of what reviewers cannot change."""
    if path.suffix == ".otio":
        try:
            content = json.loads(path.read_bytes(), object_pairs_hook=_once)
            return content_key(_unreviewed(content))
        except (ValueError, RecursionError):
            pass  # no timeline of ours: its bytes are what it is
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def root_of(files: Mapping[str, str], signed: Iterable[str]) -> str:
    """The root over files, by their hashes, and over the paths of those that hold it."""
    return merkle_root({**files, **dict.fromkeys(signed, HOLDS_THE_ROOT)})


def _raise(error: OSError) -> None:
    raise error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object that has each key once: readers differ in which of two they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _unreviewed(value: Any) -> Any:
    """A timeline's JSON without what a review writes on our markers."""
    if isinstance(value, list):
        return [_unreviewed(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _unreviewed(each) for key, each in value.items()}
    ours = kept.get("metadata", {}).get(NAMESPACE) if _is_marker(value) else None
    if isinstance(ours, dict) and "cue" in ours:
        ours.pop("review", None)
        for key in OF_REVIEW:
            kept.pop(key, None)
    return kept


def _is_marker(value: dict[str, Any]) -> bool:
    return str(value.get("OTIO_SCHEMA", "")).startswith("Marker.")
