"""The stage that mixes a language: its takes where the original's lines were, as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.media.audio import LoudnessMeter, read_mono, resampled, written_wav
from dubwright.media.mastering import SPECS
from dubwright.model import FrameRange
from dubwright.operations.background import background_of
from dubwright.operations.master import STEMS, master_stems, turn_down
from dubwright.operations.mouth_stages import sounds_of
from dubwright.operations.results import load_take, write_json
from dubwright.operations.task import Context
from dubwright.speech.layout import Layout, centred, pan_of
from dubwright.speech.mix import PlacedTake, mix_stems, placed
from dubwright.speech.room import Room, in_room, room_like
from dubwright.speech.soundtrack import SoundClip, gather_original
from dubwright.trust import draft_tone

__all__ = ["mix_language"]

BLOCK_S: Final = 30
# A room is told by the lines of a speaker that begin this near each other.
SCENE_S: Final = 20
MOST_LINES: Final = 8
# What rings on behind a line, and what fades around one, at most.
LONGEST_ROOM_S: Final = 2
NEAR_S: Final = 0.5

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class _Line:
    """A take's folder, and the range of the line that it replaces.

    Attributes:
        length: of the take, in samples of the mix.
        recorded: whether somebody spoke it; it then has a room already.
    """

    cue: str
    speaker: str
    start: int
    end: int
    folder: Path
    length: int
    recorded: bool


def mix_language(context: Context) -> None:
    """The stems of one language, half a minute at a time.

    To a specification all are brought by one gain; otherwise what would be clipped is turned down.
    """
    spec = context.parameters.get("loudness")
    # What is too loud now may not be when it is brought to a specification.
    told, peak = _mixed(context, "FLOAT" if spec else "PCM_24")
    if spec:
        told |= master_stems(context.folder, SPECS[spec])
    elif peak > 1:
        told, _ = _mixed(context, "FLOAT")
        told |= turn_down(context.folder)
    write_json(context.folder / "mix.json", told)


def _mixed(context: Context, encoding: str) -> tuple[dict[str, Any], float]:
    """Write the stems; what is told of them, and the highest sample of all."""
    sounds = sounds_of(context.where["sounds"])
    layout = Layout(*context.parameters["layout"])
    background = background_of(context, sounds, layout)
    lines, refused = _lines(context, layout)
    kept = [(start, end) for start, end in context.parameters["kept"]] + refused
    takes = _Takes(lines, sounds, layout, context.parameters.get("draft_mark", False))
    meters = {name: LoudnessMeter(layout.rate) for name in STEMS}
    samples, note, peak = context.parameters["samples"], "", 0.0
    with ExitStack() as files:
        writes = {
            name: files.enter_context(
                written_wav(
                    context.folder / f"{name}.wav", layout.channels, layout.rate, samples, encoding
                )
            )
            for name in STEMS
        }
        for part in FrameRange(0, samples).chunks(BLOCK_S * layout.rate):
            original = gather_original(sounds, part.start, part.end, layout)
            if background is not None:
                behind = background.behind(original, part.start, part.end)
                original = replace(original, background=behind)
            near = round(NEAR_S * layout.rate)
            heard = takes.between(part.start - near, part.end + near)
            staying = [(a, b) for a, b in kept if a < part.end + near and b > part.start - near]
            stems = mix_stems(original, heard, staying, part.start, part.end)
            note = stems.note + (background.how if background else "")
            made = (stems.dialogue, stems.effects, stems.mix)
            for name, block in zip(STEMS, made, strict=True):
                writes[name](block)
                meters[name].add(block)
                peak = max(peak, float(np.abs(block).max(initial=0)))
    told: dict[str, Any] = {
        "loudness_lufs": {name: meter.integrated_lufs() for name, meter in meters.items()},
        "effects": note + _told(takes.rooms),
    }
    return told, peak


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
        lines.append(
            _Line(
                told["cue"], told["speaker"], told["start"], told["end"], folder,
                take.length * layout.rate // take.sample_rate, take.engine == "recording",
            )
        )  # fmt: skip
    return lines, refused


class _Takes:
    """Takes as loud as their lines, where these stood, in the room that was heard around them.

    They are read when their part of the timeline is mixed, and forgotten after it.

    Attributes:
        rooms: that lines were brought into, by cue.
    """

    def __init__(
        self, lines: Sequence[_Line], sounds: Sequence[SoundClip], layout: Layout, draft: bool
    ) -> None:
        self._tone = draft_tone(layout.rate) if draft else np.zeros(0, np.float32)
        self._lines = lines
        self._sounds = sounds
        self._layout = layout
        self._held: dict[str, PlacedTake] = {}
        self._original = lru_cache(maxsize=MOST_LINES + 1)(self._spoken)
        self._dry = lru_cache(maxsize=MOST_LINES + 1)(self._take)
        self._scenes: dict[tuple[str, ...], Room | None] = {}
        self.rooms: dict[str, Room] = {}

    def between(self, start: int, end: int) -> list[PlacedTake]:
        """Those that are heard between two samples of the timeline."""
        tail = round(LONGEST_ROOM_S * self._layout.rate)
        heard = [
            line
            for line in self._lines
            if line.start < end and max(line.end, line.start + line.length + tail) > start
        ]
        self._held = {line.cue: self._held.get(line.cue) or self._placed(line) for line in heard}
        return list(self._held.values())

    def _placed(self, line: _Line) -> PlacedTake:
        spoken, alone = self._original(line)
        layout = self._layout
        gains = pan_of(spoken) if alone and spoken is not None else centred(layout.channels)
        samples = self._dry(line)
        room = None if line.recorded else self._room_around(line)
        if room is not None:
            samples = in_room(samples, room, layout.rate)
            self.rooms[line.cue] = room
        return self._marked(placed(samples, line.start, line.end, spoken, gains, layout))

    def _marked(self, take: PlacedTake) -> PlacedTake:
        """A take with the tone of a draft, which is heard as it begins."""
        samples, tone = take.samples, self._tone[:, None]
        heard = np.zeros((max(len(samples), len(tone)), samples.shape[1]), np.float32)
        heard[: len(samples)] = samples
        heard[: len(tone)] += tone
        return replace(take, samples=heard)

    def _spoken(self, line: _Line) -> tuple[Samples | None, bool]:
        """The original's line, and whether it is heard without anything else."""
        original = gather_original(self._sounds, line.start, line.end, self._layout)
        alone = original.dialogue is not None
        return original.dialogue if alone else original.mix, alone

    def _take(self, line: _Line) -> Samples:
        take = load_take(line.folder)
        samples, rate = read_mono(line.folder / take.audio)
        return resampled(samples, rate, self._layout.rate)

    def _room_around(self, line: _Line) -> Room | None:
        """The room of a speaker's lines around one; None where only a mix is known."""
        reach = SCENE_S * self._layout.rate
        near = [
            other
            for other in self._lines
            if other.speaker == line.speaker
            and not other.recorded
            and abs(other.start - line.start) <= reach
        ]
        near = sorted(near, key=lambda other: abs(other.start - line.start))[:MOST_LINES]
        scene = tuple(sorted(other.cue for other in near))
        if scene not in self._scenes:
            originals = [self._original(other) for other in near]
            recorded = [
                spoken.mean(axis=1) for spoken, alone in originals if alone and spoken is not None
            ]
            dry = [self._dry(other) for other in near]
            self._scenes[scene] = room_like(recorded, dry, self._layout.rate) if recorded else None
        return self._scenes[scene]
