"""What stands for the M&E of a timeline that gives only a mix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.model import FrameRange
from dubwright.operations.results import read_json, write_json
from dubwright.operations.task import Context
from dubwright.speech.mix import DUCKED_GAIN, MIX_RATE, Original
from dubwright.speech.separate import REACH, has_width, quiet_level, room_tone, without_middle
from dubwright.speech.soundtrack import SoundClip, gather_original

__all__ = ["BACKGROUND_BLOCK", "Background", "find_background"]

BACKGROUND_BLOCK: Final = 30 * MIX_RATE
TONE: Final = 3 * MIX_RATE // 4
# A line's sound rings on; room tone is looked for this far from it.
AFTER_LINES: Final = MIX_RATE // 4
TAKEN_OUT: Final = "loses what stands in its middle"
LOWERED: Final = "is lowered by 24 dB"
COVERED: Final = ", and room tone covers it"

Samples = NDArray[np.float32]


def find_background(context: Context) -> None:
    """The stage: whether a mix has a middle to take out, and where its room is heard alone."""
    sounds = [SoundClip.from_json(sound) for sound in context.where["sounds"]]
    spoken, total = context.parameters["spoken"], context.parameters["samples"]
    middle = side = 0.0
    quietest, at = np.inf, None
    for part in FrameRange(0, total).chunks(BACKGROUND_BLOCK):
        mix = gather_original(sounds, part.start, part.end).mix
        assert mix is not None
        middle += float(((mix[:, 0] + mix[:, 1]).astype(np.float64) ** 2).sum())
        side += float(((mix[:, 0] - mix[:, 1]).astype(np.float64) ** 2).sum())
        for start in range(0, len(mix) - TONE, TONE // 2):
            level = quiet_level(mix[start : start + TONE])
            first = part.start + start
            if level < quietest and not _is_near(spoken, first, first + TONE):
                quietest, at = level, first
        context.step()
    write_json(context.folder / "background.json", {"width": has_width(middle, side), "tone": at})


class Background:
    """What stands under new lines.

    Attributes:
        how: for people, after "under each new line the original mix".
    """

    def __init__(self, width: bool, tone: Samples | None, sounds: Sequence[SoundClip]) -> None:
        self._width = width
        self._tone = tone
        self._sounds = sounds
        self.how = TAKEN_OUT if width else LOWERED + (COVERED if tone is not None else "")

    @classmethod
    def read(cls, folder: Path, sounds: Sequence[SoundClip]) -> Background:
        """As find_background found it."""
        found: dict[str, Any] = read_json(folder / "background.json")
        tone = None
        if not found["width"] and found["tone"] is not None:
            tone = gather_original(sounds, found["tone"], found["tone"] + TONE).mix
        return cls(found["width"], tone, sounds)

    def behind(self, original: Original, start: int, end: int) -> Samples:
        """What stands for the mix from `start` to `end` of the timeline."""
        assert original.mix is not None
        if self._width:
            first = max(0, start - REACH) // REACH * REACH
            around = gather_original(self._sounds, first, end + REACH).mix
            assert around is not None
            return without_middle(around, MIX_RATE)[start - first : end - first]
        lowered = original.mix * np.float32(DUCKED_GAIN)
        if self._tone is None:
            return lowered
        return lowered + room_tone(self._tone, start, end - start)


def _is_near(spoken: Sequence[Sequence[int]], start: int, end: int) -> bool:
    return any(first < end and last + AFTER_LINES > start for first, last in spoken)
