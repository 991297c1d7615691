"""Characters: visemes over time, rigs, drawn mouths, and the files that other programs read."""

from __future__ import annotations

import base64
import csv
import io
import json
import tracemalloc
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import opentimelineio as otio
import pytest
from conftest import Sample
from hypothesis import given, settings
from hypothesis import strategies as st
from pxr import Usd, UsdSkel

from dubwright.api import animate, capture
from dubwright.character.acting import Gesture, acted
from dubwright.character.capture import captured_curves, captured_weights
from dubwright.character.controls import controlled_weights
from dubwright.character.flaps import FLAP_SETS, flaps
from dubwright.character.formats import (
    arkit_csv,
    moho_dat,
    rhubarb_json,
    rhubarb_tsv,
    rhubarb_xml,
)
from dubwright.character.rig import RIGS, Rig, controls_of, find_rig
from dubwright.character.scenes import gltf, otio_timeline, usda
from dubwright.character.style import Style, styled
from dubwright.character.visemes import viseme_weights
from dubwright.errors import DubwrightError
from dubwright.face.head_frame import head_template
from dubwright.media.audio import write_wav
from dubwright.media.exr import write_rgb
from dubwright.model import ControlKey, ControlRange, FaceTrack, MouthControls, Phone
from dubwright.mouth.range import measure_range
from dubwright.mouth.visemes import Viseme, viseme_of
from dubwright.sample.head import build_head
from dubwright.sample.scene import shot_weights
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.trust import anchors, keys_folder, read_credentials

SAMPLE_RATE = 16000
RATES = [Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(60), Fraction(12)]
VISEMES = list(Viseme)


def _said(symbols: str, each_ms: float = 80, lead_ms: float = 200) -> list[Phone]:
    """Phones one after the other, after some silence."""
    at, phones = lead_ms, []
    for symbol in symbols:
        start, end = (round(ms * SAMPLE_RATE / 1000) for ms in (at, at + each_ms))
        phones.append(Phone(symbol=symbol, start=start, end=end))
        at += each_ms
    return phones


