"""Writes the JSON Schemas of the requests where the plug-in carries them.

python tests/write_schemas.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dubwright.operations.request import REQUESTS

__all__ = ["request_schemas"]

SCHEMAS = Path(__file__).resolve().parent.parent / "plugin" / "dubwright_plugin" / "schemas.json"


def request_schemas() -> dict[str, Any]:
    """The schema of each operation's request."""
    return {name: kind.model_json_schema() for name, kind in REQUESTS.items()}


if __name__ == "__main__":
    SCHEMAS.write_text(json.dumps(request_schemas(), indent=1, sort_keys=True) + "\n")
