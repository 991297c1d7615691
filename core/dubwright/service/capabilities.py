"""What this installation can do, found in a process of its own: engines are heavy to load.

`python -m dubwright.service.capabilities` prints it as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from typing import Any, Final

from dubwright.operations.worker_slots import find_gpus

__all__ = ["Capabilities"]

ANSWER_WITHIN_S: Final = 60
KNOWN_FOR_S: Final = 60


class Capabilities:
    """What is installed, asked again when the answer is older than a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}
        self._until = 0.0

    def __call__(self) -> dict[str, Any]:
        """Engines with their licences and limits, their languages and voices, GPUs and weights."""
        with self._lock:
            if time.monotonic() > self._until:
                self._known = _ask()
                self._until = time.monotonic() + KNOWN_FOR_S
            return self._known


def _ask() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "dubwright.service.capabilities"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=ANSWER_WITHIN_S,
        check=True,
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    from dubwright.engines import EngineKind, engine, engines
    from dubwright.engines.weights import WeightsFolder

    # What an engine with weights speaks depends on them.
    spoken = {
        kind: {
            card.name: sorted(engine(card.name, kind).languages())
            for card in engines(kind)
            if card.usable and not card.needs_weights
        }
        for kind in (EngineKind.SYNTHESIZER, EngineKind.ALIGNER)
    }
    found = {
        "engines": [
            card.model_dump(mode="json") | {"identity": card.identity} for card in engines()
        ],
        "languages": spoken,
        "voices": {
            name: {
                language: engine(name, EngineKind.SYNTHESIZER).voices(language)
                for language in languages
            }
            for name, languages in spoken[EngineKind.SYNTHESIZER].items()
        },
        "gpus": [asdict(gpu) for gpu in find_gpus()],
        "weights": [
            weights.model_dump(mode="json", include={"name", "revision", "licence"})
            for weights in WeightsFolder().all()
        ],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
