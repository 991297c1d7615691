"""What a dub does to its speakers, and what they agreed to of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from dubwright.dialogue import OWN_VOICE, Cast, CueSheet
from dubwright.errors import DubwrightError
from dubwright.model import Consent, Cue, Use
from dubwright.operations.slots import Slots
from dubwright.trust import Authority, Deed, Permission, permission

__all__ = ["Deeds", "require_cloning_agreed"]


def require_cloning_agreed(
    sheet: CueSheet, cast: Cast, languages: Iterable[str], authority: Authority
) -> None:
    """See that whoever is to be imitated agreed, before anything is done.

    Args:
        sheet: the lines; what has a take in a language is not synthesised in it.

    Raises:
        DubwrightError: somebody did not.
    """
    for language in languages:
        recorded = [(cue.id, language) for cue in sheet.cues if language in cue.takes]
        deeds = Deeds(cast, sheet, None, recorded, authority)
        for cue in sheet.spoken_in(language):
            if Use.VOICE_CLONING in deeds.uses(cue, language):
                deeds.cloning(cue, language, "")


class Deeds:
    """What is done to the speakers of a dub; each deed as the task that does it holds it.

    Args:
        cast: its speakers.
        sheet: its lines.
        slots: of the lines, where their mouths are redrawn; None where no mouth is.
        recorded: (cue id, language) of the lines that somebody spoke.
        authority: by which consents are judged.
    """

    def __init__(
        self,
        cast: Cast,
        sheet: CueSheet,
        slots: Slots | None,
        recorded: Collection[tuple[str, str]],
        authority: Authority,
    ) -> None:
        self._cast = cast
        self._sheet = sheet
        self._slots = slots
        self._recorded = recorded
        self._authority = authority
        self._permissions: dict[str, Permission] = {}

    def permission(self, language: str) -> Permission:
        """What the speakers of a language agreed to, of what is done to them."""
        if language not in self._permissions:
            uses: dict[str, frozenset[Use]] = {}
            for cue in self._sheet.spoken_in(language):
                uses[cue.speaker] = uses.get(cue.speaker, frozenset()) | self.uses(cue, language)
            self._permissions[language] = permission(self._cast, uses, language, self._authority)
        return self._permissions[language]

    def uses(self, cue: Cue, language: str) -> frozenset[Use]:
        """What is done to the speaker of a cue."""
        uses = set()
        if (cue.id, language) not in self._recorded:
            uses.add(Use.VOICE_SYNTHESIS)
            if self._cast.speaker(cue.speaker).voices.get(language) == OWN_VOICE:
                uses.add(Use.VOICE_CLONING)
        if self._slots and self._slots.of(cue):
            uses.add(Use.LIKENESS_EDIT)
        return frozenset(uses)

    def edit(self, cue: Cue, language: str, engine: str, shot: str) -> dict[str, Any]:
        """That a mouth is redrawn."""
        return self._deed(Use.LIKENESS_EDIT, cue, language, engine, shot)

    def synthesis(self, cue: Cue, language: str, engine: str) -> dict[str, Any]:
        """That a synthetic voice speaks."""
        return self._deed(Use.VOICE_SYNTHESIS, cue, language, engine)

    def cloning(self, cue: Cue, language: str, engine: str) -> dict[str, Any]:
        """That a voice speaks which is like the speaker's own.

        Raises:
            DubwrightError: they did not consent to an imitation of it.
        """
        uses = {cue.speaker: (Use.VOICE_SYNTHESIS, Use.VOICE_CLONING)}
        agreed = permission(self._cast, uses, language, self._authority)
        if agreed.missing:
            raise DubwrightError(
                f"The voice of {cue.speaker} may not be imitated",
                where=f"the cast, for {language}",
                why=agreed.missing[cue.speaker],
                repair="record their consent with `dubwright consent add`, or choose another "
                "voice for them",
            )
        consents = agreed.consents.get(cue.speaker, ())
        return self._as_json(Use.VOICE_CLONING, cue, language, engine, consents=consents)

    def _deed(
        self, use: Use, cue: Cue, language: str, engine: str, shot: str = ""
    ) -> dict[str, Any]:
        agreed = self.permission(language)
        if agreed.missing:
            return self._as_json(use, cue, language, engine, shot, draft=True)
        consents = agreed.consents.get(cue.speaker, ())
        return self._as_json(use, cue, language, engine, shot, consents)

    def _as_json(
        self,
        use: Use,
        cue: Cue,
        language: str,
        engine: str,
        shot: str = "",
        consents: Iterable[Consent] = (),
        draft: bool = False,
    ) -> dict[str, Any]:
        deed = Deed(
            use=use,
            speaker=cue.speaker,
            cue=cue.id,
            language=language,
            engine=engine,
            shot=shot,
            project=self._cast.project,
            territories=self._cast.territories,
            consents=tuple(consent for consent in consents if use in consent.uses),
            draft=draft,
        )
        return deed.model_dump(mode="json", exclude_defaults=True)
