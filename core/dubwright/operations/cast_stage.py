"""Who is who among the faces of a timeline: a cast to look through, with a sheet of the faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.dialogue import Cast, Speaker
from dubwright.face.people import people_among, who_is_who
from dubwright.face.track import SeenFace
from dubwright.operations.results import SPEAKING, load_faces, read_json, write_json
from dubwright.operations.task import Context

__all__ = ["CAST", "FACES", "SHEET", "write_cast"]

CAST: Final = "cast.json"
FACES: Final = "faces.json"
SHEET: Final = "faces.jpg"
COLUMNS: Final = 8
CELL_WIDTH, CELL_HEIGHT = 150, 146
TEXT_SIZE: Final = 0.4
JPEG_QUALITY: Final = 90
NOBODY: Final = "nobody's yet"


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """One face: its shot, its number there, and what was seen."""

    shot: str
    number: int
    seen: SeenFace


def write_cast(context: Context) -> None:
    """The stage: who is who among the faces of a timeline."""
    faces = [
        _Face(uid, number, seen)
        for uid in context.parameters["shots"]
        for number, seen in enumerate(load_faces(context.inputs[f"faces:{uid}"]), start=1)
    ]
    spoke = _spoke(context, faces)
    people = people_among([face.seen.likeness for face in faces], _together(faces))
    named = who_is_who(people, spoke)
    names = [named.get(person, "") for person in people]
    cast = _with_faces(Cast.model_validate(context.parameters["cast"]), faces, names, spoke)
    cast.write(context.folder / CAST)
    rows = [
        {
            "shot": face.shot,
            "face": face.number,
            "frames": int(face.seen.track.found.sum()),
            "usable": int(face.seen.track.usable.sum()),
            "person": person + 1,
            "speaker": name,
        }
        for face, person, name in zip(faces, people, names, strict=True)
    ]
    write_json(context.folder / FACES, rows)
    _write_sheet(context.folder / SHEET, faces, people, names)


def _spoke(context: Context, faces: Sequence[_Face]) -> dict[str, dict[int, int]]:
    """For each speaker the faces that spoke their lines, and on how many frames they are seen."""
    places = {(face.shot, face.number): index for index, face in enumerate(faces)}
    spoke: dict[str, dict[int, int]] = {}
    for number, (name, uid) in enumerate(context.parameters["spoken"]):
        decided = read_json(context.inputs[f"track:{number}"] / SPEAKING)["face"]
        if decided:
            index = places[uid, decided]
            frames = int(faces[index].seen.track.found.sum())
            spoke.setdefault(name, {})[index] = frames
    return spoke


def _together(faces: Sequence[_Face]) -> list[tuple[int, int]]:
    """Pairs of faces that are seen in the same frame."""
    return [
        (a, b)
        for a, one in enumerate(faces)
        for b, other in enumerate(faces[:a])
        if one.shot == other.shot and (one.seen.track.found & other.seen.track.found).any()
    ]


def _with_faces(
    known: Cast,
    faces: Sequence[_Face],
    names: Sequence[str],
    spoke: Mapping[str, Mapping[int, int]],
) -> Cast:
    """The cast, with the faces of those who speak."""
    found: dict[str, dict[str, int]] = {name: {} for name in spoke}
    for face, name in zip(faces, names, strict=True):
        if name and face.shot not in found[name]:
            found[name][face.shot] = face.number
    # Unlike themselves in another shot, they are still whose lips go with the line.
    for name, seen in spoke.items():
        for index in seen:
            if not names[index]:
                found[name].setdefault(faces[index].shot, faces[index].number)
    speakers = {speaker.name: speaker for speaker in known.speakers}
    for name, theirs in found.items():
        speaker = speakers.get(name, Speaker(name=name))
        speakers[name] = speaker.model_copy(update={"faces": theirs})
    return known.model_copy(update={"speakers": tuple(speakers.values())})


def _write_sheet(
    path: Path, faces: Sequence[_Face], people: Sequence[int], names: Sequence[str]
) -> None:
    """Every face with its shot, its number and whose it is; a row or more for each person."""
    rows: list[NDArray[np.uint8]] = []
    for person in dict.fromkeys(people):
        theirs = [index for index, of in enumerate(people) if of == person]
        for start in range(0, len(theirs), COLUMNS):
            cells = [_cell(faces[i], names[i]) for i in theirs[start : start + COLUMNS]]
            blank = np.zeros((CELL_HEIGHT, CELL_WIDTH, 3), np.uint8)
            rows.append(np.hstack([*cells, *[blank] * (COLUMNS - len(cells))]))
    if not rows:
        rows = [np.zeros((CELL_HEIGHT, CELL_WIDTH * COLUMNS, 3), np.uint8)]
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    path.write_bytes(encoded.tobytes())


def _cell(face: _Face, name: str) -> NDArray[np.uint8]:
    cell = np.zeros((CELL_HEIGHT, CELL_WIDTH, 3), np.uint8)
    side = face.seen.portrait.shape[0]
    left = (CELL_WIDTH - side) // 2
    cell[4 : 4 + side, left : left + side] = face.seen.portrait
    for line, text in enumerate((f"{face.shot}: {face.number}", name or NOBODY)):
        place = (4, side + 18 + 16 * line)
        white = (255, 255, 255)
        cv2.putText(cell, text, place, cv2.FONT_HERSHEY_SIMPLEX, TEXT_SIZE, white, 1, cv2.LINE_AA)
    return cell
