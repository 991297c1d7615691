"""The real clips, each dubbed into Spanish.

    DUBWRIGHT_FOOTAGE=FOLDER python tests/benchmarks/footage.py [--quick] [--json FILE]

How many frames inside the cues were drawn, and how the drawn mouth follows what was asked.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from dubwright.api import dub
from dubwright.dialogue import Subtitle, write_subtitles
from dubwright.media.movie import probe_movie

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


if __name__ == "__main__":
    run(__doc__.splitlines()[0], measure)
