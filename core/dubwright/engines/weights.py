"""The weights that a user has: fetched when asked, pinned, verified, in huggingface_hub's cache.

What was accepted is written down: repository, commit, licence, and the SHA-256 of every file. Only
formats that hold data and no code are taken: safetensors, ONNX, and the text beside them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Final

import platformdirs
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dubwright.errors import DubwrightError, first_line
from dubwright.store import whole

__all__ = ["Offer", "Weights", "WeightsFile", "WeightsFolder", "forbids_commerce", "offered"]

TENSORS: Final = frozenset({".safetensors", ".onnx", ".onnx_data"})
BESIDE: Final = frozenset({".json", ".txt", ".model", ".spm", ".vocab", ".md"})
PICKLED: Final = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack"})
BLOCK: Final = 1 << 20
UNKNOWN: Final = "unknown"
NOT_FOR_SALE: Final = re.compile(
    r"(?<![a-z])nc(?![a-z])|non-?\s?commercial|research|academic|coqui|cpml", re.IGNORECASE
)

NAME: Final = re.compile(r"\w[\w.-]{0,94}/\w[\w.-]{0,94}", re.ASCII)
Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class WeightsFile(BaseModel):
    """A file of weights. `sha256` is None while only its host knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: int = Field(ge=0)
    sha256: Digest | None


class Offer(BaseModel):
    """Weights as their host offers them, to be accepted or not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    revision: str = Field(pattern="^[0-9a-f]{40}$", description="The commit.")
    licence: str
    files: tuple[WeightsFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


class Weights(Offer):
    """Weights that the user has accepted. Each file's SHA-256 is known."""


