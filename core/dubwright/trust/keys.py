"""The production's key, and whose signatures this machine trusts.

Signatures are Ed25519 (RFC 8032).
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Final, Literal

import platformdirs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field

from dubwright.dialogue.documents import read_document, write_document
from dubwright.errors import DubwrightError
from dubwright.model import Signature
from dubwright.store import whole

__all__ = ["Keys", "Trusted", "is_signed", "keys_folder", "public_key", "signature"]

PRIVATE: Final = "production.key"
TRUSTED: Final = "trusted.json"


class Trusted(BaseModel):
    """Whose records hold on this machine, and which do not any more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.trusted"] = "dubwright.trusted"
    version: Literal[1] = 1
    keys: dict[str, str] = Field(
        default_factory=dict, description="Public keys in base64, each with whose it is."
    )
    revoked: tuple[str, ...] = Field((), description="Ids of consents that were taken back.")


def keys_folder() -> Path:
    """Where keys lie: $DUBWRIGHT_KEYS, or the user's own place."""
    named = os.environ.get("DUBWRIGHT_KEYS")
    return Path(named) if named else Path(platformdirs.user_config_dir("dubwright")) / "keys"


class Keys:
    """The keys in a folder.

    Args:
        folder: need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def has_private(self) -> bool:
        return (self.folder / PRIVATE).is_file()

    def make(self, name: str) -> str:
        """Make the production's key, unless there is one, and trust it; its public key.

        Args:
            name: of the production, for people.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = self.folder / PRIVATE
        with self._lock():
            if not private.exists():
                pem = Ed25519PrivateKey.generate().private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
                )
                with whole(private) as partial:
                    partial.unlink(missing_ok=True)
                    # Nobody else may read it, not even for a moment.
                    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                    with os.fdopen(file, "wb") as opened:
                        opened.write(pem)
        public = public_key(self.private())
        self.trust(public, name)
        return public

    def private(self) -> Ed25519PrivateKey:
        """The production's key.

        Raises:
            DubwrightError: there is none, or it cannot be read.
        """
        path = self.folder / PRIVATE
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except FileNotFoundError:
            raise DubwrightError(
                "This production has no key to sign with",
                where=str(path),
                why="none was made on this machine",
                repair="make it with `dubwright consent key --name 'Example Pictures'`, or copy "
                "the production's there",
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise _unreadable(path, str(error)) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _unreadable(path, "it is no Ed25519 key")
        return key

    def trusted(self) -> Trusted:
        """Whose signatures hold here.

        Raises:
            DubwrightError: the document is not valid.
        """
        path = self.folder / TRUSTED
        return read_document(path, Trusted, "list of trusted keys") if path.exists() else Trusted()

    def trust(self, public: str, name: str) -> None:
        """Have signatures by a key hold on this machine.

        Raises:
            DubwrightError: it is no public key.
        """
        _check_public(public)
        with self._lock():
            known = self.trusted()
            self._write(known.model_copy(update={"keys": known.keys | {public: name}}))

    def revoke(self, consent: str) -> None:
        """Have a consent, by its id, hold no longer on this machine."""
        with self._lock():
            known = self.trusted()
            revoked = tuple(sorted({*known.revoked, consent}))
            self._write(known.model_copy(update={"revoked": revoked}))

    def _lock(self) -> FileLock:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return FileLock(self.folder / "keys.lock")

    def _write(self, trusted: Trusted) -> None:
        write_document(self.folder / TRUSTED, trusted)


def public_key(private: Ed25519PrivateKey) -> str:
    """The public key of a private one, in base64."""
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def signature(statement: bytes, private: Ed25519PrivateKey) -> Signature:
    """The signature of a statement."""
    value = base64.b64encode(private.sign(statement)).decode()
    return Signature(key=public_key(private), value=value)


def is_signed(statement: bytes, by: Signature) -> bool:
    """Whether a signature is that of this statement by its own key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(by.key, validate=True))
        key.verify(base64.b64decode(by.value, validate=True), statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def _check_public(public: str) -> None:
    try:
        length = len(base64.b64decode(public, validate=True))
    except ValueError:
        length = 0
    if length != 32:
        raise DubwrightError(
            "This is no public key",
            where=public,
            why="a production's public key is 32 bytes in base64",
            repair="copy it from `dubwright consent key` on the production's machine",
        )


def _unreadable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "The production's key cannot be read",
        where=str(path),
        why=why,
        repair="put the production's key there again, as PEM without a password",
    )
