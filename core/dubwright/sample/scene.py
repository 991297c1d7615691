"""Writes the sample: two shots of the synthetic actor, its dialogue, an M&E stem and subtitles.

Shot one holds two lines. In shot two the actor turns away while speaking. Plates are ACEScg EXR
with timecode; the timeline starts at 01:00:00:00.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import OpenEXR
import opentimelineio as otio
from numpy.typing import NDArray

from dubwright.dialogue import Cast, Speaker, Subtitle, write_subtitles
from dubwright.engines import Speech
from dubwright.errors import DubwrightError
from dubwright.media.audio import resampled, write_wav
from dubwright.media.colour import LINEAR_REC709, SCENE_LINEAR, ColourConfig
from dubwright.media.exr import write_rgb
from dubwright.model import Likeness
from dubwright.sample.actor import Actor, Pose
from dubwright.sample.articulation import Articulator
from dubwright.speech.engines.espeak import EspeakSynthesizer

__all__ = ["SampleLine", "SampleShot", "Scene", "render_frame", "sample_scene", "write_sample"]

SOUND_RATE: Final = 48000
START_HOUR: Final = 1
FIRST_FRAME: Final = 1001
SPEAKER: Final = "Ada"


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A line in its original language and in translation, and when it begins in its shot."""

    start_ms: int
    text: dict[str, str]


@dataclass(frozen=True, slots=True)
class SampleShot:
    """Frames of the actor speaking. `turn` is how far the head turns away at the end, degrees."""

    name: str
    frames: int
    lines: tuple[SampleLine, ...]
    turn: float = 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that decides the sample's pixels and samples."""

    width: int
    height: int
    rate: Fraction
    seed: int
    shots: tuple[SampleShot, ...]


def sample_scene(
    width: int = 768, height: int = 432, rate: Fraction = Fraction(24), seed: int = 1
) -> Scene:
    """The scene that `dubwright sample` writes, at any size and rate."""

    def frames(seconds: float) -> int:
        return round(seconds * float(rate))

    first = SampleShot(
        "lighthouse_010",
        frames(7.5),
        (
            SampleLine(
                400,
                {
                    "en": "We bought five new boats, and my mother wants them back by Monday.",
                    "es": "Compramos cinco barcos, y mi madre los quiere ver el lunes.",
                    "fr": "On a acheté cinq bateaux, et ma mère veut les revoir lundi.",
                },
            ),
            SampleLine(
                4400,
                {
                    "en": "Nobody told me that the harbour would freeze.",
                    "es": "Nadie me avisó de que el puerto se iba a helar.",
                    "fr": "Personne ne m'a prévenue que le port allait geler.",
                },
            ),
        ),
    )
    second = SampleShot(
        "lighthouse_020",
        frames(4.0),
        (
            SampleLine(
                300,
                {
                    "en": "Meet me at the old lighthouse before the storm.",
                    "es": "Búscame en el viejo faro antes de la tormenta.",
                    "fr": "Retrouve-moi au vieux phare avant la tempête.",
                },
            ),
        ),
        turn=62.0,
    )
    return Scene(width, height, rate, seed, (first, second))


def write_sample(
    folder: Path, scene: Scene | None = None, step: Callable[[int, int], None] | None = None
) -> Path:
    """Write the sample into a folder.

    Args:
        folder: made if it is not there; must not hold a sample already.
        scene: what to write.
        step: called with frames done and frames in all.

    Returns:
        The timeline.

    Raises:
        DubwrightError: the folder holds a sample, or cannot be written.
    """
    scene = scene or sample_scene()
    timeline_path = folder / "timeline.otio"
    if timeline_path.exists():
        raise DubwrightError(
            "A sample is there already",
            where=str(timeline_path),
            why="samples are never overwritten",
            repair="choose another folder, or remove this one",
        )
    try:
        for shot in scene.shots:
            (folder / "plates" / shot.name).mkdir(parents=True, exist_ok=True)
        (folder / "audio").mkdir(exist_ok=True)
        (folder / "subtitles").mkdir(exist_ok=True)
    except OSError as error:
        raise DubwrightError(
            "The sample cannot be written",
            where=str(folder),
            why=error.strerror or str(error),
            repair="choose a folder that you may write to",
        ) from error
    voice = EspeakSynthesizer()
    spoken = [
        [(line, voice.speak(line.text["en"], "en", 1.0)) for line in shot.lines]
        for shot in scene.shots
    ]
    _write_plates(folder, scene, spoken, step)
    _write_sound(folder, scene, spoken)
    _write_subtitles(folder, scene, spoken)
    Cast(speakers=(Speaker(name=SPEAKER, likeness=Likeness.FICTIONAL),)).write(folder / "cast.json")
    otio.adapters.write_to_file(_timeline(scene), str(timeline_path))
    return timeline_path


