"""One seal over all files of a delivery: the root of a tree of their hashes.

The sidecar lists every file with its hash; the root over them stands in it and in the signed
previews, so that no file can be changed, taken away, put in or swapped, and no list with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dubwright.conform.document import NAMESPACE
from dubwright.dialogue.documents import read_document, write_document
from dubwright.store import content_key
from dubwright.trust.merkle import merkle_root

__all__ = ["SIDECAR", "Sidecar", "files_of", "hash_of", "sealed"]

SIDECAR: Final = "provenance.json"
BLOCK: Final = 1 << 20
# What reviewers decide is shown on the markers of timelines, and may change.
OF_REVIEW: Final = ("color", "comment")


class Sidecar(BaseModel):
    """What a delivery held when it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.provenance"] = "dubwright.provenance"
    version: Literal[1] = 1
    algorithm: Literal["sha256"] = "sha256"
    root: str = Field(description="Merkle tree hash (RFC 9162) over `files`, in hexadecimal.")
    signed: tuple[str, ...] = Field(description="Movies that are signed and hold the root.")
    files: dict[str, str] = Field(
        description="SHA-256 of every other file, by its path; of a timeline, of all but what "
        "reviewers decided."
    )

    @classmethod
    def read(cls, folder: Path) -> Sidecar:
        """See read_document for what it raises."""
        return read_document(folder / SIDECAR, cls, "provenance of a delivery")


def sealed(folder: Path, signed: Iterable[str]) -> Sidecar:
    """Write the sidecar of a folder, and give it.

    Args:
        signed: paths of those files that will hold the root; they need not be there yet.
    """
    names = tuple(sorted(signed))
    files = {name: hash_of(folder / name) for name in sorted(files_of(folder) - {*names})}
    sidecar = Sidecar(root=merkle_root(files), signed=names, files=files)
    write_document(folder / SIDECAR, sidecar)
    return sidecar


def files_of(folder: Path) -> set[str]:
    """The paths of all files beneath a folder, with '/', but for the sidecar."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {
        SIDECAR
    }


def hash_of(path: Path) -> str:
    """The SHA-256 of a file; of a timeline of ours that of what reviewers cannot change."""
    if path.suffix == ".otio":
        try:
            return content_key(_unreviewed(json.loads(path.read_bytes())))
        except ValueError:
            pass  # no timeline: its bytes are what it is
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


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
