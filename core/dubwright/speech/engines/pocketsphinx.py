"""Hears phones without knowing the words: PocketSphinx, whose package carries its model."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind
from dubwright.errors import DubwrightError
from dubwright.model import Phone

__all__ = ["PocketSphinxRecognizer", "sphinx_decoder"]

SAMPLE_RATE: Final = 16000
FRAMES_A_SECOND: Final = 100
LOUDEST: Final = 30000
SILENT: Final = 1e-4
BEAM: Final = 1e-20
# How much what is likely to follow what counts against what is heard, in each hearing.
LANGUAGE_WEIGHTS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
# The CMU dictionary's symbols (speech.cs.cmu.edu/cgi-bin/cmudict) in IPA; SIL, +NOISE+ and their
# like are pauses.
IPA: Final = {
    "AA": "ɑ", "AE": "æ", "AH": "ə", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ",
    "D": "d", "DH": "ð", "EH": "ɛ", "ER": "ɝ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h",
    "IH": "ɪ", "IY": "i", "JH": "dʒ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ",
    "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ",
    "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip


class PocketSphinxRecognizer:
    card = EngineCard(
        name="pocketsphinx",
        kind=EngineKind.PHONE_RECOGNIZER,
        version=1,
        licence="BSD-2-Clause",
        commercial_use=True,
        approximate=True,
        limits="Hears every language with an American's ears.",
    )

    def knows(self, language: str) -> bool:
        return language.partition("-")[0] == "en"

    def recognize(
        self, samples: NDArray[np.float32], sample_rate: int
    ) -> tuple[tuple[Phone, ...], ...]:
        if np.abs(samples).max(initial=0) < SILENT:
            return ((),) * len(LANGUAGE_WEIGHTS)
        speech = soxr.resample(samples.astype(np.float64), sample_rate, SAMPLE_RATE)
        speech *= LOUDEST / np.abs(speech).max()
        raw = speech.astype(np.int16).tobytes()
        heard = []
        for weight in LANGUAGE_WEIGHTS:
            decoder = sphinx_decoder(
                "allphone", "en-us-phone.lm.bin", lw=weight, beam=BEAM, pbeam=BEAM
            )
            decoder.start_utt()
            decoder.process_raw(raw, full_utt=True)
            decoder.end_utt()
            segments = [(s.start_frame, s.end_frame + 1, s.word) for s in decoder.seg() or ()]
            heard.append(_phones(segments, len(samples), sample_rate))
        return tuple(heard)


def sphinx_decoder(task: str, file: str, **settings: float) -> Any:
    """PocketSphinx with the American acoustic model that its package carries.

    Args:
        task: the setting that says what it does, such as allphone or dict.
        file: of the package's American model, for it.
        settings: others, as PocketSphinx names them.

    Raises:
        DubwrightError: PocketSphinx is not installed.
    """
    try:
        from pocketsphinx import Config, Decoder, get_model_path
    except ImportError as error:
        raise DubwrightError(
            "PocketSphinx is not installed",
            where="the package pocketsphinx",
            why=str(error),
            repair="pip install pocketsphinx; or give the line's text, and choose the aligner "
            "espeak-dtw",
        ) from error
    model = f"{get_model_path()}/en-us"
    told = {"hmm": f"{model}/en-us", task: f"{model}/{file}", "loglevel": "FATAL"}
    return Decoder(Config(**told, **settings))


def _phones(
    segments: list[tuple[int, int, str]], length: int, sample_rate: int
) -> tuple[Phone, ...]:
    """Segments in the recogniser's frames as phones in samples of the recording."""
    phones = []
    for start, end, symbol in segments:
        first, last = (min(at * sample_rate // FRAMES_A_SECOND, length) for at in (start, end))
        if last > first:
            phones.append(Phone(symbol=IPA.get(symbol, ""), start=first, end=last))
    return tuple(phones)
