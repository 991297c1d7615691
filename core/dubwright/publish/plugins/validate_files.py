"""Is everything there, as it was made."""

from __future__ import annotations

import pyblish.api

from dubwright.publish import frames, trusts, validator
from dubwright.publish.delivery import Finding


class FilesAsMade(validator.Validator):
    """Every file is what it was when the version was made.

    A file that was changed, swapped, taken away or put there since is named. Nothing more is found
    out about it.
    """

    label = "Files are as they were made"
    order = pyblish.api.ValidatorOrder - 0.2
    families = validator.EVERYTHING
    look = trusts.as_made
    actions = validator.BY_DELIVERING_ANEW


class ShotsPassed(pyblish.api.InstancePlugin):  # type: ignore[misc]
    """Nothing was found in the language's shots: it goes out whole, or not at all."""

    label = "Its shots are well"
    order = pyblish.api.ValidatorOrder - 0.1
    families = validator.LANGUAGES

    def process(self, instance: pyblish.api.Instance) -> None:
        of_shots = validator.of_shots(instance)
        failed = ", ".join(each.shot for each in of_shots if not each.passed)
        told = Finding(instance.name, f"something was found in {failed}", "mend it there")
        validator.note(type(self), instance, [told] if failed else [])


class FramesComplete(validator.Validator):
    """Every frame of the shot is there and can be read, and no other."""

    label = "Frames are complete"
    order = pyblish.api.ValidatorOrder - 0.1
    families = validator.SHOTS
    look = frames.complete
    actions = validator.BY_DELIVERING_ANEW
