"""A language is mixed as its original is: layout, rate, level, place and room."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from tiny_models import tiny_mdx_net

from dubwright.api import perform
from dubwright.errors import DubwrightError
from dubwright.media.audio import LoudnessMeter, loudness_lufs, resampled, written_wav
from dubwright.model import Fit, Take
from dubwright.operations.background import Separated, separate_part
from dubwright.operations.mixing import mix_language
from dubwright.operations.pictures import timeline_sounds
from dubwright.operations.request import DubRequest
from dubwright.operations.results import save_take
from dubwright.operations.task import Context, Task
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.layout import STEREO, Layout, centred, laid_out, layout_of, pan_of
from dubwright.speech.mix import Original
from dubwright.speech.room import in_room, room_like
from dubwright.speech.soundtrack import SoundClip, gather_original, layout_of_clips
from dubwright.store import Store

Samples = NDArray[np.float32]
WHERE = Path("x")


@pytest.mark.parametrize(
    ("sounds", "layout"),
    [
        ([], STEREO),
        ([(8000, 1)], STEREO),
        ([(44100, 2), (48000, 6)], Layout(48000, 6)),
        ([(96000, 8), (48000, 6)], Layout(96000, 8)),
        ([(192000, 4)], STEREO),
    ],
)
def test_a_mix_is_as_wide_and_fine_as_its_sounds(
    sounds: list[tuple[int, int]], layout: Layout
) -> None:
    assert layout_of(sounds) == layout


def test_channels_go_where_they_belong() -> None:
    wide = np.arange(1, 9, dtype=np.float32)[None].repeat(3, axis=0)
    half = 0.5**0.5
    assert np.allclose(laid_out(wide, 6)[0], [1, 2, 3, 4, 5 + half * 7, 6 + half * 8])
    assert np.allclose(laid_out(wide[:, :6], 2)[0], [1 + half * 8, 2 + half * 9])
    assert np.allclose(laid_out(wide, 2)[0], [1 + half * 15, 2 + half * 17])
    assert np.allclose(laid_out(wide[:, :6], 8)[0], [1, 2, 3, 4, 5, 6, 0, 0])
    assert np.allclose(laid_out(wide[:, :2], 6)[0], [1, 2, 0, 0, 0, 0])
    assert np.allclose(laid_out(wide[:, :1], 6)[0], [0, 0, 1, 0, 0, 0])
    assert np.allclose(laid_out(wide[:, :1], 2)[0], [1, 1])
    assert np.allclose(laid_out(wide[:, :4], 6)[0], [1, 2, 0, 0, 3, 4]), "quad"
    assert np.allclose(laid_out(wide[:, :5], 6)[0], [1, 2, 3, 0, 4, 5]), "5.0"
    assert np.allclose(laid_out(wide[:, :3], 2)[0], [1 + half * 3, 2 + half * 3]), "LCR"
    for channels in (2, 6, 8):
        assert laid_out(wide[:, :channels], channels).shape == (3, channels)
        assert (centred(channels) ** 2).sum() == pytest.approx(1)


def test_a_voice_stands_where_the_original_stood() -> None:
    voice = np.random.default_rng(0).normal(0, 0.1, 4800).astype(np.float32)
    assert np.allclose(pan_of(voice[:, None] * [0.6, 0.8]), [0.6, 0.8], atol=1e-5)
    assert np.allclose(pan_of(voice[:, None] * [1, 0.01]), [1, 0]), "what is faint is left out"
    surround = np.zeros((4800, 6), np.float32)
    surround[:, 2], surround[:, 3] = voice, voice
    assert np.allclose(pan_of(surround), centred(6)), "the lowest channel holds no voice"
    assert np.allclose(pan_of(np.zeros((0, 2), np.float32)), centred(2))


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_loudness_is_the_same_at_every_rate(rate: int) -> None:
    times = np.arange(3 * rate) / rate
    tone = (0.25 * np.sin(2 * np.pi * 997 * times)).astype(np.float32)[:, None].repeat(2, 1)
    meter = LoudnessMeter(rate)
    meter.add(tone)
    assert meter.integrated_lufs() == pytest.approx(loudness_lufs(tone, rate), abs=0.1)
    # ITU-R BS.1770: 997 Hz at full scale in one channel is -3.01.
    assert meter.integrated_lufs() == pytest.approx(20 * np.log10(0.25), abs=0.05)


def test_surround_channels_count_more_and_the_lowest_nothing() -> None:
    tone = (0.1 * np.sin(np.arange(2 * 48000) * 0.1)).astype(np.float32)
    found = {}
    for channel in (0, 3, 4):
        sound = np.zeros((len(tone), 6), np.float32)
        sound[:, channel] = tone
        meter = LoudnessMeter()
        meter.add(sound)
        found[channel] = meter.integrated_lufs()
    assert found[3] is None and found[0] is not None and found[4] is not None
    assert found[4] - found[0] == pytest.approx(10 * np.log10(1.41), abs=0.01)


def _said(text: str, rate: int, voice: str = "", language: str = "en") -> Samples:
    spoken = EspeakSynthesizer().speak(text, language, 1.0, voice)
    return resampled(spoken.samples, spoken.sample_rate, rate)


def _hall(seconds: float, wet_db: float, rate: int) -> Samples:
    times = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(7).normal(0, 1, len(times)) * np.exp(-6.9 * times / seconds)
    return (noise * 10 ** (wet_db / 20) / np.sqrt((noise**2).sum())).astype(np.float32)


LINES = ("We bought five new boats last summer.", "Nobody told me about the lighthouse.",
         "My brother plays the piano every evening.")  # fmt: skip


def test_a_room_is_heard_and_where_there_is_none_none_is() -> None:
    rate = 24000
    original = [_said(line, rate, "m3") for line in LINES]
    dry = [_said(line, rate, "f2") for line in reversed(LINES)]
    assert room_like(original, dry, rate) is None
    halls = []
    for seconds, wet in ((0.4, -6), (1.5, -2)):
        hall = _hall(seconds, wet, rate)
        heard = [line + fftconvolve(line, hall)[: len(line)] for line in original]
        room = room_like(heard, dry, rate)
        assert room is not None
        halls.append(room.seconds * 10 ** (room.wet_db / 20))
    assert halls[1] > 1.5 * halls[0], "a hall is more than a parlour"
    assert room_like([np.zeros(10, np.float32)], dry, rate) is None


def test_a_voice_in_a_room_keeps_its_own_sound_and_rings_on() -> None:
    dry = _said(LINES[0], 24000)
    hall = _hall(1.0, -3, 24000)
    room = room_like([dry + fftconvolve(dry, hall)[: len(dry)]], [dry], 24000)
    assert room is not None
    wet = in_room(dry, room, 24000)
    assert len(wet) > len(dry) + 2000 and np.corrcoef(wet[: len(dry)], dry)[0, 1] > 0.7
    assert np.array_equal(wet, in_room(dry, room, 24000))


def _take(folder: Path, samples: Samples, engine: str = "espeak-ng/2") -> Path:
    folder.mkdir()
    soundfile.write(folder / "take.wav", samples, 48000, subtype="FLOAT")
    fit = Fit(slot=len(samples), speed=1, verdict="fits")
    save_take(
        Take(
            text="x", language="en", audio=Path("take.wav"), sample_rate=48000,
            length=len(samples), phones=(), engine=engine, aligned_by="x", fit=fit,
        ),
        folder,
    )  # fmt: skip
    return folder


def _mixed(
    folder: Path,
    layout: Layout,
    stems: dict[str, Samples],
    take: Samples,
    asked: dict[str, Any] = {},  # noqa: B006
    **inputs: Path,
) -> dict[str, Any]:
    """What a second of a take becomes, a second after a timeline's start."""
    sounds = []
    for stem, samples in stems.items():
        path = folder / f"{stem.replace('&', '')}.wav"
        soundfile.write(path, samples, layout.rate, subtype="FLOAT")
        duration = Fraction(len(samples), layout.rate)
        sounds.append(
            SoundClip(path, stem, Fraction(0), Fraction(0), duration).as_json()  # type: ignore[arg-type]
        )
    told = {
        "takes": [{"cue": "a", "speaker": "b", "start": layout.rate, "end": 3 * layout.rate}],
        "kept": [], "samples": 4 * layout.rate, "layout": [layout.rate, layout.channels],
    } | asked  # fmt: skip
    made = folder / "mix"
    made.mkdir()
    inputs["take:a"] = _take(folder / "take", take)
    task = Task("mix", 1, told, where={"sounds": sounds})
    mix_language(Context(task, inputs, made, lambda: None, 8))
    found = {name: soundfile.read(made / f"{name}.wav") for name in ("DX", "ME", "mix")}
    assert {rate for _, rate in found.values()} == {layout.rate}
    return {name: samples for name, (samples, _) in found.items()} | json.loads(
        (made / "mix.json").read_text()
    )


