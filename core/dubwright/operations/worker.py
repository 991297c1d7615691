"""A worker process: `python -m dubwright.operations.worker STORE`.

Reads requests as lines of JSON, does one after another, and answers with lines of JSON. A request
has one of

    {"task": {...}, "batch": frames}                       do a task
    {"plan": {"operation", "request", "folders"}}          plan an operation
    {"deliver": {"operation", "request", "folders"}}       deliver one whose tasks are done
    {"evict": [keys]}                                      make room in the store, keeping these

and {"cancel": true} stops the one that runs. The answer is {"progress": units} any number of
times, then one of {"done": ...}, {"error": {...}}, {"outdated": {...}}, {"cancelled": true},
{"memory": why} and {"fault": what, "frames": where}. While it lives it says {"beat": true} every
second. It ends when its input does, so that it never outlives the process that started it, however
that one died.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TextIO

from dubwright.engines.batches import ran_out_of_memory
from dubwright.engines.warm import release_models
from dubwright.errors import Cancelled, DubwrightError, PlanOutdated

if TYPE_CHECKING:
    from dubwright.store import Store

__all__ = ["claim_stdout", "main"]

BEAT_S: Final = 1.0

Reply = Callable[[dict[str, Any]], None]


def main() -> None:
    store_folder = Path(sys.argv[1])
    reply = _replier(claim_stdout())
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
    cancel = threading.Event()
    threading.Thread(target=_read, args=(requests, cancel), daemon=True).start()
    threading.Thread(target=_beat, args=(reply,), daemon=True).start()

    import cv2

    from dubwright.store import Store

    cv2.setNumThreads(1)
    while True:
        request, ran_out = requests.get(), False
        try:
            reply({"done": _do(request, Store.found(store_folder), reply, cancel)})
        except PlanOutdated as error:
            reply({"outdated": error.as_dict()})
        except DubwrightError as error:
            reply({"error": error.as_dict(), "waits": error.waits})
        except Cancelled:
            reply({"cancelled": True})
        except Exception as error:  # noqa: BLE001 - a fault of ours is reported whole, never hidden
            if ran_out_of_memory(error):
                ran_out = True
                reply({"memory": f"{type(error).__name__}: {error}"})
            else:
                frames = "".join(traceback.format_tb(error.__traceback__))
                reply({"fault": f"{type(error).__name__}: {error}", "frames": frames})
        if ran_out:
            release_models()


def claim_stdout() -> TextIO:
    """Keep standard output for replies; what libraries print goes to standard error."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies


def _do(request: dict[str, Any], store: Store, reply: Reply, cancel: threading.Event) -> Any:
    if "task" in request:
        from dubwright.operations.execute import execute
        from dubwright.operations.task import Task

        task = Task(**request["task"])
        execute(task, store, lambda units: reply({"progress": units}), cancel, request["batch"])
        return None
    if "plan" in request:
        return {"tasks": _unfinished_and_finished(request["plan"], store)}
    if "deliver" in request:
        return _delivered(request["deliver"], store)
    return store.evict(keep=frozenset(request["evict"]))


def _planned(asked: dict[str, Any], store: Store) -> tuple[Any, Any, Any]:
    from dubwright.operations.operation import OPERATIONS
    from dubwright.store import Access
    from dubwright.trust import Authority

    operation = OPERATIONS[asked["operation"]]
    request = operation.request.model_validate(asked["request"])
    folders = asked["folders"]
    access = Access(None if folders is None else map(Path, folders))
    return operation, request, operation.plan(request, store, Authority.of_this_machine(), access)


def _unfinished_and_finished(asked: dict[str, Any], store: Store) -> list[dict[str, Any]]:
    from dubwright.operations.deliver import check_output

    _, request, plan = _planned(asked, store)
    check_output(request.output)
    return _tasks(plan, store)


def _tasks(plan: Any, store: Store) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "task": task.as_json(),
            "needs": sorted(set(task.inputs.values())),
            "finished": store.find(key) is not None,
        }
        for key, task in plan.tasks.items()
    ]


def _delivered(asked: dict[str, Any], store: Store) -> dict[str, Any]:
    """What was delivered, or the tasks of a plan that has changed since: media, cast, consents."""
    operation, request, plan = _planned(asked, store)
    tasks = _tasks(plan, store)
    if not all(task["finished"] for task in tasks):
        return {"tasks": tasks}
    return {"result": operation.deliver(plan, store, request.output)}


def _replier(replies: TextIO) -> Reply:
    lock = threading.Lock()

    def reply(message: dict[str, Any]) -> None:
        with lock:
            replies.write(json.dumps(message) + "\n")
            replies.flush()

    return reply


def _beat(reply: Reply) -> None:
    while True:
        reply({"beat": True})
        time.sleep(BEAT_S)


def _read(requests: SimpleQueue[dict[str, Any]], cancel: threading.Event) -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("cancel"):
            cancel.set()
        else:
            cancel.clear()
            requests.put(message)
    os._exit(1)


if __name__ == "__main__":
    main()
