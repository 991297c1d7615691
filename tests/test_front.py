"""What lies in front of a face stays there, whatever the mouth behind it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Dubbed
from filmed import HEIGHT, WIDTH, FilmedActor
from tiny_models import scripted_bisenet, scripted_refiner

from dubwright.api import EngineChoice, dub
from dubwright.engines import EngineKind, FaceParser, FrontMatte, MouthRenderer, Region, engine
from dubwright.errors import DubwrightError
from dubwright.face.landmarks import LIPS_OUTER
from dubwright.face.visibility import COVERED
from dubwright.model import FrameRange, MouthCurves, Patch
from dubwright.picture.front import Front, front_of_faces, hidden_share, with_front

# The synthetic plate's light is Rec. 709's.
TO_REC709 = np.eye(3)
FRAME = 20
BLUE = (0.02, 0.05, 0.6)


def _parser(folder: Path) -> FaceParser:
    parser: FaceParser = engine(
        "bisenet", EngineKind.FACE_PARSER, scripted_bisenet(folder, side=256)
    )
    return parser


def _with_glove(frame: int, over_lips: bool = False) -> tuple[FilmedActor, np.ndarray]:
    """The synthetic actor with something blue before the chin, or the lips, of one frame."""
    filmed = FilmedActor()
    lips = filmed.track.landmarks[frame, list(LIPS_OUTER), :2]
    middle = lips.mean(axis=0) if over_lips else filmed.track.landmarks[frame, 152, :2] - (8, 6)
    glove = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(glove, tuple(np.round(middle).astype(int).tolist()), 12, 1, -1)
    filmed.pictures = list(filmed.pictures)
    filmed.pictures[frame] = np.where(
        glove[..., None] > 0, np.float32(BLUE), filmed.pictures[frame]
    )
    return filmed, glove > 0


def _front(filmed: FilmedActor, folder: Path, at_once: int = 2) -> dict[int, Front]:
    frames = FrameRange(FRAME - 2, FRAME + 3)
    stepped: list[None] = []
    found = front_of_faces(
        filmed, _parser(folder), TO_REC709, frames, at_once, lambda: stepped.append(None)
    )
    assert len(stepped) == len(frames) and list(found) == list(frames)
    return found


def _hidden(front: FrontMatte) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return hidden_share(front, x, y)


def test_a_hand_is_found_where_it_is(tmp_path: Path) -> None:
    filmed, glove = _with_glove(FRAME)
    found = _front(filmed, tmp_path)
    hidden = _hidden(found[FRAME].matte)
    inside = cv2.erode(glove.astype(np.uint8), np.ones((3, 3))) > 0
    around = cv2.dilate(glove.astype(np.uint8), np.ones((5, 5))) > 0
    assert hidden[inside].min() > 0.9
    assert hidden[~around].max() < 0.1
    assert found[FRAME].lips_hidden < 0.1
    assert _hidden(found[FRAME + 1].matte).max() < 0.1
    assert found[FRAME + 1].lips_hidden == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("name", ["retrieval", "actor"])
def test_what_is_in_front_stays_as_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / "learned").mkdir()
    learned = {"retrieval": lambda _: None, "actor": scripted_refiner}[name](tmp_path / "learned")
    renderer: MouthRenderer = engine(name, EngineKind.MOUTH_RENDERER, learned)
    filmed, _ = _with_glove(FRAME)
    library = FilmedActor()
    front = _front(filmed, tmp_path / "weights")[FRAME].matte

    def drawn(plate: FilmedActor) -> Patch:
        wide = np.tile(library.curves[[int(library.curves[:, 0].argmax())]], (9, 1))
        wanted = MouthCurves(Fraction(24), wide)
        first = FRAME - 4
        choices = renderer.choose(plate, [library], wanted, first, (True, True))
        (patch,) = renderer.draw(plate, [library], wanted, first, choices, range(4, 5))
        assert patch is not None
        return patch

    free, clean = drawn(filmed), drawn(FilmedActor())
    filmed.fronts[FRAME] = front
    behind = drawn(filmed)
    hidden = _hidden(front)[free.box.slices]
    assert hidden.max() > 0.9 and free.alpha[hidden > 0.9].max() > 0.5
    assert behind.alpha[hidden > 0.99].max() < 0.02
    far = cv2.dilate(hidden, np.ones((25, 25))) < 0.01
    assert free.alpha[far].max() == 1 and np.array_equal(behind.alpha[far], free.alpha[far])
    # Nor does it shine through beside itself.
    beside = (cv2.dilate(hidden, np.ones((9, 9))) > 0.5) & (hidden < 0.01) & (behind.alpha == 1)
    shone, left = (np.abs(patch.rgb - clean.rgb)[beside].mean() for patch in (free, behind))
    assert left < 0.2 * shone


def test_lips_that_are_hidden_are_not_redrawn(tmp_path: Path) -> None:
    filmed, _ = _with_glove(FRAME, over_lips=True)
    found = _front(filmed, tmp_path)
    hidden = {frame: front.lips_hidden for frame, front in found.items()}
    assert hidden[FRAME] > 0.4
    told = with_front(filmed.track.reasons, hidden)
    assert told[FRAME] == COVERED and told[FRAME + 1] == ""


def test_frames_that_are_seen_to_be_free_are_redrawn() -> None:
    reasons = ("", COVERED, COVERED, "the face is blurred", "")
    assert with_front(reasons, {0: 0.0, 1: 0.02, 3: 0.0, 4: 0.5}) == (
        "", "", COVERED, "the face is blurred", COVERED,
    )  # fmt: skip


def test_frames_are_parsed_alike_however_many_at_once(tmp_path: Path) -> None:
    filmed, _ = _with_glove(FRAME)
    one, five = (_front(filmed, tmp_path / str(count), count) for count in (1, 5))
    for frame, front in one.items():
        assert np.array_equal(front.matte.matte, five[frame].matte.matte)


def test_a_dub_leaves_a_covered_mouth_alone(dubbed: Dubbed, tmp_path: Path) -> None:
    """To the scripted network all is hair."""
    sample = dubbed.sample
    weights = {"bisenet": str(scripted_bisenet(tmp_path / "weights", hair=1.0))}
    result = dub(
        sample.timeline,
        ["es"],
        tmp_path / "out",
        subtitles=sample.subtitles("en", "es", "fr"),
        cast=sample.cast,
        original="en",
        engines=EngineChoice(face_parser="bisenet", weights=weights),
        store=dubbed.store,
    )
    assert result.report.engines["face_parser"].startswith("bisenet/")
    (language,) = result.report.languages
    assert language.spans and not any(span.drawn for span in language.spans)
    told = json.dumps(result.report.model_dump(mode="json"))
    assert COVERED in told


def _no_file(folder: Path) -> None:
    """An empty folder."""


def _no_network(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not a network")


def _no_face(folder: Path) -> None:
    scripted_bisenet(folder)
    (folder / "parsing.json").write_text(json.dumps({"labels": [f"c{n}" for n in range(19)]}))


def _too_few_labels(folder: Path) -> None:
    scripted_bisenet(folder)
    (folder / "parsing.json").write_text(json.dumps({"labels": ["background", "skin"]}))


@pytest.mark.parametrize("made", [_no_file, _no_network, _no_face, _too_few_labels])
def test_weights_that_are_no_parser_are_met(made: Callable[[Path], None], tmp_path: Path) -> None:
    made(tmp_path)
    with pytest.raises(DubwrightError, match="face parser's weights"):
        engine("bisenet", EngineKind.FACE_PARSER, tmp_path)


def test_regions_are_told_by_the_names_of_labels(tmp_path: Path) -> None:
    scripted_bisenet(tmp_path)
    labels = ["hair", "neck", *["cloth"] * 15, "skin", "hat"]
    (tmp_path / "parsing.json").write_text(json.dumps({"labels": labels}))
    parser: FaceParser = engine("bisenet", EngineKind.FACE_PARSER, tmp_path)
    shown = np.full((1, 64, 64, 3), (0.1, 0.1, 0.9), np.float32)
    assert parser.parse(shown)[0, ..., Region.HAIR].min() > 0.99
    shown = np.full((1, 64, 64, 3), (0.9, 0.1, 0.1), np.float32)
    assert parser.parse(shown)[0, ..., Region.NECK].min() > 0.99
