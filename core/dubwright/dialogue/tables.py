"""Lines as a table, CSV: what spreadsheets and translators' tools read and write."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dubwright.errors import DubwrightError
from dubwright.store import whole

__all__ = ["read_table", "write_table"]

SEPARATORS: Final = ",;\t"
# A cell that begins so is a formula to a spreadsheet.
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a table with a header, by column; comma, semicolon or tab between cells.

    Raises:
        DubwrightError: the file cannot be read, or a row has more cells than the header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error
    header = text.splitlines()[0] if text else ""
    separator = max(SEPARATORS, key=header.count)
    rows = []
    try:
        for number, row in enumerate(csv.DictReader(io.StringIO(text), delimiter=separator), 2):
            if None in row:
                raise _unreadable(path, f"row {number} has more cells than the header")
            cells = {key.strip(): _unquoted(value or "") for key, value in row.items()}
            if any(cells.values()):
                rows.append(cells)
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error
    return rows


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Write a table as spreadsheets read it: UTF-8 with a mark; whole or not at all."""
    with whole(path) as partial, partial.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({key: _quoted(row.get(key, "")) for key in columns} for row in rows)


def _quoted(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULAS) else cell


def _unquoted(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULAS) else cell


def _unreadable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "The table cannot be read",
        where=str(path),
        why=why,
        repair="save it as CSV in UTF-8, with a row of column names first",
    )
