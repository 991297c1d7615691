"""Image sequences by the patterns that hosts name them with."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import fileseq

__all__ = ["FrameFiles", "find_frames", "is_pattern"]

# plate.####.exr, plate.@@@@.exr, plate.%04d.exr, plate.$F4.exr
PADDED: Final = re.compile(r"#+|@+|%0?\d*d|\$F\d*")
# plate.[1001-1100].exr, as Resolve and Premiere write it
BRACKETED: Final = re.compile(r"\[(\d+)-\d+\]")
# plate.{:04d}.exr
BRACED: Final = re.compile(r"\{[^{}]*:0(\d+)d\}")
NUMBERED: Final = re.compile(r"(\d+)(?=\.[^.]+$)")


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """The files of a sequence that are there.

    Attributes:
        prefix, suffix: of the names, with the folder: what stands before and after the number.
        padding: digits of the number, at least.
        numbers: of the files, ascending.
        first: number of the frame that the pattern begins with, which may not be there.
    """

    prefix: str
    suffix: str
    padding: int
    numbers: tuple[int, ...]
    first: int

    @property
    def step(self) -> int:
        """From one frame's number to the next; numbers that are missing in between are gaps."""
        steps = (after - before for before, after in itertools.pairwise(self.numbers))
        return math.gcd(*steps) or 1

    def file(self, number: int) -> Path:
        return Path(f"{self.prefix}{number:0{self.padding}d}{self.suffix}")


def is_pattern(name: str) -> bool:
    """Whether a file's name stands for a sequence."""
    return any(form.search(name) for form in (PADDED, BRACKETED, BRACED))


def find_frames(path: Path) -> FrameFiles | None:
    """The sequence that a pattern or the path of one of its files names; None where there is none.

    One # is one digit, as in Nuke. A file of a sequence, and a range in brackets, say which frame
    is the first; otherwise it is the first that is there.
    """
    name, first = path.name, None
    if found := BRACKETED.search(name):
        first = int(found[1])
        name = BRACKETED.sub("@" * len(found[1]), name, count=1)
    elif found := BRACED.search(name):
        name = BRACED.sub("@" * int(found[1]), name, count=1)
    elif not PADDED.search(name):
        numbered = NUMBERED.search(name)
        if numbered is None:
            return None
        first = int(numbered[1])
        name = NUMBERED.sub("@" * len(numbered[1]), name, count=1)
    try:
        on_disk = fileseq.findSequenceOnDisk(
            str(path.with_name(name)), pad_style=fileseq.PAD_STYLE_HASH1
        )
    except fileseq.FileSeqException:
        return None
    if not on_disk.frameSet():
        return None
    numbers = tuple(sorted(int(number) for number in on_disk.frameSet()))
    return FrameFiles(
        prefix=f"{on_disk.dirname()}{on_disk.basename()}",
        suffix=on_disk.extension(),
        padding=on_disk.zfill(),
        numbers=numbers,
        first=numbers[0] if first is None else first,
    )
