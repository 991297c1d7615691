"""Mouths that a network draws in small, and how they come into a plate."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Dubbed, Sample
from filmed import FRAMES, RATE, FilmedActor
from tiny_generators import (
    CHECKPOINT_SLOPE,
    broken_wav2lip,
    mouth_in,
    scripted_wav2lip,
    scripted_wav2lip_checkpoint,
    tiny_latentsync,
    tiny_musetalk,
    tiny_whisper_of_musetalk,
)

from dubwright.api import EngineChoice, dub
from dubwright.engines import Framing
from dubwright.errors import DubwrightError
from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.face.head_frame import head_template, in_head_frame, mouth_curves
from dubwright.media.audio import write_wav
from dubwright.media.colour import (
    LINEAR_REC709,
    ColourConfig,
    decode_log,
    display_proxy,
    encode_log,
)
from dubwright.media.exr import read_rgb, write_rgb
from dubwright.media.movie import probe_movie, read_movie_audio
from dubwright.model import Box, FrameRange, MouthCurves
from dubwright.operations.compare import compare
from dubwright.operations.request import LipSyncRequest
from dubwright.picture.engines.retrieval import RetrievalRenderer
from dubwright.picture.engines.wav2lip import Wav2LipGenerator, mel_spectrogram
from dubwright.picture.face_square import FaceLight, framed, placement
from dubwright.picture.generation import (
    Line,
    drawn_faces,
    generated_faces,
    heard_then,
    laid_over,
    shift_between,
)
from dubwright.quality.comparison import Comparison
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.store import Store
from dubwright.trust import Authority

FRAMING = Framing(-0.78, -0.5, 0.78, 1.45, 96, 1.0, 0.5)
SPAN = FrameRange(8, 20)


def _texture(side: int, sigma: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 1, (side, side, 3))
    soft = cv2.GaussianBlur(noise, (0, 0), sigma)
    return ((soft - soft.min()) / np.ptp(soft)).astype(np.float32)


@pytest.mark.parametrize("shift", [(1.37, -0.62), (-2.3, 1.8), (0.21, 0.08), (0.0, 0.0)])
def test_a_shifted_drawing_is_laid_back_within_a_tenth_of_a_pixel(
    shift: tuple[float, float],
) -> None:
    fine = _texture(4 * 96, 8)
    turn = np.array([[1, 0, 4 * shift[0]], [0, 1, 4 * shift[1]]])
    moved = cv2.warpAffine(fine, turn, fine.shape[:2], borderMode=cv2.BORDER_REPLICATE)
    small = [cv2.resize(each, (96, 96), interpolation=cv2.INTER_AREA) for each in (fine, moved)]
    shown, drawn = small
    # A network is soft, and its colours are not quite those that it was given.
    drawn = 0.85 * cv2.GaussianBlur(drawn, (0, 0), 0.8) + 0.05
    found = shift_between(shown, drawn, 0.5)
    assert np.abs(found - shift).max() < 0.1
    assert np.abs(shift_between(shown, laid_over(drawn, found), 0.5)).max() < 0.1


def test_another_picture_is_not_laid_back() -> None:
    assert not shift_between(_texture(96), np.full((96, 96, 3), 0.5, np.float32), 0.5).any()


def test_a_square_shows_the_face_where_its_placement_says() -> None:
    filmed = FilmedActor()
    motion = in_head_frame(filmed.track.landmarks, filmed.track.template)
    affine = placement(motion, 10, FRAMING, 1.0)
    places = filmed.track.landmarks[10, [33, 263, 1, 152], :2].astype(float)
    found = places @ affine[:, :2].T + affine[:, 2]
    # The eyes' corners lie half the distance between them from the middle, on one height.
    middle = -FRAMING.left / (FRAMING.right - FRAMING.left) * 96 - 0.5
    half = 48 / (FRAMING.right - FRAMING.left)
    assert found[:2, 0] == pytest.approx([middle - half, middle + half], abs=2.5)
    assert abs(found[0, 1] - found[1, 1]) < 2.5
    assert 0 < found[3, 1] < 96
    # Dots of light are found where it says, within a tenth of a pixel.
    for at in places:
        dot = np.zeros((240, 320, 3), np.float32)
        y, x = np.mgrid[:240, :320]
        dot[:] = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 18)[..., None]
        square = framed(dot, Box(0, 0, 320, 240), affine, 96)[..., 0].astype(float)
        rows, columns = np.mgrid[:96, :96]
        centre = np.array([(columns * square).sum(), (rows * square).sum()]) / square.sum()
        assert np.abs(centre - (at @ affine[:, :2].T + affine[:, 2])).max() < 0.1


def test_light_that_a_network_leaves_alone_stays() -> None:
    random = np.random.default_rng(1)
    linear = np.exp(random.normal(-2, 2, (32, 32, 3))).astype(np.float32)
    assert linear.max() > 5
    wide = np.array([[1.66, -0.59, -0.07], [-0.12, 1.13, -0.01], [-0.02, -0.1, 1.12]])
    light = FaceLight(wide, 0.8)
    shown = light.shown(linear)
    assert shown.min() >= 0 and shown.max() <= 1
    assert light.changed(linear, shown) == pytest.approx(encode_log(linear), abs=1e-6)
    inside = ((shown > 0.05) & (shown < 0.95)).all(axis=2)
    assert light.taken_back(shown)[inside] == pytest.approx(linear[inside], rel=1e-3, abs=1e-5)
    darker = light.taken_back(shown * 0.9)[inside]
    changed = decode_log(light.changed(linear, shown * np.float32(0.9)))[inside]
    assert changed == pytest.approx(darker, rel=2e-3, abs=1e-4)


class _Counting:
    """Draws frames together: each is the number of the first of them, by what it hears."""

    card = Wav2LipGenerator.card
    together, overlap = 6, 2
    framing = FRAMING

    def hear(self, *_: object) -> np.ndarray:
        raise NotImplementedError

    def draw(self, faces: np.ndarray, heard: np.ndarray) -> np.ndarray:
        assert len(faces) == len(heard) == self.together
        return np.full_like(faces, heard[0, 0]) + faces


def test_frames_are_drawn_the_same_whichever_are_asked_for() -> None:
    of = 15
    faces = np.arange(of, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 2, 3), np.float32)
    heard = np.arange(of, dtype=np.float32)[:, None]

    def drawn(frames: FrameRange) -> list[float]:
        steps: list[int] = []
        found = drawn_faces(
            _Counting(), faces, heard, FrameRange(0, of), frames, of, 4, lambda: steps.append(1)
        )
        values = [float(face[0, 0, 0]) for face in found]
        assert len(values) == len(steps) == len(frames)
        return values

    whole = drawn(FrameRange(0, of))
    parts = [value for part in FrameRange(0, of).chunks(4) for value in drawn(part)]
    assert parts == whole
    # They fade from one to the next over what both draw.
    firsts = [value - frame for frame, value in enumerate(whole)]
    assert firsts == sorted(firsts) and firsts[:4] == [0] * 4 and firsts[-1] == 12
    assert 0 < firsts[4] < firsts[5] < 4


def _generated(generator: Wav2LipGenerator, frames: FrameRange = SPAN, at_once: int = 5):
    filmed = FilmedActor()
    random = np.random.default_rng(2)
    samples = random.normal(0, 0.2, 16000).astype(np.float32)
    heard = generator.hear(samples, 16000, Fraction(0), len(SPAN), Fraction(24))
    assert heard.shape == (len(SPAN), 1, 80, 16)
    found = generated_faces(
        filmed, generator, heard, np.eye(3), SPAN, frames, FaceMeshTracker(), at_once, lambda: None
    )
    return filmed, heard, found


def test_a_generated_face_lies_on_the_plate(tmp_path: Path) -> None:
    """The scripted network shifts a face and darkens its mouth: the one is undone, the other
    comes into the plate's light, and nothing else changes."""
    filmed, heard, found = _generated(Wav2LipGenerator(scripted_wav2lip(tmp_path)))
    assert list(found) == list(SPAN)
    motion = in_head_frame(filmed.track.landmarks, filmed.track.template)
    dark = 0.5 / (1 + np.exp(-heard.mean(axis=(1, 2, 3))))
    for (frame, face), darker in zip(found.items(), dark, strict=True):
        affine = placement(motion, frame, FRAMING, 1.0)
        assert np.array_equal(face.placement, affine)
        shown = framed(filmed.pictures[frame], Box(0, 0, 320, 240), affine, 96)
        plain = encode_log(shown)
        # Linear interpolation between pixels makes it a little softer.
        assert np.abs(face.picture - plain)[8:44, 8:-8].mean() < 0.006
        mouth = np.unravel_index(mouth_in(96).argmax(), (96, 96))
        around = np.s_[mouth[0] - 2 : mouth[0] + 3, mouth[1] - 2 : mouth[1] + 3]
        ratio = decode_log(face.picture)[around].mean() / decode_log(plain)[around].mean()
        # What sRGB shows as x times as light is x^1.6, in the dark, to x^2.4 of it.
        assert (1 - darker) ** 2.4 < ratio < (1 - darker) ** 1.6


