"""What Whisper's encoder makes of the fifth of a second around each frame of a picture.

MuseTalk and LatentSync draw mouths by it: ten of its states, of every layer, are fifty tokens.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines.transformers_loading import OFFLINE, device, loaded, transformers
from dubwright.media.audio import resampled

__all__ = ["TOKENS", "WhisperWindows"]

RATE: Final = 16000
STATES: Final = 50  # a second
AROUND: Final = 10
# The frame's middle lies between the fifth and the sixth of its states.
BEFORE: Final = 5
LAYERS: Final = 5
TOKENS: Final = AROUND * LAYERS
# Silence that is heard around a recording, and what neighbouring parts of a long one share.
MARGIN: Final = 1 * STATES
SAMPLES: Final = RATE // STATES


class WhisperWindows:
    """Hears with Whisper's smallest encoder, of four layers.

    Args:
        weights: its folder, as transformers keeps it.
        normalised: whether the last layer's states are taken behind the network's last
            normalisation, as transformers gives them, or before it, as OpenAI's program did.
    """

    def __init__(self, weights: Path, normalised: bool) -> None:
        library = transformers()
        self._network = loaded(library.WhisperModel, weights).get_encoder().float()
        layers = len(self._network.layers) + 1
        if layers != LAYERS:
            raise ValueError(f"this Whisper has {layers - 1} layers, and not {LAYERS - 1}")
        self._normalised = normalised
        positions = int(self._network.config.max_source_positions)
        self._part = positions
        self._extractor = library.WhisperFeatureExtractor.from_pretrained(
            weights, chunk_length=positions // STATES, **OFFLINE
        )

    def heard(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        start: Fraction,
        frames: int,
        rate: Fraction,
    ) -> NDArray[np.float32]:
        """Tokens of each frame, [frames, TOKENS, values]; see MouthGenerator.hear."""
        sound = resampled(samples, sample_rate, RATE)
        states = self._states(np.pad(sound, MARGIN * SAMPLES))
        middles = [(Fraction(2 * frame + 1, 2) / rate - start) * STATES for frame in range(frames)]
        firsts = np.array([round(middle) for middle in middles]) + MARGIN - BEFORE
        around = np.clip(firsts[:, None] + np.arange(AROUND), 0, len(states) - 1)
        return states[around].reshape(frames, TOKENS, -1)

    def _states(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """States of a recording, [states, layers, values]."""
        count = -(-len(sound) // SAMPLES)
        step = self._part - 2 * MARGIN
        states = []
        for begin in range(0, count, step):
            first = max(0, begin - MARGIN)
            part = sound[first * SAMPLES : (first + self._part) * SAMPLES]
            states.append(self._hear(part)[begin - first :][: min(step, count - begin)])
        return np.concatenate(states)

    def _hear(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        given = self._extractor(sound, sampling_rate=RATE, return_tensors="pt")
        last: list[Any] = []
        held = self._network.layers[-1].register_forward_hook(
            lambda _module, _given, made: last.append(made[0] if isinstance(made, tuple) else made)
        )
        try:
            with torch.inference_mode():
                told = self._network(given.input_features.to(device()), output_hidden_states=True)
        finally:
            held.remove()
        layers = [*told.hidden_states[:-1], told.hidden_states[-1] if self._normalised else last[0]]
        stacked: NDArray[np.float32] = torch.stack(layers, dim=2)[0].cpu().numpy()
        return stacked
