"""Files of tensors, as networks' authors publish them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

__all__ = ["tensors_of"]


def tensors_of(file: Path) -> Mapping[str, Tensor]:
    """The tensors of a .safetensors file, or of a pickle that holds nothing but tensors.

    Raises:
        ValueError: it holds something else.
        pickle.UnpicklingError: it would make more than tensors.
    """
    if file.suffix == ".safetensors":
        return dict(load_file(file))
    held = torch.load(file, map_location="cpu", weights_only=True)
    tensors = held.get("state_dict", held) if isinstance(held, Mapping) else held
    if not isinstance(tensors, Mapping):
        raise ValueError(f"{file.name} does not hold tensors by name")
    return tensors
