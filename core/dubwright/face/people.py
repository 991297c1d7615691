"""Which faces of several shots are the same person's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from dubwright.face.appearance import alike

__all__ = ["SAME_PERSON", "people_among", "who_is_who"]

# Of the same person in one shot faces are alike by .98 and more, of two people by .90 at most.
SAME_PERSON: Final = 0.93
NEVER: Final = 1e6


def people_among(
    likenesses: Sequence[NDArray[np.float32]], together: Sequence[tuple[int, int]]
) -> list[int]:
    """A number for each face, the same for the same person.

    Faces are joined in order of their mean likeness (average linkage, Sokal and Michener, 1958).

    Args:
        likenesses: of the faces.
        together: pairs of faces that are seen in the same frame, and so are two people.
    """
    count = len(likenesses)
    if count < 2:
        return list(range(count))
    unlike = np.array([[1 - alike(a, b) for b in likenesses] for a in likenesses])
    for a, b in together:
        unlike[a, b] = unlike[b, a] = NEVER
    np.fill_diagonal(unlike, 0)
    joined = linkage(squareform(np.maximum(unlike, 0), checks=False), "average")
    groups = fcluster(joined, 1 - SAME_PERSON, "distance").tolist()
    order = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return [order[group] for group in groups]


def who_is_who(people: Sequence[int], spoke: Mapping[str, Mapping[int, int]]) -> dict[int, str]:
    """The name of each person who speaks: of the speaker whose lines they speak most.

    Args:
        people: the person of each face.
        spoke: for each speaker the faces that spoke their lines, and on how many frames.
    """
    votes: Counter[tuple[str, int]] = Counter()
    for speaker, faces in spoke.items():
        for face, frames in faces.items():
            votes[speaker, people[face]] += frames
    named: dict[int, str] = {}
    for (speaker, person), _ in votes.most_common():
        if person not in named and speaker not in named.values():
            named[person] = speaker
    return named
