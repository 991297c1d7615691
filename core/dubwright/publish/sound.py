"""What is looked at in a language's sound: is it whole, in time, and as loud as it is to be."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dubwright.media.audio import LoudnessMeter, audio_blocks, audio_format
from dubwright.media.bwf import read_time_reference
from dubwright.media.mastering import SPECS, TruePeakMeter
from dubwright.operations.deliver import DAY_S
from dubwright.publish.delivery import Finding, Part

__all__ = ["as_long", "as_loud", "below_peak", "in_time", "together", "without_clicks"]

STEMS: Final = ("DX", "ME", "mix")
AGAIN: Final = "deliver it anew: see `dubwright publish --repair`"
LOUDNESS_TOLERANCE_LU: Final = 0.5
# The mean over a language's lines. Phones that were only heard may be off by 25 ms themselves.
MOST_OFF_MS: Final = 35.0
SEARCHED_MS: Final = 400
STEP_MS: Final = 5
LEAST_SPOKEN_STEPS: Final = 60
CLIPPED: Final = 0.9999
CLIPPED_RUN: Final = 4
CLICK: Final = 40.0
LEAST_CLICK: Final = 0.05
NEAR_S: Final = 0.010
# What a click is told from, and more.
CLICK_AROUND_S: Final = 0.050
# Files are read in parts of so many steps: 10 s.
STEPS_AT_ONCE: Final = 2000
TOGETHER_DB: Final = -30.0
# So near its highest peak a stem was limited.
LIMITED_DB: Final = 1.0


def as_long(part: Part) -> Iterator[Finding]:
    """Stems are as long as the timeline, and begin when it does."""
    if not part.has_player:
        return
    player = part.delivery.player
    rate = Fraction(player["rate"])
    for path in _stems(part):
        sound_rate, _ = audio_format(path)
        wanted = int(Fraction(player["frames"] * sound_rate) / rate)
        found = sum(len(block) for block in audio_blocks(path))
        if found != wanted:
            yield Finding(path.name, f"it has {found} samples, the timeline {wanted}", AGAIN)
        begins = round(player["start_frame"] * sound_rate / rate) % (DAY_S * sound_rate)
        if read_time_reference(path) != begins:
            yield Finding(path.name, "its time reference is not the timeline's start", AGAIN)


def in_time(part: Part) -> Iterator[Finding]:
    """Lines are heard when their phones say: late or early dialogue is found by its loudness."""
    dialogue = part.stem("DX")
    if dialogue in part.spoiled or not part.has_player:
        return
    loud = _loudness(dialogue)
    lags, weights = [], []
    for phones in part.delivery.player["languages"][part.language]["phones"].values():
        spoken = [(start, end) for symbol, start, end in phones if symbol]
        found = _lag_ms(loud, spoken) if spoken else None
        if found is not None:
            lags.append(found)
            weights.append(spoken[-1][1] - spoken[0][0])
    if lags:
        off = float(np.average(lags, weights=weights))
        if abs(off) > MOST_OFF_MS:
            how = "late" if off > 0 else "early"
            yield Finding(dialogue.name, f"the lines are {abs(off):.0f} ms {how}", AGAIN)


def as_loud(part: Part) -> Iterator[Finding]:
    """The mix is as loud as was asked for; or else as its report says."""
    asked = part.delivery.record.request.loudness
    stem = "DX" if asked and SPECS[asked].anchor == "dialogue" else "mix"
    path = part.stem(stem)
    wanted = SPECS[asked].target_lufs if asked else part.report.loudness_lufs[stem]
    if wanted is None or path in part.spoiled:
        return
    meter = LoudnessMeter(audio_format(path)[0])
    for block in audio_blocks(path):
        meter.add(block)
    found = meter.integrated_lufs()
    if found is None or abs(found - wanted) > LOUDNESS_TOLERANCE_LU:
        heard = "silent" if found is None else f"{found:.1f} LUFS"
        told = SPECS[asked].title if asked else "its report"
        yield Finding(path.name, f"it is {heard}; {told} says {wanted:.1f}", AGAIN)


def below_peak(part: Part) -> Iterator[Finding]:
    """True peaks stay below what was asked for, or else below full scale; nothing is clipped."""
    asked = part.delivery.record.request.loudness
    most = SPECS[asked].peak_dbtp if asked else 0.0
    for path in _stems(part, ("DX", "mix")):
        meter, run = TruePeakMeter(), 0
        for block in audio_blocks(path):
            meter.add(block)
            run = max(run, _longest_run(np.abs(block).max(axis=1) >= CLIPPED))
        peak = meter.dbtp()
        if run >= CLIPPED_RUN:
            yield Finding(path.name, f"it is clipped: {run} samples at full scale in a row", AGAIN)
        elif peak is not None and peak > most + 0.1:
            yield Finding(path.name, f"its true peak is {peak:.1f} dBTP, above {most:.1f}", AGAIN)


def without_clicks(part: Part) -> Iterator[Finding]:
    """No sample of the dialogue jumps out of those around it."""
    for path in _stems(part, ("DX",)):
        rate, _ = audio_format(path)
        places = list(_clicks_in(path))
        if places:
            first = places[0] / rate
            why = f"{len(places)} clicks are heard, the first after {first:.2f} s"
            yield Finding(path.name, why, AGAIN)


def together(part: Part) -> Iterator[Finding]:
    """The mix is its stems together."""
    dialogue, effects, mix = (part.stem(name) for name in STEMS)
    if part.spoiled & {dialogue, effects, mix}:
        return
    asked = part.delivery.record.request.loudness
    highest = 10 ** (((SPECS[asked].peak_dbtp if asked else 0.0) - LIMITED_DB) / 20)
    left = whole = 0.0
    limited = False
    blocks = zip(audio_blocks(dialogue), audio_blocks(effects), audio_blocks(mix), strict=False)
    for three in blocks:
        # Each is turned down for itself where it would peak, and a little after.
        before, limited = limited, max(np.abs(block).max(initial=0) for block in three) > highest
        spoken, behind, both = three
        if spoken.shape == behind.shape == both.shape and not (before or limited):
            left += float(np.square(both - spoken - behind).sum())
            whole += float(np.square(both).sum())
    if whole and 10 * np.log10(left / whole + 1e-12) > TOGETHER_DB:
        yield Finding(mix.name, "it is not DX and M&E together", AGAIN)


def _stems(part: Part, names: tuple[str, ...] = STEMS) -> list[Path]:
    return [path for name in names if (path := part.stem(name)) not in part.spoiled]


def _loudness(path: Path) -> NDArray[np.float64]:
    """How loud each 5 ms of a file are, in dB above silence."""
    rate, _ = audio_format(path)
    step = rate * STEP_MS // 1000
    parts = [np.zeros(0)]
    for block in audio_blocks(path, STEPS_AT_ONCE * step):
        mono = block.mean(axis=1, dtype=np.float64)
        steps = mono[: len(mono) // step * step].reshape(-1, step)
        parts.append(np.maximum(10 * np.log10(np.square(steps).mean(axis=1) + 1e-12) + 60, 0))
    return np.concatenate(parts)


def _lag_ms(loud: NDArray[np.float64], spoken: list[tuple[int, int]]) -> float | None:
    """How late a line is: the shift by which its phones go best with the loudness."""
    margin = 2 * SEARCHED_MS // STEP_MS
    first = spoken[0][0] // STEP_MS - margin
    last = spoken[-1][1] // STEP_MS + margin
    expected = np.zeros(last - first)
    for start, end in spoken:
        expected[start // STEP_MS - first : end // STEP_MS - first] = 1
    if expected.sum() < LEAST_SPOKEN_STEPS:
        return None
    reach = SEARCHED_MS // STEP_MS
    padded = np.pad(loud, (margin + reach, margin + reach))
    heard = padded[first + margin : last + margin + 2 * reach]
    if heard.max(initial=0) == 0 or len(heard) < len(expected) + 2 * reach:
        return None
    scores = [
        float(np.corrcoef(heard[at : at + len(expected)], expected)[0, 1])
        for at in range(2 * reach + 1)
    ]
    return float((int(np.argmax(np.nan_to_num(scores, nan=-1.0))) - reach) * STEP_MS)


def _longest_run(flags: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.r_[0, flags.astype(np.int8), 0]))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _clicks_in(path: Path) -> Iterator[int]:
    """Where clicks are in a file, read part by part with what is around each."""
    rate, _ = audio_format(path)
    around = round(CLICK_AROUND_S * rate)
    kept = np.zeros(0, np.float32)
    begins, told = 0, 0
    for block in audio_blocks(path, STEPS_AT_ONCE * rate * STEP_MS // 1000):
        mono = block.mean(axis=1, dtype=np.float32)
        heard = np.concatenate([kept, mono])
        sure = begins + len(heard) - around
        yield from (at for at in _clicks(heard, rate) + begins if told <= at < sure)
        told = max(told, sure)
        kept = heard[-2 * around :]
        begins += len(heard) - len(kept)
    yield from (at for at in _clicks(kept, rate) + begins if at >= told)


def _clicks(samples: NDArray[np.float32], rate: int) -> NDArray[np.int64]:
    """Where the third difference is far above what it is around."""
    jump = np.abs(np.diff(samples.astype(np.float64), 3))
    near = round(NEAR_S * rate)
    power = np.convolve(np.square(jump), np.ones(2 * near + 1), "same")
    # What jumps is not what it is compared with.
    around = power - np.convolve(np.square(jump), np.ones(17), "same")
    usual = np.sqrt(np.maximum(around, 0) / (2 * near - 16))
    places = np.flatnonzero((jump > CLICK * (usual + 1e-5)) & (jump > LEAST_CLICK))
    apart = np.flatnonzero(np.diff(places, prepend=-near) >= near)
    return places[apart]
