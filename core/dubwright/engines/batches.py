"""How many at once: as many as there is memory for, found out by trying."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from dubwright.engines.warm import gpu_memory

__all__ = ["in_batches", "ran_out_of_memory"]

Made = TypeVar("Made")

MOST_AT_ONCE: Final = 64
# Classes of torch, onnxruntime and OpenCV that also tell of other faults, and how they word this.
MEMORY_WORDS: Final = ("out of memory", "failed to allocate", "insufficient memory")
LIBRARIES: Final = ("cv2", "onnxruntime")


def in_batches(
    made: Callable[[slice], list[Made]], count: int, at_once: int, *, grows: bool | None = None
) -> Iterator[Made]:
    """What is made of `count` things, some at once.

    Where memory runs out half as many are tried, and never as many again.

    Args:
        made: makes what some of them, [start, stop), come to.
        count: how many there are.
        at_once: with how many it begins.
        grows: whether twice as many are tried after each batch that went well; where a GPU is, if
            None, for a processor gains nothing by it.

    Raises:
        Exception: what `made` raised, as it was, where memory is not the reason, or one alone is
            too much.
    """
    most = MOST_AT_ONCE if (gpu_memory() is not None if grows is None else grows) else at_once
    size, at = min(at_once, most), 0
    while at < count:
        size = min(size, count - at)
        try:
            some = made(slice(at, at + size))
        except Exception as error:
            if size == 1 or not ran_out_of_memory(error):
                raise
            most = size = max(1, size // 2)
            continue
        yield from some
        at += size
        size = min(2 * size, most)


def ran_out_of_memory(error: Exception) -> bool:
    """Whether it tells that there was not the memory for what was to be done at once."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    library = type(error).__module__.partition(".")[0]
    told_by_a_library = isinstance(error, RuntimeError) or library in LIBRARIES
    return told_by_a_library and any(words in str(error).lower() for words in MEMORY_WORDS)
