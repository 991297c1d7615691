"""What the menu does: dub the current timeline, lip-sync a clip, open the review, bring results in.

A menu script runs in a process of its own, so that waiting stops nothing in Resolve. Whatever goes
wrong is one sentence in the console, and the project is as it was.
"""

import hashlib
import json
import os
import re
import sys
import time
import webbrowser
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from dubwright_plugin import JobFailed, Service, ServiceError, connect
from dubwright_resolve.bring_in import bring_in, bring_take
from dubwright_resolve.colour import colour_space
from dubwright_resolve.live import Refused, ask, constant, version_of
from dubwright_resolve.selected import selected_clip

__all__ = [
    "MENU",
    "bring_results_in",
    "dub_timeline",
    "lip_sync_selected",
    "open_review",
    "run",
    "to_console",
]

Say = Callable[[str], None]
Open = Callable[[str], Any]

LOOK_EVERY_S = 1.0
ASKED_WITHIN_S = 30 * 60.0
OLDEST = (18, 5, 0)
UNSAFE = re.compile(r'[<>:"/\\|?*%\x00-\x1f]+')


class Dubbing(NamedTuple):
    """The timeline that a person looks at, and where its dubs are kept."""

    project: Any
    timeline: Any
    name: str
    folder: Path
    tag: str


