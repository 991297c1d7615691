"""Results in the store: what each stage leaves in its folder, written and read back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import Choice, Encoding, FrontMatte, GeneratedFace
from dubwright.face.speaking import Decision
from dubwright.face.track import SeenFace
from dubwright.model import Articulation, FaceTrack, MouthCurves, Phone, Take
from dubwright.mouth.acoustic import Acoustics, Hearing
from dubwright.mouth.listener import Listener
from dubwright.operations.task import Context
from dubwright.picture.front import Front

__all__ = [
    "REGRESSION",
    "SPEAKING",
    "THUMBNAIL",
    "Fronts",
    "Glimpse",
    "decoded_frames",
    "drawn_frames",
    "generated_curves",
    "generated_faces_in",
    "linked",
    "load_acoustics",
    "load_articulation",
    "load_choices",
    "load_curves",
    "load_encoding",
    "load_faces",
    "load_glimpses",
    "load_hearing",
    "load_listener",
    "load_loudness",
    "load_phones",
    "load_phones_of_lines",
    "load_take",
    "load_track",
    "load_visemes",
    "read_json",
    "refusal",
    "save_acoustics",
    "save_articulation",
    "save_choices",
    "save_curves",
    "save_decision",
    "save_encoding",
    "save_faces",
    "save_fronts",
    "save_generated",
    "save_hearing",
    "save_listener",
    "save_loudness",
    "save_phones",
    "save_phones_of_lines",
    "save_refusal",
    "save_take",
    "save_track",
    "save_visemes",
    "untimed_reason",
    "write_json",
]


THUMBNAIL: Final = "thumbnail.jpg"
SPEAKING: Final = "speaking.json"
TRACK: Final = "track.npz"
FACE: Final = "face-{}.npz"
FACES: Final = "faces.npz"
VISEMES: Final = "visemes.npz"
LISTENER: Final = "listener.npz"
REFUSED: Final = "refused.json"
GENERATED: Final = "generated.npz"
GUIDED: Final = "guided.json"
FRONT: Final = "front.npz"
REGRESSION: Final = "regression.safetensors"


def save_track(track: FaceTrack, folder: Path, name: str = TRACK) -> None:
    np.savez(
        folder / name,
        landmarks=track.landmarks,
        template=track.template,
        reasons=np.array(track.reasons),
    )


def load_track(folder: Path, name: str = TRACK) -> FaceTrack:
    with np.load(folder / name) as data:
        reasons = tuple(str(reason) for reason in data["reasons"])
        return FaceTrack(data["landmarks"], data["template"], reasons)


def save_decision(decision: Decision, faces: int, folder: Path) -> None:
    """The face that is a speaker's, of so many in a shot."""
    save_track(decision.track, folder)
    told = {"face": decision.face, "of": faces, "why": decision.why}
    write_json(folder / SPEAKING, told)


def save_faces(faces: Sequence[SeenFace], folder: Path) -> None:
    for number, face in enumerate(faces, start=1):
        save_track(face.track, folder, FACE.format(number))
    np.savez(
        folder / FACES,
        likenesses=np.array([face.likeness for face in faces]),
        portraits=np.array([face.portrait for face in faces]),
        found=np.array([face.track.found for face in faces]),
        usable=np.array([face.track.usable for face in faces]),
    )


