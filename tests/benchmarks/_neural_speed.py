"""How fast networks draw mouths, and how much of that is the network."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from _common import Figures
from diffusers import AutoencoderKL, UNet2DConditionModel
from numpy.typing import NDArray
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from filmed import FRAMES, FilmedActor

from dubwright.engines import GeneratedFace, MouthGenerator
from dubwright.face.engines.facemesh import FaceMeshTracker
from dubwright.media.colour import encode_log
from dubwright.model import FaceTrack, FrameRange, MouthCurves
from dubwright.picture.engines.musetalk import MuseTalkGenerator
from dubwright.picture.engines.retrieval import RetrievalRenderer
from dubwright.picture.engines.wav2lip import Wav2LipGenerator
from dubwright.picture.generation import generated_faces
from dubwright.picture.library import interocular_pixels
from dubwright.picture.refinement import DrawnMouth, MouthWindow
from dubwright.picture.torch_refiner import TorchRefiner, Training
from dubwright.picture.torch_wav2lip import Wav2Lip

SPAN: Final = FrameRange(8, 32)
SIDES: Final = (256, 512, 1024)


def speed(quick: bool) -> Figures:
    """Frames a second of refining mouths of some pixels, and of generators of full size.

    Of these `network_fps` is the network alone; `generated_fps` with framing, registering and
    following its faces; `fps` with drawing the mouth on a plate whose mouth window has 512 pixels.
    `not_network` is the share of that which is not the network. `peak_mb` is the most of a GPU's
    memory that it took, where there is one. MuseTalk is left out with --quick.
    """
    figures: Figures = {}
    refiner = TorchRefiner(Training().weights)
    for side in SIDES[: 1 if quick else None]:
        plate = _Enlarged(side)
        mouth = _mouth(plate, side)
        _forget_peak()
        seconds = _each(lambda mouth=mouth: refiner.refined(mouth), 3 if quick else 10)
        figures[f"speed.actor.{side}.fps"] = 1 / seconds
        figures |= _peak(f"actor.{side}")
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        save_file(Wav2Lip().state_dict(), Path(folder) / "wav2lip.safetensors")
        figures |= _generator("wav2lip.96", Wav2LipGenerator(Path(folder)), 4 if quick else 24)
    if not quick:
        with tempfile.TemporaryDirectory() as folder:
            _write_musetalk(Path(folder))
            figures |= _generator("musetalk.256", MuseTalkGenerator(Path(folder)), 4)
    return figures


def _generator(name: str, generator: MouthGenerator, count: int) -> Figures:
    _forget_peak()
    plate, network = _Enlarged(512), _Timed(generator)
    frames = FrameRange(SPAN.start, SPAN.start + count)
    sound = np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32)
    heard = generator.hear(sound, 16000, Fraction(0), len(SPAN), Fraction(24))
    told = np.eye(3), SPAN, frames, FaceMeshTracker(), count, lambda: None
    generated_faces(plate, network, heard, *told)
    network.seconds = 0.0
    began = time.perf_counter()
    faces = generated_faces(plate, network, heard, *told)
    generated = time.perf_counter() - began
    plate.faces = faces or _own(plate, network, frames)
    renderer = RetrievalRenderer()
    curves = MouthCurves(Fraction(24), plate.curves[frames.start : frames.end])
    chosen = renderer.choose(plate, [plate], curves, frames.start, (True, True))
    drawn = list(renderer.draw(plate, [plate], curves, frames.start, chosen, range(1)))
    began = time.perf_counter()
    drawn = list(renderer.draw(plate, [plate], curves, frames.start, chosen, range(count)))
    both = generated + time.perf_counter() - began
    assert len(drawn) == count
    return {
        f"speed.{name}.network_fps": count / network.seconds,
        f"speed.{name}.generated_fps": count / generated,
        f"speed.{name}.fps": count / both,
        f"speed.{name}.not_network": 1 - network.seconds / both,
    } | _peak(name)


def _write_musetalk(folder: Path) -> None:
    """MuseTalk's networks in their full size, with random weights, as its program keeps them."""
    WhisperModel(
        WhisperConfig(
            d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536,
            decoder_layers=4, decoder_attention_heads=6, decoder_ffn_dim=1536,
        )
    ).save_pretrained(folder / "whisper")  # fmt: skip
    WhisperFeatureExtractor().save_pretrained(folder / "whisper")
    AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).save_pretrained(folder / "sd-vae")  # fmt: skip
    told = {
        "sample_size": 64, "in_channels": 8, "out_channels": 4, "cross_attention_dim": 384,
        "block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8,
    }  # fmt: skip
    (folder / "musetalkV15").mkdir()
    (folder / "musetalkV15/musetalk.json").write_text(json.dumps(told))
    weights = UNet2DConditionModel(**told).state_dict()
    save_file(weights, folder / "musetalkV15/unet.safetensors")


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _peak(name: str) -> Figures:
    if not torch.cuda.is_available():
        return {}
    return {f"speed.{name}.peak_mb": torch.cuda.max_memory_allocated() / 2**20}


class _Timed:
    """A generator whose network is timed."""

    def __init__(self, generator: MouthGenerator) -> None:
        self.card = generator.card
        self.together, self.overlap = generator.together, generator.overlap
        self.framing = generator.framing
        self.hear = generator.hear
        self._draw = generator.draw
        self.seconds = 0.0

    def draw(self, faces: Any, heard: Any) -> NDArray[np.float32]:
        began = time.perf_counter()
        drawn = self._draw(faces, heard)
        self.seconds += time.perf_counter() - began
        return drawn


class _Enlarged(FilmedActor):
    """The synthetic actor, its eyes so many pixels apart."""

    def __init__(self, interocular: int) -> None:
        super().__init__()
        scale = interocular / float(np.median(interocular_pixels(self.track)[:FRAMES]))
        landmarks = (self.track.landmarks * scale).astype(np.float32)
        self.track = FaceTrack(landmarks, self.track.template, self.track.reasons)
        height, width = self.pictures[0].shape[:2]
        self.size = round(width * scale), round(height * scale)
        self.pictures = [
            cv2.resize(each, self.size, interpolation=cv2.INTER_CUBIC) for each in self.pictures
        ]


def _mouth(plate: FilmedActor, side: int) -> DrawnMouth:
    points = plate.track.landmarks[10, :468, :2].astype(np.float64)
    window = MouthWindow.around(points, float(side))
    return DrawnMouth(10, encode_log(plate.region(10, window.box)), window, 1.0)


def _own(plate: FilmedActor, generator: _Timed, frames: FrameRange) -> dict[int, GeneratedFace]:
    """The plate's own faces in the place of those of random weights, which cannot be followed."""
    side = generator.framing.side
    width = side / plate.size[0]
    affine = np.array([[width, 0, 0], [0, width, 0]])
    return {
        frame: GeneratedFace(
            cv2.resize(encode_log(plate.pictures[frame]), (side, side)),
            affine,
            plate.track.landmarks[frame, :468, :2].astype(np.float64),
            plate.curves[frame],
            1.0,
        )
        for frame in frames
    }


def _each(work: Callable[[], Any], times: int) -> float:
    """Seconds of each time, after one that is not counted."""
    work()
    began = time.perf_counter()
    for _ in range(times):
        work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / times
