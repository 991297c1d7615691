"""Where the service says how to find it, and how to start it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

__all__ = [
    "PROTOCOL",
    "installation_file",
    "read_runtime",
    "remember_installation",
    "runtime_file",
    "start",
    "start_command",
]

# What a host and the service say to each other; a number more where an older one would not do.
PROTOCOL = 1


def runtime_file() -> Path:
    """The file that a running service writes: $DUBWRIGHT_RUNTIME, or the user's own."""
    named = os.environ.get("DUBWRIGHT_RUNTIME")
    if named:
        return Path(named)
    short_lived = os.environ.get("XDG_RUNTIME_DIR")
    if sys.platform not in ("win32", "darwin") and short_lived:
        return Path(short_lived) / "dubwright" / "service.json"
    return _user_folder() / "service.json"


def installation_file() -> Path:
    """The file that says which Python Dubwright is installed in: $DUBWRIGHT_INSTALLATION, or the
    user's own."""
    named = os.environ.get("DUBWRIGHT_INSTALLATION")
    return Path(named) if named else _user_folder() / "installation.json"


def remember_installation(python: str) -> None:
    """Have hosts start the service with this Python from now on."""
    path = installation_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps({"python": python}) + "\n", encoding="utf-8")
    partial.replace(path)


def read_runtime() -> Optional[Dict[str, Any]]:
    """Port, pid, token and version of the service, or None where none is announced."""
    return _read(runtime_file())


def start_command() -> Optional[List[str]]:
    """How to start the service: with the Python that $DUBWRIGHT_PYTHON names, or with the one that
    Dubwright was installed in; None where neither is there."""
    python = os.environ.get("DUBWRIGHT_PYTHON") or (_read(installation_file()) or {}).get("python")
    if not python or not Path(python).exists():
        return None
    return [str(python), "-m", "dubwright.cli", "serve"]


def start(command: List[str]) -> "subprocess.Popen[bytes]":
    """Start the service so that it outlives this process."""
    detached: Dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        no_window, new_group = 0x08000000, 0x00000200
        detached = {"creationflags": no_window | new_group}
    # A host's own Python settings would lead another Python astray.
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        **detached,
    )


def _user_folder() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", str(Path.home())))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path.home() / ".cache"
    return base / "dubwright"


def _read(path: Path) -> Optional[Dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
