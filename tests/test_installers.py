"""What the installer puts into hosts and takes out again, in made-up systems."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from lupa.lua51 import LuaRuntime

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "installers"))

from blender_extension import extension_files
from hosts import HostTrouble, Places, diagnose, install_hosts, uninstall_hosts
from service_places import own_service_places, wait_for

import dubwright
from dubwright_plugin import connect

SYSTEMS = ("linux", "darwin", "win32")
SCRIPTS = {"Bring Results In.py", "Dub Timeline.py", "Lip-Sync Selected.py", "Open Review.py",
           "Export for Dubwright.lua"}  # fmt: skip


@pytest.fixture(params=SYSTEMS)
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    """A system with Resolve on it, under names that people give."""
    root = tmp_path / "Système été 1"
    home = root / "home" / "Zoë Müller"
    environment = {}
    if request.param == "win32":
        environment = {"APPDATA": str(home / "AppData" / "Roaming"), "LOCALAPPDATA": str(home)}
    made = Places(request.param, home, environment, root)
    made.resolve_scripts(all_users=False).parents[2].mkdir(parents=True)
    return made


@pytest.fixture
def nuke(places: Places) -> Path:
    """The init.py of the user's own folder of Nuke, which has lines of the user's."""
    (folder,) = places.nuke_plugins(all_users=False)
    folder.mkdir()
    (folder / "init.py").write_bytes("# é\r\nprint('mine')".encode())
    return folder / "init.py"


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("all_users", [False, True])
def test_what_is_installed_is_taken_out_to_the_last_folder(
    places: Places, tmp_path: Path, all_users: bool
) -> None:
    before = _tree(places.root)
    receipt = tmp_path / "user" / "receipt.json"
    written = install_hosts(None, places, receipt, all_users)
    folder = places.resolve_scripts(all_users) / "Dubwright"
    assert {path.name for path in written} == SCRIPTS == _names(folder)
    listed = json.loads(receipt.read_text())["files"]
    assert {str(path) for path in written} == set(listed)
    assert uninstall_hosts(receipt) == []
    assert _tree(places.root) == before and not receipt.exists()


def test_the_menu_scripts_know_where_dubwright_is(places: Places, tmp_path: Path) -> None:
    written = install_hosts(["resolve"], places, tmp_path / "receipt.json")
    for script in (path for path in written if path.suffix == ".py"):
        source = script.read_bytes().decode("ascii")
        assert "@DUBWRIGHT" not in source
        # As Resolve runs it: no __file__, and nothing under any name of Resolve's.
        done = subprocess.run(
            [sys.executable, "-I", "-c", f"exec({source!r}, {{}})"],
            capture_output=True, text=True, check=True, env={"LC_ALL": "C"},
        )  # fmt: skip
        assert "Resolve does not answer" in done.stdout and not done.stderr


@pytest.mark.parametrize("may_start_programs", [True, False])
def test_lua_exports_the_timeline_where_no_python_is_listed(
    places: Places, tmp_path: Path, may_start_programs: bool
) -> None:
    python = "/opt/a b/python"
    written = install_hosts(["resolve"], places, tmp_path / "receipt.json", python=python)
    (script,) = (path for path in written if path.suffix == ".lua")
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.execute(
        """
        said, started, exported = {}, {}, {}
        print = function(line) table.insert(said, line) end
        io, require = nil, nil
        os = {execute = function(command) table.insert(started, command) end}
        local timeline = {
          GetName = function() return "Reel 1/a" end,
          Export = function(self, path, ...) table.insert(exported, path) return works end,
        }
        local project = {GetCurrentTimeline = function() return open and timeline end}
        local manager = {GetCurrentProject = function() return project end}
        resolve = {
          EXPORT_OTIO = 41, EXPORT_NONE = 0, GetProjectManager = function() return manager end,
        }
        """
    )
    state = lua.globals()
    if not may_start_programs:
        state.os = None
    lua.execute(script.read_text())
    state.open = True
    lua.execute(script.read_text())
    state.works = True
    lua.execute(script.read_text())
    said = list(state.said.values())
    assert ["no timeline is open" in said[0], "could not export" in said[1]] == [True, True]
    assert list(state.exported.values())[1] == f"{places.home.as_posix()}/Dubwright - Reel 1_a.otio"
    started = list(state.started.values())
    assert len(started) == may_start_programs and all(python in each for each in started)


def test_installing_again_renews_and_leaves_nothing_old(places: Places, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    (first, *_) = install_hosts(["resolve"], places, receipt)
    old = first.with_name("Old Action.py")
    old.write_bytes(b"# of an older version\n")
    content = json.loads(receipt.read_text())
    content["files"][str(old)] = [sha256(old.read_bytes()).hexdigest()]
    receipt.write_text(json.dumps(content))
    install_hosts(["resolve"], places, receipt)
    assert not old.exists() and _names(first.parent) == SCRIPTS


def test_what_somebody_changed_stays(places: Places, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    first, *others = install_hosts(["resolve"], places, receipt)
    first.write_text("# mine\n")
    assert uninstall_hosts(receipt) == [str(first)]
    assert first.read_text() == "# mine\n" and not any(path.exists() for path in others)


def test_a_folder_that_may_not_be_written_leaves_all_as_it_was(
    places: Places, tmp_path: Path
) -> None:
    blocked = places.resolve_scripts(all_users=False)
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.mkdir()
    (blocked / "Dubwright").write_text("a file stands where the folder should be")
    before, receipt = _tree(places.root), tmp_path / "receipt.json"
    with pytest.raises(HostTrouble, match="cannot be written"):
        install_hosts(["resolve"], places, receipt)
    assert _tree(places.root) == before
    assert uninstall_hosts(receipt) == [] and _tree(places.root) == before


@pytest.mark.parametrize("after", range(7))
def test_an_interrupted_installation_can_be_taken_out_and_finished(
    places: Places, tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import receipt as receipts

    class Killed(BaseException):
        pass

    before, receipt, writes = _tree(places.root), tmp_path / "receipt.json", 0
    write = receipts._write_whole

    def write_until_killed(path: Path, content: bytes) -> None:
        nonlocal writes
        writes += 1
        if writes > after:
            path.with_name(path.name + ".partial").write_bytes(content[:9])
            raise Killed
        write(path, content)

    monkeypatch.setattr(receipts, "_write_whole", write_until_killed)
    with pytest.raises(Killed):
        install_hosts(["resolve"], places, receipt)
    monkeypatch.setattr(receipts, "_write_whole", write)
    if after % 2:
        install_hosts(["resolve"], places, receipt)
    uninstall_hosts(receipt)
    assert _tree(places.root) == before


def test_what_others_wrote_is_never_written_over(places: Places, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    folder = places.resolve_scripts(all_users=False) / "Dubwright"
    folder.mkdir(parents=True)
    (folder / "Open Review.py").write_text("# a stranger's\n")
    before = _tree(places.root)
    with pytest.raises(HostTrouble, match=r"Open Review\.py was not written by this installer"):
        install_hosts(["resolve"], places, receipt)
    assert _tree(places.root) == before
    (folder / "Open Review.py").unlink()
    first, *_ = install_hosts(["resolve"], places, receipt)
    first.write_text("# mine now\n")
    with pytest.raises(HostTrouble, match="changed since"):
        install_hosts(["resolve"], places, receipt)
    assert first.read_text() == "# mine now\n"


@pytest.mark.parametrize("how", ["fails", "is killed"])
def test_an_upgrade_that_stops_half_way_can_be_taken_out(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    import receipt as receipts

    class Killed(BaseException):
        pass

    before, receipt, writes = _tree(places.root), tmp_path / "receipt.json", 0
    install_hosts(["resolve"], places, receipt)
    house = tmp_path / "newer"
    shutil.copytree(ROOT / "host_adapters", house / "host_adapters")
    monkeypatch.setattr("hosts.HERE", house)
    write = receipts._write_whole

    def write_some(path: Path, content: bytes) -> None:
        nonlocal writes
        writes += path.suffix == ".py"
        if writes == 3 and path.suffix == ".py":
            raise Killed if how == "is killed" else OSError(28, "No space left", str(path))
        write(path, content)

    monkeypatch.setattr(receipts, "_write_whole", write_some)
    with pytest.raises((Killed, HostTrouble)):
        install_hosts(["resolve"], places, receipt)
    monkeypatch.setattr(receipts, "_write_whole", write)
    assert uninstall_hosts(receipt) == []
    assert _tree(places.root) == before


def test_the_doctor_sees_that_dubwright_was_moved(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hosts

    receipt = tmp_path / "receipt.json"
    places.environment["PYTHON3HOME"] = "/anywhere"
    install_hosts(["resolve"], places, receipt)
    shutil.copytree(ROOT / "host_adapters", tmp_path / "moved" / "host_adapters")
    monkeypatch.setattr(hosts, "HERE", tmp_path / "moved")
    found = diagnose("resolve", places, receipt, sys.executable)
    assert len(found) == len(SCRIPTS) and "leads to where it was before" in found[0]


def test_the_doctor_knows_the_usual_causes(places: Places, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    nothing = "\n".join(diagnose("resolve", places, receipt, None))
    assert "is not installed" in nothing and "Python that Dubwright runs in is gone" in nothing
    assert "finds no Python 3" in nothing and "was not found on this machine" not in nothing
    written = install_hosts(["resolve"], places, receipt)
    places.environment["PYTHON3HOME"] = "/anywhere"
    (last,) = diagnose("resolve", places, receipt, sys.executable)
    assert last.startswith("If the menu is still empty")
    written[0].unlink()
    assert "is gone. Run" in diagnose("resolve", places, receipt, sys.executable)[0]
    with pytest.raises(HostTrouble, match="no adapter for Avid"):
        diagnose("Avid", places, receipt, None)


def test_without_a_host_nothing_is_installed(tmp_path: Path) -> None:
    empty = Places("linux", tmp_path / "home", {}, tmp_path)
    with pytest.raises(HostTrouble, match="No host was found"):
        install_hosts(None, empty, tmp_path / "receipt.json")
    assert list(tmp_path.iterdir()) == []


def test_the_command_takes_out_and_diagnoses(tmp_path: Path) -> None:
    environment = os.environ | {
        "HOME": str(tmp_path), "DUBWRIGHT_INSTALLATION": str(tmp_path / "installation.json"),
    }  # fmt: skip
    bootstrap = [sys.executable, str(ROOT / "installers" / "bootstrap.py")]
    done = subprocess.run(
        [*bootstrap, "doctor", "resolve"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0 and "The adapter is not installed" in done.stdout
    done = subprocess.run(
        [*bootstrap, "uninstall"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0 and "no longer in any host" in done.stdout


def test_nuke_gets_lines_of_its_own_in_the_users_file(
    places: Places, nuke: Path, tmp_path: Path
) -> None:
    before, receipt = _tree(places.root), tmp_path / "receipt.json"
    assert nuke in install_hosts(None, places, receipt)
    once = nuke.read_bytes()
    assert once.startswith(before[str(nuke.relative_to(places.root))] or b"-")
    assert compile(once, "init.py", "exec")
    install_hosts(None, places, receipt)
    assert nuke.read_bytes() == once
    # The user goes on writing; that stays.
    nuke.write_bytes(once + b"print('later')\n")
    uninstall_hosts(receipt)
    assert nuke.read_bytes() == "# é\r\nprint('mine')".encode() + b"print('later')\n"
    nuke.write_bytes("# é\r\nprint('mine')".encode())
    assert _tree(places.root) == before and not receipt.exists()


def test_nuke_runs_what_was_installed(places: Places, tmp_path: Path) -> None:
    """As Nuke does it: init.py adds our folder, whose init.py and menu.py are run."""
    (init,) = install_hosts(["nuke"], places, tmp_path / "receipt.json")
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"exec({_AS_NUKE!r})", str(init)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["LipSync"]
    uninstall_hosts(tmp_path / "receipt.json")
    assert not init.exists() and not init.parent.exists()


_AS_NUKE = """
import sys, types
nuke = sys.modules["nuke"] = types.ModuleType("nuke")
nuke.GUI = True
nuke.env = {"studio": False, "hiero": False}
class Menu:
    def addMenu(self, name): return self
    def addCommand(self, name, command): print(name)
