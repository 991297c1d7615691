"""How much further the mouth goes in loud speech, and how much less far in quick speech.

Both are learned of each actor, drawn towards no change. Within the lines of four actors loudness
went with the mouth's reach as often one way as the other, pace mostly the same way, and neither
made a prediction better that was learned from a few seconds; over minutes of dialogue they show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dubwright.model import Articulation
from dubwright.mouth.articulation import Observation, Timed, shaped
from dubwright.mouth.visemes import Viseme

__all__ = ["emphasised", "louder_than_usual", "with_emphasis"]

Array = NDArray[np.floating[Any]]

# Pace and loudness are told over this.
AROUND_S: Final = 0.3
LEAST, MOST = 0.7, 1.3
CURVE_WEIGHTS: Final = (2.0, 0.5, 0.5, 1.0)
# Of the logarithms of pace and loudness in usual speech.
USUAL_SPREAD: Final = (0.3, 0.5)
# Pull towards no change, in frames of speech: ten seconds at 24 a second.
PRIOR_FRAMES: Final = 240.0


def emphasised(
    curves: NDArray[np.float32],
    times: Array,
    phones: Sequence[Timed],
    loudness: Array,
    articulation: Articulation,
) -> NDArray[np.float32]:
    """Curves [times, 4] that go as far from rest as speech is loud and slow.

    Args:
        curves: at the actor's usual pace and loudness.
        times: in seconds, as the phones have them.
        phones: that are spoken.
        loudness: at each time; see louder_than_usual.
        articulation: of the actor.
    """
    powers = np.array([articulation.pace_power, articulation.loudness_power])
    if not powers.any() or not len(times):
        return curves
    rest = np.array(articulation.targets[Viseme.SIL])
    change = _changes(times, phones, loudness, articulation.pace) @ powers
    effort = np.clip(np.exp(change), LEAST, MOST)[:, None]
    further = rest + effort * (curves - rest)
    # Lips that meet stay as they are.
    further[:, 0] = np.where(curves[:, 0] > rest[0], further[:, 0], curves[:, 0])
    return further.astype(np.float32)


def louder_than_usual(loudness: Array, times: Array, phones: Sequence[Timed]) -> Array:
    """How much louder speech is around each time than over all of it, in nepers.

    Args:
        loudness: in nepers, at each time.
        times: in seconds, as the phones have them.
        phones: that are spoken.
    """
    voiced = np.zeros(len(times), bool)
    for start, end, symbol in phones:
        if symbol:
            voiced |= (times >= start) & (times < end)
    if not voiced.any():
        return np.zeros(len(times))
    step = float(times[1] - times[0]) if len(times) > 1 else AROUND_S
    heard = gaussian_filter1d(np.where(voiced, loudness, 0.0), AROUND_S / step)
    share = gaussian_filter1d(voiced.astype(np.float64), AROUND_S / step)
    usual = float(np.median(loudness[voiced]))
    return np.asarray(np.where(share > 1e-3, heard / np.maximum(share, 1e-3) - usual, 0.0))


def with_emphasis(
    articulation: Articulation, observations: Sequence[Observation], loudness: Sequence[Array]
) -> Articulation:
    """The articulation with what pace and loudness do to it, as far as the observations show it.

    Ridge regression of what the targets leave over (Hoerl and Kennard, 1970).

    Args:
        articulation: as it was learned from the observations.
        observations: of the actor.
        loudness: at each observation's times; see louder_than_usual.
    """
    lengths = [end - start for line in observations for start, end, name in line.phones if name]
    if not articulation.learned_frames or not lengths:
        return articulation
    pace = len(lengths) / sum(lengths)
    rest = np.array(articulation.targets[Viseme.SIL])
    away = [shaped(line.times, line.phones, articulation) - rest for line in observations]
    changes = np.vstack(
        [
            _changes(line.times, line.phones, heard, pace)
            for line, heard in zip(observations, loudness, strict=True)
        ]
    )
    reach = np.vstack(away)
    left = np.vstack([line.curves for line in observations]) - rest - reach
    scale = np.sqrt(CURVE_WEIGHTS) / np.maximum(reach.std(axis=0), 1e-3)
    known = (changes[:, :, None] * (reach * scale)[:, None]).transpose(0, 2, 1).reshape(-1, 2)
    usual = float(((reach * scale) ** 2).sum(axis=1).mean()) * np.square(USUAL_SPREAD)
    normal = known.T @ known + PRIOR_FRAMES * np.diag(usual)
    slower, louder = np.linalg.solve(normal, known.T @ (left * scale).ravel())
    return articulation.model_copy(
        update={"pace": pace, "pace_power": float(slower), "loudness_power": float(louder)}
    )


def _changes(times: Array, phones: Sequence[Timed], loudness: Array, pace: float) -> Array:
    """The logarithms of how quick and how loud speech is beside the usual, [times, 2]."""
    spoken = [(start, end) for start, end, symbol in phones if symbol]
    if not spoken:
        return np.zeros((len(times), 2))
    middles = np.array([(start + end) / 2 for start, end in spoken])
    lengths = np.array([end - start for start, end in spoken])
    near = np.exp(-((times[:, None] - middles) ** 2) / (2 * AROUND_S**2)) + 1e-12
    quick = near.sum(axis=1) / (near * lengths).sum(axis=1)
    return np.stack([np.log(quick / pace), loudness], axis=1)
