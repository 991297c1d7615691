"""Publish in a process of its own: `python -m dubwright.publish.process`.

Reads one line of JSON, a Wish with the version's folder, and answers with lines of JSON:
{"parts": count}, then {"part": {...}} for each shot and each language, then {"done": true} or
{"error": {...}}. It ends when its input does, with all its own processes.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from typing import Any, TextIO

from dubwright.errors import DubwrightError
from dubwright.operations.worker import claim_stdout
from dubwright.publish import require_pyblish
from dubwright.publish.examined import Examined
from dubwright.publish.messages import PartView, Told, Wish
from dubwright.publish.presets import find_preset

__all__ = ["main"]


def main() -> None:
    reply = claim_stdout()
    wish = Wish.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        _publish(wish, reply)
    except DubwrightError as error:
        _say(reply, {"error": error.as_dict()})


def _publish(wish: Wish, reply: TextIO) -> None:
    require_pyblish()
    from dubwright.publish import run
    from dubwright.publish.validator import Target

    preset = find_preset(wish.preset)
    asked = run.Publishing(
        wish.version,
        wish.languages,
        run.terms_of(preset, wish.commercial, wish.territories),
        Target(preset, wish.output) if wish.output else None,
        wish.qc,
    )
    _say(reply, {"parts": run.count_parts(asked)})
    run.publish(asked, lambda examined: _say(reply, {"part": _view(examined).model_dump()}))
    _say(reply, {"done": True})


def _view(examined: Examined) -> PartView:
    found = [
        Told(
            check=looked.label,
            where=finding.where,
            what=finding.what,
            repair=finding.repair,
            cue=finding.cue,
            anew=looked.can_be_delivered_anew,
        )
        for looked in examined.looked
        for finding in looked.findings
    ]
    broken = [
        Told(
            check=looked.label,
            where=examined.shot or examined.language,
            what=f"it broke: {looked.fault}",
            repair="report it with `dubwright logs`",
            cue="",
            anew=False,
        )
        for looked in examined.looked
        if looked.fault
    ]
    return PartView(
        language=examined.language,
        shot=examined.shot,
        passed=examined.passed,
        published=str(examined.published or ""),
        findings=(*found, *broken),
    )


def _say(reply: TextIO, message: dict[str, Any]) -> None:
    reply.write(json.dumps(message) + "\n")
    reply.flush()


def _end_with_input() -> None:
    sys.stdin.read()
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(1)


if __name__ == "__main__":
    main()
