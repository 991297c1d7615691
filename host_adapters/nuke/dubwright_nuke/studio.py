"""Nuke Studio and Hiero: dubbed timelines come in as sequences, their lines as tags."""

from pathlib import Path
from typing import Any, Dict, List

import hiero.core
import hiero.ui
import nuke

from dubwright_nuke.node import Refused
from dubwright_nuke.threads import on_main
from dubwright_plugin.client import connect
from dubwright_plugin.version import Cue, LanguageVersion, read_version

__all__ = ["add_studio_menu", "bring_results_in"]

MENU = "Dubwright"
DUBBED, NOT_DUBBED = "icons:TagGreen.png", "icons:TagRed.png"


def add_studio_menu(bring: Any) -> None:
    """The entry of Studio's menu bar."""
    menu = hiero.ui.menuBar().addMenu(MENU)
    menu.addAction(hiero.ui.createMenuAction("Bring Results In", bring))


def bring_results_in() -> None:
    """Bring the newest dub that is done into the open project: a sequence for each language, in a
    bin of ours, with a tag on each line. A version that is there already stays as it is.

    Raises Refused where there is nothing to bring in or nowhere to bring it.
    """
    job = next((job for job in connect().jobs() if _is_a_dub(job)), None)
    if job is None:
        raise Refused("No dub is done. Export the sequence as OTIO and dub it on the review page.")
    folder = Path(job["result"]["folder"])
    languages = read_version(folder)
    on_main(lambda: _bring_into_project(job["title"], folder, languages))


def _is_a_dub(job: Dict[str, Any]) -> bool:
    """Whether a job is a timeline's dub that is done, and no LipSync node's."""
    is_a_nodes = str(job.get("tag", "")).startswith("nuke:")
    return job["operation"] == "dub" and job["state"] == "done" and not is_a_nodes


def _bring_into_project(title: str, folder: Path, languages: List[LanguageVersion]) -> None:
    projects = hiero.core.projects()
    sequence = hiero.ui.activeSequence()
    if sequence is None and not projects:
        raise Refused("No project is open. Open the one to bring the dub into.")
    project = sequence.project() if sequence is not None else projects[-1]
    if not nuke.ask("Bring {} {} into {}?".format(title, folder.name, project.name())):
        return
    brought = []
    with project.beginUndo("Bring in {}".format(title)):
        for language in languages:
            name = _name(language)
            if all(known.name() != name for known in project.sequences()):
                _bring(project, language, name)
                brought.append(name)
    nuke.message(
        "Brought in: {}.".format(", ".join(brought)) if brought else "All of it is there already."
    )


def _name(language: LanguageVersion) -> str:
    stem = language.timeline.name[: -len(".{}.otio".format(language.language))]
    return "{} ({}) {}".format(stem, language.language, language.folder.name)


def _bring(project: Any, language: LanguageVersion, name: str) -> None:
    from hiero.importers.FnOTIOImporter import OtioImporter

    before = project.sequences()
    OtioImporter().importToNewSequence(language.timeline.as_posix(), _bin(project))
    new = [sequence for sequence in project.sequences() if sequence not in before]
    if not new:
        raise Refused(
            "Nuke did not import {}. Import it by File > Import to see why.".format(
                language.timeline
            )
        )
    new[0].setName(name)
    _tag(new[0], language)


def _bin(project: Any) -> Any:
    root = project.clipsBin()
    for known in root.bins():
        if known.name() == MENU:
            return known
    return root.addItem(hiero.core.Bin(MENU))


def _tag(sequence: Any, language: LanguageVersion) -> None:
    """A tag on each line that has none yet: some versions make tags of a timeline's markers."""
    there: List[str] = [tag.name() for tag in sequence.tags()]
    for cue in language.cues:
        name = "{} {}".format(cue.id, cue.speaker)
        if name in there:
            continue
        first, last = (int(ms * language.rate / 1000) for ms in (cue.start_ms, cue.end_ms))
        tag = hiero.core.Tag(name, DUBBED if cue.dubbed else NOT_DUBBED)
        sequence.addTagToRange(tag, first, max(first, last - 1)).setNote(_note(cue))


def _note(cue: Cue) -> str:
    return cue.text if cue.dubbed else "{}\nNot dubbed: {}".format(cue.text, cue.reason)
