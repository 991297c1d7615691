"""Movies: exact frames, exact codes, exact time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dubwright.errors import DubwrightError
from dubwright.media.movie import probe_movie, read_frames, read_movie_audio
from dubwright.media.movie.read import coding_of, opened
from dubwright.media.movie.write import (
    MOVIE_FORMATS,
    ColourTags,
    Sound,
    frame_of,
    write_movie,
)
from dubwright.media.movie.ycbcr import Coding, codes_of, planes_of, rgb_of
from dubwright.model import FrameRange

BT709, HLG, PQ = ColourTags(1, 1), ColourTags(9, 18), ColourTags(9, 16)
RATES = [
    Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30),
    Fraction(48), Fraction(50), Fraction(60000, 1001), Fraction(60),
]  # fmt: skip
CODINGS = [
    Coding(bits, full, matrix, halves)
    for bits in (8, 10, 12)
    for full in (False, True)
    for matrix in (1, 6, 9, None)
    for halves in ((False, False), (True, False), (True, True))
    if matrix or halves == (False, False)
]


def _wave(width: int = 64, height: int = 48) -> NDArray[np.float32]:
    """A smooth picture with values above white and below black."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rgb = [0.5 + 0.55 * np.sin(x / 9 + p) * np.cos(y / 13) for p in (0.0, 0.3, 0.6)]
    return np.stack(rgb, axis=-1).astype(np.float32)


@pytest.mark.parametrize("coding", CODINGS)
def test_every_code_is_given_back(coding: Coding) -> None:
    rng = np.random.default_rng(1)
    low, high = coding.limits
    kind = "<u2" if coding.bits > 8 else "u1"
    luma = rng.integers(low, high + 1, (8, 12)).astype(kind)
    # Flat chroma, for interpolation keeps it; of every code in turn.
    across, down = coding.halves
    shape = (8 >> down, 12 >> across)
    for code in np.linspace(low, high, 9).astype(int):
        if coding.matrix is None:
            planes = [luma, luma[::-1].copy(), luma[:, ::-1].copy()]
        else:
            planes = [luma, np.full(shape, code, kind), np.full(shape, high - code + low, kind)]
        again = codes_of(rgb_of(planes, coding), coding)
        for before, after in zip(planes, again, strict=True):
            assert np.array_equal(before, after)


@pytest.mark.parametrize("coding", [c for c in CODINGS if c.bits == 10])
def test_a_smooth_picture_survives(coding: Coding) -> None:
    picture = 0.1 + 0.8 * _wave() if coding.is_full_range else _wave()
    again = rgb_of(codes_of(picture, coding), coding)
    assert np.abs(again - picture)[2:-2, 2:-2].max() < (0.004 if any(coding.halves) else 0.002)
    assert coding.is_full_range or (again.max() > 1.04 and again.min() < -0.04)


@given(st.lists(st.floats(-0.05, 1.08), min_size=3, max_size=3))
@settings(max_examples=50, deadline=None)
def test_matrices_are_those_of_the_recommendations(rgb: list[float]) -> None:
    """ITU-R BT.709-6 item 3 and BT.2020-2 table 4, in floats, against the codes."""
    for matrix, (kr, kb) in {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}.items():
        r, g, b = rgb
        y = kr * r + (1 - kr - kb) * g + kb * b
        expected = [
            219 * 4 * y + 64,
            224 * 4 * (b - y) / (2 * (1 - kb)) + 512,
            224 * 4 * (r - y) / (2 * (1 - kr)) + 512,
        ]
        coding = Coding(10, False, matrix, (False, False))
        codes = codes_of(np.full((2, 2, 3), rgb, np.float32), coding)
        for code, value in zip(codes, expected, strict=True):
            assert abs(int(code[0, 0]) - np.clip(value, 4, 1019)) <= 0.51


