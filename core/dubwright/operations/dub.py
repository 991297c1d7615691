"""Plans a dub: which tasks make which language of a timeline. Nothing is computed here."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from dubwright.conform.read import ConformedTimeline, Shot
from dubwright.dialogue import OWN_VOICE, Cast, CueSheet
from dubwright.dialogue.lexicon import read_lexicon
from dubwright.engines import Ability, EngineKind, engine, engine_card
from dubwright.engines.choice import chosen_weights, require_packages
from dubwright.errors import DubwrightError
from dubwright.media.plate import PlateSpec
from dubwright.model import (
    Cue,
    CueKind,
    FrameRange,
    MouthControls,
    Span,
    samples_of_ms,
    timecode_of_frame,
)
from dubwright.mouth.controls import left_alone
from dubwright.operations.account import require_licences
from dubwright.operations.actors import Actors
from dubwright.operations.background import BACKGROUND_BLOCK, SEPARATED_S
from dubwright.operations.carry import (
    RECORD,
    Carried,
    DubRecord,
    KeptSpan,
    Speech,
    dub_record,
)
from dubwright.operations.chosen_engine import diarizer, optional_engine, tracker
from dubwright.operations.cut import Segment, segments
from dubwright.operations.deeds import Deeds
from dubwright.operations.lines import opened
from dubwright.operations.material import Colours, plate_content, plates_of, sound_of, speech_of
from dubwright.operations.plan import DubPlan, LanguagePlan, OriginalPlan, SpanPlan
from dubwright.operations.preview import preview_size
from dubwright.operations.request import DubRequest
from dubwright.operations.slots import Slots
from dubwright.operations.task import Task
from dubwright.operations.task_list import TaskList
from dubwright.operations.timing import Timing, timing
from dubwright.operations.voicing import sample_task, voicing, with_lexicon
from dubwright.speech.layout import STEREO
from dubwright.speech.mix import MIX_RATE
from dubwright.speech.soundtrack import layout_of_clips
from dubwright.store import EVERYWHERE, Access, Store
from dubwright.trust import Authority, Disclosure, disclosure_for

__all__ = ["DubPlanner", "plan_dub"]

CHUNK_FRAMES: Final = 24
# Frames of a task that has weights look at frames: what is lost at most where it is broken off.
GENERATED_FRAMES: Final = 48
PARSED_FRAMES: Final = 96
DISSOLVE: Final = "SMPTE_Dissolve"
NUMBERED: Final = re.compile(r"\.t(\d+)\.wav$")


def plan_dub(
    request: DubRequest, store: Store, authority: Authority, access: Access = EVERYWHERE
) -> DubPlan:
    """Plan a dub.

    Args:
        request: what is asked for.
        store: remembers the hashes of media.
        authority: by which consents are judged.
        access: the folders that media may lie in.

    Raises:
        DubwrightError: something in the request or its media must be repaired first.
    """
    timeline, cast, sheet = opened(request, access)
    _require_texts(request, sheet)
    if request.takes is not None:
        found = _recordings_in(request.takes, sheet, request.languages)
        sheet = sheet.with_recordings(found)
    recordings = {
        (cue.id, language): cue.takes[language]
        for language in request.languages
        for cue in sheet.spoken_in(language)
        if language in cue.takes
    }
    planner = DubPlanner(
        request, timeline, sheet, cast, store, authority, recordings, access=access
    )
    return planner.plan()


def _require_texts(request: DubRequest, sheet: CueSheet) -> None:
    for language in request.languages:
        if not sheet.spoken_in(language):
            raise DubwrightError(
                f"No line has a text in {language}",
                where=str(request.cue_sheet or ", ".join(map(str, request.subtitles.values()))),
                why=f"{language} is asked for, and no cue is written in it",
                repair=f"give its subtitles with --subtitles lines.{language}.srt",
            )


def _recordings_in(
    folder: Path, sheet: CueSheet, languages: Sequence[str]
) -> dict[tuple[str, str], Path]:
    found: dict[tuple[str, str], Path] = {}
    for language in languages:
        for cue in sheet.cues:
            recording = _recording(folder, cue.id, language)
            if recording is not None:
                found[cue.id, language] = recording
    if not found:
        raise DubwrightError(
            "No recording was found",
            where=str(folder),
            why="no file there is named after a cue that is to be dubbed",
            repair="name the files <cue>.<language>.wav, as in "
            f"{sheet.cues[0].id}.{languages[0]}.wav",
        )
    return found


def _recording(folder: Path, cue: str, language: str) -> Path | None:
    """A cue's recording in a folder; of numbered takes that with the highest number."""
    numbered = {
        int(found[1]): path
        for path in folder.glob(f"{cue}.{language}.t*.wav")
        if (found := NUMBERED.search(path.name))
    }
    if numbered:
        return numbered[max(numbered)]
    names = (f"{cue}.{language}.wav", f"{language}/{cue}.wav", f"{cue}.wav")
    return next((folder / name for name in names if (folder / name).is_file()), None)


