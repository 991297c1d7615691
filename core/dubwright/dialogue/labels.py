"""Label tracks: start, end and a label in each line, as Audacity and many aligners write them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from dubwright.errors import DubwrightError
from dubwright.model import SpokenPhone

__all__ = ["read_phones"]


def read_phones(path: Path) -> tuple[SpokenPhone, ...]:
    """The phones of a recording: in each line start and end in seconds, tab, and the phone in IPA.

    Raises:
        DubwrightError: the file cannot be read, or a line is not so.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DubwrightError(
            "The phones cannot be read",
            where=str(path),
            why=str(error),
            repair="give a label track in UTF-8: start, end and phone, with tabs between",
        ) from error
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    return tuple(_phone(f"{path}, line {number}", line) for number, line in numbered)


def _phone(where: str, line: str) -> SpokenPhone:
    try:
        start, end, *symbol = line.split("\t")
        start_ms, end_ms = (round(Fraction(at.strip()) * 1000) for at in (start, end))
        return SpokenPhone(symbol="".join(symbol).strip(), start_ms=start_ms, end_ms=end_ms)
    except ValueError as error:
        raise DubwrightError(
            "This line is no phone",
            where=where,
            why=f"it is {line!r}",
            repair="write start and end in seconds and the phone, with tabs between, as Audacity",
        ) from error
