"""Lip-sync measured: each half of a clip is driven by what the other half really does.

    DUBWRIGHT_FOOTAGE=FOLDER python tests/benchmarks/lipsync.py [--quick] [--json FILE] [--out DIR]

`CLIP.ab` is the first half driven by the second, `CLIP.ba` the other way round: by its true curves
(`oracle`), by its sound alone (`heard`), or by its sound and words (`spoken`, over the line whose
words are known; `told` where the words of the half that is drawn on are not). The result is tracked
afresh and held against the half that drove it. `unedited` is the plate as it is: what a mouth that
was never redrawn gets. `control` spoils a true mouth in known ways: figures that do not tell these
apart measure nothing. `sample` is the synthetic actor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from dubwright.dialogue import Subtitle, read_subtitles
from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.face.head_frame import in_head_frame, mouth_curves
from dubwright.face.landmarks import LIPS_INNER, OUTER_EYE_LEFT, OUTER_EYE_RIGHT
from dubwright.face.link import linked_faces
from dubwright.face.track import track_faces
from dubwright.media.audio import read_mono
from dubwright.media.colour import ColourConfig, display_preview
from dubwright.media.movie import probe_movie, read_movie_audio
from dubwright.media.plate import Plate, PlateSpec, probe_plate
from dubwright.model import (
    CURVE_NAMES,
    Articulation,
    FaceTrack,
    FrameRange,
    MouthCurves,
    Patch,
    Phone,
)
from dubwright.mouth.acoustic import Hearing, learned_acoustics
from dubwright.mouth.articulation import (
    CLASSES,
    Observation,
    learned,
    learned_by_ear,
    shares,
    timed_phones,
    usual_articulation,
)
from dubwright.mouth.engines.dominance import DominancePredictor
from dubwright.mouth.range import measure_range
from dubwright.picture.engines.retrieval import RetrievalRenderer
from dubwright.picture.library import MouthLibrary, ShotPlate, build_library
from dubwright.picture.refinement import Refiner
from dubwright.quality.picture import measure_pictures
from dubwright.quality.stability import measure_stability
from dubwright.quality.sync import closures, correlation, lag_ms, lip_distance
from dubwright.sample.scene import FIRST_FRAME, sample_scene, write_sample
from dubwright.speech.engines.espeak_dtw import EspeakDtwAligner
from dubwright.speech.engines.pocketsphinx import PocketSphinxRecognizer
from dubwright.speech.features import HOP_RATE, acoustic_features

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _common import Figures

SPACE: Final = "Camera Rec.709"
SAMPLE: Final = "sample"
SAMPLE_HALF_MS: Final = 4600
CLIPS: Final = ("vr2", "vr4", "vr5", "od", SAMPLE)
CONTROLLED: Final = "vr4"
LATE_FRAMES: Final = 2
LINE_MARGIN_S: Final = 0.15
SHEET_COLUMNS, SHEET_SIDE, MOVIE_SIDE = 8, 220, 320

Picture = NDArray[np.uint8]
Said = NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A clip: its plate, its sound (mono), and the lines whose words are known."""

    spec: PlateSpec
    sound: NDArray[np.float32]
    sample_rate: int
    lines: Sequence[Subtitle]


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """Half of a clip.

    Attributes:
        plate: its frames.
        track: the face in them.
        pictures: the frames as they are seen.
        samples: its sound, mono.
        sample_rate: of the sound.
        line: what is said in it, as (first second, last second, words), where that is known.
    """

    plate: Plate
    track: FaceTrack
    pictures: list[Picture]
    samples: NDArray[np.float32]
    sample_rate: int
    line: tuple[float, float, str] | None

    @property
    def rate(self) -> Fraction:
        return self.plate.spec.rate