class DubPlanner:
    """Plans the tasks of a dub whose timeline and lines have been read.

    Args:
        request: what is asked for.
        timeline: what it shows and sounds.
        sheet: its lines.
        cast: its speakers.
        store: remembers the hashes of media.
        authority: by which consents are judged.
        recordings: by cue id and language.
        recorded_stage: what is done with a recording: "take" fits it to its slot, "dialogue" lays
            it down as it is.
        access: the folders that media may lie in.
    """

    def __init__(
        self,
        request: DubRequest,
        timeline: ConformedTimeline,
        sheet: CueSheet,
        cast: Cast,
        store: Store,
        authority: Authority,
        recordings: Mapping[tuple[str, str], Path],
        recorded_stage: Literal["take", "dialogue"] = "take",
        access: Access = EVERYWHERE,
    ) -> None:
        self._request = request
        self._recordings = recordings
        self._recorded_stage = recorded_stage
        self._store = store
        self._timeline = timeline
        self._sheet = sheet
        self._cast = cast
        self._colours = Colours.found(request.timeline, request.ocio, access)
        self._tasks = TaskList(store)
        self._slots = Slots(timeline, sheet)
        seen = self._slots if request.lip_sync else None
        self._deeds = Deeds(cast, sheet, seen, recordings, authority)
        self._carried: Carried | None = None
        self._kept_whole: Counter[tuple[str, str]] = Counter()
        self._cards = {
            name: engine_card(getattr(request.engines, name), kind)
            for name, kind in (
                ("synthesizer", EngineKind.SYNTHESIZER),
                ("aligner", EngineKind.ALIGNER),
                ("phone_recognizer", EngineKind.PHONE_RECOGNIZER),
                ("face_tracker", EngineKind.FACE_TRACKER),
                ("mouth_predictor", EngineKind.MOUTH_PREDICTOR),
                ("mouth_renderer", EngineKind.MOUTH_RENDERER),
            )
        }
        optional = (
            ("separator", EngineKind.SEPARATOR),
            ("speech_encoder", EngineKind.SPEECH_ENCODER),
            ("mouth_generator", EngineKind.MOUTH_GENERATOR),
            ("face_parser", EngineKind.FACE_PARSER),
        )
        for step, kind in optional:
            if name := getattr(request.engines, step):
                self._cards[step] = engine_card(name, kind)
        for card in self._cards.values():
            require_packages(card)
        for path in recordings.values():
            access.check(path)
        self._sound = sound_of(timeline, self._tasks.fingerprints)
        self._layout = layout_of_clips(timeline.sounds)
        self._access = access
        self._generator = (
            optional_engine("generator", request.engines, self._tasks, access)
            if request.lip_sync
            else None
        )
        self._tracker = tracker(request.engines, self._tasks, access)
        self._parser = (
            optional_engine("parser", request.engines, self._tasks, access)
            if request.lip_sync
            else None
        )
        self._lexicons = dict(map(read_lexicon, request.lexicons))
        self._check_languages()

    def carry(
        self,
        record: DubRecord,
        sheet: CueSheet,
        origins: Mapping[str, str],
        recast: Collection[str],
    ) -> None:
        """Keep what a version of another cut holds of this one.

        Args:
            record: of the version.
            sheet: of the version.
            origins: for each cue, the cue that it was there.
            recast: speakers whose faces are others now.
        """
        self._carried = Carried(record, sheet, origins, recast, self._store, self._content)
        for cue in self._sheet.cues:
            room = self._kept_room(self._carried, cue)
            if room is not None:
                self._slots.rooms[cue.id] = room

    def _kept_room(self, carried: Carried, cue: Cue) -> int | None:
        """How long the takes of a cue were allowed to be, if all of them can be kept."""
        languages = [tag for tag in self._request.languages if cue in self._sheet.spoken_in(tag)]
        kept = [(tag, carried.take(cue.id, tag, self._slots.rooms[cue.id])) for tag in languages]
        rooms = {
            take.room_ms
            if take and self._take_task(cue, tag, take.room_ms).key == take.key
            else None
            for tag, take in kept
        }
        return rooms.pop() if len(rooms) == 1 else None

    def plan(self) -> DubPlan:
        self._plates = plates_of(
            self._timeline, self._request.colour_space, self._colours, self._tasks.fingerprints
        )
        self._actors = Actors(
            self._tasks, self._timeline, self._sheet, self._cast, self._slots, self._plates,
            speech_of(self._timeline, self._tasks.fingerprints), self._request.engines,
            self._cards, self._tracker, self._access, self._carried,
            self._timing(self._sheet.original) if self._sheet.original else None,
            optional_engine("encoder", self._request.engines, self._tasks, self._access),
        )  # fmt: skip
        original_mix = self._original_mix()
        parts = [self._language(language) for language in self._request.languages]
        mixes = {part.language: part.mix for part in parts}
        languages = tuple(self._language_preview(part, mixes, original_mix) for part in parts)
        plain = self._picture("original", {}, Disclosure.NONE)
        original = OriginalPlan(
            mix=original_mix,
            picture=plain,
            preview=self._preview(
                "original", plain, [(self._sheet.original or "und", "original", original_mix)]
            ),
        )
        plan = DubPlan(
            timeline=self._timeline,
            sheet=self._sheet,
            cast=self._cast,
            shots=self._timeline.shots,
            plates=dict(self._plates.specs),
            tracks=self._actors.tracks,
            decoded=self._actors.decoded,
            languages=languages,
            original=original,
            cards=self._cards,
            articulations=self._actors.articulations,
            acoustics=self._actors.acoustics,
            regressions=self._actors.regressions,
            refiners=self._actors.refiners,
            source=self._source_content(),
            tasks=self._tasks.tasks,
        )
        if not self._request.engines.not_for_sale:
            require_licences(plan)
        request = self._request.model_copy(update={"ocio": self._colours.ocio})
        plan.documents[RECORD] = dub_record(
            plan, request, self._plates.contents, self._recordings, self._recorded_stage
        )
        return plan

    def _source_content(self) -> str:
        """The hash of the timeline's own file; a sequence has none, its frames are known."""
        path = self._timeline.path
        return self._tasks.fingerprints.of_file(path) if path.is_file() else ""

    def _check_languages(self) -> None:
        for language in self._request.languages:
            timed = self._timing(language)
            needs_voice = any(
                self._recordings.get((cue.id, language)) is None
                for cue in self._sheet.spoken_in(language)
            )
            if needs_voice:
                self._check_voice(language, timed)
            aligns = any(
                cue.words(language) and (cue.id, language) in self._recordings
                for cue in self._sheet.spoken_in(language)
            )
            if aligns and not timed.knows(language):
                raise DubwrightError(
                    f"No engine times recordings in {language}",
                    where="the target languages",
                    why=f"{self._request.engines.aligner} does not know it",
                    repair="see `dubwright languages` for those that it knows, or leave the text "
                    "out: the mouth is then guessed from the sound",
                )

    def _check_voice(self, language: str, aligner: Timing) -> None:
        name, card = self._request.engines.synthesizer, self._cards["synthesizer"]
        spoken = voicing(self._request.engines, self._tasks, self._access, language)
        weights = spoken.where.get("voice_weights")
        known = engine(name, EngineKind.SYNTHESIZER, Path(weights) if weights else None).languages()
        timed = Ability.PHONES in card.abilities or aligner.knows(language)
        if (known and not _knows(known, language)) or not timed:
            raise DubwrightError(
                f"No engine speaks {language}",
                where="the target languages",
                why=f"{name} has no voice for it"
                if timed
                else f"{self._request.engines.aligner} cannot time what {name} says in it",
                repair="see `dubwright languages`, or give recordings with --takes",
            )

    def _content(self, spec: PlateSpec) -> str:
        return plate_content(spec, self._tasks.fingerprints, self._colours.config)

    def _language(self, language: str) -> LanguagePlan:
        cues = self._sheet.spoken_in(language)
        takes = {cue.id: self._take(cue, language) for cue in cues}
        skipped = {
            cue.id: (
                f"{cue.kind.value}: it keeps its own sound"
                if cue.kind is not CueKind.DIALOGUE
                else f"its text in {language} has nothing that can be spoken"
                if cue.text.get(language, "").strip()
                else f"it has no text in {language}"
            )
            for cue in self._sheet.cues
            if cue.id not in takes
        }
        permission = self._deeds.permission(language)
        disclosure = disclosure_for(permission, self._request.unmarked)
        spans: list[SpanPlan] = []
        if self._request.lip_sync:
            placed = [(cue, *place) for cue in cues for place in self._slots.of(cue)]
            for cue, shot, speech, frames in placed:
                # A face goes on being drawn where its own next line begins, not another's.
                others = [
                    f for c, s, _, f in placed if s.uid == shot.uid and c.speaker == cue.speaker
                ]
                joins = (
                    any(other.end == frames.start for other in others),
                    any(other.start == frames.end for other in others),
                )
                span = Span(shot.uid, cue.id, frames, speech)
                spans.append(
                    self._span(cue, shot, span, joins, language, takes[cue.id], disclosure)
                )
        return LanguagePlan(
            language=language,
            disclosure=disclosure,
            permission=permission,
            cues=tuple(cues),
            uses={cue.id: self._deeds.uses(cue, language) for cue in cues},
            takes=takes,
            skipped=skipped,
            spans=tuple(spans),
            mix=self._mix(language, cues, takes, disclosure),
            picture="",
            movies={},
            preview="",
            kept=self._kept_contents(language, takes),
        )

    def _kept_contents(self, language: str, takes: Mapping[str, str]) -> dict[str, str]:
        """The contents of cues whose take and frames are all kept from another cut."""
        if self._carried is None:
            return {}
        kept = {}
        for cue, take in takes.items():
            content = self._carried.content(cue, language, take)
            whole = self._kept_whole[cue, language] == self._carried.spans(cue, language)
            if content and whole:
                kept[cue] = content
        return kept

    def _take(self, cue: Cue, language: str) -> str:
        task = self._take_task(cue, language, self._slots.rooms[cue.id])
        self._tasks.put(task)
        return task.key

    def _take_task(self, cue: Cue, language: str, room_ms: int) -> Task:
        recording = self._recordings.get((cue.id, language))
        text = cue.words(language)
        # Only its length and its text decide a take: not its name, nor where it stands.
        spoken = Cue(
            id="take", speaker="anybody", start_ms=0, end_ms=cue.end_ms - cue.start_ms,
            text={language: text} if text else {}, phrases=cue.phrases if cue.on_screen else (),
        ).model_dump(mode="json")  # fmt: skip
        parameters: dict[str, Any] = {
            "cue": spoken,
            "language": language,
            "room_ms": room_ms,
        }
        stage = "take"
        if recording:
            stage = self._recorded_stage
            parameters["recording"] = self._tasks.fingerprints.of_file(recording)
            where: dict[str, Any] = {"recording": str(recording)}
            timed = self._timing(language) if text else None
            if timed is not None:
                parameters |= timed.parameters
                where |= timed.where
            else:
                parameters |= {
                    "recognizer": self._request.engines.phone_recognizer,
                    "card": self._cards["phone_recognizer"].identity,
                }
        else:
            return self._voiced(cue, language, parameters)
        return self._tasks.made(
            stage,
            parameters,
            where=where,
            label=f"voicing {cue.id} in {language}",
            loads_weights=timed is not None and timed.loads_weights,
        )

    def _voiced(self, cue: Cue, language: str, parameters: dict[str, Any]) -> Task:
        """The task that has a line spoken."""
        voice = self._cast.speaker(cue.speaker).voices.get(language, "")
        performance = with_lexicon(cue.performance, cue.text[language], self._lexicon(language))
        told = voicing(
            self._request.engines, self._tasks, self._access, language,
            "" if voice == OWN_VOICE else voice, performance,
        )  # fmt: skip
        identity = self._cards["synthesizer"].identity
        if voice == OWN_VOICE:
            deed = self._deeds.cloning(cue, language, identity)
            inputs = {"sample": self._own_voice(cue.speaker)}
            heard = diarizer(self._request.engines, self._tasks, self._access)
            told = replace(told, where=told.where | (heard.where if heard else {}))
        else:
            deed, inputs = self._deeds.synthesis(cue, language, identity), {}
        return self._tasks.made(
            "take",
            parameters | told.parameters,
            inputs=inputs,
            where=told.where,
            deed=deed,
            label=f"voicing {cue.id} in {language}",
            loads_weights=told.loads_weights,
        )

    def _timing(self, language: str) -> Timing:
        return timing(self._request.engines, self._tasks, self._access, language)

    def _lexicon(self, language: str) -> dict[str, str]:
        tags = (language, language.partition("-")[0])
        return next((self._lexicons[tag] for tag in tags if tag in self._lexicons), {})

    def _own_voice(self, speaker: str) -> str:
        """The key of a speaker's voice on the plate."""
        return sample_task(
            speaker, self._sheet.cues, self._sheet.original,
            speech_of(self._timeline, self._tasks.fingerprints), self._request.engines, self._tasks,
            self._access,
        )  # fmt: skip

    def _span(
        self,
        cue: Cue,
        shot: Shot,
        span: Span,
        joins: tuple[bool, bool],
        language: str,
        take: str,
        disclosure: Disclosure,
    ) -> SpanPlan:
        """The tasks of one span; `joins` says whether another span touches its start and end."""
        rate = self._timeline.rate
        frames = span.frames
        begins = Fraction(cue.start_ms, 1000) - Fraction(shot.record.start) / rate
        if self._carried is not None:
            is_draft = disclosure is Disclosure.DRAFT
            speech = Speech(cue, take, language, is_draft, begins, joins)
            kept = self._carried.span(span, self._plates.specs[shot.uid], speech)
            task = self._keep_task(span, kept) if kept else None
            if kept is not None and task is not None and self._tasks.is_there(task):
                self._tasks.put(task)
                self._kept_whole[cue.id, language] += kept.is_whole
                drawn = replace(span, frames=kept.frames)
                return SpanPlan(drawn, joins, task.key, task.key, (task.key,), task.key)
        actors = self._actors
        seen, track = actors.shots(cue.speaker), actors.track(shot, cue.speaker)
        actors.decode(shot)
        library = [[source.uid, self._plates.specs[source.uid].pixel_aspect] for source in seen]
        sources = {f"library:{source.uid}": actors.library(source, cue.speaker) for source in seen}
        sources |= {f"track:{source.uid}": actors.track(source, cue.speaker) for source in seen}
        starts = begins - Fraction(frames.start) / rate
        about = f"{cue.id} in {language} on {shot.uid}"
        if cue.words(language):
            stage, step = "curves", "mouth_predictor"
            known = {"articulation": actors.articulation(cue.speaker)}
        else:
            stage, step = "heard curves", "phone_recognizer"
            known = {"acoustics": actors.acoustics_of(cue.speaker)}
        taught = actors.regression(cue.speaker, words=bool(cue.words(language)))
        encoded = (
            {"regression": taught, "encoded": actors.encoded_take(take, f"encoding {about}")}
            if taught
            else {}
        )
        curves = self._tasks.add(
            stage,
            {"engine": getattr(self._request.engines, step), "card": self._cards[step].identity,
             "starts": str(starts), "frames": len(frames), "rate": str(rate),
             "controls": cue.mouth.model_dump(exclude_defaults=True)},
            inputs={"take": take, **known, **encoded},
            label=f"shaping the mouth for {about}",
        )  # fmt: skip
        generated = self._generated(cue, shot, span, language, take, starts, about)
        if generated:
            curves = self._tasks.add(
                "guided curves",
                {"first": frames.start, "starts": str(starts), "rate": str(rate),
                 "controls": cue.mouth.model_dump(exclude_defaults=True)},
                inputs={"curves": curves, "track": track, **known,
                        **_reaching(generated, FrameRange(0, len(frames)))},
                label=f"following the generated mouth of {about}",
            )  # fmt: skip
        drawing = {
            "engine": self._request.engines.mouth_renderer,
            "card": self._cards["mouth_renderer"].identity,
            "first": frames.start,
            "shot": shot.uid,
            "library": library,
            "joins": list(joins),
        }
        untouched = _untouched(cue, starts, len(frames), rate)
        if untouched:
            drawing["untouched"] = untouched
        learned = actors.looks(cue.speaker)
        inputs = sources | {"track": track, "curves": curves}
        known_looks = {"learned": learned} if learned else {}
        front = self._front(shot, cue.speaker, frames)
        choices = self._tasks.add(
            "choose", drawing, inputs=inputs | known | front, where=self._plates.where(shot.uid),
            label=f"choosing mouths for {about}",
        )  # fmt: skip
        deed = self._deeds.edit(cue, language, self._cards["mouth_renderer"].identity, shot.uid)
        draw = tuple(
            self._draw(
                shot, drawing,
                inputs | known_looks | _reaching(generated, chunk)
                | self._front(shot, cue.speaker, chunk.shifted(frames.start))
                | {"choices": choices},
                chunk, disclosure, deed, about,
            )
            for chunk in FrameRange(0, len(frames)).chunks(CHUNK_FRAMES)
        )  # fmt: skip
        check = self._tasks.add(
            "check",
            {"plate": self._plates.contents[shot.uid], "first": frames.start}
            | self._tracker.parameters,
            inputs={f"draw:{i}": key for i, key in enumerate(draw)}
            | self._actors.decoded_inputs(shot, frames)
            | {"track": track, "curves": curves},
            where=self._plates.where(shot.uid) | self._tracker.where,
            label=f"checking {about}",
        )  # fmt: skip
        return SpanPlan(span, joins, curves, choices, draw, check)

    def _generated(
        self,
        cue: Cue,
        shot: Shot,
        span: Span,
        language: str,
        take: str,
        starts: Fraction,
        about: str,
    ) -> list[str]:
        """The tasks that have a span's mouth generated, part by part, if that is asked for."""
        if self._generator is None:
            return []
        frames = span.frames
        told = {
            "span": [frames.start, frames.end],
            "shot": shot.uid,
            "plate": self._plates.contents[shot.uid],
            "starts": str(starts),
            "offsets": _offsets(cue.mouth),
            "rate": str(self._timeline.rate),
        }
        inputs = {"track": self._actors.track(shot, cue.speaker), "take": take}
        decoded = self._actors.decoded_inputs(shot, frames)
        deed = self._deeds.edit(cue, language, self._cards["mouth_generator"].identity, shot.uid)
        return [
            self._tasks.add(
                "generated mouths",
                told
                | self._tracker.parameters
                | self._generator.parameters
                | {"frames": [part.start, part.end]},
                inputs=inputs | decoded,
                where=self._plates.where(shot.uid) | self._tracker.where | self._generator.where,
                deed=deed,
                label=f"generating the mouth of {about}",
                units=len(part),
                loads_weights=True,
            )
            for part in frames.chunks(GENERATED_FRAMES)
        ]

    def _front(self, shot: Shot, speaker: str, frames: FrameRange) -> dict[str, str]:
        """The tasks that find what lies in front of a speaker's face, if that is asked for."""
        if self._parser is None:
            return {}
        spec = self._plates.specs[shot.uid]
        parts = FrameRange(0, spec.frames).chunks(PARSED_FRAMES)
        return {
            f"front:{number}": self._tasks.add(
                "front",
                {"plate": self._plates.contents[shot.uid], "shot": shot.uid,
                 "frames": [part.start, part.end]} | self._parser.parameters,
                inputs={"track": self._actors.track(shot, speaker)}
                | self._actors.decoded_inputs(shot, part),
                where=self._plates.where(shot.uid) | self._parser.where,
                label=f"finding what is in front of {speaker} in {shot.uid}",
                units=len(part),
                loads_weights=self._parser.loads_weights,
            )
            for number, part in enumerate(parts)
            if part.intersection(frames) is not None
        }  # fmt: skip

    def _keep_task(self, span: Span, kept: KeptSpan) -> Task:
        """Takes over what was drawn for another cut."""
        frames = [kept.frames.start, kept.frames.end]
        return self._tasks.made(
            "keep",
            {"first": kept.record.frames[0], "later": kept.later, "frames": frames},
            inputs=kept.record.results,
            label=f"keeping {span.cue} on {span.shot}",
        )

    def _draw(
        self,
        shot: Shot,
        drawing: dict[str, Any],
        inputs: dict[str, str],
        chunk: FrameRange,
        disclosure: Disclosure,
        deed: dict[str, Any],
        about: str,
    ) -> str:
        frames = chunk.shifted(drawing["first"])
        return self._tasks.add(
            "draw",
            drawing
            | {
                "plate": self._plates.contents[shot.uid],
                "chunk": [chunk.start, chunk.end],
                "draft_mark": disclosure is Disclosure.DRAFT,
            },
            inputs=inputs | self._actors.decoded_inputs(shot, frames),
            where=self._plates.where(shot.uid),
            deed=deed,
            label=f"drawing {about}",
            units=len(chunk),
        )

    def _samples(self, rate: int = MIX_RATE) -> int:
        return int(Fraction(self._timeline.frames * rate) / self._timeline.rate)

    def _mix(
        self, language: str, cues: Sequence[Cue], takes: dict[str, str], disclosure: Disclosure
    ) -> str:
        rate = self._layout.rate
        kept = [
            [samples_of_ms(cue.start_ms, rate), samples_of_ms(cue.end_ms, rate)]
            for cue in self._sheet.cues
            if cue.id not in takes
        ]
        placed = [
            {
                "cue": cue.id,
                "speaker": cue.speaker,
                "start": samples_of_ms(cue.start_ms, rate),
                "end": samples_of_ms(cue.end_ms, rate),
            }
            for cue in cues
        ]
        asked: dict[str, Any] = (
            {"loudness": self._request.loudness} if self._request.loudness else {}
        )
        if disclosure is Disclosure.DRAFT:
            asked["draft_mark"] = True
        inputs = {f"take:{cue.id}": takes[cue.id] for cue in cues}
        if {sound.stem for sound in self._timeline.sounds} == {"mix"}:
            inputs |= self._behind()
        if self._request.engines.separator and "separated:0" in inputs:
            asked["separator"] = self._request.engines.separator
        return self._tasks.add(
            "mix",
            {"takes": placed, "kept": kept, "samples": self._samples(rate),
             "layout": [rate, self._layout.channels], "sounds": self._sound.hashes} | asked,
            inputs=inputs,
            where={"sounds": self._sound.where},
            label=f"mixing {language}",
        )  # fmt: skip

    def _behind(self) -> dict[str, str]:
        """The tasks of what stands for the M&E of a mix; for every language the same."""
        name = self._request.engines.separator
        if not name:
            return {"background": self._background()}
        if self._layout.channels > STEREO.channels:
            raise DubwrightError(
                "This mix cannot be parted",
                where=f"the separator {name}",
                why=f"it parts stereo, and the timeline has {self._layout.channels} channels",
                repair="leave the separator out: the centre channel is lowered under new lines",
            )
        card = self._cards["separator"]
        told = {"separator": name, "card": card.identity, "sounds": self._sound.hashes,
                "layout": [self._layout.rate, self._layout.channels]}  # fmt: skip
        where: dict[str, Any] = {"sounds": self._sound.where}
        if card.needs_weights:
            named = self._request.engines.weights.get(name)
            weights = chosen_weights(card, named, self._tasks.fingerprints, self._access)
            told["weights"], where["weights"] = weights.identity, str(weights.path)
        parts = FrameRange(0, self._samples(self._layout.rate)).chunks(
            SEPARATED_S * self._layout.rate
        )
        return {
            f"separated:{number}": self._tasks.add(
                "separated",
                told | {"part": [part.start, part.end]},
                where=where,
                label=f"taking voices out of the mix, part {number + 1}",
                loads_weights=card.needs_weights,
            )
            for number, part in enumerate(parts)
        }

    def _background(self) -> str:
        """The task that decides what stands for the M&E of a mix; for every language the same."""
        samples = self._samples()
        spoken = [
            [samples_of_ms(cue.start_ms, MIX_RATE), samples_of_ms(cue.end_ms, MIX_RATE)]
            for cue in self._sheet.cues
        ]
        return self._tasks.add(
            "background",
            {"samples": samples, "sounds": self._sound.hashes, "spoken": spoken},
            where={"sounds": self._sound.where},
            label="listening for the background",
            units=math.ceil(samples / BACKGROUND_BLOCK),
        )

    def _original_mix(self) -> str:
        return self._tasks.add(
            "original mix",
            {"samples": self._samples(), "sounds": self._sound.hashes},
            where={"sounds": self._sound.where},
            label="gathering the original sound",
        )

    def _picture(self, name: str, draws: Mapping[str, str], disclosure: Disclosure) -> str:
        """The task that renders a preview's picture; `draws` are its inputs by name."""
        size = max((preview_size(spec) for spec in self._plates.specs.values()), default=(640, 360))
        cut = self._cut()
        return self._tasks.add(
            "picture",
            {
                "cut": [segment.model_dump() for segment in cut],
                "plates": {uid: self._plates.contents[uid] for uid in _shown(cut)},
                "frames": self._timeline.frames,
                "rate": str(self._timeline.rate),
                "size": list(size),
                "disclosure": disclosure.value,
            },
            inputs=draws,
            where={
                "plates": {
                    uid: spec.model_dump(mode="json") for uid, spec in self._plates.specs.items()
                }
            },
            label=f"rendering the {name} preview",
            units=self._timeline.frames,
        )

    def _language_preview(
        self, part: LanguagePlan, mixes: Mapping[str, str], original_mix: str
    ) -> LanguagePlan:
        draws = {
            f"draw:{planned.span.shot}:{planned.span.cue}:{number}": key
            for planned in part.spans
            for number, key in enumerate(planned.draw)
        }
        picture = self._picture(part.language, draws, part.disclosure)
        others = [language for language in mixes if language != part.language]
        sounds = [(language, language, mixes[language]) for language in (part.language, *others)]
        original = self._sheet.original or "und"
        sounds.append((original, f"{original} (original)", original_mix))
        preview = self._preview(part.language, picture, sounds)
        movies: dict[str, str] = {
            movie_format: self._movie(movie_format, part, draws, sounds)
            for movie_format in self._request.movies
        }
        return replace(part, picture=picture, preview=preview, movies=movies)

    def _movie(
        self,
        movie_format: str,
        part: LanguagePlan,
        draws: Mapping[str, str],
        sounds: Sequence[tuple[str, str, str]],
    ) -> str:
        """The task that writes a movie for delivery."""
        self._require_whole_picture()
        cut = self._cut()
        shown = {uid: self._plates.specs[uid] for uid in _shown(cut)}
        timeline = self._timeline
        return self._tasks.add(
            "movie",
            {
                "format": movie_format,
                "space": self._movie_space(list(shown.values())),
                "size": self._movie_size(list(shown.values())),
                "pixel_aspect": next(iter(shown.values())).pixel_aspect if shown else 1.0,
                "cut": [segment.model_dump() for segment in cut],
                "plates": {uid: self._plates.contents[uid] for uid in shown},
                "frames": timeline.frames,
                "rate": str(timeline.rate),
                "timecode": timecode_of_frame(
                    timeline.start_frame, timeline.rate, drop=timeline.drop_frame
                ),
                "disclosure": part.disclosure.value,
                "sounds": [[language, title] for language, title, _ in sounds],
            },
            inputs=dict(draws) | {f"mix:{n}": mix for n, (_, _, mix) in enumerate(sounds)},
            where={"plates": {uid: spec.model_dump(mode="json") for uid, spec in shown.items()}},
            label=f"writing the {part.language} movie, {movie_format}",
            units=timeline.frames,
        )

    def _require_whole_picture(self) -> None:
        """Check that every shot can be shown in a movie as the editor shows it.

        Raises:
            DubwrightError: one cannot.
        """
        for shot in self._timeline.shots:
            others = [fade.kind for fade in shot.fades if fade.kind != DISSOLVE]
            if shot.problem or others:
                raise DubwrightError(
                    "A movie cannot be delivered of this timeline",
                    where=f"shot {shot.name!r}",
                    why=shot.problem or f"{others[0]} is not rendered here, only dissolves are",
                    repair="leave the movies out, and render them in the editor from the dub's "
                    "timeline",
                )

    def _movie_space(self, shown: Sequence[PlateSpec]) -> str:
        """The colour space of movies for delivery, as asked for, or the plates' own.

        Raises:
            DubwrightError: nothing names it.
        """
        if self._request.movie_space:
            return self._colours.config.resolve(self._request.movie_space, "the movies to deliver")
        own = {spec.colour_space for spec in shown if spec.kind == "movie"}
        if len(own) == 1 and all(spec.kind == "movie" for spec in shown):
            return own.pop()
        raise DubwrightError(
            "The colour space of a delivery is not known",
            where="the movies to deliver",
            why="the plates are scene-linear, and how they are to look is not theirs to say",
            repair="name it with --movie-space, for example 'Rec.1886 Rec.709 - Display'",
        )

    def _movie_size(self, shown: Sequence[PlateSpec]) -> list[int]:
        sizes = {(spec.width, spec.height) for spec in shown}
        if len(sizes) != 1:
            raise DubwrightError(
                "Shots of several sizes do not make one movie",
                where="the movies to deliver",
                why=f"the plates are {', '.join(f'{w}x{h}' for w, h in sorted(sizes))}",
                repair="leave the movies out, and conform from the frames",
            )
        return list(sizes.pop())

    def _preview(self, name: str, picture: str, sounds: Sequence[tuple[str, str, str]]) -> str:
        """The task that puts sounds, each (language, title, mix), beside a preview's picture."""
        return self._tasks.add(
            "preview",
            {"sounds": [[language, title] for language, title, _ in sounds]},
            inputs={"picture": picture}
            | {f"mix:{number}": mix for number, (_, _, mix) in enumerate(sounds)},
            label=f"adding sound to the {name} preview",
        )

    def _cut(self) -> list[Segment]:
        shots = [shot for shot in self._timeline.shots if shot.uid in self._plates.specs]
        return segments(shots, self._timeline.frames)


