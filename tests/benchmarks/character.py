"""Characters measured: are mouths drawn in the right shape, at the right time, and how fast?

    python tests/benchmarks/character.py [--quick] [--json FILE]

Lines in ten languages are spoken by espeak-ng, which says when each of its phones begins and ends.
Each is given back as drawn mouths (Rhubarb's shapes, A to H and X) by its sound and words (`told`)
and by its sound alone (`heard`, and `live` as it comes), and held against the shapes of the known
phones every 10 ms:
`LANGUAGE.ROW.agree` is the share of the spoken time in which the shape is right, `closed` that of
the time of p, b and m in which the lips are closed, `ROW.CLASS` the mean agreement on one class of
phones. `speed` is seconds of sound per second of work, from known phones to curves and files.

DUBWRIGHT_RHUBARB may name a folder in which the npm package rhubarb-lip-sync-wasm is installed:
rows `rhubarb_told` and `rhubarb_heard` are Rhubarb's, by its English recogniser, which is the one
that the package has. `captured.CONTROL_r` is how well a control that is captured from the synthetic
actor's picture follows the one that moved the actor. `live.latency_ms.median` and `.p99` are how
long after a moment's sound a receiver on this machine has the frame that shows it.
DUBWRIGHT_BPY_PYTHON may name a Python with bpy: `blender.keys_a_second`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from pythonosc.osc_bundle import OscBundle
from scipy.signal import resample_poly

from dubwright.api import capture
from dubwright.character.flaps import FLAP_SETS, flaps
from dubwright.character.formats import arkit_csv
from dubwright.character.hearing import heard_weights
from dubwright.character.rig import controls_of, find_rig
from dubwright.character.visemes import viseme_weights
from dubwright.engines import Speech
from dubwright.mouth.listener import Listener, heard
from dubwright.mouth.visemes import Viseme, viseme_of
from dubwright.operations.listening import AHEAD, LIVE_AHEAD
from dubwright.operations.live import LiveRequest, played, speak_live, taught_listener
from dubwright.sample.scene import sample_scene, shot_weights, write_sample
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.engines.espeak_dtw import EspeakDtwAligner
from dubwright.speech.engines.pocketsphinx import PocketSphinxRecognizer
from dubwright.store import Store

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _common import Figures, run

LINES: Final[Mapping[str, Sequence[str]]] = {
    "en": ("My mother baked a big apple pie for the party.", "Who moved the boat above the fall?"),
    "es": ("Mi madre preparó una buena comida para todos.", "El barco va por el mar profundo."),
    "fr": ("Ma mère a préparé un bon repas pour tout le monde.", "Le bateau part pour la mer."),
    "de": ("Meine Mutter backt einen guten Apfelkuchen.", "Das Boot fährt weit über das Meer."),
    "it": ("Mia madre prepara un buon pranzo per tutti.", "La barca va lontano sul mare."),
    "pt": ("A minha mãe preparou uma boa comida.", "O barco vai para o mar profundo."),
    "nl": ("Mijn moeder bakt een mooie appeltaart.", "De boot vaart ver over de zee."),
    "pl": ("Moja mama piecze dobre ciasto.", "Łódź płynie daleko po morzu."),
    "sv": ("Min mamma bakar en fin äppelpaj.", "Båten far långt över havet."),
    "ru": ("Моя мама готовит хороший обед.", "Лодка плывёт далеко по морю."),
}
RATE: Final = Fraction(100)
SHAPES: Final = FLAP_SETS["rhubarb"]
CAPTURED: Final = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDownLeft")
RHUBARB_RATE: Final = 16000
RHUBARB: Final = """
import { Rhubarb } from "rhubarb-lip-sync-wasm";
import { readFileSync } from "fs";
const [pcm, text] = process.argv.slice(2);
const found = await Rhubarb.getLipSync(readFileSync(pcm), { dialogText: text });
console.log("\\n" + JSON.stringify(found.mouthCues));
"""
KEYS: Final = """
import os, sys, time
sys.path[:0] = sys.argv[1:]
import bpy
from dubwright_blender.keys import key_line, shape_key_path
bpy.ops.wm.read_factory_settings(use_empty=True)
mesh = bpy.data.meshes.new("m")
mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
obj = bpy.data.objects.new("o", mesh)
bpy.context.scene.collection.objects.link(obj)
obj.shape_key_add(name="Basis")
values = {}
for number in range(52):
    obj.shape_key_add(name="k%d" % number)
    values["k%d" % number] = [(frame % 10) / 10 for frame in range(3000)]
