"""JSON documents that people edit: read with clear errors, written whole."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from dubwright.errors import DubwrightError
from dubwright.store import whole

__all__ = ["read_document", "write_document"]

Document = TypeVar("Document", bound=BaseModel)


def read_document(path: Path, kind: type[Document], name: str) -> Document:
    """A document of this kind.

    Raises:
        DubwrightError: the file is missing, or its content is not valid; the first fault is named.
    """
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DubwrightError(
            f"The {name} cannot be read",
            where=str(path),
            why=error.strerror or str(error),
            repair="check the path",
        ) from error
    except ValidationError as error:
        faults = error.errors()
        fault = next((fault for fault in faults if fault["loc"] == ("version",)), faults[0])
        if fault["loc"] == ("version",):
            raise DubwrightError(
                f"The {name} is of another version",
                where=f"{path}: version",
                why=f"it says version {fault['input']}, which this Dubwright does not read",
                repair="make it anew, or open it with the Dubwright that wrote it",
            ) from error
        place = " > ".join(str(step) for step in fault["loc"]) or "the document"
        raise DubwrightError(
            f"The {name} is not valid",
            where=f"{path}: {place}",
            why=fault["msg"],
            repair="correct this place; docs/formats.md describes the document",
        ) from error
    except UnicodeDecodeError as error:
        raise DubwrightError(
            f"The {name} is not text",
            where=str(path),
            why=str(error),
            repair="save it as UTF-8",
        ) from error


def write_document(path: Path, document: BaseModel) -> None:
    """Write a document as indented JSON; whole or not at all."""
    with whole(path) as partial:
        partial.write_text(document.model_dump_json(indent=2) + "\n", encoding="utf-8")
