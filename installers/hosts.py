"""Puts the adapters where hosts look for them, and says why a host does not show them.

Standard library only.
"""

import os
import re
import shlex
import sys
from pathlib import Path

from blender_extension import EXTENSION, extension_files
from receipt import HostTrouble, block_of, blocks_in, files_in, install_files, uninstall_files

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
HOSTS = ("resolve", "nuke", "blender")
# The oldest Blender that knows extensions.
FIRST_BLENDER = (4, 2)
VERSION = re.compile(r"\d+\.\d+")
# As dubwright_resolve.actions has them.
LUA_ENTRY = "Export for Dubwright"
RESOLVE_MENU = ("Dub Timeline", "Lip-Sync Selected", "Open Review", "Bring Results In")


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

    def nuke_plugins(self, all_users):
        """Nuke's folders whose init.py it runs (Foundry's guide).

        A user has one for all versions; everybody's are those of the versions that are there.
        """
        if not all_users:
            return [self.home / ".nuke"]
        base = {
            "darwin": self.root / "Library/Application Support/Nuke",
            "win32": self._folder("COMMONPROGRAMFILES", self.root / "Program Files/Common Files")
            / "Nuke",
        }.get(self.system, self.root / "usr/local/Nuke")
        versions = sorted(base.iterdir()) if base.is_dir() else []
        return [version / "plugins" for version in versions if version.is_dir()]

    def has_nuke(self):
        """Whether Nuke was installed, or run by this user."""
        where, pattern = {
            "darwin": (self.root / "Applications", "Nuke[0-9]*"),
            "win32": (self._folder("PROGRAMFILES", self.root / "Program Files"), "Nuke[0-9]*"),
        }.get(self.system, (self.root / "usr/local", "Nuke[0-9]*"))
        return any(where.glob(pattern)) or (self.home / ".nuke").is_dir()

    def blender_extensions(self):
        """The user's own extensions in each Blender that was run (Blender's manual, "Blender's
        Directory Layout" and "Environment Variables")."""
        named = self.environment.get("BLENDER_USER_EXTENSIONS")
        if named:
            return [Path(named) / "user_default"]
        named = self.environment.get("BLENDER_USER_RESOURCES")
        if named:
            return [Path(named) / "extensions" / "user_default"]
        base = {
            "darwin": self.home / "Library/Application Support/Blender",
            "win32": self._folder("APPDATA", self.home / "AppData/Roaming")
            / "Blender Foundation/Blender",
        }.get(self.system, self._folder("XDG_CONFIG_HOME", self.home / ".config") / "blender")
        versions = {
            tuple(map(int, folder.name.split("."))): folder
            for folder in (base.iterdir() if base.is_dir() else [])
            if VERSION.fullmatch(folder.name)
        }
        return [
            versions[version] / "extensions" / "user_default"
            for version in sorted(versions)
            if version >= FIRST_BLENDER
        ]

    def has_blender(self):
        """Whether a Blender that knows extensions was run by this user."""
        return bool(self.blender_extensions())

    def has(self, host):
        """Whether a host of HOSTS was installed, or run by this user."""
        known = {"resolve": self.has_resolve, "nuke": self.has_nuke, "blender": self.has_blender}
        return known[host]()

    def _folder(self, variable, otherwise):
        named = self.environment.get(variable)
        return Path(named) if named else otherwise


def install_hosts(hosts, places, receipt, all_users=False, python=sys.executable):
    """Install the adapters of these hosts; the files that were written.

    hosts: names of HOSTS; those that are found if None. receipt: the file that says what was
    written. python: the one that Dubwright is installed in. Raises HostTrouble, after taking away
    what was written.
    """
    if hosts is None:
        # Blender's extensions are each user's own.
        theirs = [name for name in HOSTS if not (all_users and name == "blender")]
        hosts = [name for name in theirs if places.has(name)]
        if not hosts:
            raise HostTrouble(
                "No host was found. Name one with --hosts ({}).".format(", ".join(HOSTS))
            )
    for host in hosts:
        _check_known(host)
    files = _resolve_files(places, all_users, python) if "resolve" in hosts else {}
    if "blender" in hosts:
        files.update(_blender_files(places, all_users))
    blocks = _nuke_blocks(places, all_users) if "nuke" in hosts else {}
    return install_files(files, blocks, receipt)


