"""Colour, movies, audio and plates."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PyOpenColorIO as ocio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.errors import ColourSpaceUnknown, DubwrightError
from dubwright.media.audio import LoudnessMeter, loudness_lufs, read_audio, write_wav
from dubwright.media.bwf import add_time_reference, read_time_reference
from dubwright.media.colour import (
    DEFAULT_CONFIG,
    ColourConfig,
    decode_log,
    display_proxy,
    encode_log,
)
from dubwright.media.movie import (
    Sound,
    probe_movie,
    read_frames,
    read_movie_audio,
    write_picture,
    write_preview,
)
from dubwright.media.plate import Plate, PlateSpec, probe_plate
from dubwright.model import FrameRange
from dubwright.operations.show import SHOW_FILE, Show, colour_config, find_show, remember
from dubwright.store import Access


@given(st.lists(st.floats(-0.5, 500, width=32), min_size=1, max_size=50))
def test_the_log_encoding_is_undone(values: list[float]) -> None:
    light = np.array(values, np.float32)
    assert np.allclose(decode_log(encode_log(light)), light, rtol=1e-4, atol=1e-6)


def test_the_log_encoding_is_acescct() -> None:
    # AMPAS S-2016-001: 18% grey, and the end of the linear part.
    assert encode_log(np.array([0.18, 0.0078125], np.float32)) == pytest.approx(
        [0.4135884, 0.1552511], abs=1e-6
    )


def test_a_colour_space_is_found_by_name_alias_and_interop_id() -> None:
    config = ColourConfig()
    for name in ("ACEScg", "lin_ap1", "lin_ap1_scene"):
        assert config.resolve(name, "here") == "ACEScg"


def test_an_unknown_colour_space_is_asked_for() -> None:
    config = ColourConfig()
    with pytest.raises(DubwrightError) as caught:
        config.of_exr({}, None, Path("plate.0001.exr"))
    assert "--colorspace" in caught.value.repair
    with pytest.raises(DubwrightError, match="no colour space"):
        config.resolve("ACESgg", "here")


def test_a_colour_space_is_read_from_the_header() -> None:
    config = ColourConfig()
    assert (
        config.of_exr({"colorInteropID": "lin_rec709_scene"}, "ACEScg", Path())
        == "Linear Rec.709 (sRGB)"
    )
    assert config.of_exr({"acesImageContainerFlag": 1}, None, Path()) == "ACES2065-1"


def test_a_plate_that_is_not_light_is_refused() -> None:
    config = ColourConfig()
    config.require_linear("ACEScg", "here")
    with pytest.raises(DubwrightError, match="not scene-linear"):
        config.require_linear("ACEScct", "here")


def test_a_named_space_is_for_plates_that_do_not_name_theirs() -> None:
    config = ColourConfig()
    assert config.of_exr({}, "ACEScg", Path()) == "ACEScg"
    assert config.of_exr({"colorInteropID": "lin_ap0_scene"}, "ACEScg", Path()) == "ACES2065-1"


REC709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)


@pytest.mark.parametrize(
    ("header", "space"),
    [
        ({"chromaticities": AP0}, "ACES2065-1"),
        ({"chromaticities": REC709}, "Linear Rec.709 (sRGB)"),
        ({"oiio:ColorSpace": "ACEScg", "chromaticities": AP0}, "ACEScg"),
        ({"colorInteropID": "unknown", "oiio:ColorSpace": "lin_ap1_scene"}, "ACEScg"),
        ({"oiio:ColorSpace": "somebody's own", "acesImageContainerFlag": 1}, "ACES2065-1"),
    ],
)
def test_evidence_of_a_colour_space_has_an_order(header: dict[str, Any], space: str) -> None:
    assert ColourConfig().of_exr(header, "Linear P3-D65", Path()) == space


def test_chromaticities_of_no_known_space_are_asked_about() -> None:
    wide = (0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, 0.3127, 0.329)  # ARRI Wide Gamut 4
    with pytest.raises(ColourSpaceUnknown) as told:
        ColourConfig().of_exr({"chromaticities": wide}, None, Path("a.exr"))
    assert "Linear ARRI Wide Gamut" in told.value.repair or "ACEScg" in told.value.repair
    with pytest.raises(ColourSpaceUnknown) as told:
        ColourConfig().of_exr({"oiio:ColorSpace": "my space"}, None, Path("a.exr"))
    assert "'my space'" in told.value.why


def test_a_file_rule_of_the_shows_config_is_evidence(tmp_path: Path) -> None:
    built_in = ocio.Config.CreateFromBuiltinConfig(DEFAULT_CONFIG)
    config = ocio.Config.CreateFromStream(built_in.serialize())
    rules = config.getFileRules()
    rules.insertRule(0, "plates", "Linear ARRI Wide Gamut 4", "*/arri/*", "exr")
    config.setFileRules(rules)
    (tmp_path / "show.ocio").write_text(config.serialize())
    show = ColourConfig(str(tmp_path / "show.ocio"))
    assert show.of_exr({}, None, Path("/shots/arri/a.0001.exr")) == "Linear ARRI Wide Gamut 4"
    # The rule for everything else says nothing of a file.
    with pytest.raises(ColourSpaceUnknown):
        show.of_exr({}, None, Path("/shots/red/a.0001.exr"))


@pytest.mark.parametrize(
    ("transfer", "space"), [(16, "Rec.2100-PQ - Display"), (18, "Rec.2100-HLG - Display")]
)
def test_hdr_movies_name_their_space_and_keep_their_light(transfer: int, space: str) -> None:
    config = ColourConfig()
    assert config.of_movie(transfer, 9, None, Path("a.mov")) == space
    assert config.of_movie(transfer, 9, "V-Log V-Gamut", Path("a.mov")) == "V-Log V-Gamut"
    codes = np.linspace(0, 1.05, 64, dtype=np.float32).repeat(3).reshape(1, 64, 3)
    light = config.converted(codes, space, "ACEScg")
    assert light.max() > 9
    again = config.converted(light, "ACEScg", space)
    assert np.abs(again - codes).max() < 2e-4
    with pytest.raises(ColourSpaceUnknown):
        config.of_movie(1, 1, None, Path("a.mov"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-0.5, 500, width=32), min_size=3, max_size=3))
def test_light_from_below_black_to_far_above_white_survives(light: list[float]) -> None:
    picture = np.full((2, 2, 3), light, np.float32)
    again = decode_log(encode_log(picture))
    assert np.allclose(again, picture, rtol=2e-5, atol=2e-6)
    config = ColourConfig()
    there = config.converted(picture, "ACEScg", "Linear Rec.709 (sRGB)")
    back = config.converted(there, "Linear Rec.709 (sRGB)", "ACEScg")
    assert np.allclose(back, picture, rtol=1e-5, atol=1e-12 + 2e-5 * max(map(abs, light)))


def test_a_show_is_asked_once(tmp_path: Path) -> None:
    reel = tmp_path / "show" / "reel_1"
    reel.mkdir(parents=True)
    assert find_show(reel) == Show()
    remember(tmp_path / "show", colour_space="ACEScg")
    remember(tmp_path / "show", movie_colour_space="ARRI LogC4")
    found = find_show(reel)
    assert (found.space_of("sequence"), found.space_of("movie")) == ("ACEScg", "ARRI LogC4")
    # Nothing above the opened folders is looked at.
    assert find_show(reel, Access([reel])) == Show()
    (reel / SHOW_FILE).write_text('{"colour": "ACEScg"}')
    with pytest.raises(DubwrightError, match="show file is not valid"):
        find_show(reel)


CONFIG = """\
ocio_profile_version: 2
search_path: {search}
roles: {{default: raw, scene_linear: raw}}
displays: {{screen: [!<View> {{name: Raw, colorspace: raw}}]}}
colorspaces:
  - !<ColorSpace> {{name: raw, isdata: true}}
  - !<ColorSpace>
    name: log
    to_scene_reference: !<GroupTransform>
      children: [!<FileTransform> {{src: {table}}}]