@pytest.mark.parametrize("layout", [Layout(48000, 6), Layout(96000, 8), Layout(44100, 2)])
def test_a_mix_is_delivered_in_the_originals_layout(layout: Layout, tmp_path: Path) -> None:
    rate = layout.rate
    voice = np.resize(_said(LINES[0], rate, "m3"), 4 * rate)
    noise = np.random.default_rng(0).normal(0, 0.01, (4 * rate, layout.channels))
    dialogue = voice[:, None] * centred(layout.channels)
    made = _mixed(
        tmp_path, layout, {"DX": dialogue, "M&E": noise.astype(np.float32)},
        _said(LINES[1], 48000),
    )  # fmt: skip
    assert made["DX"].shape == (4 * rate, layout.channels)
    assert np.allclose(made["DX"] + made["ME"], made["mix"], atol=1e-4), "stems are the mix"
    assert np.allclose(made["ME"], noise, atol=1e-6)
    silent = [c for c in range(layout.channels) if not centred(layout.channels)[c]]
    assert not made["DX"][:, silent].any() and not made["DX"][: rate - 9].any()
    assert made["effects"] == "the M&E stem, untouched"
    line = made["DX"][rate : 2 * rate]
    heard = loudness_lufs(laid_out(line.astype(np.float32), 2), rate)
    wanted = loudness_lufs(laid_out(dialogue[rate : 3 * rate].astype(np.float32), 2), rate)
    assert heard == pytest.approx(wanted, abs=1.5)


