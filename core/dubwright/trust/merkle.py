"""One hash for many files, by which each can be known (RFC 9162, section 2.1.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

__all__ = ["leaf", "merkle_root"]


def leaf(path: str, content: str) -> bytes:
    """What stands for a file: its path beneath the folder, with '/', and its content's SHA-256."""
    return f"{path}\0{content}".encode()


def merkle_root(files: Mapping[str, str]) -> str:
    """The root over files in the order of their paths, in hexadecimal.

    Args:
        files: SHA-256 of each, in hexadecimal, by path.
    """
    return _root([leaf(path, files[path]) for path in sorted(files)]).hex()


def _root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    level = [hashlib.sha256(b"\0" + each).digest() for each in leaves]
    # It splits at the largest power of two: pairs from the left, and the odd one goes up.
    while len(level) > 1:
        pairs = [
            hashlib.sha256(b"\1" + level[at] + level[at + 1]).digest()
            for at in range(0, len(level) - 1, 2)
        ]
        level = pairs + (level[-1:] if len(level) % 2 else [])
    return level[0]
