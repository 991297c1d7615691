"""Whether a person agreed to what is to be done with their face and voice.

A consent holds if it is signed with a key that this machine trusts, covers the day, the language,
the project and every territory, and was not taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field

from dubwright.dialogue import Cast, Speaker
from dubwright.errors import DubwrightError, PlanOutdated
from dubwright.model import Consent, Likeness, Revocation, Use
from dubwright.store import content_key
from dubwright.trust.keys import Keys, Trusted, is_signed, keys_folder, signature

__all__ = [
    "Authority",
    "Deed",
    "Permission",
    "Purpose",
    "consent_id",
    "doubt",
    "doubts",
    "permission",
    "require",
    "signed",
    "statement",
    "with_consent",
    "with_revocation",
]

# Everything that a signature covers: all fields but these.
NOT_SIGNED: Final = {"revocation", "signature"}
FOR_PEOPLE: Final[Mapping[Use, str]] = {
    Use.LIKENESS_EDIT: "redrawing their mouth",
    Use.VOICE_SYNTHESIS: "a synthetic voice for them",
    Use.VOICE_CLONING: "a voice like theirs",
}


@dataclass(frozen=True, slots=True)
class Authority:
    """By which consents are judged: the day, and whose signatures hold."""

    today: date
    trusted: Trusted

    @classmethod
    def of_this_machine(cls) -> Authority:
        """Today, and the keys that this machine's user trusts.

        Raises:
            DubwrightError: the list of trusted keys is not valid.
        """
        return cls(date.today(), Keys(keys_folder()).trusted())


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a consent is asked for.

    Attributes:
        speaker: whose it is, by their name in the cast.
        territories: where the result will be shown; empty where that is not known.
    """

    use: Use
    language: str
    speaker: str
    project: str = ""
    territories: tuple[str, ...] = ()


