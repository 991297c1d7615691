#!/usr/bin/env python3
"""Makes a private environment for Dubwright, puts it into hosts, and runs the demo or the tests.

    python3 installers/bootstrap.py demo     dub a synthetic actor into Spanish and French
    python3 installers/bootstrap.py install [--hosts resolve,nuke,blender] [--all-users]
    python3 installers/bootstrap.py uninstall         take the adapters out of the hosts again
    python3 installers/bootstrap.py doctor nuke       why is Dubwright not in the menu?
    python3 installers/bootstrap.py test     run the checks and the tests
    python3 installers/bootstrap.py test --blender    with the tests that need the real Blender
    python3 installers/bootstrap.py test --neural     with those that need torch

Standard library only. The environment is made beside this clone, in .venv, from the exact
versions in installers/lock.txt; a second run reuses it.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

from hosts import HOSTS, HostTrouble, Places, diagnose, install_hosts, uninstall_hosts

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "installers" / "lock.txt"
SUPPORTED = ((3, 11), (3, 12))
# Blender's module by version, and the Python that it is built for.
BLENDERS = {"4.2": ((3, 11),), "4.5": ((3, 11),), "5.0": ((3, 11),), "5.2": ((3, 13),)}
GROUPS = {
    "demo": ("base",),
    "test": ("base", "dev", "interchange", "publish"),
    "install": ("base", "publish"),
}


# Their files overwrite each other's.
INSTEAD_OF = {"cpu": "gpu", "gpu": "cpu"}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", choices=[*GROUPS, "uninstall", "doctor"])
    parser.add_argument("--env", type=Path, default=ROOT / ".venv", help="the environment's folder")
    parser.add_argument("--out", type=Path, default=ROOT / "dubwright-demo", help="of the demo")
    parser.add_argument("--blender", action="store_true", help="test in the real Blender too")
    parser.add_argument("--neural", action="store_true", help="with the engines that use torch")
    parser.add_argument(
        "--hosts", help="hosts to install into, as in resolve,nuke,blender; else those found"
    )
    parser.add_argument(
        "--gpu", choices=("yes", "no"), help="install for a GPU; as is found if left"
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--user", action="store_true", help="install for yourself (the default)")
    whose.add_argument("--all-users", action="store_true", help="install for everybody here")
    options, rest = parser.parse_known_args(arguments)
    if options.job in ("uninstall", "doctor"):
        return uninstall() if options.job == "uninstall" else doctor(rest)
    gpu = options.job == "install" and (options.gpu == "yes" if options.gpu else has_gpu())
    groups = GROUPS[options.job] + device_groups(gpu, options.neural)
    try:
        python = prepare(options.env, groups)
        if options.job == "demo":
            return demo(python, options.out)
        if options.job == "install":
            return install_into(python, options.hosts, options.all_users)
        if options.blender:
            os.environ["DUBWRIGHT_BPY_PYTHON"] = os.pathsep.join(blenders(options.env))
        return test(python, rest)
    except Stop as stop:
        say(str(stop))
        return 2
    except KeyboardInterrupt:
        say("Stopped. Run the same command to go on.")
        return 130


class Stop(Exception):  # noqa: N818 - it is a message to a person
    """Something that the person must repair first."""


class NoPython(Stop):
    """There is no Python of a version that would do."""


def say(text):
    print(text, flush=True)


def prepare(folder, groups, supported=SUPPORTED):
    """The environment's Python, with the locked packages of these groups and this clone in it."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (python.exists() and runs(python, "import pip")):
        make_environment(folder, supported)
    for group in groups:
        install(folder, python, group)
    return python


def blenders(env):
    """The Python of each Blender that one is installed for, in an environment beside `env`."""
    found = []
    for version, supported in BLENDERS.items():
        folder = env.with_name(f"{env.name}-blender{version}")
        try:
            found.append(str(prepare(folder, ("blender", "blender" + version), supported)))
        except NoPython as missing:
            say(f"Blender {version} is left out. {missing}")
    if not found:
        raise NoPython("There is no Python for any Blender; they need 3.11, or 3.13.")
    return found


def make_environment(folder, supported):
    base = find_python(supported)
    say(f"Making a private environment in {folder} ...")
    if base == sys.executable:
        venv.EnvBuilder(with_pip=True, clear=True).create(folder)
    else:
        run([base, "-m", "venv", "--clear", str(folder)], "Python could not make an environment")


