"""LatentSync: a mouth drawn by diffusion in latents, sixteen frames together."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind, Framing
from dubwright.engines.choice import remembered
from dubwright.engines.refusal import weights_refused
from dubwright.engines.transformers_loading import unloadable
from dubwright.errors import DubwrightError

if TYPE_CHECKING:
    from dubwright.picture.torch_latentsync import LatentSync

__all__ = ["LatentSyncGenerator"]

REPAIR: Final = (
    "give a folder with latentsync_unet.pt, sd-vae-ft-mse and whisper-tiny (as transformers keeps "
    'it), and latentsync.json where it is not 1.5: {"side": 512}'
)


class LatentSyncGenerator:
    card = EngineCard(
        name="latentsync",
        kind=EngineKind.MOUTH_GENERATOR,
        version=1,
        licence="Apache-2.0; LatentSync's weights are OpenRAIL++, the autoencoder's CreativeML "
        "OpenRAIL-M, Whisper's MIT",
        commercial_use=True,
        packages=("torch", "transformers", "diffusers"),
        needs_weights=True,
        trained=True,
        way_around="leave the mouth generator out: mouths are then drawn by what is said",
        limits="A folder with LatentSync's unet (1.5 of 256 pixels, 1.6 of 512), sd-vae-ft-mse and "
        "whisper-tiny. A GPU: without one a second takes many minutes.",
    )
    together = 16
    overlap = 4

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    @property
    def framing(self) -> Framing:
        from dubwright.picture.torch_latentsync import described

        try:
            side = described(self._weights).side
        except ValueError as error:
            raise _unloadable(self._weights, error) from error
        return Framing(-0.8, -0.68, 0.8, 1.45, side, 1.2, 0.4)

    def hear(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        start: Fraction,
        frames: int,
        rate: Fraction,
    ) -> NDArray[np.float32]:
        return _network(self._weights).whisper.heard(samples, sample_rate, start, frames, rate)

    def draw(self, faces: NDArray[np.float32], heard: NDArray[np.float32]) -> NDArray[np.float32]:
        return _network(self._weights).drawn(faces, heard)


def _unloadable(weights: Path, error: Exception) -> DubwrightError:
    return weights_refused(
        "A mouth generator's weights",
        weights,
        error,
        REPAIR,
    )


@remembered
def _network(weights: Path) -> LatentSync:
    from dubwright.picture.torch_latentsync import LatentSync

    try:
        return LatentSync(weights)
    except unloadable() as error:
        raise _unloadable(weights, error) from error