def test_a_face_that_is_only_given_back_has_the_mouth_of_the_plate(tmp_path: Path) -> None:
    generator = Wav2LipGenerator(scripted_wav2lip_checkpoint(tmp_path))
    filmed, _, found = _generated(generator)
    curves = np.array([face.curves for face in found.values()])
    own = filmed.curves[SPAN.start : SPAN.end]
    assert np.corrcoef(curves[:, 0], own[:, 0])[0, 1] > 0.95
    assert np.abs(curves[:, 0] - own[:, 0]).mean() < 0.03
    lips = [13, 14, 61, 291]
    meshes = np.array([face.points[lips] for face in found.values()])
    assert np.abs(meshes - filmed.track.landmarks[list(found)][:, lips, :2]).mean() < 1


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_checkpoint_of_the_true_architecture(suffix: str, tmp_path: Path) -> None:
    generator = Wav2LipGenerator(scripted_wav2lip_checkpoint(tmp_path, suffix))
    faces = np.random.default_rng(3).uniform(0, 1, (3, 96, 96, 3)).astype(np.float32)
    heard = np.zeros((3, 1, 80, 16), np.float32)
    drawn = generator.draw(faces, heard)
    expected = 1 / (1 + np.exp(-CHECKPOINT_SLOPE * (faces - 0.5)))
    assert drawn == pytest.approx(expected, abs=1e-4)