def measure(clips: Sequence[str], both_ways: bool, controls: bool, out: Path | None) -> Figures:
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in clips:
            first, second = halves(_sample(Path(folder)) if name == SAMPLE else footage(name))
            ways = [("ab", first, second), ("ba", second, first)]
            for way, plate, driver in ways if both_ways else ways[:1]:
                figures |= compared(f"unedited.{name}.{way}", plate, driver, plate.pictures)
                for row, wanted, said in _rows(name, plate, driver):
                    drawn = driven(plate, wanted, said)
                    judged = _line_frames(driver) if row in ("told", "spoken") else slice(None)
                    figures |= compared(f"{row}.{name}.{way}", plate, driver, drawn, judged)
                    if out is not None:
                        write_sheet(out / f"{row}.{name}.{way}.png", plate, driver, drawn)
                        write_side_by_side(out / f"{row}.{name}.{way}.mp4", plate, driver, drawn)
            if name == CONTROLLED and controls:
                for control, spoil in CONTROLS.items():
                    spoiled = list(spoil(second))
                    figures |= compared(f"control.{control}", second, second, spoiled)
    return figures


def footage(name: str) -> Clip:
    path = Path(os.environ["DUBWRIGHT_FOOTAGE"]) / f"{name}.mp4"
    info = probe_movie(path)
    spec = PlateSpec(
        kind="movie", path=str(path), first=0, frames=info.frames, rate=info.rate, colour_space=""
    )
    sound, sample_rate = read_movie_audio(path)
    words = path.with_suffix(".en.srt")
    lines = read_subtitles(words) if words.exists() else []
    return Clip(probe_plate(spec, SPACE, ColourConfig()), sound.mean(axis=1), sample_rate, lines)


def _sample(folder: Path) -> Clip:
    """The synthetic actor, who says one of the sample's lines in each half."""
    usual = sample_scene()
    first, second = usual.shots[0].lines
    lines = (first, replace(second, start_ms=first.start_ms + SAMPLE_HALF_MS))
    frames = int(2 * SAMPLE_HALF_MS * usual.rate / 1000)
    scene = replace(usual, shots=(replace(usual.shots[0], frames=frames, lines=lines),))
    write_sample(folder, scene)
    name = scene.shots[0].name
    spec = PlateSpec(
        kind="sequence", path=str(folder / "plates" / name / f"{name}.{{frame}}.exr"),
        first=FIRST_FRAME, padding=4, frames=frames, rate=scene.rate,
    )  # fmt: skip
    sound, sample_rate = read_mono(folder / "audio" / "dialogue.en.wav")
    said = read_subtitles(folder / "subtitles" / "timeline.en.srt")
    return Clip(probe_plate(spec, None, ColourConfig()), sound, sample_rate, said)


def halves(clip: Clip) -> tuple[Half, Half]:
    half = clip.spec.frames // 2
    config, rate = ColourConfig(), clip.spec.rate
    whole = Plate(clip.spec)
    track = track_faces(whole, FaceMeshTracker(), lambda: None)[0].track
    pictures = [
        display_preview(frame, "ACEScg", config) for frame in whole.frames(FrameRange(0, 2 * half))
    ]

    def part(start: int) -> Half:
        frames = slice(start, start + half)
        own = whole.spec.model_copy(update={"first": whole.spec.first + start, "frames": half})
        seen = FaceTrack(track.landmarks[frames], track.template, track.reasons[frames])
        begins, ends = (float(at / rate) for at in (start, start + half))
        heard = clip.sound[int(begins * clip.sample_rate) : int(ends * clip.sample_rate)]
        said = [
            (line.start_ms / 1000 - begins, line.end_ms / 1000 - begins, line.text)
            for line in clip.lines
            if begins <= line.start_ms / 1000 and line.end_ms / 1000 <= ends
        ]
        line = said[0] if said else None
        return Half(Plate(own), seen, pictures[frames], heard, clip.sample_rate, line)

    return part(0), part(half)


def _rows(name: str, plate: Half, driver: Half) -> Iterator[tuple[str, MouthCurves, Said]]:
    """The curves that a half is driven by, and what is known to be said on it."""
    yield "oracle", true_curves(plate, driver), None
    own = mouth_curves(in_head_frame(plate.track.landmarks, plate.track.template).positions)
    mouth = measure_range([plate.track])
    assert mouth is not None, f"no face was found in {name}"
    usual = usual_articulation(mouth)
    yield "heard", _heard(plate, driver, own, usual), None
    if driver.line:
        yield "told", _told(plate, driver, own, usual), None
    if plate.line and driver.line:
        yield "spoken", *_spoken(plate, driver, own, usual)


