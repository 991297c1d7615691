"""The real clips: a whole dub into Spanish, and the renderer driven by a clip's own true curves.

    DUBWRIGHT_FOOTAGE=FOLDER python tests/benchmarks/footage.py [--quick] [--json FILE]

`dub.*`: how many frames inside the cues were drawn, and how the drawn mouth follows what was asked.
`oracle.*`: the first half of a clip is given the second half's true curves and compared with it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.signal import savgol_filter

from dubwright.api import dub
from dubwright.dialogue import Subtitle, write_subtitles
from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.face.track import track_face
from dubwright.media.colour import ColourConfig, display_preview
from dubwright.media.movie import probe_movie
from dubwright.media.plate import Plate, PlateSpec, probe_plate
from dubwright.model import CURVE_NAMES, FaceTrack, FrameRange, MouthCurves
from dubwright.picture.engines.retrieval import RetrievalRenderer
from dubwright.picture.library import MouthLibrary, ShotPlate, build_library
from dubwright.quality.picture import measure_pictures
from dubwright.quality.sync import closures, correlation, lag_ms, lip_distance

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _common import Figures, run

SPACE = "Camera Rec.709"
LINES = {
    "od": ["Buenos días, me llamo Jordi Mas.", "Soy de Barcelona."],
    "vr2": ["Esta mañana hemos hablado mucho de los problemas del pueblo."],
    "vr4": ["Bienvenidos al programa, hoy hay buenas noticias.", "Vamos a ver qué ha pasado aquí."],
    "vr5": ["Me parece que mañana vamos a poder empezar la obra."],
    "yongen": ["Hace mucho tiempo que no veo el mar.", "Mañana vuelvo por fin a mi pueblo."],
}
TIMES = {"od": [(1263, 3946), (5245, 6629)]}
ENGLISH = ["Good morning, my name is Jordi Mas.", "I am from Barcelona."]


def measure(quick: bool) -> Figures:
    folder = os.environ.get("DUBWRIGHT_FOOTAGE")
    if not folder:
        sys.exit("DUBWRIGHT_FOOTAGE does not name a folder of real clips: nothing was measured")
    figures: Figures = {}
    for name in ["vr5"] if quick else list(LINES):
        clip = Path(folder) / f"{name}.mp4"
        with tempfile.TemporaryDirectory() as temporary:
            figures |= _dub(name, clip, Path(temporary))
            if name != "yongen":  # its mouth hardly moves: there is nothing to drive it by
                figures |= _oracle(name, clip, Path(temporary))
    return figures


def _dub(name: str, clip: Path, folder: Path) -> Figures:
    info = probe_movie(clip)
    length = int(info.frames * 1000 / info.rate)
    edges = np.linspace(200, length - 300, len(LINES[name]) + 1).astype(int).tolist()
    times = TIMES.get(name) or [(start, end - 250) for start, end in pairwise(edges)]
    lines = [Subtitle(a, b, text) for (a, b), text in zip(times, LINES[name], strict=True)]
    subtitles = {"es": folder / "clip.es.srt"}
    write_subtitles(subtitles["es"], lines, "es")
    if name == "od":
        subtitles["en"] = folder / "clip.en.srt"
        spoken = [Subtitle(a, b, t) for (a, b), t in zip(times, ENGLISH, strict=True)]
        write_subtitles(subtitles["en"], spoken, "en")
    began = time.perf_counter()
    result = dub(
        clip, ["es"], folder / "out", subtitles=subtitles, original="en" if name == "od" else None,
        colour_space=SPACE, store=folder / "store",
    )  # fmt: skip
    (language,) = result.report.languages
    (shot,) = language.shots
    figures = {
        f"dub.{name}.drawn_share_in_cues": shot.drawn_in_cues / shot.in_cues,
        f"dub.{name}.seconds_per_frame": (time.perf_counter() - began) / shot.frames,
    }
    for span in language.spans:
        figures[f"dub.{name}.{span.cue}.aperture_r_as_asked"] = span.aperture_r or 0.0
    return figures


def _oracle(name: str, clip: Path, folder: Path) -> Figures:
    info = probe_movie(clip)
    half = info.frames // 2
    whole = _plate(clip, 0, info.frames, info.rate)
    track = track_face(whole, FaceMeshTracker(), lambda: None)
    curves = mouth_curves(in_head_frame(track.landmarks, track.template).positions)
    wanted = savgol_filter(curves[half : 2 * half], 5, 2, axis=0).astype(np.float32)
    first = FaceTrack(track.landmarks[:half], track.template, track.reasons[:half])
    plate, truth = _plate(clip, 0, half, info.rate), _plate(clip, half, half, info.rate)
    library = folder / "library"
    library.mkdir()
    build_library(plate, first, library, lambda: None)
    view, source = MouthLibrary(library, first, 1.0), ShotPlate(plate, first)
    renderer, asked = RetrievalRenderer(), MouthCurves(info.rate, wanted)
    chosen = renderer.choose(source, [view], asked, 0, (False, False))
    config = ColourConfig()
    pictures: list[list[np.ndarray]] = [[], [], []]
    originals = plate.frames(FrameRange(0, half))
    truths = truth.frames(FrameRange(0, half))
    patches = renderer.draw(source, [view], asked, 0, chosen, range(half))
    for original, true, patch in zip(originals, truths, patches, strict=True):
        edited = original.copy()
        if patch is not None:
            under = edited[patch.box.slices]
            edited[patch.box.slices] = patch.rgb + under * (1 - patch.alpha[..., None])
        for kept, linear in zip(pictures, (original, true, edited), strict=True):
            kept.append(display_preview(linear, "ACEScg", config))
    tracks = [np.stack(list(FaceMeshTracker().follow(kept))) for kept in pictures]
    heads = [in_head_frame(found, track.template).positions for found in tracks]
    seen = [mouth_curves(head) for head in heads]
    looks = measure_pictures(zip(*pictures, strict=True), tracks, [c[:, 0] for c in seen])
    held = closures(seen[2][:, 0], seen[1][:, 0])
    figures = {
        f"oracle.{name}.{curve}_r": correlation(seen[2][:, i], seen[1][:, i])
        for i, curve in enumerate(CURVE_NAMES)
    }
    figures |= {
        f"oracle.{name}.lag_ms": lag_ms(seen[2][:, 0], seen[1][:, 0], float(info.rate)),
        f"oracle.{name}.closure_recall": held.recall or 0.0,
        f"oracle.{name}.lip_distance": lip_distance(heads[2], heads[1]),
        f"oracle.{name}.sharpness": looks.sharpness or 0.0,
        f"oracle.{name}.seam_p95": looks.seam_p95 or 0.0,
        f"oracle.{name}.flicker": looks.flicker or 0.0,
        f"oracle.{name}.interior_over_real": (looks.interior or 0) / (looks.interior_plate or 1),
    }
    return figures


def _plate(clip: Path, first: int, frames: int, rate: Fraction) -> Plate:
    spec = PlateSpec(
        kind="movie", path=str(clip), first=first, frames=frames, rate=rate, colour_space=""
    )
    return Plate(probe_plate(spec, SPACE, ColourConfig()))


if __name__ == "__main__":
    run(__doc__.splitlines()[0], measure)