def load_faces(folder: Path) -> list[SeenFace]:
    """The faces of a shot; the cast counts them from 1."""
    with np.load(folder / FACES) as seen:
        pairs = zip(seen["likenesses"], seen["portraits"], strict=True)
        return [
            SeenFace(load_track(folder, FACE.format(number)), likeness, portrait)
            for number, (likeness, portrait) in enumerate(pairs, start=1)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """A face of a shot without its landmarks: on which frames it was found, and can be drawn on."""

    likeness: NDArray[np.float32]
    portrait: NDArray[np.uint8]
    found: NDArray[np.bool_]
    usable: NDArray[np.bool_]


def load_glimpses(folder: Path) -> list[Glimpse]:
    """The faces of a shot; the cast counts them from 1."""
    with np.load(folder / FACES) as seen:
        columns = (seen[name] for name in ("likenesses", "portraits", "found", "usable"))
        return [Glimpse(*row) for row in zip(*columns, strict=True)]


def save_curves(curves: MouthCurves, folder: Path) -> None:
    np.savez(folder / "curves.npz", values=curves.values, rate=np.array(str(curves.rate)))
    if curves.visemes is not None:
        np.save(folder / "visemes.npy", curves.visemes)


def load_curves(folder: Path) -> MouthCurves:
    with np.load(folder / "curves.npz") as data:
        rate, values = Fraction(str(data["rate"])), data["values"]
    visemes = folder / "visemes.npy"
    return MouthCurves(rate, values, np.load(visemes) if visemes.is_file() else None)


def save_generated(faces: Mapping[int, GeneratedFace], folder: Path) -> None:
    """Faces by frame of the shot, each picture in a file of its own."""
    for frame, face in faces.items():
        np.save(folder / f"{frame}.npy", face.picture.astype(np.float16))
    every = list(faces.values())
    np.savez(
        folder / GENERATED,
        frames=np.array(list(faces), np.int64),
        placements=np.array([face.placement for face in every]),
        points=np.array([face.points for face in every]),
        curves=np.array([face.curves for face in every], np.float32),
        resolves=np.array([face.resolves for face in every]),
    )


def generated_curves(folders: Iterable[Path]) -> dict[int, NDArray[np.float32]]:
    """What generated mouths do, [4] by frame of the shot."""
    found: dict[int, NDArray[np.float32]] = {}
    for folder in folders:
        with np.load(folder / GENERATED) as data:
            found |= zip(data["frames"].tolist(), data["curves"], strict=True)
    return found


def generated_faces_in(folders: Iterable[Path]) -> Callable[[int], GeneratedFace | None]:
    """What finds the generated face of a frame of the shot."""
    places: dict[int, tuple[Path, tuple[Any, ...]]] = {}
    for folder in folders:
        with np.load(folder / GENERATED) as data:
            names = ("placements", "points", "curves", "resolves")
            rows = zip(*(data[name] for name in names), strict=True)
            for frame, row in zip(data["frames"].tolist(), rows, strict=True):
                places[frame] = folder / f"{frame}.npy", row

    def found(frame: int) -> GeneratedFace | None:
        if frame not in places:
            return None
        file, (placement, points, curves, resolves) = places[frame]
        picture = np.load(file).astype(np.float32)
        return GeneratedFace(picture, placement, points, curves, float(resolves))

    return found


def save_fronts(fronts: Mapping[int, Front], folder: Path) -> None:
    """What lies in front of a face, by frame of the shot."""
    every = list(fronts.values())
    np.savez_compressed(
        folder / FRONT,
        frames=np.array(list(fronts), np.int64),
        mattes=np.array([np.round(255 * each.matte.matte) for each in every], np.uint8),
        placements=np.array([each.matte.placement for each in every]),
        lips_hidden=np.array([each.lips_hidden for each in every]),
    )


class Fronts:
    """What lies in front of a face in the frames that tasks have looked at."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.lips_hidden: dict[int, float] = {}
        self._places: dict[int, tuple[Path, int]] = {}
        self._read: tuple[Path, NDArray[np.uint8], NDArray[Any]] | None = None
        for folder in folders:
            with np.load(folder / FRONT) as data:
                frames = data["frames"].tolist()
                self.lips_hidden |= zip(frames, data["lips_hidden"].tolist(), strict=True)
            self._places |= {frame: (folder, at) for at, frame in enumerate(frames)}

    def matte(self, frame: int) -> FrontMatte | None:
        if frame not in self._places:
            return None
        folder, at = self._places[frame]
        if self._read is None or self._read[0] != folder:
            with np.load(folder / FRONT) as data:
                self._read = folder, data["mattes"], data["placements"]
        _, mattes, placements = self._read
        return FrontMatte(mattes[at].astype(np.float32) / 255, placements[at])


def save_choices(choices: Sequence[Choice], folder: Path) -> None:
    write_json(folder / "choices.json", [choice.model_dump() for choice in choices])


def load_choices(folder: Path) -> list[Choice]:
    return [Choice(**choice) for choice in read_json(folder / "choices.json")]


def save_phones(phones: Sequence[Phone], folder: Path, untimed: str = "") -> None:
    """`untimed` says why there are none."""
    content = {"phones": [phone.model_dump() for phone in phones], "untimed": untimed}
    write_json(folder / "phones.json", content)


def save_loudness(loudness: NDArray[Any], folder: Path) -> None:
    """In nepers, LOUDNESS_RATE a second."""
    np.save(folder / "loudness.npy", loudness.astype(np.float32))


def load_loudness(folder: Path) -> NDArray[np.float32]:
    loudness: NDArray[np.float32] = np.load(folder / "loudness.npy")
    return loudness


def load_phones(folder: Path) -> list[Phone]:
    return [Phone(**phone) for phone in read_json(folder / "phones.json")["phones"]]


def save_phones_of_lines(lines: Mapping[str, Sequence[Phone]], folder: Path) -> None:
    """The phones of some lines, by their cues."""
    content = {cue: [phone.model_dump() for phone in phones] for cue, phones in lines.items()}
    write_json(folder / "lines.json", content)


def load_phones_of_lines(folder: Path) -> dict[str, list[Phone]]:
    lines = read_json(folder / "lines.json")
    return {cue: [Phone(**phone) for phone in phones] for cue, phones in lines.items()}


def untimed_reason(folder: Path) -> str:
    return str(read_json(folder / "phones.json")["untimed"])


def save_refusal(take: Take, folder: Path) -> None:
    """Beside the curves of a take that is not laid down: why it is not."""
    if take.fit.verdict == "refused":
        write_json(folder / REFUSED, take.fit.reason)


def refusal(folder: Path) -> str:
    """Why the take of these curves is not laid down; "" where it is."""
    return str(read_json(folder / REFUSED)) if (folder / REFUSED).is_file() else ""


def save_take(take: Take, folder: Path) -> None:
    write_json(folder / "take.json", take.model_dump(mode="json"))


def load_take(folder: Path) -> Take:
    return Take.model_validate(read_json(folder / "take.json"))


def save_articulation(articulation: Articulation, folder: Path) -> None:
    write_json(folder / "articulation.json", articulation.model_dump())


def load_articulation(folder: Path) -> Articulation:
    return Articulation.model_validate(read_json(folder / "articulation.json"))


def save_visemes(visemes: Mapping[str, NDArray[np.float32]], folder: Path) -> None:
    """What is said in every frame of some shots, [frames, visemes] by shot."""
    np.savez(folder / VISEMES, *visemes.values())
    write_json(folder / "shots.json", list(visemes))


def load_visemes(folder: Path) -> dict[str, NDArray[np.float32]]:
    """What save_visemes wrote; empty where nothing is known."""
    if not (folder / VISEMES).is_file():
        return {}
    with np.load(folder / VISEMES) as data:
        return dict(zip(read_json(folder / "shots.json"), data.values(), strict=True))


def save_hearing(hearing: Hearing, folder: Path) -> None:
    np.savez(folder / "hearing.npz", features=hearing.features.astype(np.float32))
    phones = [[list(phone) for phone in heard] for heard in hearing.phones]
    write_json(folder / "hearing.json", {"rate": hearing.rate, "phones": phones})


def load_hearing(folder: Path) -> Hearing:
    told = read_json(folder / "hearing.json")
    with np.load(folder / "hearing.npz") as data:
        features = data["features"].astype(np.float64)
    heard = [[(start, end, symbol) for start, end, symbol in line] for line in told["phones"]]
    return Hearing(features, told["rate"], heard)


def save_encoding(encoding: Encoding, folder: Path) -> None:
    np.save(folder / "encoding.npy", encoding.values.astype(np.float16))
    told = {"rate": str(encoding.rate), "first": str(encoding.first)}
    write_json(folder / "encoding.json", told)


def load_encoding(folder: Path) -> Encoding:
    told = read_json(folder / "encoding.json")
    values = np.load(folder / "encoding.npy").astype(np.float32)
    return Encoding(values, Fraction(told["rate"]), Fraction(told["first"]))


def save_listener(listener: Listener, folder: Path) -> None:
    np.savez(folder / LISTENER, **asdict(listener))


def load_listener(folder: Path) -> Listener:
    with np.load(folder / LISTENER) as data:
        arrays = {name: data[name] for name in data.files if name != "ahead"}
        return Listener(ahead=int(data["ahead"]), **arrays)


def save_acoustics(acoustics: Acoustics, folder: Path) -> None:
    np.savez(
        folder / "acoustics.npz",
        sound=acoustics.sound,
        phones=acoustics.phones,
        curves=acoustics.curves,
    )
    told = {
        "usual": acoustics.usual.model_dump(),
        "own": [own.model_dump() for own in acoustics.own],
        "frames": len(acoustics.curves),
        "sureness": round(acoustics.sureness(), 3),
    }
    write_json(folder / "acoustics.json", told)


def load_acoustics(folder: Path) -> Acoustics:
    told = read_json(folder / "acoustics.json")
    own = tuple(Articulation.model_validate(own) for own in told["own"])
    with np.load(folder / "acoustics.npz") as data:
        return Acoustics(
            Articulation.model_validate(told["usual"]),
            own,
            data["sound"],
            data["phones"],
            data["curves"],
        )


def drawn_frames(folders: Iterable[Path]) -> dict[int, Path]:
    """The full frames in the results of draw tasks, by frame of the shot."""
    frames = {}
    for folder in folders:
        for file in folder.glob("*.exr"):
            if not file.name.endswith(".patch.exr"):
                frames[int(file.stem)] = file
    return dict(sorted(frames.items()))


def decoded_frames(context: Context) -> dict[int, Path]:
    """The frames of a movie plate that decode tasks wrote, by frame of the shot."""
    folders = (f for name, f in context.inputs.items() if name.startswith("decoded:"))
    return drawn_frames(folders)


def linked(source: Path, destination: Path) -> None:
    """The same file at another place; a copy where the disk knows no links."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copyfile(source, destination)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
