"""`dubwright publish`: a version is looked through before it goes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dubwright.publish.examine import Examined

__all__ = ["publish"]

Languages = Annotated[
    list[str] | None, typer.Option("--language", help="Of the version; all if none; repeat.")
]
Territories = Annotated[
    list[str] | None, typer.Option("--territory", help="Where it will be shown: DE; repeat.")
]


def publish(
    version: Annotated[Path, typer.Argument(help="A version's folder, such as dubs/v003.")],
    language: Languages = None,
    territory: Territories = None,
    commercial: Annotated[
        bool, typer.Option(help="Whether it is sold, or shown for money: engines must allow it.")
    ] = True,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Deliver it anew where that mends what is found."),
    ] = False,
    store: Annotated[
        Path | None, typer.Option("--store", help="The store that it was made in.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Look a version through before it goes out; exit status 1 where something must be mended."""
    from dubwright.publish import require_pyblish

    require_pyblish()
    from dubwright.publish import run, trusts
    from dubwright.publish.repair import deliver_anew
    from dubwright.trust import Authority

    terms = trusts.Terms(Authority.of_this_machine(), commercial, tuple(territory or ()))
    found = run.look_through(version, language or (), terms, workers, None if as_json else _tell)
    wrong = [each for each in found if not each.passed]
    if as_json:
        import json

        typer.echo(json.dumps([_as_json(each) for each in found], ensure_ascii=False, indent=1))
    else:
        parts = f"{len(found)} parts"
        typer.echo(f"{len(wrong)} of {parts} must be mended" if wrong else f"{parts}: all is well")
    mended = any(
        looked.can_be_delivered_anew and looked.findings for each in wrong for looked in each.looked
    )
    if repair and mended:
        typer.echo(f"Delivered anew: {deliver_anew(version, store)}", err=as_json)
    if wrong:
        raise typer.Exit(1)


def _tell(examined: Examined) -> None:
    """What was found in a part, for people."""
    name = f"{examined.language} {examined.shot}".strip()
    typer.echo(f"{'ok     ' if examined.passed else 'TO MEND'}  {name}")
    for looked in examined.looked:
        if looked.fault:
            typer.echo(f"    {looked.label}: it broke: {looked.fault}")
        for finding in looked.findings:
            typer.echo(f"    {looked.label}: {finding.where}: {finding.what}")
            typer.echo(f"      how to repair: {finding.repair}")


def _as_json(examined: Examined) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(examined) | {"passed": examined.passed}
