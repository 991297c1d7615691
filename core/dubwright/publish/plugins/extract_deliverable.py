"""Puts deliverables together, and gives them their place."""

from __future__ import annotations

import pyblish.api

from dubwright.publish import deliverable, validator
from dubwright.publish.presets import Content
from dubwright.publish.qc import qc_sheet, write_qc


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


class ExtractQcReport(pyblish.api.InstancePlugin):  # type: ignore[misc]
    """Write the language's QC report into the deliverable, where the preset holds one."""

    label = "Write the QC report"
    order = pyblish.api.ExtractorOrder + 0.1
    families = validator.LANGUAGES

    def process(self, instance: pyblish.api.Instance) -> None:
        target = instance.context.data.get(validator.TARGET)
        part = instance.data[validator.PART]
        if target is not None and Content.QC in target.preset.contents:
            folder = deliverable.staging(target.out, part, target.preset)
            sheet = qc_sheet(part, validator.of_shots(instance), validator.examined_in(instance))
            write_qc(sheet, folder / Content.QC.value, f"{part.delivery.name}.{part.language}.qc")


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