began = time.perf_counter()
paths = {shape_key_path(name): row for name, row in values.items()}
key_line(obj.data.shape_keys, obj.name, "line", "en", paths, 1)
print(52 * 3000 / (time.perf_counter() - began))
sys.stdout.flush()
os._exit(0)
"""


def measure(quick: bool) -> Figures:
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        listeners = {ahead: taught_listener(store, ahead) for ahead in (AHEAD, LIVE_AHEAD)}
    by_class: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for language in ["en", "es"] if quick else LINES:
        known: dict[str, list[np.ndarray]] = defaultdict(list)
        for text in LINES[language][: 1 if quick else None]:
            speech = EspeakSynthesizer().speak(text, language, 1.0)
            truth = _truth(speech)
            for row, shown in _rows(speech, text, language, len(truth), listeners).items():
                right = np.array(
                    [said[1] == shape for said, shape in zip(truth, shown, strict=True)]
                )
                spoken = np.array([said[0] is not Viseme.SIL for said in truth])
                pressed = np.array([said[0] is Viseme.PP for said in truth])
                known[row + ".agree"].append(right[spoken])
                known[row + ".closed"].append(np.array(shown)[pressed] == SHAPES[Viseme.PP])
                for viseme in Viseme:
                    at = np.array([said[0] is viseme for said in truth])
                    if at.any():
                        by_class[row][viseme].append(float(right[at].mean()))
        figures |= {
            f"{language}.{row}": float(np.concatenate(v).mean()) for row, v in known.items()
        }
    for row in by_class:
        for viseme, shares in by_class[row].items():
            figures[f"{row}.{viseme}"] = float(np.mean(shares))
        for kind in ("agree", "closed"):
            of_row = [v for name, v in figures.items() if name.endswith(f".{row}.{kind}")]
            figures[f"{row}.{kind}"] = float(np.mean(of_row))
    figures |= _latency(listeners[LIVE_AHEAD])
    figures["speed.sound_seconds_a_second"] = _speed()
    if not quick:
        figures |= _captured()
    if python := os.environ.get("DUBWRIGHT_BPY_PYTHON"):
        figures["blender.keys_a_second"] = _keys_a_second(python.split(os.pathsep)[0])
    return figures


def _truth(speech: Speech) -> list[tuple[Viseme, str]]:
    """What is said every 10 ms, and its shape."""
    frames = int(Fraction(len(speech.samples), speech.sample_rate) * RATE)
    said = [(Viseme.SIL, SHAPES[Viseme.SIL])] * frames
    for phone in speech.phones:
        viseme = viseme_of(phone.symbol)
        first, last = (
            round(at / speech.sample_rate * float(RATE)) for at in (phone.start, phone.end)
        )
        for frame in range(first, min(last, frames)):
            said[frame] = (viseme, SHAPES[viseme])
    return said


def _rows(
    speech: Speech, text: str, language: str, frames: int, listeners: Mapping[int, Listener]
) -> dict[str, list[str]]:
    aligned = EspeakDtwAligner().align(speech.samples, speech.sample_rate, text, language)
    recognizer = PocketSphinxRecognizer()
    knows = recognizer.knows(language)
    hearings = recognizer.recognize(speech.samples, speech.sample_rate) if knows else ()
    listened = heard_weights(
        speech.samples, speech.sample_rate, hearings, listeners[AHEAD], RATE, frames
    )
    as_it_comes = heard(listeners[LIVE_AHEAD], speech.samples, speech.sample_rate)[:frames]
    rows = {
        "told": _drawn(viseme_weights(aligned, speech.sample_rate, RATE, frames)),
        "heard": _drawn(listened),
        "live": _drawn(as_it_comes),
    }
    if folder := os.environ.get("DUBWRIGHT_RHUBARB"):
        rows["rhubarb_told"] = _rhubarb(Path(folder), speech, text, frames)
        rows["rhubarb_heard"] = _rhubarb(Path(folder), speech, "", frames)
    return rows


def _drawn(weights: np.ndarray) -> list[str]:
    return [flap.shape for flap in flaps(weights, SHAPES) for _ in range(flap.start, flap.end)]


def _latency(listener: Listener) -> Figures:
    """How late a receiver has each frame, in milliseconds, while a line is played."""
    speech = EspeakSynthesizer().speak(" ".join(LINES["en"]) * 3, "en", 1.0)
    began: list[float] = []
    late: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
    ):
        line = Path(folder) / "line.wav"
        soundfile.write(line, speech.samples, speech.sample_rate)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(1)

        def sound() -> Iterator[np.ndarray]:
            began.append(time.monotonic())
            yield from played(line)

        request = LiveRequest(port=receiver.getsockname()[1])
        speaking = threading.Thread(
            target=speak_live, args=(request, listener), kwargs={"blocks": sound()}
        )
        speaking.start()
        while speaking.is_alive():
            with suppress(TimeoutError):
                messages = {m.address: m.params for m in OscBundle(receiver.recv(65536))}
                late.append(1000 * (time.monotonic() - began[0] - messages["/VMC/Ext/T"][0]))
        speaking.join()
    return {
        "live.latency_ms.median": float(np.median(late[:-1])),
        "live.latency_ms.p99": float(np.percentile(late[:-1], 99)),
    }


def _rhubarb(folder: Path, speech: Speech, text: str, frames: int) -> list[str]:
    samples = resample_poly(speech.samples, RHUBARB_RATE, speech.sample_rate)
    with tempfile.TemporaryDirectory() as scratch:
        pcm, script = Path(scratch) / "line.pcm", folder / "dubwright-benchmark.mjs"
        pcm.write_bytes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
        script.write_text(RHUBARB)
        done = subprocess.run(
            ["node", str(script), str(pcm), text],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        script.unlink()
    shown = ["X"] * frames
    for cue in json.loads(done.stdout.strip().splitlines()[-1]):
        first, last = (round(cue[at] * float(RATE)) for at in ("start", "end"))
        for frame in range(first, min(last, frames)):
            shown[frame] = cue["value"]
    return shown


def _captured() -> Figures:
    """How well controls that are captured from the synthetic actor follow those that moved it."""
    scene = sample_scene()
    shot = scene.shots[0]
    spoken = [(line, EspeakSynthesizer().speak(line.text["en"], "en", 1.0)) for line in shot.lines]
    truth = shot_weights(scene, shot, spoken)
    with tempfile.TemporaryDirectory() as folder:
        write_sample(Path(folder), scene)
        plates = Path(folder) / "plates" / shot.name / f"{shot.name}.####.exr"
        made = capture(plates, Path(folder) / "out", store=Path(folder) / "store")
        controls = json.loads((made / "controls.json").read_text())["controls"]
    return {
        f"captured.{name}_r": float(
            np.corrcoef(controls[name], [weights.get(name, 0.0) for weights in truth])[0, 1]
        )
        for name in CAPTURED
    }


def _speed() -> float:
    speech = EspeakSynthesizer().speak(" ".join(LINES["en"]) * 10, "en", 1.0)
    seconds = len(speech.samples) / speech.sample_rate
    began = time.perf_counter()
    weights = viseme_weights(speech.phones, speech.sample_rate, Fraction(24), int(seconds * 24))
    flaps(weights, SHAPES)
    arkit_csv(controls_of(weights, find_rig("arkit")), Fraction(24))
    return seconds / (time.perf_counter() - began)


def _keys_a_second(python: str) -> float:
    root = Path(__file__).resolve().parents[2]
    folders = [str(root / "plugin"), str(root / "host_adapters" / "blender")]
    done = subprocess.run(
        [python, "-c", KEYS, *folders], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    run("Characters: shapes and times of drawn mouths, and speed.", measure)
