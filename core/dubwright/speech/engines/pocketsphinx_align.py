"""PocketSphinx's forced alignment: English, with the acoustic model that its package carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind
from dubwright.errors import DubwrightError
from dubwright.model import Phone
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.engines.pocketsphinx import (
    FRAMES_A_SECOND,
    IPA,
    LOUDEST,
    SAMPLE_RATE,
    sphinx_decoder,
)

__all__ = ["PocketSphinxAligner"]

PADDING_S: Final = 0.2
USUAL_BEAMS: Final[Mapping[str, float]] = {}
WIDE_BEAMS: Final = {"beam": 1e-80, "wbeam": 1e-60, "pbeam": 1e-80}
WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# espeak-ng's American symbols that the CMU dictionary writes otherwise.
ALSO: Final = {
    "ɐ": "AH", "ʌ": "AH", "ᵻ": "IH", "ɚ": "ER", "ɜ": "ER", "r": "R", "ɾ": "T", "e": "EH",
    "o": "OW", "a": "AE", "ɒ": "AA", "g": "G", "əl": "AH L", "iə": "IY AH", "oː": "AO",
    "ɛɹ": "EH R", "ɑɹ": "AA R", "ɔɹ": "AO R", "ʊɹ": "UH R", "ɪɹ": "IH R", "ʔ": "T", "x": "K",
}  # fmt: skip
CMU: Final = {ipa: name for name, ipa in IPA.items()} | ALSO
LENGTH: Final = "ː"
# How often a phone began within 40 ms of where it does, by its acoustic score for each frame,
# over two of Festival's voices that are made of recordings.
SCORES: Final = (-60.0, -25.0, -15.0, -8.0, -4.0)
CONFIDENCES: Final = (0.7, 0.93, 0.94, 0.96, 0.975)


class PocketSphinxAligner:
    card = EngineCard(
        name="pocketsphinx-align",
        kind=EngineKind.ALIGNER,
        version=1,
        licence="BSD-2-Clause",
        commercial_use=True,
        limits="English only. Refuses what is not what the text says.",
    )

    def languages(self) -> dict[str, str]:
        return {"en": "English"}

    def align(
        self,
        samples: NDArray[np.float32],
        sample_rate: int,
        text: str,
        language: str,
    ) -> tuple[Phone, ...]:
        speech = soxr.resample(samples.astype(np.float64), sample_rate, SAMPLE_RATE)
        peak = np.abs(speech).max(initial=0)
        if peak < 1e-4:
            raise _refused(text, "no sample is louder than -80 dB")
        padding = round(PADDING_S * SAMPLE_RATE)
        raw = np.pad(speech * (LOUDEST / peak), padding).astype("<i2").tobytes()
        words = [word.lower().replace("’", "'") for word in WORD.findall(text)]
        if not words:
            raise _refused(text, "it has no words")
        try:
            aligned = _aligned(_decoder(USUAL_BEAMS), words, raw, text)
        except DubwrightError:
            # What the usual search loses a wider one mostly finds; first it would find less.
            aligned = _aligned(_decoder(WIDE_BEAMS), words, raw, text)
        lead = round(PADDING_S * FRAMES_A_SECOND)
        phones = []
        for name, start, length, score in aligned:
            first, last = (
                min(max(0, (at - lead) * sample_rate // FRAMES_A_SECOND), len(samples))
                for at in (start, start + length)
            )
            if last > first:
                sure = float(np.interp(score / max(1, length), SCORES, CONFIDENCES))
                symbol = IPA.get(name, "")
                phones.append(
                    Phone(symbol=symbol, start=first, end=last, confidence=round(sure, 3))
                )
        return tuple(phones)


def _decoder(beams: Mapping[str, float]) -> Any:
    return sphinx_decoder("dict", "cmudict-en-us.dict", **beams)


def _aligned(
    decoder: Any, words: list[str], raw: bytes, text: str
) -> list[tuple[str, int, int, int]]:
    """Each phone's name, first frame, frames, and score."""
    for word in dict.fromkeys(words):
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, _pronounced(word), False)
    try:
        # First the words are found and then, within them, the phones.
        for prepare in (lambda: decoder.set_align_text(" ".join(words)), decoder.set_alignment):
            prepare()
            decoder.start_utt()
            decoder.process_raw(raw, full_utt=True)
            decoder.end_utt()
        found = decoder.get_alignment()
    except RuntimeError as error:
        raise _refused(text, str(error)) from error
    said = [word.name for word in found if not word.name.startswith("<")]
    if len(said) != len(words):
        raise _refused(text, f"after {len(said)} of {len(words)} words it loses them")
    return [(p.name, p.start, p.duration, p.score) for word in found for p in word]


def _pronounced(word: str) -> str:
    """A word that the dictionary lacks, as espeak-ng says it."""
    spoken = EspeakSynthesizer().speak(word, "en", 1.0).phones
    symbols = [phone.symbol.replace(LENGTH, "") for phone in spoken if phone.symbol]
    names = [CMU.get(symbol) or CMU.get(symbol[:1]) for symbol in symbols]
    if not names or None in names:
        raise _refused(
            word, f"it is pronounced {''.join(symbols)}, which English has no sounds for"
        )
    return " ".join(name for name in names if name)


def _refused(text: str, why: str) -> DubwrightError:
    return DubwrightError(
        "A recording cannot be timed",
        where=f"the take of {text!r}",
        why=f"PocketSphinx does not find its words: {why}",
        repair="check that the text is what is said, or choose the aligner espeak-dtw",
    )
