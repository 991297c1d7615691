"""The one family of errors that Dubwright raises on purpose."""

from __future__ import annotations

from collections.abc import Callable

__all__ = [
    "Cancelled",
    "ColourSpaceUnknown",
    "DubwrightError",
    "PlanOutdated",
    "StorageUnavailable",
    "first_line",
]


class DubwrightError(Exception):
    """Something that a person can repair.

    Args:
        what: What went wrong, in one plain clause.
        where: The file, cue, shot or setting that it happened in.
        why: The cause, as far as it is known.
        repair: What to do about it.

    Attributes:
        waits: Whether the same work can go on by itself once the cause is gone.
    """

    waits = False

    def __init__(self, what: str, *, where: str, why: str, repair: str) -> None:
        super().__init__(what, where, why, repair)
        self.what = what
        self.where = where
        self.why = why
        self.repair = repair

    def __str__(self) -> str:
        return f"{self.what}\n  where:  {self.where}\n  why:    {self.why}\n  repair: {self.repair}"

    def __reduce__(self) -> tuple[Callable[..., DubwrightError], tuple[object, ...]]:
        # Exceptions cross process boundaries by pickle, which would lose keyword-only arguments.
        return _rebuild, (type(self), self.what, self.where, self.why, self.repair)

    def as_dict(self) -> dict[str, str]:
        """The error as the service and `--json` give it."""
        return {"what": self.what, "where": self.where, "why": self.why, "repair": self.repair}


class StorageUnavailable(DubwrightError):  # noqa: N818 - it names the state that is waited out
    """A disk is full or gone: the same work can go on when it is back."""

    waits = True


class PlanOutdated(DubwrightError):  # noqa: N818 - it names what has become of the plan
    """What a plan was made from is not so any more: the work is to be planned again."""


class ColourSpaceUnknown(DubwrightError):  # noqa: N818 - it names what is asked for
    """Media do not name their colour space: a person has to."""


class Cancelled(Exception):  # noqa: N818 - it is not an error: somebody asked for it
    """The work was stopped because somebody asked for it."""


def _rebuild(
    kind: type[DubwrightError], what: str, where: str, why: str, repair: str
) -> DubwrightError:
    return kind(what, where=where, why=why, repair=repair)


def first_line(error: BaseException) -> str:
    """What a library's exception says, as far as the end of its first line; its kind if nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