def test_parts_of_a_span_are_those_of_the_whole(tmp_path: Path) -> None:
    generator = Wav2LipGenerator(scripted_wav2lip(tmp_path))
    _, _, whole = _generated(generator)
    _, _, part = _generated(generator, FrameRange(SPAN.start + 5, SPAN.start + 9), 2)
    assert list(part) == [13, 14, 15, 16]
    for frame, face in part.items():
        assert np.array_equal(face.picture, whole[frame].picture)
        assert face.points == pytest.approx(whole[frame].points, abs=1.5)


def test_frames_that_cannot_be_redrawn_are_not_generated(tmp_path: Path) -> None:
    generator = Wav2LipGenerator(scripted_wav2lip(tmp_path))
    filmed = FilmedActor()
    span = FrameRange(FRAMES - 4, FRAMES)
    heard = np.zeros((4, 1, 80, 16), np.float32)
    told = (np.eye(3), span)
    found = generated_faces(
        filmed, generator, heard, *told, span, FaceMeshTracker(), 8, lambda: None
    )
    assert list(found) == [FRAMES - 4, FRAMES - 3, FRAMES - 2]
    last = FrameRange(FRAMES - 1, FRAMES)
    steps: list[int] = []
    assert not generated_faces(
        filmed, generator, heard, *told, last, FaceMeshTracker(), 8, lambda: steps.append(1)
    )
    assert len(steps) == 1


