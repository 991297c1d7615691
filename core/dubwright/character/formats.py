"""A character's mouth as other programs read it.

Live Link Face's CSV of ARKit's blend shapes; Rhubarb's TSV, XML and JSON; Moho's switch data, which
Papagayo writes. Times are exact at the frames' edges; those in seconds are rounded to what the
format shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from dubwright.character.flaps import Flap

__all__ = ["arkit_csv", "moho_dat", "rhubarb_json", "rhubarb_tsv", "rhubarb_xml"]

HEAD_AND_EYES: Final = tuple(
    part + turn
    for part in ("Head", "LeftEye", "RightEye")
    for turn in ("Yaw", "Pitch", "Roll")
)  # fmt: skip


def arkit_csv(controls: Mapping[str, NDArray[np.float32]], rate: Fraction) -> str:
    """Live Link Face's CSV: a row a frame, 52 blend shapes and 9 rotations, which are 0."""
    names = [name[0].upper() + name[1:] for name in controls]
    columns = len(names) + len(HEAD_AND_EYES)
    lines = [",".join(["Timecode", "BlendShapeCount", *names, *HEAD_AND_EYES])]
    still = ["0.0000000000"] * len(HEAD_AND_EYES)
    for frame, row in enumerate(np.stack(list(controls.values()), axis=1)):
        values = [f"{value:.10f}" for value in row.tolist()]
        lines.append(",".join([_timecode(frame, rate), str(columns), *values, *still]))
    return "\n".join(lines) + "\n"


def rhubarb_tsv(flaps: Sequence[Flap], rate: Fraction) -> str:
    """A line for each change, and one for the end."""
    lines = [f"{_seconds(flap.start, rate)}\t{flap.shape}" for flap in flaps]
    return "\n".join([*lines, f"{_seconds(flaps[-1].end, rate)}\tX"]) + "\n"


def rhubarb_xml(flaps: Sequence[Flap], rate: Fraction, sound: str) -> str:
    root = ElementTree.Element("rhubarbResult")
    metadata = ElementTree.SubElement(root, "metadata")
    ElementTree.SubElement(metadata, "soundFile").text = sound
    ElementTree.SubElement(metadata, "duration").text = _seconds(flaps[-1].end, rate)
    cues = ElementTree.SubElement(root, "mouthCues")
    for flap in flaps:
        times = {"start": _seconds(flap.start, rate), "end": _seconds(flap.end, rate)}
        ElementTree.SubElement(cues, "mouthCue", times).text = flap.shape
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def rhubarb_json(flaps: Sequence[Flap], rate: Fraction, sound: str) -> str:
    cues = [
        {
            "start": float(_seconds(flap.start, rate)),
            "end": float(_seconds(flap.end, rate)),
            "value": flap.shape,
        }
        for flap in flaps
    ]
    metadata = {"soundFile": sound, "duration": float(_seconds(flaps[-1].end, rate))}
    return json.dumps({"metadata": metadata, "mouthCues": cues}, indent=2) + "\n"


def moho_dat(flaps: Sequence[Flap]) -> str:
    """Moho counts frames from 1."""
    return "MohoSwitch1\n" + "".join(f"{flap.start + 1} {flap.shape}\n" for flap in flaps)


def _seconds(frame: int, rate: Fraction) -> str:
    return f"{float(frame / rate):.2f}"


def _timecode(frame: int, rate: Fraction) -> str:
    """HH:MM:SS:FF.sub, without dropped frames, at the next whole rate."""
    whole = -(-rate.numerator // rate.denominator)
    seconds, frames = divmod(frame, whole)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}.000"