def _weights(symbols: str, rate: Fraction = RATES[0], each_ms: float = 80) -> np.ndarray:
    phones = _said(symbols, each_ms)
    frames = int(Fraction(phones[-1].end + SAMPLE_RATE // 4, SAMPLE_RATE) * rate)
    return viseme_weights(phones, SAMPLE_RATE, rate, frames)


def _middles(weights: np.ndarray, rate: Fraction = RATES[0]) -> np.ndarray:
    return np.asarray((np.arange(len(weights)) + 0.5) * 1000 / float(rate))


def _of(weights: np.ndarray, viseme: Viseme) -> np.ndarray:
    return weights[:, VISEMES.index(viseme)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("each_ms", [40, 70, 120])
def test_lips_meet_on_time_at_any_rate(rate: Fraction, each_ms: float) -> None:
    """Within half a frame of each p, b or m's middle its contact is whole."""
    symbols = "amapatoba"
    weights = _weights(symbols, rate, each_ms)
    for phone in _said(symbols, each_ms):
        if viseme_of(phone.symbol) is Viseme.PP:
            middle = Fraction(phone.start + phone.end, 2 * SAMPLE_RATE) * rate
            nearest = [n for n in range(len(weights)) if abs(n + Fraction(1, 2) - middle) <= 0.5]
            assert max(_of(weights, Viseme.PP)[n] for n in nearest) == pytest.approx(1)


def test_weights_are_those_of_what_is_said() -> None:
    weights = _weights("aaaa", each_ms=150)
    assert weights.argmax(axis=1)[len(weights) // 2] == VISEMES.index(Viseme.AA)
    assert weights.argmax(axis=1)[0] == VISEMES.index(Viseme.SIL)
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)


@given(st.text("pamoeistfkulyr", min_size=1, max_size=20), st.floats(0, 2), st.floats(30, 200))
@settings(max_examples=40, deadline=None)
def test_weights_stay_in_their_range(symbols: str, intensity: float, each_ms: float) -> None:
    said = _weights(symbols, each_ms=each_ms)
    assert said.dtype == np.float32 and said.min() >= 0 and said.max() <= 1
    weights = controlled_weights(said, MouthControls(intensity=intensity), _middles(said))
    assert np.isfinite(weights).all()
    assert weights.min() >= 0 and weights.max() <= 1
    if any(viseme_of(symbol) is Viseme.PP for symbol in symbols):
        assert _of(weights, Viseme.PP).max() == pytest.approx(1), "lips meet at any intensity"


def test_controls_move_the_mouth_as_they_say() -> None:
    """As of an actor's mouth; the lips of p meet whatever is asked."""
    said = _weights("aaapaaaa", each_ms=100)
    at = _middles(said)

    def asked(**controls: object) -> np.ndarray:
        return controlled_weights(said, MouthControls(**controls), at)

    assert np.allclose(asked(), said)
    for slightly in (10, 21, -33):
        assert _of(asked(offset_ms=slightly), Viseme.PP).max() == pytest.approx(1)
    late = asked(offset_ms=125)
    assert np.allclose(late[3:], said[:-3], atol=1e-5), "three frames at 24 a second"
    keys = (ControlKey(at_ms=400, intensity=0), ControlKey(at_ms=401, intensity=2))
    moved = _of(asked(keys=keys), Viseme.AA)
    assert moved[at < 400].max() == 0
    assert np.allclose(moved[at > 401], (2 * _of(said, Viseme.AA)[at > 401]).clip(0, 1))
    even = asked(smoothing_ms=80)
    assert np.abs(np.diff(_of(even, Viseme.AA))).max() < np.abs(np.diff(_of(said, Viseme.AA))).max()
    for weights in (late, even, asked(intensity=0)):
        assert _of(weights, Viseme.PP).max() == pytest.approx(1)
    still = (
        ControlRange(start_ms=250, end_ms=400, does="hold"),
        ControlRange(start_ms=700, end_ms=900, does="rest"),
    )
    weights = asked(ranges=still)
    held = weights[(at >= 250) & (at < 400)]
    assert np.allclose(held, held[0]) and held[0].argmax() == VISEMES.index(Viseme.AA)
    assert np.allclose(_of(weights, Viseme.SIL)[(at >= 700) & (at < 900)], 1)


def test_a_cartoon_goes_from_pose_to_pose() -> None:
    """What pulls most is further, the rest nearer to nothing, and lips meet as they did."""
    said = _weights("amiupotasi", each_ms=110)
    posed = styled(said, Style.CARTOON)
    strongest = said.argmax(axis=1)
    frames = np.arange(len(said))
    clear = np.sort(said, axis=1)[:, -2] > 0.1
    second = said.copy()
    second[frames, strongest] = 0
    assert (posed[frames, strongest] >= said[frames, strongest] - 1e-6)[clear].all()
    weaker = second.argmax(axis=1)
    touching = np.isin(weaker, [VISEMES.index(Viseme.PP), VISEMES.index(Viseme.FF)])
    assert (posed[frames, weaker] < said[frames, weaker])[clear & ~touching].mean() > 0.8
    assert (_of(posed, Viseme.PP) >= _of(said, Viseme.PP)).all()
    assert posed.min() >= 0 and posed.max() <= 1


@pytest.mark.parametrize("on", [1, 2, 3])
def test_anime_has_three_mouths_that_are_held(on: int) -> None:
    said = _weights("amiupotasi", each_ms=110)
    drawn = styled(said, Style.ANIME, on)
    assert len(np.unique(drawn, axis=0)) == 3
    changes = 1 + np.flatnonzero((np.diff(drawn, axis=0) != 0).any(axis=1))
    assert len(changes) > 3 and (changes % on == 0).all()
    assert np.array_equal(styled(said, Style.REALISTIC, on), said)


def test_jaw_and_width_are_controls_of_the_rig() -> None:
    said = _weights("aiauai", each_ms=110)
    rig = find_rig("arkit")
    usual = controls_of(said, rig)
    opening = np.linspace(0.4, 0.6, len(said))
    moved = controls_of(said, rig, jaw=opening, width=0.0)
    assert np.allclose(moved["jawOpen"], usual["jawOpen"] * opening, atol=1e-6)
    assert usual["mouthPucker"].max() > 0.1 and not moved["mouthPucker"].any()
    assert np.array_equal(moved["mouthLowerDownLeft"], usual["mouthLowerDownLeft"])


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"mouth": MouthControls(jaw=0.5), "rig": "oculus"}, "names no controls under"),
        (
            {"mouth": MouthControls(keys=(ControlKey(at_ms=0, width=2),)), "rig": "vrm1"},
            "no controls",
        ),
        ({"mouth": MouthControls(leave=True)}, "no plate whose mouth could stay"),
        ({"style": "manga"}, "realistic"),
    ],
)
def test_what_a_character_cannot_do_is_said_before(
    tmp_path: Path, asked: dict[str, Any], why: str
) -> None:
    with pytest.raises(DubwrightError) as told:
        animate("Mama.", "en", tmp_path / "out", store=tmp_path / "store", **asked)
    assert why in told.value.why
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("name", RIGS)
def test_each_rig_closes_for_p_and_opens_for_a(name: str) -> None:
    rig = find_rig(name)
    shapes = np.eye(len(VISEMES), dtype=np.float32)
    moved = {v: {c: values[i] for c, values in controls_of(shapes, rig).items()} for i, v in
             enumerate(VISEMES)}  # fmt: skip
    assert all(value == 0 for control, value in moved[Viseme.SIL].items() if "sil" not in control)
    assert moved[Viseme.AA] != moved[Viseme.PP] != moved[Viseme.OU]
    assert list(controls_of(shapes, rig)) == list(rig.controls)


