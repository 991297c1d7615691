"""Laying a warped library mouth into a plate so that no seam shows.

All pictures are log-encoded: a change of light is a shift there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.landmarks import SKIN_RING_FAR, SKIN_RING_NEAR
from dubwright.picture.raster import Grid, Raster
from dubwright.picture.warp import Cells

__all__ = ["MouthMatte", "blended", "mouth_matte", "tone_matched"]

Image = NDArray[np.float32]

INSET_IOD: Final = 0.05
FEATHER_IOD: Final = 0.035
LIPS_FEATHER_IOD: Final = 0.025
TONE_SIGMA_IOD: Final = 0.22
MAX_TONE_SHIFT: Final = 0.12
# Tone is matched over squares of so many cells along a side.
TONE_CELLS: Final = 2
# The coarsest band of the blend, and the finest in which the skin may be the library's, in cells.
COARSEST_CELLS: Final = 8
SKIN_CELLS: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class MouthMatte:
    """Where the library's mouth shows, by the cells of a grid.

    Attributes:
        shading: 1 where the skin's shading is the library's, feathered.
        detail: 1 where its detail is, too: the lips and what is between them, feathered. Pores and
            grain around them stay the plate's.
        skin: the share of each cell that is skin around the lips, which both pictures show.
    """

    cells: Cells
    shading: Image
    detail: Image
    skin: Image

    def part(self, cells: Cells) -> MouthMatte:
        """The same matte of some of its cells."""
        index = cells.within(self.cells)
        return MouthMatte(cells, self.shading[index], self.detail[index], self.skin[index])


def mouth_matte(points: NDArray[np.floating[Any]], cells: Cells, interocular: float) -> MouthMatte:
    """The matte for target points [points, 2] in the frame's pixels."""
    iod = interocular / cells.step
    far = cells.filled(points[list(SKIN_RING_FAR)])
    near = cells.filled(points[list(SKIN_RING_NEAR)])
    size = int(INSET_IOD * iod) * 2 + 1
    inset = cv2.erode(far, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    shading = cv2.GaussianBlur(np.maximum(inset, near), (0, 0), FEATHER_IOD * iod)
    detail = cv2.GaussianBlur(near, (0, 0), LIPS_FEATHER_IOD * iod)
    return MouthMatte(
        cells, _float32(shading), _float32(detail), _float32(np.maximum(far - near, 0))
    )


def tone_matched(raster: Raster, difference: Grid, matte: MouthMatte, interocular: float) -> Grid:
    """What a library's mouth adds to the plate under the plate's light.

    The low frequencies of their difference are measured on the skin that both show, by normalised
    convolution (Knutsson and Westin, 1993), and taken away.

    Args:
        raster: who computes.
        difference: of the mouth from the plate, log-encoded, over the pixels of the matte's cells.
        matte: tells skin.
        interocular: in pixels.
    """
    step = TONE_CELLS * matte.cells.step
    skin = raster.averaged(raster.placed(matte.skin), TONE_CELLS)
    sigma = TONE_SIGMA_IOD * interocular / step
    known = raster.blurred(skin, sigma)[..., None] + 1e-3
    shift = raster.blurred(raster.averaged(difference, step) * skin[..., None], sigma) / known
    return difference - raster.enlarged(shift.clip(-MAX_TONE_SHIFT, MAX_TONE_SHIFT), step)


def blended(raster: Raster, difference: Grid, matte: MouthMatte, strength: float) -> Grid:
    """What is added to the plate: multiband blending (Burt and Adelson, 1983) of a difference.

    Fine bands are blended by the matte of detail, coarse ones by that of shading.
    """
    step = matte.cells.step
    bands = [difference]
    while len(bands) - 1 < np.log2(COARSEST_CELLS * step):
        bands.append(raster.halved(bands[-1]))
    shading = raster.placed(matte.shading * np.float32(strength))
    detail = raster.placed(matte.detail * np.float32(strength))
    mixed: Grid | None = None
    for level in range(len(bands) - 1, -1, -1):
        pixels = 2**level
        share = _resized(raster, detail if pixels < SKIN_CELLS * step else shading, step, pixels)
        if mixed is None:
            mixed = bands[level] * share[..., None]
        else:
            band = bands[level] - raster.doubled(bands[level + 1])
            mixed = raster.doubled(mixed) + band * share[..., None]
    return mixed


def _resized(raster: Raster, matte: Grid, step: int, pixels: int) -> Grid:
    """A matte by cells of `step` pixels, by cells of `pixels` pixels."""
    if pixels < step:
        return raster.enlarged(matte, step // pixels)
    return raster.averaged(matte, pixels // step) if pixels > step else matte


def _float32(image: Any) -> Image:
    return np.asarray(image, np.float32)
