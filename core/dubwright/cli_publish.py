"""`dubwright publish`: a version is looked through before it goes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dubwright.publish.examined import Examined

__all__ = ["publish"]

Languages = Annotated[
    list[str] | None, typer.Option("--language", help="Of the version; all if none; repeat.")
]
Territories = Annotated[
    list[str] | None, typer.Option("--territory", help="Where it will be shown: DE; repeat.")
]


def publish(
    version: Annotated[Path, typer.Argument(help="A version's folder, such as dubs/v003.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the deliverables; without it it is looked through."),
    ] = None,
    preset: Annotated[
        str, typer.Option("--preset", help="streamer, social, vfx, or a preset of your own (JSON).")
    ] = "streamer",
    language: Languages = None,
    territory: Territories = None,
    commercial: Annotated[
        bool | None,
        typer.Option(help="Whether it is sold, or shown for money; as the preset says."),
    ] = None,
    qc: Annotated[
        Path | None,
        typer.Option("--qc", help="Folder of a QC report (HTML, PDF) of each language."),
    ] = None,
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
    """Look a version through, and make deliverables of what passes; exit status 1 where something
    must be mended."""
    from dubwright.publish import require_pyblish

    require_pyblish()
    from dubwright.publish import run
    from dubwright.publish.presets import find_preset
    from dubwright.publish.repair import deliver_anew
    from dubwright.publish.validator import Target

    chosen = find_preset(preset)
    terms = run.terms_of(chosen, commercial, territory or ())
    target = Target(chosen, out.absolute()) if out else None
    reports = qc.absolute() if qc else None
    asked = run.Publishing(version, tuple(language or ()), terms, target, reports, workers)
    found = run.publish(asked, None if as_json else _tell)
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
    place = f": {examined.published}" if examined.published else ""
    typer.echo(f"{'ok     ' if examined.passed else 'TO MEND'}  {name}{place}")
    for looked in examined.looked:
        if looked.fault:
            typer.echo(f"    {looked.label}: it broke: {looked.fault}")
        for finding in looked.findings:
            typer.echo(f"    {looked.label}: {finding.where}: {finding.what}")
            typer.echo(f"      how to repair: {finding.repair}")


def _as_json(examined: Examined) -> dict[str, Any]:
    from dataclasses import asdict

    published = str(examined.published) if examined.published else None
    return asdict(examined) | {"passed": examined.passed, "published": published}