def test_a_take_is_laid_where_its_line_stood_in_its_room(tmp_path: Path) -> None:
    rate = 48000
    voice = np.resize(_said(" ".join(LINES), rate, "m3"), 4 * rate)
    hall = _hall(1.0, 0, rate)
    voice = 0.3 * (voice + fftconvolve(voice, hall)[: len(voice)]).astype(np.float32)
    left = (voice[:, None] * np.array([0.9, 0.3])).astype(np.float32)
    made = _mixed(tmp_path, STEREO, {"DX": left, "M&E": np.zeros_like(left)}, _said(LINES[0], rate))
    levels = np.sqrt((made["DX"] ** 2).mean(axis=0))
    assert levels[0] / levels[1] == pytest.approx(3, rel=0.02)
    assert "1 line brought into the room" in made["effects"]


def test_a_surround_mix_without_stems_loses_its_centre(tmp_path: Path) -> None:
    layout = Layout(48000, 6)
    mix = np.random.default_rng(0).normal(0, 0.05, (4 * 48000, 6)).astype(np.float32)
    found = tmp_path / "background"
    found.mkdir()
    (found / "background.json").write_text('{"width": true, "tone": null}')
    silent = np.full(48000, 1e-5, np.float32)
    made = _mixed(tmp_path, layout, {"mix": mix}, silent, background=found)
    under = slice(48000 + 9600, 2 * 48000)
    gains = made["ME"][under].std(axis=0) / mix[under].std(axis=0)
    assert gains[2] == pytest.approx(10 ** (-24 / 20), rel=0.05)
    assert np.allclose(np.delete(gains, 2), 1, atol=0.01)
    assert "centre channel" in made["effects"]