def test_arkit_has_its_52_shapes_and_both_sides_alike() -> None:
    rig = find_rig("arkit")
    assert len(rig.controls) == 52
    for weights in rig.visemes.values():
        for control, weight in weights.items():
            if control.endswith("Left"):
                assert weights[control.removesuffix("Left") + "Right"] == weight


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"controls": ["a"], "visemes": {"aa": {"b": 1}}}, "b, which is not among the controls"),
        ({"controls": ["a", "a"], "visemes": {}}, "named twice"),
        ({"controls": ["a"], "visemes": {"ah": {"a": 1}}}, "Input should be"),
        ({"controls": ["a"], "visemes": {"aa": {"a": 3000}}}, "at most 1000"),
        ({"controls": [], "visemes": {}}, "at least 1"),
        ({"controls": ["a"], "visemes": {}, "jaw": ["b"]}, "b is not among the controls"),
        ("nothing", "Input should be an object"),
    ],
)
def test_a_rig_that_cannot_be_used_is_told(tmp_path: Path, document: object, why: str) -> None:
    path = tmp_path / "rig.json"
    path.write_text(json.dumps(document))
    with pytest.raises(DubwrightError) as told:
        find_rig(str(path))
    assert why in told.value.why and str(path) in told.value.where
    with pytest.raises(DubwrightError, match="no such rig"):
        find_rig("arkot")


def test_a_rig_of_ones_own_moves_as_it_says() -> None:
    rig = Rig(controls=("jaw", "lips"), visemes={Viseme.AA: {"jaw": 0.5}, Viseme.PP: {"lips": -1}})
    weights = np.zeros((2, 15))
    weights[0, VISEMES.index(Viseme.AA)] = 1
    weights[1, VISEMES.index(Viseme.PP)] = 0.5
    controls = controls_of(weights, rig)
    assert controls["jaw"].tolist() == [0.5, 0] and controls["lips"].tolist() == [0, -0.5]


def test_a_control_goes_as_far_as_what_moves_it_furthest() -> None:
    rig = Rig(
        controls=("location", "key"),
        visemes={Viseme.AA: {"location": 3, "key": 0.8}},
        gestures={Gesture.NOD: {"location": 2, "key": 0.8}},
    )
    wide = np.eye(len(VISEMES))[[VISEMES.index(Viseme.AA)] * 3]
    nods = np.array([[0, 0, 0], [0, 0, 0.5], [0, 0, -4]])
    controls = controls_of(wide, rig, nods)
    assert controls["location"].tolist() == [3, 3, -3]
    assert np.allclose(controls["key"], [0.8, 1, -1])


def test_a_long_line_is_moved_and_evened_in_little_memory() -> None:
    frames = 6000
    times_ms = (np.arange(frames) + 0.5) * 1000 / 60
    weights = np.random.default_rng(1).random((frames, len(VISEMES)))
    tracemalloc.start()
    moved = controlled_weights(weights, MouthControls(offset_ms=7, smoothing_ms=50), times_ms)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert moved.shape == weights.shape and peak < 20 * weights.nbytes


