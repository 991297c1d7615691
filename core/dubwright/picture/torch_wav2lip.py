"""The network of Wav2Lip (Prajwal et al., 2020), as its checkpoints hold it, for torch.

Names of the modules are those of the checkpoints. Every layer is a convolution, a batch
normalisation and a rectifier; some add what they were given.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dubwright.picture.torch_weights import tensors_of

__all__ = ["SIDE", "Wav2Lip", "wav2lip"]

SIDE: Final = 96
Pair = int | tuple[int, int]


class Layer(NamedTuple):
    """A convolution: channels in and out, the kernel's side, its stride, what is padded."""

    given: int
    made: int
    kernel: int = 3
    stride: Pair = 1
    padding: int = 1
    adds: bool = False
    doubles: bool = False  # transposed


def _same(channels: int, times: int) -> tuple[Layer, ...]:
    """Layers that add to what they are given."""
    return (Layer(channels, channels, adds=True),) * times


FACE: Final = (
    (Layer(6, 16, 7, 1, 3),),
    (Layer(16, 32, stride=2), *_same(32, 2)),
    (Layer(32, 64, stride=2), *_same(64, 3)),
    (Layer(64, 128, stride=2), *_same(128, 2)),
    (Layer(128, 256, stride=2), *_same(256, 2)),
    (Layer(256, 512, stride=2), *_same(512, 1)),
    (Layer(512, 512, padding=0), Layer(512, 512, 1, 1, 0)),
)
SOUND: Final = (
    Layer(1, 32), *_same(32, 2),
    Layer(32, 64, stride=(3, 1)), *_same(64, 2),
    Layer(64, 128, stride=3), *_same(128, 2),
    Layer(128, 256, stride=(3, 2)), *_same(256, 1),
    Layer(256, 512, padding=0), Layer(512, 512, 1, 1, 0),
)  # fmt: skip
DRAWN: Final = (
    (Layer(512, 512, 1, 1, 0),),
    (Layer(1024, 512, stride=1, padding=0, doubles=True), *_same(512, 1)),
    (Layer(1024, 512, stride=2, doubles=True), *_same(512, 2)),
    (Layer(768, 384, stride=2, doubles=True), *_same(384, 2)),
    (Layer(512, 256, stride=2, doubles=True), *_same(256, 2)),
    (Layer(320, 128, stride=2, doubles=True), *_same(128, 2)),
    (Layer(160, 64, stride=2, doubles=True), *_same(64, 2)),
)


class Block(nn.Module):
    def __init__(self, layer: Layer) -> None:
        super().__init__()
        sizes = layer.given, layer.made, layer.kernel, layer.stride, layer.padding
        made: nn.Module = (
            nn.ConvTranspose2d(*sizes, output_padding=1 if layer.stride == 2 else 0)
            if layer.doubles
            else nn.Conv2d(*sizes)
        )
        self.conv_block = nn.Sequential(made, nn.BatchNorm2d(layer.made))
        self._adds = layer.adds

    def forward(self, given: Tensor) -> Tensor:
        made: Tensor = self.conv_block(given)
        return torch.relu(made + given if self._adds else made)


def _blocks(layers: tuple[Layer, ...]) -> nn.Sequential:
    return nn.Sequential(*map(Block, layers))


class Wav2Lip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.face_encoder_blocks = nn.ModuleList(map(_blocks, FACE))
        self.audio_encoder = _blocks(SOUND)
        self.face_decoder_blocks = nn.ModuleList(map(_blocks, DRAWN))
        self.output_block = nn.Sequential(Block(Layer(80, 32)), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mels: Tensor, faces: Tensor) -> Tensor:
        """Faces [n, 3, side, side], from mels [n, 1, 80, 16] and faces [n, 6, side, side]."""
        seen = []
        for block in self.face_encoder_blocks:
            faces = block(faces)
            seen.append(faces)
        drawn: Tensor = self.audio_encoder(mels)
        for block in self.face_decoder_blocks:
            drawn = torch.cat([block(drawn), seen.pop()], dim=1)
        made: Tensor = self.output_block(drawn)
        return made


def wav2lip(
    file: Path,
) -> Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]:
    """The network of a checkpoint, as .safetensors or as a pickle of nothing but tensors.

    Raises:
        ValueError, RuntimeError, pickle.UnpicklingError: the file holds something else.
    """
    weights = tensors_of(file)
    network = Wav2Lip()
    network.load_state_dict({name.removeprefix("module."): each for name, each in weights.items()})
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.eval().to(device)

    def run(mels: NDArray[np.float32], faces: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            given = (
                torch.from_numpy(np.ascontiguousarray(each)).to(device) for each in (mels, faces)
            )
            drawn: NDArray[np.float32] = network(*given).float().cpu().numpy()
        return drawn

    return run
