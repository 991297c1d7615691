"""Demucs: takes voices out of a mix, by an ONNX model that the user has.

The network is Défossez's (2021, "Hybrid spectrogram and waveform source separation"; Rouard et al.,
2023, with transformers): it is given some seconds of a stereo mix and gives back its stems.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dubwright.engines import EngineCard, EngineKind
from dubwright.engines.choice import remembered
from dubwright.engines.onnx_loading import described_beside, onnx_file, session_of
from dubwright.engines.refusal import weights_refused
from dubwright.errors import DubwrightError
from dubwright.media.audio import resampled

__all__ = ["DemucsSeparator"]

RATE: Final = 44100
DESCRIPTION: Final = "demucs.json"
# What neighbouring parts share, as a part of each; they fade over it.
SHARED: Final = 0.25
LEAST_SPREAD: Final = 1e-8

Samples = NDArray[np.float32]


class Description(BaseModel):
    """What a file of weights does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stems: tuple[str, ...] = Field(
        ("drums", "bass", "other", "vocals"), description="In the order that it gives them back."
    )
    voice: str = Field("vocals", description="The stem that is taken out.")
    seconds: float = Field(7.8, gt=0.5, le=60, description="It hears at once, if any length does.")


class DemucsSeparator:
    card = EngineCard(
        name="demucs",
        kind=EngineKind.SEPARATOR,
        version=1,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("onnxruntime",),
        needs_weights=True,
        trained=True,
        way_around="leave the separator out: what stands in the middle is taken out, or the mix is "
        "lowered",
        limits="An ONNX file of the Demucs family that is given samples alone, and demucs.json "
        "where its stems are not Demucs' four. Learned from music: shouts and walla may stay.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    def background(self, samples: Samples, sample_rate: int) -> Samples:
        mix = resampled(samples, sample_rate, RATE)
        rest = (mix - _loaded(self._weights).voice(mix)).astype(np.float32)
        back = resampled(rest, RATE, sample_rate)[: len(samples)]
        return np.pad(back, ((0, len(samples) - len(back)), (0, 0))).astype(np.float32)


class _Model:
    def __init__(self, session: Any, description: Description) -> None:
        given, made = session.get_inputs(), session.get_outputs()
        if len(given) != 1 or len(given[0].shape) != 3:
            told = ", ".join(f"{each.name} {each.shape}" for each in given)
            raise ValueError(f"its inputs are {told}, and not a mix [n, 2, samples] alone")
        if description.voice not in description.stems:
            raise ValueError(f"{description.voice} is none of its stems")
        self._session = session
        self._name, self._made = given[0].name, made[0].name
        own = given[0].shape[2]
        self._length = own if isinstance(own, int) else round(description.seconds * RATE)
        self._stem = description.stems.index(description.voice)
        self._stems = len(description.stems)

    def voice(self, mix: Samples) -> NDArray[np.float64]:
        """What of a mix [samples, 2] is the voice, heard in parts that fade into each other."""
        level = mix.mean(axis=1)
        middle, spread = float(level.mean()), float(level.std())
        if spread < LEAST_SPREAD:
            # One side may be the other upside down.
            spread = float(mix.std())
        if spread < LEAST_SPREAD:
            return np.zeros(mix.shape)
        heard = (mix - middle) / spread
        step = round(self._length * (1 - SHARED))
        ramp = np.minimum(np.arange(1, self._length + 1), np.arange(self._length, 0, -1))
        weight = ramp[:, None] / ramp.max()
        found, whole = np.zeros(mix.shape), np.zeros((len(mix), 1))
        for start in range(0, len(mix), step):
            part = heard[start : start + self._length]
            voice = self._part(np.pad(part, ((0, self._length - len(part)), (0, 0))))
            end = start + len(part)
            found[start:end] += voice[: len(part)] * weight[: len(part)]
            whole[start:end] += weight[: len(part)]
        voices: NDArray[np.float64] = found / whole * spread + middle
        return voices

    def _part(self, part: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        given = np.ascontiguousarray(part.T[None], np.float32)
        (stems,) = self._session.run([self._made], {self._name: given})
        if stems.shape != (1, self._stems, 2, self._length):
            raise DubwrightError(
                "A separator gives back other stems than it is said to",
                where=self._made,
                why=f"it is {list(stems.shape)}, and not [1, {self._stems}, 2, {self._length}]",
                repair=f'say its stems in {DESCRIPTION}, as in {{"stems": ["vocals", "other"]}}',
            )
        voice: NDArray[np.floating[Any]] = stems[0, self._stem].T
        return voice


@remembered
def _loaded(weights: Path) -> _Model:
    try:
        file = onnx_file(weights)
        return _Model(session_of(file), described_beside(file, DESCRIPTION, Description))
    except (OSError, ValueError) as error:
        raise weights_refused(
            "A separator's weights",
            weights,
            error,
            "give an ONNX file of Demucs that takes samples and gives back its stems",
        ) from error