nuke.menu = lambda name: Menu()
def add(place):
    for name in ("init.py", "menu.py"):
        path = place + "/" + name
        exec(compile(open(path).read(), path, "exec"), {"__file__": path})
nuke.pluginAddPath = add
exec(compile(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1], "exec"), {})
"""


def test_everybodys_nuke_is_every_version_that_is_there(tmp_path: Path) -> None:
    places = Places("linux", tmp_path / "home", {}, tmp_path)
    with pytest.raises(HostTrouble, match="NUKE_PATH"):
        install_hosts(["nuke"], places, tmp_path / "receipt.json", all_users=True)
    for version in ("15.1", "16.0"):
        (tmp_path / "usr/local/Nuke" / version).mkdir(parents=True)
    written = install_hosts(["nuke"], places, tmp_path / "receipt.json", all_users=True)
    assert [path.parts[-3] for path in written] == ["15.1", "16.0"]


def test_the_doctor_knows_the_usual_causes_in_nuke(
    places: Places, nuke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = tmp_path / "receipt.json"
    assert "is not installed" in diagnose("nuke", places, receipt, sys.executable)[0]
    install_hosts(["nuke"], places, receipt)
    (last,) = diagnose("nuke", places, receipt, sys.executable)
    assert "--safe" in last
    monkeypatch.setattr("hosts.HERE", tmp_path / "moved")
    assert "leads to where it was before" in diagnose("nuke", places, receipt, None)[0]
    nuke.write_text("")
    assert "lines are gone" in diagnose("nuke", places, receipt, sys.executable)[0]


@pytest.mark.parametrize("saved", [b"\r\n", b"\n"], ids=["CRLF", "no last line end"])
def test_what_an_editor_does_to_the_users_file_does_not_matter(
    places: Places, nuke: Path, tmp_path: Path, saved: bytes
) -> None:
    receipt = tmp_path / "receipt.json"
    install_hosts(["nuke"], places, receipt)
    content = nuke.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", saved)
    nuke.write_bytes(content if saved == b"\r\n" else content.rstrip(b"\n"))
    install_hosts(["nuke"], places, receipt)
    assert nuke.read_bytes().count(b">>> Dubwright") == 1
    uninstall_hosts(receipt)
    assert b"Dubwright" not in nuke.read_bytes() and b"print('mine')" in nuke.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="links and rights are other there")
def test_a_link_stays_a_link_and_rights_stay(places: Places, nuke: Path, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles.py"
    nuke.rename(dotfiles)
    dotfiles.chmod(0o664)
    nuke.symlink_to(dotfiles)
    install_hosts(["nuke"], places, tmp_path / "receipt.json")
    assert nuke.is_symlink() and b">>> Dubwright" in dotfiles.read_bytes()
    assert dotfiles.stat().st_mode & 0o777 == 0o664
    uninstall_hosts(tmp_path / "receipt.json")
    assert nuke.is_symlink() and b"Dubwright" not in dotfiles.read_bytes()


def test_a_disk_that_stays_full_leaves_all_as_it_was(
    places: Places, nuke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import receipt as receipts

    before, write = _tree(places.root), receipts._write_whole

    def full(path: Path, content: bytes) -> None:
        if path.name == "init.py":
            raise OSError(28, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(receipts, "_write_whole", full)
    with pytest.raises(HostTrouble, match="No space left"):
        install_hosts(None, places, tmp_path / "receipt.json")
    assert _tree(places.root) == before


def test_an_upgrade_keeps_settings_and_jobs(tmp_path: Path) -> None:
    """A job of the service before an upgrade is there after it, and so are the opened folders."""
    with own_service_places(tmp_path / "state", tmp_path / "service.json"):
        dubwright = [sys.executable, "-m", "dubwright.cli"]
        subprocess.run([*dubwright, "allow", str(tmp_path)], check=True, capture_output=True)
        request = {"text": "a", "language": "en", "output": str(tmp_path / "out")}
        for number in range(2):
            process = subprocess.Popen([*dubwright, "serve"])
            wait_for((tmp_path / "service.json").exists, process=process)
            service = connect(start=False)
            service.submit("animate", request, tag=str(number))
            assert len(service.jobs()) == number + 1
            service.stop()
            assert process.wait(20) == 0
            install_hosts(["nuke"], Places("linux", tmp_path, {}, tmp_path), tmp_path / "r.json")
        listed = subprocess.run(
            [*dubwright, "allow"], check=True, capture_output=True, text=True
        ).stdout
        assert str(tmp_path) in listed


@pytest.mark.parametrize(
    ("says", "code", "found"),
    [("GPU 0: NVIDIA H100", 0, True), ("No devices were found", 0, False), ("GPU lost", 9, False)],
)
def test_a_gpu_is_what_its_driver_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, code: int, found: bool
) -> None:
    import bootstrap

    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert bootstrap.has_gpu() is found
    groups = bootstrap.device_groups(found, neural=False)
    assert ("gpu" in groups) is found and ("cpu" in groups) is not found
    assert ("torch" in groups) is found and "torch" in bootstrap.device_groups(found, neural=True)
    monkeypatch.setenv("PATH", "")
    assert not bootstrap.has_gpu()


BLENDER_FOLDERS = {
    "linux": ".config/blender",
    "darwin": "Library/Application Support/Blender",
    "win32": "AppData/Roaming/Blender Foundation/Blender",
}


@pytest.fixture
def blenders(places: Places) -> Path:
    """The user's folder of Blenders: 3.6, which knows no extensions, 4.2 and 5.10."""
    folder = places.home / BLENDER_FOLDERS[places.system]
    for version in ("3.6", "4.2", "5.10", "not a version"):
        (folder / version / "config").mkdir(parents=True)
    return folder


