"""One job in a process of its own: `python -m dubwright.service.job STORE`.

Reads one line of JSON, {"operation", "request"}, and writes lines of JSON: {"progress": [done,
total, label]}, then {"result": {...}}, {"error": {...}}, {"cancelled": true} or {"fault": text}.
The end of its input cancels it.
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from dubwright.api import Dub, Running, perform_animate, perform_dub, perform_lip_sync
from dubwright.errors import Cancelled, DubwrightError
from dubwright.operations.request import AnimateRequest, DubRequest, LipSyncRequest
from dubwright.operations.run import Progress
from dubwright.operations.worker import claim_stdout
from dubwright.store import Store

__all__ = ["REQUESTS", "main"]

REQUESTS: dict[str, type[BaseModel]] = {
    "dub": DubRequest,
    "lip_sync": LipSyncRequest,
    "animate": AnimateRequest,
}


def main() -> None:
    store = Store(Path(sys.argv[1]))
    replies = claim_stdout()
    asked = json.loads(sys.stdin.readline())
    cancel = threading.Event()
    threading.Thread(target=_cancel_at_the_end, args=(cancel,), daemon=True).start()

    def say(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    def listen(progress: Progress) -> None:
        say({"progress": [progress.done, progress.total, progress.label]})

    running = Running(listener=listen, cancel=cancel)
    try:
        say({"result": _perform(asked["operation"], asked["request"], store, running)})
    except DubwrightError as error:
        say({"error": error.as_dict()})
    except Cancelled:
        say({"cancelled": True})
    except Exception:  # noqa: BLE001 - a fault of ours is reported whole, never hidden
        say({"fault": traceback.format_exc()})


def _perform(operation: str, request: Any, store: Store, running: Running) -> dict[str, Any]:
    if operation == "dub":
        return _delivered(perform_dub(DubRequest.model_validate(request), store, running))
    if operation == "lip_sync":
        return _delivered(perform_lip_sync(LipSyncRequest.model_validate(request), store, running))
    return {"folder": str(perform_animate(AnimateRequest.model_validate(request), store, running))}


def _delivered(dub: Dub) -> dict[str, Any]:
    return {
        "folder": str(dub.folder),
        "timelines": {tag: str(path) for tag, path in dub.timelines.items()},
        "previews": {tag: str(path) for tag, path in dub.previews.items()},
    }


def _cancel_at_the_end(cancel: threading.Event) -> None:
    sys.stdin.read()
    cancel.set()


if __name__ == "__main__":
    main()
