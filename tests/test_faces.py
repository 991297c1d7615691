"""Several faces of a shot: held apart, covered, speaking, and told from one another."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import cv2
import numpy as np
import opentimelineio as otio
import pytest
from conftest import Sample, run_cli
from consents import authority_on
from numpy.typing import NDArray
from scipy.io import wavfile
from tiny_face_landmarker import face_landmarker_task

from dubwright.api import EngineChoice, dub
from dubwright.dialogue import Cast, CueSheet
from dubwright.engines import EngineKind, engine
from dubwright.errors import DubwrightError
from dubwright.face.appearance import alike
from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.face.link import linked_faces, nearest_face
from dubwright.face.people import SAME_PERSON, people_among, who_is_who
from dubwright.face.speaking import HeardLine, named_face, speaking_face
from dubwright.face.track import SeenFace, track_faces
from dubwright.media.colour import ColourConfig
from dubwright.media.exr import read_rgb, write_rgb
from dubwright.media.movie import probe_movie
from dubwright.media.plate import Plate, PlateSpec, probe_plate
from dubwright.model import Cue, FrameRange, Likeness
from dubwright.operations.capture import plan_capture
from dubwright.operations.reconform import plan_reconform
from dubwright.operations.request import CaptureRequest, ReconformRequest
from dubwright.operations.results import load_track
from dubwright.operations.run import run
from dubwright.sample.actor import Actor, Pose
from dubwright.store import Store

RATE = 24
FRAMES = 72
HALF_WIDTH, HEIGHT = 320, 288
LEFT_SPEAKS, RIGHT_SPEAKS = FrameRange(4, 34), FrameRange(38, 68)
COVERED = FrameRange(44, 54)
SOUND_RATE = 48_000


@dataclass(frozen=True)
class Pair:
    """Two actors side by side: the left speaks, then the right, while a bar passes the left."""

    folder: Path
    faces: list[SeenFace]

    @property
    def left(self) -> SeenFace:
        return min(self.faces, key=lambda face: np.nanmean(face.track.landmarks[..., 0]))

    @property
    def right(self) -> SeenFace:
        return max(self.faces, key=lambda face: np.nanmean(face.track.landmarks[..., 0]))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    (folder / "plates").mkdir()
    left, right = Actor(HALF_WIDTH, HEIGHT, 1), Actor(HALF_WIDTH, HEIGHT, 2)
    for frame in range(FRAMES):
        nod = Pose(pitch=2 * np.sin(frame / 9))
        pictures = [
            actor.frame(frame, {"jawOpen": 0.8 * _voice(frame + 0.5, speaks)}, nod)
            for actor, speaks in ((left, LEFT_SPEAKS), (right, RIGHT_SPEAKS))
        ]
        if frame in COVERED:
            # As a microphone is: dark, in front of the lips and a part of the chin.
            place = (HALF_WIDTH // 2 + 6, int(HEIGHT * 0.72))
            cv2.ellipse(pictures[0], place, (26, 40), 12, 0, 360, (0.02, 0.02, 0.02), -1)
        write_rgb(folder / "plates" / f"two.{frame:04d}.exr", np.hstack(pictures), _ATTRIBUTES)
    times = np.arange(FRAMES * SOUND_RATE // RATE) / SOUND_RATE * RATE
    loud = _voice(times, LEFT_SPEAKS) + _voice(times, RIGHT_SPEAKS)
    noise = np.random.default_rng(1).normal(0, 0.2, len(times))
    wavfile.write(folder / "dialogue.wav", SOUND_RATE, (loud * noise * 32767).astype(np.int16))
    return Pair(folder, track_faces(_plate(folder / "plates"), FaceMeshTracker(), lambda: None))


_ATTRIBUTES: dict[str, Any] = {
    "colorInteropID": "lin_rec709_scene",
    "framesPerSecond": Fraction(RATE),
}


def _voice(frames: Any, speaks: FrameRange) -> Any:
    """How loud a voice is, and how far the jaw is open: three syllables a second, uneven."""
    beat = np.maximum(0, np.sin(frames * 2 * np.pi * 3 / RATE)) * (0.7 + 0.3 * np.sin(frames))
    return beat * ((frames >= speaks.start) & (frames < speaks.end))


def _plate(folder: Path) -> Plate:
    frames = len(list(folder.glob("two.*.exr")))
    spec = PlateSpec(
        kind="sequence",
        path=str(folder / "two.{frame}.exr"),
        first=0,
        padding=4,
        frames=frames,
        rate=Fraction(RATE),
    )
    return Plate(probe_plate(spec, None, ColourConfig()))


def _line(pair: Pair, frames: FrameRange) -> HeardLine:
    _, sound = wavfile.read(pair.folder / "dialogue.wav")
    start, end = (n * SOUND_RATE // RATE for n in (frames.start, frames.end))
    samples = (sound[start:end] / 32768).astype(np.float32)
    return HeardLine(frames, samples, SOUND_RATE, frames.start / RATE)


def test_two_faces_are_followed_and_held_apart(pair: Pair) -> None:
    assert len(pair.faces) == 2
    for face, low in ((pair.left, 0), (pair.right, HALF_WIDTH)):
        assert face.track.found.all()
        noses = face.track.landmarks[:, 1, 0]
        assert (low < noses).all()
        assert (noses < low + HALF_WIDTH).all()


def test_a_covered_mouth_is_known_and_no_other_is(pair: Pair) -> None:
    covered = [n for n, why in enumerate(pair.left.track.reasons) if why]
    assert set(covered) >= set(COVERED)
    assert set(covered) <= set(range(COVERED.start - 2, COVERED.end + 2))
    assert {pair.left.track.reasons[n] for n in COVERED} == {"something covers the mouth"}
    assert not any(pair.right.track.reasons)
    assert pair.right.track.usable.all()


def test_who_speaks_is_who_moves_with_the_sound(pair: Pair) -> None:
    tracks = [face.track for face in pair.faces]
    for frames, expected in ((LEFT_SPEAKS, pair.left), (RIGHT_SPEAKS, pair.right)):
        decided = speaking_face(tracks, [_line(pair, frames)], FRAMES, RATE)
        assert decided.track is expected.track
        assert tracks[decided.face - 1] is expected.track
        silent = HeardLine(frames, None, SOUND_RATE, 0.0)
        # Where nothing is heard, a face that keeps still may yet be the speaker's.
        assert speaking_face([pair.left.track], [silent], FRAMES, RATE).face == 1
        assert speaking_face(tracks, [silent], FRAMES, RATE).face == decided.face


def test_a_line_that_nobody_is_seen_speaking_is_nobodys(pair: Pair) -> None:
    line = _line(pair, RIGHT_SPEAKS)
    decided = speaking_face([pair.left.track], [line], FRAMES, RATE)
    assert decided.face == 0
    assert not decided.track.usable.any()
    assert "no lips move" in decided.track.reasons[0]
    assert speaking_face([], [line], FRAMES, RATE).why == "no face was found"


def test_a_face_that_is_heard_for_a_frame_does_not_speak(pair: Pair) -> None:
    line = _line(pair, LEFT_SPEAKS)
    cut = FrameRange(LEFT_SPEAKS.end - 1, FRAMES)
    landmarks = pair.right.track.landmarks.copy()
    landmarks[: cut.start] = np.nan
    # Its lips move wildly on the one frame that it shares with the line.
    landmarks[cut.start :: 2, 14, 1] += 20
    late = replace(pair.right.track, landmarks=landmarks)
    assert speaking_face([late, pair.left.track], [line], FRAMES, RATE).face == 2


def test_a_person_who_was_lost_for_long_is_one_person(pair: Pair, tmp_path: Path) -> None:
    for frame in range(60):
        picture = read_rgb(pair.folder / "plates" / f"two.{frame % 36:04d}.exr")[:, :HALF_WIDTH]
        if 14 <= frame < 46:
            picture = np.full_like(picture, 0.2)
        write_rgb(tmp_path / f"two.{frame:04d}.exr", picture, _ATTRIBUTES)
    [face] = track_faces(_plate(tmp_path), FaceMeshTracker(), lambda: None)
    assert face.track.found[:14].all() and face.track.found[46:].all()
    assert not face.track.found[14:46].any()


def test_a_squeezed_plate_shows_the_same_person(pair: Pair, tmp_path: Path) -> None:
    for frame in range(6):
        picture = read_rgb(pair.folder / "plates" / f"two.{frame:04d}.exr")
        squeezed = cv2.resize(picture, None, fx=0.5, fy=1, interpolation=cv2.INTER_AREA)
        anamorphic = _ATTRIBUTES | {"pixelAspectRatio": 2.0}
        write_rgb(tmp_path / f"two.{frame:04d}.exr", squeezed, anamorphic)
    again = track_faces(_plate(tmp_path), FaceMeshTracker(), lambda: None)
    first = min(again, key=lambda face: face.track.landmarks[0, 1, 0])
    assert alike(first.likeness, pair.left.likeness) > SAME_PERSON
    assert abs(int(first.portrait.astype(int).mean()) - int(pair.left.portrait.mean())) < 12


def test_people_of_real_clips_are_told_apart(footage: Path) -> None:
    likenesses = []
    for clip in ("vr2", "vr5", "od"):
        spec = PlateSpec(
            kind="movie", path=str(footage / f"{clip}.mp4"), first=0, frames=120,
            rate=probe_movie(footage / f"{clip}.mp4").rate, colour_space="",
        )  # fmt: skip
        for first in (0, 108):
            part = spec.model_copy(update={"first": first, "frames": 12})
            plate = Plate(probe_plate(part, "Camera Rec.709", ColourConfig()))
            likenesses.append(track_faces(plate, FaceMeshTracker(), lambda: None)[0].likeness)
    assert people_among(likenesses, []) == [0, 0, 1, 1, 2, 2]


def test_the_cast_says_which_face_it_is(pair: Pair) -> None:
    tracks = [face.track for face in pair.faces]
    assert named_face(tracks, 2, FRAMES).track is tracks[1]
    for number, why in ((0, "not seen"), (3, "only 2 were found")):
        nobody = named_face(tracks, number, FRAMES)
        assert nobody.face == 0
        assert why in nobody.track.reasons[0]


def test_a_blurred_face_is_left(pair: Pair, tmp_path: Path) -> None:
    for frame in range(24):
        picture = read_rgb(pair.folder / "plates" / f"two.{frame:04d}.exr")[:, :HALF_WIDTH]
        if 10 <= frame < 13:
            picture = cv2.GaussianBlur(picture, (0, 0), 5)
        write_rgb(tmp_path / f"two.{frame:04d}.exr", picture, _ATTRIBUTES)
    [face] = track_faces(_plate(tmp_path), FaceMeshTracker(), lambda: None)
    assert [n for n, why in enumerate(face.track.reasons) if why] == [10, 11, 12]
    assert face.track.reasons[10] == "the face is blurred"


def test_the_same_person_is_known_in_another_light_and_size(pair: Pair, tmp_path: Path) -> None:
    for frame in range(8):
        picture = read_rgb(pair.folder / "plates" / f"two.{frame:04d}.exr")
        darker = cv2.resize(picture, None, fx=0.8, fy=0.8) * np.float32([0.4, 0.35, 0.3])
        write_rgb(tmp_path / f"two.{frame:04d}.exr", darker, _ATTRIBUTES)
    again = track_faces(_plate(tmp_path), FaceMeshTracker(), lambda: None)
    faces = [pair.left, pair.right, *sorted(again, key=lambda f: f.track.landmarks[0, 1, 0])]
    assert people_among([face.likeness for face in faces], [(0, 1), (2, 3)]) == [0, 1, 0, 1]


def test_people_are_named_after_the_lines_that_they_speak_most() -> None:
    people = [0, 1, 0, 2]
    spoke = {"Ana": {0: 50, 1: 10}, "Ben": {1: 40}}
    assert who_is_who(people, spoke) == {0: "Ana", 1: "Ben"}


def test_faces_keep_their_tracks_whatever_order_they_are_found_in() -> None:
    rng = np.random.default_rng(3)
    shape = rng.normal(0, 20, (478, 3)).astype(np.float32)
    shape[33], shape[263] = (-30, 0, 0), (30, 0, 0)
    shift = np.float32([1, 0, 0])
    paths = [shape + 10 * shift * n for n in range(40)]
    others = [0.9 * shape + 900 * shift - 4 * shift * n for n in range(40)]
    found = []
    for frame, faces in enumerate(zip(paths, others, strict=True)):
        kept = list(faces) if frame not in range(12, 16) else [faces[1]]
        found.append(np.stack([kept[i] for i in rng.permutation(len(kept))]))
    first, second = linked_faces(found, 24.0)
    seen = np.isfinite(first[:, 0, 0])
    assert not seen[12:16].any()
    assert np.array_equal(first[seen], np.stack(paths)[seen])
    assert np.array_equal(second, np.stack(others))
    assert np.array_equal(nearest_face(found[20], others[20]), others[20])
    assert np.isnan(nearest_face(found[20], others[20] + 500)).all()


def _timeline(pair: Pair, first: int = 0) -> Path:
    def time(frames: int) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(frames, RATE)

    whole = otio.opentime.TimeRange(time(0), time(FRAMES))
    plate = otio.schema.ImageSequenceReference(
        target_url_base="plates/", name_prefix="two.", name_suffix=".exr", start_frame=0,
        rate=RATE, frame_zero_padding=4, available_range=whole,
    )  # fmt: skip
    sound = otio.schema.ExternalReference("dialogue.wav", whole)
    timeline = otio.schema.Timeline("pair")
    for kind, name, reference in (("Video", "two", plate), ("Audio", "dialogue", sound)):
        track = otio.schema.Track(name, kind=kind)
        shown = otio.opentime.TimeRange(time(first), time(FRAMES - first))
        track.append(otio.schema.Clip(name, reference, shown))
        timeline.tracks.append(track)
    path = pair.folder / f"pair{first}.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return path


def _cues(pair: Pair, second: str) -> Path:
    def cue(name: str, speaker: str, frames: FrameRange, text: str) -> Cue:
        start, end = (n * 1000 // RATE for n in (frames.start, frames.end))
        return Cue(id=name, speaker=speaker, start_ms=start, end_ms=end, text={"es": text})

    path = pair.folder / f"{second[:4]}.json"
    CueSheet(
        cues=(
            cue("c1", "Ana", LEFT_SPEAKS, "Hola mamá"),
            cue("c2", "Ben", RIGHT_SPEAKS, second),
        )
    ).write(path)
    return path


def _frames(folder: Path) -> dict[int, NDArray[np.float32]]:
    return {int(p.name.split(".")[-2]): read_rgb(p) for p in folder.rglob("frames/**/*.exr")}


def test_each_speaker_is_found_confirmed_and_drawn(pair: Pair, tmp_path: Path) -> None:
    timeline, cues = _timeline(pair), _cues(pair, "Bueno, vamos")
    ran = run_cli(
        "cast", timeline, "--cues", cues, "--out", tmp_path / "cast", "--store",
        tmp_path / "store", "--json",
    )  # fmt: skip
    found = json.loads(ran.stdout)
    cast = Cast.read(Path(found["cast"]))
    sides = [face is pair.left for face in pair.faces]
    assert cast.speaker("Ana").faces == {"two": sides.index(True) + 1}
    assert cast.speaker("Ben").faces == {"two": sides.index(False) + 1}
    sheet = cv2.imread(str(Path(found["folder"]) / "faces-1.jpg"))
    assert sheet.shape[0] == 2 * 164

    looked_through = cast.model_copy(
        update={
            "speakers": tuple(
                speaker.model_copy(update={"likeness": Likeness.FICTIONAL})
                for speaker in cast.speakers
            )
        }
    )
    looked_through.write(tmp_path / "cast.json")

    def dubbed(cues: Path, cast: Path | None) -> Path:
        done = dub(timeline, "es", tmp_path / "out", cues=cues, cast=cast, store=tmp_path / "store")
        return done.folder

    confirmed = dubbed(cues, tmp_path / "cast.json")
    report = json.loads((confirmed / "report.json").read_text())
    assert report["faces"]["Ana"]["two"].endswith("by the cast")
    drawn = _frames(confirmed)
    for frame, picture in drawn.items():
        plate = read_rgb(pair.folder / "plates" / f"two.{frame:04d}.exr")
        changed = np.flatnonzero((picture != plate).any(axis=(0, 2)))
        if frame in LEFT_SPEAKS or frame in RIGHT_SPEAKS:
            assert len(changed), frame
        if len(changed):
            assert (changed[-1] < HALF_WIDTH) == (frame < RIGHT_SPEAKS.start - 2)
            assert (changed[0] >= HALF_WIDTH) == (frame >= RIGHT_SPEAKS.start - 2)

    unconfirmed = _frames(dubbed(cues, None))
    assert unconfirmed.keys() == drawn.keys()

    moved = _timeline(pair, first=20)
    swapped = cast.model_copy(
        update={
            "speakers": tuple(
                s.model_copy(
                    update={"likeness": Likeness.FICTIONAL, "faces": {"two": 3 - s.faces["two"]}}
                )
                for s in cast.speakers
            )
        }
    )
    swapped.write(tmp_path / "swapped.json")
    for given, kept in ((None, 1), (tmp_path / "swapped.json", 0)):
        request = ReconformRequest(
            version=confirmed, timeline=moved, output=tmp_path / "recut", cast=given
        )
        plan = plan_reconform(request, Store(tmp_path / "store"), authority_on())
        assert sum(task.stage == "keep" for task in plan.tasks.values()) == kept, given
        assert plan.cast.speaker("Ben").faces.keys() == {"two"}

    other = dubbed(_cues(pair, "Otra cosa"), tmp_path / "cast.json")
    before, after = (_hashes(folder) for folder in (confirmed, other))
    assert {n for n in before if before[n] != after[n]} <= set(range(34, FRAMES))
    assert any(before[n] != after[n] for n in RIGHT_SPEAKS)


def _hashes(folder: Path) -> dict[int, bytes]:
    return {int(p.name.split(".")[-2]): p.read_bytes() for p in folder.rglob("frames/**/*.exr")}


@pytest.mark.parametrize("content", [None, b"not a task", "another"])
def test_weights_that_are_no_face_landmarker_are_met(
    content: bytes | str | None, tmp_path: Path
) -> None:
    file = tmp_path / "hand_landmarker.task"
    if content == "another":
        with ZipFile(file, "w") as task:
            task.writestr("hand_detector.tflite", b"")
    elif isinstance(content, bytes):
        file.write_bytes(content)
    tracker = engine("face-landmarker", EngineKind.FACE_TRACKER, tmp_path)
    with pytest.raises(DubwrightError, match="face tracker's weights"):
        next(tracker.follow([np.zeros((120, 160, 3), np.uint8)]))


def test_a_plate_is_captured_by_a_task_file(sample: Sample, tmp_path: Path) -> None:
    """What plans a tracker's weights, loads them and follows a face through a shot."""
    weights = {"face-landmarker": str(face_landmarker_task(tmp_path))}
    shot = sample.scene.shots[0].name
    request = CaptureRequest(
        plate=sample.folder / "plates" / shot / f"{shot}.####.exr",
        output=tmp_path / "out",
        frames=(1010, 1040),
        engines=EngineChoice(face_tracker="face-landmarker", weights=weights),
    )
    store = Store(tmp_path / "store")
    plan = plan_capture(request, store, authority_on())
    run(plan.tasks, store, workers=1)
    (faces,) = (task for task in plan.tasks.values() if task.stage == "faces")
    assert faces.parameters["tracker_weights"].startswith("face_landmarker.task@")
    (tracked,) = (task for task in plan.tasks.values() if task.stage == "track")
    assert load_track(store.path(tracked.key)).usable.mean() > 0.9
