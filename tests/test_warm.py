"""Models stay loaded as long as there is room for them."""

from __future__ import annotations

import weakref
from pathlib import Path

from dubwright.engines.choice import remembered
from dubwright.engines.warm import OVERHEAD, WarmModels, release_models

GB = 1 << 30


class _Model:
    """Something that takes room on a card of so much memory."""

    on_card = 0

    def __init__(self, size: int) -> None:
        _Model.on_card += size
        weakref.finalize(self, _Model._gone, size)

    @staticmethod
    def _gone(size: int) -> None:
        _Model.on_card -= size


def test_what_was_not_used_for_longest_makes_room_on_a_gpu() -> None:
    models = WarmModels(lambda: (10 * GB - _Model.on_card, 10 * GB))
    size = int(3 * GB / OVERHEAD)
    loaded: list[str] = []

    def get(name: str) -> _Model:
        def load() -> _Model:
            loaded.append(name)
            return _Model(3 * GB)

        return models.get(name, 0, size, load)

    for name in "abc":
        get(name)
    assert loaded == ["a", "b", "c"] and _Model.on_card == 9 * GB
    get("a")
    get("d")  # b is the one that has not been used for longest
    assert _Model.on_card == 9 * GB
    for name in "acd":
        get(name)
    assert loaded == ["a", "b", "c", "d"]
    get("b")
    assert loaded[-1] == "b" and _Model.on_card == 9 * GB
    models.release()
    assert _Model.on_card == 0


def test_what_never_fits_is_loaded_alone() -> None:
    models = WarmModels(lambda: (4 * GB - _Model.on_card, 4 * GB))
    models.get("small", 0, GB, lambda: _Model(GB))
    large = models.get("large", 0, 5 * GB, lambda: _Model(5 * GB))
    assert _Model.on_card == 5 * GB
    assert models.get("large", 0, 5 * GB, lambda: _Model(5 * GB)) is large
    del large
    models.release()


def test_without_a_gpu_the_sizes_of_files_count() -> None:
    models = WarmModels(lambda: None, room=int(4 * OVERHEAD))
    first = models.get("a", 0, 2, lambda: [1])
    models.get("b", 0, 2, lambda: [2])
    assert models.get("a", 0, 2, lambda: [9]) is first
    models.get("c", 0, 2, lambda: [3])
    assert models.get("a", 0, 2, lambda: [9]) is first
    assert models.get("b", 0, 2, lambda: [4]) == [4]


def test_weights_are_loaded_again_when_they_change(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("one")
    times: list[str] = []

    def load(weights: Path) -> str:
        times.append(weights.read_text())
        return times[-1]

    found = remembered(load)
    assert found(file) == found(file) == "one" and len(times) == 1
    file.write_text("three")
    assert found(file) == "three" and len(times) == 2
    release_models()
    assert found(file) == "three" and len(times) == 3


def test_files_that_changed_leave_nothing_behind() -> None:
    models = WarmModels(lambda: (10 * GB - _Model.on_card, 10 * GB))
    models.get("a", "before", GB, lambda: _Model(GB))
    models.get("a", "after", GB, lambda: _Model(GB))
    assert _Model.on_card == GB
    models.release()


def test_what_the_processor_holds_beside_a_gpu_is_bounded_too() -> None:
    models = WarmModels(lambda: (10, 10), room=int(2 * OVERHEAD))
    for number in range(20):
        models.get(number, 0, 2, lambda: [])
    assert models.get(0, 0, 2, lambda: ["anew"]) == ["anew"]
