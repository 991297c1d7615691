"""Plans what is seen and heard of the speakers on the plates: their faces, mouths and ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil
from types import MappingProxyType
from typing import Any, Final

from dubwright.conform.read import ConformedTimeline, Shot
from dubwright.dialogue import Cast, CueSheet
from dubwright.engines import EngineCard, EngineKind, engine_card
from dubwright.model import Cue, CueKind, FrameRange, samples_of_ms
from dubwright.mouth.regression import BLOCKS, SEEDS
from dubwright.operations.carry import Carried
from dubwright.operations.chosen_engine import ChosenEngine, likeness
from dubwright.operations.material import Plates, PlateSound
from dubwright.operations.refining import MOST_RUNS, ROUND_STEPS, ROUNDS, SEED
from dubwright.operations.request import EngineChoice
from dubwright.operations.slots import Slots
from dubwright.operations.task import Task
from dubwright.operations.task_list import TaskList
from dubwright.operations.timing import Timing
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.pace import READER
from dubwright.store import Access
from dubwright.trust import consent_id

__all__ = ["Actors"]

DECODE_FRAMES: Final = 48
LINE_MARGIN_MS: Final = 150


class Actors:
    """What each speaker's face, mouth and speech on the plates are planned as.

    Args:
        tasks: receives the tasks.
        timeline: what is shown.
        sheet: its lines.
        cast: its speakers.
        slots: of the lines.
        plates: of the shots.
        speech: those sounds of the timeline in which its dialogue is.
        engines: which engine does which step.
        cards: of the engines, by step.
        carried: what another cut holds of this one.
        timed: what times lines in the original's language, where that is known.
        encoder: hears what phones do not tell, if that is asked for.

    Attributes:
        tracks: the key of each speaker's track, by shot and name.
        decoded: keys of the decode tasks of each movie shot, by uid.
        articulations, acoustics: keys by speaker.
        regressions: keys by speaker and whether takes have words.
        refiners: keys by speaker.
    """

    def __init__(
        self,
        tasks: TaskList,
        timeline: ConformedTimeline,
        sheet: CueSheet,
        cast: Cast,
        slots: Slots,
        plates: Plates,
        speech: PlateSound,
        engines: EngineChoice,
        cards: Mapping[str, EngineCard],
        tracker: ChosenEngine,
        access: Access,
        carried: Carried | None = None,
        timed: Timing | None = None,
        encoder: ChosenEngine | None = None,
    ) -> None:
        self._encoder = encoder
        self._tracker = tracker
        self._access = access
        self.regressions: dict[tuple[str, bool], str] = {}
        self.refiners: dict[str, str] = {}
        self._timed = timed
        self._tasks = tasks
        self._timeline = timeline
        self._sheet = sheet
        self._cast = cast
        self._slots = slots
        self._plates = plates
        self._speech = speech
        self._engines = engines
        self._cards = cards
        self._carried = carried
        self.tracks: dict[str, dict[str, str]] = {}
        self.decoded: dict[str, tuple[str, ...]] = {}
        self.articulations: dict[str, str] = {}
        self.acoustics: dict[str, str] = {}

    def faces(self, shot: Shot) -> str:
        """The key of all faces of a shot."""
        return self._tasks.add(
            "faces",
            {"plate": self._plates.contents[shot.uid]} | self._tracker.parameters,
            where=self._plates.where(shot.uid) | self._tracker.where,
            label=f"following the faces in {shot.uid}",
            units=self._plates.specs[shot.uid].frames,
        )  # fmt: skip

    def track(self, shot: Shot, speaker: str) -> str:
        """The key of a speaker's face in a shot."""
        known = self.tracks.setdefault(shot.uid, {})
        if speaker not in known:
            kept = self._known_track(shot, speaker)
            known[speaker] = self._tasks.put(kept) if kept else self._new_track(shot, speaker)
        return known[speaker]

    def _new_track(self, shot: Shot, speaker: str) -> str:
        about = f"finding {speaker} in {shot.uid}"
        inputs = {"faces": self.faces(shot)}
        frames = self._plates.specs[shot.uid].frames
        named = self._named(speaker)
        if named:
            asked = {"face": named.get(shot.uid, 0), "frames": frames}
            return self._tasks.add("track", asked, inputs=inputs, label=about)
        lines = []
        for cue in self._sheet.cues:
            if cue.speaker == speaker:
                for seen, speech, _ in self._slots.of(cue):
                    if seen.uid == shot.uid:
                        lines.append(self._seen_line(cue, shot, speech))
        return self._tasks.add(
            "speaking",
            {
                "lines": lines,
                "frames": frames,
                "rate": str(self._timeline.rate),
                "sounds": self._speech.hashes,
            },
            inputs=inputs,
            where={"sounds": self._speech.where},
            label=about,
        )

    def _known_track(self, shot: Shot, speaker: str) -> Task | None:
        """Takes over what was followed for another cut, if all that a shot shows was."""
        spec = self._plates.specs[shot.uid]
        known = self._carried.track(spec, speaker) if self._carried else None
        if known is None:
            return None
        followed, later = known
        task = self._tasks.made(
            "part of track",
            {"frames": [later, later + spec.frames]},
            inputs={"track": followed},
            label=f"keeping the face of {speaker} in {shot.uid}",
        )
        return task if self._tasks.is_there(task) else None

    def decode(self, shot: Shot) -> None:
        """Plan the frames of a movie that edits are made on."""
        spec = self._plates.specs[shot.uid]
        if spec.kind == "movie" and shot.uid not in self.decoded:
            self.decoded[shot.uid] = tuple(
                self._tasks.add(
                    "decode",
                    {"plate": self._plates.contents[shot.uid], "frames": [chunk.start, chunk.end]},
                    where=self._plates.where(shot.uid),
                    label=f"decoding {shot.uid}",
                    units=len(chunk),
                )
                for chunk in FrameRange(0, spec.frames).chunks(DECODE_FRAMES)
            )

    def decoded_inputs(self, shot: Shot, frames: FrameRange) -> dict[str, str]:
        """The decode tasks that cover these frames of a movie shot."""
        keys = self.decoded.get(shot.uid, ())
        first, last = frames.start // DECODE_FRAMES, (frames.end - 1) // DECODE_FRAMES
        return {f"decoded:{i}": key for i, key in enumerate(keys) if first <= i <= last}

    def library(self, shot: Shot, speaker: str) -> str:
        """The key of the mouths that a shot shows of a speaker."""
        return self._tasks.add(
            "library",
            {"plate": self._plates.contents[shot.uid]},
            inputs={"track": self.track(shot, speaker)},
            where=self._plates.where(shot.uid),
            label=f"collecting mouths in {shot.uid}",
            units=self._plates.specs[shot.uid].frames,
        )

    def shots(self, speaker: str) -> list[Shot]:
        """The shots on which a speaker is seen: as the cast says, or where a line is theirs."""
        uids = set(self._named(speaker)) or {
            shot.uid
            for cue in self._sheet.cues
            if cue.speaker == speaker
            for shot, _, _ in self._slots.of(cue)
        }
        return [s for s in self._timeline.shots if s.uid in uids and s.uid in self._plates.specs]

    def _named(self, speaker: str) -> dict[str, int]:
        """The faces that the cast names in this timeline's shots; none if it names others'."""
        here = {shot.uid for shot in self._timeline.shots}
        faces = self._cast.speaker(speaker).faces
        return {uid: face for uid, face in faces.items() if uid in here}

    def articulation(self, speaker: str) -> str:
        """The key of a speaker's articulation, learned from the lines on the plate."""
        if speaker not in self.articulations:
            told = any(self._words(cue) for cue in self._sheet.cues if cue.speaker == speaker)
            label = f"learning how {speaker} speaks"
            self.articulations[speaker] = (
                self._learned(
                    "articulation", speaker, self._original_line, label,
                    {"retimed": self._retimed_lines(speaker)},
                )
                if told or not self._speech
                else self._learned("articulation by ear", speaker, self._heard_line, label)
            )  # fmt: skip
        return self.articulations[speaker]

    def _retimed_lines(self, speaker: str) -> str:
        """The key of the phones of a speaker's lines, timed by how that speaker sounds."""
        inputs, lines = {}, []
        for cue in self._sheet.cues:
            line = self._original_line(cue) if cue.speaker == speaker else None
            if line is not None:
                inputs[f"line:{cue.id}"] = line
                said = {"cue": cue.id, "text": self._words(cue), "samples": _line_samples(cue)}
                lines.append(said)
        return self._tasks.add(
            "retimed lines",
            {"lines": lines, "language": self._sheet.original, "sounds": self._speech.hashes,
             "reader": engine_card(READER, EngineKind.SYNTHESIZER).identity},
            inputs=inputs,
            where={"sounds": self._speech.where},
            label=f"timing the lines of {speaker} by their voice",
        )  # fmt: skip

    def acoustics_of(self, speaker: str) -> str:
        """The key of how a speaker's mouth goes with the sound."""
        if speaker not in self.acoustics:
            self.acoustics[speaker] = self._learned(
                "acoustics", speaker, self._heard_line, f"learning how {speaker} sounds"
            )
        return self.acoustics[speaker]

    def regression(self, speaker: str, words: bool) -> str | None:
        """The key of what a speaker's mouth does that phones do not tell; None if nobody hears it.

        Args:
            speaker: whose.
            words: whether takes have words; it is then learned from lines whose words are known.
        """
        known = any(self._words(cue) for cue in self._sheet.cues if cue.speaker == speaker)
        if self._encoder is None or not self._speech or (words and not known):
            return None
        if (speaker, words) not in self.regressions:
            self.regressions[speaker, words] = self._taught(self._encoder, speaker, words)
        return self.regressions[speaker, words]

    def _taught(self, encoder: ChosenEngine, speaker: str, words: bool) -> str:
        line_of = self._original_line if words else self._heard_line
        lesson, inputs = self._lesson(speaker, line_of)
        predictor = {"engine": self._engines.mouth_predictor,
                     "card": self._cards["mouth_predictor"].identity}  # fmt: skip
        retimed = {"retimed": self._retimed_lines(speaker)} if words else {}
        encoded = {
            f"encoded:{cue.id}": self._encoded_line(encoder, cue)
            for cue in self._sheet.cues
            if f"line:{cue.id}" in inputs
        }
        predicted = {
            f"predicted:{block}": self._tasks.add(
                "predicted block",
                lesson | predictor | {"block": block},
                inputs=inputs | retimed,
                label=f"predicting a part of how {speaker} speaks by the rest",
            )
            for block in range(BLOCKS)
        }
        blocks = {
            f"block:{block}": self._tasks.add(
                "regression block",
                lesson | {"block": block},
                inputs=inputs | retimed | encoded | predicted,
                label=f"teaching the mouth of {speaker}",
                units=SEEDS,
                loads_weights=True,
            )
            for block in range(BLOCKS)
        }
        return self._tasks.add(
            "regression",
            lesson,
            inputs=inputs | retimed | predicted | blocks,
            label=f"judging what was taught of {speaker}",
        )

    def _encoded_line(self, encoder: ChosenEngine, cue: Cue) -> str:
        return self._tasks.add(
            "encoded line",
            {"samples": _line_samples(cue), "sounds": self._speech.hashes} | encoder.parameters,
            where={"sounds": self._speech.where} | encoder.where,
            label=f"encoding the original of {cue.id}",
            loads_weights=encoder.loads_weights,
        )

    def encoded_take(self, take: str, label: str) -> str:
        """The key of how a take sounds to the encoder, which there must be."""
        assert self._encoder is not None
        return self._tasks.add(
            "encoded take",
            self._encoder.parameters,
            inputs={"take": take},
            where=self._encoder.where,
            label=label,
            loads_weights=self._encoder.loads_weights,
        )

    def looks(self, speaker: str) -> str | None:
        """The key of what an engine learned of a speaker's mouth; None if it learns nothing."""
        card = self._cards["mouth_renderer"]
        if not card.learns:
            return None
        if speaker not in self.refiners:
            self.refiners[speaker] = self._refiner(speaker, card)
        return self.refiners[speaker]

    def _refiner(self, speaker: str, card: EngineCard) -> str:
        seen = self.shots(speaker)
        inputs = {f"library:{shot.uid}": self.library(shot, speaker) for shot in seen}
        inputs |= {f"track:{shot.uid}": self.track(shot, speaker) for shot in seen}
        library = [[shot.uid, self._plates.specs[shot.uid].pixel_aspect] for shot in seen]
        for shot in seen:
            self.decode(shot)
        pairs = {
            f"pairs:{shot.uid}": self._tasks.add(
                "mouth pairs",
                {"shot": shot.uid, "library": library, "card": card.identity,
                 "plate": self._plates.contents[shot.uid], "runs": ceil(MOST_RUNS / len(seen))},
                inputs=inputs | {"track": self.track(shot, speaker)}
                | self.decoded_inputs(shot, FrameRange(0, self._plates.specs[shot.uid].frames)),
                where=self._plates.where(shot.uid),
                label=f"drawing the mouths of {shot.uid} from others",
                units=self._plates.specs[shot.uid].frames,
            )
            for shot in seen
        }  # fmt: skip
        consents = [
            consent_id(consent)
            for consent in self._cast.speaker(speaker).consents
            if consent.likeness_edit
        ]
        judge = likeness(self._engines, card, self._tasks, self._access)
        rounds: dict[str, str] = {}
        for number in range(ROUNDS):
            before = {"before": rounds[f"round:{number - 1}"]} if number else {}
            rounds[f"round:{number}"] = self._tasks.add(
                "refiner round",
                {"seed": SEED, "steps": ROUND_STEPS} | judge.parameters,
                inputs=pairs | before,
                where=judge.where,
                label=f"learning how the mouth of {speaker} looks",
                units=ROUND_STEPS,
                loads_weights=True,
            )
        return self._tasks.add(
            "refiner",
            {"actor": speaker, "consents": consents, "rounds": ROUNDS,
             "footage": {shot.uid: self._plates.contents[shot.uid] for shot in seen}}
            | judge.parameters,
            inputs=pairs | rounds,
            label=f"judging what was learned of the mouth of {speaker}",
        )  # fmt: skip

    def _learned(
        self,
        stage: str,
        speaker: str,
        line_of: Callable[[Cue], str | None],
        label: str,
        known: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """A task that learns from a speaker's lines on the plate; see _lesson."""
        parameters, inputs = self._lesson(speaker, line_of)
        return self._tasks.add(stage, parameters, inputs={**inputs, **known}, label=label)

    def _lesson(
        self, speaker: str, line_of: Callable[[Cue], str | None]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """What a task that learns from a speaker's lines on the plate is told, and what it reads.

        Args:
            speaker: whose.
            line_of: gives the key of a line.
        """
        shots = {shot.uid for shot in self.shots(speaker)}
        inputs: dict[str, str] = {}
        observed = []
        for cue in self._sheet.cues:
            line = line_of(cue) if cue.speaker == speaker else None
            if line is None:
                continue
            inputs[f"line:{cue.id}"] = line
            for shot, speech, _ in self._slots.of(cue):
                if shot.uid in shots:
                    seen = self._seen_line(cue, shot, speech)
                    observed.append({"cue": cue.id, "shot": shot.uid} | seen)
        for shot in self.shots(speaker):
            inputs[f"track:{shot.uid}"] = self.track(shot, speaker)
        return {"observed": observed, "rate": str(self._timeline.rate)}, inputs

    def _seen_line(self, cue: Cue, shot: Shot, speech: FrameRange) -> dict[str, Any]:
        """Where a line is seen on a shot, and when it is heard there, with a margin."""
        heard_from = Fraction(cue.start_ms - _lead_ms(cue), 1000)
        starts = heard_from - Fraction(shot.record.start) / self._timeline.rate
        return {
            "frames": [speech.start, speech.end],
            "starts": str(starts),
            "samples": _line_samples(cue),
        }

    def _heard_line(self, cue: Cue) -> str | None:
        """The key of how a cue sounds on the plate; None where it has no sound."""
        if not self._speech or cue.kind is not CueKind.DIALOGUE:
            return None
        return self._tasks.add(
            "heard line",
            {
                "samples": _line_samples(cue),
                "sounds": self._speech.hashes,
                "engine": self._engines.phone_recognizer,
                "card": self._cards["phone_recognizer"].identity,
            },
            where={"sounds": self._speech.where},
            label=f"listening to the original of {cue.id}",
        )

    def _words(self, cue: Cue) -> str:
        """What a cue says on the plate, as far as that is known."""
        return cue.text.get(self._sheet.original or "", "").strip()

    def _original_line(self, cue: Cue) -> str | None:
        """The key of a cue's phones on the plate; None where its words or sound are not known."""
        text = self._words(cue)
        timed = self._timed
        if not text or not timed or not self._speech or cue.kind is not CueKind.DIALOGUE:
            return None
        return self._tasks.add(
            "original line",
            {
                "text": text,
                "language": self._sheet.original,
                "samples": _line_samples(cue),
                "sounds": self._speech.hashes,
                **timed.parameters,
            },
            where={"sounds": self._speech.where} | timed.where,
            label=f"timing the original of {cue.id}",
            loads_weights=timed.loads_weights,
        )


def _line_samples(cue: Cue) -> list[int]:
    """Where a cue is heard on the plate, with a margin."""
    return [
        samples_of_ms(cue.start_ms - _lead_ms(cue), MIX_RATE),
        samples_of_ms(cue.end_ms + LINE_MARGIN_MS, MIX_RATE),
    ]


def _lead_ms(cue: Cue) -> int:
    return min(LINE_MARGIN_MS, cue.start_ms)
