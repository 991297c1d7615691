"""What this installation can do, found in a process of its own: engines are heavy to load.

`python -m dubwright.service.capabilities` prints it as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from functools import lru_cache
from typing import Any, Final

from dubwright.service.slots import find_gpus

__all__ = ["capabilities"]

ANSWER_WITHIN_S: Final = 60


@lru_cache(maxsize=1)
def capabilities() -> dict[str, Any]:
    """Engines with their licences and limits, languages and voices by engine, and GPUs."""
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

    spoken = {
        kind: {card.name: sorted(engine(card.name, kind).languages()) for card in engines(kind)}
        for kind in (EngineKind.SYNTHESIZER, EngineKind.ALIGNER)
    }
    found = {
        "engines": [
            card.model_dump(mode="json") | {"identity": card.identity} for card in engines()
        ],
        "languages": spoken,
        "voices": {
            card.name: {
                language: engine(card.name, EngineKind.SYNTHESIZER).voices(language)
                for language in spoken[EngineKind.SYNTHESIZER][card.name]
            }
            for card in engines(EngineKind.SYNTHESIZER)
        },
        "gpus": [asdict(gpu) for gpu in find_gpus()],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
