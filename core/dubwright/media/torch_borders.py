"""Borders of pictures in torch, as OpenCV mirrors them."""

from __future__ import annotations

import torch

__all__ = ["mirrored"]


def mirrored(picture: torch.Tensor, axis: int, by: int) -> torch.Tensor:
    """A picture with `by` more pixels at both ends of an axis, mirrored about the ends."""
    length = picture.shape[axis]
    at = torch.arange(-by, length + by, device=picture.device)
    period = max(1, 2 * (length - 1))
    at = at.remainder(period)
    return picture.index_select(axis, torch.minimum(at, period - at) if length > 1 else at * 0)