def test_stereo_on_a_surround_timeline_loses_its_middle(tmp_path: Path) -> None:
    layout, rate = Layout(48000, 6), 48000
    voice = np.resize(_said(LINES[0], rate, "m3"), 4 * rate)
    mix = np.zeros((4 * rate, 6), np.float32)
    mix[:, :2] = voice[:, None] + np.random.default_rng(0).normal(0, 0.01, (4 * rate, 2))
    found = tmp_path / "background"
    found.mkdir()
    (found / "background.json").write_text('{"width": true, "tone": null}')
    silent = np.full(48000, 1e-5, np.float32)
    made = _mixed(tmp_path, layout, {"mix": mix}, silent, background=found)
    under = slice(rate + 9600, 2 * rate)
    left = (made["ME"][under, 0] * voice[under]).sum() / (voice[under] ** 2).sum()
    assert abs(left) < 0.15


def test_a_mix_is_not_clipped_before_it_is_brought_to_a_loudness(tmp_path: Path) -> None:
    rate = 48000
    loud = np.resize(_said(LINES[0], rate, "m3"), 4 * rate)
    loud = (0.95 * loud / np.abs(loud).max())[:, None].repeat(2, 1).astype(np.float32)
    made = _mixed(
        tmp_path, STEREO, {"DX": loud, "M&E": loud}, _said(LINES[0], rate, "m3"),
        asked={"loudness": "ebu_r128"},
    )  # fmt: skip
    assert np.allclose(made["DX"] + made["ME"], made["mix"], atol=2e-3)


def test_a_mix_that_would_be_clipped_is_turned_down_there(tmp_path: Path) -> None:
    rate = 48000
    loud = np.resize(_said(LINES[0], rate, "m3"), 4 * rate)
    loud = (0.95 * loud / np.abs(loud).max())[:, None].repeat(2, 1).astype(np.float32)
    made = _mixed(tmp_path, STEREO, {"DX": loud, "M&E": loud}, _said(LINES[0], rate, "m3"))
    together = made["DX"] + made["ME"]
    assert np.abs(together).max() > 1.1 and np.abs(made["mix"]).max() < 1
    assert made["true_peak_dbtp"]["mix"] <= 0
    quiet = np.abs(together).max(axis=1) < 0.5
    alike = np.abs(made["mix"] - together).max(axis=1) < 1e-3
    assert alike[quiet].mean() > 0.5, "turned down near peaks, and nowhere else"


@pytest.mark.parametrize(
    ("rate", "layout", "start", "speed"),
    [
        (44100, STEREO, "1/24", "1"),
        (48000, Layout(44100, 2), "1/24", "1"),
        (48000, STEREO, "1001/24000", "25/24"),
        (48000, STEREO, "0", "1001/1000"),
        (48000, STEREO, "1/24", "-1"),
    ],
)
def test_parts_of_a_clip_join_whatever_its_rate_and_speed(
    rate: int, layout: Layout, start: str, speed: str, tmp_path: Path
) -> None:
    times = np.arange(8 * rate) / rate
    tone = (0.5 * np.sin(2 * np.pi * 8000 * times)).astype(np.float32)[:, None].repeat(2, 1)
    soundfile.write(tmp_path / "a.wav", tone, rate, subtype="FLOAT")
    media = Fraction(7) if speed == "-1" else Fraction(0)
    clip = SoundClip(
        tmp_path / "a.wav", "mix", Fraction(start), media, Fraction(5), Fraction(speed)
    )
    step, end = round(1.3 * layout.rate), 5 * layout.rate
    whole = gather_original([clip], 0, end, layout).mix
    parts = [
        gather_original([clip], at, min(end, at + step), layout).mix for at in range(0, end, step)
    ]
    assert whole is not None
    assert np.abs(np.concatenate(parts) - whole)[: end - 4000].max() < 1e-5  # type: ignore[arg-type]


