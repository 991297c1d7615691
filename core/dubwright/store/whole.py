"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dubwright.errors import Cancelled, DubwrightError

__all__ = ["disk_is_full", "whole"]

FULL_BELOW: Final = 1 << 20


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of another when the context ends.

    Where the context ends by an error, what was written is removed, and what stood in the other
    place stays.

    Raises:
        OSError: with ENOSPC where the disk is full, whatever a library said of it.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        # Asked before what was written is removed, for that makes room.
        full = isinstance(error, Exception) and disk_is_full(error, path.parent)
        partial.unlink(missing_ok=True)
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def disk_is_full(error: Exception, folder: Path) -> bool:
    """Whether an error means that no space is left.

    Libraries that write files tell it in ways of their own; then the disk is asked.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if isinstance(error, DubwrightError | Cancelled):
        return False
    try:
        return shutil.disk_usage(folder).free < FULL_BELOW
    except OSError:
        return False  # it is gone, which is another matter
