"""espeak-ng: speaks 100 languages with exact phone times. Robotic, and never missing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import EngineCard, EngineKind, Speech
from dubwright.errors import DubwrightError
from dubwright.model import Phone

__all__ = ["EspeakSynthesizer", "Reference"]

WORKER: Final = Path(__file__).with_name("espeak_worker.py")
WORDS_PER_MINUTE: Final = 175
SLOWEST, FASTEST = 80, 450
TIMEOUT_S: Final = 120
STOPS: Final = frozenset("pbtdʈɖcɟkɡgqʔ")
LONGEST_CLOSURE_S: Final = 0.08
CLOSED_LEVEL: Final = 0.003  # -50 dB of full scale
CLOSURE_STEP_S: Final = 0.002
VOICES: Final = {
    "": "Standard",
    **{f"f{number}": f"Female {number}" for number in range(1, 6)},
    **{f"m{number}": f"Male {number}" for number in range(1, 9)},
}
STRESS_LENGTH_AND_TIES: Final = re.compile("[ˈˌ\u0361ˑ]")


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Speech whose words are known too. `words` are their first samples."""

    speech: Speech
    words: tuple[int, ...]


class EspeakSynthesizer:
    card = EngineCard(
        name="espeak-ng",
        kind=EngineKind.SYNTHESIZER,
        version=2,
        licence="GPL-3.0-or-later, in a process of its own",
        commercial_use=True,
        approximate=True,
        limits="A robotic voice: for guide tracks and timing, not for release.",
    )

    def languages(self) -> dict[str, str]:
        return {tag: name for tag, (name, _) in _voices().items()}

    def voices(self, language: str) -> dict[str, str]:
        _voice(language)
        return dict(VOICES)

    def speak(self, text: str, language: str, speed: float, voice: str = "") -> Speech:
        return self.speak_with_words(text, language, speed, voice).speech

    def speak_with_words(
        self, text: str, language: str, speed: float, voice: str = ""
    ) -> Reference:
        """Like speak, with the words' times, which aligning needs."""
        rate = round(min(max(WORDS_PER_MINUTE * speed, SLOWEST), FASTEST))
        request = {"voice": _voice(language, voice), "text": text, "rate": rate, "pitch": 50}
        reply, raw = _ask(request)
        samples = np.frombuffer(raw, "<i2").astype(np.float32) / np.float32(32768)
        phones = _with_closures(
            _phones(reply["phonemes"], len(samples)), samples, reply["sample_rate"]
        )
        if not any(phone.symbol for phone in phones):
            raise DubwrightError(
                "A line has nothing that can be spoken",
                where=f"{language}: {text!r}",
                why="espeak-ng found no speech sound in it",
                repair="give the cue a text, or another kind such as breath or effort",
            )
        return Reference(Speech(samples, reply["sample_rate"], phones), tuple(reply["words"]))


def _phones(events: list[tuple[int, str]], length: int) -> tuple[Phone, ...]:
    """Phones from espeak's events; a bracketed name is a change of language, not a sound."""
    sounds = [(start, name) for start, name in events if not name.startswith("(")]
    phones = []
    for (start, name), (end, _) in zip(sounds, [*sounds[1:], (length, "")], strict=True):
        if end > start:
            symbol = STRESS_LENGTH_AND_TIES.sub("", name)
            phones.append(Phone(symbol=symbol, start=start, end=min(end, length)))
    return tuple(phones)


def _with_closures(
    phones: tuple[Phone, ...], samples: NDArray[np.float32], sample_rate: int
) -> tuple[Phone, ...]:
    """Stops from where the mouth closes, as phoneticians mark them, not from where it bursts open.

    espeak-ng counts the silence before a burst to the sound before it. At least a third of that
    sound stays its own.
    """
    step = round(CLOSURE_STEP_S * sample_rate)
    moved = list(phones)
    for index in range(1, len(moved)):
        before, stop = moved[index - 1], moved[index]
        if stop.symbol[:1] not in STOPS or not before.symbol:
            continue
        earliest = max(
            before.start + (before.end - before.start) // 3,
            stop.start - round(LONGEST_CLOSURE_S * sample_rate),
        )
        start = stop.start
        while (
            start - step >= earliest and np.abs(samples[start - step : start]).max() < CLOSED_LEVEL
        ):
            start -= step
        moved[index - 1] = before.model_copy(update={"end": start})
        moved[index] = stop.model_copy(update={"start": start})
    return tuple(moved)


@lru_cache(maxsize=1)
def _voices() -> dict[str, tuple[str, str]]:
    """Language tag -> (name, espeak's own voice name)."""
    reply, _ = _ask({"list": True})
    voices = {
        voice["language"]: (voice["name"], voice["file"].rpartition("/")[2])
        for voice in reply["voices"]
    }
    # espeak-ng files these under a region; people ask for the language.
    for plain, regional in (("en", "en-us"), ("fr", "fr-fr"), ("pt", "pt-pt"), ("zh", "cmn")):
        if plain not in voices and regional in voices:
            voices[plain] = voices[regional]
    return dict(sorted(voices.items()))


def _voice(language: str, voice: str = "") -> str:
    """espeak's own name of a voice: a language's, with a variant behind a plus sign."""
    if voice not in VOICES:
        raise DubwrightError(
            "No engine has this voice",
            where=f"the voice {voice!r} for {language}",
            why="espeak-ng does not know it",
            repair=f"choose one of {', '.join(filter(None, VOICES))}, or none for the usual voice",
        )
    voices = _voices()
    plain = language.lower()
    found = voices.get(language) or voices.get(plain) or voices.get(plain.partition("-")[0])
    if found is None:
        raise DubwrightError(
            f"No engine speaks {language}",
            where="the target languages",
            why=f"espeak-ng has no voice for the language tag {language!r}",
            repair="see `dubwright languages`, or give recordings of the takes with --takes",
        )
    return f"{found[1]}+{voice}" if voice else found[1]


def _ask(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        done = subprocess.run(
            [sys.executable, str(WORKER)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _failed(request, f"no answer within {TIMEOUT_S} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise _failed(request, lines[-1] if lines else f"exit status {done.returncode}")
    head, _, samples = done.stdout.partition(b"\n")
    return json.loads(head), samples


def _failed(request: dict[str, Any], why: str) -> DubwrightError:
    return DubwrightError(
        "espeak-ng could not speak a line",
        where=str(request.get("text", "the list of voices")),
        why=why,
        repair="run `dubwright doctor`; if it finds nothing, reinstall the package espeakng-loader",
    )
