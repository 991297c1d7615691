"""The network of MuseTalk (Zhang et al., 2024), for torch.

It is given the latents of a face whose lower half is black and of the whole face, and what is
heard, and tells in one step those of the face that says it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor

from dubwright.engines.transformers_loading import device
from dubwright.picture.torch_diffusion import (
    Autoencoder,
    network_weights,
    placed,
    precision,
    subfolder,
)
from dubwright.speech.engines.whisper_windows import WhisperWindows

__all__ = ["SIDE", "MuseTalk"]

SIDE: Final = 256
CONFIGS: Final = ("musetalk.json", "unet.json")


class MuseTalk:
    """Loads a folder with the network and its musetalk.json, the autoencoder's, and Whisper's."""

    def __init__(self, weights: Path) -> None:
        vae = subfolder(weights, "_class_name", "AutoencoderKL")
        whisper = subfolder(weights, "model_type", "whisper")
        config = next((file for name in CONFIGS for file in weights.rglob(name)), None)
        if config is None:
            raise ValueError(f"it has no {CONFIGS[0]}")
        self.whisper = WhisperWindows(whisper, normalised=True)
        self._autoencoder = Autoencoder(vae)
        network = UNet2DConditionModel(**json.loads(config.read_text(encoding="utf-8")))
        network.load_state_dict(network_weights(weights, (vae, whisper)))
        self._network = placed(network)

    def drawn(self, faces: NDArray[np.float32], heard: NDArray[np.float32]) -> NDArray[np.float32]:
        """Faces [n, side, side, 3] between 0 and 1; see MouthGenerator.draw."""
        with torch.inference_mode():
            shown = torch.from_numpy(np.ascontiguousarray(faces)).permute(0, 3, 1, 2)
            masked = shown.clone()
            masked[:, :, shown.shape[2] // 2 :] = 0
            latents = [self._autoencoder.encoded(2 * each - 1) for each in (masked, shown)]
            tokens = torch.from_numpy(heard) + _places(*heard.shape[1:])
            made = self._network(
                torch.cat(latents, dim=1),
                torch.zeros((), device=device()),
                encoder_hidden_states=tokens.to(device(), precision()),
            ).sample
            return self._autoencoder.decoded(made)


def _places(tokens: int, values: int) -> Tensor:
    """Sines and cosines that tell the tokens' places (Vaswani et al., 2017), [tokens, values]."""
    place = torch.arange(tokens)[:, None]
    slower = torch.exp(torch.arange(0, values, 2) * (-np.log(10000.0) / values))
    told = torch.zeros(tokens, values)
    told[:, 0::2], told[:, 1::2] = torch.sin(place * slower), torch.cos(place * slower)
    return told