"""


@pytest.mark.parametrize(
    ("search", "table", "is_refused"),
    [
        ("luts", "log.cube", False),
        ("luts", "../../outside/log.cube", True),
        ("luts", "{outside}/log.cube", True),
        ("luts", "$ELSEWHERE/log.cube", True),
        ("luts:{outside}", "log.cube", True),
        ("../outside", "log.cube", True),
    ],
)
def test_a_config_reads_tables_in_opened_folders_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search: str, table: str, is_refused: bool
) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    monkeypatch.setenv("ELSEWHERE", str(outside))
    filled = [text.replace("{outside}", str(outside)) for text in (search, table)]
    config = inside / "config.ocio"
    config.write_text(CONFIG.format(search=filled[0], table=filled[1]))
    (inside / SHOW_FILE).write_text('{"ocio": "./config.ocio"}')
    named = find_show(inside).ocio
    assert named is not None and Path(named) == config
    assert colour_config(named, Access([tmp_path])).names() == ["raw", "log"]
    if is_refused:
        with pytest.raises(DubwrightError, match="not opened"):
            colour_config(named, Access([inside]))
    else:
        colour_config(named, Access([inside]))


def test_a_show_names_no_config_outside_the_opened_folders(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for name in ("config.ocio", "absent.ocio"):  # the answer does not tell which is there
        (tmp_path / "config.ocio").write_text(CONFIG.format(search="luts", table="log.cube"))
        (inside / SHOW_FILE).write_text(json.dumps({"ocio": f"../{name}"}))
        with pytest.raises(DubwrightError, match="not opened"):
            colour_config(find_show(inside).ocio, Access([inside]))
    (inside / SHOW_FILE).unlink()
    (tmp_path / "show.json").write_text("{}")
    (inside / SHOW_FILE).symlink_to(tmp_path / "show.json")
    with pytest.raises(DubwrightError, match="not opened"):
        find_show(inside, Access([inside]))


def test_a_proxy_does_not_depend_on_exposure() -> None:
    config = ColourConfig()
    picture = np.random.default_rng(0).uniform(0.05, 0.9, (32, 32, 3)).astype(np.float32)
    normal = display_proxy(picture, "ACEScg", config).astype(int)
    dark = display_proxy(picture / 64, "ACEScg", config).astype(int)
    assert np.abs(normal - dark).max() <= 1


def _movie(path: Path, frames: int, rate: Fraction, *, interlaced: bool = False) -> None:
    """A movie whose frame n has a level that says n, as an open-GOP H.264 has it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"crf": "10", "g": "12", "bf": "2"}
        if interlaced:
            stream.options = {"crf": "10", "flags": "+ildct+ilme", "x264-params": "tff=1"}
        for number in range(frames):
            level = np.full((48, 64, 3), 20 + number * 4, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(level, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001)])
