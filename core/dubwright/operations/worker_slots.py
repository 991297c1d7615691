"""How many workers run at once, and which GPU each may see."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

__all__ = ["Gpu", "Slot", "find_gpus", "shared_slots", "slots_for"]

MOST_WORKERS: Final = 8
ANSWER_WITHIN_S: Final = 10


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU of this machine; `memory_mib` is all that it has, 0 if it does not say."""

    index: int
    name: str
    memory_mib: int

    @property
    def environment(self) -> dict[str, str]:
        """What a worker that shall see only this one is started with. It is chosen there, since
        CUDA looks once, when it is first imported."""
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(self.index)}


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for one worker.

    Attributes:
        environment: what the worker is started with.
        gpu: its index, or None.
        loads_weights: whether work that loads weights is done here. Each GPU's worker does; where
            there is none, one worker alone, for weights of several gigabytes would be there twice.
    """

    name: str
    environment: dict[str, str]
    gpu: int | None = None
    loads_weights: bool = False


def find_gpus() -> list[Gpu]:
    """The NVIDIA GPUs that the driver lists; CUDA itself is never touched here."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            query, capture_output=True, text=True, timeout=ANSWER_WITHIN_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []  # a driver that does not answer offers no GPU
    gpus = []
    for line in done.stdout.splitlines():
        index, name, memory = ([part.strip() for part in line.split(",")] + ["", ""])[:3]
        if index.isdigit() and _may_be_used(int(index)):
            # Some that share the machine's memory do not say how much they have.
            gpus.append(Gpu(int(index), name, int(memory) if memory.isdigit() else 0))
    return gpus


def _may_be_used(gpu: int) -> bool:
    """Whether who started us left this GPU to us."""
    left = os.environ.get("CUDA_VISIBLE_DEVICES")
    return left is None or str(gpu) in [part.strip() for part in left.split(",")]


def slots_for(gpus: list[Gpu], workers: int | None = None) -> list[Slot]:
    """One slot for each GPU, the rest for processors; `workers` in all, or a processor each."""
    count = workers or min(os.cpu_count() or 1, MOST_WORKERS)
    on_gpus = [
        Slot(f"gpu{gpu.index}", gpu.environment, gpu.index, loads_weights=True)
        for gpu in gpus[:count]
    ]
    rest = range(count - len(on_gpus))
    return on_gpus + [
        Slot(f"cpu{i}", {"CUDA_VISIBLE_DEVICES": ""}, loads_weights=not on_gpus and i == 0)
        for i in rest
    ]


def shared_slots(gpus: list[Gpu], workers: int) -> list[Slot]:
    """So many slots for one run, which has the machine for itself.

    All of them draw on the GPUs, in turn, and the first of each GPU loads weights.
    """
    slots = []
    for number in range(workers):
        gpu = gpus[number % len(gpus)] if gpus else None
        slots.append(
            Slot(
                f"worker{number}",
                gpu.environment if gpu else {},
                gpu.index if gpu else None,
                loads_weights=number < max(1, len(gpus)),
            )
        )
    return slots
