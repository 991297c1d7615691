"""What mouth generators share that draw in the latents of Stable Diffusion's autoencoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from dubwright.engines.transformers_loading import device
from dubwright.picture.torch_weights import tensors_of

__all__ = ["Autoencoder", "network_weights", "placed", "precision", "subfolder"]

TENSORS: Final = (".safetensors", ".pt", ".pth", ".bin")


class Autoencoder:
    """Rombach et al.'s (2022, "High-resolution image synthesis with latent diffusion models")."""

    def __init__(self, weights: Path) -> None:
        network = AutoencoderKL.from_pretrained(
            weights, local_files_only=True, low_cpu_mem_usage=False, torch_dtype=precision()
        )
        self._network = network.eval().to(device())
        self._scale = float(network.config.scaling_factor)
        # Pixels along a latent.
        self.pixels = 2 ** (len(network.config.block_out_channels) - 1)

    def encoded(self, pictures: Tensor) -> Tensor:
        """Latents [n, 4, h, w] of pictures [n, 3, height, width] between -1 and 1.

        The likeliest are taken, and none drawn by chance.
        """
        given = pictures.to(device(), precision())
        latents: Tensor = self._network.encode(given).latent_dist.mode() * self._scale
        return latents

    def decoded(self, latents: Tensor) -> NDArray[np.float32]:
        """Pictures [n, height, width, 3] between 0 and 1."""
        pictures = self._network.decode(latents / self._scale).sample
        shown = (pictures.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        drawn: NDArray[np.float32] = shown.contiguous().cpu().numpy()
        return drawn


def precision() -> torch.dtype:
    return torch.float16 if torch.cuda.is_available() else torch.float32


def placed(network: Any) -> Any:
    """A network where it works, in half precision on a GPU."""
    at_work = network.eval().to(device())
    return at_work.half() if precision() is torch.float16 else at_work


def subfolder(weights: Path, key: str, value: str) -> Path:
    """The folder within weights whose config.json says so.

    Raises:
        ValueError: there is none.
    """
    for config in sorted(weights.rglob("config.json")):
        if json.loads(config.read_text(encoding="utf-8")).get(key) == value:
            return config.parent
    raise ValueError(f"no folder in it has a config.json that says {key}: {value}")


def network_weights(folder: Path, skipped: tuple[Path, ...] = ()) -> Mapping[str, Tensor]:
    """The tensors of the only file of weights in a folder that is not in one of others.

    A pickle is read only as far as it holds nothing but tensors.

    Raises:
        ValueError: there is none, or more than one.
    """
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix in TENSORS and not any(part in file.parents for part in skipped)
    ]
    if len(files) != 1:
        named = ", ".join(file.name for file in files) or "none"
        raise ValueError(f"the network's own weights have to be one file; found: {named}")
    return tensors_of(files[0])
