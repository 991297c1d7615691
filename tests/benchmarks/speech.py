"""Speech: alignment, voices, fit, loudness, separation, recognition's wiring, speed and memory.

    python tests/benchmarks/speech.py [--quick] [--json FILE]

Alignment is measured in milliseconds between where phones begin and where they are found to: on
espeak-ng's other voices, through a made room with noise; and, where the programs are installed, on
voices of Festival that are cut from recordings of people (Debian: festival festvox-kallpc16k
festvox-us-slt-hts festvox-italp16k), of phones that both name alike. `refined` is after the speaker
has taught it. Voices are how alike espeak-ng's usual one (`floor`), the same matched to a speaker
and other lines of that speaker (`ceiling`) are to the speaker's own lines: cosines of Resemblyzer's
prints. Fit is the largest part of a slot that a take is longer or shorter than asked, over ten
languages and three paces. Loudness is the largest error over all specifications, in LU. Separation
is on a made mix of a voice in the middle, chords at five places and noise: SI-SDR of the background
in dB before and after, and how much of the voice is left. `x` figures are times as fast as the
sound lasts, on one process; memory is the peak of a process that finds speech and a script in one
minute and in thirty (Linux only).
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from dubwright.dialogue import read_subtitles
from dubwright.engines import Aligner, EngineKind, Speech, engine, engine_card
from dubwright.media.audio import loudness_lufs, read_audio, resampled, write_wav
from dubwright.media.mastering import SPECS
from dubwright.media.movie import read_movie_audio
from dubwright.model import Phone
from dubwright.operations.align_stages import locate_lines, read_lines
from dubwright.operations.master import master_stems
from dubwright.operations.speech_stages import find_speech
from dubwright.operations.task import Context, Task
from dubwright.speech.activity import ACTIVITY_RATE, speech_ranges
from dubwright.speech.engines.espeak import EspeakSynthesizer
from dubwright.speech.fit import Slot, fit_synthesis
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.perform import Performer
from dubwright.speech.refine import Example, retimed, trained
from dubwright.speech.separate import without_middle
from dubwright.speech.soundtrack import SoundClip
from dubwright.speech.timbre import matched, timbre_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _common import Figures, run
from tiny_models import WHISPER_LINE, scripted_whisper

Samples = NDArray[np.float32]

LINES = {
    "en": ["We bought five new boats last summer, before the storm.",
           "Nobody told me about the lighthouse.", "My brother plays the piano every evening."],
    "es": ["Compramos cinco barcos nuevos el verano pasado.", "Nadie me dijo nada del faro.",
           "Mi hermano toca el piano todas las tardes."],
    "de": ["Wir haben letzten Sommer fünf neue Boote gekauft.",
           "Niemand hat mir vom Leuchtturm erzählt.", "Mein Bruder spielt jeden Abend Klavier."],
    "fr": ["Nous avons acheté cinq bateaux neufs l'été dernier.",
           "Personne ne m'a parlé du phare.", "Mon frère joue du piano tous les soirs."],
    "pl": ["Kupiliśmy zeszłego lata pięć nowych łodzi.",
           "Nikt mi nie powiedział o latarni morskiej.", "Mój brat gra na pianinie co wieczór."],
    "it": ["Abbiamo comprato cinque barche nuove la scorsa estate."],
    "pt": ["Compramos cinco barcos novos no verão passado."],
    "ru": ["Прошлым летом мы купили пять новых лодок."],
    "tr": ["Geçen yaz beş yeni tekne aldık."],
    "hi": ["पिछली गर्मियों में हमने पाँच नई नावें खरीदीं।"],
}  # fmt: skip
ALIGNED = ("en", "es", "de", "fr", "pl")
VOICES = ("m3", "f2", "m7", "f5")
FESTIVAL = {
    "kal": ("voice_kal_diphone", "en"),
    "slt": ("voice_cmu_us_slt_arctic_hts", "en"),
    "lp": ("voice_lp_diphone", "it"),
}
TEXTS = {
    "en": [
        "We bought five new boats last summer before the storm.",
        "Nobody told me about the lighthouse.", "My brother plays the piano every evening.",
        "Please put the big box over there by the window.",
        "She found a small bird under the kitchen table.",
        "They never came back from the old harbour.",
        "A good friend is hard to find in this town.",
        "The weather was cold and the road was long.",
        "Give me the map and show me the way home.", "I will see you tomorrow morning at seven.",
    ],
    "it": [
        "Abbiamo comprato cinque barche nuove la scorsa estate.",
        "Nessuno mi ha parlato del faro.", "Mio fratello suona il pianoforte ogni sera.",
        "Metti la scatola grande vicino alla finestra.",
        "Ha trovato un piccolo uccello sotto il tavolo.",
        "Non sono mai tornati dal vecchio porto.",
        "Il tempo era freddo e la strada era lunga.",
    ],
}  # fmt: skip
VOWELS = frozenset("aeiouyɑɐɒæɛɜɝəɚɘɵɤɪʏʊɯɨʉøœɔʌɞɶ")
# What espeak-ng's IPA and Festival's names have in common: broad classes.
OF_IPA = {
    **dict.fromkeys("pb", "p"), **dict.fromkeys("fv", "f"), **dict.fromkeys("tdɾ", "t"),
    **dict.fromkeys("sz", "s"), **dict.fromkeys("ʃʒ", "S"), **dict.fromkeys("θð", "T"),
    **dict.fromkeys("kɡg", "k"), **dict.fromkeys("lɫʎ", "l"), **dict.fromkeys("rɹ", "r"),
    "m": "m", "n": "n", "ɲ": "n", "ŋ": "N", "w": "w", "j": "j", "h": "h",
}  # fmt: skip
OF_FESTIVAL = {
    "ch": "C", "jh": "C", "sh": "S", "zh": "S", "th": "T", "dh": "T", "ng": "N", "hh": "h",
    "y": "j", "b": "p", "g": "k", "d": "t", "v": "f", "z": "s",
}  # fmt: skip
Row = tuple[str, str, Samples, int, list[tuple[str, float]]]


def measure(quick: bool) -> Figures:
    figures = _alignment(quick)
    if shutil.which("festival"):
        for name in list(FESTIVAL)[: 1 if quick else None]:
            figures |= _festival(name, 4 if quick else None)
    else:
        print("festival is not installed: its voices are left out", file=sys.stderr)
    return figures | _voices(quick) | _fit(quick) | _mix() | _hearing() | _memory(quick)


def _alignment(quick: bool) -> Figures:
    """espeak-ng's other voices through a room."""
    voice, aligner = EspeakSynthesizer(), engine("espeak-dtw", EngineKind.ALIGNER)
    errors: list[float] = []
    seconds = spent = 0.0
    for language in ALIGNED[: 1 if quick else None]:
        for text in LINES[language]:
            for name in VOICES[: 2 if quick else None]:
                said = voice.speak(text, language, 1.0, name)
                sound = _in_a_room(said.samples, said.sample_rate)
                began = time.perf_counter()
                found = aligner.align(sound, said.sample_rate, text, language)
                spent += time.perf_counter() - began
                seconds += len(sound) / said.sample_rate
                truth = [(p.symbol, p.start / said.sample_rate) for p in said.phones if p.symbol]
                errors += _errors(truth, _starts(found, said.sample_rate, lambda s: s))
    return _spread("alignment.espeak_voices", errors) | {"x.align": seconds / spent}


