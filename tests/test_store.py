"""Results that appear whole, are found again, and make room."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubwright.errors import DubwrightError, StorageUnavailable
from dubwright.store import Fingerprints, Store, content_key


def _make(store: Store, key: str, size: int = 1000) -> None:
    with store.making(key) as folder:
        (folder / "data").write_bytes(b"x" * size)


def test_a_result_is_found_when_it_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = content_key({"a": 1})
    assert store.find(key) is None
    with store.making(key) as folder:
        (folder / "data").write_text("x")
        assert store.find(key) is None
    found = store.find(key)
    assert found is not None and (found / "data").read_text() == "x"


def test_a_failed_result_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(RuntimeError), store.making("ab12") as folder:
        (folder / "data").write_text("half")
        raise RuntimeError
    assert store.find("ab12") is None
    assert not list((tmp_path / "making").iterdir())


def test_what_a_killed_process_left_half_made_is_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dubwright.store import Store\n"
        "with Store(Path(sys.argv[1])).making('ab12') as folder:\n"
        "    (folder / 'half').write_text('half')\n"
        "    print('making', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"making" + os.linesep.encode()
    killed.kill()
    killed.communicate()

    with store.making("cd34") as own:
        store.clear_after(killed.pid)
        assert list((tmp_path / "making").iterdir()) == [own]


def test_the_second_of_two_equal_results_is_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.making("ab12") as folder:
        (folder / "data").write_text("late")
        _make(store, "ab12")
    assert (store.path("ab12") / "data").stat().st_size == 1000


def test_the_results_unused_for_longest_make_room(tmp_path: Path) -> None:
    store = Store(tmp_path, size_limit=2500)
    for age, key in enumerate(("aa01", "bb02", "cc03", "dd04")):
        _make(store, key)
        os.utime(store.path(key), (age, age))
    assert store.evict(keep=frozenset({"aa01"})) == ["bb02", "cc03"]
    assert store.find("bb02") is None and not list((tmp_path / "making").iterdir())
    assert store.find("aa01") and store.find("dd04")


def test_keys_do_not_depend_on_the_order_of_names() -> None:
    assert content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})
    assert content_key({"a": 1}) != content_key({"a": 2})


def test_a_fingerprint_follows_the_content(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    prints = Fingerprints(store.folder)
    file = tmp_path / "media"
    file.write_text("one")
    first = prints.of_file(file)
    assert prints.of_file(file) == first
    file.write_text("another")
    assert prints.of_file(file) != first


def test_two_dubs_may_hash_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    one, two = Fingerprints(store.folder), Fingerprints(store.folder)
    files = [tmp_path / name for name in "abc"]
    for file in files:
        file.write_text(file.name)

    def watched() -> Iterator[Path]:
        for file in files:
            assert len(two.of_file(files[0])) == 64  # the other is not kept out in between
            yield file

    assert one.of_files(watched()) == two.of_files(files)


@pytest.mark.parametrize("left", [0, 20_000])
def test_hashing_on_a_full_disk_can_be_waited_out(
    tmp_path: Path, tiny_disk: Path, left: int
) -> None:
    media = tmp_path / "media"
    media.write_text("a plate")
    prints = Fingerprints(Store(tiny_disk / "store").folder)
    ballast = tiny_disk / "ballast"
    with ballast.open("wb") as file:
        file.write(b"x" * (shutil.disk_usage(tiny_disk).free - left))
    with pytest.raises(StorageUnavailable, match="disk is full"):
        prints.of_file(media)
    ballast.unlink()
    assert prints.of_file(media)


def test_hashing_where_the_store_is_gone_is_told(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.write_text("a plate")
    prints = Fingerprints(Store(tmp_path / "store").folder)
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(DubwrightError, match="store cannot be written"):
        prints.of_file(media)


def test_a_missing_file_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(DubwrightError, match="cannot be read"):
        Fingerprints(Store(tmp_path).folder).of_file(tmp_path / "none")


def test_a_store_whose_drive_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    place = tmp_path / "store"
    with pytest.raises(StorageUnavailable, match="gone"):
        Store.found(place)
    assert not place.exists()
    Store(place)
    assert Store.found(place).folder == place