def true_curves(plate: Half, driver: Half) -> MouthCurves:
    """What the driver's mouth does, on the plate's face."""
    true = mouth_curves(in_head_frame(driver.track.landmarks, plate.track.template).positions)
    return MouthCurves(plate.rate, savgol_filter(true, 5, 2, axis=0).astype(np.float32))


def _times(half: Half) -> NDArray[np.float64]:
    return (np.arange(len(half.track)) + 0.5) / float(half.rate)


def _heard(plate: Half, driver: Half, own: NDArray[np.float32], usual: Articulation) -> MouthCurves:
    """Guessed from the driver's sound, as the plate's own went with its mouth."""
    recognizer = PocketSphinxRecognizer()
    hearings = []
    for half in (plate, driver):
        phones = recognizer.recognize(half.samples, half.sample_rate)
        timed = [timed_phones(heard, half.sample_rate) for heard in phones]
        features = acoustic_features(half.samples, half.sample_rate)
        hearings.append(Hearing(features, HOP_RATE, timed))
    acoustics = learned_acoustics(usual, [(_times(plate), hearings[0], own)])
    return MouthCurves(plate.rate, acoustics.predict(hearings[1], _times(driver)))


def _told(plate: Half, driver: Half, own: NDArray[np.float32], usual: Articulation) -> MouthCurves:
    """From the driver's phones; how the actor articulates is known by the plate's sound alone."""
    phones = PocketSphinxRecognizer().recognize(plate.samples, plate.sample_rate)
    timed = [timed_phones(heard, plate.sample_rate) for heard in phones]
    return _predicted(driver, learned_by_ear(usual, [(_times(plate), timed, own)]))


def _spoken(
    plate: Half, driver: Half, own: NDArray[np.float32], usual: Articulation
) -> tuple[MouthCurves, Said]:
    """From the driver's phones, as the plate's line shows how the actor articulates."""
    start, phones = _aligned(plate)
    assert plate.line is not None
    times = _times(plate)
    said = (times > start) & (times < plate.line[1] + LINE_MARGIN_S)
    rate = plate.sample_rate
    line = Observation(times[said] - start, timed_phones(phones, rate), own[said])
    articulation = learned(usual, [line])
    visemes = np.zeros((len(times), len(CLASSES)), np.float32)
    visemes[said] = shares(line.times, line.phones, articulation.timing)
    return _predicted(driver, articulation), visemes


def _predicted(driver: Half, articulation: Articulation) -> MouthCurves:
    start, phones = _aligned(driver)
    return DominancePredictor().predict(
        phones,
        driver.sample_rate,
        Fraction(start).limit_denominator(driver.sample_rate),
        len(driver.track),
        driver.rate,
        articulation,
    )


def _aligned(half: Half) -> tuple[float, Sequence[Phone]]:
    """Where the known line of a half is heard from, in seconds, and its phones from there."""
    assert half.line is not None
    start, end, words = half.line
    start, end = start - LINE_MARGIN_S, end + LINE_MARGIN_S
    heard = half.samples[int(start * half.sample_rate) : int(end * half.sample_rate)]
    return start, EspeakDtwAligner().align(heard, half.sample_rate, words, "en")


def driven(
    plate: Half, wanted: MouthCurves, said: Said, refiner: Refiner | None = None
) -> list[Picture]:
    """The frames of a half with the mouth that the curves ask for."""
    frames = FrameRange(0, len(plate.track))
    with tempfile.TemporaryDirectory() as folder:
        build_library(plate.plate, plate.track, Path(folder), lambda: None)
        library = MouthLibrary(Path(folder), plate.track, 1.0, said)
        source = ShotPlate(plate.plate, plate.track, library)
        renderer = RetrievalRenderer(refiner=refiner)
        chosen = renderer.choose(source, [library], wanted, 0, (False, False))
        patches = renderer.draw(source, [library], wanted, 0, chosen, range(len(frames)))
        return list(_composited(plate, frames, patches))


