"""Writes the JSON Schemas: of requests where the plug-in carries them, of documents in docs.

python tests/write_schemas.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dubwright.character.rig import Rig
from dubwright.dialogue import Cast, CueSheet, Review
from dubwright.operations.request import REQUESTS
from dubwright.operations.show import Show

__all__ = ["DOCUMENTS", "request_schemas"]

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "plugin" / "dubwright_plugin" / "schemas.json"
DOCUMENTS = {"cast": Cast, "cue_sheet": CueSheet, "review": Review, "rig": Rig, "show": Show}


def request_schemas() -> dict[str, Any]:
    """The schema of each operation's request."""
    return {name: kind.model_json_schema() for name, kind in REQUESTS.items()}


if __name__ == "__main__":
    SCHEMAS.write_text(json.dumps(request_schemas(), indent=1, sort_keys=True) + "\n")
    for name, kind in DOCUMENTS.items():
        path = ROOT / "docs" / "schemas" / f"{name}.schema.json"
        path.write_text(json.dumps(kind.model_json_schema(), indent=1) + "\n")
