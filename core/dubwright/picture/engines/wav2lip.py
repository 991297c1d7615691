"""Wav2Lip and networks like it: a mouth drawn from a fifth of a second of sound.

The network is Prajwal et al.'s (2020, "A lip sync expert is all you need for speech to lip
generation in the wild"): it is given a face whose lower half is black, the whole face beside it,
and a mel spectrogram, and gives back the face. Later ones differ in the size of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from dubwright.engines import EngineCard, EngineKind, Framing
from dubwright.engines.choice import remembered
from dubwright.engines.onnx_loading import session_of
from dubwright.engines.refusal import weights_refused
from dubwright.engines.transformers_loading import unloadable
from dubwright.media.audio import resampled

__all__ = ["Wav2LipGenerator", "mel_spectrogram"]

Image = NDArray[np.float32]

RATE: Final = 16000
HOP: Final = 200
WINDOW: Final = 800
MELS: Final = 80
LOWEST_HZ, HIGHEST_HZ = 55.0, 7600.0
PREEMPHASIS: Final = 0.97
# Decibels that are taken as 0, and as far below as counts.
REFERENCE_DB: Final = 20.0
RANGE_DB: Final = 100.0
LIMIT: Final = 4.0
COLUMNS: Final = 16
# Columns beside those that are heard, which a cut of the sound does not reach.
MARGIN: Final = 4
# A frame's sixteen columns begin so long before its middle: as those of the second frame of five
# that were learned together, at 25 frames a second.
LEAD: Final = Fraction(60, 1000)


class Wav2LipGenerator:
    card = EngineCard(
        name="wav2lip",
        kind=EngineKind.MOUTH_GENERATOR,
        version=1,
        licence="Apache-2.0; the weights have theirs, the authors' are for research only",
        commercial_use=False,
        packages=("onnxruntime", "torch", "transformers"),
        needs_weights=True,
        trained=True,
        way_around="leave the mouth generator out: mouths are then drawn by what is said",
        limits="An ONNX file of 96 to 384 pixels, or the authors' checkpoint. Soft: what is finer "
        "than it draws comes from the actor's own mouths.",
    )
    together = 1
    overlap = 0

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    @property
    def framing(self) -> Framing:
        return Framing(-0.78, -0.5, 0.78, 1.45, _network(self._weights).side, 1.0, 0.5)

    def hear(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        start: Fraction,
        frames: int,
        rate: Fraction,
    ) -> NDArray[np.float32]:
        sound = resampled(samples, sample_rate, RATE)
        firsts = [
            round(((Fraction(2 * frame + 1, 2) / rate) - start - LEAD) * RATE / HOP)
            for frame in range(frames)
        ]
        begin = firsts[0] - MARGIN
        columns = firsts[-1] + COLUMNS + MARGIN - begin
        mel = mel_spectrogram(_cut(sound, begin * HOP, columns * HOP))
        return np.stack([mel[:, first - begin :][:, :COLUMNS] for first in firsts])[:, None]

    def draw(self, faces: Image, heard: NDArray[np.float32]) -> Image:
        network = _network(self._weights)
        # Blue first, as OpenCV reads pictures.
        whole = faces[..., ::-1].transpose(0, 3, 1, 2)
        masked = whole.copy()
        masked[:, :, network.side // 2 :] = 0
        drawn = network.run(heard, np.concatenate([masked, whole], axis=1))
        return np.ascontiguousarray(np.clip(drawn, 0, 1).transpose(0, 2, 3, 1)[..., ::-1])


def _cut(sound: NDArray[np.float32], start: int, length: int) -> NDArray[np.float32]:
    """Samples from `start`, which may be before the first; silence is around them."""
    cut = np.zeros(length, np.float32)
    first, end = max(0, start), min(len(sound), start + length)
    if first < end:
        cut[first - start : end - start] = sound[first:end]
    return cut


def mel_spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network hears of a sound at 16 kHz, [MELS, columns], 80 columns a second."""
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    filters = mel_filter_bank(
        WINDOW // 2 + 1, MELS, LOWEST_HZ, HIGHEST_HZ, RATE, norm="slaney", mel_scale="slaney"
    )
    emphasised = lfilter([1, -PREEMPHASIS], [1], samples)
    floor = 10 ** (-RANGE_DB / 20)
    light = spectrogram(
        emphasised,
        window_function(WINDOW, "hann"),
        frame_length=WINDOW,
        hop_length=HOP,
        fft_length=WINDOW,
        power=1.0,
        pad_mode="constant",
        mel_filters=filters,
        mel_floor=floor,
    )
    decibels = 20 * np.log10(np.maximum(floor, light)) - REFERENCE_DB
    scaled = 2 * LIMIT * (decibels + RANGE_DB) / RANGE_DB - LIMIT
    return np.asarray(np.clip(scaled, -LIMIT, LIMIT), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    """A network of this kind, whoever runs it.

    Attributes:
        side: of its pictures, in pixels.
        run: given mels [n, 1, 80, 16] and faces [n, 6, side, side], gives faces [n, 3, side, side].
    """

    side: int
    run: Callable[[NDArray[np.float32], Image], Image]


def _onnx(file: Path) -> _Network:
    session = session_of(file)
    shapes = {given.name: given.shape for given in session.get_inputs()}
    mel = next((name for name, shape in shapes.items() if shape[-2:] == [MELS, COLUMNS]), None)
    face = next((name for name, shape in shapes.items() if len(shape) == 4 and shape[1] == 6), None)
    if mel is None or face is None or not isinstance(shapes[face][-1], int):
        raise ValueError(f"its inputs are {shapes}: none is [n, 1, 80, 16] or [n, 6, side, side]")
    if shapes[face][0] not in (1, None) and isinstance(shapes[face][0], int):
        raise ValueError(f"it draws {shapes[face][0]} faces at once: export it for 1, or for any")
    one_by_one = shapes[face][0] == 1

    def run(mels: NDArray[np.float32], faces: Image) -> Image:
        parts = np.arange(1, len(faces) if one_by_one else 1)
        drawn = [
            session.run(None, {mel: heard, face: seen})[0]
            for heard, seen in zip(np.split(mels, parts), np.split(faces, parts), strict=True)
        ]
        return np.concatenate(drawn).astype(np.float32)

    return _Network(int(shapes[face][-1]), run)


def _checkpoint(file: Path) -> _Network:
    from dubwright.picture.torch_wav2lip import SIDE, wav2lip

    return _Network(SIDE, wav2lip(file))


@remembered
def _network(weights: Path) -> _Network:
    inside = sorted(weights.iterdir()) if weights.is_dir() else [weights]
    files = [path for path in inside if path.suffix in LOADERS]
    try:
        if len(files) != 1:
            named = ", ".join(path.name for path in files) or "none"
            raise ValueError(
                f"it is no {', '.join(LOADERS)} file, and no folder with one; found: {named}"
            )
        return LOADERS[files[0].suffix](files[0])
    except unloadable() as error:
        raise weights_refused(
            "A mouth generator's weights",
            weights,
            error,
            "give an ONNX file of the Wav2Lip family, or a checkpoint of Wav2Lip itself",
        ) from error


LOADERS: Final[dict[str, Callable[[Path], _Network]]] = {
    ".onnx": _onnx,
    ".safetensors": _checkpoint,
    ".pt": _checkpoint,
    ".pth": _checkpoint,
}
