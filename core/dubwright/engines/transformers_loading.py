"""What engines share whose weights transformers loads."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineKind
from dubwright.engines.refusal import weights_refused
from dubwright.errors import DubwrightError

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "OFFLINE",
    "PictureInput",
    "checked_family",
    "device",
    "family_of",
    "loaded",
    "picture_input",
    "seeded",
    "transformers",
    "unloadable",
    "voice_model",
]

# Nothing is fetched, and nothing that lies with weights is run.
OFFLINE: Final[dict[str, Any]] = {"local_files_only": True, "trust_remote_code": False}

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)

Model = TypeVar("Model")


def voice_model(weights: Path, families: Mapping[str, Callable[[Path], Model]]) -> Model:
    """The model of a folder of weights, made by the class of its family.

    Raises:
        DubwrightError: it cannot be loaded, or is of another family.
    """
    family = checked_family(weights, families, EngineKind.SYNTHESIZER)
    try:
        return families[family](weights)
    except unloadable() as error:
        raise weights_refused(
            "A voice's weights",
            weights,
            error,
            "give a folder with config.json, a tokenizer or processor, and safetensors",
        ) from error


def checked_family(weights: Path, families: Collection[str], kind: EngineKind) -> str:
    """The family of a folder of weights, for an engine of this kind.

    Raises:
        DubwrightError: it is none of these.
    """
    family = family_of(weights)
    if family not in families:
        raise DubwrightError(
            f"These weights are not a {kind}'s",
            where=str(weights),
            why=f"they are {family or 'no'} weights; known are {', '.join(families)}",
            repair=f"give others, or another {kind}: see `dubwright engines`",
        )
    return family


@contextmanager
def seeded(*told: object) -> Iterator[None]:
    """Within it torch draws the same numbers whenever the same is asked for, and learns nothing."""
    import torch

    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(zlib.crc32(json.dumps([str(each) for each in told]).encode()))
        yield


def family_of(weights: Path) -> str:
    """What transformers calls the models of a folder; "" if it does not say."""
    try:
        config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("model_type", ""))


def transformers() -> Any:
    """The library, which is loaded late and is typed in part."""
    return import_module("transformers")


def loaded(model: Any, weights: Path) -> Any:
    """A model of this class with these weights, where it will work."""
    return model.from_pretrained(weights, **OFFLINE).eval().to(device())


@dataclass(frozen=True, slots=True, eq=False)
class PictureInput:
    """What a vision network is given: pictures of this side, less the mean, by the deviation.

    Attributes:
        side: in pixels.
        mean, std: of red, green and blue between 0 and 1, [3].
    """

    side: int
    mean: NDArray[np.float32]
    std: NDArray[np.float32]


def picture_input(weights: Path) -> PictureInput:
    """As the preprocessor_config.json of a folder of weights says; ImageNet's where it does not."""
    told = json.loads((weights / "preprocessor_config.json").read_text(encoding="utf-8"))
    size = told.get("size", 224)
    side = size if isinstance(size, int) else size.get("height") or size["shortest_edge"]
    return PictureInput(
        int(side),
        np.array(told.get("image_mean", IMAGENET_MEAN), np.float32),
        np.array(told.get("image_std", IMAGENET_STD), np.float32),
    )


def device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def unloadable() -> tuple[type[Exception], ...]:
    """What is raised where weights are not what they should be."""
    library = sys.modules.get("safetensors")
    broken: tuple[type[Exception], ...] = (library.SafetensorError,) if library else ()
    # Pickles of more than tensors, and files that were cut off.
    pickles = (UnpicklingError, EOFError)
    return (OSError, ValueError, KeyError, ImportError, RuntimeError, *pickles, *broken)
