"""Where the service says how to find it, and how to start it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

__all__ = ["read_runtime", "runtime_file", "start_command"]


def runtime_file() -> Path:
    """The file that a running service writes: $DUBWRIGHT_RUNTIME, or the user's own."""
    named = os.environ.get("DUBWRIGHT_RUNTIME")
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", str(Path.home())))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or Path.home() / ".cache")
    return base / "dubwright" / "service.json"


def read_runtime() -> Optional[Dict[str, Any]]:
    """Port, pid, token and version of the service, or None where none is announced."""
    try:
        content = json.loads(runtime_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def start_command() -> Optional[List[str]]:
    """How to start the service: with the Python that $DUBWRIGHT_PYTHON names."""
    python = os.environ.get("DUBWRIGHT_PYTHON")
    return [python, "-m", "dubwright.cli", "serve"] if python else None


def start(command: List[str]) -> "subprocess.Popen[bytes]":
    """Start the service so that it outlives this process."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
