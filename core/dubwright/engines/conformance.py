"""What every engine of a protocol must do, for the authors of engines to test theirs.

    from dubwright.engines.conformance import synthesizer_faults
    assert synthesizer_faults(MyVoice(), "es", "Mama, papa.") == []

Each function returns the faults that it found, as sentences; none means that the engine conforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines.card import Ability, EngineCard, EngineKind
from dubwright.engines.protocols import (
    Aligner,
    Diarizer,
    FaceParser,
    FaceTracker,
    LibraryView,
    MouthGenerator,
    MouthPredictor,
    MouthRenderer,
    PhoneRecognizer,
    PlateView,
    Region,
    Separator,
    SpeechEncoder,
    Synthesizer,
    Transcriber,
    Translator,
    VoiceSample,
)
from dubwright.model import Articulation, MouthCurves, Patch, Performance, Phone

__all__ = [
    "aligner_faults",
    "card_faults",
    "diarizer_faults",
    "face_parser_faults",
    "face_tracker_faults",
    "mouth_generator_faults",
    "mouth_predictor_faults",
    "mouth_renderer_faults",
    "phone_recognizer_faults",
    "separator_faults",
    "speech_encoder_faults",
    "synthesizer_faults",
    "transcriber_faults",
    "translator_faults",
]

LANDMARKS: Final = (478, 3)


def card_faults(card: EngineCard, kind: EngineKind) -> list[str]:
    """Faults of an engine's card."""
    faults = []
    if card.kind != kind:
        faults.append(f"the card says {card.kind}, not {kind}")
    if not card.licence.strip():
        faults.append("the card names no licence")
    return faults


def transcriber_faults(
    engine: Transcriber, samples: NDArray[np.float32], sample_rate: int
) -> list[str]:
    """Faults of a transcriber on a recording of speech, and where nobody speaks."""
    faults = card_faults(engine.card, EngineKind.TRANSCRIBER)
    speech = [(0, len(samples))]
    languages = engine.languages()
    if not languages:
        faults.append("languages() lists none")
    for language in (None, *sorted(languages)[:1]):
        heard = engine.transcribe(samples, sample_rate, speech, language)
        if heard != engine.transcribe(samples, sample_rate, speech, language):
            faults.append("the same recording is heard otherwise the second time")
        if language is not None and heard.language != language:
            faults.append(f"told that it is {language}, it says {heard.language}")
        edges = [edge for word in heard.words for edge in (word.start, word.end)]
        if edges != sorted(edges) or not all(0 <= edge <= len(samples) for edge in edges):
            faults.append("words are out of order, or outside the recording")
        if not all(0 <= word.confidence <= 1 and word.text.strip() for word in heard.words):
            faults.append("a word has no text, or a confidence that is not between 0 and 1")
    if engine.transcribe(samples, sample_rate, [], None).words:
        faults.append("words are heard where nobody speaks")
    return faults


def translator_faults(engine: Translator, source: str, target: str) -> list[str]:
    """Faults of a translator on a pair of languages that it knows."""
    faults = card_faults(engine.card, EngineKind.TRANSLATOR)
    if not engine.translates(source, target):
        faults.append(f"translates() denies {source} to {target}")
    lines = ["Good morning.", "Where is the boat?", "Good morning."]
    found = engine.translate(lines, source, target, 3)
    if len(found) != len(lines):
        return [*faults, f"{len(found)} results for {len(lines)} lines"]
    if any(not 1 <= len(set(line)) == len(line) <= 3 for line in found):
        faults.append("a line has no candidate, too many, or one of them twice")
    if found[0] != found[2] or found != engine.translate(lines, source, target, 3):
        faults.append("the same line is translated otherwise the second time")
    if engine.translate(lines[1:2], source, target, 1)[0][0] != found[1][0]:
        faults.append("how many candidates are wished for changes which is best")
    if engine.translate([], source, target, 3):
        faults.append("there are translations of no line")
    return faults


