"""The stage that mixes a language: its takes where the original's lines were, as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.media.audio import LoudnessMeter, read_mono, resampled, written_wav
from dubwright.media.mastering import SPECS
from dubwright.model import FrameRange
from dubwright.operations.background import background_of
from dubwright.operations.master import STEMS, master_stems
from dubwright.operations.mouth_stages import sounds_of
from dubwright.operations.results import load_take, write_json
from dubwright.operations.task import Context
from dubwright.speech.layout import Layout, centred, pan_of
from dubwright.speech.mix import PlacedTake, mix_stems, placed
from dubwright.speech.room import Room, in_room, room_like
from dubwright.speech.soundtrack import SoundClip, gather_original

__all__ = ["mix_language"]

BLOCK_S: Final = 30
# A room is told by the lines of a speaker that begin this near each other.
SCENE_S: Final = 20
MOST_LINES: Final = 8

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class _Line:
    """A take, mono, and the range of the line that it replaces."""

    cue: str
    speaker: str
    start: int
    end: int
    take: Samples
    recorded: bool


def mix_language(context: Context) -> None:
    """The stems of one language, half a minute at a time."""
    sounds = sounds_of(context.where["sounds"])
    layout = Layout(*context.parameters["layout"])
    background = background_of(context, sounds, layout)
    lines, refused = _lines(context, layout)
    takes, rooms = _placed(lines, sounds, layout)
    kept = [(start, end) for start, end in context.parameters["kept"]] + refused
    meters = {name: LoudnessMeter(layout.rate) for name in STEMS}
    note = ""
    with ExitStack() as files:
        writes = {
            name: files.enter_context(
                written_wav(context.folder / f"{name}.wav", layout.channels, layout.rate)
            )
            for name in STEMS
        }
        for part in FrameRange(0, context.parameters["samples"]).chunks(BLOCK_S * layout.rate):
            original = gather_original(sounds, part.start, part.end, layout)
            if background is not None:
                behind = background.behind(original, part.start, part.end)
                original = replace(original, background=behind)
            stems = mix_stems(original, takes, kept, part.start, part.end)
            note = stems.note + (background.how if background else "")
            for name, samples in zip(
                STEMS, (stems.dialogue, stems.effects, stems.mix), strict=True
            ):
                writes[name](samples)
                meters[name].add(samples)
    told: dict[str, Any] = {
        "loudness_lufs": {name: meter.integrated_lufs() for name, meter in meters.items()},
        "effects": note + _told(rooms),
    }
    if spec := context.parameters.get("loudness"):
        told |= master_stems(context.folder, SPECS[spec])
    write_json(context.folder / "mix.json", told)


def _told(rooms: Mapping[str, Room]) -> str:
    if not rooms:
        return ""
    count = f"{len(rooms)} line{'s' if len(rooms) > 1 else ''}"
    return f"; {count} brought into the room that is heard around the originals"


def _lines(context: Context, layout: Layout) -> tuple[list[_Line], list[tuple[int, int]]]:
    """The takes that are laid down, and the ranges of those that were refused."""
    lines, refused = [], []
    for told in context.parameters["takes"]:
        folder = context.inputs[f"take:{told['cue']}"]
        take = load_take(folder)
        if take.fit.verdict == "refused":
            refused.append((told["start"], told["end"]))
            continue
        samples, rate = read_mono(folder / take.audio)
        lines.append(
            _Line(
                told["cue"], told["speaker"], told["start"], told["end"],
                resampled(samples, rate, layout.rate), take.engine == "recording",
            )
        )  # fmt: skip
    return lines, refused


def _placed(
    lines: Sequence[_Line], sounds: Sequence[SoundClip], layout: Layout
) -> tuple[list[PlacedTake], dict[str, Room]]:
    """Takes as loud as their lines, where these stood, in the room that was heard around them."""
    spoken: dict[str, tuple[Samples | None, bool]] = {}
    for line in lines:
        original = gather_original(sounds, line.start, line.end, layout)
        alone = original.dialogue is not None
        spoken[line.cue] = (original.dialogue if alone else original.mix, alone)
    takes, rooms = [], {}
    for line in lines:
        heard, alone = spoken[line.cue]
        gains = pan_of(heard) if alone and heard is not None else centred(layout.channels)
        samples = line.take
        # A recording has the room that its mixer gave it.
        room = None if line.recorded else _room_around(line, lines, spoken, layout)
        if room is not None:
            samples = in_room(samples, room, layout.rate)
            rooms[line.cue] = room
        takes.append(placed(samples, line.start, line.end, heard, gains, layout))
    return takes, rooms


def _room_around(
    line: _Line,
    lines: Sequence[_Line],
    spoken: Mapping[str, tuple[Samples | None, bool]],
    layout: Layout,
) -> Room | None:
    """The room of a speaker's lines around one; None where only a mix is known."""
    near = [
        other
        for other in lines
        if other.speaker == line.speaker and abs(other.start - line.start) <= SCENE_S * layout.rate
    ]
    near = sorted(near, key=lambda other: abs(other.start - line.start))[:MOST_LINES]
    recorded = [
        heard.mean(axis=1) for heard, alone in (spoken[other.cue] for other in near)
        if alone and heard is not None
    ]  # fmt: skip
    return room_like(recorded, [other.take for other in near], layout.rate) if recorded else None
