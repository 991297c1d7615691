"""Making one voice sound more like another: pitch and spectral envelopes, phone by phone.

Approximate: a voice keeps its own rhythm and melody, and only its colour and height are moved. The
means of each phone's envelopes are matched as codebooks are in voice conversion (Abe et al., 1988,
Voice conversion through vector quantization), by a filter on the voice's own spectrum, so that no
vocoder has to build it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct
from scipy.ndimage import gaussian_filter1d
from scipy.signal import ShortTimeFFT, get_window

from dubwright.engines import Speech
from dubwright.media.audio import resampled
from dubwright.model import Phone
from dubwright.speech.perform import transposed

__all__ = ["Timbre", "matched", "median_pitch_hz", "timbre_of"]

WINDOW_S: Final = 0.025
HOP_S: Final = 0.005
BANDS: Final = 48
HIGHEST_HZ: Final = 7600
COEFFICIENTS: Final = 28
PAUSE: Final = ""
# Frames of a phone after which its own mean counts as much as the voice's.
TRUST_AFTER: Final = 5
# Of how much the loudness of each phone is matched; all of it would amplify its noise.
LOUDNESS_SHARE: Final = 0.3
MOST_GAIN: Final = 3.0  # nepers
EVEN_OVER: Final = 2.0
# What a filter leaves of the difference, another takes up.
PASSES: Final = 2
LOWEST_HZ, PITCH_TO_HZ = 60, 350
PITCH_RATE: Final = 16000
MOST_SEMITONES: Final = 9.0
# Of two pitches that explain a sound alike the higher is heard.
OCTAVE_COST: Final = 0.02

Samples = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Timbre:
    """What a voice sounds like.

    Attributes:
        mean: of its envelopes, [COEFFICIENTS]: cepstra of log power in mel bands up to 7.6 kHz.
        spread: their standard deviation, [COEFFICIENTS].
        phones: by symbol, the mean of its envelopes and of how many frames it is.
        pitch_hz: in the middle; 0 if it has none.
    """

    mean: Array
    spread: Array
    phones: Mapping[str, tuple[Array, int]]
    pitch_hz: float


def timbre_of(lines: Sequence[Speech]) -> Timbre | None:
    """The timbre of a voice from lines that it says; None where nothing is heard of it."""
    envelopes, symbols, heights = [], [], []
    for line in lines:
        _, found = _spectrum(line.samples, line.sample_rate)
        named = _symbols(line.phones, len(found), line.sample_rate)
        if not line.phones:
            named = np.where(found[:, 0] > np.percentile(found[:, 0], 30), "?", PAUSE)
        envelopes.append(found)
        symbols.append(named)
        heights.append(_pitches(line.samples, line.sample_rate))
    if not envelopes:
        return None
    every, names = np.concatenate(envelopes), np.concatenate(symbols)
    spoken = names != PAUSE
    if spoken.sum() < BANDS:
        return None
    phones = {
        str(name): (every[names == name].mean(axis=0), int((names == name).sum()))
        for name in np.unique(names[spoken])
    }
    voiced = np.concatenate(heights)
    return Timbre(
        every[spoken].mean(axis=0),
        every[spoken].std(axis=0),
        phones,
        float(np.median(voiced)) if len(voiced) else 0.0,
    )


def median_pitch_hz(samples: Samples, sample_rate: int) -> float:
    """The pitch of a voice in the middle; 0 where it has none."""
    found = _pitches(samples, sample_rate)
    return float(np.median(found)) if len(found) else 0.0


def matched(speech: Speech, wanted: Timbre, share: float = 1.0) -> Speech:
    """Speech with the pitch and the envelopes of another voice, at its own pace.

    Args:
        speech: with its phones.
        wanted: the other voice.
        share: how far it goes there, from 0 to 1.
    """
    own_pitch = median_pitch_hz(speech.samples, speech.sample_rate)
    if own_pitch and wanted.pitch_hz:
        semitones = share * 12 * np.log2(wanted.pitch_hz / own_pitch)
        speech = transposed(speech, float(np.clip(semitones, -MOST_SEMITONES, MOST_SEMITONES)))
    for _ in range(PASSES):
        speech = _filtered(speech, wanted, share)
    return speech


def _filtered(speech: Speech, wanted: Timbre, share: float) -> Speech:
    transform, bands = _transform(speech.sample_rate)
    spectrum, envelopes = _spectrum(speech.samples, speech.sample_rate)
    names = _symbols(speech.phones, len(envelopes), speech.sample_rate)
    spoken = names != PAUSE
    if spoken.sum() < 2:
        return speech
    moved = share * _moved(envelopes, names, spoken, wanted)
    padded = np.zeros((len(moved), BANDS))
    padded[:, :COEFFICIENTS] = moved
    in_bands = idct(padded, axis=1, norm="ortho") / 2  # of power, to of amplitude
    gains = np.exp(np.clip(in_bands @ bands.T, -MOST_GAIN, MOST_GAIN))
    filtered = transform.istft(spectrum * gains.T, k1=len(speech.samples))
    loud = np.sqrt((speech.samples.astype(np.float64) ** 2).mean())
    filtered *= loud / max(1e-9, np.sqrt((filtered**2).mean()))
    peak = max(1.0, float(np.abs(filtered).max(initial=0)))
    return Speech((filtered / peak).astype(np.float32), speech.sample_rate, speech.phones)


def _moved(
    envelopes: Array, names: NDArray[np.str_], spoken: NDArray[np.bool_], wanted: Timbre
) -> Array:
    """By how much each frame's envelope is moved, [frames, COEFFICIENTS]."""
    own = envelopes[spoken].mean(axis=0)
    overall = wanted.mean - own
    shift = np.tile(overall, (len(envelopes), 1))
    centre = np.tile(own, (len(envelopes), 1))
    for name in np.unique(names[spoken]):
        if name in wanted.phones:
            here = names == name
            mean, frames = wanted.phones[name]
            trust = frames / (frames + TRUST_AFTER)
            centre[here] = envelopes[here].mean(axis=0)
            shift[here] = trust * (mean - centre[here]) + (1 - trust) * overall
    shift = gaussian_filter1d(shift, EVEN_OVER, axis=0)
    centre = gaussian_filter1d(centre, EVEN_OVER, axis=0)
    livelier = np.clip(wanted.spread / np.maximum(envelopes[spoken].std(axis=0), 1e-6), 0.7, 1.5)
    moved = shift + (envelopes - centre) * (livelier - 1)
    moved[:, 0] = LOUDNESS_SHARE * (moved[:, 0] - moved[spoken, 0].mean())
    moved[~spoken] = 0
    even: Array = gaussian_filter1d(moved, EVEN_OVER / 2, axis=0)
    return even