def _clip(
    path: Path,
    codec: str,
    pixels: str,
    planes: Sequence[Sequence[NDArray[Any]]],
    tags: ColourTags = BT709,
    rate: Fraction = Fraction(25),
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> None:
    """A movie of exactly these codes, written without this project's own writer."""
    height, width = planes[0][0].shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.options = options or {}
        context = stream.codec_context
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        context.colorspace, context.color_range = tags.matrix, 1
        for holder in (stream.metadata, container.metadata):
            holder.update(metadata or {})
        for number, each in enumerate(planes):
            frame = frame_of(each, pixels, tags)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _codes(pixels: str, count: int = 3, size: tuple[int, int] = (320, 180)) -> list[Any]:
    halves = {"444": (False, False), "422": (True, False), "420": (True, True)}[pixels[3:6]]
    bits = 10 if "p10" in pixels else 12 if "p12" in pixels else 8
    coding = Coding(bits, False, 1, halves)
    picture = _wave(*size)
    return [codes_of(picture * np.float32(1 - 0.02 * n), coding) for n in range(count)]


CLIPS = {
    "ProRes 4444": (".mov", "prores_ks", "yuv444p10le", {"profile": "4444"}),
    "ProRes 422 HQ": (".mov", "prores_ks", "yuv422p10le", {"profile": "hq"}),
    "DNxHR HQX": (".mov", "dnxhd", "yuv422p10le", {"profile": "dnxhr_hqx"}),
    "DNxHR HQX in MXF": (".mxf", "dnxhd", "yuv422p10le", {"profile": "dnxhr_hqx"}),
    "H.264, 10 bits": (".mp4", "libx264", "yuv420p10le", {"crf": "2"}),
    "H.264, 8 bits": (".mp4", "libx264", "yuv420p", {"crf": "1"}),
    "H.265, 10 bits": (".mp4", "libx265", "yuv420p10le", {"x265-params": "log-level=none:crf=1"}),
    "FFV1": (".mkv", "ffv1", "yuv422p10le", {}),
}


@pytest.mark.parametrize("tags", [BT709, HLG, PQ], ids=["709", "HLG", "PQ"])
@pytest.mark.parametrize("name", CLIPS)
def test_camera_formats_are_read_with_their_own_matrix(
    tmp_path: Path, name: str, tags: ColourTags
) -> None:
    suffix, codec, pixels, options = CLIPS[name]
    path = tmp_path / f"clip{suffix}"
    halves = {"444": (False, False), "422": (True, False), "420": (True, True)}[pixels[3:6]]
    coding = Coding(10 if "p10" in pixels else 8, False, tags.matrix, halves)
    picture = _wave(320, 180)
    _clip(path, codec, pixels, [codes_of(picture, coding)] * 3, tags, options=options)
    info = probe_movie(path)
    if suffix != ".mxf":
        assert (info.primaries, info.transfer, info.matrix) == (
            tags.primaries, tags.transfer, tags.matrix,
        )  # fmt: skip
    for found in read_frames(path, FrameRange(0, 3), probe_movie(path).rate):
        error = np.abs(found - picture)[4:-4, 4:-4]
        assert error.mean() < 0.004 and error.max() < 0.04
        assert found.max() > 1.03 and found.min() < -0.03


def test_codes_of_a_lossless_movie_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    written = _codes("yuv422p10le")
    _clip(path, "ffv1", "yuv422p10le", written)
    with opened(path) as container:
        stream = container.streams.video[0]
        for picture, planes in zip(container.decode(stream), written, strict=True):
            coding = coding_of(picture, stream, path)
            assert coding == Coding(10, False, 1, (True, False))
            for found, code in zip(planes_of(picture), planes, strict=True):
                assert np.array_equal(found, code)


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv", ".mxf"])
def test_rates_are_exact(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    codec = "dnxhd" if suffix == ".mxf" else "libx264"
    pixels = "yuv422p10le" if suffix == ".mxf" else "yuv420p"
    options = {"profile": "dnxhr_hqx"} if suffix == ".mxf" else {}
    _clip(path, codec, pixels, _codes(pixels, 12), rate=rate, options=options)
    info = probe_movie(path)
    assert (info.rate, info.frames) == (rate, 12)
    assert len(list(read_frames(path, FrameRange(5, 9), rate))) == 4


def _timed(path: Path, times: Sequence[int], options: dict[str, str] | None = None) -> None:
    """A movie whose frames lie at these thousandths of a second."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"bf": "0"}
        for time in times:
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _phone(count: int) -> Iterator[int]:
    rng = np.random.default_rng(4)
    return (round(n * 1000 / 30 + rng.uniform(-8, 8)) + 10 for n in range(count))


@pytest.mark.parametrize(
    "times",
    [list(_phone(40)), [40 * n for n in range(10)] + [400 + 33 * n for n in range(20)]],
    ids=["a phone's", "25, then 30"],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_rate_that_is_not_constant_is_refused(
    tmp_path: Path, times: list[int], suffix: str
) -> None:
    path = tmp_path / f"clip{suffix}"
    _timed(path, times)
    with pytest.raises(DubwrightError, match="not constant") as told:
        probe_movie(path)
    assert "frames from where they belong" in told.value.why


def test_times_rounded_to_milliseconds_are_constant(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    _timed(path, [round(n * 1001 / 24) for n in range(48)])
    assert probe_movie(path).rate == Fraction(24000, 1001)


def test_frames_that_an_edit_list_hides_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    hiding = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    _timed(path, [40 * n for n in range(-5, 20)], hiding)
    info = probe_movie(path)
    assert (info.rate, info.frames) == (25, 20)
    assert len(list(read_frames(path, FrameRange(0, 20), Fraction(25)))) == 20


@pytest.mark.parametrize(
    ("suffix", "rate", "timecode"),
    [
        (".mov", Fraction(24), "01:00:00:00"),
        (".mov", Fraction(30000, 1001), "10:01:00;02"),
        (".mov", Fraction(60000, 1001), "00:59:59;59"),
        (".mxf", Fraction(25), "09:59:50:24"),
    ],
)
def test_start_timecode_and_reel_are_read(
    tmp_path: Path, suffix: str, rate: Fraction, timecode: str
) -> None:
    path = tmp_path / f"clip{suffix}"
    metadata = {"timecode": timecode, "reel_name": "A001C002"}
    planes = _codes("yuv422p10le", size=(256, 144))
    _clip(path, "dnxhd", "yuv422p10le", planes, rate=rate, metadata=metadata,
          options={"profile": "dnxhr_hqx"})  # fmt: skip
    info = probe_movie(path)
    assert (info.timecode, info.reel) == (timecode, "A001C002")


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx265", {"x265-params": "log-level=none:keyint=12"}),
        ("mpeg2video", {"g": "12", "bf": "2", "qmin": "1", "qmax": "1"}),
        ("libx264", {"g": "12", "x264-params": "open-gop=1"}),
    ],
)
def test_any_frame_of_open_groups_of_pictures_can_be_the_first(
    tmp_path: Path, codec: str, options: dict[str, str]
) -> None:
    path = tmp_path / "clip.mov"
    coding = Coding(8, False, 1, (True, True))
    levels = [codes_of(np.full((48, 64, 3), 0.1 + n / 80, np.float32), coding) for n in range(60)]
    _clip(path, codec, "yuv420p", levels, options=options)
    rate = probe_movie(path).rate
    for first in range(60):
        (found,) = read_frames(path, FrameRange(first, first + 1), rate)
        assert abs(float(found.mean()) - (0.1 + first / 80)) < 0.008, first


def test_movies_that_do_not_say_when_frames_are_shown_are_refused(tmp_path: Path) -> None:
    _clip(tmp_path / "clip.avi", "mpeg4", "yuv420p", _codes("yuv420p", 12), options={"bf": "2"})
    with pytest.raises(DubwrightError) as told:
        probe_movie(tmp_path / "clip.avi")
    assert "rewrap" in told.value.why


@pytest.mark.parametrize(
    ("codec", "pixels", "is_read"),
    [
        ("qtrle", "argb", True),
        ("ffv1", "bgr0", True),
        ("ffv1", "yuva444p10le", True),
        ("ffv1", "gray", False),
        ("ffv1", "yuv411p", False),
        ("ffv1", "yuv410p", False),
    ],
)
def test_pixels_of_every_kind_are_read_or_refused(
    tmp_path: Path, codec: str, pixels: str, is_read: bool
) -> None:
    path = tmp_path / "clip.mov" if codec == "qtrle" else tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for number in range(3):
            grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), "rgb24")
            frame = grey.reformat(format=pixels)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if is_read:
        (found,) = read_frames(path, FrameRange(1, 2), Fraction(25))
        assert np.abs(found - 128 / 255).max() < 0.01
    else:
        with pytest.raises(DubwrightError) as told:
            probe_movie(path)
        assert pixels in told.value.why


@pytest.mark.parametrize("movie_format", MOVIE_FORMATS)
@pytest.mark.parametrize(
    ("rate", "timecode"), [(Fraction(24), "01:00:00:00"), (Fraction(30000, 1001), "01:00:00;02")]
)
def test_a_delivery_says_what_it_is(
    tmp_path: Path, movie_format: str, rate: Fraction, timecode: str
) -> None:
    path = tmp_path / "delivery.mov"
    picture = _wave(320, 180)
    rng = np.random.default_rng(2)
    heard = rng.uniform(-0.5, 0.5, (9600, 2)).astype(np.float32)
    sounds = [
        Sound([heard[:5000], heard[5000:]], 2, "spa", "Spanish"),
        Sound([heard[:, :1] * 0.5], 1, "deu", "German"),
    ]
    write_movie(path, [picture] * 5, (320, 180), rate, MOVIE_FORMATS[movie_format], HLG, sounds,
                timecode, "DUB1")  # fmt: skip
    info = probe_movie(path)
    assert (info.rate, info.frames, info.timecode, info.reel) == (rate, 5, timecode, "DUB1")
    assert (info.primaries, info.transfer, info.matrix) == (9, 18, 9)
    for found in read_frames(path, FrameRange(0, 5), rate):
        assert np.abs(found - picture)[4:-4, 4:-4].mean() < 0.004
    samples, sample_rate = read_movie_audio(path)
    assert sample_rate == 48000 and np.abs(samples - heard).max() < 1e-6
    with av.open(str(path)) as container:
        assert [s.metadata["language"] for s in container.streams.audio] == ["spa", "ger"]
    assert [p.name for p in tmp_path.iterdir()] == ["delivery.mov"]


@pytest.mark.parametrize(
    ("movie_format", "size", "timecode", "why"),
    [
        ("dnxhr_hqx", (128, 96), "01:00:00:00", "at least"),
        ("dnxhr_hqx", (320, 180), "01:00:00:77", "no timecode"),
        ("prores_422_hq", (321, 180), "", "even width"),
    ],
)
def test_a_delivery_that_cannot_be_is_not_begun(
    tmp_path: Path, movie_format: str, size: tuple[int, int], timecode: str, why: str
) -> None:
    with pytest.raises(DubwrightError) as told:
        write_movie(tmp_path / "delivery.mov", [_wave(*size)], size, Fraction(24),
                    MOVIE_FORMATS[movie_format], BT709, timecode=timecode)  # fmt: skip
    assert why in told.value.why
    assert list(tmp_path.iterdir()) == []