def test_a_drawn_mouth_is_the_generated_one_in_the_large_and_keeps_its_detail(
    tmp_path: Path,
) -> None:
    filmed, _, found = _generated(Wav2LipGenerator(scripted_wav2lip(tmp_path)))
    renderer = RetrievalRenderer()
    curves = MouthCurves(Fraction(24), np.array([face.curves for face in found.values()]))
    choices = renderer.choose(filmed, [filmed], curves, SPAN.start, (True, True))

    def drawn() -> np.ndarray:
        patches = renderer.draw(filmed, [filmed], curves, SPAN.start, choices, range(len(SPAN)))
        frames = []
        for frame, patch in zip(SPAN, patches, strict=True):
            assert patch is not None
            picture = filmed.pictures[frame].copy()
            under = picture[patch.box.slices] * (1 - patch.alpha[..., None])
            picture[patch.box.slices] = under + patch.rgb
            frames.append(encode_log(picture))
        return np.array(frames)

    plain = drawn()
    filmed.faces = found
    guided = drawn()
    change = guided - plain
    motion = in_head_frame(filmed.track.landmarks, filmed.track.template)
    seen = np.array(
        [framed(each, Box(0, 0, 320, 240), placement(motion, f, FRAMING, 1.0), 96)
         for f, each in zip(SPAN, change, strict=True)]
    )  # fmt: skip
    mouth = mouth_in(96) > 0.8
    assert seen[:, mouth].mean() < -0.03
    assert np.abs(seen[:, 4:36]).max() < 0.02
    fine = [np.abs(each - cv2.GaussianBlur(each, (0, 0), 1.0)).mean() for each in change]
    assert np.mean(fine) < 0.2 * np.abs(change).mean()


def test_what_the_network_hears() -> None:
    """80 columns a second; a click is heard in the columns around it, silence is the floor."""
    sound = np.zeros(16000, np.float32)
    assert (mel_spectrogram(sound) == -4).all()
    sound[8000] = 1
    heard = mel_spectrogram(sound)
    assert heard.shape == (80, 81)
    assert abs(int(heard.sum(axis=0).argmax()) - 40) <= 1
    loud = mel_spectrogram(np.sin(np.arange(16000) * 2 * np.pi * 1000 / 16000).astype(np.float32))
    assert loud.max() > 3 and RATE == 24.0


def test_sound_is_heard_around_the_middle_of_a_frame(tmp_path: Path) -> None:
    generator = Wav2LipGenerator(scripted_wav2lip(tmp_path))
    click = np.zeros(48000, np.float32)
    click[24000] = 1
    # The sound starts a second into frame 0, so that it clicks in its frame 36.
    heard = generator.hear(click, 48000, Fraction(1), 60, Fraction(24))
    loud = heard.mean(axis=(1, 2, 3))
    hears = np.flatnonzero(loud > loud.min() + 1e-3)
    assert hears.min() in (32, 33) and hears.max() in (36, 37)


def test_a_generator_whose_weights_are_not_for_sale_is_asked_about(
    sample: Sample, tmp_path: Path
) -> None:
    weights = {"wav2lip": str(scripted_wav2lip(tmp_path / "weights"))}
    with pytest.raises(DubwrightError) as refused:
        dub(
            sample.timeline,
            ["es"],
            tmp_path / "out",
            subtitles=sample.subtitles("en", "es"),
            cast=sample.cast,
            engines=EngineChoice(mouth_generator="wav2lip", weights=weights),
            store=tmp_path / "store",
        )
    assert "--not-for-sale" in refused.value.repair
    assert "wav2lip" in refused.value.where


