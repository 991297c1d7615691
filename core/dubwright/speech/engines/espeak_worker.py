# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Speaks one line with espeak-ng and writes what it did to standard output.

A program of its own, started by path for each request: espeak-ng is GPLv3, crashes when two
threads use it, and is deterministic only in the first call of a fresh process.

Standard input: one JSON object: {"voice", "text", "rate", "pitch"}, with "phonemes" where the text
has names of sounds in double brackets; or {"list": true}; or {"voice", "sounds": true}.
Standard output: one line of JSON, then for a spoken line the samples, signed 16-bit little-endian.
"""

import ctypes
import json
import sys
from typing import Any

import espeakng_loader

SYNCHRONOUS = 2
PHONEME_EVENTS_IPA_NO_EXIT = 0x8003
UTF8 = 1
NAMES_OF_SOUNDS = 0x100
# What espeak-ng's phoneme tables call sounds (docs/phonemes.md of espeak-ng); a voice has some.
NAMES = (
    "p", "b", "t", "d", "t.", "d.", "tS", "dZ", "k", "g", "q", "?", "f", "v", "T", "D", "s", "z",
    "S", "Z", "s.", "z.", "C", "x", "X", "Q", "h", "H", "m", "n", "n.", "n^", "N", "l", "l.",
    "l^", "r", "R", "R2", "*", "w", "j", "B", "M", "F", "P", "J", "c", "tS;", "dZ;", "s;", "z;",
    "S;", "Z;", "t;", "d;", "n;", "l;", "r;", "ts", "dz", "tS#", "dZ#", "p#", "b#", "t#", "d#",
    "k#", "g#", "v#", "i", "i:", "I", "I:", "I2", "e", "e:", "E", "E:", "E#", "a", "a:", "aa",
    "a#", "&", "&:", "A", "A:", "A@", "0", "O", "O:", "o", "o:", "U", "U:", "u", "u:", "@", "@:",
    "@2", "3", "3:", "V", "y", "y:", "Y", "Y:", "W", "W:", "oe", "i~", "e~", "E~", "a~", "A~",
    "O~", "o~", "u~", "U~", "y~", "W~", "aI", "eI", "OI", "aU", "oU", "eU", "iU", "aI@", "aU@",
    "i@", "e@", "U@", "O@", "o@", "ai", "ei", "oi", "au", "ou", "eu", "ui", "iu",
)  # fmt: skip
RATE, PITCH = 1, 3
EVENT_END, EVENT_WORD, EVENT_PHONEME = 0, 1, 7


class Identity(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", Identity),
    ]


class Voice(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


SynthCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


def load() -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(Voice))
    library.espeak_ListVoices.argtypes = [ctypes.c_void_p]
    data = str(espeakng_loader.get_data_path()).encode()
    sample_rate = library.espeak_Initialize(SYNCHRONOUS, 0, data, PHONEME_EVENTS_IPA_NO_EXIT)
    if sample_rate <= 0:
        raise RuntimeError(f"espeak-ng did not start (code {sample_rate})")
    return library, sample_rate


def list_voices(library: ctypes.CDLL) -> list[dict[str, str]]:
    voices = []
    found = library.espeak_ListVoices(None)
    index = 0
    while found[index]:
        voice = found[index].contents
        # `languages` is a priority byte, then a name ended by a zero, again and again.
        language = ctypes.string_at(voice.languages + 1).decode()
        name = voice.name.decode("utf-8", "replace")
        voices.append({"language": language, "name": name, "file": voice.identifier.decode()})
        index += 1
    return voices


def speak(
    library: ctypes.CDLL, request: dict[str, Any]
) -> tuple[list[tuple[int, str]], list[int], bytes]:
    samples = bytearray()
    phonemes: list[tuple[int, str]] = []
    words: list[int] = []

    def receive(wave: Any, count: int, events: Any) -> int:
        if count > 0 and wave:
            samples.extend(ctypes.string_at(wave, count * 2))
        index = 0
        while events and events[index].type != EVENT_END:
            event = events[index]
            if event.type == EVENT_PHONEME:
                address = ctypes.addressof(event) + Event.id.offset
                name = ctypes.string_at(address, 8).split(b"\0")[0].decode("utf-8", "replace")
                phonemes.append((event.sample, name))
            elif event.type == EVENT_WORD:
                words.append(event.sample)
            index += 1
        return 0

    callback = SynthCallback(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        raise RuntimeError(f"espeak-ng has no voice {request['voice']}")
    library.espeak_SetParameter(RATE, int(request["rate"]), 0)
    library.espeak_SetParameter(PITCH, int(request["pitch"]), 0)
    text = request["text"].encode("utf-8")
    flags = UTF8 | (NAMES_OF_SOUNDS if request.get("phonemes") else 0)
    library.espeak_Synth(text, len(text) + 1, 0, 1, 0, flags, None, None)
    library.espeak_Synchronize()
    return phonemes, words, bytes(samples)


def list_sounds(library: ctypes.CDLL, voice: str) -> list[tuple[str, str]]:
    """What a voice calls each of its sounds, with its IPA."""

    def said(names: str) -> list[str]:
        request = {"voice": voice, "text": f"[[{names}]]", "rate": 175, "pitch": 50, "phonemes": 1}
        return [ipa for _, ipa in speak(library, request)[0] if ipa]

    # Consonants are themselves between vowels, and vowels between consonants.
    sounds = []
    for around in ("a", "t"):
        for name in NAMES:
            spoken = said(f"{around}|{name}|{around}")
            if len(spoken) == 3:
                sounds.append((name, spoken[1]))
    return sounds


def main() -> None:
    request = json.load(sys.stdin)
    library, sample_rate = load()
    if request.get("list"):
        reply: dict[str, Any] = {"voices": list_voices(library)}
        samples = b""
    elif request.get("sounds"):
        reply = {"sounds": list_sounds(library, request["voice"])}
        samples = b""
    else:
        phonemes, words, samples = speak(library, request)
        reply = {"sample_rate": sample_rate, "phonemes": phonemes, "words": words}
    sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n" + samples)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
