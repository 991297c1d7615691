"""Plots of a QC report, as SVG that both its page and its PDF show.

They carry no letters: what is drawn is told beneath them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ASKED", "OVER", "SEEN", "curves", "frames_over", "waveform"]

WIDTH: Final = 960
HEIGHT: Final = 96
ASKED: Final = "#d9822b"
SEEN: Final = "#2b7bd9"
OVER: Final = "#c62828"
FRAME: Final = "#8a8a8a"
MARGIN: Final = 4

Curve = Sequence[float | None]


def curves(asked: Curve, seen: Curve) -> str:
    """How far a mouth was to open, and how far it was seen to; None is a gap."""
    known = [value for value in (*asked, *seen) if value is not None]
    highest = max(known, default=0.0)
    lines = [
        _line(run, highest, len(asked), colour)
        for curve, colour in ((asked, ASKED), (seen, SEEN))
        for run in _runs(curve)
    ]
    return _svg(lines)


def frames_over(values: Mapping[int, float], first: int, last: int, bar: float) -> str:
    """A bar for each frame that was measured, red where it is higher than the dashed line."""
    highest = max([1.25 * bar, *values.values()])
    count = max(1, last - first + 1)
    width = WIDTH / count
    bars = [
        f'<rect x="{(frame - first) * width:.2f}" y="{_y(value, highest):.2f}" '
        f'width="{max(0.8, 0.8 * width):.2f}" height="{_y(0, highest) - _y(value, highest):.2f}" '
        f'fill="{OVER if value > bar else SEEN}"/>'
        for frame, value in values.items()
    ]
    at = _y(bar, highest)
    dashed = (
        f'<line x1="0" x2="{WIDTH}" y1="{at:.2f}" y2="{at:.2f}" stroke="{OVER}" '
        'stroke-dasharray="6 5"/>'
    )
    return _svg([*bars, dashed])


def waveform(peaks: NDArray[np.uint8], lines: Sequence[tuple[float, float]]) -> str:
    """How loud a sound is, on a scale of its own, over the lines that are spoken in it.

    Args:
        peaks: [parts], of equal length.
        lines: where each begins and ends, as shares of the whole.
    """
    spans = [
        f'<rect x="{start * WIDTH:.2f}" y="0" width="{(end - start) * WIDTH:.2f}" '
        f'height="{HEIGHT}" fill="{ASKED}" fill-opacity="0.22"/>'
        for start, end in lines
    ]
    edges = np.linspace(0, len(peaks), WIDTH + 1).astype(int)
    heights = [
        int(peaks[start : max(end, start + 1)].max(initial=0)) for start, end in pairwise(edges)
    ]
    scale = (HEIGHT / 2 - MARGIN) / max(1, *heights)
    strokes = "".join(
        f"M{x} {HEIGHT / 2 - height * scale:.1f}V{HEIGHT / 2 + height * scale + 0.5:.1f}"
        for x, height in enumerate(heights)
    )
    return _svg([*spans, f'<path d="{strokes}" stroke="{SEEN}" stroke-width="1"/>'])


def _svg(shapes: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" fill="none" '
        f'stroke="{FRAME}"/>{"".join(shapes)}</svg>'
    )


def _runs(curve: Curve) -> Iterator[list[tuple[int, float]]]:
    """What is known of a curve, (place, value) in a row each."""
    run: list[tuple[int, float]] = []
    for place, value in enumerate(curve):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _line(run: Sequence[tuple[int, float]], highest: float, count: int, colour: str) -> str:
    step = WIDTH / max(1, count - 1)
    points = " ".join(f"{place * step:.1f},{_y(value, highest):.1f}" for place, value in run)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _y(value: float, highest: float) -> float:
    return HEIGHT - MARGIN - max(0.0, value) * (HEIGHT - 2 * MARGIN) / max(highest, 1e-6)