def test_phones_that_somebody_timed_move_the_mouth(tmp_path: Path) -> None:
    speech = EspeakSynthesizer().speak("Mama.", "en", 1.0)
    padded = np.pad(speech.samples, (0, speech.sample_rate))
    write_wav(tmp_path / "line.wav", padded, speech.sample_rate)
    (tmp_path / "line.txt").write_text("0.0\t0.1\tm\n0.10\t0.35\ta\n\n0.35\t0.5\tm\n0.5\t0.6\ti\n")

    def spoken(labels: str) -> dict[str, list[float]]:
        folder = animate(
            "", "xx", tmp_path / "out", recording=tmp_path / "line.wav",
            phones=tmp_path / labels, rate="100", store=tmp_path / "store",
        )  # fmt: skip
        return dict(json.loads((folder / "controls.json").read_text())["controls"])

    jaw = np.array(spoken("line.txt")["jawOpen"])
    assert jaw[15:30].max() > 3 * max(jaw[4], jaw[42]) and jaw[65:].max() < 0.05
    for labels, why in {
        "0.1\tm": "it is '0.1\\tm'",
        "0.1\tsoon\tm": "it is '0.1\\tsoon\\tm'",
        "0.2\t0.1\tm": "do not follow each other",
        "0.1\t90\tm": "the last ends at 90000 ms",
    }.items():
        (tmp_path / "bad.txt").write_text(labels)
        with pytest.raises(DubwrightError) as told:
            spoken("bad.txt")
        assert why in told.value.why
    with pytest.raises(DubwrightError, match="cannot be read"):
        spoken("none.txt")
    with pytest.raises(DubwrightError) as told:
        animate("Mama.", "en", tmp_path / "out", phones=tmp_path / "line.txt")
    assert "there is none" in told.value.why


def test_a_control_that_hardly_goes_anywhere_goes_there_smoothly(tmp_path: Path) -> None:
    rig = Rig(controls=("far", "near"), visemes={Viseme.AA: {"far": 1, "near": 0.0002}})
    (tmp_path / "rig.json").write_text(rig.model_dump_json())
    folder = animate(
        "Mama.", "en", tmp_path / "out", rig=tmp_path / "rig.json", store=tmp_path / "store"
    )
    told = json.loads((folder / "controls.json").read_text())["controls"]
    assert np.allclose(np.array(told["near"]) / 0.0002, told["far"], atol=1e-3)
    assert len(set(told["near"])) == len(set(told["far"])) > 5


@pytest.mark.parametrize("shapes", FLAP_SETS)
@pytest.mark.parametrize("on", [1, 2, 3])
def test_a_drawn_mouth_covers_every_frame_and_is_held(shapes: str, on: int) -> None:
    symbols = "mamapatoboso"
    weights = _weights(symbols)
    runs = flaps(weights, FLAP_SETS[shapes], on)
    assert runs[0].start == 0 and runs[-1].end == len(weights)
    assert all(a.end == b.start and a.shape != b.shape for a, b in pairwise(runs))
    assert all(run.start % on == 0 for run in runs)
    closed = FLAP_SETS[shapes][Viseme.PP]
    for phone in _said(symbols):
        if viseme_of(phone.symbol) is Viseme.PP:
            frame = int(Fraction(phone.start + phone.end, 2 * SAMPLE_RATE) * 24)
            (run,) = (run for run in runs if run.start <= frame < run.end)
            assert run.shape == closed


def test_every_set_has_a_shape_for_every_viseme() -> None:
    for shapes in FLAP_SETS.values():
        assert set(shapes) == set(Viseme)


