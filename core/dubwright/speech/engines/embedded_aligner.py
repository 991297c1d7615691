"""The aligner that suits a language best, of those that need no weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind, Speech
from dubwright.errors import DubwrightError
from dubwright.model import Phone
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.engines.espeak_dtw import EspeakDtwAligner
from dubwright.speech.engines.pocketsphinx_align import PocketSphinxAligner
from dubwright.speech.long_takes import LONG_S, timed_in_parts

__all__ = ["EmbeddedAligner"]


class EmbeddedAligner:
    card = EngineCard(
        name="embedded-aligner",
        kind=EngineKind.ALIGNER,
        version=PocketSphinxAligner.card.version + EspeakDtwAligner.card.version + 1,
        licence="Apache-2.0",
        commercial_use=True,
        limits="PocketSphinx for English, espeak-ng's reading of the words for what it refuses "
        "and for every other language. Long takes in parts.",
    )

    def __init__(self) -> None:
        self._english, self._any = PocketSphinxAligner(), EspeakDtwAligner()

    def languages(self) -> dict[str, str]:
        return self._any.languages()

    def align(
        self, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
    ) -> tuple[Phone, ...]:
        if len(samples) > LONG_S * sample_rate:
            return timed_in_parts(self._part, _read, samples, sample_rate, text, language)
        return self._part(samples, sample_rate, text, language)

    def _part(
        self, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
    ) -> tuple[Phone, ...]:
        if language.partition("-")[0] == "en":
            try:
                return self._english.align(samples, sample_rate, text, language)
            except DubwrightError:
                # What only one of the two refuses is no fault of the recording's.
                pass
        return self._any.align(samples, sample_rate, text, language)


def _read(text: str, language: str) -> Speech:
    return EspeakSynthesizer().speak(text, language, 1.0)
