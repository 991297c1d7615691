"""Models that stay loaded from one task to the next: as many as fit, and no more.

A model that is asked for again is there. Before another is loaded, those go that were not used for
the longest, until there is room: on a GPU as its driver tells, else by a fixed share of memory.
"""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

__all__ = ["WarmModels", "release_models", "warm_models"]

Model = TypeVar("Model")

# What a model takes, over the size of its files.
OVERHEAD: Final = 1.3
# Of files whose models are held by the processor, in bytes.
PROCESSOR_ROOM: Final = 6 << 30


class WarmModels:
    """Holds models by key.

    Args:
        free: how many bytes a GPU has left; None where there is none.
        room: bytes of models that are held at most, where there is no GPU.
    """

    def __init__(self, free: Callable[[], int | None], room: int = PROCESSOR_ROOM) -> None:
        self._free = free
        self._room = room
        self._held: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()

    def get(self, key: Hashable, size: int, load: Callable[[], Model]) -> Model:
        """The model of a key, loaded if it is not held.

        Args:
            key: of the model.
            size: of its files, in bytes.
            load: makes it.
        """
        if key not in self._held:
            needed = int(size * OVERHEAD)
            while self._held and not self._fits(needed):
                self._held.popitem(last=False)
                _collect()
            self._held[key] = needed, load()
        self._held.move_to_end(key)
        model: Model = self._held[key][1]
        return model

    def release(self) -> None:
        """Let go of all of them."""
        self._held.clear()
        _collect()

    def _fits(self, needed: int) -> bool:
        free = self._free()
        if free is not None:
            return free >= needed
        return sum(size for size, _ in self._held.values()) + needed <= self._room


def _collect() -> None:
    """Give memory back that nothing refers to any more."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _free_on_gpu() -> int | None:
    """Bytes of the GPU that torch, where it is loaded, can still take."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    free, _ = torch.cuda.mem_get_info()
    return int(free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated())


_of_this_process: Final = WarmModels(_free_on_gpu)


def warm_models() -> WarmModels:
    """Those of this process: tasks that load weights are done in it one after another."""
    return _of_this_process


def release_models() -> None:
    """Make room, where memory ran out."""
    _of_this_process.release()