@pytest.mark.parametrize(("start", "end"), [(0, 3), (13, 17), (35, 40)])
def test_any_range_of_a_movie_is_exact(
    tmp_path: Path, rate: Fraction, start: int, end: int
) -> None:
    path = tmp_path / "movie.mp4"
    _movie(path, 40, rate)
    info = probe_movie(path)
    assert (info.rate, info.frames, info.has_audio) == (rate, 40, False)
    levels = [float(f.mean()) * 255 for f in read_frames(path, FrameRange(start, end), rate)]
    assert levels == pytest.approx([20 + n * 4 for n in range(start, end)], abs=2.5)


def test_a_range_past_the_end_of_a_movie_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    _movie(path, 10, Fraction(25))
    with pytest.raises(DubwrightError, match="cannot be read"):
        list(read_frames(path, FrameRange(5, 12), Fraction(25)))


def test_an_interlaced_movie_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    _movie(path, 10, Fraction(25), interlaced=True)
    with pytest.raises(DubwrightError, match="interlaced"):
        probe_movie(path)


def test_a_text_file_is_no_movie(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    path.write_text("not a movie")
    with pytest.raises(DubwrightError, match="movie cannot be read"):
        probe_movie(path)


def test_a_movie_needs_its_colour_space_named(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    _movie(path, 10, Fraction(25))
    spec = PlateSpec(
        kind="movie", path=str(path), first=0, frames=10, rate=Fraction(25), colour_space=""
    )
    with pytest.raises(DubwrightError, match="colour space of a plate"):
        probe_plate(spec, None, ColourConfig())
    probed = probe_plate(spec, "Camera Rec.709", ColourConfig())
    assert probed.working_space == "ACEScg"
    assert Plate(probed).frame(3).shape == (48, 64, 3)


def test_a_preview_has_a_track_for_each_language(tmp_path: Path) -> None:
    path = tmp_path / "preview.mp4"
    second = np.sin(np.arange(48000) * 0.05).astype(np.float32)[:, None] * 0.3
    tracks = [
        Sound([second[:7000], second[7000:]], 1, "spa", "es"),
        Sound([np.repeat(second, 2, 1)], 2, "eng", "en"),
    ]
    picture = tmp_path / "picture.mp4"
    write_picture(picture, [np.zeros((48, 64, 3), np.uint8)] * 24, Fraction(24))
    write_preview(path, picture, tracks)
    with av.open(str(path)) as container:
        assert [s.metadata["language"] for s in container.streams.audio] == ["spa", "eng"]
        assert container.streams.video[0].frames == 24
    samples, rate = read_movie_audio(path)
    assert rate == 48000 and abs(len(samples) - 48000) < 3000
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize("container", ["mkv", "mov"])
def test_every_frame_is_counted(tmp_path: Path, container: str) -> None:
    path = tmp_path / f"movie.{container}"
    _movie(path, 50, Fraction(25))
    assert probe_movie(path).frames == 50


def test_a_movie_without_sound_is_refused_as_sound(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    _movie(path, 5, Fraction(25))
    with pytest.raises(DubwrightError) as caught:
        read_movie_audio(path)
    assert "no sound" in caught.value.why


def test_part_of_a_file_is_read(tmp_path: Path) -> None:
    ramp = np.arange(48000, dtype=np.float32)[:, None] / 48000
    write_wav(tmp_path / "a.wav", ramp, 48000)
    part, _ = read_audio(tmp_path / "a.wav", Fraction(1, 4), Fraction(1, 8))
    assert np.allclose(part[:, 0], ramp[12000:18000, 0], atol=1e-6)


def test_a_wav_survives_a_round_trip(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).uniform(-0.9, 0.9, (1000, 2)).astype(np.float32)
    write_wav(tmp_path / "a.wav", samples, 48000)
    read, rate = read_audio(tmp_path / "a.wav")
    assert rate == 48000 and np.abs(read - samples).max() < 2**-22


def test_loudness_of_a_reference_tone() -> None:
    # EBU Tech 3341, case 1: 1 kHz at -23 dBFS in both channels measures -23 LUFS.
    tone = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * np.arange(48000 * 5) / 48000)
    stereo = np.repeat(tone[:, None], 2, 1).astype(np.float32)
    assert loudness_lufs(stereo, 48000) == pytest.approx(-23.0, abs=0.1)
    assert loudness_lufs(stereo[:1000], 48000) is None
    assert loudness_lufs(stereo * 0, 48000) is None


def test_when_a_recording_begins_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "stem.wav"
    sound = np.random.default_rng(3).uniform(-1, 1, (4801, 2)).astype(np.float32)
    write_wav(path, sound, 48000)
    before, _ = read_audio(path)
    assert read_time_reference(path) is None
    begins = 10 * 3600 * 48000 + 2**33
    add_time_reference(path, begins, "reel 1, es, DX")
    assert read_time_reference(path) == begins
    after, rate = read_audio(path)
    assert rate == 48000 and np.array_equal(before, after)
    # Another reader finds the same.
    with av.open(str(path)) as container:
        assert int(container.metadata["time_reference"]) == begins
        assert container.metadata["encoded_by"] == "dubwright"
        assert container.metadata["comment"] == "reel 1, es, DX"
    assert [p.name for p in tmp_path.iterdir()] == ["stem.wav"]


@given(st.binary(max_size=200), st.integers(0, 700))
def test_a_spoiled_recording_says_nothing_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    path = tmp_path_factory.mktemp("bwf") / "stem.wav"
    write_wav(path, np.zeros((10, 1), np.float32), 48000)
    add_time_reference(path, 48000)
    content = path.read_bytes()
    path.write_bytes(content[:at] + noise + content[at + len(noise) :])
    try:
        read_time_reference(path)
    except DubwrightError as error:
        assert "cannot be read" in error.what
    path.write_bytes(content[:at])
    try:
        read_time_reference(path)
    except DubwrightError as error:
        assert "cannot be read" in error.what


def test_loudness_block_by_block_is_that_of_the_whole() -> None:
    rng = np.random.default_rng(5)
    swell = np.linspace(0.001, 0.5, 6 * 48000)[:, None]
    sound = (rng.normal(0, 0.3, (6 * 48000, 2)) * swell).astype(np.float32)
    meter = LoudnessMeter()
    for block in np.split(sound, [100, 48000, 50001, 200000]):
        meter.add(block)
    measured = meter.integrated_lufs()
    assert measured == pytest.approx(loudness_lufs(sound, 48000), abs=0.05)
    silence = LoudnessMeter()
    silence.add(np.zeros((48000, 2), np.float32))
    assert silence.integrated_lufs() is None and LoudnessMeter().integrated_lufs() is None


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
def test_a_part_of_a_movies_sound_is_that_of_the_whole(tmp_path: Path, container: str) -> None:
    path = tmp_path / f"movie.{container}"
    # A tone that rises: no moment is like another, and no codec takes it for noise.
    time = np.arange(4 * 48000) / 48000
    tone = 0.3 * np.sin(2 * np.pi * (200 + 300 * time) * time)
    sound = np.stack([tone, tone / 2], axis=1).astype(np.float32)
    _movie(path.with_suffix(".mp4"), 50, Fraction(25))
    picture = path.with_suffix(".mp4").rename(tmp_path / "picture.mp4")
    if container == "mp4":
        write_preview(path, picture, [Sound([sound], 2, "eng", "en")])
    else:
        with av.open(str(path), "w") as out:
            stream = out.add_stream("pcm_s16le", rate=48000, layout="stereo")
            codes = (sound * 32767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(codes), "s16", "stereo")
            frame.sample_rate, frame.pts = 48000, 0
            out.mux(stream.encode(frame))
            out.mux(stream.encode())
    whole, rate = read_movie_audio(path)
    assert rate == 48000 and abs(len(whole) - len(sound)) < 3000
    for start, seconds in ((Fraction(1), Fraction(1)), (Fraction(5, 3), Fraction(1, 2))):
        part, _ = read_movie_audio(path, start, seconds)
        first = round(start * rate)
        assert len(part) == round(seconds * rate)
        assert np.abs(part - whole[first : first + len(part)]).max() < 1e-4