Spoken = Sequence[tuple[SampleLine, Speech]]


def render_frame(
    actor: Actor, scene: Scene, shot: SampleShot, frame: int, weights: dict[str, float]
) -> NDArray[np.float32]:
    """One frame of a shot with these mouth weights, scene-linear Rec.709.

    Head motion, blinks and grain depend on the frame alone, so that two renders with different
    weights differ in the mouth only: one is the other's truth.
    """
    time = frame / float(scene.rate)
    number = scene.shots.index(shot) * 100_000 + frame
    blink = max(0.0, 1 - abs((time % 2.9) - 1.4) / 0.12)
    brows = 0.25 * max(0.0, np.sin(2 * np.pi * 0.23 * time))
    expression = {"eyeBlinkLeft": blink, "eyeBlinkRight": blink, "browInnerUp": brows}
    progress = frame / max(1, shot.frames - 1)
    away = shot.turn * np.clip((progress - 0.45) / 0.25, 0, 1)
    pose = Pose(
        yaw=5 * np.sin(2 * np.pi * 0.35 * time) + away,
        pitch=2.5 * np.sin(2 * np.pi * 0.27 * time + 1),
        roll=1.5 * np.sin(2 * np.pi * 0.21 * time),
    )
    return actor.frame(number, weights | expression, pose)


def shot_weights(scene: Scene, shot: SampleShot, spoken: Spoken) -> list[dict[str, float]]:
    """The actor's mouth for every frame of a shot."""
    articulator = Articulator(scene.seed)
    frames: list[dict[str, float]] = [{} for _ in range(shot.frames)]
    for line, speech in spoken:
        weights = articulator.weights(
            speech.phones,
            speech.sample_rate,
            Fraction(line.start_ms, 1000),
            shot.frames,
            scene.rate,
        )
        for frame, these in zip(frames, weights, strict=True):
            for control, weight in these.items():
                frame[control] = frame.get(control, 0.0) + weight
    return frames


def _write_plates(
    folder: Path,
    scene: Scene,
    spoken: Sequence[Spoken],
    step: Callable[[int, int], None] | None,
) -> None:
    config = ColourConfig("studio-config-v2.1.0_aces-v1.3_ocio-v2.3")
    actor = Actor(scene.width, scene.height, scene.seed)
    jobs = []
    record = 0
    for shot, lines in zip(scene.shots, spoken, strict=True):
        weights = shot_weights(scene, shot, lines)
        jobs += [(shot, frame, weights[frame], record + frame) for frame in range(shot.frames)]
        record += shot.frames

    def render(job: tuple[SampleShot, int, dict[str, float], int]) -> None:
        shot, frame, weights, record_frame = job
        picture = render_frame(actor, scene, shot, frame, weights)
        path = folder / "plates" / shot.name / f"{shot.name}.{FIRST_FRAME + frame}.exr"
        linear = config.converted(picture, LINEAR_REC709, SCENE_LINEAR)
        write_rgb(path, linear, _attributes(scene, record_frame))

    with ThreadPoolExecutor() as pool:
        for done, _ in enumerate(pool.map(render, jobs), start=1):
            if step:
                step(done, len(jobs))


