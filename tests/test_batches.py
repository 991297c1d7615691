"""As many at once as there is memory for."""

from __future__ import annotations

import pytest

from dubwright.engines.batches import in_batches, ran_out_of_memory


def _within(room: int, tried: list[int]):
    def made(some: slice) -> list[int]:
        tried.append(some.stop - some.start)
        if tried[-1] > room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return list(range(some.start, some.stop))

    return made


def test_batches_grow_until_they_do_not_fit() -> None:
    tried: list[int] = []
    assert list(in_batches(_within(20, tried), 70, 4, grows=True)) == list(range(70))
    assert tried == [4, 8, 16, 32, 16, 16, 10]


def test_batches_shrink_as_far_as_one() -> None:
    tried: list[int] = []
    assert list(in_batches(_within(1, tried), 3, 8, grows=False)) == [0, 1, 2]
    assert tried == [3, 1, 1, 1]


def test_what_is_too_much_alone_is_said() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        list(in_batches(_within(0, []), 3, 8, grows=True))


def test_other_faults_are_not_tried_again() -> None:
    tried: list[int] = []

    def made(some: slice) -> list[int]:
        tried.append(1)
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        list(in_batches(made, 8, 4, grows=True))
    assert len(tried) == 1


def test_a_processor_gains_nothing_by_more() -> None:
    tried: list[int] = []
    list(in_batches(_within(99, tried), 20, 8, grows=False))
    assert tried == [8, 8, 4]


def test_libraries_say_that_memory_ran_out() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed here")
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

    assert ran_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert ran_out_of_memory(RuntimeException("Failed to allocate memory for requested buffer"))
    assert ran_out_of_memory(MemoryError())
    assert not ran_out_of_memory(RuntimeException("Invalid rank for input"))
