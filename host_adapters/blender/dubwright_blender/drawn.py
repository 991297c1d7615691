# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Has a drawn mouth speak: a number says which drawing is shown, held until the next one is."""

import json
import tempfile
from pathlib import Path

import bpy

from dubwright_blender.jobs import done
from dubwright_blender.keys import CONSTANT, key_line, line_in_the_way
from dubwright_blender.lines import absolute, scene_rate

__all__ = ["DRAWINGS", "draw"]

# The drawings of each set, in the order of their numbers, from 0: the mouth at rest is the first.
DRAWINGS = {
    "rhubarb": ["X", "A", "B", "C", "D", "E", "F", "G", "H"],
    "preston_blair": ["rest", "AI", "E", "O", "U", "WQ", "L", "FV", "MBP", "etc"],
    "sapi": [str(number) for number in range(22)],
    "three": ["closed", "half", "open"],
}


def draw(
    owner,
    path,
    text,
    language,
    output,
    audio=None,
    shapes="rhubarb",
    on=2,
    line="line",
    first_frame=None,
    progress=None,
):
    """Have a drawn mouth speak a line: key the number of its drawing, in a strip of its own.

    owner: what has the number: an object, or a node tree. path: to it, as in
    image_user.frame_offset of an image empty, nodes["Mouth"].image_user.frame_offset of a
    material's nodes, or modifiers["Time"].offset of a grease pencil. text, language, output, audio,
    line, first_frame, progress: of animate. shapes: rhubarb, preston_blair, sapi or three, in the
    order of DRAWINGS. on: frames that a drawing is held at least.

    Returns the line's sound. Raises ValueError where there is no such number, or another line of
    this language is in the way.
    """
    scene = bpy.context.scene
    _check_number(owner, path)
    request = {
        "text": text,
        "language": language,
        "rate": scene_rate(scene),
        "flaps": shapes,
        "flaps_on": on,
        "output": absolute(output),
    }
    if audio:
        request["recording"] = absolute(audio)
    title = "{}: {}".format(owner.name, line)
    service, job, result = done("animate", request, title, progress)
    with tempfile.TemporaryDirectory() as folder:
        fetched = service.fetch(job, "mouth.otio", Path(folder) / "mouth.otio")
        timeline = json.loads(fetched.read_text(encoding="utf-8"))
    clip = timeline["tracks"]["children"][0]["children"][0]
    numbers = {shape: number for number, shape in enumerate(DRAWINGS[shapes])}
    row = [
        numbers[flap["shape"]]
        for flap in clip["metadata"]["dubwright"]["character"]["drawn"]
        for _ in range(flap["start"], flap["end"])
    ]
    first = scene.frame_current if first_frame is None else first_frame
    other = line_in_the_way(owner, line, language, first, len(row))
    if other is not None:
        raise ValueError("{} would lie over {} in {}".format(line, other, language))
    key_line(owner, owner.name, line, language, {path: row}, first, CONSTANT)
    return Path(result["folder"]) / "line.wav"


def _check_number(owner, path):
    try:
        number = owner.path_resolve(path)
    except ValueError:
        number = None
    if not isinstance(number, (int, float)):
        raise ValueError("{} has no number at {}".format(owner.name, path))
