"""MDX-Net: takes voices out of a mix, by an ONNX model that the user has.

The network is Kim et al.'s (2021, KUIELab-MDX-Net: a two-stream neural network for music demixing):
it is given spectra of both channels, real and imaginary parts one after the other, and gives back
those of one stem. What a file of weights does not say stands beside it, in `mdx.json`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.signal import ShortTimeFFT, get_window

from dubwright.engines import EngineCard, EngineKind
from dubwright.engines.choice import remembered
from dubwright.engines.onnx_loading import described_beside, onnx_file, session_of
from dubwright.engines.refusal import weights_refused
from dubwright.media.audio import resampled

__all__ = ["MdxNetSeparator"]

RATE: Final = 44100
DESCRIPTION: Final = "mdx.json"

Samples = NDArray[np.float32]


class Description(BaseModel):
    """What a model was trained with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fft: int = Field(ge=512, le=16384, description="Samples in a window.")
    hop: int = Field(1024, ge=64, description="Samples between windows.")
    stem: Literal["background", "voice"] = Field(description="What it gives back.")
    gain: float = Field(1.0, gt=0, description="What its output is to be multiplied by.")


class MdxNetSeparator:
    card = EngineCard(
        name="mdx-net",
        kind=EngineKind.SEPARATOR,
        version=1,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("onnxruntime",),
        needs_weights=True,
        trained=True,
        way_around="leave the separator out: what stands in the middle is taken out, or the mix is "
        "lowered",
        limits="A folder with an ONNX file of the MDX-Net family and mdx.json. Learned from music: "
        "shouts and walla may stay.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    def background(self, samples: Samples, sample_rate: int) -> Samples:
        model = _loaded(self._weights)
        mix = resampled(samples, sample_rate, RATE)
        rest = model.stem(mix)
        if model.description.stem == "voice":
            rest = mix - rest
        back = resampled(rest.astype(np.float32), RATE, sample_rate)[: len(samples)]
        return np.pad(back, ((0, len(samples) - len(back)), (0, 0))).astype(np.float32)


class _Model:
    def __init__(self, session: Any, description: Description) -> None:
        self.description = description
        self._session = session
        self._input = session.get_inputs()[0]
        _, channels, bins, frames = self._input.shape
        if channels != 4 or bins > description.fft // 2 + 1:
            raise ValueError(f"its input is {self._input.shape}, not [n, 4, bins, frames]")
        self._bins, self._frames = int(bins), int(frames)
        window = get_window("hann", description.fft)
        self._transform = ShortTimeFFT(window, description.hop, RATE, scale_to=None)

    def stem(self, mix: Samples) -> NDArray[np.float64]:
        """What the model hears in a mix, [samples, 2]."""
        length = self._frames * self.description.hop
        margin = self.description.fft
        step = length - 2 * margin
        if step <= 0:
            raise ValueError("its window is longer than what it hears at once")
        padded = np.pad(mix, ((margin, length), (0, 0)))
        heard = np.zeros_like(padded, np.float64)
        for start in range(0, len(mix), step):
            part = self._heard(padded[start : start + length])
            kept = slice(margin, margin + step)
            end = min(start + length, len(padded))
            found = part[kept][: max(0, end - start - margin)]
            heard[start + margin : start + margin + len(found)] = found
        return heard[margin : margin + len(mix)] * self.description.gain

    def _heard(self, part: Samples) -> NDArray[np.float64]:
        spectra = [self._spectrum(part[:, side]) for side in (0, 1)]
        given = np.stack([p for s in spectra for p in (s.real, s.imag)]).astype(np.float32)
        (found,) = self._session.run(None, {self._input.name: given[None]})
        sides = []
        for side in (0, 1):
            spectrum = np.zeros((self.description.fft // 2 + 1, self._frames), np.complex128)
            spectrum[: self._bins] = found[0, 2 * side] + 1j * found[0, 2 * side + 1]
            first = self._transform.p_min
            whole = np.zeros((len(spectrum), self._transform.p_max(len(part)) - first), complex)
            whole[:, -first : -first + self._frames] = spectrum
            sides.append(self._transform.istft(whole, k1=len(part)))
        return np.stack(sides, axis=1)

    def _spectrum(self, sound: Samples) -> NDArray[np.complex128]:
        """The model's bins of its frames, [bins, frames], the first centred on the first sample."""
        found = self._transform.stft(sound, p0=0, p1=self._frames)
        return np.asarray(found[: self._bins], np.complex128)


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
            f"give a folder with an ONNX file of that family and {DESCRIPTION}, as in "
            '{"fft": 6144, "hop": 1024, "stem": "background"}',
        ) from error
