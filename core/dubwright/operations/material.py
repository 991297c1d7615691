"""What a plan starts from: a timeline's plates and sounds, probed and hashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubwright.conform.read import ConformedTimeline, Soundtrack
from dubwright.media.colour import ColourConfig
from dubwright.media.names import is_config_file
from dubwright.media.plate import PlateSpec, probe_plate
from dubwright.operations.show import Show, colour_config, find_show
from dubwright.speech.soundtrack import SoundClip
from dubwright.store import Access, Fingerprints, content_key

__all__ = [
    "Colours",
    "PlateSound",
    "Plates",
    "plate_content",
    "plates_of",
    "sound_of",
    "speech_of",
]


@dataclass(frozen=True)
class Colours:
    """What the colours of plates mean.

    Attributes:
        show: what the show's file says.
        ocio: the OCIO config that is asked for: its absolute path, or a built-in's name.
        config: that config.
    """

    show: Show
    ocio: str | None
    config: ColourConfig

    @classmethod
    def found(cls, beside: Path, asked: str | None, access: Access) -> Colours:
        """As asked for, or as the show beside a timeline says."""
        show = find_show(beside.parent, access)
        ocio = asked or show.ocio
        if ocio and is_config_file(ocio):
            ocio = str(Path(ocio).absolute())
        return cls(show, ocio, colour_config(ocio, access))


@dataclass(frozen=True)
class Plates:
    """The plates of the editable shots, by uid: what they are, and what they hold as a key."""

    specs: Mapping[str, PlateSpec]
    contents: Mapping[str, str]

    def where(self, uid: str) -> dict[str, Any]:
        return {"plate": self.specs[uid].model_dump(mode="json")}


@dataclass(frozen=True)
class PlateSound:
    """Sounds of a timeline as JSON: where they are, and what they hold."""

    where: list[Any]
    hashes: list[Any]

    def __bool__(self) -> bool:
        return bool(self.where)


def plates_of(
    timeline: ConformedTimeline,
    named_space: str | None,
    colours: Colours,
    fingerprints: Fingerprints,
) -> Plates:
    """Probe every plate of a timeline.

    Raises:
        DubwrightError: one cannot be read, or its colour space is not known.
    """
    specs: dict[str, PlateSpec] = {}
    for shot in timeline.shots:
        if shot.plate is not None:
            named = named_space or colours.show.space_of(shot.plate.kind)
            spec = probe_plate(shot.plate, named, colours.config)
            specs[shot.uid] = spec.model_copy(update={"ocio": colours.ocio})
    contents = {
        uid: plate_content(spec, fingerprints, colours.config) for uid, spec in specs.items()
    }
    return Plates(specs, contents)


def plate_content(spec: PlateSpec, fingerprints: Fingerprints, config: ColourConfig) -> str:
    """What a plate's pixels depend on, as one string; not where its files are."""
    files = fingerprints.of_files(spec.files())
    described = spec.model_dump(mode="json", exclude={"path", "ocio"})
    if spec.kind == "sequence":
        described.pop("first")
    return content_key([files, described, config.identity])


def sound_of(timeline: ConformedTimeline, fingerprints: Fingerprints) -> PlateSound:
    """The sounds of a timeline."""
    return _sound(timeline.sounds, fingerprints)


def speech_of(heard: ConformedTimeline | Soundtrack, fingerprints: Fingerprints) -> PlateSound:
    """Those sounds of a timeline in which its dialogue is, alone or mixed; none if it has none."""
    return _sound([sound for sound in heard.sounds if sound.stem != "M&E"], fingerprints)


def _sound(sounds: Sequence[SoundClip], fingerprints: Fingerprints) -> PlateSound:
    contents = fingerprints.of_files([sound.path for sound in sounds])
    return PlateSound(
        where=[sound.as_json() for sound in sounds],
        hashes=[
            [content, sound.stem, str(sound.record_start), str(sound.media_start),
             str(sound.duration), str(sound.speed)]
            for content, sound in zip(contents, sounds, strict=True)
        ],
    )  # fmt: skip
