# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Dubs what the sequencer shows: movie, image and sound strips into other languages.

Only what touches the scene must happen in Blender's own thread: `ask_dub`, `ask_lip_sync` and
`land`. `wait` waits for the service, and may do so in another.
"""

from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import bpy

from dubwright_blender.jobs import done
from dubwright_blender.lines import absolute
from dubwright_blender.sequencer import lay_dub
from dubwright_blender.timelines import (
    begin_of,
    is_whole,
    pictures_and_sounds,
    plate_of,
    strips_of,
    write_timeline,
)

__all__ = ["AskedDub", "ask_dub", "ask_lip_sync", "dub", "land", "lip_sync", "wait"]

SUBTITLES = (".srt", ".vtt")


class AskedDub(NamedTuple):
    """Strips to dub: what the service is asked for, and where the result goes."""

    operation: str
    request: Dict[str, Any]
    name: str
    languages: List[str]
    first_frame: int
    originals: List[str]


def dub(scene, strips, languages, output, progress=None, **asked):
    """Dub strips of the sequencer, and lay each language above them as a meta strip.

    strips: movies, images and sounds. languages: tags, as in ["es", "fr"]. output: folder for
    everything that is made, as in "//dubs". The rest is of ask_dub. progress: is called with each
    state of the job.

    Returns what a person should read. Raises ValueError for strips that cannot be dubbed.
    """
    question = ask_dub(scene, strips, languages, output, **asked)
    return land(scene, question, wait(question, progress))


def lip_sync(scene, strip, sound, language, output, progress=None, **asked):
    """Redraw the mouth in a movie or image strip to match a sound strip; see dub, ask_lip_sync."""
    question = ask_lip_sync(scene, strip, sound, language, output, **asked)
    return land(scene, question, wait(question, progress))


def ask_dub(
    scene,
    strips,
    languages,
    output,
    name="Dub",
    subtitles=None,
    original=None,
    cast=None,
    mouths=True,
):
    """What the service is to be asked to dub strips.

    name: of the dub; the same again replaces it. subtitles: folder of files such as
    lines.es.srt, the lines of each language. original: the language of the strips' own dialogue.
    cast: a file with the speakers. mouths: whether they are redrawn.
    """
    chosen = pictures_and_sounds(strips)
    folder = Path(absolute(output))
    timeline = folder / (bpy.path.clean_name(name) + ".otio")
    write_timeline(scene, chosen, timeline)
    request = {
        "timeline": str(timeline),
        "languages": list(languages),
        "output": str(folder),
        "lip_sync": mouths,
    }
    if subtitles:
        tags = [*languages, *([original] if original else [])]
        request["subtitles"] = _subtitles(Path(absolute(subtitles)), tags)
    if original:
        request["original"] = original
    if cast:
        request["cast"] = absolute(cast)
    originals = [strip.name for strip in chosen]
    return AskedDub("dub", request, name, list(languages), begin_of(chosen[0]), originals)


def ask_lip_sync(scene, strip, sound, language, output, text="", name=None, cast=None):
    """What the service is to be asked to redraw a mouth.

    strip: the movie or the images. sound: the strip of the dialogue, which begins no earlier.
    text: what it says; without it the mouth is guessed from the sound.
    """
    plate, frames = plate_of(strip, scene.render.fps / scene.render.fps_base)
    begins = begin_of(sound) - begin_of(strip)
    if begins < 0:
        raise ValueError("{} begins before {}".format(sound.name, strip.name))
    if not is_whole(sound):
        raise ValueError(
            "{} is trimmed or retimed; render it to a file of its own".format(sound.name)
        )
    request = {
        "plate": plate,
        "frames": frames,
        "dialogue": absolute(sound.sound.filepath),
        "start_ms": round(1000 * begins * scene.render.fps_base / scene.render.fps),
        "language": language,
        "text": text,
        "output": absolute(output),
    }
    if cast:
        request["cast"] = absolute(cast)
    title = name or strip.name
    return AskedDub(
        "lip_sync", request, title, [language], begin_of(strip), [strip.name, sound.name]
    )


def wait(
    asked: AskedDub,
    progress: Optional[Callable[[Dict[str, Any]], None]] = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """The folder that the service delivers; touches no scene. Raises what jobs.done does."""
    title = "{} ({})".format(asked.name, ", ".join(asked.languages))
    answered = done(asked.operation, asked.request, title, progress, is_cancelled)
    return Path(answered.result["folder"])


def land(scene, asked, folder):
    """Lay what was delivered into the sequencer; what a person should read."""
    known = strips_of(scene.sequence_editor_create())
    originals = [strip for strip in known if strip.name in asked.originals]
    said = []
    for language in asked.languages:
        found = list(folder.glob("*.{}.otio".format(language)))
        if not found:
            said.append("Nothing was made in {}; see {}.".format(language, folder / "report.html"))
            continue
        meta, notes = lay_dub(scene, found[0], asked.name, language, asked.first_frame, originals)
        said += ["{} is on channel {}.".format(meta.name, meta.channel), *notes]
    return "\n".join(said)


def _subtitles(folder, tags):
    """The file of each language in a folder, by its tag. Raises ValueError where one is not."""
    found = {}
    for tag in tags:
        files = [
            file for kind in SUBTITLES for file in sorted(folder.glob("*.{}{}".format(tag, kind)))
        ]
        if files:
            found[tag] = str(files[0])
    if not found:
        raise ValueError("{} has no subtitles such as lines.{}.srt".format(folder, tags[0]))
    return found
