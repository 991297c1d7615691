"""Models that stay loaded from one task to the next: as many as fit, and no more.

A model that is asked for again is there. Before another is loaded, those go that were not used for
the longest, until there is room: on a GPU as its driver tells, else by a fixed share of memory.
"""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

__all__ = ["WarmModels", "gpu_memory", "release_models", "warm_models"]

Model = TypeVar("Model")

# What a model takes, over the size of its files.
OVERHEAD: Final = 1.3
# Of files whose models are held by the processor, in bytes.
PROCESSOR_ROOM: Final = 6 << 30


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A model, what its files were when it was loaded, and the bytes that it takes."""

    stamp: Hashable
    size: int
    model: Any


class WarmModels:
    """Holds models by key.

    Args:
        memory: how many bytes a GPU has left, and has in all; None where there is none.
        room: bytes of models that the processor holds at most.
    """

    def __init__(
        self, memory: Callable[[], tuple[int, int] | None], room: int = PROCESSOR_ROOM
    ) -> None:
        self._memory = memory
        self._room = room
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()

    def get(self, key: Hashable, stamp: Hashable, size: int, load: Callable[[], Model]) -> Model:
        """The model of a key, loaded if it is not held as it is now.

        Args:
            key: of the model.
            stamp: of its files, as they are now.
            size: of its files, in bytes.
            load: makes it.
        """
        if key in self._held and self._held[key].stamp != stamp:
            del self._held[key]
        if key not in self._held:
            needed = int(size * OVERHEAD)
            while self._held and not self._fits(needed):
                self._held.popitem(last=False)
                _collect()
            self._held[key] = _Held(stamp, needed, load())
        self._held.move_to_end(key)
        model: Model = self._held[key].model
        return model

    def release(self) -> None:
        """Let go of all of them."""
        self._held.clear()
        _collect()

    def _fits(self, needed: int) -> bool:
        # Where each of them lies is not known: together they never take more than there is.
        free, whole = self._memory() or (needed, 0)
        held = sum(each.size for each in self._held.values())
        return free >= needed and held + needed <= whole + self._room


def _collect() -> None:
    """Give memory back that nothing refers to any more."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def gpu_memory() -> tuple[int, int] | None:
    """Bytes of the GPU that torch, where it is loaded, can still take, and all of them."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    free, whole = torch.cuda.mem_get_info()
    own = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return int(free + own), int(whole)


_of_this_process: Final = WarmModels(gpu_memory)


def warm_models() -> WarmModels:
    """Those of this process: tasks that load weights are done in it one after another."""
    return _of_this_process


def release_models() -> None:
    """Make room, where memory ran out."""
    _of_this_process.release()