def diarizer_faults(
    engine: Diarizer, samples: NDArray[np.float32], sample_rate: int, ranges: Sequence[Any]
) -> list[str]:
    """Faults of a diarizer on ranges of a recording that are all one voice's."""
    faults = card_faults(engine.card, EngineKind.DIARIZER)
    prints = engine.prints(samples, sample_rate, ranges)
    if prints.dtype != np.float32 or len(prints) != len(ranges):
        return [*faults, f"not one float32 print for each of {len(ranges)} ranges"]
    if not np.allclose(np.linalg.norm(prints, axis=1), 1, atol=1e-4):
        faults.append("a print's length is not 1")
    if not np.array_equal(prints, engine.prints(samples, sample_rate, ranges)):
        faults.append("the same voice has another print the second time")
    quiet = engine.prints(samples / np.float32(4), sample_rate, ranges)
    if (np.sum(prints * quiet, axis=1) < engine.same_voice).any():
        faults.append("a voice that is further away is another's")
    if len(engine.prints(samples, sample_rate, [])):
        faults.append("there are prints of no range")
    return faults


def synthesizer_faults(engine: Synthesizer, language: str, text: str) -> list[str]:
    """Faults of a voice that is asked to say `text`, in a language that it speaks."""
    faults = card_faults(engine.card, EngineKind.SYNTHESIZER)
    able = engine.card.abilities
    if engine.languages() and language not in engine.languages():
        faults.append(f"languages() does not list {language}")
    speech, again = engine.speak(text, language, 1.0), engine.speak(text, language, 1.0)
    faults += _sample_faults(speech.samples)
    if Ability.PHONES in able:
        faults += _phone_faults(speech.phones, len(speech.samples))
    elif speech.phones:
        faults.append("it tells phones, and its card does not list PHONES")
    if not np.array_equal(speech.samples, again.samples):
        faults.append("the same line gives other samples the second time")
    fast = engine.speak(text, language, 1.25)
    if Ability.PACE in able and len(fast.samples) >= len(speech.samples):
        faults.append("a faster pace does not give a shorter take")
    for ability, (performance, sample) in _asked(engine.card).items():
        asked = engine.speak(text, language, 1.0, "", performance, sample).samples
        faults += _sample_faults(asked)
        if (ability in able) == np.array_equal(asked, speech.samples):
            does = "changes nothing" if ability in able else "is done, and its card does not say so"
            faults.append(f"{ability}: it {does}")
    voices = engine.voices(language)
    if "" not in voices:
        faults.append("voices() does not list the usual voice")
    for voice in voices:
        faults += _sample_faults(engine.speak(text, language, 1.0, voice).samples)
    return faults


def _asked(card: EngineCard) -> dict[Ability, tuple[Performance, VoiceSample | None]]:
    """For each ability, what shows whether an engine has it."""
    random = np.random.default_rng(1)
    sample = VoiceSample(random.normal(0, 0.1, 48000).astype(np.float32), 24000, "Good morning.")
    return {
        Ability.PITCH: (Performance(pitch=4), None),
        Ability.STYLE: (Performance(style=next(iter(card.styles), "sad")), None),
        Ability.READINGS: (Performance(reading=1), None),
        Ability.CLONING: (Performance(), sample),
    }


def separator_faults(engine: Separator, mix: NDArray[np.float32], sample_rate: int) -> list[str]:
    """Faults of a separator on a mix, float32 [samples, 2]."""
    faults = card_faults(engine.card, EngineKind.SEPARATOR)
    rest = engine.background(mix, sample_rate)
    if rest.shape != mix.shape or rest.dtype != np.float32 or not np.isfinite(rest).all():
        return [*faults, "it does not give back float32 sound as long as the mix"]
    if not np.array_equal(rest, engine.background(mix, sample_rate)):
        faults.append("the same mix is parted otherwise the second time")
    if np.abs(engine.background(np.zeros_like(mix), sample_rate)).max(initial=0) > 1e-3:
        faults.append("something is heard in silence")
    swapped = engine.background(np.ascontiguousarray(mix[:, ::-1]), sample_rate)
    if swapped.shape != mix.shape:
        faults.append("sides that are swapped give another length")
    return faults


def aligner_faults(
    engine: Aligner, samples: NDArray[np.float32], sample_rate: int, text: str, language: str
) -> list[str]:
    """Faults of an aligner on a recording of `text`."""
    faults = card_faults(engine.card, EngineKind.ALIGNER)
    if language not in engine.languages():
        faults.append(f"languages() does not list {language}")
    phones = engine.align(samples, sample_rate, text, language)
    if any(phone.symbol and phone.confidence is None for phone in phones):
        faults.append("a phone has no confidence")
    return faults + _phone_faults(phones, len(samples))


