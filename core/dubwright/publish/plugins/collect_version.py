"""Finds the versions to publish: those that the context names, or $DUBWRIGHT_PUBLISH does."""

from __future__ import annotations

import os
from pathlib import Path

import pyblish.api

from dubwright.publish import validator
from dubwright.publish.delivery import Delivery
from dubwright.publish.trusts import Terms
from dubwright.trust import Authority


class CollectVersion(pyblish.api.ContextPlugin):  # type: ignore[misc]
    """An instance for each language of a version, and for each of its shots."""

    label = "Dubbed languages and shots"
    order = pyblish.api.CollectorOrder

    def process(self, context: pyblish.api.Context) -> None:
        context.data.setdefault(
            validator.TERMS, Terms(Authority.of_this_machine(), commercial=True, territories=())
        )
        named = context.data.get("dubwright.parts")
        if named is None and os.environ.get("DUBWRIGHT_PUBLISH"):
            delivery = Delivery(Path(os.environ["DUBWRIGHT_PUBLISH"]))
            named = [
                delivery.part(language, shot)
                for language in delivery.languages
                for shot in (*delivery.shots(language), "")
            ]
        for part in named or ():
            family = validator.SHOT if part.shot else validator.LANGUAGE
            name = f"{part.language} {part.shot}".strip()
            context.create_instance(
                name, family=family, families=[family], **{validator.PART: part}
            )