def _reaching(generated: Sequence[str], chunk: FrameRange) -> dict[str, str]:
    """Of the tasks that have a span's mouth generated those that some of its frames need."""
    first, last = chunk.start // GENERATED_FRAMES, (chunk.end - 1) // GENERATED_FRAMES
    return {f"generated:{n}": key for n, key in enumerate(generated) if first <= n <= last}


def _offsets(controls: MouthControls) -> list[tuple[int, float]]:
    """When, in ms from a cue's start, its mouth comes how many later; straight between."""
    keys = [(key.at_ms, key.offset_ms) for key in controls.keys if key.offset_ms is not None]
    return keys or [(0, controls.offset_ms)]


def _knows(languages: Collection[str], language: str) -> bool:
    tag = language.lower()
    return tag in languages or tag.partition("-")[0] in languages


def _untouched(cue: Cue, starts: Fraction, frames: int, rate: Fraction) -> list[int]:
    """The frames of a span whose own mouth the cue sheet leaves as it is, counted from its first.

    Args:
        cue: of the span.
        starts: when the cue starts, in seconds from the span's first frame.
        frames: of the span.
        rate: of the timeline.
    """
    times_ms = np.array([(Fraction(2 * n + 1, 2) / rate - starts) * 1000 for n in range(frames)])
    return [int(n) for n in np.flatnonzero(left_alone(cue.mouth, times_ms.astype(float)))]


def _shown(cut: Iterable[Segment]) -> list[str]:
    """The shots of a cut, each once, in order."""
    return list(dict.fromkeys(layer.shot for segment in cut for layer in segment.layers))
