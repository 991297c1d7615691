"""A mouth that moves while somebody speaks: what it hears, and what a receiver reads."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle

from dubwright.character.live import LiveMouth
from dubwright.character.rig import find_rig
from dubwright.character.vmc import MOST_BYTES, vmc_packets
from dubwright.errors import DubwrightError
from dubwright.mouth.listener import HEARD_RATE, LISTENER_RATE, Listener, Stream, heard, practice
from dubwright.mouth.visemes import Viseme, viseme_of
from dubwright.operations.live import LiveRequest, speak_live, taught_listener
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.store import Store

VISEMES = list(Viseme)


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with this machine's listener."""
    folder = tmp_path_factory.mktemp("listener")
    taught_listener(Store(folder))
    return folder


@pytest.fixture(scope="session")
def listener(taught: Path) -> Listener:
    return taught_listener(Store(taught))


def _spoken(text: str, language: str) -> tuple[np.ndarray, list[tuple[float, float, Viseme]]]:
    """Speech at LISTENER_RATE, and when which viseme is seen, in seconds."""
    speech = EspeakSynthesizer().speak(text, language, 1.0)
    rate = speech.sample_rate
    phones = [(p.start / rate, p.end / rate, viseme_of(p.symbol)) for p in speech.phones]
    return soxr.resample(speech.samples, rate, LISTENER_RATE).astype(np.float32), phones


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sv", "Min mamma bakar en fin äppelpaj till alla."),
        ("fi", "Punainen auto ajaa maalla mukavasti koko kesän."),
        ("tr", "Annem bana güzel bir elma verdi."),
    ],
)
def test_languages_it_was_never_taught_are_heard(
    listener: Listener, language: str, text: str
) -> None:
    sound, phones = _spoken(text, language)
    weights = heard(listener, sound, LISTENER_RATE)
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-3)
    said = np.zeros_like(weights)
    for start, end, viseme in phones:
        said[round(start * HEARD_RATE) : round(end * HEARD_RATE), VISEMES.index(viseme)] = 1
    spoken = said[:, VISEMES.index(Viseme.SIL)] == 0
    right = (weights * said)[spoken].sum(axis=1).mean()
    # As likely as each is in the line, whenever it is said.
    blind = (said[spoken].mean(axis=0) ** 2).sum()
    assert right > 1.6 * blind
    wide = [VISEMES.index(viseme) for viseme in (Viseme.AA, Viseme.E, Viseme.OH)]
    assert np.corrcoef(weights[:, wide].sum(axis=1), said[:, wide].sum(axis=1))[0, 1] > 0.5


def test_silence_and_noise_leave_the_mouth_at_rest(listener: Listener) -> None:
    noise = 0.001 * np.random.default_rng(0).standard_normal(LISTENER_RATE).astype(np.float32)
    sound, _ = _spoken("Mama.", "en")
    around = np.concatenate([noise, sound, noise])
    weights = heard(listener, around, LISTENER_RATE)
    silent = weights[:, VISEMES.index(Viseme.SIL)]
    last = silent[-HEARD_RATE // 2 : -20]
    assert last.mean() > 0.6 and last.mean() > 2 * silent[HEARD_RATE + 5 : -HEARD_RATE].mean()


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=30))
@settings(max_examples=20, deadline=None)
def test_a_stream_hears_what_the_whole_recording_has(listener: Listener, sizes: list[int]) -> None:
    """However it is cut up, and nothing is told before it may be known."""
    sound, _ = _spoken("Papa moves the boat.", "en")
    stream, told, start = Stream(listener), [], 0
    for size in sizes:
        told.append(stream.push(sound[start : start + size]))
        start = min(start + size, len(sound))
        known = sum(map(len, told))
        assert known <= max(0, start / LISTENER_RATE * HEARD_RATE - listener.ahead + 1)
    told += [stream.push(sound[start:]), stream.finish()]
    whole = heard(listener, sound, LISTENER_RATE)
    assert np.allclose(np.vstack(told)[: len(whole)], whole)


def test_practice_is_the_same_each_time() -> None:
    lines = list(practice(20))
    assert lines == list(practice(20)) and len(set(lines)) == 20
    assert all(line.endswith(".") and line.isascii() for line in lines)


