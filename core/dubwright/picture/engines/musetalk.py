"""MuseTalk: a mouth drawn in latents, in one step, from what Whisper hears."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind, Framing
from dubwright.engines.choice import remembered
from dubwright.engines.refusal import weights_refused
from dubwright.engines.transformers_loading import unloadable

if TYPE_CHECKING:
    from dubwright.picture.torch_musetalk import MuseTalk

__all__ = ["MuseTalkGenerator"]


class MuseTalkGenerator:
    card = EngineCard(
        name="musetalk",
        kind=EngineKind.MOUTH_GENERATOR,
        version=1,
        licence="Apache-2.0; the weights of MuseTalk and of Whisper are MIT, the autoencoder's "
        "CreativeML OpenRAIL-M",
        commercial_use=True,
        packages=("torch", "transformers", "diffusers"),
        needs_weights=True,
        trained=True,
        way_around="leave the mouth generator out: mouths are then drawn by what is said",
        limits="A folder with MuseTalk 1.5's unet and musetalk.json, sd-vae and whisper-tiny. It "
        "draws 256 pixels; what is finer comes from the actor's own mouths.",
    )
    together = 1
    overlap = 0
    # Half of the square is above the bridge of the nose, below which it draws.
    framing = Framing(-0.78, -0.82, 0.78, 1.42, 256, 1.2, 0.5)

    def __init__(self, weights: Path) -> None:
        self._weights = weights

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


@remembered
def _network(weights: Path) -> MuseTalk:
    from dubwright.picture.torch_musetalk import MuseTalk

    try:
        return MuseTalk(weights)
    except unloadable() as error:
        raise weights_refused(
            "A mouth generator's weights",
            weights,
            error,
            "give a folder with musetalkV15, sd-vae and whisper, as MuseTalk's program keeps them",
        ) from error
