"""Takes: made by an engine or recorded by an actor, fitted to their slots, with phones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import Aligner, PhoneRecognizer, Speech
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono, resampled, write_wav
from dubwright.model import Cue, Fit, Phone, SpokenPhone, Take
from dubwright.speech.fit import Slot, fit_recording, fit_synthesis
from dubwright.speech.perform import Performer, trimmed

__all__ = [
    "TAKE_RATE",
    "faults_of_recording",
    "finished_take",
    "natural_take",
    "recorded_take",
    "synthesised_take",
    "timed_take",
]

TAKE_RATE: Final = 48000
DULL_BELOW: Final = 16000
# A recording is clipped where it stays at its peak for so many samples, at least so often.
NEAR_PEAK: Final = 0.98
STEP: Final = 1e-5
FLAT_SAMPLES: Final = 5
LEAST_CLIPPED: Final = 5

Samples = NDArray[np.float32]


def synthesised_take(
    performer: Performer, cue: Cue, language: str, room_ms: int, folder: Path
) -> Take:
    """Have a cue spoken at the pace of its slot and write its WAV into a folder."""
    slot = _slot(cue, room_ms)
    speech, fit = fit_synthesis(performer.speak, cue.text[language], slot)
    fit = fit.model_copy(update={"slot": slot.length * TAKE_RATE // 1000})
    return _spoken(performer, speech, cue, language, fit, folder)


def _slot(cue: Cue, room_ms: int) -> Slot:
    """The time that a cue's takes have; only who is seen pauses where the original does."""
    return Slot(cue.end_ms - cue.start_ms, room_ms, cue.phrases if cue.on_screen else ())


def natural_take(performer: Performer, cue: Cue, language: str, folder: Path) -> Take:
    """Have a cue spoken at the engine's own pace, whatever its slot."""
    speech = performer.speak(cue.text[language], 1.0)
    length = len(speech.samples) * TAKE_RATE // speech.sample_rate
    fit = Fit(slot=length, speed=1.0, verdict="fits")
    return _spoken(performer, speech, cue, language, fit, folder)


def _spoken(
    performer: Performer, speech: Speech, cue: Cue, language: str, fit: Fit, folder: Path
) -> Take:
    samples = resampled(speech.samples, speech.sample_rate, TAKE_RATE)
    phones = _at_rate(speech.phones, speech.sample_rate)
    made_by = (performer.card.identity, performer.timed_by)
    take = _written(samples, phones, made_by, cue.text[language], language, fit, folder)
    return take.model_copy(update={"notes": performer.notes})


def recorded_take(
    timer: Aligner | PhoneRecognizer,
    recording: Path,
    cue: Cue,
    language: str,
    room_ms: int,
    folder: Path,
) -> Take:
    """Fit an actor's recording to its slot, time its phones and write its WAV into a folder.

    An aligner times the cue's text; a recogniser hears phones where nobody wrote one down.
    """
    samples, rate = read_mono(recording)
    notes = faults_of_recording(samples, rate)
    samples = trimmed(resampled(samples, rate, TAKE_RATE), TAKE_RATE)
    fitted, fit = fit_recording(samples, TAKE_RATE, _slot(cue, room_ms))
    take = _timed(timer, fitted, cue.text.get(language, ""), language, fit, folder)
    return take.model_copy(update={"notes": notes})


def faults_of_recording(samples: Samples, sample_rate: int) -> tuple[str, ...]:
    """What nobody can mend in a mono recording, for people."""
    told = []
    peak = float(np.abs(samples).max(initial=0))
    loudest = np.abs(samples) >= NEAR_PEAK * peak if peak > 0 else np.zeros(len(samples), bool)
    flat = loudest[1:] & loudest[:-1] & (np.abs(np.diff(samples)) < STEP)
    runs = np.convolve(flat, np.ones(FLAT_SAMPLES - 1), "valid") == FLAT_SAMPLES - 1
    clipped = int((np.diff(runs.astype(np.int8), prepend=0) == 1).sum())
    if clipped >= LEAST_CLIPPED:
        told.append(f"the recording is clipped in {clipped} places: it will sound harsh")
    if sample_rate < DULL_BELOW:
        told.append(f"recorded at {sample_rate} Hz: it will sound like a telephone")
    return tuple(told)


def finished_take(
    timer: Aligner | PhoneRecognizer, recording: Path, cue: Cue, language: str, folder: Path
) -> Take:
    """Time the phones of a recording that is final, and write it into a folder as it is."""
    samples, rate = read_mono(recording)
    samples = resampled(samples, rate, TAKE_RATE)
    fit = Fit(slot=len(samples), speed=1.0, verdict="fits")
    return _timed(timer, samples, cue.text.get(language, ""), language, fit, folder)


def timed_take(
    phones: Sequence[SpokenPhone], recording: Path, cue: Cue, language: str, folder: Path
) -> Take:
    """A recording that is final and whose phones are known, written into a folder as it is.

    Raises:
        DubwrightError: a phone ends after the recording.
    """
    samples, rate = read_mono(recording)
    samples = resampled(samples, rate, TAKE_RATE)
    placed = tuple(
        Phone(
            symbol=phone.symbol,
            start=phone.start_ms * TAKE_RATE // 1000,
            end=phone.end_ms * TAKE_RATE // 1000,
        )
        for phone in phones
    )
    if placed and placed[-1].end > len(samples):
        raise DubwrightError(
            "The phones are not of this recording",
            where=str(recording),
            why=f"the last ends at {phones[-1].end_ms} ms, and the recording at "
            f"{len(samples) * 1000 // TAKE_RATE} ms",
            repair="give the phones of this recording",
        )
    fit = Fit(slot=len(samples), speed=1.0, verdict="fits")
    text = cue.text.get(language, "")
    return _written(samples, placed, ("recording", "given"), text, language, fit, folder)


def _timed(
    timer: Aligner | PhoneRecognizer,
    samples: Samples,
    text: str,
    language: str,
    fit: Fit,
    folder: Path,
) -> Take:
    if isinstance(timer, PhoneRecognizer):
        hearings = timer.recognize(samples, TAKE_RATE)
        phones = hearings[len(hearings) // 2]
    else:
        phones = timer.align(samples, TAKE_RATE, text, language)
    made_by = ("recording", timer.card.identity)
    return _written(samples, phones, made_by, text, language, fit, folder)


def _written(
    samples: Samples,
    phones: tuple[Phone, ...],
    made_by: tuple[str, str],
    text: str,
    language: str,
    fit: Fit,
    folder: Path,
) -> Take:
    """Write a take's WAV; `made_by` names the voice and what timed the phones."""
    audio = Path("take.wav")
    write_wav(folder / audio, samples, TAKE_RATE)
    voice, aligned_by = made_by
    return Take(
        text=text,
        language=language,
        audio=audio,
        sample_rate=TAKE_RATE,
        length=len(samples),
        phones=phones,
        engine=voice,
        aligned_by=aligned_by,
        fit=fit,
    )


def _at_rate(phones: tuple[Phone, ...], rate: int) -> tuple[Phone, ...]:
    """Phones counted in samples of a take instead of samples of the engine."""
    return tuple(
        Phone(
            symbol=phone.symbol,
            start=phone.start * TAKE_RATE // rate,
            end=phone.end * TAKE_RATE // rate,
            confidence=phone.confidence,
        )
        for phone in phones
    )