def _composited(
    plate: Half, frames: FrameRange, patches: Iterable[Patch | None]
) -> Iterator[Picture]:
    config = ColourConfig()
    originals = plate.plate.frames(frames)
    for original, patch in zip(originals, patches, strict=True):
        edited = original.copy()
        if patch is not None:
            under = edited[patch.box.slices]
            edited[patch.box.slices] = patch.rgb + under * (1 - patch.alpha[..., None])
        yield display_preview(edited, "ACEScg", config)


def _line_frames(half: Half) -> slice:
    """The frames of a half's known line, with what the mouth does before and after it."""
    assert half.line is not None
    start, end, _ = half.line
    rate = float(half.rate)
    return slice(max(0, int((start - 0.5) * rate)), int((end + 0.3) * rate))


def compared(
    name: str,
    plate: Half,
    truth: Half,
    output: Sequence[Picture],
    judged: slice = slice(None),
) -> Figures:
    """An output of a plate against the half that drove it; all three are tracked afresh."""
    pictures = (plate.pictures[judged], truth.pictures[judged], output[judged])
    tracks = [
        linked_faces(list(FaceMeshTracker().follow(iter(seen))), float(plate.rate))[0]
        for seen in pictures
    ]
    heads = [in_head_frame(found, plate.track.template).positions for found in tracks]
    curves = [mouth_curves(head) for head in heads]
    _, true, found = curves
    looks = measure_pictures(zip(*pictures, strict=True), tracks, [c[:, 0] for c in curves])
    real = measure_stability(pictures[1], tracks[1], true[:, 0])
    own = measure_stability(pictures[2], tracks[2], found[:, 0])
    held = closures(found[:, 0], true[:, 0])
    rates = [correlation(found[:, n], true[:, n]) for n in range(len(CURVE_NAMES))]
    figures = {f"{curve}_r": r for curve, r in zip(CURVE_NAMES, rates, strict=True)}
    figures |= {
        "mean4_r": float(np.mean(rates)),
        "lag_ms": lag_ms(found[:, 0], true[:, 0], float(plate.rate)),
        "closure_frames": float(held.frames),
        "lip_distance": lip_distance(heads[2], heads[1]),
        "lip_distance_over_unedited": lip_distance(heads[2], heads[1])
        / max(lip_distance(heads[0], heads[1]), 1e-9),
    }
    known = {
        "closure_recall": held.recall,
        "closure_precision": held.precision,
        "sharpness": looks.sharpness,
        "seam_p95": looks.seam_p95,
        "flicker": looks.flicker,
        "flicker_p99": looks.flicker_p99,
        "interior_over_real": (looks.interior or 0) / (looks.interior_plate or 1),
        "teeth_lost": own.teeth_lost,
        "teeth_lost_real": real.teeth_lost,
    }
    for key, (value, beside) in {
        "pops_over_real": (own.pops, real.pops),
        "teeth_slide_over_real": (own.teeth_slide, real.teeth_slide),
    }.items():
        known[key] = value / beside if value is not None and beside else None
    figures |= {key: value for key, value in known.items() if value is not None}
    return {f"{name}.{key}": float(value) for key, value in figures.items()}


# --- Controls: a true mouth, spoiled in known ways ---------------------------------------------


def _true(half: Half) -> Iterator[Picture]:
    yield from half.pictures


def _late(half: Half) -> Iterator[Picture]:
    yield from half.pictures[:1] * LATE_FRAMES
    yield from half.pictures[:-LATE_FRAMES]


def _blurred(half: Half) -> Iterator[Picture]:
    for picture in half.pictures:
        yield cv2.GaussianBlur(picture, (0, 0), 2).astype(np.uint8)


