"""What engines share whose weights onnxruntime runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

__all__ = ["described_beside", "inference_faults", "onnx_file", "session_of"]

Description = TypeVar("Description", bound=BaseModel)


def onnx_file(weights: Path) -> Path:
    """A file of weights, or the ONNX file of a folder.

    Raises:
        ValueError: there is none, or more than one.
    """
    files = [weights] if weights.is_file() else sorted(weights.glob("*.onnx"))
    if len(files) != 1:
        named = ", ".join(file.name for file in files) or "none"
        raise ValueError(f"it is no ONNX file, and no folder with one; found: {named}")
    return files[0]


def session_of(file: Path) -> Any:
    """An ONNX file, ready to run on the fastest device that onnxruntime knows here.

    Raises:
        ValueError: onnxruntime cannot read it, or lacks what it is made of.
    """
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    try:
        return onnxruntime.InferenceSession(str(file), providers=providers)
    except inference_faults() as error:
        raise ValueError(str(error)) from error


def inference_faults() -> tuple[type[Exception], ...]:
    """What onnxruntime, where it is loaded, raises of files and of what networks are given."""
    faults = sys.modules.get("onnxruntime.capi.onnxruntime_pybind11_state")
    if faults is None:
        return ()
    return (
        faults.Fail,
        faults.InvalidArgument,
        faults.InvalidGraph,
        faults.InvalidProtobuf,
        faults.NoSuchFile,
        faults.NotImplemented,
        faults.RuntimeException,
    )


def described_beside(file: Path, name: str, kind: type[Description]) -> Description:
    """What a document beside weights says of them; what is usual, where there is none.

    Raises:
        ValueError: it is not valid, or there is none and nothing is usual.
    """
    beside = file.parent / name
    text = beside.read_text(encoding="utf-8") if beside.is_file() else "{}"
    return kind.model_validate_json(text)