def _attributes(scene: Scene, record_frame: int) -> dict[str, Any]:
    whole = round(scene.rate)
    seconds, frame = divmod(record_frame, whole)
    code = OpenEXR.TimeCode(
        START_HOUR + seconds // 3600, seconds // 60 % 60, seconds % 60, frame, *[0] * 14
    )
    return {
        "colorInteropID": "lin_ap1_scene",
        "framesPerSecond": scene.rate,
        "timeCode": code,
        "comments": "Dubwright's synthetic actor: no real person.",
    }


def _write_sound(folder: Path, scene: Scene, spoken: Sequence[Spoken]) -> None:
    frames = sum(shot.frames for shot in scene.shots)
    length = int(Fraction(frames * SOUND_RATE) / scene.rate)
    dialogue = np.zeros(length, np.float32)
    record = 0
    for shot, lines in zip(scene.shots, spoken, strict=True):
        for line, speech in lines:
            start = int(Fraction(record * SOUND_RATE) / scene.rate)
            start += line.start_ms * SOUND_RATE // 1000
            samples = resampled(speech.samples, speech.sample_rate, SOUND_RATE)
            dialogue[start : start + len(samples)] += samples[: length - start]
        record += shot.frames
    write_wav(folder / "audio" / "dialogue.en.wav", dialogue[:, None], SOUND_RATE)
    write_wav(folder / "audio" / "m_and_e.wav", _sea_wind(length, scene.seed), SOUND_RATE)


def _sea_wind(length: int, seed: int) -> NDArray[np.float32]:
    """Two channels of surf: low-passed noise that swells."""
    rng = np.random.default_rng((seed, 11))
    spectrum = np.fft.rfft(rng.standard_normal((2, length)), axis=1)
    hertz = np.fft.rfftfreq(length, 1 / SOUND_RATE)
    spectrum *= 1 / (1 + (hertz / 300) ** 1.5)
    noise = np.fft.irfft(spectrum, length, axis=1)
    noise *= 0.03 / noise.std()
    swell = 0.7 + 0.3 * np.sin(2 * np.pi * 0.13 * np.arange(length) / SOUND_RATE)
    return (noise * swell).T.astype(np.float32)


def _write_subtitles(folder: Path, scene: Scene, spoken: Sequence[Spoken]) -> None:
    languages = scene.shots[0].lines[0].text
    for language in languages:
        subtitles = []
        record_ms = 0
        for shot, lines in zip(scene.shots, spoken, strict=True):
            for line, speech in lines:
                start = record_ms + line.start_ms
                end = start + len(speech.samples) * 1000 // speech.sample_rate
                subtitles.append(Subtitle(start, end, line.text[language]))
            record_ms += int(Fraction(shot.frames * 1000) / scene.rate)
        write_subtitles(folder / "subtitles" / f"timeline.{language}.srt", subtitles, language)


def _timeline(scene: Scene) -> otio.schema.Timeline:
    rate = float(scene.rate)

    def time(frames: int) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(frames, rate)

    timeline = otio.schema.Timeline(
        "lighthouse", global_start_time=time(START_HOUR * 3600 * round(scene.rate))
    )
    picture = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for shot in scene.shots:
        available = otio.opentime.TimeRange(time(FIRST_FRAME), time(shot.frames))
        reference = otio.schema.ImageSequenceReference(
            target_url_base=f"plates/{shot.name}/",
            name_prefix=f"{shot.name}.",
            name_suffix=".exr",
            start_frame=FIRST_FRAME,
            rate=rate,
            frame_zero_padding=4,
            available_range=available,
        )
        picture.append(otio.schema.Clip(shot.name, reference, available))
    timeline.tracks.append(picture)
    frames = sum(shot.frames for shot in scene.shots)
    for name, file in (("DX en", "dialogue.en.wav"), ("M&E", "m_and_e.wav")):
        available = otio.opentime.TimeRange(time(0), time(frames))
        reference = otio.schema.ExternalReference(f"audio/{file}", available)
        clip = otio.schema.Clip(Path(file).stem, reference, available)
        timeline.tracks.append(otio.schema.Track(name, [clip], kind=otio.schema.TrackKind.Audio))
    return timeline