def test_every_blender_that_knows_extensions_gets_its_own(
    places: Places, blenders: Path, tmp_path: Path
) -> None:
    before, receipt = _tree(places.root), tmp_path / "receipt.json"
    written = install_hosts(None, places, receipt)
    for version in ("4.2", "5.10"):
        extension = blenders / version / "extensions" / "user_default" / "dubwright"
        assert _names(extension) == {"blender_manifest.toml", "__init__.py", "wheels"}
        manifest = tomllib.loads((extension / "blender_manifest.toml").read_text())
        (wheel,) = manifest["wheels"]
        assert extension / wheel in written and (extension / wheel).is_file()
        assert manifest["version"] == dubwright.__version__
    assert _names(blenders / "3.6") == {"config"}
    once = _tree(places.root)
    install_hosts(None, places, receipt)
    assert _tree(places.root) == once
    # As Blender's Python leaves it when the extension is on.
    compileall.compile_dir(blenders, quiet=1)
    assert (extension / "__pycache__").is_dir()
    assert uninstall_hosts(receipt) == [] and _tree(places.root) == before


def test_what_blender_unpacks_is_a_whole_wheel(tmp_path: Path) -> None:
    (name, content), *_ = [
        (name, content) for name, content in extension_files().items() if name.endswith(".whl")
    ]
    wheel = tmp_path / Path(name).name
    wheel.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target",
         str(tmp_path / "in"), str(wheel)], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    source = ROOT / "plugin" / "dubwright_plugin"
    for path in source.glob("*.py"):
        assert (tmp_path / "in" / "dubwright_plugin" / path.name).read_bytes() == path.read_bytes()
    assert (tmp_path / "in" / "dubwright_blender" / "panel.py").is_file()


