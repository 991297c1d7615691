"""What the files of a dub say of themselves: who was given which words, by what, and who agreed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from dubwright.engines import EngineCard
from dubwright.engines.weights import WeightsFolder, forbids_commerce
from dubwright.errors import DubwrightError
from dubwright.model import Cue, FrameRange, Likeness, Use
from dubwright.operations.carry import RECORD, DubRecord
from dubwright.operations.plan import DubPlan, LanguagePlan
from dubwright.trust import (
    Action,
    Authority,
    Deed,
    Ingredient,
    SourceType,
    Told,
    consent_id,
    require,
    source_type,
)

__all__ = [
    "background_actions",
    "deeds_of",
    "dub_actions",
    "made_of",
    "mouth_makers",
    "original_sound",
    "plates_used",
    "require_agreed",
    "require_licences",
    "told_of",
    "weights_used",
]

# The parameters of tasks that name weights.
WEIGHTS: Final = (
    "weights",
    "voice_weights",
    "aligner_weights",
    "diarizer_weights",
    "encoder_weights",
    "generator_weights",
    "likeness_weights",
    "parser_weights",
    "tracker_weights",
)
ORIGINAL_SOUND: Final = "original-sound"


def told_of(plan: DubPlan, part: LanguagePlan) -> Told:
    """What viewers of a language are told."""
    by_use = {
        use: tuple(sorted({cue.speaker for cue in part.cues if use in part.uses[cue.id]}))
        for use in Use
    }
    cloned = by_use[Use.VOICE_CLONING]
    speakers = sorted({cue.speaker for cue in part.cues})
    actors = {name: plan.cast.speaker(name).voiced_by.get(part.language) for name in speakers}
    return Told(
        edited=bool(by_use[Use.LIKENESS_EDIT]),
        synthetic=tuple(name for name in by_use[Use.VOICE_SYNTHESIS] if name not in cloned),
        cloned=cloned,
        voiced_by={name: actor for name, actor in actors.items() if actor},
        draft=part.is_draft,
    )


def weights_used(plan: DubPlan) -> dict[str, str]:
    """The licence of the weights that a plan's engines load, by their identity; "" where nobody
    wrote it down."""
    accepted = {weights.name: weights.licence for weights in WeightsFolder().all()}
    identities = {
        task.parameters[name]
        for task in plan.tasks.values()
        for name in WEIGHTS
        if task.parameters.get(name)
    }
    return {each: accepted.get(each.partition("@")[0], "") for each in sorted(identities)}


def deeds_of(part: LanguagePlan) -> dict[str, dict[str, list[str]]]:
    """What a language does to each speaker, with the cues and the ids of the consents relied on:
    what the audit log says of a delivery."""
    told: dict[str, dict[str, list[str]]] = {}
    for cue in part.cues:
        for use in sorted(part.uses[cue.id]):
            told.setdefault(cue.speaker, {}).setdefault(use.value, []).append(cue.id)
    for speaker, deeds in told.items():
        relied = part.permission.consents.get(speaker, ())
        deeds["consents"] = [consent_id(consent) for consent in relied]
    return told


def require_agreed(plan: DubPlan, part: LanguagePlan, authority: Authority) -> None:
    """See that the consents that a language relies on hold now, whoever made its parts.

    Raises:
        PlanOutdated: one was taken back, or ended, since the work was planned.
    """
    if part.is_draft:
        return
    done = {(cue.speaker, use): cue.id for cue in part.cues for use in part.uses[cue.id]}
    for (speaker, use), cue in done.items():
        deed = Deed(
            use=use,
            speaker=speaker,
            cue=cue,
            language=part.language,
            engine="",
            project=plan.cast.project,
            territories=plan.cast.territories,
            consents=part.permission.consents.get(speaker, ()),
        )
        require(deed, authority)


def made_of(plan: DubPlan, part: LanguagePlan, picture: bool) -> SourceType:
    """The fitting term for a language's sound, or for its picture and sound."""
    makers = []
    uses = {use for used in part.uses.values() for use in used}
    if uses & {Use.VOICE_SYNTHESIS, Use.VOICE_CLONING}:
        makers.append(plan.cards["synthesizer"])
    if picture and Use.LIKENESS_EDIT in uses:
        makers += mouth_makers(plan)
    if any(task.stage == "separated" for task in plan.tasks.values()):
        makers.append(plan.cards["separator"])
    return source_type(makers)


def mouth_makers(plan: DubPlan) -> list[EngineCard]:
    """The engines that redraw mouths: who draws, and who has drawn what that follows."""
    steps = ("mouth_renderer", "mouth_generator")
    return [plan.cards[step] for step in steps if step in plan.cards]


