"""Whose voice is whose: voice prints in groups, and groups with names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

__all__ = ["grouped_voices", "mean_print", "named_voices", "turns_of", "voices_among"]

LONGEST_TURN_S: Final = 3.0
SHORTEST_TURN_S: Final = 0.4

Prints = NDArray[np.float32]


def turns_of(speech: Sequence[tuple[int, int]], sample_rate: int) -> list[tuple[int, int]]:
    """Ranges of speech in parts of at most three seconds, as even as can be.

    What is shorter than 0.4 s tells too little of a voice, and is left out.
    """
    longest, shortest = LONGEST_TURN_S * sample_rate, SHORTEST_TURN_S * sample_rate
    turns = []
    for start, end in speech:
        if end - start >= shortest:
            parts = int(np.ceil((end - start) / longest))
            edges = np.linspace(start, end, parts + 1).round().astype(int)
            turns += [(int(a), int(b)) for a, b in pairwise(edges)]
    return turns


def voices_among(prints: Prints, same_voice: float) -> NDArray[np.int64]:
    """The number of the voice of each print, from 0 as voices are first heard.

    Average linkage over cosine distances: prints are one voice's as long as they agree, on
    average, by more than `same_voice`.
    """
    if len(prints) < 2:
        return np.zeros(len(prints), np.int64)
    tree = linkage(prints, "average", metric="cosine")
    found = fcluster(tree, 1 - same_voice, "distance")
    order = {label: number for number, label in enumerate(dict.fromkeys(found.tolist()))}
    return np.array([order[label] for label in found.tolist()], np.int64)


def grouped_voices(
    parts: Iterable[tuple[NDArray[np.int64], Prints]], same_voice: float, telling: int
) -> tuple[NDArray[np.int64], Prints, NDArray[np.int64]]:
    """All turns of a recording, their prints, and the number of the voice of each.

    Each part's voices are found first and those of all parts together then, so that memory grows
    with the number of voices, not of turns.

    Args:
        parts: turns, in samples, and their prints, part by part.
        same_voice: see voices_among.
        telling: of how many samples a turn must be to found a voice on.
    """
    all_turns, all_prints, owners = [], [], []
    voices: list[Prints] = []
    for turns, prints in parts:
        if not len(turns):
            continue
        tells = (turns[:, 1] - turns[:, 0]) >= telling
        tells = tells if tells.any() else np.ones(len(turns), bool)
        local = voices_among(prints[tells], same_voice)
        means = np.array([mean_print(prints[tells][local == n]) for n in range(max(local) + 1)])
        own = (prints @ means.T).argmax(axis=1)
        owners.append(own + len(voices))
        voices.extend(means)
        all_turns.append(turns)
        all_prints.append(prints)
    if not voices:
        return np.zeros((0, 2), np.int64), np.zeros((0, 1), np.float32), np.zeros(0, np.int64)
    together = voices_among(np.array(voices), same_voice)[np.concatenate(owners)]
    order = {voice: number for number, voice in enumerate(dict.fromkeys(together.tolist()))}
    numbered = np.array([order[voice] for voice in together.tolist()], np.int64)
    return np.concatenate(all_turns), np.concatenate(all_prints), numbered


def mean_print(prints: Prints) -> Prints:
    """What several prints of one voice have in common, of length 1."""
    mean = prints.mean(axis=0)
    common: Prints = (mean / np.linalg.norm(mean)).astype(np.float32)
    return common


def named_voices(
    voices: Sequence[Prints], known: Mapping[str, Prints], same_voice: float
) -> list[str]:
    """A name for each voice: that of the known print that is most like it, or "".

    Nobody speaks with two voices: of those that are like one known print the likest has the name.
    """
    names = [""] * len(voices)
    pairs = sorted(
        (
            (float(voice @ print_), index, name)
            for index, voice in enumerate(voices)
            for name, print_ in known.items()
        ),
        reverse=True,
    )
    for alike, index, name in pairs:
        if alike > same_voice and not names[index] and name not in names:
            names[index] = name
    return names