def _transform(sample_rate: int) -> tuple[ShortTimeFFT, Array]:
    """The transform that is filtered, and how much of each mel band is in each of its bins."""
    window = get_window("hann", round(WINDOW_S * sample_rate))
    transform = ShortTimeFFT(
        window, round(HOP_S * sample_rate), sample_rate, mfft=_size(sample_rate)
    )
    edges = _hz(np.linspace(0, _mel(np.array(HIGHEST_HZ)), BANDS + 2))
    places = np.interp(transform.f, edges[1:-1], np.arange(BANDS))
    low = np.floor(places).astype(int)
    part = places - low
    bands = np.zeros((len(places), BANDS))
    rows = np.arange(len(places))
    bands[rows, low] = 1 - part
    bands[rows, np.minimum(low + 1, BANDS - 1)] += part
    return transform, bands


def _spectrum(samples: Samples, sample_rate: int) -> tuple[NDArray[np.complex128], Array]:
    """The transform of samples, [bins, frames], and its envelopes, [frames, COEFFICIENTS]."""
    transform, bands = _transform(sample_rate)
    least = transform.m_num * 2
    padded = np.pad(samples.astype(np.float64), (0, max(0, least - len(samples))))
    spectrum = transform.stft(padded)
    heard = transform.f <= HIGHEST_HZ
    share = bands[heard] / np.maximum(bands[heard].sum(axis=0), 1e-9)
    power = (np.abs(spectrum[heard]) ** 2).T @ share
    cepstra: Array = dct(np.log(power / transform.m_num + 1e-9), axis=1, norm="ortho")
    return spectrum, cepstra[:, :COEFFICIENTS]


def _size(sample_rate: int) -> int:
    return 1 << int(np.ceil(np.log2(WINDOW_S * sample_rate)))


def _mel(hz: Array) -> Array:
    found: Array = 2595 * np.log10(1 + hz / 700)
    return found


def _hz(mel: Array) -> Array:
    found: Array = 700 * (10 ** (mel / 2595) - 1)
    return found


def _symbols(phones: Sequence[Phone], frames: int, sample_rate: int) -> NDArray[np.str_]:
    """The phone of each frame of a transform."""
    transform, _ = _transform(sample_rate)
    names = np.full(frames, PAUSE, dtype="U8")
    at = (np.arange(frames) + transform.p_min) * transform.hop
    for phone in phones:
        names[(at >= phone.start) & (at < phone.end)] = phone.symbol
    return names


def _pitches(samples: Samples, sample_rate: int) -> Array:
    """The pitch of each voiced moment in Hz, by autocorrelation (Boersma, 1993)."""
    sound = resampled(samples, sample_rate, PITCH_RATE).astype(np.float64)
    length, hop = PITCH_RATE // 20, PITCH_RATE // 100
    if len(sound) < length:
        return np.zeros(0)
    windows = np.lib.stride_tricks.sliding_window_view(sound, length)[::hop] * np.hanning(length)
    power = np.abs(np.fft.rfft(windows, 2 * length, axis=1)) ** 2
    alike = np.fft.irfft(power, axis=1)[:, :length]
    own = np.abs(np.fft.rfft(np.hanning(length), 2 * length)) ** 2
    alike /= np.maximum(np.fft.irfft(own)[:length], 1e-3)
    first, last = PITCH_RATE // PITCH_TO_HZ, PITCH_RATE // LOWEST_HZ
    octaves = np.log2(np.arange(first, last) / first)
    best = (alike[:, first:last] - OCTAVE_COST * alike[:, :1] * octaves).argmax(axis=1) + first
    level = alike[:, 0]
    voiced = (alike[np.arange(len(best)), best] > 0.6 * level) & (level > 0.03 * level.max())
    found: Array = PITCH_RATE / best[voiced]
    return found
