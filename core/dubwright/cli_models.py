"""`dubwright models`: the weights that the user has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dubwright.engines.weights import Offer, WeightsFile, WeightsFolder

__all__ = ["app"]

app = typer.Typer(
    help="Weights for neural engines: nothing is downloaded unasked.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Such as openai/whisper-tiny.")]


@app.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the weights that were accepted."""
    accepted = _folder().all()
    if as_json:
        typer.echo(json.dumps([weights.model_dump() for weights in accepted], indent=1))
        return
    for weights in accepted:
        typer.echo(f"{weights.name:40} {_megabytes(weights.size):>10}  {weights.licence}")
    if not accepted:
        typer.echo("None yet: dubwright models pull NAME, or dubwright models import NAME FOLDER")


@app.command()
def show(name: Name) -> None:
    """Show weights: commit, licence, files and where they lie."""
    folder = _folder()
    weights = folder.get(name)
    _describe(weights)
    typer.echo(f"folder    {folder.folder(name)}")


@app.command()
def pull(
    name: Name,
    revision: Annotated[str, typer.Option(help="A branch, a tag or a commit.")] = "main",
    accept: Annotated[
        str | None, typer.Option("--accept", help="Accept this licence without being asked.")
    ] = None,
) -> None:
    """Download weights, after showing their licence and size. Run it again to go on."""
    from dubwright.engines.weights import offered

    offer = offered(name, revision)
    _describe(offer)
    if accept is None:
        typer.confirm("Accept this licence, and download?", abort=True)
    elif accept != offer.licence:
        typer.echo(f"The licence is {offer.licence}, not {accept}: nothing was downloaded.")
        raise typer.Exit(2)
    _folder().pull(offer, _told("fetched"))


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="One; all if left out.")] = None,
) -> None:
    """Hash every file of the weights again."""
    folder = _folder()
    for weights in folder.all() if name is None else [folder.get(name)]:
        typer.echo(weights.name)
        folder.verify(weights.name, _told("as accepted"))


@app.command("import")
def take_in(
    name: Name,
    source: Annotated[Path, typer.Argument(help="Folder with safetensors or ONNX files.")],
    licence: Annotated[str, typer.Option("--licence", help="Under which you have them.")],
) -> None:
    """Copy weights from a folder, for machines without a network."""
    _describe(_folder().take_in(name, source, licence))


@app.command()
def remove(name: Name) -> None:
    """Delete weights."""
    _folder().remove(name)


def _folder() -> WeightsFolder:
    from dubwright.engines.weights import WeightsFolder

    return WeightsFolder()


def _describe(offer: Offer) -> None:
    typer.echo(f"{offer.name}\nrevision  {offer.revision}\nlicence   {offer.licence}")
    typer.echo(f"size      {_megabytes(offer.size)} in {len(offer.files)} files")
    for file in offer.files:
        typer.echo(f"          {_megabytes(file.size):>10}  {file.path}")


def _told(what: str) -> Callable[[WeightsFile], None]:
    return lambda file: typer.echo(f"  {what}: {file.path}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
