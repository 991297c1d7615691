"""Puts the adapters where hosts look for them, and takes away exactly what was put there.

What is written is listed in a receipt before it is written, so that an installation that was cut
off can be taken away or finished. Standard library only.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

__all__ = [
    "HostTrouble",
    "Places",
    "diagnose",
    "install_hosts",
    "menu_scripts",
    "uninstall_hosts",
]

HERE = Path(__file__).resolve().parent.parent
MENU = "Dubwright"
HOSTS = ("resolve",)
# As dubwright_resolve.actions has them.
RESOLVE_MENU = ("Dub Timeline", "Lip-Sync Selected", "Open Review", "Bring Results In")


class HostTrouble(Exception):  # noqa: N818 - it is a message to a person
    """Something that the person must repair first; hosts are as they were."""


class Places:
    """Where hosts look for what others add, on one system.

    system: "linux", "darwin" or "win32". home: of the user. environment: its variables. root: "/",
    or where a made-up system begins.
    """

    def __init__(self, system=sys.platform, home=None, environment=None, root=Path("/")):
        self.system = system
        self.home = Path.home() if home is None else home
        self.environment = os.environ if environment is None else environment
        self.root = root

    def resolve_scripts(self, all_users):
        """Resolve's folder of scripts for every page (its README, 24 July 2026)."""
        tail = Path("Fusion", "Scripts", "Utility")
        if self.system == "darwin":
            base = self.root if all_users else self.home
            support = base / "Library/Application Support/Blackmagic Design/DaVinci Resolve"
            return support / tail
        if self.system == "win32":
            if all_users:
                base = self._folder("PROGRAMDATA", self.root / "ProgramData")
                return base / "Blackmagic Design/DaVinci Resolve" / tail
            base = self._folder("APPDATA", self.home / "AppData/Roaming")
            return base / "Blackmagic Design/DaVinci Resolve/Support" / tail
        if all_users:
            return self.root / "opt/resolve" / tail
        return self.home / ".local/share/DaVinciResolve" / tail

    def has_resolve(self):
        """Whether Resolve was installed, or run by this user."""
        programs = {
            "darwin": [self.root / "Applications/DaVinci Resolve"],
            "win32": [
                self._folder("PROGRAMFILES", self.root / "Program Files")
                / "Blackmagic Design/DaVinci Resolve"
            ],
        }.get(self.system, [self.root / "opt/resolve", self.root / "home/resolve"])
        # The user's own folder, three above the scripts', is made at the first run.
        used = self.resolve_scripts(all_users=False).parents[2]
        return any(place.is_dir() for place in [*programs, used])

    def _folder(self, variable, otherwise):
        named = self.environment.get(variable)
        return Path(named) if named else otherwise


def install_hosts(hosts, places, receipt, all_users=False):
    """Install the adapters of these hosts; the files that were written.

    hosts: names of HOSTS; those that are found if None. receipt: the file that says what was
    written. Raises HostTrouble, after taking away what was written.
    """
    if hosts is None:
        hosts = [name for name in HOSTS if places.has_resolve()]
        if not hosts:
            raise HostTrouble(
                "No host was found. Name one with --hosts ({}).".format(", ".join(HOSTS))
            )
    wanted = {}
    for host in hosts:
        if host not in HOSTS:
            raise HostTrouble("There is no adapter for {}; for {}.".format(host, ", ".join(HOSTS)))
        wanted.update(_resolve_files(places, all_users))
    before = _read(receipt)
    _check_strangers(wanted, before["files"])
    files = {str(path): [_digest(content)] for path, content in wanted.items()}
    # Until all is written, a file may be the one before or the new one.
    either = {path: before["files"].get(path, []) + files.get(path, []) for path in
              {**before["files"], **files}}  # fmt: skip
    replaced = {path: path.read_bytes() for path in wanted if path.is_file()}
    folders = list(before["folders"])
    try:
        for path, content in wanted.items():
            folders += [folder for folder in _missing(path.parent) if folder not in folders]
            _write_receipt(receipt, {"files": either, "folders": folders})
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, content)
    except OSError as error:
        for path in wanted:
            if path in replaced:
                _write_whole(path, replaced[path])
            else:
                _drop(path)
        _remove_empty([folder for folder in folders if folder not in before["folders"]])
        _write_receipt(receipt, before)
        raise _unwritable(error) from error
    left = _remove({path: known for path, known in before["files"].items() if path not in files})
    _write_receipt(receipt, {"files": {**files, **left}, "folders": folders})
    return list(wanted)


def uninstall_hosts(receipt):
    """Take away what the receipt lists; the files that somebody has changed since, which stay."""
    before = _read(receipt)
    try:
        left = _remove(before["files"])
        _remove_empty(before["folders"])
    except OSError as error:
        raise _unwritable(error) from error
    if left:
        _write_receipt(receipt, {"files": left, "folders": before["folders"]})
    else:
        receipt.unlink(missing_ok=True)
    return sorted(left)


