"""Links into the review page that outlive the service: dubwright://review?version=...&cue=...

A browser hands them to the program that its system names for them; `dubwright links` makes that
this installation. A link opens only what the service knows: whoever wrote it cannot have folders of
their choice read.
"""

from __future__ import annotations

import plistlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from dubwright.errors import DubwrightError

__all__ = ["ReviewLink", "handle_links", "is_link", "read_link", "review_link"]

SCHEME: Final = "dubwright"
DESKTOP_FILE: Final = "dubwright-links.desktop"
MAC_APPLICATION: Final = "Dubwright Links.app"
MAC_REGISTER: Final = Path(
    "/System/Library/Frameworks/CoreServices.framework/Frameworks/LaunchServices.framework"
    "/Support/lsregister"
)


@dataclass(frozen=True, slots=True)
class ReviewLink:
    """What a link shows: a version's folder, a language of it, and a cue; "" for its first."""

    version: Path
    language: str = ""
    cue: str = ""


def review_link(version: Path, language: str, cue: str = "") -> str:
    """Where a cue of a version is looked at; a language from its beginning without one."""
    fields = {"version": str(version.absolute()), "language": language}
    return f"{SCHEME}://review?" + urlencode(fields | ({"cue": cue} if cue else {}))


def is_link(text: str) -> bool:
    return text.startswith(f"{SCHEME}:")


def read_link(text: str) -> ReviewLink:
    """What a link shows.

    Raises:
        DubwrightError: it is no link into the review page.
    """
    parts = urlsplit(text)
    fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
    version = Path(fields.get("version", ""))
    if parts.netloc != "review" or not version.is_absolute():
        raise DubwrightError(
            "This link leads nowhere",
            where=text,
            why="it names no version to review",
            repair="take it from a QC report, or run `dubwright review` with a version's folder",
        )
    return ReviewLink(version, fields.get("language", ""), fields.get("cue", ""))


def handle_links(home: Path) -> Path:
    """Make this installation the one that opens links, for this user.

    Args:
        home: of the user.

    Returns:
        What was written for it: a desktop entry, an application, or the registry's key.

    Raises:
        DubwrightError: the system refuses it.
    """
    opens = [sys.executable, "-m", "dubwright.cli", "review"]
    try:
        if sys.platform == "win32":
            return _by_registry(opens)
        return _by_application(opens, home) if sys.platform == "darwin" else _by_entry(opens, home)
    except (OSError, subprocess.CalledProcessError) as error:
        raise DubwrightError(
            "The system does not let links be opened",
            where=f"{SCHEME}: links",
            why=str(error),
            repair="open them with `dubwright review 'LINK'`",
        ) from error


def _by_entry(opens: list[str], home: Path) -> Path:
    """Desktop Entry Specification 1.5; Association between MIME types and applications 1.0."""
    entry = home / ".local/share/applications" / DESKTOP_FILE
    entry.parent.mkdir(parents=True, exist_ok=True)
    quoted = " ".join('"' + _escaped(part) + '"' for part in opens)
    entry.write_text(
        "[Desktop Entry]\nType=Application\nName=Dubwright\nNoDisplay=true\n"
        f"Exec={quoted} %u\nMimeType=x-scheme-handler/{SCHEME};\n",
        encoding="utf-8",
    )
    chooser = shutil.which("xdg-mime")
    if chooser is None:
        raise FileNotFoundError("xdg-mime is not installed (package xdg-utils)")
    subprocess.run([chooser, "default", DESKTOP_FILE, f"x-scheme-handler/{SCHEME}"], check=True)
    return entry


def _escaped(part: str) -> str:
    """As the Exec key wants what is quoted in it."""
    for sign in ("\\", '"', "`", "$"):
        part = part.replace(sign, "\\\\" + sign)
    return part.replace("%", "%%")


def _by_registry(opens: list[str]) -> Path:
    """Registering an Application to a URI Scheme, Microsoft Learn."""
    if sys.platform != "win32":
        raise OSError("only Windows has a registry")
    import winreg

    command = subprocess.list2cmdline(opens) + ' "%1"'
    place = rf"Software\Classes\{SCHEME}"
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, place) as key:
        winreg.SetValueEx(key, "", 0, winreg.REG_SZ, "URL:Dubwright")
        winreg.SetValueEx(key, "URL Protocol", 0, winreg.REG_SZ, "")
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, place + r"\shell\open\command") as key:
        winreg.SetValueEx(key, "", 0, winreg.REG_SZ, command)
    return Path("HKEY_CURRENT_USER") / place


def _by_application(opens: list[str], home: Path) -> Path:
    """An applet that is told of links: AppleScript Language Guide, open location handlers."""
    application = home / "Applications" / MAC_APPLICATION
    application.parent.mkdir(exist_ok=True)
    quoted = ' & " " & '.join(f'quoted form of "{_in_applescript(part)}"' for part in opens)
    script = (
        "on open location link\n"
        f'do shell script {quoted} & " " & quoted form of link & " > /dev/null 2>&1 &"\n'
        "end open location\n"
    )
    subprocess.run(["/usr/bin/osacompile", "-o", application, "-e", script], check=True)
    about = application / "Contents" / "Info.plist"
    told = plistlib.loads(about.read_bytes())
    told["CFBundleURLTypes"] = [{"CFBundleURLName": "Dubwright", "CFBundleURLSchemes": [SCHEME]}]
    told["LSBackgroundOnly"] = True
    about.write_bytes(plistlib.dumps(told))
    subprocess.run([MAC_REGISTER, "-f", application], check=True)
    return application


def _in_applescript(part: str) -> str:
    return part.replace("\\", "\\\\").replace('"', '\\"')