class _Accepted(BaseModel):
    """The document that says which weights were accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: str = "dubwright.weights"
    version: int = 1
    weights: tuple[Weights, ...] = ()


def forbids_commerce(licence: str) -> bool:
    """Whether a licence, as a host or a person names it, is not for commercial use.

    Known by their names: Creative Commons' NC, non-commercial and research licences of any kind,
    and the Coqui Public Model License.
    """
    return NOT_FOR_SALE.search(licence) is not None


def offered(name: str, revision: str = "main", endpoint: str | None = None) -> Offer:
    """Ask the host of a repository what it offers. Nothing is downloaded but its description.

    Args:
        name: such as openai/whisper-tiny.
        revision: a branch, a tag or a commit; the offer names the commit.
        endpoint: of the hub; $HF_ENDPOINT or huggingface.co if None.

    Raises:
        DubwrightError: it does not answer, has no such weights, or only such as hold code.
    """
    hub = _hub()
    try:
        found = hub.HfApi(endpoint=endpoint).model_info(
            name, revision=revision, files_metadata=True
        )
    except Exception as error:
        # The library has a class for each of a dozen reasons; all mean the same to its caller.
        raise DubwrightError(
            "The weights cannot be looked up",
            where=f"{name} at {revision}",
            why=first_line(error),
            repair="check the name and the network; without one, import a folder: "
            "dubwright models import",
        ) from error
    files = tuple(
        WeightsFile(
            path=file.rfilename, size=file.size or 0, sha256=file.lfs.sha256 if file.lfs else None
        )
        for file in found.siblings or ()
        if Path(file.rfilename).suffix.lower() in TENSORS | BESIDE
    )
    _check_tensors(name, (file.rfilename for file in found.siblings or ()))
    card = found.card_data
    licence = (card.get("license_name") or card.get("license")) if card else None
    return Offer(name=name, revision=found.sha, licence=str(licence or UNKNOWN), files=files)


class WeightsFolder:
    """The user's weights.

    Args:
        cache: in huggingface_hub's layout, so that other programs find them too; its own usual
            place if None.
        accepted: the document of what was accepted; the user's own if None.
    """

    def __init__(self, cache: Path | None = None, accepted: Path | None = None) -> None:
        home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
        self._cache = cache or Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()
        named = os.environ.get("DUBWRIGHT_WEIGHTS")
        usual = Path(platformdirs.user_data_dir("dubwright")) / "weights.json"
        self._accepted = accepted or (Path(named) if named else usual)

    def all(self) -> tuple[Weights, ...]:
        """What was accepted, by name.

        Raises:
            DubwrightError: the document is not valid.
        """
        try:
            return _Accepted.model_validate_json(self._accepted.read_bytes()).weights
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError) as error:
            raise DubwrightError(
                "The list of weights cannot be read",
                where=str(self._accepted),
                why=str(error).splitlines()[-1].strip(),
                repair="correct it, or remove it and accept the weights again",
            ) from error

    def get(self, name: str) -> Weights:
        """The weights of this name.

        Raises:
            DubwrightError: they were not accepted.
        """
        for weights in self.all():
            if weights.name == name:
                return weights
        raise DubwrightError(
            "Weights are missing",
            where=name,
            why="they were neither pulled nor imported",
            repair=f"dubwright models pull {name}, or dubwright models import {name} FOLDER",
        )

    def folder(self, name: str) -> Path:
        """Where the files of weights lie, for an engine to load. They are not hashed again."""
        weights = self.get(name)
        return self._repository(name) / "snapshots" / weights.revision

    def find(self, name: str) -> Path | None:
        """Where weights lie that were accepted, or that another program has fetched; or None."""
        if any(weights.name == name for weights in self.all()):
            return self.folder(name)
        branch = self._repository(name) / "refs" / "main"
        if not branch.is_file():
            return None
        snapshot = self._repository(name) / "snapshots" / branch.read_text().strip()
        return snapshot if snapshot.is_dir() else None

    def pull(
        self,
        offer: Offer,
        step: Callable[[WeightsFile], None] = lambda _: None,
        endpoint: str | None = None,
    ) -> Weights:
        """Download what the user has accepted, going on where an earlier pull broke off.

        Args:
            offer: exactly what was shown.
            step: called after each file.
            endpoint: of the hub.

        Raises:
            DubwrightError: the host does not answer, or sent something else.
        """
        hub = _hub()
        files = []
        for file in offer.files:
            try:
                path = hub.hf_hub_download(
                    offer.name, file.path, revision=offer.revision, cache_dir=self._cache,
                    endpoint=endpoint,
                )  # fmt: skip
            except Exception as error:
                # As above: many classes, one meaning.
                raise DubwrightError(
                    "The weights cannot be downloaded",
                    where=f"{offer.name}: {file.path}",
                    why=first_line(error),
                    repair="run the same command again: it goes on where it broke off",
                ) from error
            digest = _sha256(Path(path))
            if file.sha256 is not None and digest != file.sha256:
                Path(path).resolve().unlink()
                raise _changed(offer.name, file.path, "its SHA-256 is not the one that was offered")
            files.append(file.model_copy(update={"sha256": digest}))
            step(file)
        return self._accept(Weights(**offer.model_dump(exclude={"files"}), files=tuple(files)))

    def take_in(self, name: str, source: Path, licence: str) -> Weights:
        """Copy weights from a folder, for machines without a network.

        Raises:
            DubwrightError: the folder holds no weights, or only such as hold code.
        """
        _check_name(name)
        found = sorted(path for path in source.rglob("*") if path.is_file())
        wanted = [path for path in found if path.suffix.lower() in TENSORS | BESIDE]
        _check_tensors(name, (path.name for path in found))
        files = tuple(
            WeightsFile(
                path=path.relative_to(source).as_posix(),
                size=path.stat().st_size,
                sha256=_sha256(path),
            )
            for path in wanted
        )
        # A folder has no commit: what it holds names it instead.
        content = "\n".join(f"{file.path} {file.sha256}" for file in files)
        revision = hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()
        snapshot = self._repository(name) / "snapshots" / revision
        partial = snapshot.with_name(revision + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for file in files:
            (partial / file.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file.path, partial / file.path)
        shutil.rmtree(snapshot, ignore_errors=True)
        partial.rename(snapshot)
        branch = self._repository(name) / "refs" / "main"
        if not branch.exists():  # what another program follows stays as it is
            branch.parent.mkdir(exist_ok=True)
            branch.write_text(revision)
        return self._accept(Weights(name=name, revision=revision, licence=licence, files=files))

    def verify(self, name: str, step: Callable[[WeightsFile], None] = lambda _: None) -> None:
        """Hash every file of weights again.

        Raises:
            DubwrightError: one is missing or was changed.
        """
        folder = self.folder(name)
        for file in self.get(name).files:
            path = folder / file.path
            if not path.is_file():
                raise _changed(name, file.path, "it is not there")
            if _sha256(path) != file.sha256:
                raise _changed(name, file.path, "its content was changed")
            step(file)

    def remove(self, name: str) -> None:
        """Forget weights and delete their files, but for those that another revision shares."""
        weights = self.get(name)
        repository = self._repository(name)
        snapshots = repository / "snapshots"
        shutil.rmtree(snapshots / weights.revision, ignore_errors=True)
        shared = {path.resolve() for path in snapshots.rglob("*") if path.is_file()}
        for blob in (repository / "blobs").glob("*"):
            if blob.resolve() not in shared:
                blob.unlink()
        if not any(snapshots.glob("*")):
            shutil.rmtree(repository, ignore_errors=True)
        with self._alone():
            self._write(tuple(other for other in self.all() if other.name != name))

    def _repository(self, name: str) -> Path:
        return self._cache / f"models--{name.replace('/', '--')}"

    def _accept(self, weights: Weights) -> Weights:
        with self._alone():
            others = [other for other in self.all() if other.name != weights.name]
            self._write(tuple(sorted([*others, weights], key=lambda w: w.name)))
        return weights

    def _alone(self) -> FileLock:
        """Two commands at once must not each write down the list without the other's."""
        self._accepted.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self._accepted.with_suffix(".lock"))

    def _write(self, weights: tuple[Weights, ...]) -> None:
        self._accepted.parent.mkdir(parents=True, exist_ok=True)
        with whole(self._accepted) as partial:
            text = _Accepted(weights=weights).model_dump_json(indent=1)
            partial.write_text(text + "\n", encoding="utf-8")


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise DubwrightError(
            "Weights cannot have this name",
            where=name,
            why="it is not two plain words with a slash between them",
            repair="name them like their repository, as in openai/whisper-tiny",
        )


def _check_tensors(name: str, files: Iterable[str]) -> None:
    suffixes = {Path(file).suffix.lower() for file in files}
    if suffixes & TENSORS:
        return
    only_code = bool(suffixes & PICKLED)
    raise DubwrightError(
        "These weights are not taken" if only_code else "There are no weights here",
        where=name,
        why="they are pickled, and a pickle can run any code when it is loaded"
        if only_code
        else "no file is safetensors or ONNX",
        repair="find or make a safetensors or ONNX version of them",
    )


def _changed(name: str, file: str, why: str) -> DubwrightError:
    return DubwrightError(
        "Weights are not what was accepted",
        where=f"{name}: {file}",
        why=why,
        repair=f"dubwright models remove {name}, then pull or import it again",
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise DubwrightError(
            "Weights cannot be fetched",
            where="the package huggingface_hub",
            why="it is not installed",
            repair="pip install 'dubwright[neural]', or import a folder: dubwright models import",
        ) from error
    return huggingface_hub
