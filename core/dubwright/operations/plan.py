"""A plan: every task of an operation, and what is to be delivered when they are done."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import BaseModel

from dubwright._version import __version__
from dubwright.conform.read import ConformedTimeline, Shot
from dubwright.dialogue import Cast, CueSheet
from dubwright.engines import EngineCard
from dubwright.media.plate import PlateSpec
from dubwright.model import Cue, Span, Use
from dubwright.operations.task import Task
from dubwright.store import content_key
from dubwright.trust import Disclosure, Permission

__all__ = ["DubPlan", "LanguagePlan", "OriginalPlan", "SpanPlan"]


@dataclass(frozen=True)
class SpanPlan:
    """One span, whether others touch its start and end, and the keys of its results."""

    span: Span
    joins: tuple[bool, bool]
    curves: str
    choices: str
    draw: tuple[str, ...]
    check: str


@dataclass(frozen=True)
class LanguagePlan:
    """One language and the keys of its results.

    Attributes:
        takes: by cue id.
        permission: what the speakers agreed to.
        uses: what is done to the speaker of each cue, by its id.
        skipped: cue id -> why it is not dubbed.
        movies: keys of the movies to deliver, by format.
        kept: cue id -> the content that it had in the cut that it was kept from whole.
    """

    language: str
    disclosure: Disclosure
    permission: Permission
    cues: tuple[Cue, ...]
    uses: dict[str, frozenset[Use]]
    takes: dict[str, str]
    skipped: dict[str, str]
    spans: tuple[SpanPlan, ...]
    mix: str
    picture: str
    preview: str
    movies: dict[str, str]
    kept: dict[str, str]

    @property
    def is_draft(self) -> bool:
        return self.disclosure is Disclosure.DRAFT

    def content(self, cue: Cue) -> str:
        """What one cue sounds and looks like in this language, as a key: a reviewer's word on it
        holds as long as this is the same."""
        if cue.id in self.kept:
            return self.kept[cue.id]
        drawn = [planned.draw for planned in self.spans if planned.span.cue == cue.id]
        return content_key([cue.start_ms, self.takes[cue.id], drawn])


@dataclass(frozen=True)
class OriginalPlan:
    """The keys of the original's mix and preview."""

    mix: str
    picture: str
    preview: str


@dataclass(frozen=True)
class DubPlan:
    """Everything that a dub will do.

    Attributes:
        plates: probed spec of each editable shot, by uid.
        tracks: key of each speaker's track in a shot, by the shot's uid and the speaker.
        decoded: keys of the decode tasks of each movie shot, by uid.
        articulations: key of each speaker's articulation, by name.
        acoustics: key of how each speaker's mouth goes with the sound, by name.
        regressions: key of what phones do not tell of each speaker's mouth, by name and whether
            takes have words.
        refiners: key of what was learned of how each speaker's mouth looks, by name.
        cards: of the engines, by step.
        source: hash of the timeline's file.
        tasks: by key.
        documents: to deliver besides, by file name.
    """

    timeline: ConformedTimeline
    sheet: CueSheet
    cast: Cast
    shots: tuple[Shot, ...]
    plates: dict[str, PlateSpec]
    tracks: dict[str, dict[str, str]]
    decoded: dict[str, tuple[str, ...]]
    languages: tuple[LanguagePlan, ...]
    original: OriginalPlan
    cards: dict[str, EngineCard]
    articulations: dict[str, str]
    acoustics: dict[str, str]
    regressions: dict[tuple[str, bool], str]
    refiners: dict[str, str]
    source: str
    tasks: dict[str, Task] = field(default_factory=dict)
    documents: dict[str, BaseModel] = field(default_factory=dict)

    @property
    def engines(self) -> dict[str, str]:
        """The identity of each step's engine."""
        return {step: card.identity for step, card in self.cards.items()}

    @property
    def key(self) -> str:
        """Identity of the whole result: equal plans deliver equal versions."""
        return content_key(
            [
                sorted(self.tasks),
                self.sheet.model_dump(mode="json"),
                self.cast.model_dump(mode="json"),
                [plan.disclosure for plan in self.languages],
                self.source,
                str(self.timeline.path),
                {uid: spec.model_dump(mode="json") for uid, spec in self.plates.items()},
                __version__,
            ]
        )
