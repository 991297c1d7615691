"""Writes files into other programs' folders and takes away exactly what was written.

What is written is listed in a receipt before it is written, so that an installation that was cut
off can be taken away or finished. Where a file is its owner's, as Nuke's init.py is, a marked block
is added to it and the rest stays as it is. Standard library only.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

__all__ = ["HostTrouble", "block_of", "blocks_in", "files_in", "install_files", "uninstall_files"]

# As it was written, and as an editor may have left it: other line ends, no last one.
BLOCK = re.compile(rb"\r?\n# >>> Dubwright .*?\r?\n# <<< Dubwright <<<(\r?\n|\Z)", re.DOTALL)


class HostTrouble(Exception):  # noqa: N818 - it is a message to a person
    """Something that the person must repair first; hosts are as they were."""


def install_files(files, blocks, receipt):
    """Write files and blocks; the paths that were written.

    files: content by path. blocks: a block's lines by the path of the file that it is added to.
    receipt: the file that says what was written. Raises HostTrouble, after taking away what was
    written.
    """
    before = _read(receipt)
    _check_strangers(files, before["files"])
    try:
        wanted = {**files, **{path: _with_block(path, text) for path, text in blocks.items()}}
        replaced = {path: path.read_bytes() for path in wanted if path.is_file()}
    except OSError as error:
        raise _unwritable(error) from error
    digests = {str(path): [_digest(content)] for path, content in files.items()}
    # Until all is written, a file may be the one before or the new one.
    either = {path: before["files"].get(path, []) + digests.get(path, []) for path in
              {**before["files"], **digests}}  # fmt: skip
    made = {
        str(path): before["blocks"].get(str(path), {}).get("made", path not in replaced)
        for path in blocks
    }
    held = {**before["blocks"], **{path: {"made": new} for path, new in made.items()}}
    folders, written = list(before["folders"]), []
    try:
        for path, content in wanted.items():
            folders += [folder for folder in _missing(path.parent) if folder not in folders]
            _write_receipt(receipt, {"files": either, "blocks": held, "folders": folders})
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, content)
            written.append(path)
    except OSError as error:
        for path in written:
            if path in replaced:
                _write_whole(path, replaced[path])
            else:
                _drop(path)
        _remove_empty([folder for folder in folders if folder not in before["folders"]])
        _write_receipt(receipt, before)
        raise _unwritable(error) from error
    left = _remove({path: known for path, known in before["files"].items() if path not in digests})
    gone = {path: kept for path, kept in before["blocks"].items() if path not in made}
    _cut_blocks(gone)
    content = {"files": {**digests, **left}, "folders": folders}
    _write_receipt(receipt, {**content, "blocks": {path: {"made": new} for path, new in
                                                  made.items()}})  # fmt: skip
    return list(wanted)


def uninstall_files(receipt):
    """Take away what the receipt lists; the files that somebody has changed since, which stay."""
    before = _read(receipt)
    try:
        left = _remove(before["files"])
        _cut_blocks(before["blocks"])
        _remove_empty(before["folders"])
    except OSError as error:
        raise _unwritable(error) from error
    if left:
        _write_receipt(receipt, {"files": left, "blocks": {}, "folders": before["folders"]})
    else:
        receipt.unlink(missing_ok=True)
    return sorted(left)


def files_in(receipt):
    """The files that a receipt lists."""
    return [Path(path) for path in _read(receipt)["files"]]


def blocks_in(receipt):
    """The files with a block of ours that a receipt lists."""
    return [Path(path) for path in _read(receipt)["blocks"]]


def block_of(text):
    """A block's lines as they stand in a file, ASCII bytes."""
    lines = "\n# >>> Dubwright >>> added by its installer, which also takes it away\n"
    return (lines + text.rstrip("\n") + "\n# <<< Dubwright <<<\n").encode("ascii")


def _with_block(path, text):
    """The content of a file with a block at its end, in place of one that was there."""
    content = path.read_bytes() if path.is_file() else b""
    return BLOCK.sub(b"", content) + block_of(text)


def _cut_blocks(blocks):
    for name, kept in blocks.items():
        path = Path(name)
        _drop(_partial(path.resolve()))
        if not path.is_file():
            continue
        content = BLOCK.sub(b"", path.read_bytes())
        if content or not kept["made"]:
            _write_whole(path, content)
        else:
            path.unlink()


def _check_strangers(wanted, known):
    """Refuse to write over what was not written by an installer, or was changed since."""
    # A host may have copied what was written from one of its versions' folders to the next.
    written = {digest for digests in known.values() for digest in digests}
    for path, content in wanted.items():
        if path.is_file() and _digest(path.read_bytes()) not in {*written, _digest(content)}:
            raise HostTrouble(
                f"{path} was not written by this installer, or was changed since. Move it away, "
                "and run this again."
            )


def _unwritable(error):
    return HostTrouble(
        f"{error.filename} cannot be written ({error.strerror}). Install for yourself (--user), "
        "or run this as somebody who may write there."
    )


def _read(receipt):
    try:
        content = json.loads(receipt.read_text(encoding="utf-8"))
        return {"blocks": {}, **content}
    except FileNotFoundError:
        return {"files": {}, "blocks": {}, "folders": []}
    except ValueError as error:
        raise HostTrouble(
            f"{receipt} is not a receipt ({error}). Remove it, and install again."
        ) from error


def _write_receipt(receipt, content):
    receipt.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(receipt, (json.dumps(content, indent=1) + "\n").encode("utf-8"))


def _write_whole(path, content):
    """Write a file whole or not at all. A link stays one, and rights stay as they are."""
    path = path.resolve()
    partial = _partial(path)
    try:
        partial.write_bytes(content)
        if path.is_file():
            shutil.copymode(str(path), str(partial))
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
        _remove_compiled(path)
    return left


def _remove_compiled(path):
    """What a host's Python made of a module of ours."""
    folder = path.parent / "__pycache__"
    if path.suffix == ".py" and folder.is_dir():
        for compiled in folder.glob(path.stem + ".*.pyc"):
            compiled.unlink()
        _remove_empty([str(folder)])


def _remove_empty(folders):
    for name in reversed(folders):
        folder = Path(name)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _digest(content):
    return hashlib.sha256(content).hexdigest()