def phone_recognizer_faults(
    engine: PhoneRecognizer, samples: NDArray[np.float32], sample_rate: int
) -> list[str]:
    """Faults of a recogniser on a recording of speech, and on silence."""
    faults = card_faults(engine.card, EngineKind.PHONE_RECOGNIZER)
    hearings = engine.recognize(samples, sample_rate)
    if hearings != engine.recognize(samples, sample_rate):
        faults.append("the same recording is heard otherwise the second time")
    for phones in hearings:
        faults += _order_faults(phones, len(samples))
    if not any(phone.symbol for phones in hearings for phone in phones):
        faults.append("there are no phones")
    silent = engine.recognize(np.zeros_like(samples), sample_rate)
    if len(silent) != len(hearings):
        faults.append("silence gives another number of hearings")
    if any(phone.symbol for phones in silent for phone in phones):
        faults.append("phones are heard in silence")
    return faults


def speech_encoder_faults(
    engine: SpeechEncoder, samples: NDArray[np.float32], sample_rate: int
) -> list[str]:
    """Faults of an encoder on a recording of speech of two seconds or more."""
    faults = card_faults(engine.card, EngineKind.SPEECH_ENCODER)
    encoding = engine.encode(samples, sample_rate)
    values, rate = encoding.values, encoding.rate
    if values.dtype != np.float32 or values.ndim != 2 or not np.isfinite(values).all():
        return [*faults, "its values are not finite float32 [frames, values]"]
    length = Fraction(len(samples), sample_rate)
    last = encoding.first + Fraction(len(values) - 1) / rate
    if not (0 <= encoding.first <= 2 / rate and length - 3 / rate <= last <= length + 1 / rate):
        faults.append("its frames do not reach from one end of the recording to the other")
    if not np.array_equal(values, engine.encode(samples, sample_rate).values):
        faults.append("the same recording is encoded otherwise the second time")
    if len(engine.encode(samples[:1], sample_rate).values) < 1:
        faults.append("a recording of one sample has no frame")
    later = engine.encode(np.concatenate([np.zeros(sample_rate, np.float32), samples]), sample_rate)
    if len(later.values) - len(values) != round(rate):
        faults.append("a second of silence before a recording does not move its frames by a second")
    # A click is heard when it sounds, also where a long recording is heard in parts.
    noise = np.random.default_rng(0).normal(0, 0.01, 22 * sample_rate).astype(np.float32)
    plain = engine.encode(noise, sample_rate)
    for second in (0.5, 19.0, 21.5):
        clicked = noise.copy()
        clicked[round(second * sample_rate)] = 1
        heard = engine.encode(clicked, sample_rate)
        changed = np.abs(heard.values - plain.values).sum(axis=1)
        at = float(heard.first + int(changed.argmax()) / heard.rate)
        if abs(at - second) > 1.5 / heard.rate:
            faults.append(f"a click at {second} s is heard at {at:.3f} s")
    return faults


def face_tracker_faults(engine: FaceTracker, frames: Sequence[NDArray[np.uint8]]) -> list[str]:
    """Faults of a tracker on frames that each show one face; a black frame is put between them."""
    faults = card_faults(engine.card, EngineKind.FACE_TRACKER)
    black = np.zeros_like(frames[0])
    found = list(engine.follow([*frames, black, *frames]))
    if len(found) != 2 * len(frames) + 1:
        return [*faults, f"{len(found)} results for {2 * len(frames) + 1} frames"]
    if any(faces.shape[1:] != LANDMARKS for faces in found):
        faults.append(f"landmarks are not {LANDMARKS}")
    if len(found[len(frames)]):
        faults.append("a face is found in a black frame")
    height, width = frames[0].shape[:2]
    for index, points in enumerate(found[: len(frames)]):
        if len(points) != 1 or not np.isfinite(points).all():
            faults.append(f"{len(points)} faces are found in frame {index}")
        elif not ((points[..., :2] > -width) & (points[..., :2] < 2 * max(width, height))).all():
            faults.append(f"landmarks of frame {index} are not in pixels")
    return faults