@pytest.mark.parametrize("rate", RATES)
def test_scenes_are_read_back(rate: Fraction, tmp_path: Path) -> None:
    """By USD's own library, by OpenTimelineIO's, and as glTF 2.0 says."""
    weights = _weights("amipo", rate)
    controls = controls_of(weights, find_rig("arkit"))
    values = np.stack(list(controls.values()), axis=1)

    layer = tmp_path / "mouth.usda"
    layer.write_text(usda(controls, rate))
    stage = Usd.Stage.Open(str(layer))
    assert stage.GetTimeCodesPerSecond() == float(rate)
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (0, len(weights) - 1)
    root = UsdSkel.Root(stage.GetDefaultPrim())
    cache = UsdSkel.Cache()
    assert cache.Populate(root, Usd.PrimDefaultPredicate)
    (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    animation = cache.GetSkelQuery(binding.GetSkeleton()).GetAnimQuery()
    assert list(animation.GetBlendShapeOrder()) == list(controls)
    for frame in range(len(weights)):
        assert np.allclose(animation.ComputeBlendShapeWeights(frame), values[frame], atol=1e-5)
    (mesh,) = binding.GetSkinningTargets()
    assert list(mesh.GetBlendShapeOrder()) == list(controls)
    assert len(mesh.GetBlendShapeTargetsRel().GetTargets()) == len(controls)

    document = json.loads(gltf(controls, rate))
    data = base64.b64decode(document["buffers"][0]["uri"].partition(",")[2])
    assert len(data) == document["buffers"][0]["byteLength"]

    def accessor(index: int) -> np.ndarray:
        found = document["accessors"][index]
        view = document["bufferViews"][found["bufferView"]]
        return np.frombuffer(data, np.float32, view["byteLength"] // 4, view["byteOffset"])

    ((sampler,), (channel,)) = (document["animations"][0][k] for k in ("samplers", "channels"))
    assert channel["target"] == {"node": 0, "path": "weights"}
    assert np.allclose(accessor(sampler["input"]) * float(rate), np.arange(len(weights)), atol=1e-4)
    assert np.array_equal(accessor(sampler["output"]).reshape(values.shape), values)
    assert document["meshes"][0]["extras"]["targetNames"] == list(controls)

    drawn = flaps(weights, FLAP_SETS["rhubarb"])
    rows = {name: row.tolist() for name, row in controls.items()}
    for sound in ("line.wav", None):
        timeline = otio.adapters.read_from_string(
            otio_timeline(rows, drawn, rate, sound), "otio_json"
        )
        (clip,) = timeline.find_clips()
        assert clip.trimmed_range().duration.value == len(weights)
        character = clip.metadata["dubwright"]["character"]
        assert list(character["controls"]["jawOpen"]) == pytest.approx(rows["jawOpen"], abs=1e-9)
        assert character["drawn"][0]["shape"] == "X"
        assert getattr(clip.media_reference, "target_url", None) == sound


@pytest.mark.parametrize("rate", RATES)
def test_what_is_written_is_read_back(rate: Fraction) -> None:
    weights = _weights("mapitosafu", rate)
    runs = flaps(weights, FLAP_SETS["rhubarb"])
    shapes = [run.shape for run in runs]
    lines = [line.split("\t") for line in rhubarb_tsv(runs, rate).splitlines()]
    assert [shape for _, shape in lines] == [*shapes, "X"]
    assert [float(at) for at, _ in lines[:-1]] == [round(float(r.start / rate), 2) for r in runs]
    root = ElementTree.fromstring(rhubarb_xml(runs, rate, "a & b.wav"))
    assert root.findtext("metadata/soundFile") == "a & b.wav"
    assert [cue.text for cue in root.iter("mouthCue")] == shapes
    document = json.loads(rhubarb_json(runs, rate, "a.wav"))
    assert [cue["value"] for cue in document["mouthCues"]] == shapes
    moho = moho_dat(runs).splitlines()
    assert moho[0] == "MohoSwitch1"
    assert moho[1:] == [f"{run.start + 1} {run.shape}" for run in runs]
    controls = controls_of(weights, find_rig("arkit"))
    rows = list(csv.DictReader(io.StringIO(arkit_csv(controls, rate))))
    assert len(rows) == len(weights) and rows[0]["BlendShapeCount"] == "61"
    read = [float(row["JawOpen"]) for row in rows]
    assert np.allclose(read, controls["jawOpen"], rtol=0, atol=1e-9)
    last = len(weights) - 1
    seconds, frame = divmod(last, int(np.ceil(float(rate))))
    assert rows[-1]["Timecode"] == f"00:00:{seconds:02d}:{frame:02d}.000"


def test_a_character_speaks_a_line(tmp_path: Path) -> None:
    store = tmp_path / "store"
    folder = animate("Mama, papa.", "es", tmp_path / "out", store=store)
    document = json.loads((folder / "controls.json").read_text())
    assert document["frames"] == len(document["controls"]["jawOpen"])
    assert max(document["controls"]["mouthPressLeft"]) > 0.5
    assert {path.name for path in folder.iterdir()} == {
        "arkit.csv", "controls.json", "curves.json", "line.wav", "manifest.json", "mouth.dat",
        "mouth.gltf", "mouth.json", "mouth.otio", "mouth.tsv", "mouth.usda", "mouth.xml",
    }  # fmt: skip
    told = read_credentials(folder / "line.wav", anchors(keys_folder()))
    assert (
        told is not None and told.trusted and "A synthetic voice" in told.actions[0]["description"]
    )
    assert animate("Mama, papa.", "es", tmp_path / "out", store=store) == folder
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"controls": ["Kiefer"], "visemes": {"aa": {"Kiefer": 1}}}))
    other = animate(
        "Mama, papa.", "es", tmp_path / "out", rig=mine, flaps="three", flaps_on=2, store=store
    )
    assert other != folder and not (other / "arkit.csv").exists()
    assert max(json.loads((other / "controls.json").read_text())["controls"]["Kiefer"]) > 0.5
    assert "closed" in (other / "mouth.tsv").read_text()


