"""Looks at whole versions, part by part, in processes of their own.

A shot of a language is one pyblish run: a validator that fails stops what follows for all instances
of its run, and one shot's fault is none of another's.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from dubwright.errors import DubwrightError
from dubwright.publish.delivery import Delivery
from dubwright.publish.examine import Examined, examine
from dubwright.publish.trusts import Terms

__all__ = ["look_through"]

MOST_PROCESSES: Final = 8
# A process is begun anew after so many parts: what libraries keep does not add up.
PARTS_OF_ONE_PROCESS: Final = 50


def look_through(
    folder: Path,
    languages: Iterable[str],
    terms: Terms,
    processes: int | None = None,
    listener: Callable[[Examined], None] | None = None,
) -> list[Examined]:
    """What validators find in a version: each shot of each language, and the language itself.

    Args:
        folder: of the version.
        languages: those to look at; all if there are none.
        terms: on which it is to go out.
        processes: at once; one for each processor, at most 8, if None.
        listener: hears of each part that was looked at, in order.

    Raises:
        DubwrightError: it is no version, or lacks a language.
    """
    delivery = Delivery(folder)
    asked = tuple(languages) or delivery.languages
    missing = sorted({*asked} - {*delivery.languages})
    if missing:
        raise DubwrightError(
            f"This version has no {', '.join(missing)}",
            where=str(folder),
            why=f"it was made in {', '.join(delivery.languages)}",
            repair="name one of these",
        )
    parts = [(lang, shot) for lang in asked for shot in (*delivery.shots(lang), "")]
    count = min(len(parts), processes or min(os.cpu_count() or 1, MOST_PROCESSES))
    found = []
    with ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        max_tasks_per_child=PARTS_OF_ONE_PROCESS,
    ) as pool:
        jobs = [pool.submit(_examined, folder, lang, shot, terms) for lang, shot in parts]
        for job in jobs:
            found.append(job.result())
            if listener:
                listener(found[-1])
    return found


def _examined(folder: Path, language: str, shot: str, terms: Terms) -> Examined:
    return examine(Delivery(folder).part(language, shot), terms)