def face_parser_faults(engine: FaceParser, faces: NDArray[np.float32]) -> list[str]:
    """Faults of a parser on faces that fill their pictures, [faces, side, side, 3], sRGB.

    Args:
        engine: that is examined.
        faces: two or more, whose middles show nothing but the face.
    """
    faults = card_faults(engine.card, EngineKind.FACE_PARSER)
    side = engine.side
    if faces.shape[1:] != (side, side, 3):
        return [*faults, f"it is given {side} pixels along a side, not {faces.shape[1]}"]
    shares = engine.parse(faces)
    if shares.shape != (*faces.shape[:3], len(Region)) or shares.dtype != np.float32:
        return [*faults, "it does not give float32 [faces, side, side, regions]"]
    if not np.allclose(shares.sum(axis=3), 1, atol=1e-3) or shares.min() < -1e-3:
        faults.append("shares of a pixel are not 0 or more, their sum 1")
    if not np.array_equal(shares, engine.parse(faces.copy())):
        faults.append("the same face is parsed otherwise the second time")
    if not np.allclose(engine.parse(faces[1:2])[0], shares[1], atol=1e-3):
        faults.append("a face that is parsed by itself is another than among others")
    middle = np.s_[:, side * 2 // 5 : side * 3 // 5, side * 2 // 5 : side * 3 // 5]
    if shares[middle][..., Region.FACE].mean() < 0.5:
        faults.append("the middle of a face is not of the face")
    return faults


def mouth_predictor_faults(engine: MouthPredictor, articulation: Articulation) -> list[str]:
    """Faults of a predictor on a short line with closures and silence."""
    faults = card_faults(engine.card, EngineKind.MOUTH_PREDICTOR)
    symbols = ["", "m", "a", "p", "a", "", ""]
    phones = [Phone(symbol=s, start=i * 100, end=(i + 1) * 100) for i, s in enumerate(symbols)]
    for rate in (Fraction(24), Fraction(30000, 1001), Fraction(60)):
        frames = int(Fraction(9, 10) * rate)
        curves = engine.predict(phones, 1000, Fraction(0), frames, rate, articulation)
        if (len(curves), curves.rate) != (frames, rate) or not np.isfinite(curves.values).all():
            faults.append(f"at {rate}: not {frames} finite frames at the rate that was asked for")
            continue
        aperture = curves.named("aperture")
        closed = [int(Fraction(middle, 100) * rate) for middle in (15, 35)]
        if max(aperture[frame] for frame in closed) > 0.2 * aperture.max():
            faults.append(f"at {rate}: lips stay open on m or p")
        if np.ptp(aperture[-int(rate / 10) :]) > 0.01:
            faults.append(f"at {rate}: the mouth moves in silence")
    return faults


def mouth_generator_faults(
    engine: MouthGenerator, samples: NDArray[np.float32], sample_rate: int
) -> list[str]:
    """Faults of a generator on a recording of speech of a second or more."""
    faults = card_faults(engine.card, EngineKind.MOUTH_GENERATOR)
    framing, together = engine.framing, engine.together
    if not (framing.left < 0 < framing.right and framing.top < 0.5 < framing.bottom):
        faults.append("its framing does not show the face")
    if not 0 <= engine.overlap < together:
        faults.append("as many frames are drawn again as are drawn together")
    count = together if together > 1 else 8
    for rate in (Fraction(24), Fraction(30000, 1001), Fraction(50)):
        heard = engine.hear(samples, sample_rate, Fraction(1, 5), count, rate)
        if heard.dtype != np.float32 or len(heard) != count or not np.isfinite(heard).all():
            return [*faults, f"at {rate}: it does not hear finite float32 for {count} frames"]
        later = engine.hear(samples, sample_rate, Fraction(1, 5) + 2 / rate, count, rate)
        if not np.allclose(later[2:], heard[:-2], atol=1e-2):
            faults.append(f"at {rate}: sound that is heard two frames later is another")
    far = engine.hear(samples, sample_rate, Fraction(10**4), count, Fraction(24))
    if far.shape != heard.shape or not np.isfinite(far).all():
        faults.append("where there is no sound it hears otherwise")
    heard = engine.hear(samples, sample_rate, Fraction(0), count, Fraction(24))
    random = np.random.default_rng(0)
    side = framing.side
    faces = random.uniform(0, 1, (count, side, side, 3)).astype(np.float32)
    drawn = engine.draw(faces, heard)
    if drawn.shape != faces[: len(drawn)].shape or drawn.dtype != np.float32:
        return [*faults, "it does not give back as many float32 faces of the same size"]
    if not (np.isfinite(drawn).all() and drawn.min() >= 0 and drawn.max() <= 1):
        faults.append("what it draws is not between 0 and 1")
    again = engine.draw(faces[: len(drawn)].copy(), heard[: len(drawn)].copy())
    if not np.array_equal(drawn, again):
        faults.append("the same face is drawn otherwise the second time")
    if together == 1:
        alone = engine.draw(faces[2:3], heard[2:3])
        if not np.allclose(alone[0], drawn[2], atol=1e-4):
            faults.append("a face that is drawn by itself is another than among others")
    return faults


def mouth_renderer_faults(
    engine: MouthRenderer,
    plate: PlateView,
    library: Sequence[LibraryView],
    curves: MouthCurves,
    first_frame: int,
) -> list[str]:
    """Faults of a renderer on a span of a plate, one of whose frames at least cannot be used."""
    faults = card_faults(engine.card, EngineKind.MOUTH_RENDERER)
    frames = range(len(curves))
    joins = (False, False)
    choices = engine.choose(plate, library, curves, first_frame, joins)
    if len(choices) != len(curves):
        return [*faults, f"{len(choices)} choices for {len(curves)} frames"]
    if choices != engine.choose(plate, library, curves, first_frame, joins):
        faults.append("the same span is chosen for otherwise the second time")
    for index, choice in enumerate(choices):
        if plate.track.reasons[first_frame + index] and (choice.mouth or not choice.reason):
            faults.append(f"frame {index} cannot be used, and is drawn or passes without a reason")
        if not 0 <= choice.strength <= 1 or (choice.mouth is None and not choice.reason):
            faults.append(f"frame {index}: no strength from 0 to 1, or no reason to pass")
    drawn = list(engine.draw(plate, library, curves, first_frame, choices, frames))
    if len(drawn) != len(curves):
        return [*faults, f"{len(drawn)} patches for {len(curves)} frames"]
    for index, patch in enumerate(drawn):
        if patch is not None:
            told = [] if choices[index].mouth is not None else ["it is drawn, and was not chosen"]
            told += _patch_faults(patch, plate.size)
            faults += [f"frame {index}: {fault}" for fault in told]
    if not any(drawn):
        faults.append("nothing is drawn")
    middle = frames[len(frames) // 2 : len(frames) // 2 + 2]
    apart = list(engine.draw(plate, library, curves, first_frame, choices, middle))
    if not all(_same(drawn[n], part) for n, part in zip(middle, apart, strict=True)):
        faults.append("frames that are drawn by themselves differ from those of the whole span")
    alone = engine.choose(plate, [], curves, first_frame, joins)
    if any(choice.mouth is not None or not choice.reason for choice in alone):
        faults.append("without a library a frame is drawn, or passes without a reason")
    return faults


def _patch_faults(patch: Patch, size: tuple[int, int]) -> list[str]:
    faults = []
    if patch.box != patch.box.clipped(*size):
        faults.append("the patch reaches beyond the frame")
    if not all(np.isfinite(part).all() for part in (patch.rgb, patch.alpha, patch.stmap)):
        faults.append("the patch is not finite")
    if not ((patch.alpha >= 0) & (patch.alpha <= 1)).all():
        faults.append("the matte is not between 0 and 1")
    if np.abs(patch.rgb[patch.alpha == 0]).max(initial=0) > 0:
        faults.append("there is colour where the matte is 0")
    width, height = size
    rows, columns = np.mgrid[patch.box.y0 : patch.box.y1, patch.box.x0 : patch.box.x1]
    places = np.stack([(columns + 0.5) / width, 1 - (rows + 0.5) / height], axis=-1)
    off = np.abs(patch.stmap - places)[patch.alpha == 0] * (width, height)
    if off.max(initial=0) > 1:
        faults.append("the ST map moves pixels that are not drawn")
    return faults


def _same(one: Patch | None, other: Patch | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.box == other.box and np.array_equal(one.rgb, other.rgb)


def _sample_faults(samples: NDArray[Any]) -> list[str]:
    faults = []
    if samples.dtype != np.float32 or samples.ndim != 1:
        faults.append("samples are not mono float32")
    if not np.isfinite(samples).all() or np.abs(samples).max(initial=0) > 1:
        faults.append("samples are not between -1 and 1")
    if np.abs(samples).max(initial=0) < 1e-3:
        faults.append("nothing is heard")
    return faults


def _phone_faults(phones: Sequence[Phone], length: int) -> list[str]:
    faults = _order_faults(phones, length)
    if not any(phone.symbol for phone in phones):
        faults.append("there are no phones")
    return faults


def _order_faults(phones: Sequence[Phone], length: int) -> list[str]:
    faults = []
    if any(not 0 <= phone.start < phone.end <= length for phone in phones):
        faults.append("a phone is empty or lies outside the recording")
    if any(first.end > second.start for first, second in pairwise(phones)):
        faults.append("phones overlap or are out of order")
    return faults
