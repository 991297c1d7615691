"""How tasks that speak are told who is to speak, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dubwright.dialogue.lexicon import pronunciations_in
from dubwright.engines import Ability, EngineKind, engine_card
from dubwright.engines.choice import chosen_weights
from dubwright.errors import DubwrightError
from dubwright.model import Cue, CueKind, Performance
from dubwright.operations.chosen_engine import diarizer
from dubwright.operations.material import PlateSound
from dubwright.operations.request import EngineChoice
from dubwright.operations.task_list import TaskList
from dubwright.operations.timing import timing
from dubwright.speech.mix import MIX_RATE
from dubwright.store import Access

__all__ = [
    "Voicing",
    "sample_task",
    "voicing",
    "with_lexicon",
]

# Of a voice, what is heard of it at most.
MOST_S: Final = 60.0
# Longer lines come after all others: engines that clone are given whole lines of this length.
LONG_MS: Final = 12_000
SHORTEST_MS: Final = 800


@dataclass(frozen=True)
class Voicing:
    """What a task that speaks is told besides its cue; the fields are those of Task."""

    parameters: dict[str, Any]
    where: dict[str, Any] = field(default_factory=dict)
    loads_weights: bool = False


def voicing(
    engines: EngineChoice,
    tasks: TaskList,
    access: Access,
    language: str,
    voice: str = "",
    performance: Performance | None = None,
) -> Voicing:
    """How a line in a language is to be spoken.

    Raises:
        DubwrightError: the synthesizer has no weights for the language.
    """
    card = engine_card(engines.synthesizer, EngineKind.SYNTHESIZER)
    parameters: dict[str, Any] = {"synthesizer": card.name, "card": card.identity, "voice": voice}
    asked = performance.model_dump(exclude_defaults=True) if performance else {}
    if asked:
        parameters["performance"] = asked
    where: dict[str, Any] = {}
    loads = card.needs_weights
    if Ability.PHONES not in card.abilities:
        timed = timing(engines, tasks, access, language)
        parameters |= timed.parameters
        where |= timed.where
        loads |= timed.loads_weights
    if not card.needs_weights:
        return Voicing(parameters, where, loads)
    weights = chosen_weights(
        card,
        engines.weights_for(card.name, language),
        tasks.fingerprints,
        access,
        language=language,
    )
    parameters["voice_weights"] = weights.identity
    return Voicing(parameters, where | {"voice_weights": str(weights.path)}, loads)


def with_lexicon(performance: Performance, text: str, lexicon: Mapping[str, str]) -> Performance:
    """A performance that says a lexicon's words as it has them, unless the cue says otherwise."""
    said = pronunciations_in(text, lexicon) | performance.pronunciations
    return performance.model_copy(update={"pronunciations": said})


def sample_task(
    speaker: str,
    cues: Sequence[Cue],
    original: str | None,
    sound: PlateSound,
    engines: EngineChoice,
    tasks: TaskList,
    access: Access,
) -> str:
    """The key of a speaker's own voice, as the timeline has it: the longest of their lines, but
    those that are too long to be given to an engine whole.

    Raises:
        DubwrightError: nothing is heard of them.
    """
    own = [
        cue
        for cue in cues
        if cue.speaker == speaker
        and cue.kind is CueKind.DIALOGUE
        and cue.end_ms - cue.start_ms >= SHORTEST_MS
        and not any(
            other.speaker != speaker and other.start_ms < cue.end_ms and other.end_ms > cue.start_ms
            for other in cues
        )
    ]
    chosen: list[Cue] = []
    left = MOST_S * 1000
    lengths = {cue.id: cue.end_ms - cue.start_ms for cue in own}
    for cue in sorted(own, key=lambda cue: (lengths[cue.id] > LONG_MS, -lengths[cue.id])):
        if not chosen or lengths[cue.id] <= left:
            chosen.append(cue)
            left -= lengths[cue.id]
    if not chosen or not sound:
        raise DubwrightError(
            f"The own voice of {speaker} is not known",
            where="the timeline's sound",
            why="it has no dialogue"
            if not sound
            else "no line of theirs is long enough and theirs alone",
            repair="choose another voice for them in the cast",
        )
    timed = timing(engines, tasks, access, original or "en")
    known = original is not None and timed.knows(original)
    lines = [
        {
            "samples": [cue.start_ms * MIX_RATE // 1000, cue.end_ms * MIX_RATE // 1000],
            "text": cue.text.get(original or "", ""),
        }
        for cue in chosen
    ]
    heard = diarizer(engines, tasks, access)
    return tasks.add(
        "voice sample",
        {"lines": lines, "sounds": sound.hashes, "language": original if known else None}
        | timed.parameters | (heard.parameters if heard else {}),
        where={"sounds": sound.where} | timed.where | (heard.where if heard else {}),
        label=f"listening to the voice of {speaker}",
        loads_weights=timed.loads_weights or heard is not None,
    )  # fmt: skip
