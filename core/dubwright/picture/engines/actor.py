"""Draws an actor's mouth as the retrieval does, and then as a network learned this actor's looks.

The network learns on the plate: each frame is drawn from the actor's other frames and held against
what was really seen. It is used only where it comes nearer on frames that it has not learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import Choice, EngineCard, EngineKind, LibraryView, PlateView
from dubwright.engines.choice import remembered
from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.media.colour import encode_log
from dubwright.model import FaceTrack, FrameRange, MouthCurves, Patch
from dubwright.picture.engines.retrieval import RetrievalRenderer
from dubwright.picture.raster import Grid, OpenCvRaster
from dubwright.picture.refinement import DrawnMouth, DrawnPair, Refiner

__all__ = ["AROUND", "NETWORK", "ActorRenderer", "drawn_pairs"]

Image = NDArray[np.float32]

NETWORK: Final = "refiner.safetensors"
# Frames that are drawn from all others but those around them.
BLOCK: Final = 16
AROUND: Final = 6
MOST_RUNS: Final = 60


class ActorRenderer:
    card = EngineCard(
        name="actor",
        kind=EngineKind.MOUTH_RENDERER,
        version=2,
        licence="Apache-2.0",
        commercial_use=True,
        packages=("torch", "safetensors"),
        learns=True,
        content=RetrievalRenderer.card.identity,
        trained=True,
        way_around="draw with retrieval",
        limits="Learns each actor anew: 10 to 20 minutes on a GPU, hours without one. Needs what "
        "retrieval needs.",
    )

    def __init__(self, learned: Path | None) -> None:
        network = learned / NETWORK if learned else None
        refiner = _refiner(network) if network and network.is_file() else None
        self._drawing = RetrievalRenderer(refiner=refiner)

    def choose(
        self,
        plate: PlateView,
        library: Sequence[LibraryView],
        curves: MouthCurves,
        first_frame: int,
        joins: tuple[bool, bool],
    ) -> list[Choice]:
        return self._drawing.choose(plate, library, curves, first_frame, joins)

    def draw(
        self,
        plate: PlateView,
        library: Sequence[LibraryView],
        curves: MouthCurves,
        first_frame: int,
        choices: Sequence[Choice],
        only: range,
    ) -> Iterator[Patch | None]:
        return self._drawing.draw(plate, library, curves, first_frame, choices, only)


def drawn_pairs(
    plate: PlateView,
    library: Sequence[LibraryView],
    source: int,
    step: Callable[[], None],
    most: int = MOST_RUNS,
) -> Iterator[list[DrawnPair]]:
    """What a network can learn from a shot, in runs of frames that follow each other.

    Args:
        plate: the shot.
        library: of the actor.
        source: which of the library is the shot's.
        step: called after each frame.
        most: runs that are drawn at most, from the whole of the shot.
    """
    own = library[source]
    usable = plate.track.usable & (own.sharpness > 0)
    motion = in_head_frame(plate.track.landmarks, plate.track.template)
    curves = mouth_curves(motion.positions)
    for block in _spread(list(_blocks(usable)), most):
        others = [_Without(view, block) if view is own else view for view in library]
        asked = MouthCurves(
            Fraction(24),
            curves[block.start : block.end],
            None if own.visemes is None else own.visemes[block.start : block.end],
        )
        recorder = _Recorder(plate)
        renderer = RetrievalRenderer(OpenCvRaster(), recorder)
        chosen = renderer.choose(plate, others, asked, block.start, (True, True))
        for _ in renderer.draw(plate, others, asked, block.start, chosen, range(len(block))):
            step()
        yield recorder.pairs


class _Recorder:
    """Keeps what was drawn, beside what the plate shows there."""

    def __init__(self, plate: PlateView) -> None:
        self._plate = plate
        self.pairs: list[DrawnPair] = []

    def refined(self, mouth: DrawnMouth) -> Grid:
        box = mouth.window.box
        if box.width == box.height and mouth.strength == 1:
            true = encode_log(self._plate.region(mouth.frame, box))
            self.pairs.append(DrawnPair(mouth.frame, mouth.picture, true, mouth.window))
        return mouth.picture


class _Without:
    """A library from which some frames, and those around them, are not taken."""

    def __init__(self, view: LibraryView, frames: FrameRange) -> None:
        self._view = view
        self.sharpness = view.sharpness.copy()
        self.sharpness[max(0, frames.start - AROUND) : frames.end + AROUND] = 0

    @property
    def track(self) -> FaceTrack:
        return self._view.track

    @property
    def pixel_aspect(self) -> float:
        return self._view.pixel_aspect

    @property
    def shutter(self) -> float:
        return self._view.shutter

    @property
    def looks(self) -> NDArray[np.float32]:
        return self._view.looks

    @property
    def visemes(self) -> NDArray[np.float32] | None:
        return self._view.visemes

    def crop(self, index: int) -> tuple[Image, tuple[int, int]]:
        return self._view.crop(index)


def _blocks(usable: NDArray[np.bool_]) -> Iterator[FrameRange]:
    """Frames that can be learned from, in short runs."""
    for part in FrameRange(0, len(usable)).chunks(BLOCK):
        frames = np.flatnonzero(usable[part.start : part.end]) + part.start
        runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
        yield from (FrameRange(int(run[0]), int(run[-1]) + 1) for run in runs if len(run) > 1)


def _spread(blocks: list[FrameRange], most: int) -> list[FrameRange]:
    if len(blocks) <= most:
        return blocks
    return [blocks[n] for n in np.linspace(0, len(blocks) - 1, most).astype(int)]


@remembered
def _refiner(network: Path) -> Refiner:
    from dubwright.picture.torch_refiner import TorchRefiner

    return TorchRefiner.load(network)