@pytest.mark.parametrize("rate", [Fraction(60), Fraction(30000, 1001), Fraction(120)])
def test_frames_come_at_any_rate(listener: Listener, rate: Fraction) -> None:
    sound, phones = _spoken("Mama, papa.", "en")
    sound = np.append(sound, np.zeros(LISTENER_RATE // 4, np.float32))
    frames = LiveMouth(listener, find_rig("arkit"), rate).push(sound)
    assert len(frames) == pytest.approx(len(sound) / LISTENER_RATE * float(rate), abs=9)
    opened = np.array([frame["jawOpen"] for frame in frames])
    times = np.arange(len(frames)) / float(rate)
    vowel = np.zeros(len(frames), bool)
    for start, end, viseme in phones:
        if viseme is Viseme.AA:
            vowel |= (times >= start) & (times < end)
    assert opened[vowel].mean() > 2 * opened[~vowel].mean()


def _messages(packet: bytes) -> Iterator[tuple[str, list[object]]]:
    for message in OscBundle(packet):
        yield message.address, message.params


def test_a_frame_is_sent_as_the_protocol_says() -> None:
    controls = dict.fromkeys(find_rig("arkit").controls, 0.25)
    packets = list(vmc_packets(controls, 1.5))
    assert len(packets) > 1 and all(len(packet) <= MOST_BYTES for packet in packets)
    read = [message for packet in packets for message in _messages(packet)]
    assert read[:2] == [("/VMC/Ext/OK", [1]), ("/VMC/Ext/T", [1.5])]
    assert read[2:-1] == [("/VMC/Ext/Blend/Val", [name, 0.25]) for name in controls]
    assert read[-1] == ("/VMC/Ext/Blend/Apply", [])


def test_a_recording_is_played_to_who_reads_it(taught: Path, tmp_path: Path) -> None:
    """By the command line, over UDP: 60 frames a second in order, then a mouth at rest."""
    sound, _ = _spoken("Mama, papa, a big apple.", "en")
    soundfile.write(tmp_path / "line.wav", sound, LISTENER_RATE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        to = f"127.0.0.1:{receiver.getsockname()[1]}"
        command = [sys.executable, "-m", "dubwright.cli", "live", str(tmp_path / "line.wav")]
        options = ["--to", to, "--rig", "vrm1", "--store", str(taught)]
        with subprocess.Popen([*command, *options]) as process:
            times: list[float] = []
            opened: list[float] = []
            while process.poll() is None:
                receiver.settimeout(0.5)
                try:
                    read = dict(_named(receiver.recv(65536)))
                except TimeoutError:
                    continue
                times.append(read["/VMC/Ext/T"])
                opened.append(read["aa"])
        assert process.returncode == 0
    frames = len(sound) / LISTENER_RATE * 60
    assert frames <= len(times) <= frames + 6, "the last frame, and some silence"
    assert np.allclose(np.diff(times), 1 / 60, atol=1e-4)
    assert max(opened) > 0.5 and opened[-1] == 0


def _named(packet: bytes) -> Iterator[tuple[str, float]]:
    for address, values in _messages(packet):
        if address == "/VMC/Ext/Blend/Val":
            name, value = values
            yield str(name), float(str(value))
        elif values:
            yield address, float(str(values[0]))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--to", "nowhere"], "not valid"),
        (["--to", "127.0.0.1:99999"], "not valid"),
        (["--to", "no.such.host.invalid:39539"], "no such receiver"),
        (["--to", "255.255.255.255:39539"], "no such receiver"),
        (["--rig", "arkot.json"], "cannot be read"),
        (["--rate", "0"], "not valid"),
    ],
)
def test_what_cannot_be_done_live_is_told(
    taught: Path, tmp_path: Path, options: list[str], what: str
) -> None:
    soundfile.write(tmp_path / "line.wav", np.zeros(1600, np.float32), LISTENER_RATE)
    command = [sys.executable, "-m", "dubwright.cli", "live", str(tmp_path / "line.wav")]
    done = subprocess.run(
        [*command, "--store", str(taught), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and what in done.stderr, done.stderr


def test_without_a_microphones_library_it_says_what_to_install(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DubwrightError, match="microphone") as told:
        speak_live(LiveRequest(), listener)
    assert "dubwright[live]" in told.value.repair
