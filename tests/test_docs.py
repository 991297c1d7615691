"""The documentation does what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from service_places import own_service_places, wait_for

from dubwright.character.rig import Rig
from dubwright.dialogue import Cast, CueSheet, Review
from dubwright.operations.show import Show

DOCS = Path(__file__).resolve().parent.parent / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bin_folder = Path(sys.executable).parent
    said = ""
    with own_service_places(tmp_path / "own", tmp_path / "service.json"):
        for kind, code in BLOCK.findall((DOCS / "tutorial.md").read_text(encoding="utf-8")):
            if kind == "sh":
                words = code.split()
                assert words[0] == "dubwright"
                command = [str(bin_folder / "dubwright"), *words[1:]]
            else:
                command = [sys.executable, "-c", code]
            done = subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{code}\n{done.stderr}"
            said += done.stdout
        wait_for(lambda: not (tmp_path / "service.json").exists())
    assert sorted(p.name for p in (tmp_path / "dubs").glob("v*")) == ["v001", "v002"]
    assert "frames drawn" in said and "http://127.0.0.1:" in said


def test_the_documents_in_the_documentation_are_valid() -> None:
    blocks = BLOCK.findall((DOCS / "formats.md").read_text(encoding="utf-8"))
    kinds = {
        "dubwright.cue_sheet": CueSheet,
        "dubwright.cast": Cast,
        "dubwright.review": Review,
        "dubwright.show": Show,
        "dubwright.rig": Rig,
    }
    seen = set()
    for _, code in blocks:
        content = json.loads(code)
        kinds[content["document"]].model_validate(content)
        seen.add(content["document"])
    assert seen == set(kinds)


def test_every_link_in_the_documentation_leads_somewhere() -> None:
    pages = [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"