def test_a_dub_follows_a_generated_mouth(dubbed: Dubbed, tmp_path: Path) -> None:
    """The scripted network gives the plate's own face back: so the plate's own mouth is drawn,
    and not that of the new line."""
    sample = dubbed.sample
    weights = {"wav2lip": str(scripted_wav2lip_checkpoint(tmp_path / "weights"))}
    result = dub(
        sample.timeline,
        ["es"],
        tmp_path / "out",
        subtitles=sample.subtitles("en", "es", "fr"),
        cast=sample.cast,
        original="en",
        engines=EngineChoice(mouth_generator="wav2lip", weights=weights, not_for_sale=True),
        store=dubbed.store,
    )
    assert result.report.engines["mouth_generator"].startswith("wav2lip/")
    (language,) = result.report.languages
    told = [reason for span in language.spans for reason in span.attention]
    assert not any("can be followed" in reason for reason in told)
    plates = sorted((sample.folder / "plates/lighthouse_010").glob("*.exr"))[8:98:2]
    own = _apertures(plates)
    followed, spoken = (
        np.corrcoef(own, _apertures([_dubbed(folder, plate) for plate in plates]))[0, 1]
        for folder in (result.folder, dubbed.result.folder)
    )
    assert followed > 0.9 > 0.7 > spoken


def _dubbed(folder: Path, plate: Path) -> Path:
    shot, number, suffix = plate.name.split(".")
    return folder / "frames/es" / shot / f"{shot}.es.{number}.{suffix}"


def _apertures(frames: list[Path]) -> np.ndarray:
    pictures = [display_proxy(read_rgb(frame), LINEAR_REC709, ColourConfig()) for frame in frames]
    faces = np.array([faces[0] for faces in FaceMeshTracker().follow(pictures)])
    return mouth_curves(in_head_frame(faces, head_template(faces)).positions)[:, 0]


def test_musetalk_draws_what_its_own_networks_give(tmp_path: Path) -> None:
    """Step by step with the libraries that its networks are of."""
    torch = pytest.importorskip("torch", reason="torch is not installed here")
    from diffusers import AutoencoderKL, UNet2DConditionModel

    from dubwright.picture.engines.musetalk import MuseTalkGenerator

    weights = tiny_musetalk(tmp_path)
    generator = MuseTalkGenerator(weights)
    faces = np.random.default_rng(0).uniform(0, 1, (2, 256, 256, 3)).astype(np.float32)
    heard = np.random.default_rng(1).normal(0, 1, (2, 50, 16)).astype(np.float32)
    vae = AutoencoderKL.from_pretrained(weights / "sd-vae").eval()
    told = json.loads((weights / "musetalkV15/musetalk.json").read_text())
    network = UNet2DConditionModel(**told).eval()
    network.load_state_dict(torch.load(weights / "musetalkV15/unet.pth", weights_only=True))
    pixels = torch.from_numpy(faces).permute(0, 3, 1, 2) * 2 - 1
    half = pixels.clone()
    half[:, :, 128:] = -1
    places = np.arange(50)[:, None] / 10000 ** (np.arange(0, 16, 2) / 16)
    tokens = heard.copy()
    tokens[..., 0::2] += np.sin(places)
    tokens[..., 1::2] += np.cos(places)
    with torch.no_grad():
        latents = torch.cat(
            [vae.encode(each).latent_dist.mode() * 0.18215 for each in (half, pixels)], dim=1
        )
        made = network(latents, 0, encoder_hidden_states=torch.from_numpy(tokens).float()).sample
        expected = (vae.decode(made / 0.18215).sample / 2 + 0.5).clamp(0, 1)
    drawn = generator.draw(faces, heard)
    assert drawn == pytest.approx(expected.permute(0, 2, 3, 1).numpy(), abs=1e-4)
    assert drawn.std() > 0.01


