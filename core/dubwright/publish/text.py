"""What is looked at in a language's lines and subtitles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from dubwright.dialogue.subtitles import Subtitle, read_subtitles
from dubwright.model import Cue, CueKind
from dubwright.publish.delivery import Finding, Part
from dubwright.trust import told_in

__all__ = ["covered", "in_its_language", "readable", "subtitled_as_written"]

# Netflix Timed Text Style Guide, general requirements: 20 characters a second for adults, 5/6 s.
MOST_PER_SECOND: Final = 20.0
LEAST_MS: Final = 833
LEAST_TEXT: Final = 30
# How much surer of another language, as a natural logarithm: about what ten letters tell.
SURER: Final = 15.0
REWRITE: Final = "shorten or rewrite the line on the review page, and render it again"
# Written languages that are told apart by little.
ALIKE: Final = (
    frozenset({"nb", "nn", "no", "da"}),
    frozenset({"hr", "sr", "bs"}),
    frozenset({"id", "ms"}),
    frozenset({"cs", "sk"}),
    frozenset({"pt", "gl"}),
    frozenset({"ca", "oc"}),
)


def covered(part: Part) -> Iterator[Finding]:
    """Every line of dialogue is spoken in the language."""
    cues = {cue.id: cue for cue in part.delivery.sheet.cues}
    for row in part.report.cues:
        if not row.dubbed and cues[row.cue].kind is CueKind.DIALOGUE:
            why = row.reason or "it is not dubbed"
            yield Finding(f"{row.cue}, {row.speaker}", why, REWRITE, row.cue)


def readable(part: Part) -> Iterator[Finding]:
    """Subtitles can be read in their time, and follow each other."""
    for path in part.subtitles[:1]:
        if path in part.spoiled or not _written(part):
            continue
        before: Subtitle | None = None
        for line in read_subtitles(path):
            seconds = (line.end_ms - line.start_ms) / 1000
            speed = len(line.text.replace("\n", "")) / seconds
            where = f"{path.name}, {line.text!r}"
            if speed > MOST_PER_SECOND:
                why = f"{speed:.0f} characters a second are more than {MOST_PER_SECOND:.0f}"
                yield Finding(where, why, REWRITE, _cue_of(part, line))
            if line.end_ms - line.start_ms < LEAST_MS:
                why = f"it is there for {seconds:.2f} s, less than {LEAST_MS / 1000:.2f}"
                yield Finding(where, why, "let the cue last longer", _cue_of(part, line))
            if before is not None and line.start_ms < before.end_ms:
                yield Finding(where, "it begins before the one before ends", "part the cues")
            before = line


def subtitled_as_written(part: Part) -> Iterator[Finding]:
    """Every kind of subtitle file has the cue sheet's lines."""
    wanted = [
        (cue.start_ms, cue.end_ms, " ".join(cue.text[part.language].split()))
        for cue in _written(part)
    ]
    for path in part.subtitles if wanted else ():
        if path in part.spoiled:
            continue
        found = [(s.start_ms, s.end_ms, " ".join(s.text.split())) for s in read_subtitles(path)]
        if found != wanted:
            wrong = len({*found} ^ {*wanted})
            why = f"its lines are not the cue sheet's: {wrong} differ"
            yield Finding(path.name, why, "deliver it anew: see `dubwright publish --repair`")


def in_its_language(part: Part) -> Iterator[Finding]:
    """The lines are in the language that they are said to be in, where a machine can tell."""
    language = part.language.lower().partition("-")[0]
    text = " ".join(cue.text[part.language] for cue in _written(part))
    ranks = dict(_identifier().rank(text)) if len(text) >= LEAST_TEXT else {}
    if language not in ranks:
        return
    # Small relatives of a language would be taken for it.
    known = [tag for tag in ranks if tag == language or told_in(tag) == tag]
    likeliest = max(known, key=lambda tag: float(ranks[tag]))
    alike = {language}.union(*(group for group in ALIKE if language in group))
    if likeliest not in alike and ranks[likeliest] - ranks[language] > SURER:
        yield Finding(
            "the cue sheet", f"its lines in {part.language} look like {likeliest}",
            f"put the lines in {part.language} there, and dub again",
        )  # fmt: skip


@cache
def _identifier() -> Any:
    """A model of 97 languages, loaded once (Lui and Baldwin, langid.py, ACL 2012)."""
    import py3langid

    return py3langid


def _written(part: Part) -> list[Cue]:
    """The cues whose words are known in the language."""
    spoken = part.delivery.sheet.spoken_in(part.language)
    return [cue for cue in spoken if cue.text.get(part.language)]


def _cue_of(part: Part, line: Subtitle) -> str:
    cues = part.delivery.sheet.cues
    return next((cue.id for cue in cues if cue.start_ms == line.start_ms), "")
