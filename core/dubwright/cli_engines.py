"""`dubwright engines`: what is installed, and what it makes of a shot."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dubwright.quality.comparison import Compared

__all__ = ["app"]

app = typer.Typer(help="The engines: what each does, and what it makes of a shot.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def engines(context: typer.Context, as_json: AsJson = False) -> None:
    """List the engines: what each does, its licence and limits, and what it lacks."""
    from dubwright.engines import engines as installed

    if context.invoked_subcommand:
        return
    cards = installed()
    if as_json:
        typer.echo(json.dumps([card.model_dump(mode="json") for card in cards], indent=1))
        return
    for kind, of_kind in groupby(sorted(cards, key=lambda card: card.kind), lambda card: card.kind):
        typer.echo(str(kind))
        for card in of_kind:
            lacks = [f"not installed: {', '.join(card.missing_packages)}"] * bool(
                card.missing_packages
            )
            lacks += ["needs weights"] * card.needs_weights
            lacks += ["not for sale"] * (not card.commercial_use)
            lacks += [card.limits] * (not card.usable)
            typer.echo(f"  {card.name:24} {'; '.join([card.licence, *lacks])}")


@app.command()
def compare(
    plate: Annotated[Path, typer.Argument(help="A movie, or a sequence such as plate.####.exr.")],
    dialogue: Annotated[Path, typer.Argument(help="The finished recording (WAV).")],
    language: Annotated[str, typer.Option("--language", help="Its language tag.")],
    text: Annotated[
        str, typer.Option("--text", help="What it says; else the mouth is guessed from the sound.")
    ] = "",
    out: Annotated[Path, typer.Option("--out", help="Folder that receives it.")] = Path("compared"),
    frames: Annotated[
        str | None, typer.Option("--frames", help="Of the plate to draw, as in 1001-1072.")
    ] = None,
    start: Annotated[int, typer.Option("--start", min=0, help="When it begins, in ms.")] = 0,
    face: Annotated[
        int, typer.Option("--face", min=1, help="Which face speaks, counted from the largest.")
    ] = 1,
    engine: Annotated[
        list[str] | None, typer.Option("--engine", help="Only this one; repeat.")
    ] = None,
    weights: Annotated[
        list[str] | None, typer.Option("--weights", help="What one loads: wav2lip=FILE; repeat.")
    ] = None,
    not_for_sale: Annotated[
        bool,
        typer.Option(
            "--not-for-sale", help="Allow engines that forbid what is sold or shown for money."
        ),
    ] = False,
    cast: Annotated[Path | None, typer.Option("--cast", help="Speakers and consents.")] = None,
    colorspace: Annotated[
        str | None, typer.Option("--colorspace", help="Of a plate that does not name its own.")
    ] = None,
    ocio: Annotated[str | None, typer.Option("--ocio", help="An OCIO config.")] = None,
    store: Annotated[
        Path | None, typer.Option("--store", help="Where results are kept for reuse.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a few seconds with each engine that redraws mouths, side by side, with figures."""
    from dubwright.cli import bar, first_and_last, pairs
    from dubwright.operations.compare import compare as compared
    from dubwright.operations.request import EngineChoice, LipSyncRequest, validated
    from dubwright.store import Store, default_store_folder
    from dubwright.trust import Authority

    request = validated(
        LipSyncRequest,
        plate=plate,
        dialogue=dialogue,
        text=text,
        language=language,
        output=out,
        frames=first_and_last(frames),
        start_ms=start,
        face=face,
        cast=cast,
        colour_space=colorspace,
        ocio=ocio,
        engines=EngineChoice(weights=pairs("--weights", weights), not_for_sale=not_for_sale),
    )
    with bar() as show:
        found, folder = compared(
            request,
            Store(store or default_store_folder()),
            Authority.of_this_machine(),
            only=engine or (),
            listener=show,
        )
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        return
    for each in found.engines:
        typer.echo(f"{each.name:14} {_told(each)}")
    typer.echo(f"Look at it: {folder / 'compare.html'}")


def _told(each: Compared) -> str:
    if each.why_not:
        return each.why_not
    seconds = each.seconds_per_frame
    figures = {
        "s/frame": seconds, "said r": each.said_r, "asked r": each.followed_r,
        "sharpness": each.sharpness, "seam": each.seam, "flicker": each.flicker,
    }  # fmt: skip
    known = [f"{name} {value:.3g}" for name, value in figures.items() if value is not None]
    return ", ".join([f"{each.drawn} frames", *known, *filter(None, [each.learned])])
