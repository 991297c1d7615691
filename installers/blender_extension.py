"""Blender's extension as files: its manifest, its entry, and a wheel with the modules behind it.

Blender unpacks a wheel into the user's extensions, where scripts find the modules too; the wheel is
pure Python (py3-none-any). Standard library only.

    python3 installers/blender_extension.py FOLDER     writes FOLDER/dubwright-VERSION.zip
"""

import base64
import hashlib
import io
import re
import sys
import zipfile
from pathlib import Path

__all__ = ["EXTENSION", "extension_files", "extension_zip"]

HERE = Path(__file__).resolve().parent.parent
EXTENSION = "dubwright"
PACKAGES = ("plugin/dubwright_plugin", "host_adapters/blender/dubwright_blender")
SUFFIXES = (".py", ".json")
# The earliest that a ZIP file knows, so that the same files make the same wheel.
BEGINNING = (1980, 1, 1, 0, 0, 0)


def extension_files(house=HERE):
    """Content by path in the extension's folder, for the Dubwright that is in `house`."""
    modules = _modules(house)
    version = _version(house)
    # Blender unpacks a wheel anew only where its version is new.
    marked = f"{version}+{_digest(modules)}"
    wheel = f"dubwright_blender-{marked}-py3-none-any.whl"
    source = house / "host_adapters" / "blender" / "extension"
    manifest = (source / "blender_manifest.toml").read_text(encoding="utf-8")
    manifest = manifest.replace("@VERSION@", version).replace("@WHEEL@", wheel)
    return {
        "blender_manifest.toml": manifest.encode("utf-8"),
        "__init__.py": (source / "__init__.py").read_bytes(),
        f"wheels/{wheel}": _wheel(modules, marked),
    }


def extension_zip(house=HERE):
    """The name and the content of the archive that Blender installs from disk."""
    return f"{EXTENSION}-{_version(house)}.zip", _zip(extension_files(house))


def _modules(house):
    """The packages' files by their path in a wheel."""
    found = {}
    for package in PACKAGES:
        top = (house / package).parent
        for path in sorted((house / package).rglob("*")):
            if path.suffix in SUFFIXES:
                found[path.relative_to(top).as_posix()] = path.read_bytes()
    return found


def _wheel(modules, version):
    """A wheel (PEP 427) of modules."""
    about = f"dubwright_blender-{version}.dist-info"
    files = {
        **modules,
        f"{about}/METADATA": (
            f"Metadata-Version: 2.1\nName: dubwright-blender\nVersion: {version}\n"
            "Requires-Python: >=3.9\n"
        ).encode(),
        f"{about}/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: dubwright\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{name},sha256={_base64(data)},{len(data)}\n" for name, data in files.items())
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()
    return _zip(files)


def _zip(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, BEGINNING)
            # A file that everybody may read, as Unix knows it.
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _version(house):
    text = (house / "core" / "dubwright" / "_version.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "([^"]+)"', text).group(1)


def _digest(modules):
    digest = hashlib.sha256()
    for name, data in modules.items():
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()[:12]


def _base64(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    name, archive = extension_zip()
    (Path(sys.argv[1]) / name).write_bytes(archive)
    print(Path(sys.argv[1]) / name)