class Deed(BaseModel):
    """What a task does to a speaker: what the audit log says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use: Use
    speaker: str
    cue: str
    language: str
    engine: str = Field(description="Identity of the engine that does it.")
    shot: str = Field("", description="Where a mouth is redrawn.")
    project: str = ""
    territories: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = Field(
        (), description="Relied on; none where the likeness is fictional or the result a draft."
    )
    draft: bool = Field(False, description="It is done without a consent, and marked.")


@dataclass(frozen=True, slots=True)
class Permission:
    """What the speakers of a dub agreed to.

    Attributes:
        consents: those that are relied on, by speaker.
        missing: why a speaker's consent does not cover the dub, by speaker; for people.
        unmarked: whether every consent lets the label be left off.
    """

    consents: Mapping[str, tuple[Consent, ...]]
    missing: Mapping[str, str]
    unmarked: bool


def statement(consent: Consent) -> bytes:
    """What is signed: every field that differs from its usual value, in canonical JSON."""
    fields = consent.model_dump(mode="json", exclude=NOT_SIGNED, exclude_defaults=True)
    return f"dubwright.consent {content_key(fields)}".encode()


def consent_id(consent: Consent) -> str:
    """A name for a consent that follows from what it says; 16 hexadecimal digits."""
    return statement(consent).split()[1][:16].decode()


def signed(consent: Consent, private: Ed25519PrivateKey) -> Consent:
    """The same consent with the signature of the production."""
    return consent.model_copy(update={"signature": signature(statement(consent), private)})


def with_consent(cast: Cast, speaker: str, consent: Consent) -> Cast:
    """The cast with one more consent of a speaker, whose likeness is real."""
    known = cast.speaker(speaker)
    kept = tuple(c for c in known.consents if consent_id(c) != consent_id(consent))
    changed = known.model_copy(update={"likeness": Likeness.REAL, "consents": (*kept, consent)})
    return _with_speaker(cast, changed)


def with_revocation(cast: Cast, consent: str, revocation: Revocation) -> Cast:
    """The cast in which a consent, by its id, is taken back.

    Raises:
        DubwrightError: nobody in the cast has it.
    """
    for speaker in cast.speakers:
        if consent in map(consent_id, speaker.consents):
            consents = tuple(
                c.model_copy(update={"revocation": revocation}) if consent_id(c) == consent else c
                for c in speaker.consents
            )
            return _with_speaker(cast, speaker.model_copy(update={"consents": consents}))
    raise DubwrightError(
        "There is no such consent",
        where=consent,
        why="nobody in this cast has it",
        repair="see `dubwright consent show` for those that are there",
    )


def doubts(cast: Cast, speaker: str, consent: Consent, authority: Authority) -> tuple[str, ...]:
    """Why a consent of a speaker does not hold for what it says itself that it is for."""
    language = next((tag for tag in consent.languages if tag != "*"), "und")
    purposes = [
        Purpose(use, language, speaker, cast.project, cast.territories) for use in consent.uses
    ]
    if not purposes:
        return ("it allows nothing",)
    found = (doubt(consent, purpose, authority) for purpose in purposes)
    return tuple(dict.fromkeys(why for why in found if why))


def doubt(consent: Consent, purpose: Purpose, authority: Authority) -> str:
    """Why a consent does not hold for a purpose, for people; "" where it does."""
    where = [t for t in purpose.territories if not {"*", t} & set(consent.territories)]
    on = authority.today
    revoked = consent.revocation
    reasons = {
        f"it does not speak of {FOR_PEOPLE[purpose.use]}": purpose.use not in consent.uses,
        f"it is for {consent.role}": consent.role not in ("", purpose.speaker),
        f"it is not for {purpose.language}": not _speaks(consent.languages, purpose.language),
        f"it is for the project {consent.project!r}": consent.project not in ("", purpose.project),
        f"it is not for {', '.join(where)}": bool(where),
        f"it begins on {consent.valid_from}": on < consent.valid_from,
        f"it ended on {consent.valid_until}": consent.valid_until is not None
        and on > consent.valid_until,
        f"it was taken back on {revoked.on if revoked else ''}": revoked is not None,
        "it was taken back": revoked is None and consent_id(consent) in authority.trusted.revoked,
        "it is not signed": consent.signature is None,
    }
    found = next((reason for reason, applies in reasons.items() if applies), "")
    if found or consent.signature is None:
        return found
    if not is_signed(statement(consent), consent.signature):
        return "it was changed after it was signed"
    if consent.signature.key not in authority.trusted.keys:
        return "it is signed with a key that this machine does not trust"
    return ""


def permission(
    cast: Cast, uses: Mapping[str, Collection[Use]], language: str, authority: Authority
) -> Permission:
    """What speakers agreed to, of what is to be done.

    A real likeness, and an unknown one, needs a consent for each use; a fictional one none.

    Args:
        uses: what is done, by speaker.
    """
    relied: dict[str, tuple[Consent, ...]] = {}
    missing: dict[str, str] = {}
    for name, wanted in uses.items():
        speaker = cast.speaker(name)
        if speaker.likeness is Likeness.FICTIONAL or not wanted:
            continue
        found: list[Consent] = []
        for use in sorted(wanted):
            purpose = Purpose(use, language, name, cast.project, cast.territories)
            found_doubts = {c: doubt(c, purpose, authority) for c in speaker.consents}
            held = next((consent for consent, why in found_doubts.items() if not why), None)
            if held is None:
                missing[name] = _why(use, list(found_doubts.values()))
                break
            found.append(held)
        else:
            relied[name] = tuple(dict.fromkeys(found))
    every = [consent for consents in relied.values() for consent in consents]
    return Permission(relied, missing, all(consent.unmarked for consent in every))


def require(deed: Deed, authority: Authority) -> None:
    """See that the consents of a deed hold now.

    Raises:
        PlanOutdated: one was taken back, or ended, since the work was planned.
    """
    if not deed.consents:
        return
    uses = {deed.use}
    if deed.use is Use.VOICE_CLONING:
        uses.add(Use.VOICE_SYNTHESIS)
    whys: list[str] = []
    for use in sorted(uses):
        purpose = Purpose(use, deed.language, deed.speaker, deed.project, deed.territories)
        doubted = [doubt(consent, purpose, authority) for consent in deed.consents]
        whys += doubted[:1] if all(doubted) else []
    if whys:
        raise PlanOutdated(
            "A consent does not hold any more",
            where=f"{deed.speaker}, {deed.cue} in {deed.language}",
            why=whys[0],
            repair="run the same command again: without a consent it makes a marked draft",
        )


def _with_speaker(cast: Cast, speaker: Speaker) -> Cast:
    names = [each.name for each in cast.speakers]
    speakers = (
        tuple(speaker if each.name == speaker.name else each for each in cast.speakers)
        if speaker.name in names
        else (*cast.speakers, speaker)
    )
    return cast.model_copy(update={"speakers": speakers})


def _why(use: Use, whys: list[str]) -> str:
    if not whys:
        return "no consent of theirs is on record"
    return f"no consent of theirs covers {FOR_PEOPLE[use]}: {'; '.join(dict.fromkeys(whys))}"


def _speaks(languages: Iterable[str], language: str) -> bool:
    """Whether a language, or one that it is a kind of, is among these (RFC 4647, section 3.3.1)."""
    tag = language.lower()
    ranges = {each.lower() for each in languages}
    return "*" in ranges or any(tag == each or tag.startswith(f"{each}-") for each in ranges)
