"""What the buttons and menus of Dubwright do in Nuke.

Where Nuke has windows, everything that takes long happens in a thread of its own, which touches
nodes only through Nuke's main thread; what fails is a message. Without windows the same calls
return when all is done, and raise what failed.
"""

import time
import uuid
import webbrowser
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import nuke

from dubwright_nuke.node import (
    FOLLOWS,
    Asked,
    Refused,
    asked_of,
    created,
    identity,
    node_by_identity,
    offer_engines,
    results_folder,
    say_state,
    shot_of,
    show_result,
    tag_of,
)
from dubwright_nuke.plate import (
    Plate,
    comes_in,
    forget_old_plates,
    numbers_at,
    plain_plate,
    prints_of,
    remember,
    render_frame,
    rendered_plate,
    sent_plate,
    taken_over,
    view_of,
    write_timeline,
)
from dubwright_nuke.threads import Cancelled, Work, Works, in_background, on_main
from dubwright_plugin.client import JobFailed, NotThere, Service, ServiceError, connect

__all__ = ["add_menus", "cancel", "create", "open_review", "render", "update"]

Open = Callable[[str], Any]
GROUP = Path(__file__).resolve().parent.parent / "lipsync.nk"
MENU = "Dubwright"
RUNNING = ("queued", "running", "paused")
MOUTH_RENDERER = "mouth renderer"
MOUTH_GENERATOR = "mouth generator"
FRAMES_A_SLICE = 25
BUSY_S = 0.5
WORKS = Works()


def add_menus() -> None:
    """The entries of Nuke's menus."""
    nuke.menu("Nodes").addMenu(MENU).addCommand("LipSync", create)
    if nuke.env["studio"] or nuke.env["hiero"]:
        from dubwright_nuke.studio import add_studio_menu, bring_results_in

        add_studio_menu(lambda: in_background(lambda: _told(bring_results_in)))


def create() -> Any:
    """A LipSync node, behind the node that is selected."""
    node = nuke.nodePaste(GROUP.as_posix())
    created(node)
    if nuke.GUI:
        node.showControlPanel()
    return node


def render(node: Any) -> None:
    """Redraw the mouth as the knobs say, and show it."""

    def start() -> None:
        asked = asked_of(node)
        view = view_of(node)
        _work(asked.identity, node.name(), lambda work: _render(asked, view, work))

    _told(start)


def cancel(node: Any) -> None:
    """Stop what is being made for a node; its last result stays."""

    def stop() -> None:
        known, tag = identity(node), tag_of(identity(node), results_folder(node))
        if not WORKS.cancel(known):
            # It may have been begun by a Nuke that was closed.
            in_background(lambda: _told(lambda: _cancel_jobs(tag), known))

    _told(stop)


def update(node: Any) -> None:
    """Bring in the newest result of a node; wait for it if it is still being made."""

    def look() -> None:
        known, folder = identity(node), results_folder(node)
        _work(known, node.name(), lambda work: _update(known, folder, work))

    _told(look)


def open_review(node: Any, show: Open = webbrowser.open) -> None:
    """Show the newest job of a node on the review page."""

    def look() -> None:
        tag = tag_of(identity(node), results_folder(node))
        in_background(lambda: _told(lambda: _review(tag, show)))

    _told(look)


def _work(known: str, title: str, do: Callable[[Work], None]) -> None:
    """Do something for a node in the background, if nothing is being done for it."""
    work = WORKS.begin(known, title)

    def done() -> None:
        try:
            do(work)
        finally:
            WORKS.end(known)

    in_background(lambda: _told(done, known))


def _told(work: Callable[[], None], known: Optional[str] = None) -> None:
    """Do something, and tell the person why it could not be done; a plug-in breaks no host.

    known: the identity of the node that says so, too. Without windows it is raised instead.
    """
    try:
        work()
    except Exception as error:
        text, quietly = _in_words(error), isinstance(error, Cancelled)
        on_main(lambda: _tell(text, known, quietly))
        if not nuke.GUI:
            raise


def _in_words(error: Exception) -> str:
    if isinstance(error, (Refused, ServiceError, JobFailed)):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return "{} cannot be read or written: {}. Choose another output folder.".format(
            error.filename, error.strerror
        )
    return "Dubwright stopped: {}: {}".format(type(error).__name__, error)


def _tell(text: str, known: Optional[str], quietly: bool) -> None:
    node = node_by_identity(known) if known else None
    if node is not None:
        say_state(node, text.splitlines()[0])
    if nuke.GUI and not quietly:
        nuke.message(text)


def _render(asked: Asked, view: str, work: Work) -> None:
    service = connect()
    _offer_engines(service, asked.identity)
    plate = on_main(lambda: plain_plate(_node(asked.identity), asked))
    frames = range(asked.first, asked.last + 1)
    if plate is None or not all(plate.file(frame).is_file() for frame in frames):
        plate = _send(asked, view, work)
    timeline = write_timeline(plate, asked)
    if work.is_cancelled():
        raise Cancelled
    request = asked.request(timeline, plate.colours.config, plate.colours.space)
    operation = "dub" if asked.cue_sheet else "lip_sync"
    job = service.submit(operation, request, title=asked.name, tag=asked.tag)
    _follow(service, job, asked.identity, work)
    forget_old_plates(asked.folder, plate.pattern)


