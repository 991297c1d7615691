"""What the buttons and menus of Dubwright do in Nuke.

Where Nuke has windows, everything that takes long happens in a thread of its own, which touches
nodes only through Nuke's main thread. Without windows the same calls return when all is done.
"""

import os
import webbrowser
from pathlib import Path
from typing import Any, Callable, Dict, Optional

import nuke

from dubwright_nuke.node import (
    Asked,
    Refused,
    asked_of,
    identity,
    node_by_identity,
    results_folder,
    say_state,
    show_result,
)
from dubwright_nuke.plate import (
    Plate,
    files_of_timeline,
    fingerprints,
    planned_plate,
    remember,
    render_frame,
    taken_over,
    write_timeline,
)
from dubwright_nuke.threads import Progress, in_background, on_main
from dubwright_plugin.client import JobFailed, Service, ServiceError, connect

__all__ = ["add_menus", "cancel", "create", "open_review", "render", "update"]

Open = Callable[[str], Any]
GROUP = Path(__file__).resolve().parent.parent / "lipsync.nk"
MENU = "Dubwright"
RUNNING = ("queued", "running", "paused")


def add_menus() -> None:
    """The entries of Nuke's menus."""
    nuke.menu("Nodes").addMenu(MENU).addCommand("LipSync", create)
    if nuke.env["studio"] or nuke.env["hiero"]:
        from dubwright_nuke.studio import add_studio_menu, bring_results_in

        add_studio_menu(lambda: _told(bring_results_in, None))


def create() -> Any:
    """A LipSync node, behind the node that is selected."""
    node = nuke.nodePaste(GROUP.as_posix())
    node["dubwright_id"].setValue("")
    return node


def render(node: Any) -> None:
    """Redraw the mouth as the knobs say, and show it."""

    def start() -> None:
        asked = asked_of(node)
        plate, prints = planned_plate(node, asked)
        in_background(lambda: _told(lambda: _render(asked, plate, prints), asked.identity))

    _told(start, None)


def cancel(node: Any) -> None:
    """Stop what is being made for a node; its last result stays."""

    def stop() -> None:
        service = connect(start=False)
        for job in service.jobs(_tag(node)):
            if job["state"] in RUNNING:
                service.cancel(str(job["id"]))

    _told(stop, None)


def update(node: Any) -> None:
    """Bring in the newest result of a node; wait for it if it is still being made."""

    def look() -> None:
        known, tag = identity(node), _tag(node)
        results = results_folder(node) / "results"
        in_background(lambda: _told(lambda: _update(known, tag, results), known))

    _told(look, None)


def open_review(node: Any, show: Open = webbrowser.open) -> None:
    """Show the newest job of a node on the review page."""

    def look() -> None:
        service = connect()
        jobs = service.jobs(_tag(node))
        show(service.page(str(jobs[0]["id"]) if jobs else ""))

    _told(look, None)


def _told(work: Callable[[], None], known: Optional[str]) -> None:
    """Do something, and tell the person why it could not be done; a plug-in breaks no host.

    known: the identity of the node that says so, too.
    """
    try:
        work()
    except (Refused, ServiceError, JobFailed, OSError, ValueError) as reason:
        _tell(str(reason), known)
    except Exception as error:  # noqa: BLE001 - a broken plug-in never breaks its host
        _tell("Dubwright stopped: {}: {}".format(type(error).__name__, error), known)


def _tell(text: str, known: Optional[str]) -> None:
    def tell() -> None:
        node = node_by_identity(known) if known else None
        if node is not None:
            say_state(node, text.splitlines()[0])
        if nuke.GUI:
            nuke.message(text)
        else:
            nuke.tprint(text)

    on_main(tell)


def _tag(node: Any) -> str:
    return "nuke:" + identity(node)


def _render(asked: Asked, plate: Plate, prints: Dict[int, str]) -> None:
    progress = Progress("LipSync {}".format(asked.name))
    if plate.sent:
        _send(asked, plate, prints, progress)
    timeline = write_timeline(plate, asked)
    service = connect()
    request = asked.request(timeline, plate.colours.config, plate.colours.space)
    operation = "dub" if asked.cue_sheet else "lip_sync"
    job = service.submit(operation, request, title=asked.name, tag=asked.tag)
    _follow(service, job, asked.identity, progress)


def _send(asked: Asked, plate: Plate, prints: Dict[int, str], progress: Progress) -> None:
    """Render the frames of the plate that changed, one at a time, so that windows stay alive."""
    stale = taken_over(plate, prints)
    done = {frame: made_of for frame, made_of in prints.items() if frame not in stale}
    try:
        for number, frame in enumerate(stale):
            if progress.is_cancelled():
                raise Refused("Cancelled; the last result stays.")
            progress.show("Plate, frame {}".format(frame), 100 * number // len(stale))
            on_main(lambda at=frame: render_frame(_node(asked.identity), plate, at))
            done[frame] = prints[frame]
        now = on_main(lambda: fingerprints(_node(asked.identity).input(0), list(prints)))
        # What was rendered after a change is not what its print says.
        done = {f: made_of for f, made_of in done.items() if f not in stale or now[f] == made_of}
    finally:
        remember(plate, done)
    if now != prints:
        raise Refused("What comes in changed while it was rendered. Press Render again.")


def _node(known: str) -> Any:
    node = node_by_identity(known)
    if node is None:
        raise Refused(
            "The LipSync node is not in this script any more. Press Update in the script that "
            "has it."
        )
    return node


def _follow(service: Service, job: str, known: str, progress: Progress) -> None:
    """Wait for a job, show how it goes on, and bring its result in."""
    for state in service.follow(job):
        total = state.get("total") or 0
        label = str(state.get("label") or state["state"])
        progress.show(label, 100 * state.get("done", 0) // total if total else 0)
        if progress.is_cancelled() and state["state"] in RUNNING:
            service.cancel(job)
    if state["state"] == "cancelled":
        raise Refused("Cancelled; the last result stays.")
    _bring(known, Path(state["result"]["folder"]))


def _update(known: str, tag: str, results: Path) -> None:
    """The newest job's result; from the disk where the service knows of none."""
    service = connect()
    for job in service.jobs(tag):
        if job["state"] in RUNNING or job["state"] == "done":
            _follow(service, str(job["id"]), known, Progress("LipSync"))
            return
    versions = sorted(results.glob("v[0-9]*"))
    if not versions:
        raise Refused("There is no result of this node yet. Press Render.")
    _bring(known, versions[-1])


def _bring(known: str, folder: Path) -> None:
    sent = _sent_plate(folder.parent.parent)
    on_main(lambda: show_result(_node(known), folder, sent))


def _sent_plate(folder: Path) -> Optional[str]:
    """The files of the plate that was sent last for a node, as Nuke names them."""
    sent = sorted(folder.glob("plate.*.otio"), key=os.path.getmtime)
    return files_of_timeline(sent[-1]) if sent else None
