"""`dubwright consent`: who agreed to what, signed by the production."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Who agreed to what, signed by the production.", no_args_is_help=True)

CastArgument = Annotated[Path, typer.Argument(metavar="CAST", help="A cast (JSON).")]
By = Annotated[str, typer.Option("--by", help="Who records it.")]
DAY = ["%Y-%m-%d"]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", help="The store whose audit log tells of it.")
]


@app.command("key")
def key(
    name: Annotated[str, typer.Option("--name", help="The production's, for people.")],
) -> None:
    """Make the production's key on this machine, and print its public half."""
    from dubwright.trust import Keys, keys_folder

    folder = keys_folder()
    public = Keys(folder).make(name)
    typer.echo(f"Public key: {public}")
    typer.echo(
        f"The private key lies in {folder}: keep a copy in a safe place, and give it to no one."
    )


@app.command("trust")
def trust(
    public: Annotated[str, typer.Argument(help="The public key of another machine's production.")],
    name: Annotated[str, typer.Option("--name", help="Whose it is.")],
) -> None:
    """Have consents that are signed with a key hold on this machine."""
    from dubwright.trust import Keys, keys_folder

    Keys(keys_folder()).trust(public, name)
    typer.echo(f"Trusted: {name}")


@app.command("certificate")
def certificate(
    chain: Annotated[Path, typer.Argument(help="The certificates in PEM, the leaf first.")],
    key: Annotated[Path, typer.Argument(help="The leaf's key in PEM, without a password.")],
) -> None:
    """Sign deliveries with a certificate of the production's own, instead of a self-made one.

    C2PA asks of the leaf: the key usage digitalSignature, and the extended key usage
    emailProtection or documentSigning.
    """
    from dubwright.trust import import_credential, keys_folder

    import_credential(keys_folder(), chain, key)
    typer.echo(f"Deliveries are signed with {chain.name} from now on.")


@app.command("add")
def add(
    cast: CastArgument,
    speaker: Annotated[str, typer.Argument(help="Their name in the cast.")],
    person: Annotated[str, typer.Option("--person", help="The person's own name.")],
    may: Annotated[
        list[str],
        typer.Option(
            "--may",
            help="To what: likeness_edit, voice_synthesis, voice_cloning; repeat.",
        ),
    ],
    language: Annotated[
        list[str], typer.Option("--language", help="Of the dub; * for any; repeat.")
    ],
    by: By,
    role: Annotated[str, typer.Option("--role", help="Whom they play; SPEAKER.")] = "",
    territory: Annotated[
        list[str] | None, typer.Option("--territory", help="Where it may be shown: DE; repeat.")
    ] = None,
    project: Annotated[str, typer.Option("--project", help="The production it is for.")] = "",
    begins: Annotated[
        datetime | None, typer.Option("--from", formats=DAY, help="The first day; today.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=DAY, help="The last day.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="The signed paper, whose hash is kept.")
    ] = None,
    unmarked: Annotated[
        bool, typer.Option("--unmarked", help="The visible label may be left off.")
    ] = False,
    store: StoreFolder = None,
) -> None:
    """Record a person's consent in a cast, and sign it."""
    from datetime import date

    from dubwright.dialogue import Cast
    from dubwright.model import Consent, Use
    from dubwright.operations.request import validated
    from dubwright.store import Store, default_store_folder
    from dubwright.trust import (
        AuditLog,
        Keys,
        consent_id,
        evidence_of,
        keys_folder,
        recorded,
        with_consent,
    )

    unknown = sorted({*may} - {*Use})
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: say {', '.join(Use)}", param_hint="--may")
    known = Cast.read(cast) if cast.exists() else Cast()
    log = Store(store or default_store_folder()).folder
    consent = recorded(
        validated(
            Consent,
            person=person,
            role=role or speaker,
            languages=tuple(language),
            territories=tuple(territory or ["*"]),
            project=project,
            **dict.fromkeys(may, True),
            valid_from=begins.date() if begins else date.today(),
            valid_until=until.date() if until else None,
            recorded_by=by,
            evidence=evidence_of(evidence) if evidence else "",
            unmarked=unmarked,
        ),
        Keys(keys_folder()),
        AuditLog(log),
    )
    with_consent(known, speaker, consent).write(cast)
    typer.echo(f"Recorded: {consent_id(consent)}, {person}, in {cast}")


@app.command("show")
def show(cast: CastArgument) -> None:
    """List the consents of a cast, and whether each holds."""
    for line, _ in _listed(cast):
        typer.echo(line)


@app.command("verify")
def verify(cast: CastArgument) -> None:
    """See that every consent of a cast holds today here; exit status 1 if one does not."""
    listed = _listed(cast)
    for line, _ in listed:
        typer.echo(line)
    if not all(holds for _, holds in listed):
        raise typer.Exit(1)


@app.command("revoke")
def revoke(
    cast: CastArgument,
    consent: Annotated[str, typer.Argument(help="Its id, as `dubwright consent show` names it.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "",
    store: StoreFolder = None,
) -> None:
    """Take a consent back: nothing more is made by it, here or from this cast."""
    from datetime import date

    from dubwright.dialogue import Cast
    from dubwright.model import Revocation
    from dubwright.store import Store, default_store_folder
    from dubwright.trust import AuditLog, Keys, keys_folder, take_back, with_revocation

    revocation = Revocation(on=date.today(), recorded_by=by, reason=reason)
    changed = with_revocation(Cast.read(cast), consent, revocation)
    log = AuditLog(Store(store or default_store_folder()).folder)
    take_back(consent, revocation, Keys(keys_folder()), log)
    changed.write(cast)
    typer.echo(f"Revoked: {consent}. What was delivered by it names it: look it through.")


def _listed(path: Path) -> list[tuple[str, bool]]:
    """A line for each consent, and whether it holds."""
    from dubwright.dialogue import Cast
    from dubwright.trust import Authority, consent_id, doubts

    cast, authority = Cast.read(path), Authority.of_this_machine()
    lines = []
    for speaker in cast.speakers:
        for consent in speaker.consents:
            why = doubts(cast, speaker.name, consent, authority)
            until = f" until {consent.valid_until}" if consent.valid_until else ""
            uses = ", ".join(use.value for use in consent.uses) or "nothing"
            about = (
                f"{consent_id(consent)}  {speaker.name}: {consent.person} allows {uses} "
                f"in {', '.join(consent.languages)}, from {consent.valid_from}{until}"
            )
            lines.append((f"{about}: {'; '.join(why) or 'holds'}", not why))
        if not speaker.consents:
            lines.append((f"{speaker.name}: {speaker.likeness.value}, no consent", True))
    return lines
