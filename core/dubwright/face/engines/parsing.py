"""Tells the parts of a face's picture apart: face, neck, hair, and what is none of these.

Networks were trained on CelebAMask-HQ (Lee et al., 2020, "MaskGAN: towards diverse and interactive
facial image manipulation"): BiSeNet (Yu et al., 2018) as an ONNX file, and what transformers knows
as semantic segmentation, such as SegFormer (Xie et al., 2021). Other labels are told by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dubwright.engines import EngineCard, EngineKind, Region, SuggestedWeights
from dubwright.engines.choice import remembered
from dubwright.engines.onnx_loading import described_beside, onnx_file, session_of
from dubwright.engines.refusal import weights_refused
from dubwright.engines.transformers_loading import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    device,
    loaded,
    picture_input,
    transformers,
    unloadable,
)

__all__ = ["OnnxFaceParser", "TransformersFaceParser"]

Image = NDArray[np.float32]

DESCRIPTION: Final = "parsing.json"
# As the networks' own programs number them.
CELEBA_MASK_HQ: Final = (
    ("background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear")
    + ("ear_r", "nose", "mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat")
)  # fmt: skip
# Glasses, jewellery and hats do not move as a face does.
REGIONS: Final[Mapping[Region, frozenset[str]]] = {
    Region.FACE: frozenset(
        {"skin", "face", "face-skin", "nose", "mouth", "u_lip", "l_lip", "lips", "teeth", "tongue"}
        | {"l_brow", "r_brow", "brow", "l_eye", "r_eye", "eye", "l_ear", "r_ear", "ear", "beard"}
    ),
    Region.NECK: frozenset({"neck"}),
    Region.HAIR: frozenset({"hair"}),
}


class Description(BaseModel):
    """What a file of weights does not say itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...] = Field(
        CELEBA_MASK_HQ, min_length=1, description="Of its channels, in order."
    )
    mean: tuple[float, float, float] = Field(IMAGENET_MEAN, description="Taken from red to blue.")
    std: tuple[float, float, float] = Field(IMAGENET_STD, description="What is left is divided by.")
    bgr: bool = Field(False, description="Whether it is given blue first.")


class _Parser:
    def __init__(self, network: _Network) -> None:
        self._network = network

    @property
    def side(self) -> int:
        return self._network.side

    def parse(self, faces: Image) -> Image:
        return self._network.parse(faces)


class OnnxFaceParser(_Parser):
    """BiSeNet and its like. With one label it tells how much of each pixel is that, from 0 to 1."""

    card = EngineCard(
        name="bisenet",
        kind=EngineKind.FACE_PARSER,
        version=1,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("onnxruntime",),
        needs_weights=True,
        trained=True,
        way_around="leave the face parser out: frames in which something covers the mouth are then "
        "left as they are",
        limits=f"An ONNX file with CelebAMask-HQ's labels; {DESCRIPTION} beside it names others.",
    )

    def __init__(self, weights: Path) -> None:
        super().__init__(_onnx(weights))


class TransformersFaceParser(_Parser):
    card = EngineCard(
        name="transformers-parser",
        kind=EngineKind.FACE_PARSER,
        version=1,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("torch", "transformers"),
        needs_weights=True,
        trained=True,
        suggested=(
            SuggestedWeights(name="jonathandinu/face-parsing", licence="mit", megabytes=340),
        ),
        way_around="leave the face parser out: frames in which something covers the mouth are then "
        "left as they are",
        limits="Weights for semantic segmentation with CelebAMask-HQ's labels, such as SegFormer.",
    )

    def __init__(self, weights: Path) -> None:
        super().__init__(_segmentation(weights))


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    """A network that tells parts apart, whoever runs it.

    Attributes:
        side: of its pictures, in pixels.
        labels: of its channels.
        mean, std: by which pictures are normalised, [3].
        run: given pictures [n, 3, side, side], gives scores [n, labels, rows, columns].
    """

    side: int
    labels: Sequence[str]
    mean: Image
    std: Image
    run: Callable[[Image], Image]

    def parse(self, faces: Image) -> Image:
        """The shares of regions; see FaceParser."""
        given = (faces - self.mean) / self.std
        scores = self.run(np.ascontiguousarray(given.transpose(0, 3, 1, 2), np.float32))
        known = _regions(self.labels)
        if len(known) == 1:
            of_face = np.clip(scores, 0, 1)
            shares = np.concatenate([of_face, 1 - of_face], axis=1)
            known = [*known, Region.OTHER]
        else:
            raised = np.exp(scores - scores.max(axis=1, keepdims=True))
            shares = raised / raised.sum(axis=1, keepdims=True)
        regions = np.zeros((*scores.shape[:1], *scores.shape[2:], len(Region)), np.float32)
        for channel, region in enumerate(known):
            regions[..., region] += shares[:, channel]
        return np.stack([cv2.resize(each, (self.side, self.side)) for each in regions])