def test_movies_do_not_clip_what_surround_adds_up_to(tmp_path: Path) -> None:
    rate = 48000
    times = np.arange(2 * rate) / rate
    sound = np.zeros((2 * rate, 6), np.float32)
    sound[:, [0, 2, 4]] = (0.85 * np.sin(2 * np.pi * 440 * times))[:, None]
    soundfile.write(tmp_path / "mix.wav", sound, rate, subtype="FLOAT")
    task = Task("preview", 1, {"sounds": [["es", "Spanish"]]})
    (track,) = timeline_sounds(Context(task, {"mix:0": tmp_path}, tmp_path, print, 8), 4800)
    heard = np.concatenate(list(track.blocks))
    assert len(heard) == 2 * rate and 0.7 < np.abs(heard).max() < 0.9


def test_what_wav_cannot_hold_is_rf64_and_surround_says_its_channels(tmp_path: Path) -> None:
    for name, channels, samples, kind in (
        ("a", 2, 100, "WAV"), ("b", 6, 100, "WAVEX"), ("c", 6, 300_000_000, "RF64"),
    ):  # fmt: skip
        with written_wav(tmp_path / f"{name}.wav", channels, 48000, samples) as write:
            write(np.zeros((100, channels), np.float32))
        found = soundfile.info(tmp_path / f"{name}.wav")
        assert (found.format, found.frames, found.channels) == (kind, 100, channels)
    # The places of 5.1's channels: L R C LFE and the surrounds.
    header = (tmp_path / "b.wav").read_bytes()
    at = header.index(b"fmt ") + 8 + 20
    assert int.from_bytes(header[at : at + 4], "little").bit_count() == 6


def test_a_separator_takes_voices_out_part_by_part(tmp_path: Path) -> None:
    rate = 48000
    noise = np.random.default_rng(0).normal(0, 0.05, (62 * rate, 2))
    mix = np.cumsum(noise, axis=0)[::4].repeat(4, axis=0)[: 62 * rate]
    mix = (0.1 * (mix - mix.mean(axis=0)) / np.abs(mix).max()).astype(np.float32)
    soundfile.write(tmp_path / "mix.wav", mix, rate, subtype="FLOAT")
    sound = SoundClip(tmp_path / "mix.wav", "mix", Fraction(0), Fraction(0), Fraction(62))
    weights = tiny_mdx_net(tmp_path / "mdx")
    folders = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        told = {"separator": "mdx-net", "layout": [rate, 2],
                "part": [number * 30 * rate, min((number + 1) * 30, 62) * rate]}  # fmt: skip
        where = {"sounds": [sound.as_json()], "weights": str(weights)}
        separate_part(Context(Task("separated", 1, told, where=where), {}, folder, print, 8))
        folders.append(folder)
    behind = Separated(folders, "mdx-net", STEREO)
    assert "mdx-net" in behind.how
    for start, end in ((0, 100), (29 * rate, 31 * rate), (61 * rate, 62 * rate)):
        found = behind.behind(Original(None, None, None), start, end)
        assert found.shape == (end - start, 2)
        assert np.abs(found - 0.25 * mix[start:end])[10:-10].max() < 0.002


