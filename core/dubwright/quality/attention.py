"""What of a measured span a person should look at, in words."""

from __future__ import annotations

from typing import Final

__all__ = ["span_attention"]

LOOSE_BELOW: Final = 0.8
# Sound may lead the picture by 40 ms and trail it by 60 ms: EBU R 37-2007.
MOST_LATE_MS: Final = 40.0
MOST_EARLY_MS: Final = 60.0
MOST_LIMITED: Final = 0.1


def span_attention(
    *,
    drawn: int,
    frames: int,
    limited: int,
    aperture_r: float | None,
    lag_ms: float | None,
    closures_held: float | None,
    lost: int = 0,
) -> list[str]:
    """Reasons to look at a span; none where it measures well.

    Args:
        drawn: frames of it that were drawn, of `frames`.
        limited: frames that open less than asked.
        aperture_r: correlation of the lips' gap with the one asked for.
        lag_ms: how late the lips are; negative if early.
        closures_held: share of p, b and m on which the lips meet.
        lost: frames in which a mouth generator drew no face that could be followed.
    """
    reasons = []
    if drawn < frames:
        reasons.append(f"{frames - drawn} of {frames} frames keep the plate's own mouth")
    if aperture_r is not None and aperture_r < LOOSE_BELOW:
        reasons.append(f"the lips follow the line loosely (r {aperture_r:.2f})")
    if lag_ms is not None and lag_ms > MOST_LATE_MS:
        reasons.append(f"the lips are {lag_ms:.0f} ms late")
    if lag_ms is not None and lag_ms < -MOST_EARLY_MS:
        reasons.append(f"the lips are {-lag_ms:.0f} ms early")
    if closures_held is not None and closures_held < 1:
        reasons.append(f"the lips stay open on {1 - closures_held:.0%} of p, b and m")
    if drawn and limited > MOST_LIMITED * drawn:
        reasons.append(
            f"{limited} frames open less than asked: the actor's footage has no wider mouth"
        )
    if lost:
        reasons.append(
            f"the generator drew no face that can be followed in {lost} of {frames} frames"
        )
    return reasons