@remembered
def _onnx(weights: Path) -> _Network:
    try:
        file = onnx_file(weights)
        return _onnx_network(session_of(file), described_beside(file, DESCRIPTION, Description))
    except (OSError, ValueError) as error:
        raise weights_refused(
            "A face parser's weights",
            weights,
            error,
            f"give an ONNX file with CelebAMask-HQ's labels, or with a {DESCRIPTION} beside "
            'it, as in {"labels": ["background", "skin", "neck", "hair"]}',
        ) from error


def _onnx_network(session: Any, told: Description) -> _Network:
    given, made = session.get_inputs()[0], session.get_outputs()[0].name
    shape = given.shape
    last = len(shape) == 4 and shape[3] == 3
    side = shape[2] if len(shape) == 4 else None
    if not isinstance(side, int) or shape[1 if last else 3] != side or 3 not in shape[1:]:
        raise ValueError(f"its input is {shape}, not [n, 3, side, side] or [n, side, side, 3]")
    one_by_one = isinstance(shape[0], int)

    def run(pictures: Image) -> Image:
        wanted = pictures[:, ::-1] if told.bgr else pictures
        wanted = np.ascontiguousarray(wanted.transpose(0, 2, 3, 1) if last else wanted)
        parts = np.split(wanted, len(wanted)) if one_by_one else [wanted]
        scores = np.concatenate([session.run([made], {given.name: part})[0] for part in parts])
        return scores.transpose(0, 3, 1, 2) if last else scores

    mean, std = np.array(told.mean, np.float32), np.array(told.std, np.float32)
    network = _Network(side, told.labels, mean, std, run)
    _require_labels(network.labels, run(np.zeros((1, 3, side, side), np.float32)).shape[1])
    return network


@remembered
def _segmentation(weights: Path) -> _Network:
    try:
        return _transformers_network(weights)
    except unloadable() as error:
        raise weights_refused(
            "A face parser's weights",
            weights,
            error,
            "give a folder with config.json, preprocessor_config.json and safetensors of a "
            "network for semantic segmentation",
        ) from error


def _transformers_network(weights: Path) -> _Network:
    import torch

    network = loaded(transformers().AutoModelForSemanticSegmentation, weights).float()
    given = picture_input(weights)
    names = network.config.id2label
    labels = [names[number] for number in sorted(names)]
    _require_labels(labels, network.config.num_labels)

    def run(pictures: Image) -> Image:
        with torch.no_grad():
            scores = network(torch.from_numpy(pictures).to(device())).logits
        return np.asarray(scores.float().cpu().numpy(), np.float32)

    return _Network(given.side, labels, given.mean, given.std, run)


def _require_labels(labels: Sequence[str], channels: int) -> None:
    """
    Raises:
        ValueError: the labels are not those of a network with so many channels, or name no face.
    """
    if len(labels) != channels:
        raise ValueError(f"it has {channels} channels, and {len(labels)} labels are known")
    if Region.FACE not in _regions(labels):
        raise ValueError(f"none of its labels is a face's: {', '.join(labels)}")


def _regions(labels: Sequence[str]) -> list[Region]:
    """The region that each label belongs to."""
    return [
        next((region for region, names in REGIONS.items() if label.lower() in names), Region.OTHER)
        for label in labels
    ]