def uninstall_hosts(receipt):
    """Take away what the receipt lists; the files that somebody has changed since, which stay."""
    return uninstall_files(receipt)


def diagnose(host, places, receipt, python):
    """Known causes why a host does not show Dubwright, each with its remedy; none if none is found.

    python: the Python that Dubwright is installed in, or None.
    """
    _check_known(host)
    known = {
        "resolve": _why_not_in_resolve,
        "nuke": _why_not_in_nuke,
        "blender": _why_not_in_blender,
    }[host]
    first, last = known(places, receipt, python)
    if python is None or not Path(python).exists():
        first.append("The Python that Dubwright runs in is gone. Run `bootstrap.py install` again.")
    return first + last


def _why_not_in_resolve(places, receipt, python):
    found = []
    if not places.has_resolve():
        found.append("DaVinci Resolve was not found on this machine. Install it and run it once.")
    folders = [places.resolve_scripts(everybody) / MENU for everybody in (False, True)]
    contents = {
        path: content
        for everybody in (False, True)
        for path, content in _resolve_files(places, everybody, python).items()
    }
    found += _why_files_are_wrong("resolve", folders, contents, receipt)
    if not _python_for_resolve(places):
        found.append(
            "Resolve finds no Python 3. Install Python 3.10 to 3.12 from python.org for all users "
            "and start Resolve again."
        )
    return found, [
        "If the menu is still empty: start Resolve again, since it may read the folder only then. "
        "Resolve 21.1 without Studio lists no Python scripts: run Export for Dubwright, or export "
        "the timeline as OTIO, dub it on the page (`dubwright review`), and import the language's "
        "timeline."
    ]


def _why_not_in_blender(places, receipt, _):
    found = []
    folders = places.blender_extensions()
    if not folders:
        found.append(
            "No Blender of 4.2 or newer was run by this user. Start it once, and run "
            "`bootstrap.py install --hosts blender`."
        )
    contents = _extension_in(folders)
    found += _why_files_are_wrong("blender", folders, contents, receipt)
    installed = {path.parent.parent for path in files_in(receipt) if path.parent.name == EXTENSION}
    found += [
        f"{folder.parent.parent} has no Dubwright yet. Run `bootstrap.py install` again."
        for folder in folders
        if installed and folder not in installed
    ]
    return found, [
        "If the panel is still missing: Edit > Preferences > Add-ons, tick Dubwright, and press N "
        "in the 3D view. Blender must not run with --factory-startup, and its repository User "
        "Default must be on (Preferences > Get Extensions > Repositories)."
    ]


def _why_files_are_wrong(host, folders, contents, receipt):
    """What is wrong with the files in these folders that the receipt lists."""
    found = []
    installed = [
        path for path in files_in(receipt) if any(folder in path.parents for folder in folders)
    ]
    if not installed:
        found.append(f"The adapter is not installed. Run `bootstrap.py install --hosts {host}`.")
    for path in installed:
        if not path.is_file():
            found.append(f"{path} is gone. Run `bootstrap.py install` again.")
        elif path.read_bytes() != contents.get(path):
            found.append(_leads_elsewhere(path))
    return found