def _shaken(half: Half) -> Iterator[Picture]:
    height, width = half.pictures[0].shape[:2]
    for number, picture in enumerate(half.pictures):
        shift = np.array([[1, 0, 0], [0, 1, 1 - 2 * (number % 2)]], np.float32)
        yield cv2.warpAffine(picture, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _popping(half: Half) -> Iterator[Picture]:
    """Every eighth frame is that of a quarter of a second later, as a bad jump is."""
    later = round(half.rate / 4)
    for number, picture in enumerate(half.pictures):
        jumps = number % 8 == 0 and number + later < len(half.pictures)
        yield half.pictures[number + later] if jumps else picture


def _loose(half: Half) -> Iterator[Picture]:
    """What is seen between the lips goes up and down by 0.02 IOD."""
    for number, picture in enumerate(half.pictures):
        points = half.track.landmarks[number, :, :2]
        apart = np.linalg.norm(points[OUTER_EYE_LEFT] - points[OUTER_EYE_RIGHT])
        down = np.array([[1, 0, 0], [0, 1, (1 - 2 * (number % 2)) * 0.02 * apart]], np.float32)
        height, width = picture.shape[:2]
        moved = cv2.warpAffine(picture, down, (width, height), borderMode=cv2.BORDER_REPLICATE)
        inside = np.zeros((height, width), np.uint8)
        cv2.fillPoly(inside, [np.round(points[list(LIPS_INNER)]).astype(np.int32)], 255)
        yield np.where(inside[..., None] > 0, moved, picture).astype(np.uint8)


CONTROLS: Final[dict[str, Callable[[Half], Iterator[Picture]]]] = {
    "true": _true,
    "late": _late,
    "blurred": _blurred,
    "shaken": _shaken,
    "popping": _popping,
    "loose": _loose,
}


# --- To look at ------------------------------------------------------------------------------


def write_sheet(path: Path, plate: Half, driver: Half, drawn: Sequence[Picture]) -> None:
    """Eight moments: the plate, what it was driven by, and the result, around the mouth."""
    moments = np.linspace(0, len(drawn) - 1, SHEET_COLUMNS).astype(int)
    rows = [
        np.hstack([_face(half.pictures[n] if own is None else own[n], half, n) for n in moments])
        for half, own in ((plate, None), (driver, None), (plate, drawn))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def write_side_by_side(path: Path, plate: Half, driver: Half, drawn: Sequence[Picture]) -> None:
    """The same three faces as a short movie, with the driver's sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as movie:
        picture = movie.add_stream("libx264", rate=plate.rate, options={"crf": "16"})
        picture.width, picture.height, picture.pix_fmt = 3 * MOVIE_SIDE, MOVIE_SIDE, "yuv420p"
        sound = movie.add_stream("aac", rate=driver.sample_rate, layout="mono")
        for n, result in enumerate(drawn):
            seen = [(plate, plate.pictures[n]), (driver, driver.pictures[n]), (plate, result)]
            row = np.hstack([_face(shown, half, n, MOVIE_SIDE) for half, shown in seen])
            movie.mux(picture.encode(av.VideoFrame.from_ndarray(row, format="rgb24")))
        movie.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(driver.samples[None], format="fltp", layout="mono")
        frame.sample_rate = driver.sample_rate
        movie.mux(sound.encode(frame))
        movie.mux(sound.encode(None))


def _face(picture: Picture, half: Half, frame: int, size: int = SHEET_SIDE) -> Picture:
    points = half.track.landmarks[frame, :, :2]
    middle, side = points.mean(axis=0), np.ptp(points, axis=0).max() * 1.1
    scale = size / side
    start = size / 2 - middle * scale
    square = np.array([[scale, 0, start[0]], [0, scale, start[1]]], np.float32)
    seen = cv2.warpAffine(picture, square, (size, size), flags=cv2.INTER_AREA)
    return seen.astype(np.uint8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one half of one clip")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--out", type=Path, help="write contact sheets and movies here")
    options = parser.parse_args()
    quick = options.quick
    asked = ("vr5",) if quick else CLIPS
    if not os.environ.get("DUBWRIGHT_FOOTAGE"):
        print(
            "DUBWRIGHT_FOOTAGE does not name a folder of real clips: the sample alone is measured"
        )
        asked = (SAMPLE,)
    found = measure(asked, not quick, not quick, options.out)
    for key, value in found.items():
        print(f"{key:44} {value:10.4f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
