"""What engines share whose weights onnxruntime runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

__all__ = ["described_beside", "onnx_file", "session_of"]

Description = TypeVar("Description", bound=BaseModel)


def onnx_file(weights: Path) -> Path:
    """A file of weights, or the first ONNX file of a folder.

    Raises:
        ValueError: there is none.
    """
    file = weights if weights.is_file() else next(iter(sorted(weights.glob("*.onnx"))), None)
    if file is None:
        raise ValueError("it is no ONNX file, and no folder with one")
    return file


def session_of(file: Path) -> Any:
    """An ONNX file, ready to run on the fastest device that onnxruntime knows here.

    Raises:
        ValueError: onnxruntime cannot read it, or lacks what it is made of.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as refusals

    providers = onnxruntime.get_available_providers()
    try:
        return onnxruntime.InferenceSession(str(file), providers=providers)
    except (
        refusals.Fail,
        refusals.InvalidArgument,
        refusals.InvalidGraph,
        refusals.InvalidProtobuf,
        refusals.NoSuchFile,
        refusals.NotImplemented,
        refusals.RuntimeException,
    ) as error:
        raise ValueError(str(error)) from error


def described_beside(file: Path, name: str, kind: type[Description]) -> Description:
    """What a document beside weights says of them; what is usual, where there is none.

    Raises:
        ValueError: it is not valid, or there is none and nothing is usual.
    """
    beside = file.parent / name
    text = beside.read_text(encoding="utf-8") if beside.is_file() else "{}"
    return kind.model_validate_json(text)