def test_the_tokens_of_a_frame_are_what_whisper_hears_around_it(tmp_path: Path) -> None:
    """Its lowest states change where one noise goes over into another."""
    pytest.importorskip("torch", reason="torch is not installed here")
    from dubwright.speech.engines.whisper_windows import WhisperWindows

    whisper = WhisperWindows(tiny_whisper_of_musetalk(tmp_path), normalised=False)
    random = np.random.default_rng(0)
    sound = random.normal(0, 0.3, 10 * 16000).astype(np.float32)
    plain = whisper.heard(sound, 16000, Fraction(-1, 5), 225, Fraction(25))
    sound[5 * 16000 :] = random.normal(0, 0.3, 5 * 16000)
    heard = whisper.heard(sound, 16000, Fraction(-1, 5), 225, Fraction(25))
    assert heard.shape == (225, 50, 16)
    # A frame's tokens are ten states in time, of five layers each; the lowest hears 40 ms around.
    changed = np.abs(heard - plain).reshape(225, 10, 5, 16)[:, :, 0].max(axis=2) > 0.1
    first = np.array([np.flatnonzero(row)[0] if row.any() else 10 for row in changed])
    # The noise begins 4.8 s into frame 0: in frame 120 as the tokens' middle.
    assert first[120] in (3, 4, 5) and first[116] == 10 and first[124] == 0
    shifted = whisper.heard(sound, 16000, Fraction(-1, 5) + Fraction(4, 25), 225, Fraction(25))
    assert np.array_equal(shifted[4:], heard[:-4])


def test_offsets_that_change_along_a_line_are_followed(tmp_path: Path) -> None:
    """Clicks half a second apart: the first is to come 100 ms later, the last 100 ms earlier."""
    generator = Wav2LipGenerator(scripted_wav2lip(tmp_path))
    sound = np.zeros(3 * 16000, np.float32)
    sound[[8000, 40000]] = 1
    line, rate = Line(sound, 16000, Fraction(0)), Fraction(25)

    def clicks(offsets: list[tuple[int, float]]) -> list[float]:
        loud = heard_then(generator, line, offsets, 75, rate).reshape(75, -1).mean(axis=1)
        heard = loud - loud.min()
        return [
            float((np.arange(75)[part] * heard[part]).sum() / heard[part].sum())
            for part in (slice(0, 37), slice(37, 75))
        ]

    first, last = clicks([(0, 0)])
    assert clicks([(0, 40)]) == pytest.approx([first + 1, last + 1], abs=0.01)
    moved = clicks([(500, 100), (2500, -100)])
    assert moved == pytest.approx([first + 2.25, last - 2.25], abs=0.5)


