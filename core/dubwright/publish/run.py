"""Takes whole versions through publish, part by part, in processes of their own.

A shot of a language is one pyblish run: a validator that fails stops what follows for all instances
of its run, and one shot's fault is none of another's.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dubwright.errors import DubwrightError
from dubwright.operations.deliver import check_output
from dubwright.publish.deliverable import PUBLISHING
from dubwright.publish.delivery import Delivery
from dubwright.publish.examine import examine
from dubwright.publish.examined import Examined
from dubwright.publish.presets import Preset
from dubwright.publish.qc import qc_sheet, write_qc
from dubwright.publish.trusts import Terms
from dubwright.publish.validator import Target
from dubwright.store import Store, default_store_folder
from dubwright.trust import Authority

__all__ = ["Publishing", "count_parts", "publish", "terms_of"]

MOST_PROCESSES: Final = 8
# A process is begun anew after so many parts: what libraries keep does not add up.
PARTS_OF_ONE_PROCESS: Final = 50

Listener = Callable[[Examined], None]


@dataclass(frozen=True, slots=True)
class Publishing:
    """What is published, and how.

    Attributes:
        version: its folder.
        languages: of it; all if there are none.
        terms: on which it goes out.
        target: what is made of it where nothing is found; if None it is looked through alone.
        qc: receives a QC report (HTML and PDF) of each language, whatever was found; none if None.
        processes: at once; one for each processor, at most 8, if None.
    """

    version: Path
    languages: tuple[str, ...]
    terms: Terms
    target: Target | None = None
    qc: Path | None = None
    processes: int | None = None


def terms_of(preset: Preset, commercial: bool | None, territories: Iterable[str]) -> Terms:
    """The terms of a preset on this machine.

    Args:
        commercial: whether it is sold or shown for money; as the preset says if None.
        territories: where it will be shown, besides those of the preset.
    """
    return Terms(
        Authority.of_this_machine(),
        preset.commercial if commercial is None else commercial,
        (*preset.territories, *territories),
    )


def count_parts(asked: Publishing) -> int:
    """How many languages and shots are looked at.

    Raises:
        DubwrightError: it is no version, or lacks a language.
    """
    delivery = Delivery(asked.version)
    return _parts(delivery, _languages(delivery, asked))


def publish(asked: Publishing, listener: Listener | None = None) -> list[Examined]:
    """Each shot of each language, and then the language itself.

    A language is made into a deliverable only if nothing is found in it nor in any of its shots;
    where each shot is one, each goes by itself.

    Args:
        listener: hears of each part that is done, in order.

    Raises:
        DubwrightError: it is no version, or lacks a language, or the output cannot be written.
    """
    delivery = Delivery(asked.version)
    languages = _languages(delivery, asked)
    for folder in (asked.target.out if asked.target else None, asked.qc):
        if folder:
            _require_apart(folder, delivery)
            check_output(folder)
    if not asked.target:
        return _examine_all(asked, delivery, languages, listener)
    out = asked.target.out
    # One at a time puts deliverables into a folder; what one that was ended left there goes.
    with Store(default_store_folder()).lock(f"publishing {out.resolve()}"):
        _clear(out)
        try:
            return _examine_all(asked, delivery, languages, listener)
        finally:
            _clear(out)


def _examine_all(
    asked: Publishing, delivery: Delivery, languages: Sequence[str], listener: Listener | None
) -> list[Examined]:
    count = min(
        _parts(delivery, languages), asked.processes or min(os.cpu_count() or 1, MOST_PROCESSES)
    )
    found: list[Examined] = []
    try:
        with ProcessPoolExecutor(
            count,
            mp_context=multiprocessing.get_context("spawn"),
            max_tasks_per_child=PARTS_OF_ONE_PROCESS,
        ) as pool:
            shots = {
                language: [
                    pool.submit(_examined, asked, language, shot, ())
                    for shot in delivery.shots(language)
                ]
                for language in languages
            }
            whole: list[Future[Examined]] = []
            for language in languages:
                of_shots = _heard(shots[language], listener, found)
                whole.append(pool.submit(_examined, asked, language, "", tuple(of_shots)))
            _heard(whole, listener, found)
    except BrokenProcessPool as error:
        raise DubwrightError(
            "A process that looked at a part ended",
            where=str(asked.version),
            why="the system ended it, most likely for want of memory",
            repair="publish again with fewer --workers; what went out stays",
        ) from error
    return found


def _require_apart(folder: Path, delivery: Delivery) -> None:
    if folder.resolve().is_relative_to(delivery.folder.resolve()):
        raise DubwrightError(
            "The output folder lies in the version",
            where=str(folder),
            why="a version never changes",
            repair="choose a folder beside it",
        )


def _heard(
    jobs: Iterable[Future[Examined]], listener: Listener | None, found: list[Examined]
) -> list[Examined]:
    done = []
    for job in jobs:
        done.append(job.result())
        found.append(done[-1])
        if listener:
            listener(done[-1])
    return done


def _examined(
    asked: Publishing, language: str, shot: str, of_shots: tuple[Examined, ...]
) -> Examined:
    # It tells of each finding; we do, in our own way.
    logging.getLogger("pyblish").setLevel(logging.CRITICAL)
    part = Delivery(asked.version).part(language, shot)
    examined = examine(part, asked.terms, asked.target, of_shots)
    if asked.qc and not shot:
        name = f"{part.delivery.name}.{language}.qc"
        write_qc(qc_sheet(part, of_shots, examined), asked.qc, name)
    return examined


def _clear(out: Path) -> None:
    """Remove what was being put together."""
    for left in out.glob(f"{PUBLISHING}*"):
        shutil.rmtree(left, ignore_errors=True)


def _parts(delivery: Delivery, languages: Iterable[str]) -> int:
    return sum(1 + len(delivery.shots(language)) for language in languages)


def _languages(delivery: Delivery, asked: Publishing) -> tuple[str, ...]:
    languages = tuple(dict.fromkeys(asked.languages)) or delivery.languages
    missing = sorted({*languages} - {*delivery.languages})
    if missing:
        raise DubwrightError(
            f"This version has no {', '.join(missing)}",
            where=str(delivery.folder),
            why=f"it was made in {', '.join(delivery.languages)}",
            repair="name one of these",
        )
    return languages
