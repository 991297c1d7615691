"""Speech encoders that were trained on any language: Whisper's, wav2vec 2.0, HuBERT, WavLM.

What a layer three quarters up hears is closest to phones (Pasad et al., 2021, "Layer-wise analysis
of a self-supervised speech representation model"), and the same in every language.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind, SuggestedWeights
from dubwright.engines.choice import remembered
from dubwright.engines.protocols import Encoding
from dubwright.engines.refusal import weights_refused
from dubwright.engines.transformers_loading import (
    OFFLINE,
    checked_family,
    device,
    loaded,
    transformers,
    unloadable,
)
from dubwright.media.audio import resampled

__all__ = ["TransformersEncoder"]

RATE: Final = 16000
# A recording is heard in parts of so many seconds, each with a little of its neighbours.
PART_S: Final = 20
MARGIN_S: Final = 1
LAYER: Final = Fraction(3, 4)
MEL_HOP: Final = 160

Samples = NDArray[np.float32]


class TransformersEncoder:
    card = EngineCard(
        name="transformers-encoder",
        kind=EngineKind.SPEECH_ENCODER,
        version=1,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("torch", "transformers"),
        needs_weights=True,
        trained=True,
        suggested=(
            SuggestedWeights(name="openai/whisper-small", licence="apache-2.0", megabytes=970),
            SuggestedWeights(
                name="facebook/wav2vec2-xls-r-300m", licence="apache-2.0", megabytes=1270
            ),
            SuggestedWeights(
                name="facebook/hubert-base-ls960", licence="apache-2.0", megabytes=380
            ),
        ),
        way_around="leave the speech encoder out: mouths then follow the phones alone",
        limits="Weights of Whisper, wav2vec 2.0, HuBERT or WavLM.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    def encode(self, samples: NDArray[np.float32], sample_rate: int) -> Encoding:
        model = _model(self._weights)
        sound = resampled(samples, sample_rate, RATE)
        frames = max(1, math.ceil(len(sound) / model.hop))
        part = model.part // model.hop
        margin = min(MARGIN_S * RATE // model.hop, part // 4)
        padded = np.pad(sound, (0, frames * model.hop - len(sound)))
        values = []
        for start in range(0, frames, part - 2 * margin):
            first = max(0, start - margin)
            heard = model.hear(padded[first * model.hop : (first + part) * model.hop])
            values.append(heard[start - first :][: min(part - 2 * margin, frames - start)])
        return Encoding(np.concatenate(values), Fraction(RATE, model.hop), model.first)


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """A network that hears as many samples at once.

    Attributes:
        hop: samples between its frames.
        part: samples that it is given at most.
        first: the middle of its first frame, in seconds.
        hear: gives its values, [samples / hop, values].
    """

    hop: int
    part: int
    first: Fraction
    hear: Callable[[Samples], NDArray[np.float32]]


def _whisper(weights: Path) -> _Model:
    library = transformers()
    network = loaded(library.WhisperModel, weights).get_encoder().float()
    positions = int(network.config.max_source_positions)
    # Its window is as long as the weights were trained for: usually thirty seconds.
    hop = 2 * MEL_HOP
    extractor = library.WhisperFeatureExtractor.from_pretrained(
        weights, chunk_length=positions * hop // RATE, **OFFLINE
    )

    def hear(sound: Samples) -> NDArray[np.float32]:
        given = extractor(sound, sampling_rate=RATE, return_tensors="pt")
        return _layer(network, given.input_features)[: len(sound) // hop]

    return _Model(hop, min(PART_S * RATE, positions * hop), Fraction(0), hear)


def _convolutional(weights: Path) -> _Model:
    """wav2vec 2.0 and its like, which hear samples."""
    library = transformers()
    network = loaded(library.AutoModel, weights).float()
    extractor = library.AutoFeatureExtractor.from_pretrained(weights, **OFFLINE)
    hop, field = 1, 1
    for kernel, stride in zip(network.config.conv_kernel, network.config.conv_stride, strict=True):
        field += (kernel - 1) * hop
        hop *= stride

    def hear(sound: Samples) -> NDArray[np.float32]:
        # So that the last frames have all that they hear.
        whole = np.pad(sound, (0, field))
        given = extractor(whole, sampling_rate=RATE, return_tensors="pt")
        return _layer(network, given.input_values)[: len(sound) // hop]

    return _Model(hop, PART_S * RATE // hop * hop, Fraction(field, 2 * RATE), hear)


FAMILIES: Final[Mapping[str, Callable[[Path], _Model]]] = {
    "whisper": _whisper,
    "wav2vec2": _convolutional,
    "hubert": _convolutional,
    "wavlm": _convolutional,
}


def _layer(network: Any, given: Any) -> NDArray[np.float32]:
    """What the chosen layer of a network makes of what it is given, [frames, values]."""
    import torch

    with torch.no_grad():
        told = network(given.to(device()), output_hidden_states=True)
    layers = told.hidden_states
    heard: NDArray[np.float32] = layers[round(LAYER * (len(layers) - 1))][0].float().cpu().numpy()
    return heard


@remembered
def _model(weights: Path) -> _Model:
    family = checked_family(weights, FAMILIES, EngineKind.SPEECH_ENCODER)
    try:
        return FAMILIES[family](weights)
    except unloadable() as error:
        raise weights_refused(
            "A speech encoder's weights",
            weights,
            error,
            "give a folder with config.json, preprocessor_config.json and safetensors",
        ) from error