def test_weights_that_are_no_separator_are_met(tmp_path: Path) -> None:
    from dubwright.engines import EngineKind, engine

    mix = np.zeros((100, 2), np.float32)
    described = '{"fft": 6144, "hop": 1024, "stem": "background"}'
    for place, model, description in (
        ("nothing", None, described),
        ("undescribed", b"not a model", "{}"),
        ("unreadable", b"not a model", described),
    ):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "mdx.json").write_text(description)
        if model is not None:
            (folder / "model.onnx").write_bytes(model)
        with pytest.raises(DubwrightError, match="separator's weights"):
            engine("mdx-net", EngineKind.SEPARATOR, folder).background(mix, 48000)


def test_movies_hold_a_surround_mix_in_stereo(tmp_path: Path) -> None:
    rate = 96000
    times = np.arange(2 * rate) / rate
    sound = np.zeros((2 * rate, 6), np.float32)
    sound[:, 2] = 0.3 * np.sin(2 * np.pi * 440 * times)
    soundfile.write(tmp_path / "mix.wav", sound, rate, subtype="FLOAT")
    task = Task("preview", 1, {"sounds": [["es", "Spanish"]]})
    context = Context(task, {"mix:0": tmp_path}, tmp_path, lambda: None, 8)
    (track,) = timeline_sounds(context, 4800)
    blocks = list(track.blocks)
    assert {len(block) for block in blocks[:-1]} == {4800}
    heard = np.concatenate(blocks)
    assert abs(len(heard) - 2 * 48000) < 10 and heard.shape[1] == 2
    expected = 0.3 * 0.5**0.5 * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / 48000)
    assert np.abs(heard[500:-500, 0] - expected[500:-500]).max() < 0.01


def test_the_format_of_every_sound_is_read(tmp_path: Path) -> None:
    for name, rate, channels in (("a", 44100, 2), ("b", 96000, 8)):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros((100, channels)), rate)
    clips = [
        SoundClip(tmp_path / f"{name}.wav", "mix", Fraction(0), Fraction(0), Fraction(1))
        for name in "ab"
    ]
    layout = layout_of_clips(clips)
    assert layout == Layout(96000, 8)
    assert gather_original(clips, 0, 960, layout).mix.shape == (960, 8)  # type: ignore[union-attr]


def test_a_dub_of_surround_sound_is_delivered_in_surround(sample: Any, tmp_path: Path) -> None:
    import opentimelineio as otio

    timeline = otio.adapters.read_from_file(str(sample.timeline))
    rate = 48000
    for track in timeline.audio_tracks():
        for clip in track.find_clips():
            path = sample.folder / clip.media_reference.target_url
            heard, own = soundfile.read(path, dtype="float32", always_2d=True)
            wide = laid_out(resampled(heard, own, rate), 6)
            made = tmp_path / f"{path.stem}.wav"
            soundfile.write(made, wide, rate)
            clip.media_reference.target_url = str(made)
    for track in timeline.video_tracks():
        for clip in track.find_clips():
            reference = clip.media_reference
            if hasattr(reference, "target_url_base"):
                reference.target_url_base = str(sample.folder / reference.target_url_base)
    otio.adapters.write_to_file(timeline, str(tmp_path / "wide.otio"))
    request = DubRequest(
        timeline=tmp_path / "wide.otio", languages=("es",), output=tmp_path / "out",
        subtitles=sample.subtitles("en", "es"), original="en", lip_sync=False,
        loudness="ebu_r128",
    )  # fmt: skip
    folder = Path(perform("dub", request, Store(tmp_path / "store"))["folder"])
    stems = {path.name.split(".")[-2]: soundfile.info(path) for path in folder.glob("stems/*.wav")}
    assert {(info.samplerate, info.channels) for info in stems.values()} == {(48000, 6)}
    mix, _ = soundfile.read(next(folder.glob("stems/*.mix.wav")), dtype="float32")
    meter = LoudnessMeter()
    meter.add(mix)
    assert meter.integrated_lufs() == pytest.approx(-23, abs=0.1)
