"""How points move from one picture to the next, in torch; see dubwright.face.point_flow."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from dubwright.face.point_flow import ITERATIONS, LEVELS, STILL_PIXELS, Grey, Points
from dubwright.media.torch_borders import mirrored

__all__ = ["TorchPointFlow", "cuda_point_flow"]

Tensor = torch.Tensor
WEIGHT_BITS: Final = 14
# Grey is kept to 1/32.
GREY_BITS: Final = 5
SUM_SCALE: Final = 2.0**-20
PLAINEST: Final = 1e-4
SMALLEST_DETERMINANT: Final = float(np.finfo(np.float32).eps)


class TorchPointFlow:
    """Follows points on a device of torch."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)

    def __call__(
        self, before: Grey, after: Grey, points: Points, guess: Points, side: int
    ) -> tuple[Points, NDArray[np.bool_]]:
        first, second = (_pyramid(self._placed(picture), side) for picture in (before, after))
        start, end = self._placed(points), self._placed(guess)
        found = torch.ones(len(start), dtype=torch.bool, device=self._device)
        levels = range(min(len(first), len(second)))
        end = end / 2 ** len(levels)
        for level in reversed(levels):
            end, found = _followed(first[level], second[level], start / 2**level, end * 2, side)
        return end.cpu().numpy(), found.cpu().numpy()

    def _placed(self, array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


def cuda_point_flow() -> TorchPointFlow | None:
    """Follows points on the first GPU that is seen; None where there is none."""
    return TorchPointFlow("cuda") if torch.cuda.is_available() else None


def _pyramid(picture: Tensor, side: int) -> list[Tensor]:
    """The picture and its halves, int32, until one would be no larger than the window."""
    levels = [picture.to(torch.int32)]
    while len(levels) <= LEVELS and min((length + 1) // 2 for length in levels[-1].shape) > side:
        levels.append(_halved(levels[-1]))
    return levels


def _halved(picture: Tensor) -> Tensor:
    """Burt and Adelson's next level (1983), rounded to integers."""
    for axis in (0, 1):
        padded = mirrored(picture, axis, 2)
        taps = [padded.narrow(axis, at, picture.shape[axis]) for at in range(5)]
        smooth = taps[0] + taps[4] + 4 * (taps[1] + taps[3]) + 6 * taps[2]
        picture = smooth[::2] if axis == 0 else smooth[:, ::2]
    return (picture + 128) >> 8


def _derivatives(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Scharr's derivatives along x and y, 32 times a difference of neighbours."""
    smooth, differed = [], []
    for axis in (0, 1):
        padded = mirrored(picture, axis, 1)
        low, here, high = (padded.narrow(axis, at, picture.shape[axis]) for at in range(3))
        smooth.append(3 * (low + high) + 10 * here)
        differed.append(high - low)
    along_x = mirrored(smooth[0], 1, 1)
    along_y = mirrored(smooth[1], 0, 1)
    return along_x[:, 2:] - along_x[:, :-2], along_y[2:] - along_y[:-2]


def _followed(
    before: Tensor, after: Tensor, points: Tensor, guess: Tensor, side: int
) -> tuple[Tensor, Tensor]:
    """Points followed on one level of the pyramid, from the guess on."""
    corner = points - (side - 1) / 2
    target = guess - (side - 1) / 2
    inside = _reached(corner, before, side)
    edged = _edged(before, side)
    slopes = [torch.nn.functional.pad(slope, (side,) * 4) for slope in _derivatives(before)]
    here = _windows(edged, corner, side, inside, WEIGHT_BITS - GREY_BITS)
    dx, dy = (_windows(slope, corner, side, inside, WEIGHT_BITS) for slope in slopes)
    xx, xy, yy = (_summed(one, other) for one, other in ((dx, dx), (dx, dy), (dy, dy)))
    determinant = xx * yy - xy * xy
    plain = yy + xx - torch.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    found = inside & (plain / (2 * side * side) >= PLAINEST)
    found &= determinant >= SMALLEST_DETERMINANT
    edged = _edged(after, side)
    moving = found.clone()
    previous = torch.zeros_like(target)
    for iteration in range(ITERATIONS):
        outside = moving & ~_reached(target, after, side)
        found, moving = found & ~outside, moving & ~outside
        at = moving.nonzero()[:, 0]
        if not len(at):
            break
        everywhere = torch.ones_like(at, dtype=torch.bool)
        there = _windows(edged, target[at], side, everywhere, WEIGHT_BITS - GREY_BITS)
        gone = there - here[at]
        along_x, along_y = _summed(gone, dx[at]), _summed(gone, dy[at])
        step_x = (xy[at] * along_y - yy[at] * along_x) / determinant[at]
        step_y = (xy[at] * along_x - xx[at] * along_y) / determinant[at]
        step = torch.stack([step_x, step_y], dim=1)
        target[at] += step
        still = (step.double() ** 2).sum(dim=1) <= STILL_PIXELS**2
        swings = ((step + previous[at]).abs() < STILL_PIXELS).all(dim=1) & ~still
        if iteration > 0:
            target[at] -= step * (0.5 * swings)[:, None]
            still |= swings
        previous[at] = step
        moving[at] = ~still
    return target + (side - 1) / 2, found & _reached(target, after, side)


def _windows(padded: Tensor, corner: Tensor, side: int, inside: Tensor, bits: int) -> Tensor:
    """The squares at these corners, interpolated in integers, [points, side, side].

    Args:
        padded: a picture with `side` more pixels on every side.
        corner: [points, 2] (x, y), in the picture's pixels.
        inside: which corners can be read; the others' squares mean nothing.
        bits: by how many bits the weighted sums are shifted.
    """
    whole = corner.floor()
    a, b = (corner - whole).unbind(1)
    scale = float(1 << WEIGHT_BITS)
    upper_left = ((1 - a) * (1 - b) * scale).round()
    upper_right = (a * (1 - b) * scale).round()
    lower_left = ((1 - a) * b * scale).round()
    lower_right = scale - upper_left - upper_right - lower_left
    shares = torch.stack([upper_left, upper_right, lower_left, lower_right]).to(torch.int32)
    x, y = (torch.where(inside[:, None], whole, 0).to(torch.int64) + side).unbind(1)
    span = torch.arange(side + 1, device=padded.device)
    read = padded[(y[:, None] + span)[:, :, None], (x[:, None] + span)[:, None, :]]
    corners = (read[:, :-1, :-1], read[:, :-1, 1:], read[:, 1:, :-1], read[:, 1:, 1:])
    total = sum(
        share[:, None, None] * pixels for share, pixels in zip(shares, corners, strict=True)
    )
    return (total + (1 << (bits - 1))) >> bits


def _summed(one: Tensor, other: Tensor) -> Tensor:
    return ((one * other).sum(dim=(1, 2)).double() * SUM_SCALE).float()


def _reached(corner: Tensor, picture: Tensor, side: int) -> Tensor:
    """Whether a square at a corner lies on the picture or at most its side beyond."""
    whole = corner.floor()
    size = torch.tensor([picture.shape[1], picture.shape[0]], device=corner.device)
    return ((whole >= -side) & (whole < size)).all(dim=1)


def _edged(picture: Tensor, by: int) -> Tensor:
    return mirrored(mirrored(picture, 0, by), 1, by)
