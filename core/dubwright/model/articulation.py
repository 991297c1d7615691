"""How one actor articulates."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Articulation", "Timing"]


class Timing(BaseModel):
    """The shape of the phones' pull on the mouth; `lead_s` is how early the mouth moves."""

    model_config = ConfigDict(frozen=True)

    anticipation_s: float = 0.06
    carry_over_s: float = 0.05
    plateau: float = 0.6
    firmness_power: float = 1.0
    lead_s: float = 0.0


class Articulation(BaseModel):
    """Where each viseme takes one actor's mouth.

    Attributes:
        targets: for each viseme class the four curves of CURVE_NAMES, in inter-ocular distances.
        timing: how the phones blend.
        pace: phones a second at which the mouth goes as far as its targets.
        pace_power, loudness_power: how much further the mouth goes from rest, as powers of how
            quick and how loud speech is beside the usual; 0 for no further.
        idle: how far each curve strays from rest in silence, as standard deviations.
        learned_frames: how many frames of the actor's speech it was learned from; 0 if from none.
    """

    model_config = ConfigDict(frozen=True)

    targets: dict[str, tuple[float, float, float, float]]
    timing: Timing
    pace: float = 12.0
    pace_power: float = 0.0
    loudness_power: float = 0.0
    idle: tuple[float, float, float, float] = (0.0, 0.004, 0.002, 0.004)
    learned_frames: int