def _offer_engines(service: Service, known: str) -> None:
    cards = service.capabilities()["engines"]
    names = sorted(card["name"] for card in cards if card["kind"] == MOUTH_RENDERER)
    names += sorted(FOLLOWS + card["name"] for card in cards if card["kind"] == MOUTH_GENERATOR)
    on_main(lambda: offer_engines(_node(known), names))


def _send(asked: Asked, view: str, work: Work) -> Plate:
    """Render the frames of the plate that changed, one at a time, so that windows stay alive."""
    chance = uuid.uuid4().hex
    prints = _prints(asked, chance)
    plate: Plate = on_main(lambda: rendered_plate(asked, prints))
    stale = taken_over(plate, prints)
    done = {frame: made_of for frame, made_of in prints.items() if frame not in stale}
    try:
        for number, frame in enumerate(stale):
            work.show("Plate, frame {}".format(frame), 100 * number // len(stale))
            while not on_main(_render_frame, asked.identity, plate, frame, view):
                _check(work)
                time.sleep(BUSY_S)
            if not plate.file(frame).is_file():
                raise Refused(
                    "Nuke rendered no frame {} of the plate into {}. Check that this folder may be "
                    "written.".format(frame, plate.folder)
                )
            done[frame] = prints[frame]
            _check(work)
        now = _prints(asked, chance) if stale else prints
        # What was rendered after a change is not what its print says.
        done = {f: made_of for f, made_of in done.items() if f not in stale or now[f] == made_of}
    finally:
        remember(plate, done)
    if len(done) < len(prints):
        raise Refused("What comes in changed while it was rendered. Press Render again.")
    return plate


def _render_frame(known: str, plate: Plate, frame: int, view: str) -> bool:
    return render_frame(_node(known), plate, frame, view)


def _prints(asked: Asked, chance: str) -> Dict[int, str]:
    comes = on_main(lambda: comes_in(_node(asked.identity).input(0)))
    numbers: Dict[int, List[Any]] = {}
    for first in range(asked.first, asked.last + 1, FRAMES_A_SLICE):
        part = range(first, min(first + FRAMES_A_SLICE, asked.last + 1))
        numbers.update(on_main(numbers_at, comes, part))
    return prints_of(comes, numbers, chance)


def _check(work: Work) -> None:
    if work.is_cancelled():
        raise Cancelled


def _node(known: str) -> Any:
    node = node_by_identity(known)
    if node is None:
        raise Refused(
            "The LipSync node is not in this script any more. Press Update in the script that "
            "has it."
        )
    return node


def _follow(service: Service, job: str, known: str, work: Work) -> None:
    """Wait for a job, show how it goes on, and bring its result in."""
    asked_to_stop = False
    for state in service.follow(job):
        total = state.get("total") or 0
        label = str(state.get("label") or state["state"])
        work.show(label, 100 * state.get("done", 0) // total if total else 0)
        if work.is_cancelled() and state["state"] in RUNNING and not asked_to_stop:
            asked_to_stop = _cancel_job(service, job)
    if state["state"] == "cancelled":
        raise Cancelled
    _bring(known, Path(state["result"]["folder"]))


def _cancel_jobs(tag: str) -> None:
    try:
        service = connect(start=False)
    except ServiceError:
        return  # nothing runs
    for job in service.jobs(tag):
        if job["state"] in RUNNING:
            _cancel_job(service, str(job["id"]))


def _cancel_job(service: Service, job: str) -> bool:
    """Cancel a job, unless it has ended meanwhile."""
    try:
        service.cancel(job)
    except NotThere:
        return False
    except ServiceError:
        if service.state(job)["state"] in RUNNING:
            raise
    return True


def _update(known: str, folder: Path, work: Work) -> None:
    """The newest job's result; from the disk where no service knows of one."""
    try:
        service = connect()
        _offer_engines(service, known)
        jobs = service.jobs(tag_of(known, folder))
    except ServiceError:
        if not _versions(folder):
            raise
        jobs = []
    for job in jobs:
        if job["state"] in RUNNING or job["state"] == "done":
            _follow(service, str(job["id"]), known, work)
            return
    versions = _versions(folder)
    if not versions:
        raise Refused("There is no result of this node yet. Press Render.")
    _bring(known, versions[-1])


def _versions(folder: Path) -> List[Path]:
    return sorted(folder.glob("results/v[0-9]*"), key=lambda version: int(version.name[1:]))


def _bring(known: str, folder: Path) -> None:
    shot, sent = shot_of(folder), sent_plate(folder)
    on_main(lambda: show_result(_node(known), folder.name, shot, sent))


def _review(tag: str, show: Open) -> None:
    service = connect()
    jobs = service.jobs(tag)
    show(service.page(str(jobs[0]["id"]) if jobs else ""))
