"""Voice prints by networks that were trained to know speakers: ECAPA, ResNet, CAM++.

What pyannote and WeSpeaker use (Desplanques et al., 2020, "ECAPA-TDNN"; Wang et al., 2023,
"WeSpeaker"), as ONNX files that are given Kaldi's filter banks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dubwright.engines import EngineCard, EngineKind
from dubwright.engines.choice import remembered
from dubwright.engines.onnx_loading import described_beside, onnx_file, session_of
from dubwright.engines.refusal import weights_refused

__all__ = ["VoiceEmbeddingDiarizer", "filter_banks"]

RATE: Final = 16000
WINDOW, HOP, FFT, BANDS = 400, 160, 512, 80
LOWEST_HZ: Final = 20.0
PREEMPHASIS: Final = 0.97
# Kaldi hears 16-bit samples, and nothing below this.
FULL_SCALE: Final = 32768
FLOOR: Final = 1.192092955078125e-07
DESCRIPTION: Final = "voices.json"
LEAST_FRAMES: Final = 50
# A longer turn tells no more.
MOST_S: Final = 20


class Description(BaseModel):
    """What a file of weights does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    same_voice: float = Field(
        0.5, gt=-1, lt=1, description="The cosine above which two prints are one person's."
    )


class VoiceEmbeddingDiarizer:
    card = EngineCard(
        name="voice-embedding",
        kind=EngineKind.DIARIZER,
        version=1,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("onnxruntime", "transformers"),
        needs_weights=True,
        way_around="tell voices apart by resemblyzer, whose package carries its weights",
        limits="An ONNX file that is given filter banks [n, frames, 80] (WeSpeaker, pyannote, "
        "3D-Speaker), and voices.json where its threshold is not 0.5.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    @property
    def same_voice(self) -> float:
        return _loaded(self._weights).description.same_voice

    def prints(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        ranges: Sequence[tuple[int, int]],
    ) -> NDArray[np.float32]:
        model = _loaded(self._weights)
        found = [model.print_of(samples[start:end], sample_rate) for start, end in ranges]
        return np.array(found, np.float32) if found else np.zeros((0, 0), np.float32)


class _Model:
    def __init__(self, session: Any, description: Description) -> None:
        (given,) = session.get_inputs()[:1]
        if len(given.shape) != 3 or (
            given.shape[2] not in (BANDS, None) and isinstance(given.shape[2], int)
        ):
            raise ValueError(f"its input is {given.shape}, and not [n, frames, {BANDS}]")
        self.description = description
        self._session = session
        self._name = given.name

    def print_of(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """What a voice is like, of length 1."""
        speech = soxr.resample(samples[: MOST_S * sample_rate], sample_rate, RATE)
        needed = WINDOW + (LEAST_FRAMES - 1) * HOP
        if 0 < len(speech) < needed:
            # What is short is heard again and again: silence would be a voice of its own.
            speech = np.tile(speech, -(-needed // len(speech)))[:needed]
        elif not len(speech):
            speech = np.zeros(needed, np.float32)
        banks = filter_banks(speech)
        given = (banks - banks.mean(axis=0))[None]
        (found,) = self._session.run(None, {self._name: given})[:1]
        print_: NDArray[np.float32] = np.asarray(found, np.float32).reshape(-1)
        length = float(np.linalg.norm(print_))
        if length < 1e-9:
            print_, length = np.ones_like(print_), float(np.sqrt(len(print_)))
        return print_ / length


def filter_banks(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Kaldi's logarithmic filter banks of a sound at 16 kHz, [frames, 80], 100 frames a second."""
    from transformers.audio_utils import spectrogram, window_function

    banks = spectrogram(
        samples.astype(np.float64) * FULL_SCALE,
        window_function(WINDOW, "hamming", periodic=False),
        frame_length=WINDOW,
        hop_length=HOP,
        fft_length=FFT,
        power=2.0,
        center=False,
        preemphasis=PREEMPHASIS,
        mel_filters=_filters(),
        log_mel="log",
        mel_floor=FLOOR,
        remove_dc_offset=True,
    )
    return np.asarray(banks.T, np.float32)


@lru_cache(maxsize=1)
def _filters() -> NDArray[np.floating[Any]]:
    from transformers.audio_utils import mel_filter_bank

    filters: NDArray[np.floating[Any]] = mel_filter_bank(
        FFT // 2 + 1, BANDS, LOWEST_HZ, RATE / 2, RATE, norm=None, mel_scale="kaldi",
        triangularize_in_mel_space=True,
    )  # fmt: skip
    return filters


@remembered
def _loaded(weights: Path) -> _Model:
    try:
        file = onnx_file(weights)
        return _Model(session_of(file), described_beside(file, DESCRIPTION, Description))
    except (OSError, ValueError) as error:
        raise weights_refused(
            "A diarizer's weights",
            weights,
            error,
            "give an ONNX file that is given filter banks of 80 bands",
        ) from error
