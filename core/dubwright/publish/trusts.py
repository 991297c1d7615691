"""What is looked at of consent, disclosure and provenance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from dubwright.dialogue import OWN_VOICE
from dubwright.engines import EngineCard, engines
from dubwright.engines.weights import UNKNOWN, forbids_commerce
from dubwright.errors import DubwrightError
from dubwright.model import Use
from dubwright.publish.delivery import Finding, Part
from dubwright.trust import (
    Authority,
    Disclosure,
    Permission,
    Sidecar,
    anchors,
    disclosure_for,
    keys_folder,
    label_seen,
    permission,
    read_credentials,
)
from dubwright.trust.seal import SIDECAR
from dubwright.trust.verify import file_faults

__all__ = ["Terms", "agreed_to", "as_made", "disclosed", "labelled", "licensed", "signed"]

AGAIN: Final = "deliver it anew: see `dubwright publish --repair`"
LOOKED_AT: Final = 5
# What a report names in the place of an engine where an actor spoke.
RECORDED: Final = "recording"


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a delivery goes out.

    Attributes:
        authority: by which consents are judged.
        commercial: whether it is sold or shown for money.
        territories: where it will be shown, besides those that the cast names.
    """

    authority: Authority
    commercial: bool
    territories: tuple[str, ...]


def as_made(part: Part) -> Iterator[Finding]:
    """Every file is what it was when the version was made; none is gone, none was put there."""
    sidecar = Sidecar.read(part.folder)
    if not sidecar.fits:
        yield Finding(SIDECAR, "its list of files was changed", AGAIN)
        return
    for fault in file_faults(part.folder, sidecar, tuple(part.files())):
        part.spoiled.add(part.folder / fault.where)
        yield Finding(fault.where, fault.what, AGAIN)


def signed(part: Part) -> Iterator[Finding]:
    """Movies and sounds are signed with a certificate that is trusted, and hold what was signed.

    Of a shot that is its language's preview, which holds the seal over the shot's files.
    """
    trusted = anchors(keys_folder())
    root = Sidecar.read(part.folder).root
    sounds = (part.stem(name) for name in ("DX", "ME", "mix"))
    for path in (part.preview,) if part.shot else (part.preview, *part.movies, *sounds):
        if path in part.spoiled:
            continue
        try:
            told = read_credentials(path, trusted)
        except DubwrightError as error:
            yield Finding(path.name, error.why, AGAIN)
            continue
        if told is None:
            yield Finding(path.name, "it is not signed", AGAIN)
        elif told.faults:
            yield Finding(path.name, f"it is not what was signed: {told.faults[0]}", AGAIN)
        elif not told.trusted:
            yield Finding(
                path.name, f"it is signed by {told.signer}, whom this machine does not trust",
                "give its certificate with `dubwright verify --trust`, or deliver it here",
            )  # fmt: skip
        elif path == part.preview and told.seal != root:
            yield Finding(path.name, "it was signed for another version", AGAIN)
        elif path == part.preview and told.sealed_as != f"preview/{path.name}":
            yield Finding(path.name, f"it is {told.sealed_as} under another name", AGAIN)


def agreed_to(part: Part, terms: Terms) -> Iterator[Finding]:
    """Everybody who is voiced or redrawn agreed, for this language, today and where it is shown."""
    agreed = _permission(part, terms)
    for speaker, why in agreed.missing.items():
        yield Finding(speaker, why, "record their consent: `dubwright consent add`")
    if not agreed.missing and part.told["draft"]:
        yield Finding(
            part.language, "it was made as a draft, before everybody agreed",
            "dub it again: now that consents are there it is no draft",
        )  # fmt: skip
    if not part.delivery.cast.territories and not terms.territories:
        for speaker, consents in agreed.consents.items():
            if any("*" not in consent.territories for consent in consents):
                yield Finding(
                    speaker, "their consent is for some countries, and nothing says where it is "
                    "shown", "name them in the cast (territories), or with --territory",
                )  # fmt: skip