def _loud_at(*accents: float) -> np.ndarray:
    """Six seconds of quiet noise that is loud for a syllable at these times."""
    noise = np.random.default_rng(0).normal(0, 0.05, 6 * SAMPLE_RATE)
    times = np.arange(len(noise)) / SAMPLE_RATE
    louder = sum((np.abs(times - at) < 0.08).astype(float) for at in accents)
    return (noise * (1 + 4 * louder)).astype(np.float32)


def test_brows_and_head_go_with_accents_and_eyes_close_in_pauses() -> None:
    rate, frames = Fraction(24), 144
    phones = [*_said("mama", 200), *_said("papa", 200, lead_ms=2500)]
    face = acted(_loud_at(1.5, 4.0), SAMPLE_RATE, phones, rate, frames)
    blinks, brows, nods = (face[:, list(Gesture).index(gesture)] for gesture in Gesture)
    assert face.min() >= 0 and face.max() <= 1
    for at in (1.5, 4.0):
        frame = round(at * 24)
        assert brows[frame - 6 : frame + 2].max() > 0.7 and nods[frame - 2 : frame + 4].max() > 0.7
    assert nods[round(2.7 * 24)] == 0 and brows[round(0.8 * 24)] == 0
    pause = round(1.0 * 24)  # "mama" ends after a second, "papa" begins at two and a half
    assert blinks[pause - 1 : pause + 3].max() > 0.9
    shut = np.flatnonzero(np.diff((blinks > 0.5).astype(int)) == 1)
    assert 2 <= len(shut) <= 6 and np.diff(shut).min() > 0.5 * 24
    assert np.array_equal(face, acted(_loud_at(1.5, 4.0), SAMPLE_RATE, phones, rate, frames))
    assert acted(np.zeros(0, np.float32), SAMPLE_RATE, [], rate, 0).shape == (0, 3)


def test_a_character_acts_as_much_as_is_asked(tmp_path: Path) -> None:
    said = "Mama and papa are coming. They bring a big apple pie!"
    told = []
    for acting, emotion in ((0.0, None), (1.0, "happy")):
        folder = animate(
            said, "en", tmp_path / "out", acting=acting, emotion=emotion, store=tmp_path / "store"
        )
        told.append(json.loads((folder / "controls.json").read_text()))
    for document in told:
        for gesture, moved in (("blink", "eyeBlinkLeft"), ("nod", None)):
            row = document["gestures"][gesture]
            assert len(row) == document["frames"] and any(row) == (document is told[1])
            assert moved is None or row == document["controls"][moved]
    still, acting = (
        {name: np.array(row) for name, row in face["controls"].items()} for face in told
    )
    assert still["eyeBlinkLeft"].max() == 0 and acting["eyeBlinkLeft"].max() > 0.9
    assert still["browInnerUp"].max() == 0 and acting["browInnerUp"].max() > 0.1
    assert np.allclose(still["jawOpen"], acting["jawOpen"])
    assert (acting["mouthSmileLeft"] - still["mouthSmileLeft"]).min() > 0.4
    with pytest.raises(DubwrightError, match="does not know this emotion"):
        animate(said, "en", tmp_path / "out", rig="oculus", emotion="happy", store=tmp_path / "s")
    assert not (tmp_path / "s" / "results").exists(), "nothing was done before it was told"


