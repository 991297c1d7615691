"""espeak-ng: speaks 100 languages with exact phone times. Robotic, and never missing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.dialogue.lexicon import pronunciations_in, replaced
from dubwright.dialogue.speakable import speakable
from dubwright.engines import Ability, EngineCard, EngineKind, Speech, VoiceSample
from dubwright.errors import DubwrightError
from dubwright.model import Performance, Phone
from dubwright.speech.japanese import kana

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
# espeak-ng's pitch goes from 0 to 99; what it comes to, in semitones, measured on three voices.
PITCHES: Final = (10, 20, 30, 40, 50, 60, 70, 80, 90, 99)
SEMITONES: Final = (-5.0, -3.9, -2.7, -1.5, 0.0, 1.6, 3.3, 5.2, 7.1, 8.8)
STYLES: Final = ("whisper", "croak")
STRESS: Final = {"ˈ": "'", "ˌ": ","}
# Sounds that dictionaries write and a voice may lack, with what it says instead.
SAME_SOUND: Final = (
    ("ɹ", "r"), ("ʁ", "r"), ("ʀ", "r"), ("ɾ", "r"), ("r", "ɹ"), ("r", "ʁ"), ("g", "ɡ"),
    ("ɜ", "ə"), ("ɚ", "ə"), ("ɐ", "ə"), ("a", "æ"), ("a", "ɑ"), ("æ", "a"), ("ɪ", "i"),
    ("ʊ", "u"), ("ʧ", "tʃ"), ("ʤ", "dʒ"),
)  # fmt: skip
PLAIN: Final = Performance()


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Speech whose words are known too. `words` are their first samples."""

    speech: Speech
    words: tuple[int, ...]


class EspeakSynthesizer:
    card = EngineCard(
        name="espeak-ng",
        kind=EngineKind.SYNTHESIZER,
        version=3,
        licence="GPL-3.0-or-later, in a process of its own",
        commercial_use=True,
        approximate=True,
        abilities=(Ability.PHONES, Ability.PACE, Ability.PITCH, Ability.STYLE, Ability.IPA),
        styles=STYLES,
        limits="A robotic voice: for guide tracks and timing, not for release. Its pitch goes from "
        "5 semitones down to 9 up.",
    )

    def languages(self) -> dict[str, str]:
        return {tag: name for tag, (name, _) in _voices().items()}

    def voices(self, language: str) -> dict[str, str]:
        _voice(language)
        return dict(VOICES)

    def speak(
        self,
        text: str,
        language: str,
        speed: float,
        voice: str = "",
        performance: Performance = PLAIN,
        sample: VoiceSample | None = None,
    ) -> Speech:
        return self.speak_with_words(text, language, speed, voice, performance).speech

    def speak_with_words(
        self,
        text: str,
        language: str,
        speed: float,
        voice: str = "",
        performance: Performance = PLAIN,
    ) -> Reference:
        """Like speak, with the words' times, which aligning needs."""
        rate = round(min(max(WORDS_PER_MINUTE * speed, SLOWEST), FASTEST))
        pitch = round(float(np.interp(performance.pitch, SEMITONES, PITCHES)))
        name = _voice(language, voice)
        if performance.style in STYLES:
            # A variant is a voice or a style; a whisper has one for women.
            womans = performance.style == "whisper" and voice.startswith("f")
            name = f"{name.partition('+')[0]}+{performance.style}{'f' if womans else ''}"
        text = speakable(text)
        if language.partition("-")[0] == "ja":
            text = kana(text)  # it would name each kanji a Chinese letter
        request: dict[str, Any] = {"voice": name, "text": text, "rate": rate, "pitch": pitch}
        spelled = {w: ipa.strip("/") for w, ipa in performance.pronunciations.items() if "/" in ipa}
        if spelled:
            request |= {"text": _with_phonemes(text, spelled, language), "phonemes": True}
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


def _with_phonemes(text: str, spelled: Mapping[str, str], language: str) -> str:
    """A text whose words are replaced by espeak's names of the sounds that IPA gives them."""
    here = pronunciations_in(text, spelled)
    names = {word: f"[[{_phonemes(ipa, language)}]]" for word, ipa in here.items()}
    return replaced(text.replace("[[", ""), names)  # brackets would begin such names


def _phonemes(ipa: str, language: str) -> str:
    """espeak's names of a word's sounds.

    Raises:
        DubwrightError: the language's voice has no such sound.
    """
    sounds = _sounds(_voice(language))
    longest = max(map(len, sounds))
    names, at = [], 0
    plain = re.sub("[\u0361.\\s]", "", ipa)
    while at < len(plain):
        if plain[at] in STRESS:
            names.append(STRESS[plain[at]])
            at += 1
            continue
        size = next(
            (
                n
                for n in range(min(longest, len(plain) - at), 0, -1)
                if plain[at : at + n] in sounds
            ),
            0,
        )
        if not size:
            raise DubwrightError(
                "A pronunciation cannot be spoken",
                where=f"/{ipa}/ in {language}",
                why=f"espeak-ng's voice has no sound {plain[at]!r}",
                repair="use another sound of the language, or spell the word as it sounds",
            )
        names.append(sounds[plain[at : at + size]])
        at += size
    return "|".join(names).replace("'|", "'").replace(",|", ",")


@lru_cache(maxsize=16)
def _sounds(voice: str) -> dict[str, str]:
    """What a voice calls each sound, by its IPA."""
    reply, _ = _ask({"sounds": True, "voice": voice})
    sounds: dict[str, str] = {}
    for name, ipa in reply["sounds"]:
        sounds.setdefault(STRESS_LENGTH_AND_TIES.sub("", ipa), name)
    # A long vowel that it lacks is said as its short one, an r as its own.
    for ipa, name in list(sounds.items()):
        if ipa.endswith("ː"):
            sounds.setdefault(ipa[:-1], name)
        else:
            sounds.setdefault(f"{ipa}ː", name)
    for other, same in SAME_SOUND:
        if same in sounds:
            sounds.setdefault(other, sounds[same])
    return sounds


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
