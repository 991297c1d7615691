"""Where somebody speaks: Silero's detector, whose package carries its model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.errors import DubwrightError

__all__ = ["ACTIVITY_RATE", "speech_ranges"]

ACTIVITY_RATE: Final = 16000
FRAME: Final = 512
CONTEXT: Final = 64
FRAMES_AT_ONCE: Final = 512
MODEL: Final = "silero_vad_16k_sequence.onnx"
# As the model's authors advise: speech begins above the first and ends below the second.
SPEECH_ABOVE: Final = 0.5
SPEECH_UNTIL: Final = 0.35
SHORTEST_PAUSE: Final = round(0.2 * ACTIVITY_RATE)
SHORTEST_SPEECH: Final = round(0.1 * ACTIVITY_RATE)
PADDING: Final = round(0.03 * ACTIVITY_RATE)

Samples = NDArray[np.float32]


def speech_ranges(blocks: Iterable[Samples]) -> list[tuple[int, int]]:
    """The ranges of samples in which somebody speaks, in order and apart from each other.

    Args:
        blocks: the sound from its start, mono float32 at 16 kHz, in blocks of any length. They are
            taken one after another, so that memory does not grow with the sound.

    Raises:
        DubwrightError: the detector is not installed.
    """
    ranges: list[tuple[int, int]] = []
    start: int | None = None
    end = length = total = 0

    def counted() -> Iterator[Samples]:
        nonlocal total
        for block in blocks:
            total += len(block)
            yield block

    for frame, probability in enumerate(_probabilities(counted())):
        length = (frame + 1) * FRAME
        if probability >= (SPEECH_ABOVE if start is None else SPEECH_UNTIL):
            start = frame * FRAME if start is None else start
            end = length
        elif start is not None and length - end >= SHORTEST_PAUSE:
            ranges.append((start, end))
            start = None
    if start is not None:
        ranges.append((start, end))
    return [
        (max(0, first - PADDING), min(total, last + PADDING))
        for first, last in ranges
        if last - first >= SHORTEST_SPEECH
    ]


def _probabilities(blocks: Iterable[Samples]) -> Iterator[float]:
    """How likely each frame of 32 ms is speech, the last one filled up with silence."""
    session = _session()
    hidden = cell = np.zeros((1, 1, 128), np.float32)
    before = np.zeros(CONTEXT, np.float32)
    for frames in _frames(blocks):
        contexts = np.vstack([before, frames[:-1, -CONTEXT:]])
        before = frames[-1, -CONTEXT:]
        asked = {"input": np.hstack([contexts, frames]), "h": hidden, "c": cell}
        found, hidden, cell = session.run(["speech_probs", "hn", "cn"], asked)
        yield from found.tolist()


def _frames(blocks: Iterable[Samples]) -> Iterator[Samples]:
    """[frames, 512], at most 512 frames at once."""
    held = np.zeros(0, np.float32)
    at_once = FRAMES_AT_ONCE * FRAME
    for block in blocks:
        held = np.concatenate([held, block.astype(np.float32, copy=False)])
        while len(held) >= at_once:
            yield held[:at_once].reshape(-1, FRAME)
            held = held[at_once:]
    if len(held):
        yield np.pad(held, (0, -len(held) % FRAME)).reshape(-1, FRAME)


@lru_cache(maxsize=1)
def _session() -> Any:
    spec = find_spec("silero_vad")
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing("onnxruntime", str(error)) from error
    if spec is None or not spec.submodule_search_locations:
        raise _missing("silero-vad", "it is not installed")
    # The package itself would import torch, which its ONNX model does not need.
    model = Path(spec.submodule_search_locations[0]) / "data" / MODEL
    if not model.is_file():
        raise _missing("silero-vad", f"it has no {MODEL}; versions before 6.2 have none")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(model), sess_options=options, providers=["CPUExecutionProvider"]
    )


def _missing(package: str, why: str) -> DubwrightError:
    return DubwrightError(
        "Speech cannot be told from silence",
        where=f"the package {package}",
        why=why,
        repair="pip install onnxruntime, and pip install --no-deps 'silero-vad>=6.2'",
    )