def test_a_recording_alone_is_heard(tmp_path: Path) -> None:
    spoken = animate(
        "My mother baked a big apple pie.", "en", tmp_path / "out", store=tmp_path / "store"
    )
    heard = animate(
        "", "en", tmp_path / "heard", recording=spoken / "line.wav", store=tmp_path / "store"
    )
    with_words, by_sound = (
        np.array(json.loads((folder / "controls.json").read_text())["controls"]["jawOpen"])
        for folder in (spoken, heard)
    )
    frames = min(len(with_words), len(by_sound))
    assert np.corrcoef(with_words[:frames], by_sound[:frames])[0, 1] > 0.5
    moved = tmp_path / "elsewhere.wav"
    moved.write_bytes((spoken / "line.wav").read_bytes())
    again = animate("", "en", tmp_path / "heard", recording=moved, store=tmp_path / "store")
    assert again == heard, "what a result is known by does not say where a recording lies"
    with pytest.raises(DubwrightError, match="neither a text nor a recording"):
        animate(" ", "en", tmp_path / "out", store=tmp_path / "store")


def _captured(open_to: list[float], pucker: float = 0.0) -> dict[str, np.ndarray]:
    """ARKit's controls, captured from a head whose jaw opens so far."""
    head = build_head()
    faces = [head.posed({"jawOpen": jaw, "mouthPucker": pucker * jaw})[:468] for jaw in open_to]
    points = np.array([np.vstack([face, np.repeat(face[[33]], 10, axis=0)]) for face in faces])
    landmarks = (points * [20, -20, -20] + 300).astype(np.float32)
    track = FaceTrack(landmarks, head_template(landmarks), ("",) * len(landmarks))
    mouth = measure_range([track])
    assert mouth is not None
    return controls_of(captured_weights(captured_curves(track), mouth), find_rig("arkit"))


def test_a_character_opens_its_mouth_as_the_actor_does() -> None:
    jaw = [0.6 * abs(np.sin(n / 4)) for n in range(60)]
    controls = _captured(jaw)
    assert np.corrcoef(controls["jawOpen"], jaw)[0, 1] > 0.97
    shut = np.array(jaw) < 0.03
    assert controls["jawOpen"][shut].max() < 0.1 < 0.3 < controls["jawOpen"].max()
    rounded = _captured(jaw, pucker=1.0)
    assert rounded["mouthPucker"].max() > 2 * controls["mouthPucker"].max()


def test_a_mouth_that_is_not_seen_goes_evenly_to_the_next_that_is() -> None:
    landmarks = np.full((5, 478, 3), np.nan, np.float32)
    face = build_head().posed({"jawOpen": 0.0})[:468]
    open_mouth = build_head().posed({"jawOpen": 0.6})[:468]
    for frame, seen in ((0, face), (4, open_mouth)):
        whole = np.vstack([seen, np.repeat(seen[[33]], 10, axis=0)])
        landmarks[frame] = whole * [20, -20, -20] + 300
    hidden = ("", "no face was found", "no face was found", "no face was found", "")
    curves = captured_curves(FaceTrack(landmarks, head_template(landmarks), hidden))
    assert np.allclose(np.diff(curves[:, 0]), (curves[4, 0] - curves[0, 0]) / 4)


def test_a_rig_follows_the_actor_of_a_plate(sample: Sample, tmp_path: Path) -> None:
    shot, frames = sample.scene.shots[0], 110
    plates = sample.folder / "plates" / shot.name / f"{shot.name}.####.exr"
    folder = capture(plates, tmp_path / "out", frames=(1001, 1110), store=tmp_path / "store")
    document = json.loads((folder / "controls.json").read_text())
    assert document["frames"] == frames and document["rate"] == str(sample.scene.rate)
    voice = EspeakSynthesizer()
    spoken = [(line, voice.speak(line.text["en"], "en", 1.0)) for line in shot.lines]
    truth = shot_weights(sample.scene, shot, spoken)[:frames]
    for control, least in (("jawOpen", 0.85), ("mouthPucker", 0.8), ("mouthFunnel", 0.8)):
        true = [weights.get(control, 0.0) for weights in truth]
        assert np.corrcoef(document["controls"][control], true)[0, 1] > least, control
    assert not (folder / "line.wav").exists() and (folder / "arkit.csv").exists()
    assert "read from a picture" in json.loads((folder / "manifest.json").read_text())["statement"]


def test_a_plate_that_shows_nobody_cannot_be_followed(tmp_path: Path) -> None:
    for frame in range(1001, 1009):
        write_rgb(tmp_path / f"wall.{frame}.exr", np.full((120, 160, 3), 0.18, np.float32), {})
    with pytest.raises(DubwrightError, match="No mouth can be read"):
        capture(
            tmp_path / "wall.####.exr", tmp_path / "out", colour_space="ACEScg",
            store=tmp_path / "store",
        )  # fmt: skip
