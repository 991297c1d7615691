"""Stages of the booth: what actors hear while they record."""

from __future__ import annotations

from typing import Final

from dubwright.media.audio import written_wav
from dubwright.model import FrameRange
from dubwright.operations.mouth_stages import line_on_plate, sounds_of
from dubwright.operations.task import Context
from dubwright.speech.countdown import countdown
from dubwright.speech.mix import MIX_RATE

__all__ = ["BEEPS", "GUIDE", "GUIDE_BLOCK", "LINE", "write_guide", "write_line"]

GUIDE_BLOCK: Final = 30 * MIX_RATE
LINE: Final = "line.wav"
GUIDE: Final = "guide.wav"
BEEPS: Final = "beeps.wav"


def write_guide(context: Context) -> None:
    """The stage: the timeline's dialogue, and beeps before each cue, as two files."""
    sounds, starts = sounds_of(context.where["sounds"]), context.parameters["starts"]
    with (
        written_wav(context.folder / GUIDE, 1, MIX_RATE) as guide,
        written_wav(context.folder / BEEPS, 1, MIX_RATE) as beeps,
    ):
        for part in FrameRange(0, context.parameters["samples"]).chunks(GUIDE_BLOCK):
            guide(line_on_plate(sounds, (part.start, part.end))[:, None])
            beeps(countdown(starts, part.start, len(part), MIX_RATE)[:, None])
            context.step()


def write_line(context: Context) -> None:
    """The stage: a line as the original says it, after its countdown and before a handle."""
    told = context.parameters
    first, last = told["first"], told["last"]
    sound = line_on_plate(sounds_of(context.where["sounds"]), (first, last))
    # Before the line only its countdown is heard, not who speaks before.
    sound = sound.copy()
    sound[: told["start"] - first] = 0
    sound += countdown([told["start"]], first, last - first, MIX_RATE)
    with written_wav(context.folder / LINE, 1, MIX_RATE) as write:
        write(sound[:, None])
