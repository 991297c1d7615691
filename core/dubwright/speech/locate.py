"""Finds the lines of a script in a long recording, in memory that does not grow with it.

Dynamic time warping of what is heard against espeak-ng's reading of the lines, eight times coarser
than the phones of one line are timed afterwards. Every path carries a token that says where its
lines began (token passing: Young, Russell and Thornton, 1989), so that nothing is kept of the past
but those; and only what lies near the best path is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import Speech
from dubwright.speech.features import HOP_RATE, cepstra

__all__ = ["FOUND_RATE", "LocatedLine", "heard_features", "located_lines", "read_features"]

POOLED: Final = 8
# Frames a second that are compared.
FOUND_RATE: Final = HOP_RATE // POOLED
DYNAMIC_RANGE: Final = 4 * np.log(10)
STAY_COST: Final = 0.8
SKIP_COST: Final = 0.8
PAUSE_COST: Final = 0.1
LONGEST_PAUSE: Final = 50
# What a frame of speech costs that is no line's, and a frame of a line that is not said.
LEFT_OUT_COST: Final = 1.2
UNSAID_COST: Final = 0.4
# Frames of the script on both sides of the best path that are looked at: two minutes.
REACH: Final = 120 * FOUND_RATE
FORGET_EVERY: Final = 1000
NOWHERE: Final = -1

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class LocatedLine:
    """Where a line is said, in frames, FOUND_RATE a second.

    Attributes:
        line: its index.
        start: the first frame.
        end: the frame after the last.
        cost: how unlike its reading it is for each frame; speech that is no line's is 1.2.
    """

    line: int
    start: int
    end: int
    cost: float


def heard_features(samples: NDArray[np.float32], sample_rate: int) -> Array:
    """Features of a part of a recording, mono, [frames, features], FOUND_RATE a second."""
    return _normalised([_coarse(samples, sample_rate)])[0]


def read_features(readings: Iterable[Speech]) -> list[Array]:
    """Features of readings of lines, without their pauses, [frames, features] each.

    Readings are taken one after another, and their samples not kept.
    """
    coarse = [_coarse(reading.samples, reading.sample_rate) for reading in readings]
    normalised = _normalised(coarse) if coarse else []
    return [
        features[loud] if loud.any() else features
        for features, (_, loud) in zip(normalised, coarse, strict=True)
    ]


def located_lines(
    heard: Iterable[tuple[Array, NDArray[np.bool_]]], lines: Sequence[Array]
) -> list[LocatedLine]:
    """The lines that are said, in order; those that are not are left out.

    Args:
        heard: the recording from its start, part by part: its features, and whether somebody
            speaks in each frame.
        lines: the features of a reading of each line.
    """
    if not lines:
        return []
    search = _Search(lines)
    at = 0
    for features, speaks in heard:
        for frame, spoken in zip(features, speaks, strict=True):
            if spoken:
                search.hear(frame, at)
            at += 1
    return search.found()


class _Search:
    """The best paths through the lines so far.

    A path is in a frame of a line, or in a gap: before the first line, between two, after the last.
    Only the lines that are near are touched, so that a frame costs the same however long the script
    is; what is forgotten, every so often, is found by a walk through the lines so far.
    """

    def __init__(self, lines: Sequence[Array]) -> None:
        lengths = np.array([len(line) for line in lines])
        self._frames = np.concatenate(lines).astype(np.float32)
        self._squares = (self._frames**2).sum(axis=1)
        self._starts = np.r_[0, np.cumsum(lengths)[:-1]]
        self._ends = np.cumsum(lengths) - 1
        self._unsaid = UNSAID_COST * np.r_[0.0, np.cumsum(lengths)]
        self._cost = np.full(len(self._frames), np.inf)
        self._token = np.full(len(self._frames), NOWHERE)
        self._gap_cost = self._unsaid.copy()
        self._gap_token = np.full(len(lines) + 1, NOWHERE)
        # Frames of the script, and gaps, in which there are paths.
        self._window, self._gaps = (0, len(self._frames)), (0, len(lines) + 1)
        # Of each token: its line, or NOWHERE for a gap; when it began and what it had cost until
        # then; when speech before it had ended; the token before it. There are more rows than
        # tokens.
        self._tokens = np.zeros((1024, 5))
        self._token_count = 0
        self._speech_until = 0
        self._heard = 0

    def hear(self, frame: Array, at: int) -> None:
        """The next frame of speech, and when it is heard."""
        low, high = self._reached()
        first, last = np.searchsorted(self._starts, [low, high])
        starts, ends = self._starts[first:last] - low, self._ends[first:last] - low
        cost, token = self._cost[low:high], self._token[low:high]
        gap_cost = self._gap_cost[first : last + 1]
        gap_token = self._gap_token[first : last + 1]

        # Whoever is silent for long has mostly said the line.
        pause = PAUSE_COST * min(at - self._speech_until, LONGEST_PAUSE)
        best, came = cost + STAY_COST + pause, token.copy()
        crossing = np.zeros(len(cost), bool)  # whether the best path enters its line here
        entered = np.zeros(len(cost), bool)
        entered[starts] = True
        for stride, penalty in ((1, 0.0), (2, SKIP_COST), (3, 2 * SKIP_COST)):
            into = best[stride:]
            step = cost[:-stride] + penalty + pause
            # No step leaves out a line's first frame.
            crosses = np.zeros(len(into), bool)
            for skipped in range(stride):
                crosses |= entered[stride - skipped : len(entered) - skipped]
            if stride == 1:
                step[crosses] -= pause
            else:
                step[crosses] = np.inf
            better = step < into
            into[better] = step[better]
            came[stride:][better] = token[:-stride][better]
            crossing[stride:][better] = crosses[better]
        from_gap = gap_cost[:-1] < best[starts]
        into = starts[from_gap]
        best[into] = gap_cost[:-1][from_gap]
        came[into] = gap_token[:-1][from_gap]
        crossing[into] = True

        left = gap_cost + LEFT_OUT_COST
        left_token = gap_token.copy()
        ended = np.r_[np.inf, cost[ends]] + LEFT_OUT_COST
        ended_token = np.r_[NOWHERE, token[ends]]
        out = ended < left
        left[out] = ended[out]

        new = np.flatnonzero(crossing & np.isfinite(best))
        came[new] = self._began(np.searchsorted(self._starts, new + low), at, best[new], came[new])
        fresh = np.flatnonzero(out & np.isfinite(left))
        left_token[fresh] = self._began(
            np.full(len(fresh), NOWHERE), at, ended[fresh] - LEFT_OUT_COST, ended_token[fresh]
        )
        # Lines may stay unsaid: a gap is reached from every gap before it.
        unsaid = self._unsaid[first : last + 1]
        cheapest = np.minimum.accumulate(left - unsaid)
        source = np.maximum.accumulate(np.where(left - unsaid <= cheapest, np.arange(len(left)), 0))
        _leave(self._gap_cost, self._gap_token, self._gaps, (first, last + 1))
        self._gap_cost[first : last + 1] = cheapest + unsaid
        self._gap_token[first : last + 1] = left_token[source]
        square = self._squares[low:high] + frame @ frame - 2 * self._frames[low:high] @ frame
        distance = np.sqrt(np.maximum(square, 0) / len(frame))
        _leave(self._cost, self._token, self._window, (low, high))
        self._cost[low:high] = best + distance
        self._token[low:high] = came
        self._window, self._gaps = (low, high), (first, last + 1)
        self._speech_until = at + 1
        self._heard += 1
        if self._heard % FORGET_EVERY == 0:
            self._forget()

    def found(self) -> list[LocatedLine]:
        """The lines of the best path that has come to the end."""
        over = np.r_[self._cost[self._ends], self._gap_cost]
        tokens = np.r_[self._token[self._ends], self._gap_token]
        rest = self._unsaid[-1] - np.r_[self._unsaid[1:], self._unsaid]
        best = int(np.argmin(over + rest))
        lines = []
        end, cost, token = self._speech_until, float(over[best]), int(tokens[best])
        while token != NOWHERE:
            line, start, before, until, previous = self._tokens[token]
            if line != NOWHERE and end > start:
                mean = (cost - before) / (end - start)
                lines.append(LocatedLine(int(line), int(start), int(end), float(mean)))
            end, cost, token = int(until), float(before), int(previous)
        return lines[::-1]

    def _reached(self) -> tuple[int, int]:
        """The frames of the script that lie near the best path."""
        best = self._window[0] + int(np.argmin(self._cost[slice(*self._window)]))
        gap = self._gaps[0] + int(np.argmin(self._gap_cost[slice(*self._gaps)]))
        if self._gap_cost[gap] < self._cost[best]:
            best = int(self._starts[min(gap, len(self._starts) - 1)])
        low, high = max(0, best - REACH), min(len(self._frames), best + REACH)
        # Whole lines, so that every line that is looked at has both its ends.
        first = int(np.searchsorted(self._starts, low, "right")) - 1
        last = int(np.searchsorted(self._ends, high - 1))
        return int(self._starts[first]), int(self._ends[min(last, len(self._ends) - 1)]) + 1

    def _began(
        self, lines: NDArray[Any], at: int, costs: Array, before: NDArray[Any]
    ) -> NDArray[np.int64]:
        """New tokens."""
        count = len(lines)
        rows = np.stack(
            [lines, np.full(count, at), costs, np.full(count, self._speech_until), before], axis=1
        )
        first, self._token_count = self._token_count, self._token_count + count
        if self._token_count > len(self._tokens):
            more = np.zeros((self._token_count, 5))
            self._tokens = np.concatenate([self._tokens, more])
        self._tokens[first : self._token_count] = rows
        return np.arange(first, self._token_count)

    def _forget(self) -> None:
        """Keep those tokens only that a path still carries."""
        kept = np.zeros(self._token_count + 1, bool)
        token, gap_token = self._token[slice(*self._window)], self._gap_token[slice(*self._gaps)]
        front = np.unique(np.r_[token, gap_token])
        while len(front := front[(front != NOWHERE) & ~kept[front]]):
            kept[front] = True
            front = np.unique(self._tokens[front, 4].astype(int))
        numbers = np.cumsum(kept) - 1
        numbers[NOWHERE] = NOWHERE
        token[:], gap_token[:] = numbers[token], numbers[gap_token]
        left = self._tokens[: self._token_count][kept[:-1]]
        left[:, 4] = numbers[left[:, 4].astype(int)]
        self._token_count = len(left)
        self._tokens[: self._token_count] = left


def _leave(
    costs: Array, tokens: NDArray[np.int64], old: tuple[int, int], new: tuple[int, int]
) -> None:
    """No path is any more in what is of an old range but not of the new one."""
    below = slice(old[0], min(max(old[0], new[0]), old[1]))
    above = slice(max(old[0], min(old[1], new[1])), old[1])
    for left in (below, above):
        costs[left] = np.inf
        tokens[left] = NOWHERE


def _coarse(samples: NDArray[np.float32], sample_rate: int) -> tuple[Array, NDArray[np.bool_]]:
    """Cepstra of every 40 ms and whether they are loud enough to be speech."""
    features, energy = cepstra(samples, sample_rate)
    whole = max(1, len(features) // POOLED) * POOLED
    padded = np.pad(features, ((0, max(0, whole - len(features))), (0, 0)), "edge")[:whole]
    levels = np.pad(energy, (0, max(0, whole - len(energy))), "edge")[:whole]
    pooled = padded.reshape(-1, POOLED, features.shape[1]).mean(axis=1).astype(np.float32)
    level = levels.reshape(-1, POOLED).mean(axis=1)
    return pooled, level > np.percentile(level, 95) - DYNAMIC_RANGE


def _normalised(parts: Sequence[tuple[Array, NDArray[np.bool_]]]) -> list[Array]:
    """Features with the mean and the spread that what is loud has in all parts together."""
    loud = np.concatenate([features[mask] for features, mask in parts])
    loud = loud if len(loud) else np.concatenate([features for features, _ in parts])
    mean, spread = loud.mean(axis=0), loud.std(axis=0) + 1e-6
    return [(features - mean) / spread for features, _ in parts]