def _festival(name: str, lines: int | None) -> Figures:
    """A voice that is cut from recordings, aligned by reading, taught, and by PocketSphinx."""
    rows = list(_festival_lines(name, lines))
    dtw = engine("espeak-dtw", EngineKind.ALIGNER)
    figures = _aligned(f"alignment.{name}", dtw, rows)
    voice = EspeakSynthesizer()
    examples, readings = [], []
    for text, language, sound, rate, _ in rows:
        examples.append(Example(sound, rate, dtw.align(sound, rate, text, language)))
        reading = voice.speak(text, language, 1.0)
        readings.append(Example(reading.samples, reading.sample_rate, reading.phones))
    model = trained(examples, readings)
    assert model is not None
    errors: list[float] = []
    for example, (_, _, _, rate, truth) in zip(examples, rows, strict=True):
        again = retimed(example, model)
        errors += _errors(_classes(truth), _starts(again, rate, _of_ipa))
    figures |= _spread(f"alignment.{name}.refined", errors)
    if rows[0][1] == "en":
        best = engine("embedded-aligner", EngineKind.ALIGNER)
        figures |= _aligned(f"alignment.{name}.embedded", best, rows)
    return figures


def _voices(quick: bool) -> Figures:
    """How alike voices are (cosine of Resemblyzer's prints): to a speaker's own lines, espeak-ng's
    usual voice, the same matched to them, and other lines of theirs."""
    diarizer = engine_card("resemblyzer", EngineKind.DIARIZER)
    if diarizer.missing_packages:
        print("resemblyzer is not installed: voices are left out", file=sys.stderr)
        return {}
    figures: Figures = {}
    for name, language, rows in _speakers(quick):
        aligner = engine("embedded-aligner", EngineKind.ALIGNER)
        taught = len(rows) * 2 // 3
        lines = [
            Speech(sound, rate, aligner.align(sound, rate, text, language))
            for text, sound, rate in rows[:taught]
        ]
        timbre = timbre_of(lines)
        assert timbre is not None
        own = _print([(sound, rate) for _, sound, rate in rows[:taught]])
        said = [EspeakSynthesizer().speak(text, "es", 1.0) for text in LINES["es"]]
        others = {
            "floor": said,
            "matched": [matched(speech, timbre) for speech in said],
            "ceiling": [Speech(sound, rate, ()) for _, sound, rate in rows[taught:]],
        }
        for title, speeches in others.items():
            found = _print([(speech.samples, speech.sample_rate) for speech in speeches])
            figures[f"voice.{name}.{title}"] = float(own @ found)
    return figures