def to_console(line: str) -> None:
    """Say a line where a script may be run under an ASCII locale."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    print(line.encode(encoding, "replace").decode(encoding))


def run(action: Callable[..., Any], resolve: Any, say: Say = to_console) -> bool:
    """Do an action of the menu; whether it was done. Nothing is raised: a host goes on."""
    if resolve is None:
        say(
            "Dubwright: Resolve does not answer. Run this from Workspace > Scripts, or allow "
            "scripts from outside (Preferences > System > General, Studio only)."
        )
        return False
    try:
        action(resolve, say)
    except (Refused, ServiceError, JobFailed, OSError, ValueError) as reason:
        say("Dubwright: {}".format(reason))
        return False
    except Exception as error:  # noqa: BLE001 - a broken plug-in never breaks its host
        say("Dubwright stopped: {}: {}".format(type(error).__name__, error))
        return False
    return True


def dub_timeline(resolve: Any, say: Say = to_console, show: Open = webbrowser.open) -> None:
    """Dub the current timeline: what into, and with which lines, is chosen on the page."""
    dubbing = _current(resolve)
    timeline = _export(resolve, dubbing)
    service = connect()
    space, unsure = colour_space(dubbing.project, dubbing.timeline)
    if unsure:
        say(unsure)
    known = {job["id"] for job in service.jobs(dubbing.tag)}
    show(service.page_for(timeline, dubbing.folder / "dubs", dubbing.tag, space))
    say("Choose languages and lines in the browser that has opened.")
    job = _asked(service, dubbing.tag, known)
    if job is None:
        say("Nothing was asked for. Run Dub Timeline again when you are ready.")
        return
    _follow(service, job, say)
    _bring(resolve, service, dubbing, job, say)


def lip_sync_selected(resolve: Any, say: Say = to_console) -> None:
    """Lip-sync the selected clip to the recording under it; the new frames become a take of it."""
    dubbing = _current(resolve)
    clip = selected_clip(dubbing.timeline)
    service = connect()
    output = dubbing.folder / "lip-sync" / _file_name(clip.name)
    job = service.submit(
        "lip_sync", clip.request(output), title=clip.name, tag=dubbing.tag + ":lip-sync"
    )
    say("Lip-syncing {} to {}.".format(clip.name, clip.dialogue.name))
    _follow(service, job, say)
    _check_still_open(resolve, dubbing)
    folder = Path(service.state(job)["result"]["folder"])
    for line in bring_take(resolve, dubbing.timeline, clip.item, folder):
        say(line)


def bring_results_in(resolve: Any, say: Say = to_console) -> None:
    """Bring in the newest dub of the current timeline that is finished."""
    dubbing = _current(resolve)
    service = connect()
    jobs = service.jobs(dubbing.tag)
    done = next((job for job in jobs if job["state"] == "done"), None)
    if done is None:
        now = "its dub is {}".format(jobs[0]["state"]) if jobs else "it was not dubbed"
        raise Refused(
            "There is nothing of the timeline {} to bring in: {}.".format(dubbing.name, now)
        )
    _bring(resolve, service, dubbing, str(done["id"]), say)


def open_review(resolve: Any, say: Say = to_console, show: Open = webbrowser.open) -> None:
    """Show the newest dub of the current timeline on the review page."""
    dubbing = _current(resolve)
    service = connect()
    jobs = service.jobs(dubbing.tag)
    show(service.page(str(jobs[0]["id"]) if jobs else ""))
    say("The review page has opened in the browser.")


def _current(resolve: Any) -> Dubbing:
    version = version_of(resolve)
    if version.number < OLDEST:
        raise Refused(
            "This is Resolve {}; Dubwright needs 18.5 or newer, which writes OpenTimelineIO. "
            "Export the timeline as EDL or XML and dub it on the review page.".format(version)
        )
    project = ask(ask(resolve, "GetProjectManager"), "GetCurrentProject")
    timeline = ask(project, "GetCurrentTimeline")
    if timeline is None:
        raise Refused("No timeline is open. Open the one to dub and run this again.")
    name = str(ask(timeline, "GetName"))
    home = Path(os.environ.get("DUBWRIGHT_PROJECTS") or Path.home() / "Dubwright")
    folder = home / _file_name(str(ask(project, "GetName"))) / _file_name(name)
    tag = "resolve:{}:{}".format(ask(project, "GetUniqueId"), ask(timeline, "GetUniqueId"))
    return Dubbing(project, timeline, name, folder, tag)


def _file_name(name: str) -> str:
    """A name as a file may have it on every system."""
    return UNSAFE.sub("_", name).strip(" .") or "untitled"


def _export(resolve: Any, dubbing: Dubbing) -> Path:
    """The timeline as OpenTimelineIO. Resolve says true or false at most, so the file is read."""
    dubbing.folder.mkdir(parents=True, exist_ok=True)
    partial = dubbing.folder / "partial.otio"
    partial.unlink(missing_ok=True)
    kind, subtype = constant(resolve, "EXPORT_OTIO"), constant(resolve, "EXPORT_NONE")
    ask(dubbing.timeline, "Export", str(partial), kind, subtype)
    try:
        content = partial.read_bytes()
        json.loads(content.decode("utf-8"))
    except (OSError, ValueError):
        raise Refused(
            "Resolve could not export the timeline {} to {}: Export wrote no OpenTimelineIO. Check "
            "that this folder may be written, and that no dialogue is open.".format(
                dubbing.name, dubbing.folder
            )
        ) from None
    # A job may still need an earlier export: each content has a file of its own.
    digest = hashlib.sha256(content).hexdigest()[:8]
    path = dubbing.folder / "{}.{}.otio".format(dubbing.folder.name, digest)
    partial.replace(path)
    return path


def _asked(service: Service, tag: str, known: Any) -> Optional[str]:
    """The job that a person asks for on the page; None if nothing is asked for."""
    deadline = time.monotonic() + ASKED_WITHIN_S
    while time.monotonic() < deadline:
        for job in service.jobs(tag):
            if job["id"] not in known:
                return str(job["id"])
        time.sleep(LOOK_EVERY_S)
    return None


def _follow(service: Service, job: str, say: Say) -> None:
    """Say how a job goes on, once for each step that is new."""
    last = ""
    for state in service.follow(job):
        line = _progress(state)
        if line != last:
            say(line)
        last = line
    if state["state"] == "cancelled":
        raise Refused("The dub was cancelled; nothing was brought in.")


def _progress(state: Dict[str, Any]) -> str:
    total = state.get("total") or 0
    share = "{:3d} %  ".format(100 * state.get("done", 0) // total) if total else ""
    return share + str(state.get("label") or state["state"])


def _check_still_open(resolve: Any, dubbing: Dubbing) -> None:
    """Whether the project that was dubbed is still the one that is open."""
    project = ask(ask(resolve, "GetProjectManager"), "GetCurrentProject")
    same = ask(project, "GetUniqueId") == ask(dubbing.project, "GetUniqueId")
    if not same or ask(dubbing.timeline, "GetName") is None:
        raise Refused(
            "Another project is open now, so nothing was brought in. Open the one with {} and run "
            "Bring Results In.".format(dubbing.name)
        )


def _bring(resolve: Any, service: Service, dubbing: Dubbing, job: str, say: Say) -> None:
    _check_still_open(resolve, dubbing)
    folder = Path(service.state(job)["result"]["folder"])
    lines: List[str] = bring_in(resolve, dubbing.timeline, folder)
    for line in lines:
        say(line)
    say("Brought in from {}.".format(folder))


MENU = {
    "Dub Timeline": dub_timeline,
    "Lip-Sync Selected": lip_sync_selected,
    "Open Review": open_review,
    "Bring Results In": bring_results_in,
}
