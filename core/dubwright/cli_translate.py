"""`dubwright translate`: lines to translators and back, or by an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Lines in other languages: by a translator, or by an engine.", no_args_is_help=True
)

Sheet = Annotated[Path, typer.Argument(help="A cue sheet (JSON).")]
To = Annotated[str, typer.Option("--to", help="The target language.")]


@app.command("export")
def export(
    sheet: Sheet,
    to: To,
    out: Annotated[
        Path, typer.Option("--out", help=".xlf (XLIFF 1.2), .xliff (2.0), .csv, .srt or .vtt.")
    ],
) -> None:
    """Write lines for a translator: memoQ, Trados, DeepL, Google, a spreadsheet."""
    from dubwright.dialogue import CueSheet
    from dubwright.dialogue.translation import export_lines

    export_lines(CueSheet.read(sheet), to, out)
    typer.echo(f"Written: {out}")


@app.command("import")
def bring(
    sheet: Sheet,
    lines: Annotated[Path, typer.Argument(help="What came back from the translator.")],
    to: To,
    out: Annotated[
        Path | None, typer.Option("--out", help="The cue sheet to write; SHEET itself.")
    ] = None,
) -> None:
    """Bring a translator's lines home, and say which are missing or of an older original."""
    from dubwright.dialogue import CueSheet
    from dubwright.dialogue.translation import import_lines

    brought = import_lines(CueSheet.read(sheet), to, lines)
    brought.sheet.write(out or sheet)
    typer.echo(f"Written: {out or sheet}")
    for told, names in (
        ("not translated", brought.missing),
        ("no cue of this sheet", brought.unknown),
        ("translated from another text than is there now", brought.changed),
    ):
        if names:
            typer.echo(f"  {told}: {', '.join(names)}")


@app.command("run")
def run(
    sheet: Sheet,
    to: Annotated[list[str], typer.Option("--to", help="Target language; repeat, or commas.")],
    out: Annotated[Path, typer.Option("--out", help="Receives v001, v002...")] = Path(
        "translation"
    ),
    weights: Annotated[
        str | None, typer.Option("--weights", help="A name or a folder; else what you have.")
    ] = None,
    glossary: Annotated[
        Path | None, typer.Option("--glossary", help="CSV with a column for each language.")
    ] = None,
    original: Annotated[
        str | None, typer.Option("--original", help="Of the lines, if the sheet does not say.")
    ] = None,
    store: Annotated[Path | None, typer.Option("--store", help="Where results are kept.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Translate with weights that you have; lines that fit their time come first."""
    import json

    from dubwright.cli import performed
    from dubwright.operations.request import EngineChoice, TranslateRequest, validated

    named = {EngineChoice().translator: weights} if weights else {}
    request = validated(
        TranslateRequest,
        cue_sheet=sheet,
        languages=tuple(tag.strip() for tags in to for tag in tags.split(",") if tag.strip()),
        output=out,
        glossary=glossary,
        original=original,
        engines={"weights": named},
    )
    delivered = performed("translate", request, store, workers)
    if as_json:
        typer.echo(json.dumps(delivered, ensure_ascii=False, indent=1))
        return
    report = json.loads((Path(delivered["folder"]) / "translation.json").read_text("utf-8"))
    typer.echo(f"Look through it: {delivered['cue_sheet']}")
    for cue, languages in report["cues"].items():
        for language, candidates in languages.items():
            flag = candidates[0]["flag"] if candidates else "nothing that can be spoken came out"
            if flag:
                typer.echo(f"  {cue} in {language}: {flag}")
