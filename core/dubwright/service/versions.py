"""Versions that were delivered without the service, taken in so that they can be reviewed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dubwright.errors import DubwrightError, first_line
from dubwright.operations.carry import DubRecord
from dubwright.operations.operation import version_result
from dubwright.operations.reconform import as_it_was
from dubwright.quality.report import Report
from dubwright.service.queue import Job, Queue

__all__ = ["take_in"]


def take_in(queue: Queue, folder: Path) -> Job:
    """The job of a version; one is put down for it as done where there is none.

    Its lines are rendered again as a reconform of itself: from its own sheet, cast and takes.

    Raises:
        DubwrightError: it is no version of a dub.
    """
    for job in queue.jobs(states=["done"]):
        if job.result is not None and Path(job.result["folder"]) == folder:
            return job
    request = as_it_was(folder)
    record = DubRecord.of(folder)
    try:
        report = Report.model_validate_json((folder / "report.json").read_bytes())
    except (OSError, ValueError) as error:
        raise DubwrightError(
            "A version cannot be read",
            where=str(folder / "report.json"),
            why=first_line(error),
            repair="deliver it anew: run the same command again into another folder",
        ) from error
    result: dict[str, Any] = version_result(folder, report.files, record.languages)
    return queue.put_down(
        "reconform", request.model_dump(mode="json"), result, title=report.timeline
    )