def has_gpu():
    """Whether NVIDIA's driver lists a GPU."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return False
    try:
        listed = subprocess.run(
            [command, "-L"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout


def device_groups(gpu, neural):
    """What engines with weights run on. torch's usual build on Linux brings CUDA; without a GPU it
    draws no faster than OpenCV, and engines that need it are wished for or not."""
    return ("gpu" if gpu else "cpu",) + (("torch", "neural") if gpu or neural else ())


def find_python(supported):
    """This Python if it will do, or another that is installed."""
    if sys.version_info[:2] in supported:
        return sys.executable
    for major, minor in supported:
        found = shutil.which(f"python{major}.{minor}")
        if found and runs(found, "import venv"):
            return found
    versions = " or ".join(f"{major}.{minor}" for major, minor in supported)
    raise NoPython(
        f"This needs Python {versions}; here is {sys.version.split()[0]}.\n"
        "Install one of them from python.org or your system, and run this again."
    )


def runs(python, code):
    return (
        subprocess.run([str(python), "-c", code], capture_output=True, check=False).returncode == 0
    )


def install(folder, python, group):
    """Install a group of the lock, unless exactly that was installed before."""
    pins = locked(group)
    # The clone's own entry points stand in pyproject.toml.
    content = "\n".join(pins) + (ROOT / "pyproject.toml").read_text()
    state = hashlib.sha256(content.encode()).hexdigest()
    stamp = folder / f".dubwright-{group}"
    if stamp.exists() and stamp.read_text() == state:
        return
    replaced = INSTEAD_OF.get(group)
    if replaced and (folder / f".dubwright-{replaced}").exists():
        names = [pin.split("==")[0] for pin in locked(replaced)]
        run([str(python), "-m", "pip", "--quiet", "uninstall", "-y", *names], "pip failed")
        (folder / f".dubwright-{replaced}").unlink()
    say(f"Installing {len(pins)} packages ({group}); the first time this takes a few minutes ...")
    began = time.monotonic()
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    if group != "torch":  # its wheels differ from system to system, and so does what they need
        pip.append("--no-deps")
    requirements = folder / f"{group}.txt"
    requirements.write_text("\n".join(pins) + "\n")
    follow([*pip, "--progress-bar", "off", "-r", str(requirements)], len(pins))
    if group == "base":
        say("Installing this clone ...")
        run(
            [*pip, "--quiet", "--no-build-isolation", "-e", str(ROOT)], "this clone did not install"
        )
    stamp.write_text(state)
    say(f"Installed in {time.monotonic() - began:.0f} s.")


def locked(group):
    """The pins of one group: lines of the lock that end in `# group`."""
    lines = LOCK.read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.endswith(f"# {group}")]


def follow(command, count):
    """Run pip and count the packages that it collects."""
    collected, tail = 0, []
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    for line in process.stdout:
        tail = [*tail, line.rstrip()][-15:]
        if line.startswith("Collecting "):
            collected += 1
            say(f"  {collected:3d} of {count}  {line.split()[1]}")
        elif line.startswith("Installing collected"):
            say("  unpacking ...")
    if process.wait() != 0:
        raise Stop("The packages did not install. pip said:\n" + "\n".join(tail))


def run(command, failure):
    if subprocess.run(command, check=False).returncode != 0:
        raise Stop(f"{failure}: {' '.join(map(str, command))}")


def demo(python, out):
    """Write the sample, dub it into two languages, and say where to look."""
    dubwright = [str(python), "-m", "dubwright.cli"]
    sample = out / "sample"
    store = out / "store"
    if not (sample / "timeline.otio").exists():
        say("Drawing the synthetic actor ...")
        run([*dubwright, "sample", str(sample)], "the sample could not be written")
    say("Dubbing it into Spanish and French ...")
    run(
        [
            *dubwright, "dub", str(sample / "timeline.otio"), "--to", "es,fr",
            "--subtitles", str(sample / "subtitles"), "--cast", str(sample / "cast.json"),
            "--out", str(out / "dubs"), "--store", str(store),
        ],
        "the dub did not finish",
    )  # fmt: skip
    latest = max((out / "dubs").glob("v*"))
    say("")
    say("Look here:")
    say(f"  {latest / 'report.html'}   what was done, with pictures")
    say(f"  {latest / 'preview' / 'lighthouse.es.mp4'}   the actor speaking Spanish")
    say(f"  {latest / 'preview' / 'lighthouse.fr.mp4'}   the actor speaking French")
    say(f"  {latest / 'lighthouse.otio'}   the timeline, with both languages on it")
    say(f"  {latest / 'frames'}   the EXR frames")
    return 0


def install_into(python, hosts, all_users):
    """Put the adapters into hosts, and have them start the service with this Python."""
    named = [name.strip() for name in hosts.split(",")] if hosts else None
    runtime = plugin_runtime()
    try:
        written = install_hosts(named, Places(), receipt_of(runtime), all_users, str(python))
    except HostTrouble as trouble:
        raise Stop(str(trouble)) from trouble
    runtime.remember_installation(str(python))
    say("Installed:")
    for path in written:
        say(f"  {path}")
    say(
        "Start the host again. In Resolve: Workspace > Scripts > Dubwright. In Nuke: Dubwright in "
        "the bar of nodes. In Blender: tick Dubwright in Preferences > Add-ons, and press N."
    )
    return 0


def uninstall():
    """Take out of the hosts what was put there; the environment and all work stay."""
    try:
        left = uninstall_hosts(receipt_of(plugin_runtime()))
    except HostTrouble as trouble:
        say(str(trouble))
        return 2
    for path in left:
        say(f"Somebody has changed {path}; it stays.")
    if not left:
        say("Dubwright is no longer in any host.")
    return 0


def doctor(rest):
    """Say why a host does not show Dubwright, and what to do."""
    runtime = plugin_runtime()
    python = (runtime.start_command() or [None])[0]
    host = rest[0] if rest else HOSTS[0]
    try:
        for line in diagnose(host, Places(), receipt_of(runtime), python):
            say("- " + line)
    except HostTrouble as trouble:
        say(str(trouble))
        return 2
    return 0


def plugin_runtime():
    """The plug-in's module that knows where the user's own files are."""
    sys.path.insert(0, str(ROOT / "plugin"))
    from dubwright_plugin import runtime

    return runtime


def receipt_of(runtime):
    return runtime.installation_file().with_name("receipt.json")


def test(python, rest):
    """Lint, type check and test; the exit status is that of the first that fails."""
    for title, command in (
        ("Style", ["-m", "ruff", "check", "."]),
        ("Format", ["-m", "ruff", "format", "--check", "."]),
        ("Types", ["-m", "mypy"]),
        # Each process has its own sample, services and models: more than four want much memory.
        (
            "Tests",
            ["-m", "pytest", "-n", "logical", "--maxprocesses", "4", "--dist", "loadfile", *rest],
        ),
    ):
        say(f"{title}: {' '.join(command[1:])}")
        done = subprocess.run([str(python), *command], cwd=ROOT, check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
