"""How alike two pictures of a face are to a network that has seen many.

What the network makes of both is compared by its cosine, as identity losses do (Deng et al., 2019,
"ArcFace"; Chen et al., 2020, "SimSwap"). It may be one that tells faces apart, or one that knows
pictures of all kinds: what transformers loads as a vision model, such as ViT, DINOv2 or CLIP.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from dubwright.engines.choice import remembered
from dubwright.engines.refusal import weights_refused
from dubwright.engines.transformers_loading import (
    device,
    loaded,
    picture_input,
    transformers,
    unloadable,
)
from dubwright.picture.torch_raster import TorchRaster

__all__ = ["Likeness", "likeness_of"]

# Of log-encoded pictures most is shown so bright.
BRIGHT_SHARE, BRIGHT = 0.9, 0.6
DISPLAY_GAMMA: Final = 2.2
LEAST_LIGHT: Final = 1e-4


class Likeness:
    """Made with the folder of a network's weights."""

    def __init__(self, weights: Path) -> None:
        self._network = loaded(transformers().AutoModel, weights).float().requires_grad_(False)
        given = picture_input(weights)
        self._side = given.side
        self._mean, self._std = (
            torch.from_numpy(each).to(device())[:, None, None] for each in (given.mean, given.std)
        )
        self._light = TorchRaster(device())

    def apart(self, found: Tensor, true: Tensor) -> Tensor:
        """How far pictures are from the true ones, 0 to 2, their mean.

        Args:
            found, true: log-encoded, [n, 3, height, width].
        """
        bright = torch.quantile(self._light.linear(true).amax(dim=1).flatten(1), BRIGHT_SHARE, 1)
        exposure = (BRIGHT / bright.clamp(min=LEAST_LIGHT))[:, None, None, None]
        with torch.no_grad():
            wanted = self._seen(true, exposure)
        return (1 - functional.cosine_similarity(self._seen(found, exposure), wanted)).mean()

    def _seen(self, pictures: Tensor, exposure: Tensor) -> Tensor:
        light = (self._light.linear(pictures) * exposure).clamp(LEAST_LIGHT, 1)
        shown = functional.interpolate(
            light ** (1 / DISPLAY_GAMMA), (self._side, self._side), mode="bilinear", antialias=True
        )
        given = (shown - self._mean) / self._std
        if hasattr(self._network, "get_image_features"):
            return _values(self._network.get_image_features(pixel_values=given))
        return _values(self._network(pixel_values=given))


@remembered
def likeness_of(weights: Path) -> Likeness:
    """
    Raises:
        DubwrightError: the weights are not those of a vision network.
    """
    try:
        return Likeness(weights)
    except unloadable() as error:
        raise weights_refused(
            "The weights by which likeness is judged",
            weights,
            error,
            "give a folder with config.json, preprocessor_config.json and safetensors of a "
            "vision network, or leave the weights of the actor's renderer out",
        ) from error


def _values(told: Any) -> Tensor:
    """What a network makes of whole pictures, [n, values]."""
    if isinstance(told, Tensor):
        return told
    pooled = getattr(told, "pooler_output", None)
    values: Tensor = told.last_hidden_state.mean(dim=1) if pooled is None else pooled.flatten(1)
    return values
