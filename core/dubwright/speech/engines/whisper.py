"""whisper-timestamped: hears words and when they were said, with any Whisper weights."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind, Heard, HeardWord, SuggestedWeights
from dubwright.errors import DubwrightError

__all__ = ["WhisperTranscriber"]

WORKER: Final = Path(__file__).with_name("whisper_worker.py")
HEARD_RATE: Final = 16000
SHORTEST: Final = HEARD_RATE // 5
LAST_WORDS: Final = 4000


class WhisperTranscriber:
    """Made with a folder of safetensors as Hugging Face keeps it, or a .pt file of OpenAI's."""

    card = EngineCard(
        name="whisper-timestamped",
        kind=EngineKind.TRANSCRIBER,
        version=1,
        licence="GPL-3.0, in a process of its own; the weights have theirs",
        commercial_use=True,
        packages=("whisper_timestamped", "torch", "transformers"),
        needs_weights=True,
        suggested=(
            SuggestedWeights(name="openai/whisper-small", licence="apache-2.0", megabytes=970),
            SuggestedWeights(name="openai/whisper-large-v3-turbo", licence="mit", megabytes=1620),
            SuggestedWeights(name="openai/whisper-large-v3", licence="apache-2.0", megabytes=3090),
            SuggestedWeights(name="openai/whisper-tiny", licence="apache-2.0", megabytes=151),
        ),
        way_around="give subtitles or a script, and `dubwright align` times it",
        limits="May hear words in music, and leaves out what several people say at once.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    def languages(self) -> frozenset[str]:
        return _process(self._weights).languages

    def transcribe(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        speech: Sequence[tuple[int, int]],
        language: str | None,
    ) -> Heard:
        heard = soxr.resample(samples, sample_rate, HEARD_RATE).astype("<f4")
        plain = language.partition("-")[0].lower() if language else None
        process = _process(self._weights)
        if plain and plain not in process.languages:
            raise DubwrightError(
                f"These weights do not hear {language}",
                where=str(self._weights),
                why=f"they know {len(process.languages)} languages, and not this one",
                repair="leave --original out, or give other weights",
            )
        if len(heard) < SHORTEST or not speech:
            return Heard(plain or "und", ())
        ranges = [[start / sample_rate, end / sample_rate] for start, end in speech]
        request = {"count": len(heard), "speech": ranges, "language": plain}
        reply = process.ask(request, heard.tobytes())
        words = tuple(
            HeardWord(
                text.strip(),
                min(round(start * sample_rate), len(samples)),
                min(round(end * sample_rate), len(samples)),
                confidence,
            )
            for text, start, end, confidence in reply["words"]
            if text.strip()
        )
        return Heard(reply["language"], words)


class _Process:
    """The worker that holds one model."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        # A file, not a pipe, for nobody reads it while the worker writes.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        self._worker = subprocess.Popen(
            [sys.executable, "-P", str(WORKER), str(weights)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._end = weakref.finalize(self, _ended, self._worker, self._errors)
        self.languages = frozenset(self._reply()["languages"])

    def ask(self, request: Mapping[str, Any], raw: bytes) -> dict[str, Any]:
        assert self._worker.stdin is not None
        try:
            self._worker.stdin.write(json.dumps(request).encode() + b"\n" + raw)
            self._worker.stdin.flush()
        except OSError as error:
            raise self._failed(str(error)) from error
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self._worker.stdout is not None
        line = self._worker.stdout.readline()
        reply = json.loads(line) if line else {"error": self._last_words()}
        if "error" in reply:
            raise self._failed(reply["error"])
        answer: dict[str, Any] = reply
        return answer

    def _last_words(self) -> str:
        status = self._worker.wait()
        self._errors.seek(max(0, self._errors.tell() - LAST_WORDS))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"its process ended with status {status}"

    def _failed(self, why: str) -> DubwrightError:
        self._end()
        _process.cache_clear()
        return DubwrightError(
            "whisper-timestamped could not transcribe",
            where=str(self._weights),
            why=why,
            repair="see that these are Whisper weights: a .pt file of OpenAI's, or a folder with "
            "config.json and safetensors; and that the extra `neural` is installed",
        )


def _ended(worker: subprocess.Popen[bytes], errors: BinaryIO) -> None:
    """Kill a worker and close what leads to it."""
    worker.kill()
    worker.wait()
    errors.close()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not written yet is of no use
                pipe.close()


@lru_cache(maxsize=1)
def _process(weights: Path) -> _Process:
    return _Process(weights)
