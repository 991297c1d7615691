"""Who is who among the faces of a timeline: a cast to look through, with a sheet of the faces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from dubwright.dialogue import Cast, Speaker
from dubwright.face.people import people_among, who_is_who
from dubwright.operations.results import SPEAKING, Glimpse, load_glimpses, read_json, write_json
from dubwright.operations.task import Context

__all__ = ["CAST", "FACES", "SHEET", "write_cast"]

CAST: Final = "cast.json"
FACES: Final = "faces.json"
SHEET: Final = "faces-{}.jpg"
COLUMNS, ROWS = 6, 40
CELL_WIDTH, CELL_HEIGHT = 200, 164
MARGIN: Final = 6
TEXT_POINTS: Final = 13
BACKGROUND, WORDS = (24, 26, 30), (230, 230, 230)
JPEG_QUALITY: Final = 90
NOBODY: Final = "nobody's yet"


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """One face: its shot, its number there, and what was seen."""

    shot: str
    number: int
    seen: Glimpse


def write_cast(context: Context) -> None:
    """The stage: who is who among the faces of a timeline."""
    faces = [
        _Face(uid, number, seen)
        for uid in context.parameters["shots"]
        for number, seen in enumerate(load_glimpses(context.inputs[f"faces:{uid}"]), start=1)
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
            "frames": int(face.seen.found.sum()),
            "usable": int(face.seen.usable.sum()),
            "person": person + 1,
            "speaker": name,
        }
        for face, person, name in zip(faces, people, names, strict=True)
    ]
    write_json(context.folder / FACES, rows)
    for number, sheet in enumerate(_sheets(faces, people, names), start=1):
        sheet.save(context.folder / SHEET.format(number), quality=JPEG_QUALITY)


def _spoke(context: Context, faces: Sequence[_Face]) -> dict[str, dict[int, int]]:
    """For each speaker the faces that spoke their lines, and on how many frames of them."""
    places = {(face.shot, face.number): index for index, face in enumerate(faces)}
    spoke: dict[str, dict[int, int]] = {}
    for number, (name, uid, frames) in enumerate(context.parameters["spoken"]):
        face = read_json(context.inputs[f"track:{number}"] / SPEAKING)["face"]
        if face:
            spoke.setdefault(name, {})[places[uid, face]] = frames
    return spoke


def _together(faces: Sequence[_Face]) -> list[tuple[int, int]]:
    """Pairs of faces that are seen in the same frame."""
    return [
        (a, b)
        for a, one in enumerate(faces)
        for b, other in enumerate(faces[:a])
        if one.shot == other.shot and (one.seen.found & other.seen.found).any()
    ]


def _with_faces(
    known: Cast,
    faces: Sequence[_Face],
    names: Sequence[str],
    spoke: Mapping[str, Mapping[int, int]],
) -> Cast:
    """The cast, with the faces of those who speak; what was known of faces is forgotten."""
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
    speakers |= {name: Speaker(name=name) for name in found if name not in speakers}
    return known.model_copy(
        update={
            "speakers": tuple(
                speaker.model_copy(update={"faces": found.get(name, {})})
                for name, speaker in speakers.items()
            )
        }
    )


def _sheets(
    faces: Sequence[_Face], people: Sequence[int], names: Sequence[str]
) -> Iterator[Image.Image]:
    """Every face with its number, its shot and whose it is; a row or more for each person."""
    rows: list[list[int]] = []
    for person in dict.fromkeys(people):
        theirs = [index for index, of in enumerate(people) if of == person]
        rows += [theirs[start : start + COLUMNS] for start in range(0, len(theirs), COLUMNS)]
    for start in range(0, len(rows), ROWS):
        shown = rows[start : start + ROWS]
        sheet = Image.new("RGB", (COLUMNS * CELL_WIDTH, len(shown) * CELL_HEIGHT), BACKGROUND)
        for down, row in enumerate(shown):
            for across, index in enumerate(row):
                corner = across * CELL_WIDTH + MARGIN, down * CELL_HEIGHT + MARGIN
                _draw(sheet, corner, faces[index], names[index] or NOBODY)
        yield sheet


def _draw(sheet: Image.Image, corner: tuple[int, int], face: _Face, name: str) -> None:
    portrait = Image.fromarray(face.seen.portrait)
    sheet.paste(portrait, corner)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT_POINTS)
    x, y = corner[0], corner[1] + portrait.height + 2
    beside = corner[0] + portrait.width + MARGIN, corner[1]
    pen.text(beside, f"face {face.number}", WORDS, font)
    for line, text in enumerate((face.shot, name)):
        shown = text
        while pen.textlength(shown, font) > CELL_WIDTH - 2 * MARGIN:
            shown = "\N{HORIZONTAL ELLIPSIS}" + shown[2:]
        pen.text((x, y + line * (TEXT_POINTS + 5)), shown, WORDS, font)