def _why_not_in_nuke(places, receipt, _):
    found = []
    if not places.has_nuke():
        found.append("Nuke was not found on this machine. Install it and run it once.")
    installed = blocks_in(receipt)
    if not installed:
        found.append("The adapter is not installed. Run `bootstrap.py install --hosts nuke`.")
    for path in installed:
        content = path.read_bytes() if path.is_file() else b""
        if b"# >>> Dubwright >>>" not in content:
            found.append(
                f"Dubwright's lines are gone from {path}. Run `bootstrap.py install` again."
            )
        elif block_of(_nuke_lines()) not in content:
            found.append(_leads_elsewhere(path))
    return found, [
        "If the menu is still missing: start Nuke again, without --safe, and look into its "
        "terminal: an error in an init.py or menu.py stops what comes after it. Nuke 14 is the "
        "oldest that works; there is no menu in a Nuke without windows."
    ]


def _leads_elsewhere(path):
    return (
        f"{path} is not of this Dubwright, or leads to where it was before. Run "
        "`bootstrap.py install` again."
    )


def _check_known(host):
    if host not in HOSTS:
        raise HostTrouble("There is no adapter for {}; for {}.".format(host, ", ".join(HOSTS)))


def menu_scripts(house):
    """Resolve's menu scripts for a Dubwright that is in `house`, ASCII text by file name."""
    adapter = house / "host_adapters" / "resolve"
    template = (adapter / "menu_script.py").read_text(encoding="utf-8")
    # As Python strings have them: Windows' separators would else be escapes.
    template = template.replace('"@DUBWRIGHT_PLUGIN@"', ascii(str(house / "plugin")))
    template = template.replace('"@DUBWRIGHT_RESOLVE@"', ascii(str(adapter)))
    return {entry + ".py": template.replace("@ENTRY@", entry) for entry in RESOLVE_MENU}


def lua_script(house, places, python):
    """Resolve's menu script for an edition that lists no Python scripts, ASCII text."""
    template = (house / "host_adapters" / "resolve" / "menu_script.lua").read_text(encoding="utf-8")
    if places.system == "win32":
        opens = f'start "" /b "{python}" -m dubwright.cli review'
    else:
        opens = f"{shlex.quote(str(python))} -m dubwright.cli review >/dev/null 2>&1 &"
    template = template.replace('"@HOME@"', _lua_string(places.home.as_posix()))
    return template.replace('"@OPEN_PAGE@"', _lua_string(opens))


def _lua_string(text):
    """As every Lua reads it: what is not plain ASCII by its bytes."""
    return '"{}"'.format("".join(map(_lua_sign, text.encode("utf-8"))))


def _lua_sign(byte):
    plain = 32 <= byte < 127 and chr(byte) not in '"\\'
    return chr(byte) if plain else f"\\{byte:03d}"


def _resolve_files(places, all_users, python):
    folder = places.resolve_scripts(all_users) / MENU
    scripts = {**menu_scripts(HERE), LUA_ENTRY + ".lua": lua_script(HERE, places, python)}
    return {folder / name: text.encode("ascii") for name, text in scripts.items()}


def _blender_files(places, all_users):
    folders = places.blender_extensions()
    if all_users:
        raise HostTrouble(
            "Blender's extensions are each user's own. Install for yourself (--user); for a "
            "studio, unpack the archive of installers/blender_extension.py into system/dubwright "
            "in the folder that BLENDER_SYSTEM_EXTENSIONS names."
        )
    if not folders:
        raise HostTrouble("No Blender of 4.2 or newer was run by this user. Start it once.")
    return _extension_in(folders)


def _extension_in(folders):
    files = extension_files(HERE)
    return {
        folder / EXTENSION / name: content for folder in folders for name, content in files.items()
    }


def _nuke_blocks(places, all_users):
    folders = places.nuke_plugins(all_users)
    if not folders:
        raise HostTrouble(
            "No folder of Nuke's for everybody was found. Install for yourself (--user), or set "
            "NUKE_PATH to {}.".format(HERE / "host_adapters" / "nuke")
        )
    return {folder / "init.py": _nuke_lines() for folder in folders}


def _nuke_lines():
    """What Nuke's init.py runs, ASCII text."""
    return "import nuke\n\nnuke.pluginAddPath({})".format(
        ascii((HERE / "host_adapters" / "nuke").as_posix())
    )


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
