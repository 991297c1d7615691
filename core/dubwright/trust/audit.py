"""What was done to whom, in the order it was done: a log that is only ever added to.

Each entry holds the hash of the one before, so that none can be changed, left out or put in
without all that follow giving it away. It holds no dialogue.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from dubwright.errors import DubwrightError, first_line
from dubwright.store import content_key
from dubwright.trust.consents import Deed, consent_id

__all__ = ["AuditLog", "Entry", "Head"]

BEFORE_THE_FIRST: Final = "0" * 64
TAIL: Final = 1 << 16


class Entry(BaseModel):
    """One thing that was done.

    Attributes:
        number: from 1.
        at: when, in UTC, as in 2026-01-31T17:05:00Z.
        by: the user whose program did it.
        did: what, in one word or two: "likeness_edit", "delivered", "consent recorded"...
        about: of what; JSON values.
        before: hash of the entry before.
        hash: SHA-256 of all the above in canonical JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    at: str
    by: str
    did: str
    about: dict[str, Any]
    before: str
    hash: str = ""

    def hashed(self) -> Entry:
        """The same with its hash."""
        fields = self.model_dump(mode="json", exclude={"hash"})
        return self.model_copy(update={"hash": content_key(fields)})


class Head(BaseModel):
    """How far the log had come: how many entries, and the hash of the last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: int
    hash: str


class AuditLog:
    """The log in a folder.

    Args:
        folder: of a store; several processes may add to it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "audit.jsonl"

    def add(self, did: str, about: dict[str, Any]) -> Entry:
        """Add an entry, and see that it is on the disk.

        An entry that was begun and never ended, for a full disk perhaps, was not added: it goes.

        Raises:
            DubwrightError: the last entry cannot be read.
            OSError: it cannot be written; the log is as it was.
        """
        with FileLock(self.path.with_suffix(".lock")), self.path.open("a+b") as log:
            last, end = self._last()
            log.truncate(end)
            entry = Entry(
                number=last.entries + 1,
                at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                by=getpass.getuser(),
                did=did,
                about=about,
                before=last.hash,
            ).hashed()
            try:
                log.write(entry.model_dump_json().encode() + b"\n")
                log.flush()
                os.fsync(log.fileno())
            except OSError:
                os.truncate(self.path, end)
                raise
        return entry

    def add_deed(self, deed: Deed, task: str) -> Entry:
        """Add what a task did to a speaker; of consents their ids alone.

        Args:
            task: its key, which delivered frames name in their headers.
        """
        about = deed.model_dump(mode="json", exclude={"use", "consents"}, exclude_defaults=True)
        consents = [consent_id(consent) for consent in deed.consents]
        return self.add(deed.use.value, about | {"consents": consents, "task": task})

    def head(self) -> Head:
        """How far the log has come."""
        return self._last()[0]

    def entries(self) -> Iterator[Entry]:
        """Every entry, from the first.

        Raises:
            DubwrightError: one was changed, left out or put in.
        """
        before = Head(entries=0, hash=BEFORE_THE_FIRST)
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            for line in log:
                if not line.endswith(b"\n"):
                    return
                entry = self._read(line, before.entries + 1)
                if entry.number != before.entries + 1 or entry.before != before.hash:
                    raise self._broken(before.entries + 1, "it does not follow the one before")
                if entry.hashed().hash != entry.hash:
                    raise self._broken(entry.number, "it does not hold what its hash says")
                before = Head(entries=entry.number, hash=entry.hash)
                yield entry

    def verify(self, *known: Head) -> int:
        """See that nothing was changed; how many entries there are.

        Args:
            known: how far it had come, as manifests of deliveries say: by them a log is known whose
                end was cut off, or that was written anew.

        Raises:
            DubwrightError: something was changed, or is gone.
        """
        waited: dict[int, set[str]] = {}
        for head in known:
            if head.entries:
                waited.setdefault(head.entries, set()).add(head.hash)
        count = 0
        for entry in self.entries():
            count = entry.number
            if waited.pop(count, {entry.hash}) != {entry.hash}:
                raise self._broken(count, "a delivery knows another one of this number")
        if waited:
            raise self._broken(min(waited), "a delivery knows it, and it is not there")
        return count

    def _last(self) -> tuple[Head, int]:
        """The last whole entry, and where it ends in the file, in bytes."""
        line, end = self._last_line()
        if not line:
            return Head(entries=0, hash=BEFORE_THE_FIRST), end
        entry = self._read(line, -1)
        return Head(entries=entry.number, hash=entry.hash), end

    def _last_line(self) -> tuple[bytes, int]:
        """Read from the end, further back until a whole line is found."""
        if not self.path.exists():
            return b"", 0
        with self.path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            back = TAIL
            while True:
                start = max(0, size - back)
                log.seek(start)
                read = log.read(size - start)
                end = read.rfind(b"\n")
                begin = read.rfind(b"\n", 0, max(end, 0))
                if end >= 0 and (begin >= 0 or start == 0):
                    return read[begin + 1 : end], start + end + 1
                if start == 0:
                    return b"", 0
                back *= 2

    def _read(self, line: bytes, number: int) -> Entry:
        try:
            return Entry.model_validate(json.loads(line))
        except (ValueError, ValidationError) as error:
            raise self._broken(number, first_line(error)) from error

    def _broken(self, number: int, why: str) -> DubwrightError:
        return DubwrightError(
            "The audit log was tampered with",
            where=f"{self.path}: {'entry ' + str(number) if number > 0 else 'the last entry'}",
            why=why,
            repair="keep the file as it is, and compare it with a copy; start a new store to go on",
        )