def test_weights_that_are_not_a_generators_are_told(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed here")
    from dubwright.picture.engines.musetalk import MuseTalkGenerator

    (tmp_path / "notes.txt").write_text("no weights")
    for content in (
        None,
        b"",
        b"not a pickle",
        pickle.dumps(Path("of a class"), protocol=2),
        "tensor",
    ):
        checkpoint = tmp_path / "wav2lip.pth"
        if content == "tensor":
            torch.save(torch.zeros(3), checkpoint)
        elif isinstance(content, bytes):
            checkpoint.write_bytes(content)
        for generator in (Wav2LipGenerator(tmp_path), MuseTalkGenerator(tmp_path)):
            with pytest.raises(DubwrightError, match="weights cannot be loaded"):
                generator.hear(np.zeros(16000, np.float32), 16000, Fraction(0), 3, Fraction(24))
                assert generator.framing.side


def test_one_of_several_files_is_not_guessed(tmp_path: Path) -> None:
    scripted_wav2lip(tmp_path)
    scripted_wav2lip_checkpoint(tmp_path)
    with pytest.raises(DubwrightError, match="weights cannot be loaded") as refused:
        assert Wav2LipGenerator(tmp_path).framing
    assert "found: " in refused.value.why


def _over(given, norm, axes: tuple[int, ...]):
    """A group normalisation of [clips, frames, channels, h, w] over these axes of a group."""
    grouped = given.unflatten(2, (norm.num_groups, -1))
    mean = grouped.mean(axes, keepdim=True)
    spread = ((grouped - mean) ** 2).mean(axes, keepdim=True)
    made = ((grouped - mean) / (spread + norm.eps).sqrt()).flatten(2, 3)
    return made * norm.weight[:, None, None] + norm.bias[:, None, None]


def test_latentsync_normalises_as_it_was_trained(tmp_path: Path) -> None:
    """Residual blocks over all frames of a clip, motion modules over each frame."""
    torch = pytest.importorskip("torch", reason="torch is not installed here")
    from dubwright.picture.torch_latentsync import LatentSync

    network = LatentSync(tiny_latentsync(tmp_path))._network
    seen: dict[str, tuple] = {}
    block = network.down_blocks[0]
    motion = block.motion_modules[0].norm
    norms = {"resnet": block.resnets[0].norm1, "last": network.conv_norm_out, "motion": motion}
    for name, module in norms.items():
        module.register_forward_hook(
            lambda _, given, made, name=name: seen.update({name: (given[0], made)})
        )
    random = torch.Generator().manual_seed(0)
    clip = torch.randn((2, 13, 4, 16, 16), generator=random)
    tokens = torch.randn((8, 50, 16), generator=random)
    with torch.no_grad():
        network(clip, 10, tokens)
    for name in ("resnet", "last"):
        given, made = (each.unflatten(0, (2, 4)) for each in seen[name])
        assert torch.allclose(_over(given, norms[name]._norm, (1, 3, 4, 5)), made, atol=1e-4)
    given, made = (each.transpose(1, 2) for each in seen["motion"])
    assert torch.allclose(_over(given, motion._norm, (3, 4, 5)), made, atol=1e-4)


def test_latentsync_changes_only_what_its_mask_leaves_open(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed here")
    from dubwright.picture.engines.latentsync import LatentSyncGenerator

    weights = tiny_latentsync(tmp_path)
    kept = np.full((32, 32), 255, np.uint8)
    kept[20:28, 8:24] = 0
    cv2.imwrite(str(weights / "mask.png"), kept)
    generator = LatentSyncGenerator(weights)
    faces = np.random.default_rng(0).uniform(0, 1, (16, 128, 128, 3)).astype(np.float32)
    random = np.random.default_rng(1)
    heard = random.normal(0, 1, (16, 50, 16)).astype(np.float32)
    drawn = generator.draw(faces, heard)
    changed = np.abs(drawn - faces).max(axis=(0, 3)) > 1e-6
    assert changed[84:108, 40:88].all()
    assert not changed[:76].any() and not changed[:, :28].any() and not changed[116:].any()
    # What is heard moves it, and the frames know of each other.
    heard[3] = random.normal(0, 1, (50, 16))
    other = np.abs(generator.draw(faces, heard) - drawn).max(axis=(1, 2, 3))
    assert other[3] > 1e-4 and other.argmax() == 3 and (other > 0).all()


def _compared(sample: Sample, folder: Path, **weights: Path) -> LipSyncRequest:
    """A line on the first frames of the sample's first shot, for engines with these weights."""
    text = "Mama, papa, mama, y luego nada."
    speech = EspeakSynthesizer().speak(text, "es", 1.0)
    assert len(speech.samples) / speech.sample_rate > 30 / 24
    write_wav(folder / "line.wav", speech.samples, speech.sample_rate)
    held = {name: str(path) for name, path in weights.items()}
    return LipSyncRequest(
        plate=sample.folder / "plates/lighthouse_010/lighthouse_010.####.exr",
        dialogue=folder / "line.wav",
        text=text,
        language="es",
        frames=(1001, 1030),
        output=folder / "out",
        engines=EngineChoice(weights=held, not_for_sale=True),
    )


def test_engines_are_compared_side_by_side(sample: Sample, tmp_path: Path) -> None:
    request = _compared(
        sample,
        tmp_path,
        wav2lip=scripted_wav2lip(tmp_path / "wav2lip"),
        musetalk=tmp_path / "nothing",
    )
    found, folder = compare(
        request,
        Store(tmp_path / "store"),
        Authority.of_this_machine(),
        only=("actor", "retrieval", "wav2lip", "musetalk"),
    )
    assert folder == tmp_path / "out/v001"
    told = {each.name: each for each in found.engines}
    assert list(told) == ["actor", "retrieval", "musetalk", "wav2lip"]
    assert "no weights" in told["musetalk"].why_not and not told["musetalk"].drawn
    assert "--weights musetalk=" in told["musetalk"].why_not
    for each in (told["retrieval"], told["wav2lip"]):
        assert each.drawn > 20 and not each.why_not
        assert each.seconds_per_frame and each.followed_r and each.sharpness and each.flicker
    assert not told["wav2lip"].commercial_use
    assert "too few to learn from" in told["actor"].learned and not told["retrieval"].learned
    # The scripted network shows the plate's own mouth, and not what is said.
    assert told["retrieval"].said_r > 0.9 > told["wav2lip"].said_r
    movie = probe_movie(folder / "compare.mp4")
    assert movie.frames == found.frames == 30
    samples, rate = read_movie_audio(folder / "compare.mp4")
    assert len(samples) / rate == pytest.approx(30 / 24, abs=0.05)
    # The plate and three engines, one beside the other.
    width = cv2.imread(str(folder / "compare.jpg")).shape[1]
    assert width == movie.width and width % 4 == 0
    page = (folder / "compare.html").read_text()
    for words in (
        "retrieval",
        "wav2lip",
        "no weights",
        "too few to learn from",
        "not for sale",
        "compare.mp4",
    ):
        assert words in page
    kept = Comparison.model_validate_json((folder / "compare.json").read_text())
    assert kept == found


def test_a_plate_that_shows_nobody_is_not_compared(tmp_path: Path) -> None:
    for frame in range(1001, 1013):
        write_rgb(tmp_path / f"wall.{frame}.exr", np.full((120, 160, 3), 0.18, np.float32), {})
    speech = EspeakSynthesizer().speak("Mama.", "es", 1.0)
    write_wav(tmp_path / "line.wav", speech.samples, speech.sample_rate)
    request = LipSyncRequest(
        plate=tmp_path / "wall.####.exr",
        dialogue=tmp_path / "line.wav",
        text="Mama.",
        language="es",
        colour_space="ACEScg",
        output=tmp_path / "out",
    )
    with pytest.raises(DubwrightError) as refused:
        compare(request, Store(tmp_path), Authority.of_this_machine(), only=("retrieval",))
    assert "no face" in refused.value.why and not (tmp_path / "out").exists()


def test_one_engines_fault_is_told_and_the_others_go_on(sample: Sample, tmp_path: Path) -> None:
    """The network wants other faces than its inputs say."""
    request = _compared(sample, tmp_path, wav2lip=broken_wav2lip(tmp_path / "wav2lip"))
    store, authority = Store(tmp_path / "store"), Authority.of_this_machine()
    found, _ = compare(request, store, authority, only=("retrieval", "wav2lip"))
    retrieval, wav2lip = found.engines
    assert retrieval.drawn > 20 and wav2lip.why_not.startswith("it failed")


def test_engines_that_are_not_there_are_not_compared(sample: Sample, tmp_path: Path) -> None:
    request = LipSyncRequest(
        plate=sample.folder / "plates/lighthouse_010/lighthouse_010.####.exr",
        dialogue=tmp_path / "line.wav",
        language="es",
        output=tmp_path,
    )
    with pytest.raises(DubwrightError) as refused:
        compare(request, Store(tmp_path), Authority.of_this_machine(), only=("cinema",))
    assert "retrieval" in refused.value.why