def diagnose(host, places, receipt, python):
    """Known causes why a host does not show Dubwright, each with its remedy; none if none is found.

    python: the Python that Dubwright is installed in, or None.
    """
    if host not in HOSTS:
        raise HostTrouble("There is no adapter for {}; for {}.".format(host, ", ".join(HOSTS)))
    found = []
    if not places.has_resolve():
        found.append("DaVinci Resolve was not found on this machine. Install it and run it once.")
    installed = [Path(path) for path in _read(receipt)["files"]]
    if not installed:
        found.append("The adapter is not installed. Run `bootstrap.py install --hosts resolve`.")
    current = [*_resolve_files(places, False).items(), *_resolve_files(places, True).items()]
    contents = {str(path): content for path, content in current}
    for path in installed:
        if not path.is_file():
            found.append(f"{path} is gone. Run `bootstrap.py install` again.")
        elif path.read_bytes() != contents.get(str(path)):
            found.append(
                f"{path} is not of this Dubwright, or leads to where it was before. Run "
                "`bootstrap.py install` again."
            )
    if python is None or not Path(python).exists():
        found.append("The Python that Dubwright runs in is gone. Run `bootstrap.py install` again.")
    if not _python_for_resolve(places):
        found.append(
            "Resolve finds no Python 3. Install Python 3.10 to 3.12 from python.org for all users "
            "and start Resolve again."
        )
    found.append(
        "If the menu is still empty: start Resolve again, since it may read the folder only then. "
        "Resolve 21.1 without Studio lists no Python scripts: export the timeline as OTIO, dub it "
        "on the page (`dubwright review`), and import the language's timeline."
    )
    return found


def menu_scripts(house):
    """Resolve's menu scripts for a Dubwright that is in `house`, ASCII text by file name."""
    adapter = house / "host_adapters" / "resolve"
    template = (adapter / "menu_script.py").read_text(encoding="utf-8")
    # As Python strings have them: Windows' separators would else be escapes.
    template = template.replace('"@DUBWRIGHT_PLUGIN@"', ascii(str(house / "plugin")))
    template = template.replace('"@DUBWRIGHT_RESOLVE@"', ascii(str(adapter)))
    return {entry + ".py": template.replace("@ENTRY@", entry) for entry in RESOLVE_MENU}


def _resolve_files(places, all_users):
    folder = places.resolve_scripts(all_users) / MENU
    scripts = menu_scripts(HERE)
    return {folder / name: text.encode("ascii") for name, text in scripts.items()}


def _python_for_resolve(places):
    """Whether there is a Python where Resolve looks for one."""
    if places.environment.get("PYTHON3HOME") or places.environment.get("FUSION_PYTHON3_HOME"):
        return True
    if places.system == "darwin":
        return any(
            (places.root / place).exists()
            for place in ("usr/local/bin/python3", "Library/Frameworks/Python.framework")
        )
    if places.system == "win32":
        local = places.environment.get("LOCALAPPDATA", "")
        folders = [places.root / "Program Files", Path(local) / "Programs/Python"]
        return any(folder.is_dir() and any(folder.glob("Python3*")) for folder in folders)
    return (places.root / "usr/bin/python3").exists()


def _check_strangers(wanted, known):
    """Refuse to write over what was not written by an installer, or was changed since."""
    for path, content in wanted.items():
        ours = [*known.get(str(path), []), _digest(content)]
        if path.is_file() and _digest(path.read_bytes()) not in ours:
            raise HostTrouble(
                f"{path} was not written by this installer, or was changed since. Move it away, "
                "and run this again."
            )


def _unwritable(error):
    return HostTrouble(
        f"{error.filename} cannot be written ({error.strerror}). Install for yourself (--user), "
        "or run this as somebody who may write there."
    )


# --- Files and receipts -------------------------------------------------------------------------


def _read(receipt):
    try:
        return json.loads(receipt.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"files": {}, "folders": []}
    except ValueError as error:
        raise HostTrouble(
            f"{receipt} is not a receipt ({error}). Remove it, and install again."
        ) from error


def _write_receipt(receipt, content):
    receipt.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(receipt, (json.dumps(content, indent=1) + "\n").encode("utf-8"))


def _write_whole(path, content):
    partial = _partial(path)
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        _drop(partial)
        raise


def _drop(path):
    if path.is_file():
        path.unlink()


def _partial(path):
    return path.with_name(path.name + ".partial")


def _missing(folder):
    """A folder and those above it that are not there, the outermost first."""
    missing = []
    while not folder.is_dir():
        missing.insert(0, str(folder))
        folder = folder.parent
    return missing


def _remove(files):
    """Remove the files that still are as they were written; those that are not."""
    left = {}
    for name, known in files.items():
        path = Path(name)
        _drop(_partial(path))
        if not path.is_file():
            continue
        if _digest(path.read_bytes()) not in known:
            left[name] = known
            continue
        path.unlink()
    return left


def _remove_empty(folders):
    for name in reversed(folders):
        folder = Path(name)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _digest(content):
    return hashlib.sha256(content).hexdigest()
