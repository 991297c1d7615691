"""How far two pictures are from each other to the eye: what refiners learn and are judged by.

The normalised Laplacian pyramid distance (Laparra, Ballé, Berardino and Simoncelli, 2016,
"Perceptual image quality assessment using a normalized Laplacian pyramid"): each band is divided by
how much there is around it, so that a lost pore counts on skin and does not beside an edge. Its
gamma for light is left out, for pictures here are log-encoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch.nn import functional

__all__ = ["pyramid_distance", "texture_distance"]

Tensor = torch.Tensor

LEVELS: Final = 4
# Bands in which teeth and lips have their texture.
TEXTURE_LEVELS: Final = 2
# Below this a band's own activity does not matter, as parts of the encoding's range.
QUIET: Final = 0.02
BINOMIAL: Final = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def pyramid_distance(found: Tensor, true: Tensor, weight: Tensor | None = None) -> Tensor:
    """The distance of pictures [batch, 3, height, width], log-encoded; one number for each.

    Args:
        found, true: the pictures; 16 pixels or more along each side.
        weight: how much each pixel counts, [batch, 1, height, width]; all alike if None.
    """
    weights = torch.ones_like(true[:, :1]) if weight is None else weight
    distances = []
    for band, wanted, counts in _bands(found, true, weights, LEVELS):
        around = QUIET + _blurred(wanted.abs())
        distances.append((_mean(((band - wanted) / around) ** 2, counts) + 1e-12).sqrt())
    return torch.stack(distances).mean(dim=0)


def texture_distance(found: Tensor, true: Tensor, weight: Tensor) -> Tensor:
    """How unlike the amount of fine detail is, wherever exactly it lies; one number for each.

    A mouth that is averaged from many has too little, which no distance of pixels minds (as the
    statistics of Portilla and Simoncelli, 2000, tell textures). See pyramid_distance.
    """
    distances = [
        _mean((_activity(band) - _activity(wanted)).abs(), counts)
        for band, wanted, counts in _bands(found, true, weight, TEXTURE_LEVELS + 1)
    ]
    return torch.stack(distances[:TEXTURE_LEVELS]).mean(dim=0)


def _bands(
    found: Tensor, true: Tensor, weights: Tensor, levels: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The bands of both pictures from the finest, with the weights at their size."""
    for _ in range(levels - 1):
        smaller, wanted = _halved(found), _halved(true)
        yield found - _doubled(smaller, found), true - _doubled(wanted, true), weights
        found, true = smaller, wanted
        weights = functional.avg_pool2d(weights, 2, ceil_mode=True)
    yield found, true, weights


def _activity(band: Tensor) -> Tensor:
    """The logarithm of how much there is in a band around each pixel."""
    return 0.5 * (_blurred(band**2) + (QUIET / 4) ** 2).log()


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    counted = (values.mean(dim=1, keepdim=True) * weights).sum(dim=(1, 2, 3))
    return counted / weights.sum(dim=(1, 2, 3)).clamp(min=1e-6)


def _blurred(picture: Tensor) -> Tensor:
    kernel = picture.new_tensor(BINOMIAL)
    channels = picture.shape[1]
    across = kernel.view(1, 1, 1, 5).expand(channels, 1, 1, 5)
    down = kernel.view(1, 1, 5, 1).expand(channels, 1, 5, 1)
    padded = functional.pad(picture, (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(
        functional.conv2d(padded, across, groups=channels), down, groups=channels
    )


def _halved(picture: Tensor) -> Tensor:
    return _blurred(picture)[..., ::2, ::2]


def _doubled(smaller: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    return functional.interpolate(smaller, size=size, mode="bilinear", align_corners=False)