def test_everybodys_blender_is_nobodys(places: Places, blenders: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    with pytest.raises(HostTrouble, match="BLENDER_SYSTEM_EXTENSIONS"):
        install_hosts(["blender"], places, receipt, all_users=True)
    empty = Places(places.system, tmp_path / "nobody", {}, tmp_path / "nowhere")
    with pytest.raises(HostTrouble, match=r"No Blender of 4\.2"):
        install_hosts(["blender"], empty, receipt)
    written = install_hosts(None, places, receipt, all_users=True)
    assert written and not any("user_default" in path.parts for path in written)


@pytest.mark.parametrize(
    ("variable", "tail"),
    [
        ("BLENDER_USER_RESOURCES", "extensions/user_default"),
        ("BLENDER_USER_EXTENSIONS", "user_default"),
    ],
)
def test_a_studio_may_say_where_extensions_are(
    places: Places, tmp_path: Path, variable: str, tail: str
) -> None:
    places.environment[variable] = str(tmp_path / "mine")
    written = install_hosts(["blender"], places, tmp_path / "receipt.json")
    assert tmp_path / "mine" / tail / "dubwright" / "__init__.py" in written


def test_the_doctor_knows_the_usual_causes_in_blender(
    places: Places, blenders: Path, tmp_path: Path
) -> None:
    receipt = tmp_path / "receipt.json"
    assert "is not installed" in diagnose("blender", places, receipt, sys.executable)[0]
    install_hosts(["blender", "resolve"], places, receipt)
    (last,) = diagnose("blender", places, receipt, sys.executable)
    assert "tick Dubwright" in last
    places.environment["PYTHON3HOME"] = "/anywhere"
    assert len(diagnose("resolve", places, receipt, sys.executable)) == 1
    (blenders / "5.12" / "config").mkdir(parents=True)
    assert "5.12 has no Dubwright yet" in diagnose("blender", places, receipt, sys.executable)[0]
    extension = blenders / "4.2" / "extensions" / "user_default" / "dubwright"
    (extension / "__init__.py").write_text("")
    (extension / "blender_manifest.toml").unlink()
    found = "\n".join(diagnose("blender", places, receipt, sys.executable))
    assert "is gone. Run" in found and "not of this Dubwright" in found
    shutil.rmtree(blenders)
    assert "No Blender of 4.2" in diagnose("blender", places, receipt, sys.executable)[0]


def test_what_blender_copied_to_its_next_version_is_ours(
    places: Places, blenders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blender's first run offers to copy the settings of the version before, extensions and all."""
    import hosts

    receipt, before = tmp_path / "receipt.json", extension_files()
    install_hosts(["blender"], places, receipt)
    shutil.copytree(blenders / "4.2", blenders / "5.11")
    newer = before | {"__init__.py": before["__init__.py"] + b"# newer\n"}
    monkeypatch.setattr(hosts, "extension_files", lambda house: newer)
    written = install_hosts(["blender"], places, receipt)
    copied = blenders / "5.11" / "extensions" / "user_default" / "dubwright" / "__init__.py"
    assert copied in written and copied.read_bytes().endswith(b"# newer\n")
    copied.write_text("mine")
    with pytest.raises(HostTrouble, match="was not written by this installer"):
        install_hosts(["blender"], places, receipt)
