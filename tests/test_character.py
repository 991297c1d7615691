"""Characters: visemes over time, rigs, drawn mouths, and the files that other programs read."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.api import animate
from dubwright.character.flaps import FLAP_SETS, flaps
from dubwright.character.formats import (
    arkit_csv,
    moho_dat,
    rhubarb_json,
    rhubarb_tsv,
    rhubarb_xml,
)
from dubwright.character.rig import RIGS, Rig, controls_of, find_rig
from dubwright.character.visemes import viseme_weights
from dubwright.errors import DubwrightError
from dubwright.model import Phone
from dubwright.mouth.visemes import Viseme, viseme_of

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


def _weights(
    symbols: str, rate: Fraction = RATES[0], each_ms: float = 80, **more: float
) -> np.ndarray:
    phones = _said(symbols, each_ms)
    frames = int(Fraction(phones[-1].end + SAMPLE_RATE // 4, SAMPLE_RATE) * rate)
    return viseme_weights(phones, SAMPLE_RATE, rate, frames, **more)


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
    weights = _weights(symbols, each_ms=each_ms, intensity=intensity)
    assert weights.dtype == np.float32 and np.isfinite(weights).all()
    assert weights.min() >= 0 and weights.max() <= 1
    if any(viseme_of(symbol) is Viseme.PP for symbol in symbols):
        assert _of(weights, Viseme.PP).max() == pytest.approx(1), "lips meet at any intensity"


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
        ({"controls": ["a"], "visemes": {"aa": {"a": 3}}}, "-1 to 1"),
        ({"controls": [], "visemes": {}}, "at least 1"),
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
        "mouth.json", "mouth.tsv", "mouth.xml",
    }  # fmt: skip
    assert animate("Mama, papa.", "es", tmp_path / "out", store=store) == folder
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"controls": ["Kiefer"], "visemes": {"aa": {"Kiefer": 1}}}))
    other = animate(
        "Mama, papa.", "es", tmp_path / "out", rig=mine, flaps="three", flaps_on=2, store=store
    )
    assert other != folder and not (other / "arkit.csv").exists()
    assert max(json.loads((other / "controls.json").read_text())["controls"]["Kiefer"]) > 0.5
    assert "closed" in (other / "mouth.tsv").read_text()
