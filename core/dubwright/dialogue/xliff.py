"""XLIFF 1.2 and 2.0 (OASIS standards, 2008 and 2014): lines to a translator and back.

A file that comes back is read, and can be filled in, as a tree in which everything that is not
understood stays as it is: what memoQ, Trados and others add of their own goes home with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from lxml import etree

from dubwright.errors import DubwrightError
from dubwright.store import whole

__all__ = ["Translation", "TranslationUnit", "fill_xliff", "read_xliff", "write_xliff"]

V1: Final = "urn:oasis:names:tc:xliff:document:1.2"
V2: Final = "urn:oasis:names:tc:xliff:document:2.0"
# XLIFF 2.1 kept the namespace of 2.0.
XML_SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"
# What holds the code of the original's format, not words.
CODES: Final = frozenset({"bpt", "ept", "ph", "it", "ut"})
NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
DONE: Final = "translated"
FILE: Final = "dialogue"


@dataclass(frozen=True, slots=True)
class TranslationUnit:
    """A line that is translated, or is to be.

    Attributes:
        id: of its cue.
        target: "" while it is not translated.
        state: what the file says of it, such as translated or final; "" where it says nothing.
        notes: for the translator.
        most_characters: that the target should have, 0 if that does not matter.
    """

    id: str
    source: str
    target: str = ""
    state: str = ""
    notes: tuple[str, ...] = ()
    most_characters: int = 0


@dataclass(frozen=True, slots=True)
class Translation:
    """Lines from one language into another; a tag is "" where the file does not name it."""

    source_language: str
    target_language: str
    units: tuple[TranslationUnit, ...]


def read_xliff(path: Path) -> Translation:
    """The lines of a file of either version.

    Raises:
        DubwrightError: the file cannot be read, or is something else.
    """
    root, version = _loaded(path)
    if version == 1:
        file = root.find(f"{{{V1}}}file")
        attributes = {} if file is None else file.attrib
        languages = (
            attributes.get("source-language", ""),
            attributes.get("target-language", ""),
        )
    else:
        languages = root.get("srcLang", ""), root.get("trgLang", "")
    units = tuple(_unit(element, version) for element in _units(root, version))
    return Translation(*languages, units)


def write_xliff(path: Path, translation: Translation, version: Literal["1.2", "2.0"]) -> None:
    """Write lines for a translator; whole or not at all.

    Each line is a unit named by its cue. Widths are characters, as memoQ and Trados check them.
    """
    clean = tuple(
        replace(
            unit,
            source=_allowed(unit.source),
            target=_allowed(unit.target),
            notes=tuple(map(_allowed, unit.notes)),
        )
        for unit in translation.units
    )
    translation = replace(translation, units=clean)
    root = _new_v1(translation) if version == "1.2" else _new_v2(translation)
    _write(path, etree.ElementTree(root))


def fill_xliff(source: Path, path: Path, targets: Mapping[str, str]) -> None:
    """Write a file again with other targets; everything else stays as it is.

    Args:
        source: the file.
        path: to write; it may be the same.
        targets: by unit; a unit that is not named keeps its own.

    Raises:
        DubwrightError: see read_xliff.
    """
    root, version = _loaded(source)
    for element in _units(root, version):
        name = _id(element, version)
        if name in targets:
            _fill(element, targets[name], version)
    _write(path, root.getroottree())


def _loaded(path: Path) -> tuple[Any, int]:
    """The root of a file and its version, 1 or 2."""
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
        root = etree.fromstring(path.read_bytes(), parser)
    except (OSError, etree.XMLSyntaxError) as error:
        raise _unreadable(path, str(error)) from error
    name = etree.QName(root)
    if name.localname == "xliff" and name.namespace in (V1, V2):
        return root, 1 if name.namespace == V1 else 2
    raise _unreadable(path, f"it begins with {root.tag}")


def _units(root: Any, version: int) -> Iterator[Any]:
    yield from root.iter(f"{{{V1}}}trans-unit" if version == 1 else f"{{{V2}}}unit")


def _id(element: Any, version: int) -> str:
    """The cue that a unit stands for; tools may number units anew, and keep their names."""
    name = element.get("resname") if version == 1 else element.get("name")
    return str(name or element.get("id", ""))


def _unit(element: Any, version: int) -> TranslationUnit:
    if version == 1:
        source, target = element.find(f"{{{V1}}}source"), element.find(f"{{{V1}}}target")
        state = "" if target is None else target.get("state", "")
        notes = element.iterfind(f"{{{V1}}}note")
        in_characters = element.get("size-unit", "pixel") == "char"
        widest = element.get("maxwidth", "0") if in_characters else "0"
    else:
        parts = [p for p in element if _name(p) in ("segment", "ignorable")]
        sources = [part.find(f"{{{V2}}}source") for part in parts]
        targets = [part.find(f"{{{V2}}}target") for part in parts]
        # What a tool did not translate of what it split stands for itself.
        done = any(found is not None for found in targets)
        return TranslationUnit(
            _id(element, version),
            "".join(_text(found) for found in sources),
            "".join(_text(s if t is None else t) for s, t in zip(sources, targets, strict=True))
            if done
            else "",
            next((part.get("state") for part in parts if part.get("state")), ""),
            tuple(_text(note) for note in element.iter(f"{{{V2}}}note")),
        )
    return TranslationUnit(
        _id(element, version),
        _text(source),
        _text(target),
        state,
        tuple(_text(note) for note in notes),
        int(widest) if widest.isdigit() else 0,
    )


def _text(element: Any) -> str:
    """The words in an element and in what is marked within it, without codes."""
    if element is None:
        return ""
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and _name(child) not in CODES:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _fill(element: Any, text: str, version: int) -> None:
    """Put a target into a unit, where its own was."""
    if version == 1:
        target = element.find(f"{{{V1}}}target")
        if target is None:
            target = etree.Element(f"{{{V1}}}target")
            before = [c for c in element if _name(c) in ("source", "seg-source")]
            element.insert(element.index(before[-1]) + 1 if before else 0, target)
        # Markers and codes of the old target belong to its old words.
        _set_text(target, text)
        target.set("state", DONE)
        return
    parts = [part for part in element if _name(part) in ("segment", "ignorable")]
    for number, part in enumerate(parts):
        target = part.find(f"{{{V2}}}target")
        if target is None:
            target = etree.SubElement(part, f"{{{V2}}}target")
        # What a tool split into sentences is one line here: the first has it all.
        _set_text(target, text if number == 0 else "")
        if _name(part) == "segment":
            part.set("state", DONE)


def _set_text(element: Any, text: str) -> None:
    for child in list(element):
        element.remove(child)
    element.text = _allowed(text)


def _allowed(text: str) -> str:
    """A text without the control characters that XML cannot hold."""
    return NOT_IN_XML.sub(" ", text)


def _new_v1(translation: Translation) -> Any:
    root = etree.Element(f"{{{V1}}}xliff", {"version": "1.2"}, nsmap={None: V1})
    file = etree.SubElement(
        root,
        f"{{{V1}}}file",
        {
            "original": FILE,
            "datatype": "plaintext",
            "source-language": translation.source_language,
            "target-language": translation.target_language,
        },
    )
    body = etree.SubElement(file, f"{{{V1}}}body")
    for unit in translation.units:
        element = etree.SubElement(
            body, f"{{{V1}}}trans-unit", {"id": unit.id, "resname": unit.id, XML_SPACE: "preserve"}
        )
        if unit.most_characters:
            element.set("size-unit", "char")
            element.set("maxwidth", str(unit.most_characters))
        etree.SubElement(element, f"{{{V1}}}source").text = unit.source
        if unit.target:
            target = etree.SubElement(element, f"{{{V1}}}target", {"state": unit.state or DONE})
            target.text = unit.target
        for note in unit.notes:
            etree.SubElement(element, f"{{{V1}}}note").text = note
    return root


def _new_v2(translation: Translation) -> Any:
    languages = {
        "srcLang": translation.source_language,
        "trgLang": translation.target_language,
    }
    root = etree.Element(f"{{{V2}}}xliff", {"version": "2.0", **languages}, nsmap={None: V2})
    file = etree.SubElement(root, f"{{{V2}}}file", {"id": FILE})
    for unit in translation.units:
        element = etree.SubElement(file, f"{{{V2}}}unit", {"id": unit.id, "name": unit.id})
        width = (f"at most {unit.most_characters} characters",) if unit.most_characters else ()
        if unit.notes or width:
            notes = etree.SubElement(element, f"{{{V2}}}notes")
            for note in (*unit.notes, *width):
                etree.SubElement(notes, f"{{{V2}}}note").text = note
        state = unit.state or (DONE if unit.target else "initial")
        segment = etree.SubElement(element, f"{{{V2}}}segment", {"state": state})
        etree.SubElement(segment, f"{{{V2}}}source").text = unit.source
        if unit.target:
            etree.SubElement(segment, f"{{{V2}}}target").text = unit.target
    return root


def _write(path: Path, tree: Any) -> None:
    encoding = tree.docinfo.encoding or "UTF-8"
    with whole(path) as partial:
        tree.write(str(partial), encoding=encoding, xml_declaration=True)


def _name(element: Any) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _unreadable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "This is no XLIFF file",
        where=str(path),
        why=why,
        repair="give XLIFF 1.2 or 2.0, as memoQ, Trados, DeepL and Google's translator write it",
    )
