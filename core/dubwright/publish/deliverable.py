"""Puts a deliverable together in a hidden folder, seals it, and renames it into its place."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dubwright.conform.stock import relinked
from dubwright.errors import DubwrightError
from dubwright.publish.delivery import Part
from dubwright.publish.presets import Content, Preset
from dubwright.store import content_key, rename, whole
from dubwright.trust import (
    SEAL,
    Action,
    Sidecar,
    credential,
    hash_of,
    keys_folder,
    sealed,
    sign,
)

__all__ = ["PUBLISHING", "extract", "integrate", "next_place", "staging"]

ABOUT: Final = "deliverable.json"
# What the hidden folders begin with in which deliverables are put together.
PUBLISHING: Final = ".publishing-"


def staging(out: Path, part: Part, preset: Preset) -> Path:
    """Where a part's deliverable is put together: a hidden folder beneath the output folder."""
    unit = part.shot if preset.per == "shot" else ""
    key = content_key([str(part.folder), preset.model_dump(mode="json"), part.language, unit])
    return out / f"{PUBLISHING}{key[:16]}"


def extract(part: Part, preset: Preset, folder: Path) -> None:
    """Copy what a preset holds of a part into a folder.

    Raises:
        DubwrightError: a file is not what it was when the version was made.
    """
    sidecar = Sidecar.read(part.folder)
    for source, place in _wanted(part, preset):
        copy = folder / place / source.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        with whole(copy) as partial:
            shutil.copyfile(source, partial)
        _require_as_listed(source, copy, part, sidecar)
    if Content.TIMELINES in preset.contents and (preset.per == "shot" or not part.shot):
        _relink(part, preset, folder)


def _require_as_listed(source: Path, copy: Path, part: Part, sidecar: Sidecar) -> None:
    """What was copied is what was looked at: somebody may have changed it in between."""
    name = unicodedata.normalize("NFC", source.relative_to(part.folder).as_posix())
    listed = sidecar.files.get(name)
    if name not in sidecar.signed and hash_of(copy) != listed:
        raise DubwrightError(
            "A version changed while it was published",
            where=str(source),
            why="it is not what it was when the version was made",
            repair="see who works in the version's folder, and publish again",
        )


def _relink(part: Part, preset: Preset, folder: Path) -> None:
    made = Path(part.delivery.manifest["folder"])
    held = {"stems": Content.STEMS, f"frames/{part.language}": Content.FRAMES}
    # What the deliverable does not hold stays where it is.
    places = {
        made / place: content.value if content in preset.contents else str(part.folder / place)
        for place, content in held.items()
    }
    for timeline in part.timelines[:1]:
        relinked(timeline, folder / timeline.name, places)


def integrate(part: Part, preset: Preset, folder: Path, out: Path) -> Path:
    """Seal a deliverable and give it its place as the next version.

    Returns:
        Its folder.
    """
    about = {
        "document": "dubwright.deliverable",
        "version": 1,
        "preset": preset.model_dump(mode="json"),
        "of": str(part.folder),
        "plan": part.delivery.manifest["plan"],
        "language": part.language,
        "shot": part.shot,
        "disclosure": part.told["disclosure"],
        "digital_source_type": part.told["digital_source_type"],
        "speakers": part.told["speakers"],
    }
    with whole(folder / ABOUT) as partial:
        partial.write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", "utf-8")
    _require_whole(part, preset, folder)
    previews = [part.preview.name] if Content.PREVIEW in preset.contents else []
    root = sealed(folder, previews).root
    for name in previews:
        _sign_again(folder / name, root)
    place = next_place(part, preset, out)
    place.parent.mkdir(parents=True, exist_ok=True)
    rename(folder, place)
    return place


def _require_whole(part: Part, preset: Preset, folder: Path) -> None:
    """A language's deliverable holds what each of its shots put into it."""
    shots = (part.shot,) if part.shot else part.delivery.shots(part.language)
    parts = [part.delivery.part(part.language, shot) for shot in shots]
    for each in parts if part.shot else (*parts, part):
        for source, place in _wanted(each, preset):
            if not (folder / place / source.name).is_file():
                raise DubwrightError(
                    "A deliverable is not whole",
                    where=str(Path(place) / source.name),
                    why="it was not put into it, or was taken away",
                    repair="publish again",
                )


def next_place(part: Part, preset: Preset, out: Path) -> Path:
    """The place of a deliverable whose version is one more than the highest that is there."""
    fields = {
        "name": part.delivery.name,
        "project": part.delivery.cast.project or part.delivery.name,
        "language": part.language,
        "shot": part.shot if preset.per == "shot" else "",
    }
    version = 1
    while (place := out / preset.place(fields, version)).exists():
        version += 1
    if not place.resolve().is_relative_to(out.resolve()):
        raise DubwrightError(
            "A deliverable would not lie in the output folder",
            where=str(place),
            why="a folder on the way to it is a link elsewhere",
            repair="choose another output folder",
        )
    return place


def _wanted(part: Part, preset: Preset) -> Iterator[tuple[Path, str]]:
    """Files, each with the folder of the deliverable that it goes into."""
    has = set(preset.contents)
    if part.shot and Content.FRAMES in has:
        yield from ((frame.path, f"frames/{part.shot}") for frame in part.frames())
    if part.shot and Content.PATCHES in has:
        patches = [frame.patch for frame in part.frames() if frame.patch]
        yield from ((patch, f"patches/{part.shot}") for patch in patches)
    # What is a language's stands beside each of its shots, where these go by themselves.
    if part.shot and preset.per == "language":
        return
    yield part.disclosure, "."
    if Content.PREVIEW in has:
        yield part.preview, "."
    if Content.MOVIES in has:
        yield from ((movie, "movies") for movie in part.movies)
    if Content.STEMS in has:
        yield from ((part.stem(name), "stems") for name in ("DX", "ME", "mix"))
    if Content.SUBTITLES in has:
        yield from ((path, "subtitles") for path in part.subtitles)
    elif Content.IMSC in has:
        yield from ((path, "subtitles") for path in part.subtitles if path.suffix == ".ttml")


def _sign_again(path: Path, root: str) -> None:
    """Sign a movie once more, as published: what it said of itself stays beneath."""
    before = path.with_name(f".before{path.suffix}")
    rename(path, before)
    sign(
        before,
        path,
        path.name,
        (),
        [
            Action("c2pa.opened", "The version that was published", ingredient="version"),
            Action("c2pa.published", "Published"),
        ],
        credential(keys_folder()),
        {SEAL: {"root": root, "path": path.name}},
        parent="version",
    )
    before.unlink()