def labelled(part: Part, terms: Terms) -> Iterator[Finding]:
    """The preview and the movies carry the label that they need."""
    agreed = _permission(part, terms)
    wanted = disclosure_for(agreed, part.delivery.record.request.unmarked)
    if wanted is Disclosure.NONE:
        return
    # What is missing is a draft's mark where no consent is there: it was told.
    shown = Disclosure.DRAFT if part.told["draft"] else Disclosure.LABEL
    for path in (part.preview, *part.movies):
        if path not in part.spoiled and not all(
            label_seen(picture, shown) for picture in _pictures(path)
        ):
            yield Finding(path.name, "its label is not seen", AGAIN)


def disclosed(part: Part) -> Iterator[Finding]:
    """Viewers are told, in words and in the subtitles' files."""
    path = part.disclosure
    if path not in part.spoiled:
        if not path.is_file() or not path.read_text(encoding="utf-8").strip():
            yield Finding(path.name, "nothing tells viewers what was done", AGAIN)
            return
        note = path.read_text(encoding="utf-8").strip().splitlines()[0]
        for subtitles in part.subtitles[1:]:
            if subtitles not in part.spoiled and note not in subtitles.read_text("utf-8"):
                yield Finding(subtitles.name, "it has no note of what was done", AGAIN)


def licensed(part: Part, terms: Terms) -> Iterator[Finding]:
    """The engines that made it, and their weights, may be used for what it is to be."""
    if not terms.commercial:
        return
    cards = {card.identity: card for card in engines()}
    spoken = any(row.dubbed and row.engine != RECORDED for row in part.report.cues)
    for step, identity in part.delivery.manifest["engines"].items():
        if step == "synthesizer" and not spoken:
            continue
        card: EngineCard | None = cards.get(identity)
        if card is None:
            why = f"{identity} is not installed: nobody knows its licence"
            yield Finding(step.replace("_", " "), why, "install it, or dub with another engine")
        elif not card.commercial_use:
            why = f"{identity} is not for commercial use: {card.licence}"
            yield Finding(step.replace("_", " "), why, "dub with another engine")
    for weights, licence in part.delivery.manifest["weights"].items():
        if licence in ("", UNKNOWN, "other"):
            yield Finding(
                weights, "nobody wrote down under which licence these weights are used",
                "import them with it: `dubwright models import --licence`, and dub again",
            )  # fmt: skip
        elif forbids_commerce(licence):
            why = f"these weights are not for commercial use: {licence}"
            yield Finding(weights, why, "dub with others")


def _permission(part: Part, terms: Terms) -> Permission:
    record = part.delivery.record.languages[part.language]
    cast = part.delivery.cast
    cast = cast.model_copy(
        update={"territories": tuple(sorted({*cast.territories, *terms.territories}))}
    )
    drawn = {span.cue for span in record.spans}
    uses: dict[str, set[Use]] = {}
    for cue in part.delivery.sheet.spoken_in(part.language):
        asked = uses.setdefault(cue.speaker, set())
        take = record.takes.get(cue.id)
        if take is not None and take.recording is None:
            asked.add(Use.VOICE_SYNTHESIS)
            if cast.speaker(cue.speaker).voices.get(part.language) == OWN_VOICE:
                asked.add(Use.VOICE_CLONING)
        if cue.id in drawn:
            asked.add(Use.LIKENESS_EDIT)
    return permission(cast, uses, part.language, terms.authority)


def _pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    """A few pictures of a movie, evenly, uint8 [height, width, 3]."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        count = stream.frames or 1
        wanted = {round((number + 0.5) * count / LOOKED_AT) for number in range(LOOKED_AT)}
        for index, frame in enumerate(container.decode(stream)):
            if index in wanted:
                yield frame.to_ndarray(format="rgb24")
