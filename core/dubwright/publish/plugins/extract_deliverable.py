"""Puts deliverables together, and gives them their place."""

from __future__ import annotations

import pyblish.api

from dubwright.publish import deliverable, validator


class ExtractDeliverable(pyblish.api.InstancePlugin):  # type: ignore[misc]
    """Copy what the preset holds into a hidden folder beneath the output folder."""

    label = "Put the deliverable together"
    order = pyblish.api.ExtractorOrder
    families = validator.EVERYTHING

    def process(self, instance: pyblish.api.Instance) -> None:
        target = instance.context.data.get(validator.TARGET)
        part = instance.data[validator.PART]
        if target is not None:
            folder = deliverable.staging(target.out, part, target.preset)
            deliverable.extract(part, target.preset, folder)


class IntegrateDeliverable(pyblish.api.InstancePlugin):  # type: ignore[misc]
    """Seal the deliverable, and rename it into its place as the next version."""

    label = "Give the deliverable its place"
    order = pyblish.api.IntegratorOrder
    families = validator.EVERYTHING

    def process(self, instance: pyblish.api.Instance) -> None:
        target = instance.context.data.get(validator.TARGET)
        part = instance.data[validator.PART]
        if target is not None and (target.preset.per == "shot") == bool(part.shot):
            folder = deliverable.staging(target.out, part, target.preset)
            place = deliverable.integrate(part, target.preset, folder, target.out)
            instance.data[validator.PUBLISHED] = place
