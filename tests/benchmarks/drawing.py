"""What drawing a mouth costs, by the size of the face.

    DUBWRIGHT_FOOTAGE=FOLDER python tests/benchmarks/drawing.py [--quick] [--json FILE]
        [--beside FOLDER]

CPU-seconds for each frame, of frames that are in memory, at 128, 385 and 770 pixels between the
outer corners of the eyes. `--beside` names a folder with another renderer (lipsync_render.py and
mouth.py, with Clip, Renderer, viterbi and mixes); it draws the same mouths in the same run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.face.head_frame import head_template, in_head_frame, mouth_curves
from dubwright.face.link import linked_faces
from dubwright.media.colour import encode_log
from dubwright.model import Box, FaceTrack, MouthCurves
from dubwright.picture.engines.retrieval import RetrievalRenderer
from dubwright.picture.library import interocular_pixels
from dubwright.picture.raster import OpenCvRaster

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _common import Figures

CLIP: Final = "vr4"
FRAMES: Final = 24
SIZES: Final = (128, 385, 770)
WARM: Final = 2

Pictures = list[NDArray[np.uint8]]


class InMemory:
    """Frames and the face in them, as plate and as library."""

    pixel_aspect = 1.0
    shutter = 0.0
    follows = None

    def __init__(self, pictures: Pictures, track: FaceTrack) -> None:
        self._pictures = pictures
        self._mouths: dict[int, NDArray[np.float32]] = {}
        self.track = track
        self.size = pictures[0].shape[1], pictures[0].shape[0]
        self.sharpness = np.ones(len(pictures), np.float32)
        self.looks = np.zeros((len(pictures), 1), np.float32)
        self.visemes = None

    def region(self, index: int, box: Box) -> NDArray[np.float32]:
        return self._pictures[index][box.slices].astype(np.float32) / 255

    def generated(self, index: int) -> None: ...

    def front(self, index: int) -> None: ...

    def crop(self, index: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
        points = self.track.landmarks[index, :, :2]
        low, high = points.min(axis=0), points.max(axis=0)
        margin = (high - low) * 0.1
        (x0, y0), (x1, y1) = (low - margin).astype(int), (high + margin).astype(int)
        box = Box(int(x0), int(y0), int(x1), int(y1)).clipped(*self.size)
        if index not in self._mouths:
            self._mouths[index] = encode_log(self.region(index, box))
        return self._mouths[index], (box.x0, box.y0)


def measure(sizes: tuple[int, ...], frames: int, beside: Path | None) -> Figures:
    folder = os.environ.get("DUBWRIGHT_FOOTAGE")
    if not folder:
        sys.exit("DUBWRIGHT_FOOTAGE does not name a folder of real clips: nothing was measured")
    cv2.setNumThreads(1)
    pictures = list(_decoded(Path(folder) / f"{CLIP}.mp4", frames))
    landmarks = linked_faces(list(FaceMeshTracker().follow(pictures)), 24.0)[0]
    own = float(np.median(interocular_pixels(FaceTrack(landmarks, np.zeros((0, 3)), ()))))
    figures: Figures = {}
    for size in sizes:
        scale = size / own
        shown = [cv2.resize(p, None, fx=scale, fy=scale).astype(np.uint8) for p in pictures]
        placed = (landmarks * scale).astype(np.float32)
        figures[f"iod{size}.cpu_s_a_frame"] = _ours(shown, placed)
        if beside is not None:
            figures[f"iod{size}.beside_cpu_s_a_frame"] = _beside(beside, shown, placed)
            figures[f"iod{size}.times_as_fast"] = (
                figures[f"iod{size}.beside_cpu_s_a_frame"] / figures[f"iod{size}.cpu_s_a_frame"]
            )
    return figures


def _decoded(clip: Path, frames: int) -> Iterator[NDArray[np.uint8]]:
    with av.open(str(clip)) as movie:
        for number, frame in enumerate(movie.decode(video=0)):
            if number == frames:
                return
            yield frame.to_ndarray(format="rgb24")


def _driving(landmarks: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """This face's template, and curves that its own mouths run through backwards."""
    template = head_template(landmarks)
    return template, mouth_curves(in_head_frame(landmarks, template).positions)[::-1].copy()


def _ours(pictures: Pictures, landmarks: NDArray[np.float32]) -> float:
    template, curves = _driving(landmarks)
    filmed = InMemory(pictures, FaceTrack(landmarks, template, ("",) * len(pictures)))
    wanted = MouthCurves(Fraction(30), curves)
    renderer = RetrievalRenderer(OpenCvRaster())
    chosen = renderer.choose(filmed, [filmed], wanted, 0, (True, True))
    drawn = renderer.draw(filmed, [filmed], wanted, 0, chosen, range(len(pictures)))
    for _ in range(WARM):
        next(drawn)
    for index in range(len(pictures)):
        filmed.crop(index)
    began = time.process_time()
    count = sum(1 for _ in drawn)
    return (time.process_time() - began) / count


def _beside(folder: Path, pictures: Pictures, landmarks: NDArray[np.float32]) -> float:
    sys.path.insert(0, str(folder))
    other: Any = importlib.import_module("lipsync_render")
    cv2.setNumThreads(1)
    _, curves = _driving(landmarks)
    with tempfile.TemporaryDirectory() as made:
        movie, track = Path(made) / "clip.mkv", Path(made) / "clip.npz"
        np.savez(track, lm=landmarks, fps=30.0)
        height, width = (side // 2 * 2 for side in pictures[0].shape[:2])
        with av.open(str(movie), "w") as out:
            stream = out.add_stream("ffv1", rate=30)
            stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
            for picture in pictures:
                even = np.ascontiguousarray(picture[:height, :width])
                out.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
            out.mux(stream.encode(None))
        plate = other.Clip(str(movie), str(track), keep_full=True)
    draws = other.Renderer(plate, plate)
    mixes = other.mixes(other.viterbi(plate, curves, plate.pose), plate.T)
    spent = 0.0
    for index in range(len(pictures)):
        began = time.process_time()
        draws.frame(index, "hybrid", curves[index], None, mixes[index], plate.full[index])
        if index >= WARM:
            spent += time.process_time() - began
    return spent / (len(pictures) - WARM)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one size, a few frames")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--beside", type=Path, help="folder of another renderer")
    options = parser.parse_args()
    found = measure(
        SIZES[:1] if options.quick else SIZES, 20 if options.quick else FRAMES, options.beside
    )
    for key, value in found.items():
        print(f"{key:32} {value:10.4f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
