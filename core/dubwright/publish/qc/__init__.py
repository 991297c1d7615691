"""The QC report of a published language: one page and one PDF for people to look through."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import jinja2
import typst

from dubwright.publish.qc.sheet import QcSheet, qc_sheet
from dubwright.store import whole

__all__ = ["QcSheet", "qc_sheet", "write_qc"]

HERE: Final = Path(__file__).parent
PRINTED: Final = HERE / "sheet.typ"


def write_qc(sheet: QcSheet, folder: Path, name: str) -> tuple[Path, Path]:
    """Write a report as NAME.html and NAME.pdf, each whole or not at all.

    Both hold all that they show. Letters of the PDF that its own fonts lack are taken from the
    machine's.

    Args:
        sheet: what it tells.
        folder: that receives both; made if it is not there.
        name: of the files.

    Returns:
        The page and the PDF.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page, printed = folder / f"{name}.html", folder / f"{name}.pdf"
    with whole(page) as partial:
        partial.write_text(_html(sheet), encoding="utf-8")
    with whole(printed) as partial:
        partial.write_bytes(_pdf(sheet))
    return page, printed


def _html(sheet: QcSheet) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["data_url"] = _data_url
    return environment.get_template("page.html.j2").render(qc=sheet)


def _pdf(sheet: QcSheet) -> bytes:
    """The same, set by typst, in a project of its own that holds the pictures."""
    with tempfile.TemporaryDirectory(prefix="dubwright-qc-") as named:
        project = Path(named)
        told = json.dumps(_with_pictures(asdict(sheet), project))
        page = project / PRINTED.name
        shutil.copyfile(PRINTED, page)
        document: bytes = typst.compile(page, root=project, sys_inputs={"data": told})
        return document


def _with_pictures(told: Any, project: Path) -> Any:
    """The same, with each picture kept in a folder and named in its place."""
    if isinstance(told, Mapping):
        return {key: _with_pictures(value, project) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return [_with_pictures(value, project) for value in told]
    if isinstance(told, Path):
        return _kept(told.read_bytes(), told.suffix, project)
    if isinstance(told, str) and told.startswith("<svg"):
        return _kept(told.encode(), ".svg", project)
    return told


def _kept(picture: bytes, suffix: str, project: Path) -> str:
    name = f"{hashlib.sha256(picture).hexdigest()}{suffix}"
    (project / name).write_bytes(picture)
    return name


def _data_url(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
