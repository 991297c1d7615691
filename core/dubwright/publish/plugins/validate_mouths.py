"""Do mouths follow their lines, and hold still around the lips."""

from __future__ import annotations

from dubwright.publish import picture, validator


class LipsInSync(validator.Validator):
    """Lips move with the line: at most 40 ms late, 60 ms early (EBU R 37)."""

    label = "Lips are in sync"
    families = validator.SHOTS
    look = picture.in_sync


class LipsClose(validator.Validator):
    """Lips meet on p, b and m, as a tracker saw it on the drawn frames."""

    label = "Lips meet on p, b and m"
    families = validator.SHOTS
    look = picture.closures_held


class NoSeams(validator.Validator):
    """No edge is seen where the matte fades into the plate."""

    label = "No seams"
    families = validator.SHOTS
    look = picture.seamless
    actions = validator.BY_DELIVERING_ANEW


class NoFlicker(validator.Validator):
    """The skin around the mouth flickers no more than the plate does there."""

    label = "No flicker"
    families = validator.SHOTS
    look = picture.steady
    actions = validator.BY_DELIVERING_ANEW


class NoPops(validator.Validator):
    """No frame's texture jumps out of the frames before and after it."""

    label = "No texture pops"
    families = validator.SHOTS
    look = picture.without_pops
    actions = validator.BY_DELIVERING_ANEW
