"""A worker process: `python -m dubwright.operations.worker STORE`.

Reads tasks as lines of JSON and answers with lines of JSON: {"progress": units}, then one of
{"done": true}, {"error": {...}}, {"cancelled": true} and {"fault": traceback}. It ends when its
input does, so that it never outlives the process that started it, however that one died.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

from dubwright.errors import Cancelled, DubwrightError
from dubwright.operations.task import Task

__all__ = ["claim_stdout", "main"]


def main() -> None:
    store_folder = Path(sys.argv[1])
    replies = claim_stdout()
    tasks: SimpleQueue[Task] = SimpleQueue()
    cancel = threading.Event()
    threading.Thread(target=_read, args=(tasks, cancel), daemon=True).start()

    import cv2

    from dubwright.operations.execute import execute
    from dubwright.store import Store

    cv2.setNumThreads(1)

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    while True:
        task = tasks.get()
        try:
            execute(task, Store(store_folder), lambda units: reply({"progress": units}), cancel)
        except DubwrightError as error:
            reply({"error": error.as_dict()})
        except Cancelled:
            reply({"cancelled": True})
        except Exception:  # noqa: BLE001 - a fault of ours is reported whole, never hidden
            reply({"fault": traceback.format_exc()})
        else:
            reply({"done": True})


def claim_stdout() -> TextIO:
    """Keep standard output for replies; what libraries print goes to standard error."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies


def _read(tasks: SimpleQueue[Task], cancel: threading.Event) -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("cancel"):
            cancel.set()
        else:
            tasks.put(Task(**message["task"]))
    os._exit(1)


if __name__ == "__main__":
    main()
