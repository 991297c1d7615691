"""Mel-frequency cepstra as a speech encoder: what there is without weights."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind
from dubwright.engines.protocols import Encoding
from dubwright.speech.features import HOP_RATE, acoustic_features

__all__ = ["CepstraEncoder"]

EVERY: Final = 2


class CepstraEncoder:
    card = EngineCard(
        name="cepstra",
        kind=EngineKind.SPEECH_ENCODER,
        version=1,
        licence="Apache-2.0",
        commercial_use=True,
        packages=("torch", "safetensors"),
        limits="Hears the plate's own speakers; voices unlike theirs are heard less well than by "
        "an encoder that was trained on many.",
    )

    def encode(self, samples: NDArray[np.float32], sample_rate: int) -> Encoding:
        features = acoustic_features(samples, sample_rate)[::EVERY]
        return Encoding(features.astype(np.float32), Fraction(HOP_RATE, EVERY), Fraction(0))
