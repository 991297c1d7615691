"""Voices, alignment, fitting and mixing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubwright.engines import Ability, EngineKind, Speech, engine, engine_card, engines
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono, write_wav
from dubwright.model import Cue
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.engines.espeak_dtw import EspeakDtwAligner
from dubwright.speech.fit import (
    FASTEST,
    SLOWEST,
    Slot,
    fit_recording,
    fit_synthesis,
    phrases_of_text,
)
from dubwright.speech.layout import STEREO, centred
from dubwright.speech.mix import MIX_RATE, Original, PlacedTake, mix_stems, placed
from dubwright.speech.perform import Performer, trimmed
from dubwright.speech.soundtrack import SoundClip, gather_original
from dubwright.speech.takes import recorded_take

LINE = "Compramos cinco barcos nuevos, y mi madre los quiere ver el lunes."


@pytest.fixture(scope="module")
def voice() -> EspeakSynthesizer:
    return EspeakSynthesizer()


def said_in(language: str) -> Callable[[str, float], Speech]:
    return Performer(EspeakSynthesizer(), language).speak


def test_every_installed_engine_has_a_card() -> None:
    kinds = {card.kind for card in engines()}
    assert kinds == set(EngineKind)
    for card in engines():
        assert engine_card(card.name, card.kind) == card


def test_an_unknown_engine_is_named_with_those_that_exist() -> None:
    with pytest.raises(DubwrightError) as caught:
        engine("nobody", EngineKind.SYNTHESIZER)
    assert "espeak-ng" in caught.value.why


@pytest.mark.parametrize("language", ["en", "es", "fr", "de", "pt-BR", "fr-FR"])
def test_a_line_is_spoken_with_phones_in_order(voice: EspeakSynthesizer, language: str) -> None:
    speech = voice.speak("Mama, papa.", language, 1.0)
    assert speech.sample_rate == 22050 and np.abs(speech.samples).max() > 0.05
    ends = [phone.end for phone in speech.phones]
    assert all(p.start < p.end for p in speech.phones)
    assert all(a <= p.start for a, p in zip(ends, speech.phones[1:], strict=False))
    assert ends[-1] <= len(speech.samples)
    assert {"m", "p"} <= {phone.symbol for phone in speech.phones}


def test_a_stop_lasts_from_closing_to_burst(voice: EspeakSynthesizer) -> None:
    """Its silence belongs to it and not to the vowel before: the lips are shut in it."""
    speech = voice.speak("Le port, le capot.", "fr", 1.0)
    stops = [phone for phone in speech.phones if phone.symbol == "p"]
    assert len(stops) == 2
    for stop in stops:
        first_10_ms = speech.samples[stop.start : stop.start + speech.sample_rate // 100]
        assert np.abs(first_10_ms).max() < 0.003
        assert 0.050 < (stop.end - stop.start) / speech.sample_rate < 0.120


def test_the_same_line_gives_the_same_samples(voice: EspeakSynthesizer) -> None:
    first, second = (voice.speak(LINE, "es", 1.1) for _ in range(2))
    assert np.array_equal(first.samples, second.samples) and first.phones == second.phones


def test_a_language_that_nobody_speaks_is_refused(voice: EspeakSynthesizer) -> None:
    with pytest.raises(DubwrightError, match="No engine speaks"):
        voice.speak("x", "xx", 1.0)


def test_a_line_without_a_sound_is_refused(voice: EspeakSynthesizer) -> None:
    with pytest.raises(DubwrightError, match="nothing that can be spoken"):
        voice.speak("...", "es", 1.0)


TEN_LANGUAGES = {
    "en": "We bought five new boats last summer.",
    "es": "Compramos cinco barcos nuevos el verano pasado.",
    "fr": "Nous avons acheté cinq bateaux neufs l'été dernier.",
    "de": "Wir haben letzten Sommer fünf neue Boote gekauft.",
    "it": "Abbiamo comprato cinque barche nuove la scorsa estate.",
    "pt": "Compramos cinco barcos novos no verão passado.",
    "pl": "Zeszłego lata kupiliśmy pięć nowych łodzi.",
    "ru": "Прошлым летом мы купили пять новых лодок.",
    "tr": "Geçen yaz beş yeni tekne aldık.",
    "hi": "पिछली गर्मियों में हमने पाँच नई नावें खरीदीं।",
}


@pytest.mark.parametrize("language", TEN_LANGUAGES)
@pytest.mark.parametrize("pace", [0.9, 1.1, 1.25])
def test_a_line_is_spoken_to_its_slot(language: str, pace: float) -> None:
    text = TEN_LANGUAGES[language]
    natural, _ = fit_synthesis(said_in(language), text, Slot(1, 100_000))
    slot = round(len(natural.samples) / natural.sample_rate / pace * 1000)
    speech, fit = fit_synthesis(said_in(language), text, Slot(slot, slot))
    assert fit.verdict == "fits" and bool(fit.reason) == (pace > 1.15)
    assert len(speech.samples) / speech.sample_rate * 1000 == pytest.approx(slot, rel=0.01)
    assert speech.phones[-1].end <= len(speech.samples)


def test_silence_that_neighbours_leave_comes_before_haste() -> None:
    natural, _ = fit_synthesis(said_in("es"), LINE, Slot(1, 100_000))
    length = len(natural.samples) * 1000 // natural.sample_rate
    speech, fit = fit_synthesis(said_in("es"), LINE, Slot(length * 9 // 10, length + 1))
    assert fit.speed == 1.0 and np.array_equal(speech.samples, natural.samples)


def test_a_voice_that_has_one_pace_is_stretched() -> None:
    class OnePace(EspeakSynthesizer):
        card = EspeakSynthesizer.card.model_copy(update={"abilities": (Ability.PHONES,)})

        def speak(self, text: str, language: str, speed: float, *told: Any) -> Speech:
            assert speed == 1, "it is not asked for what it cannot do"
            return super().speak(text, language, speed, *told)

    natural, _ = fit_synthesis(said_in("es"), LINE, Slot(1, 100_000))
    slot = round(len(natural.samples) / natural.sample_rate / 1.2 * 1000)
    speech, fit = fit_synthesis(Performer(OnePace(), "es").speak, LINE, Slot(slot, slot))
    assert len(speech.samples) / speech.sample_rate * 1000 == pytest.approx(slot, rel=0.01)
    assert fit.speed == pytest.approx(1.2, abs=0.01) and "hurried" in fit.reason
    said = [(p.symbol, p.start / p.end) for p in speech.phones if p.symbol]
    assert [symbol for symbol, _ in said] == [p.symbol for p in natural.phones if p.symbol]


def test_a_line_that_is_too_long_is_refused() -> None:
    speech, fit = fit_synthesis(said_in("es"), LINE, Slot(1000, 1200))
    assert fit.verdict == "refused" and fit.speed <= FASTEST + 0.02 and "shorten" in fit.reason
    assert len(speech.samples), "it is there to be heard"


def test_a_line_that_is_too_short_is_not_drawled() -> None:
    _, fit = fit_synthesis(said_in("es"), "Sí.", Slot(5000, 6000))
    assert fit.verdict == "short" and fit.speed >= SLOWEST


def test_phrases_begin_where_the_originals_do() -> None:
    text = "Compramos cinco barcos. Nadie me dijo nada, pero vinieron."
    slot = Slot(4600, 5000, ((0, 1500), (2400, 4600)))
    speech, fit = fit_synthesis(said_in("es"), text, slot)
    assert fit.phrases == 2 and not fit.reason
    pause = next(p for p in speech.phones if not p.symbol and p.start > 1000)
    after = next(p for p in speech.phones if p.symbol and p.start >= pause.end)
    assert after.start / speech.sample_rate == pytest.approx(2.43, abs=0.04)
    assert np.abs(speech.samples[pause.start : pause.end]).max() == 0
    _, plain = fit_synthesis(said_in("es"), "Compramos.", slot)
    assert plain.phrases == 1


def test_a_phrase_that_has_no_room_costs_the_pauses_not_the_line() -> None:
    slot = Slot(4000, 4500, ((0, 100), (400, 4000)))
    _, fit = fit_synthesis(said_in("es"), "Compramos cinco barcos. Nadie vino.", slot)
    assert fit.verdict in ("fits", "short") and fit.phrases == 1 and "pauses" in fit.reason


@pytest.mark.parametrize(
    ("text", "durations", "phrases"),
    [
        ("Come in. Sit down, please.", [500, 1000], ["Come in.", "Sit down, please."]),
        ("Come in. Sit down, please.", [1500, 500], ["Come in. Sit down,", "please."]),
        ("One two three four", [1, 1], ["One two", "three four"]),
        ("Come in.", [500, 500, 500], ["Come in."]),
        ("船を買った。誰も来なかった。", [1, 1], ["船を買った。", "誰も来なかった。"]),
        ("مرحبا، كيف حالك؟", [1, 2], ["مرحبا،", "كيف حالك؟"]),
        ("Hello", [], ["Hello"]),
        ("It costs 3.5 dollars", [1, 1], ["It costs", "3.5 dollars"]),
        ("We meet at 10:30 tomorrow", [2, 1], ["We meet at 10:30", "tomorrow"]),
        ("Hola. ¿Qué tal?", [1, 1], ["Hola.", "¿Qué tal?"]),
        ("...I know what you did", [1, 9], ["...I", "know what you did"]),
        ("— No. I know.", [1, 1], ["— No.", "I know."]),
    ],
)
def test_text_is_split_where_it_breathes(
    text: str, durations: list[int], phrases: list[str]
) -> None:
    assert phrases_of_text(text, durations) == phrases


@given(st.lists(st.sampled_from("ab. ,!"), max_size=40), st.lists(st.integers(1, 9), max_size=6))
def test_splitting_loses_nothing(letters: list[str], durations: list[int]) -> None:
    text = "".join(letters)
    parts = phrases_of_text(text, durations)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert len(parts) in (1, len(durations))


def test_a_long_recording_is_stretched_within_bounds() -> None:
    tone = np.sin(2 * np.pi * 220 * np.arange(48000 * 2) / 48000).astype(np.float32) * 0.3
    fitted, fit = fit_recording(tone, 48000, Slot(1700, 1700))
    assert len(fitted) / 48000 == pytest.approx(1.7, rel=0.01)
    spectrum = np.abs(np.fft.rfft(fitted))
    assert np.argmax(spectrum) / len(fitted) * 48000 == pytest.approx(220, abs=2)
    assert fit.speed == pytest.approx(2 / 1.7, abs=0.01)


def test_a_recording_that_has_room_is_left_alone() -> None:
    tone = np.ones(48000, np.float32) * 0.1
    fitted, fit = fit_recording(tone, 48000, Slot(1200, 1500))
    assert fitted is tone and fit.speed == 1.0


def test_the_phrases_of_a_recording_are_moved_to_the_originals() -> None:
    tone = (np.sin(np.arange(48000) * 0.05) * 0.3).astype(np.float32)
    recording = np.concatenate([tone, np.zeros(24000, np.float32), tone])
    slot = Slot(4000, 4200, ((0, 1100), (2500, 4000)))
    fitted, fit = fit_recording(recording, 48000, slot)
    assert fit.phrases == 2 and fit.speed == 1.0
    assert np.abs(fitted[int(1.1 * 48000) : int(2.45 * 48000)]).max() == 0
    assert np.abs(fitted[int(2.5 * 48000) : int(2.6 * 48000)]).max() > 0.2
    same, fit = fit_recording(recording, 48000, Slot(4000, 4200, ((0, 9), (20, 30), (40, 50))))
    assert same is recording and "pauses are its own" in fit.reason


@pytest.mark.parametrize("shift", [0.0, 0.35])
def test_phones_of_a_recording_are_found(voice: EspeakSynthesizer, shift: float) -> None:
    spoken = voice.speak(LINE, "es-419", 0.9)
    lead = int(shift * spoken.sample_rate)
    recording = np.pad(spoken.samples, (lead, lead))
    found = EspeakDtwAligner().align(recording, spoken.sample_rate, LINE, "es")
    truth = [(p.symbol, p.start + lead) for p in spoken.phones if p.symbol]
    timed = [(p.symbol, p.start) for p in found if p.symbol]
    assert len(truth) == len(timed)
    errors = [abs(a - b) / spoken.sample_rate for (_, a), (_, b) in zip(truth, timed, strict=True)]
    assert np.median(errors) < 0.010 and np.percentile(errors, 90) < 0.030


def test_phones_are_found_in_noise(voice: EspeakSynthesizer) -> None:
    spoken = voice.speak(LINE, "es", 1.1)
    noise = np.random.default_rng(5).normal(0, 0.01, len(spoken.samples)).astype(np.float32)
    found = EspeakDtwAligner().align(spoken.samples + noise, spoken.sample_rate, LINE, "es")
    truth = [p.start for p in spoken.phones if p.symbol]
    timed = [p.start for p in found if p.symbol]
    errors = np.abs(np.array(truth) - timed) / spoken.sample_rate
    assert np.median(errors) < 0.016


def test_a_silent_recording_is_refused() -> None:
    with pytest.raises(DubwrightError, match="silent"):
        EspeakDtwAligner().align(np.zeros(48000, np.float32), 48000, LINE, "es")


def test_a_recorded_take_is_trimmed_and_timed(voice: EspeakSynthesizer, tmp_path: Path) -> None:
    spoken = voice.speak("Mama, papa.", "es", 1.0)
    silence = spoken.sample_rate
    write_wav(tmp_path / "in.wav", np.pad(spoken.samples, (silence, silence)), spoken.sample_rate)
    cue = Cue(id="c1", speaker="s", start_ms=0, end_ms=2000, text={"es": "Mama, papa."})
    take = recorded_take(EspeakDtwAligner(), tmp_path / "in.wav", cue, "es", 2500, tmp_path)
    samples, rate = read_mono(tmp_path / take.audio)
    assert rate == 48000 and len(samples) == take.length
    assert abs(take.length / 48000 - len(spoken.samples) / spoken.sample_rate) < 0.12
    assert next(p.symbol for p in take.phones if p.symbol) == "m"


def test_trimming_keeps_all_that_sounds() -> None:
    sound = np.zeros(48000, np.float32)
    sound[20000:30000] = 0.5
    kept = trimmed(sound, 48000)
    assert np.count_nonzero(kept) == 10000 and len(kept) < 10000 + 2 * 48000 * 0.05


def _tone(seconds: float, level: float, channels: int = 2) -> np.ndarray:
    wave = level * np.sin(2 * np.pi * 300 * np.arange(int(seconds * MIX_RATE)) / MIX_RATE)
    return np.repeat(wave[:, None], channels, 1).astype(np.float32)


def test_the_m_and_e_stem_is_kept_to_the_sample() -> None:
    effects = _tone(4, 0.1)
    dialogue = _tone(4, 0.2)
    take = PlacedTake(_tone(1, 0.05), MIX_RATE, 2 * MIX_RATE)
    stems = mix_stems(Original(dialogue, effects, None), [take], [], 0, 4 * MIX_RATE)
    assert np.array_equal(stems.effects, effects)
    assert not stems.dialogue[: MIX_RATE - 1].any() and not stems.dialogue[2 * MIX_RATE + 1 :].any()


def test_a_take_is_raised_towards_the_line_it_replaces_by_at_most_12_db() -> None:
    take = _tone(1.5, 0.05, 1)[:, 0]
    for level, raised in ((0.07, 0.07 / 0.05), (0.4, 10 ** (12 / 20))):
        spoken = placed(take, 0, MIX_RATE, _tone(1.5, level), centred(2), STEREO).samples
        assert np.abs(spoken).max() == pytest.approx(
            0.05 * raised * 0.5**0.5 * (2**0.5 if raised < 2 else 1), rel=0.03
        )
        assert np.array_equal(spoken[:, 0], spoken[:, 1])


def test_a_take_begins_and_ends_without_a_click() -> None:
    take = np.full(MIX_RATE, 0.2, np.float32)
    spoken = placed(take, 0, MIX_RATE, None, centred(2), STEREO).samples
    assert np.abs(np.diff(np.pad(spoken, ((1, 1), (0, 0))), axis=0)).max() < 0.01 * spoken.max()


def _clip(path: Path, stem: str, start: int, length: int) -> SoundClip:
    return SoundClip(path, stem, Fraction(start), Fraction(0), Fraction(length))  # type: ignore[arg-type]


def test_the_timelines_sound_is_gathered_into_stems(tmp_path: Path) -> None:
    centre = np.zeros((MIX_RATE, 6), np.float32)
    centre[:, 2] = 0.5
    write_wav(tmp_path / "dx.wav", centre, MIX_RATE)
    write_wav(tmp_path / "other.wav", np.full((MIX_RATE, 1), 0.1, np.float32), MIX_RATE)
    clips = [_clip(tmp_path / "dx.wav", "DX", 1, 1), _clip(tmp_path / "other.wav", "mix", 2, 1)]
    whole = gather_original(clips, 0, 4 * MIX_RATE)
    assert whole.dialogue is not None and whole.effects is not None and whole.mix is None
    assert np.allclose(whole.dialogue[MIX_RATE + 9 : 2 * MIX_RATE - 9], 0.5 * 0.5**0.5, atol=1e-4)
    assert np.allclose(whole.effects[2 * MIX_RATE + 9 : 3 * MIX_RATE - 9], 0.1, atol=1e-4)
    part = gather_original(clips, MIX_RATE // 2, 5 * MIX_RATE // 2)
    assert part.dialogue is not None
    assert np.allclose(part.dialogue, whole.dialogue[MIX_RATE // 2 : 5 * MIX_RATE // 2], atol=1e-6)


def test_stems_that_are_mixed_part_by_part_are_those_mixed_at_once() -> None:
    line = (_tone(1, 0.05, 1)[:, 0], MIX_RATE, 2 * MIX_RATE)
    take = placed(*line, _tone(1, 0.2), centred(2), STEREO)
    original, kept = Original(_tone(4, 0.1), None, None), [(2 * MIX_RATE, 3 * MIX_RATE)]
    for of in (original, Original(None, None, _tone(4, 0.1))):
        whole = mix_stems(of, [take], kept, 0, 4 * MIX_RATE)
        edges = [0, MIX_RATE - 7, MIX_RATE * 3 // 2, 2 * MIX_RATE + 300, 4 * MIX_RATE]
        parts = []
        for start, end in itertools.pairwise(edges):
            stems = (of.dialogue, of.effects, of.mix)
            cut = Original(*(None if stem is None else stem[start:end] for stem in stems))
            parts.append(mix_stems(cut, [take], kept, start, end))
        for name in ("dialogue", "effects", "mix"):
            joined = np.concatenate([getattr(part, name) for part in parts])
            assert np.allclose(joined, getattr(whole, name), atol=1e-6), name


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_sound_that_is_gathered_part_by_part_joins(tmp_path: Path, rate: int) -> None:
    rng = np.random.default_rng(1)
    write_wav(tmp_path / "a.wav", rng.uniform(-0.5, 0.5, (4 * rate, 2)).astype(np.float32), rate)
    clips = [_clip(tmp_path / "a.wav", "mix", 1, 3)]
    whole = gather_original(clips, 0, 5 * MIX_RATE).mix
    parts = [
        gather_original(clips, n * MIX_RATE // 2, (n + 1) * MIX_RATE // 2).mix for n in range(10)
    ]
    joined = np.concatenate([part for part in parts if part is not None])
    assert whole is not None and np.abs(joined - whole).max() < 2e-3


def test_before_a_recording_begins_it_is_silent(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.full((MIX_RATE, 2), 0.25, np.float32), MIX_RATE)
    clip = SoundClip(tmp_path / "a.wav", "mix", Fraction(0), Fraction(-1, 4), Fraction(1))
    mix = gather_original([clip], 0, MIX_RATE).mix
    assert mix is not None and not mix[: MIX_RATE // 4].any()
    assert np.allclose(mix[MIX_RATE // 4 :], 0.25, atol=1e-4)


@pytest.mark.parametrize("speed", ["2", "1/2", "-1", "-5/4", "1001/1000"])
@pytest.mark.parametrize("rate", [48000, 44100])
def test_sound_runs_at_the_speed_of_its_clip(tmp_path: Path, speed: str, rate: int) -> None:
    # Each sample says when it is: eight seconds from -0.5 to 0.5.
    moments = np.linspace(-0.5, 0.5, 8 * rate, endpoint=False, dtype=np.float32)
    write_wav(tmp_path / "a.wav", np.repeat(moments[:, None], 2, 1), rate)
    at = Fraction(speed)
    clip = SoundClip(tmp_path / "a.wav", "mix", Fraction(1), Fraction(3), Fraction(2), at)
    parts = [
        gather_original([clip], n * MIX_RATE // 2, (n + 1) * MIX_RATE // 2).mix for n in range(8)
    ]
    heard = np.concatenate([part for part in parts if part is not None])[:, 0]
    assert not heard[: MIX_RATE - 1].any() and not heard[3 * MIX_RATE + 1 :].any()
    inside = np.arange(MIX_RATE + 50, 3 * MIX_RATE - 50)
    seconds = 3 + (inside / MIX_RATE - 1) * float(at)
    assert np.abs(heard[inside] - (seconds / 8 - 0.5)).max() < 2e-5


def test_sound_backwards_from_after_the_end_is_silent_first(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.full((MIX_RATE, 2), 0.25, np.float32), MIX_RATE)
    clip = SoundClip(tmp_path / "a.wav", "mix", Fraction(0), Fraction(2), Fraction(2), Fraction(-1))
    mix = gather_original([clip], 0, 2 * MIX_RATE).mix
    assert mix is not None and not mix[: MIX_RATE - 9].any()
    assert np.allclose(mix[MIX_RATE + 9 :], 0.25, atol=1e-4)


def test_efforts_that_overlap_are_kept_once() -> None:
    dialogue = _tone(2, 0.1)
    kept = [(0, MIX_RATE), (MIX_RATE // 2, 2 * MIX_RATE)]
    stems = mix_stems(Original(dialogue, None, None), [], kept, 0, 2 * MIX_RATE)
    assert np.abs(stems.dialogue).max() == pytest.approx(0.1, rel=0.01)


def test_efforts_keep_their_own_sound() -> None:
    dialogue = _tone(4, 0.2)
    kept = (MIX_RATE, 2 * MIX_RATE)
    stems = mix_stems(Original(dialogue, _tone(4, 0.0), None), [], [kept], 0, 4 * MIX_RATE)
    assert np.allclose(stems.dialogue[kept[0] : kept[1], 0], dialogue[kept[0] : kept[1], 0])
    assert not stems.dialogue[: MIX_RATE // 2].any()


def test_without_stems_the_mix_is_lowered_under_each_line() -> None:
    mix = _tone(4, 0.2)
    take = PlacedTake(np.zeros((MIX_RATE, 2), np.float32), MIX_RATE, 2 * MIX_RATE)
    stems = mix_stems(Original(None, None, mix), [take], [], 0, 4 * MIX_RATE)
    under = np.abs(stems.effects[MIX_RATE + 100 : 2 * MIX_RATE - 100]).max()
    assert under == pytest.approx(0.2 * 10 ** (-24 / 20), rel=0.02)
    assert np.allclose(stems.effects[: MIX_RATE // 2], mix[: MIX_RATE // 2])
    assert "approximate" in stems.note


def test_a_voice_changes_the_sound_and_keeps_the_words(voice: EspeakSynthesizer) -> None:
    usual, low = (voice.speak(LINE, "es", 1.0, name) for name in ("", "m7"))
    assert [phone.symbol for phone in usual.phones] == [phone.symbol for phone in low.phones]
    length = min(len(usual.samples), len(low.samples))
    assert np.abs(usual.samples[:length] - low.samples[:length]).max() > 0.1


def test_an_unknown_voice_is_named_with_those_that_exist(voice: EspeakSynthesizer) -> None:
    with pytest.raises(DubwrightError, match="voice") as caught:
        voice.speak(LINE, "es", 1.0, "caruso")
    assert "f1" in caught.value.repair
