"""What stands for the M&E of a timeline that gives only a mix."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineKind, Separator, engine
from dubwright.media.audio import read_audio, write_wav
from dubwright.model import FrameRange
from dubwright.operations.results import read_json, write_json
from dubwright.operations.task import Context
from dubwright.speech.layout import CENTRE, STEREO, Layout
from dubwright.speech.mix import DUCKED_GAIN, MIX_RATE, Original
from dubwright.speech.separate import REACH, has_width, quiet_level, room_tone, without_middle
from dubwright.speech.soundtrack import SoundClip, gather_original

__all__ = [
    "BACKGROUND_BLOCK",
    "SEPARATED_S",
    "Background",
    "Separated",
    "background_of",
    "find_background",
    "separate_part",
]

BACKGROUND_BLOCK: Final = 30 * MIX_RATE
TONE_S: Final = 0.75
TONE: Final = round(TONE_S * MIX_RATE)
# A line's sound rings on; room tone is looked for this far from it.
# A centre channel with less than this part of the power between the sides holds no voice.
EMPTY: Final = 0.1
AFTER_LINES: Final = MIX_RATE // 4
TAKEN_OUT: Final = "loses what stands in its middle"
CENTRE_OUT: Final = "loses its centre channel"
LOWERED: Final = "is lowered by 24 dB"
SEPARATED: Final = "ME.wav"
# A mix is parted in parts of so many seconds, each heard with a little of its neighbours.
SEPARATED_S: Final = 30
MARGIN_S: Final = 2
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


def separate_part(context: Context) -> None:
    """The stage: a part of a mix without its voices, by an engine."""
    told = context.parameters
    separator: Separator = engine(told["separator"], EngineKind.SEPARATOR, _weights(context))
    sounds = [SoundClip.from_json(sound) for sound in context.where["sounds"]]
    layout = Layout(*told["layout"])
    start, end = told["part"]
    margin = round(MARGIN_S * layout.rate)
    first = max(0, start - margin)
    mix = gather_original(sounds, first, end + margin, layout).mix
    assert mix is not None
    rest = separator.background(mix, layout.rate)[start - first : end - first]
    write_wav(context.folder / SEPARATED, rest, layout.rate)


def _weights(context: Context) -> Path | None:
    named = context.where.get("weights")
    return Path(named) if named else None


class Background:
    """What stands under new lines.

    Attributes:
        how: for people, after "under each new line the original mix".
    """

    def __init__(
        self, width: bool, tone: Samples | None, sounds: Sequence[SoundClip], layout: Layout
    ) -> None:
        self._width = width
        self._tone = tone
        self._sounds = sounds
        self._layout = layout
        if layout.channels > STEREO.channels:
            self.how = CENTRE_OUT
        else:
            self.how = TAKEN_OUT if width else LOWERED + (COVERED if tone is not None else "")

    @classmethod
    def read(cls, folder: Path, sounds: Sequence[SoundClip], layout: Layout = STEREO) -> Background:
        """As find_background found it."""
        found: dict[str, Any] = read_json(folder / "background.json")
        tone = None
        if not found["width"] and found["tone"] is not None:
            first = found["tone"] * layout.rate // MIX_RATE
            tone = gather_original(sounds, first, first + round(TONE_S * layout.rate), layout).mix
        return cls(found["width"], tone, sounds, layout)

    def behind(self, original: Original, start: int, end: int) -> Samples:
        """What stands for the mix from `start` to `end` of the timeline."""
        assert original.mix is not None
        if self._layout.channels > STEREO.channels:
            return self._around_centre(original.mix, start, end)
        if self._width:
            first = max(0, start - REACH) // REACH * REACH
            around = gather_original(self._sounds, first, end + REACH, self._layout).mix
            assert around is not None
            rest = without_middle(around, self._layout.rate)
            return rest[start - first : end - first]
        lowered = original.mix * np.float32(DUCKED_GAIN)
        if self._tone is None:
            return lowered
        return lowered + room_tone(self._tone, start, end - start)

    def _around_centre(self, mix: Samples, start: int, end: int) -> Samples:
        """A surround mix with its centre lowered; where that is empty, what is between the sides
        is taken out: stereo sound may lie on a surround timeline."""
        rest = mix.copy()
        rest[:, CENTRE] *= np.float32(DUCKED_GAIN)
        middle = mix[:, :2].mean(axis=1)
        if float((mix[:, CENTRE] ** 2).sum()) < EMPTY * float((middle**2).sum()):
            first = max(0, start - REACH) // REACH * REACH
            around = gather_original(self._sounds, first, end + REACH, self._layout).mix
            assert around is not None
            sides = without_middle(np.ascontiguousarray(around[:, :2]), self._layout.rate)
            rest[:, :2] = sides[start - first : end - first]
        return rest


class Separated:
    """A mix without its voices, as an engine parted it.

    Attributes:
        how: for people, after "under each new line the original mix".
    """

    def __init__(self, folders: Sequence[Path], name: str, layout: Layout) -> None:
        self._folders = folders
        self._block = SEPARATED_S * layout.rate
        self._rate = layout.rate
        self.how = f"loses the voices that {name} hears in it"

    def behind(self, _: Original, start: int, end: int) -> Samples:
        """What stands for the mix from `start` to `end` of the timeline."""
        parts = []
        for number in range(start // self._block, (end - 1) // self._block + 1):
            first = max(start, number * self._block)
            last = min(end, (number + 1) * self._block)
            skipped = Fraction(first - number * self._block, self._rate)
            path = self._folders[number] / SEPARATED
            parts.append(read_audio(path, skipped, Fraction(last - first, self._rate))[0])
        return np.concatenate(parts)


def background_of(
    context: Context, sounds: Sequence[SoundClip], layout: Layout
) -> Background | Separated | None:
    """What stands for the M&E in a task that mixes; None where there is a stem of it."""
    inputs = context.inputs
    if "separated:0" in inputs:
        count = sum(name.startswith("separated:") for name in inputs)
        folders = [inputs[f"separated:{number}"] for number in range(count)]
        return Separated(folders, context.parameters["separator"], layout)
    found = inputs.get("background")
    return Background.read(found, sounds, layout) if found else None


def _is_near(spoken: Sequence[Sequence[int]], start: int, end: int) -> bool:
    return any(first < end and last + AFTER_LINES > start for first, last in spoken)