def _print(parts: Sequence[tuple[Samples, int]]) -> Samples:
    diarizer = engine("resemblyzer", EngineKind.DIARIZER)
    sound = np.concatenate([resampled(part, rate, ACTIVITY_RATE) for part, rate in parts])
    prints: Samples = diarizer.prints(sound, ACTIVITY_RATE, [(0, len(sound))])
    return prints[0]


def _speakers(quick: bool) -> Iterator[tuple[str, str, list[tuple[str, Samples, int]]]]:
    """Each with a language and lines: texts, samples and rates."""
    if shutil.which("festival"):
        for name in list(FESTIVAL)[: 1 if quick else None]:
            rows = [(text, sound, rate) for text, _, sound, rate, _ in _festival_lines(name, None)]
            yield name, FESTIVAL[name][1], rows
    footage = os.environ.get("DUBWRIGHT_FOOTAGE")
    if footage and not quick:
        sound, rate = read_movie_audio(Path(footage) / "od.mp4")
        lines = read_subtitles(Path(footage) / "od.en.srt")
        mono = sound.mean(axis=1)
        parts = [(line, mono[line.start_ms * rate // 1000 : line.end_ms * rate // 1000])
                 for line in lines]  # fmt: skip
        yield "od", "en", [(line.text, part, rate) for line, part in parts if len(part) > rate]


def _aligned(title: str, aligner: Aligner, rows: Sequence[Row]) -> Figures:
    errors: list[float] = []
    for text, language, sound, rate, truth in rows:
        found = aligner.align(sound, rate, text, language)
        errors += _errors(_classes(truth), _starts(found, rate, _of_ipa))
    return _spread(title, errors)


def _festival_lines(name: str, lines: int | None) -> Iterator[Row]:
    voice, language = FESTIVAL[name]
    for text in TEXTS[language][:lines]:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            script = folder / "line.scm"
            script.write_text(
                f'({voice})\n(set! u (utt.synth (Utterance Text "{text}")))\n'
                f'(utt.save.wave u "{folder}/x.wav")\n(utt.save.segs u "{folder}/x.lab")\n',
                encoding="latin-1",
            )
            subprocess.run(["festival", "-b", str(script)], check=True, capture_output=True)
            sound, rate = soundfile.read(folder / "x.wav", dtype="float32")
            ends = [line.split() for line in (folder / "x.lab").read_text().splitlines()]
        phones, at = [], 0.0
        for end in ends:
            if len(end) == 3 and end[0] != "#":
                phones.append((end[2], at))
                at = float(end[0])
        silent = ("pau", "#", "h#", "ssil")
        yield text, language, sound, rate, [p for p in phones if p[0] not in silent]


def _classes(truth: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    def of(name: str) -> str:
        plain = name.lower()
        vowel = plain[0] in "aeiou" or plain == "er"
        return OF_FESTIVAL.get(plain) or ("V" if vowel else plain[0])

    return [(of(name), at) for name, at in truth]


def _of_ipa(symbol: str) -> str:
    if symbol[:2] in ("tʃ", "dʒ"):
        return "C"
    return "V" if symbol[:1] in VOWELS else OF_IPA.get(symbol[:1], "?")


def _starts(
    phones: Sequence[Phone], rate: int, name: Callable[[str], str]
) -> list[tuple[str, float]]:
    return [(name(p.symbol), p.start / rate) for p in phones if p.symbol]


def _errors(truth: Sequence[tuple[str, float]], found: Sequence[tuple[str, float]]) -> list[float]:
    """How far apart starts are, in ms, of phones that both have in the same order."""
    matcher = difflib.SequenceMatcher(
        None, [name for name, _ in truth], [name for name, _ in found], autojunk=False
    )
    return [
        abs(found[block.b + n][1] - truth[block.a + n][1]) * 1000
        for block in matcher.get_matching_blocks()
        for n in range(block.size)
    ]


def _spread(title: str, errors: Sequence[float]) -> Figures:
    return {
        f"{title}.median_ms": float(np.median(errors)),
        f"{title}.p90_ms": float(np.percentile(errors, 90)),
    }


def _in_a_room(samples: Samples, rate: int) -> Samples:
    """As a microphone near to the speaker hears it in a room of 0.4 s, with noise."""
    random = np.random.default_rng(0)
    times = np.arange(rate // 4) / rate
    tail = random.normal(0, 1, len(times)) * np.exp(-times / 0.06)
    tail[0] = 50
    wet = fftconvolve(samples, tail / np.sqrt((tail**2).sum()))[: len(samples)]
    return (wet + random.normal(0, 0.003 * np.abs(wet).max(), len(wet))).astype(np.float32)


def _fit(quick: bool) -> Figures:
    voice = EspeakSynthesizer()
    worst = 0.0
    for language in list(LINES)[: 3 if quick else None]:
        text = LINES[language][0]
        natural, _ = fit_synthesis(Performer(voice, language).speak, text, Slot(1, 100_000))
        for pace in (0.9, 1.1, 1.28):
            slot = round(len(natural.samples) * 1000 / natural.sample_rate / pace)
            speech, _ = fit_synthesis(Performer(voice, language).speak, text, Slot(slot, slot))
            length = len(speech.samples) * 1000 / speech.sample_rate
            worst = max(worst, abs(length / slot - 1))
    return {"fit.worst_error": worst}


def _mix() -> Figures:
    """Loudness to every specification, and a made mix without its middle."""
    speech, background = _voice_and_background()
    mix = background + speech[:, None]
    worst = 0.0
    for spec in SPECS.values():
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for name, samples in (
                ("DX", np.repeat(speech[:, None], 2, 1)),
                ("ME", background),
                ("mix", mix),
            ):
                write_wav(folder / f"{name}.wav", samples, MIX_RATE)
            master_stems(folder, spec)
            anchor = "DX" if spec.anchor == "dialogue" else "mix"
            heard = read_audio(folder / f"{anchor}.wav")[0]
            reached = loudness_lufs(heard, MIX_RATE)
            assert reached is not None
            worst = max(worst, abs(reached - spec.target_lufs))
    began = time.perf_counter()
    rest = without_middle(mix, MIX_RATE)
    spent = time.perf_counter() - began
    left = float((rest.mean(axis=1) * speech).sum() / (speech**2).sum())
    return {
        "loudness.worst_error_lu": worst,
        "separation.si_sdr_before_db": _si_sdr(mix, background),
        "separation.si_sdr_after_db": _si_sdr(rest, background),
        "separation.voice_left_db": 20 * float(np.log10(abs(left) + 1e-9)),
        "x.separation": len(mix) / MIX_RATE / spent,
    }


def _voice_and_background() -> tuple[Samples, Samples]:
    voice = EspeakSynthesizer()
    said = [voice.speak(text, "en", 1.0, "m3") for text in LINES["en"]]
    speech = 0.4 * np.concatenate([resampled(s.samples, s.sample_rate, MIX_RATE) for s in said])
    random = np.random.default_rng(1)
    times = np.arange(len(speech)) / MIX_RATE
    background = random.normal(0, 0.3, (len(speech), 2))
    for pitch, place in ((220, 0.2), (277, 0.8), (330, 0.35), (440, 0.65), (110, 0.5)):
        chord = sum(np.sin(2 * np.pi * pitch * n * times + n * n) / n for n in range(1, 8))
        angle = place * np.pi / 2
        background += np.outer(chord, (np.cos(angle), np.sin(angle)))
    background *= 0.8 * speech.std() / background.std()
    return speech.astype(np.float32), background.astype(np.float32)


def _si_sdr(found: Samples, wanted: Samples) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al., 2019), dB."""
    scaled = wanted * ((found * wanted).sum() / (wanted**2).sum())
    return float(10 * np.log10((scaled**2).sum() / ((found - scaled) ** 2).sum()))


def _hearing() -> Figures:
    """Speed of finding speech, and of the recogniser's wiring on the scripted model."""
    sound = np.resize(EspeakSynthesizer().speak(LINES["en"][0], "en", 1.0).samples, 22050 * 120)
    heard = resampled(sound, 22050, ACTIVITY_RATE)
    began = time.perf_counter()
    speech = speech_ranges([heard])
    figures = {"x.find_speech": 120 / (time.perf_counter() - began)}
    if engine_card("whisper-timestamped", EngineKind.TRANSCRIBER).missing_packages:
        return figures
    with tempfile.TemporaryDirectory() as temporary:
        model = scripted_whisper(Path(temporary))
        transcriber = engine("whisper-timestamped", EngineKind.TRANSCRIBER, model)
        transcriber.languages()
        part = heard[: 30 * ACTIVITY_RATE]
        inside = [(a, min(b, len(part))) for a, b in speech if a < len(part)]
        began = time.perf_counter()
        found = transcriber.transcribe(part, ACTIVITY_RATE, inside, "en")
        spent = time.perf_counter() - began
    said, script = [word.text for word in found.words], WHISPER_LINE.split()
    right = sum(a == b for a, b in zip(said, script * len(said), strict=False))
    return figures | {
        "asr.words_right": right / max(1, len(said)),
        "x.asr_wiring": 30 / spent,
    }


def _memory(quick: bool) -> Figures:
    long = 5 if quick else 30
    peaks = {}
    with tempfile.TemporaryDirectory() as temporary:
        for minutes in (1, long):
            done = subprocess.run(
                [sys.executable, __file__, "--work", temporary, str(minutes)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            peaks[minutes], speed = json.loads(done.stdout)
    return {
        "memory.peak_mb_1_minute": peaks[1],
        f"memory.peak_mb_{long}_minutes": peaks[long],
        "memory.ratio": peaks[long] / peaks[1],
        "x.find_script": speed,
    }


def _work(folder: Path, minutes: int) -> None:
    """Find speech and a script in so many minutes; print the peak memory and the speed."""
    texts, path = _spoken_file(folder / f"{minutes}.wav", minutes)
    samples = minutes * 60 * MIX_RATE
    sounds = [SoundClip(path, "mix", Fraction(0), Fraction(0), Fraction(minutes * 60)).as_json()]

    def stage(
        name: str, work: Callable[[Context], None], told: dict[str, object], *inputs: str
    ) -> None:
        made = folder / f"{minutes}-{name}"
        made.mkdir()
        task = Task(name, 1, told, where={"sounds": sounds})
        places = {other: folder / f"{minutes}-{other}" for other in inputs}
        work(Context(task, places, made, lambda: None, 8))

    began = time.perf_counter()
    stage("speech", find_speech, {"samples": samples})
    stage("readings", read_lines, {"texts": texts, "language": "en"})
    stage("located", locate_lines, {"samples": samples}, "speech", "readings")
    spent = time.perf_counter() - began
    # Not getrusage: what it tells was the parent's, if that was larger.
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps([peak, minutes * 60 / spent]))


def _spoken_file(path: Path, minutes: int) -> tuple[list[str], Path]:
    """A few lines again and again, written block by block."""
    voice = EspeakSynthesizer()
    said = [
        np.pad(resampled(s.samples, s.sample_rate, MIX_RATE), (MIX_RATE, 0))
        for s in (voice.speak(text, "en", 1.0, "m3") for text in TEXTS["en"])
    ]
    texts, left = [], minutes * 60 * MIX_RATE
    with soundfile.SoundFile(path, "w", MIX_RATE, 1, "PCM_16") as file:
        while left > 0:
            sound = said[len(texts) % len(said)][:left]
            file.write(sound)
            left -= len(sound)
            texts.append(TEXTS["en"][len(texts) % len(said)])
    return texts, path


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        _work(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        run("Speech: alignment, fit, loudness, separation, speed, memory.", measure)