def require_licences(plan: DubPlan) -> None:
    """See that what a plan loads may be used for what it is made for.

    Raises:
        DubwrightError: an engine or its weights may not be used for what is sold, and nobody said
            that this is not.
    """
    told = {str(value) for task in plan.tasks.values() for value in task.parameters.values()}
    used = [card for card in plan.cards.values() if any(card.identity in each for each in told)]
    bound = {card.name: card.licence for card in used if not card.commercial_use}
    bound |= {name: told for name, told in weights_used(plan).items() if forbids_commerce(told)}
    if bound:
        raise DubwrightError(
            "This may not be used for what is sold",
            where=", ".join(bound),
            why="; ".join(bound.values()),
            repair="say that what is made is neither sold nor shown for money "
            "(--not-for-sale), or choose others",
        )


def plates_used(plan: DubPlan) -> list[Ingredient]:
    """The plates of a dub, as parts of what was made from them."""
    record = plan.documents[RECORD]
    assert isinstance(record, DubRecord)
    return [
        Ingredient(
            name=f"plate-{uid}",
            title=Path(spec.path).name.format(frame="#" * max(1, spec.padding)),
            kind="image/x-exr" if spec.kind == "sequence" else "video/quicktime",
            identity=f"urn:dubwright:content:{record.shots[uid].content}",
            file=Path(spec.path) if spec.kind == "movie" else None,
        )
        for uid, spec in plan.plates.items()
    ]


def dub_actions(
    plan: DubPlan, part: LanguagePlan, drawn: Mapping[str, list[FrameRange]]
) -> Iterator[Action]:
    """What was done to make a language, in order.

    Args:
        drawn: by shot, the frames whose mouths were redrawn; none for what is sound alone.
    """
    yield Action("c2pa.created", f"A dub into {part.language}", made_of(plan, part, bool(drawn)))
    for plate in plates_used(plan) if drawn else ():
        yield Action("c2pa.placed", f"{plate.title} is shown", ingredient=plate.name)
    for cue in part.cues:
        yield _dubbed(plan, part, cue)
    for planned in part.spans:
        cue = next(each for each in part.cues if each.id == planned.span.cue)
        for frames in _within(drawn.get(planned.span.shot, []), planned.span.frames):
            yield Action(
                "c2pa.edited",
                f"{cue.speaker}'s mouth was redrawn",
                source_type(mouth_makers(plan)),
                ", ".join(card.identity for card in mouth_makers(plan)),
                about=_about(plan, part, cue)
                | {"shot": planned.span.shot, "frames": _numbers(plan, planned.span.shot, frames)},
            )


def background_actions(how: str, separator: EngineCard | None) -> Iterator[Action]:
    """What was done to a language's M&E."""
    yield Action("c2pa.opened", "The original's sound", ingredient=ORIGINAL_SOUND)
    if separator:
        kind = source_type([separator])
        yield Action("c2pa.edited", f"M&E: {how}", kind, separator.identity)


def original_sound(identity: str) -> Ingredient:
    """The timeline's own sound, as what was opened."""
    return Ingredient(
        ORIGINAL_SOUND, "The original's sound", "audio/wav", f"urn:dubwright:content:{identity}",
        is_parent=True,
    )  # fmt: skip


def _dubbed(plan: DubPlan, part: LanguagePlan, cue: Cue) -> Action:
    uses = part.uses[cue.id]
    actor = plan.cast.speaker(cue.speaker).voiced_by.get(part.language, "")
    card = plan.cards["synthesizer"]
    if Use.VOICE_CLONING in uses:
        how = "in a voice made to sound like theirs"
    elif Use.VOICE_SYNTHESIS in uses:
        how = "by a synthetic voice"
    else:
        return Action(
            "c2pa.dubbed",
            f"A line of {cue.speaker} is spoken by {actor or 'a voice actor'}",
            SourceType.CAPTURED,
            about=_about(plan, part, cue),
        )
    return Action(
        "c2pa.dubbed",
        f"A line of {cue.speaker} is spoken {how}",
        source_type([card]),
        card.identity,
        about=_about(plan, part, cue),
    )


def _about(plan: DubPlan, part: LanguagePlan, cue: Cue) -> dict[str, str]:
    told = {"cue": cue.id, "speaker": cue.speaker, "language": part.language}
    if plan.cast.speaker(cue.speaker).likeness is Likeness.FICTIONAL:
        return told | {"consent": "not needed, a fictional likeness"}
    consents = part.permission.consents.get(cue.speaker, ())
    if consents and not part.is_draft:
        told["consent"] = "; ".join(f"{c.person} ({consent_id(c)})" for c in consents)
    elif cue.speaker in part.permission.missing:
        told["consent"] = f"none: {part.permission.missing[cue.speaker]}"
    return told


def _numbers(plan: DubPlan, shot: str, frames: FrameRange) -> str:
    """The first and the last frame of a plate, as its files or its movie count them."""
    spec = plan.plates[shot]
    return f"{spec.number(frames.start)}-{spec.number(frames.end - 1)}"


def _within(runs: list[FrameRange], frames: FrameRange) -> Iterator[FrameRange]:
    for run in runs:
        shared = run.intersection(frames)
        if shared is not None:
            yield shared
